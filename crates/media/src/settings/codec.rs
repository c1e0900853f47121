//! Settings of the jitter buffer and of the encoder.

use std::time::Duration;

/// Settings of the jitter buffer, which holds as much delay as the network makes needed.
///
/// All delays count from the fastest packets of the last seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JitterBufferSettings {
    pub(crate) min_delay: Duration,
    pub(crate) start_delay: Duration,
    pub(crate) max_delay: Duration,
    pub(crate) target_quantile: f32,
}

impl Default for JitterBufferSettings {
    fn default() -> Self {
        Self::balanced()
    }
}

impl JitterBufferSettings {
    /// As little delay as conversation wants, with hardly anything lost to it: the default. 0 to 800 ms, starts at
    /// 40 ms, quantile 0.97.
    #[must_use]
    pub const fn balanced() -> Self {
        Self {
            min_delay: Duration::ZERO,
            start_delay: Duration::from_millis(40),
            max_delay: Duration::from_millis(800),
            target_quantile: 0.97,
        }
    }

    /// For a bot that answers: every second half second may have a packet too late. 0 to 200 ms, starts at 20 ms,
    /// quantile 0.7.
    #[must_use]
    pub const fn lowest_latency() -> Self {
        Self {
            min_delay: Duration::ZERO,
            start_delay: Duration::from_millis(20),
            max_delay: Duration::from_millis(200),
            target_quantile: 0.7,
        }
    }

    /// For a bot that only listens: what was said matters, and not when it is heard. 60 ms to 1 s, starts at 200 ms,
    /// quantile 0.995.
    #[must_use]
    pub const fn recorder() -> Self {
        Self {
            min_delay: Duration::from_millis(60),
            start_delay: Duration::from_millis(200),
            max_delay: Duration::from_secs(1),
            target_quantile: 0.995,
        }
    }

    /// The least delay to hold. Default 0 ms; whatever is set is latency of each call, whether its network needs
    /// it or not.
    #[must_use]
    pub fn min_delay(mut self, delay: Duration) -> Self {
        self.min_delay = delay;
        self
    }

    /// The delay of the first packet of a stream, before anything is known of its network. Default 40 ms.
    #[must_use]
    pub fn start_delay(mut self, delay: Duration) -> Self {
        self.start_delay = delay;
        self
    }

    /// Delay above which packets are thrown away to catch up. Default 800 ms; at most 1 s.
    #[must_use]
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// In which share of the last half seconds no packet may come too late, 0 to 1. Default 0.97: the delay is what
    /// the latest packets of 97 in 100 half seconds needed, and more by 15 % of how far that is from what half of them
    /// needed. In the first seconds of a stream it is up to twice as much, and for a minute after a loss 3 ms more and at
    /// least 20 ms. More is more delay and less concealment.
    #[must_use]
    pub fn target_quantile(mut self, share: f32) -> Self {
        self.target_quantile = share;
        self
    }
}

/// Settings of the Opus encoder.
#[derive(Clone, Copy, Debug)]
pub struct OpusSettings {
    pub(crate) bitrate: u32,
    pub(crate) complexity: u8,
    pub(crate) forward_error_correction: bool,
    pub(crate) expected_loss: u8,
    pub(crate) highest_expected_loss: u8,
    pub(crate) discontinuous_transmission: bool,
}

impl Default for OpusSettings {
    fn default() -> Self {
        Self {
            bitrate: 32_000,
            complexity: 5,
            forward_error_correction: true,
            expected_loss: 5,
            highest_expected_loss: 30,
            discontinuous_transmission: false,
        }
    }
}

impl OpusSettings {
    /// Bits per second, 6,000 to 510,000. Default 32,000: transparent for wideband speech.
    #[must_use]
    pub fn bitrate(mut self, bits_per_second: u32) -> Self {
        self.bitrate = bits_per_second;
        self
    }

    /// Search effort, 0 to 10. Default 5: 160 us a frame where 10 takes 213 us.
    #[must_use]
    pub fn complexity(mut self, complexity: u8) -> Self {
        self.complexity = complexity;
        self
    }

    /// Whether each packet repeats the one before at a low rate, for a loss of at least `expected_loss` percent; more
    /// when the peer reports more. Default on at 5 %; costs up to a fifth of the bits.
    #[must_use]
    pub fn forward_error_correction(mut self, on: bool, expected_loss: u8) -> Self {
        self.forward_error_correction = on;
        self.expected_loss = expected_loss;
        self
    }

    /// The most loss, in percent, that packets are made fit for, whatever the peer reports. Default 30. More takes ever
    /// more bits from the speech itself.
    #[must_use]
    pub fn highest_expected_loss(mut self, percent: u8) -> Self {
        self.highest_expected_loss = percent;
        self
    }

    /// Whether silence is sent as a packet each 400 ms instead of each 20 ms (DTX). Default off: a bot that has nothing
    /// to say sends no frames, and then nothing is sent at all. Worth it where frames of silence are sent on and on.
    #[must_use]
    pub fn discontinuous_transmission(mut self, on: bool) -> Self {
        self.discontinuous_transmission = on;
        self
    }
}
