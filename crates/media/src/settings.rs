//! What can be set, with defaults, units and what each costs. Checked once, where the thing is built.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::frame::AudioFormat;

/// Settings of a [`MediaPlatform`](crate::MediaPlatform).
#[derive(Clone, Debug)]
pub struct MediaPlatformSettings {
    pub(crate) bind_address: IpAddr,
    pub(crate) media_port: u16,
    pub(crate) public_address: Option<IpAddr>,
    pub(crate) workers: usize,
}

impl Default for MediaPlatformSettings {
    fn default() -> Self {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        Self { bind_address: Ipv4Addr::LOCALHOST.into(), media_port: 0, public_address: None, workers }
    }
}

impl MediaPlatformSettings {
    /// The address that media sockets are bound to, and the ICE host candidate. Default 127.0.0.1: nothing outside
    /// this machine reaches the bot until an address is set.
    #[must_use]
    pub fn bind_address(mut self, address: IpAddr) -> Self {
        self.bind_address = address;
        self
    }

    /// The UDP port of the first worker; each further worker takes the next one. Default 0: any free port.
    #[must_use]
    pub fn media_port(mut self, port: u16) -> Self {
        self.media_port = port;
        self
    }

    /// The address to offer instead of the bound one, for a bot behind 1:1 NAT. Default: the bound one.
    #[must_use]
    pub fn public_address(mut self, address: IpAddr) -> Self {
        self.public_address = Some(address);
        self
    }

    /// How many worker threads share the calls. Default one per core. Each costs a thread, a socket and a port.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }
}

/// Settings of one session: what it hears and speaks.
#[derive(Clone, Debug, Default)]
pub struct MediaSessionSettings {
    pub(crate) audio: AudioSocketSettings,
}

impl MediaSessionSettings {
    /// The audio socket. Default: [`AudioSocketSettings::default`].
    #[must_use]
    pub fn audio(mut self, audio: AudioSocketSettings) -> Self {
        self.audio = audio;
        self
    }
}

/// Settings of an audio socket, both directions.
#[derive(Clone, Debug)]
pub struct AudioSocketSettings {
    pub(crate) format: AudioFormat,
    pub(crate) jitter: JitterBufferSettings,
    pub(crate) receive_queue: Duration,
    pub(crate) send_queue: Duration,
    pub(crate) send_lead: Duration,
    pub(crate) encoder: OpusSettings,
}

impl Default for AudioSocketSettings {
    fn default() -> Self {
        Self {
            format: AudioFormat::default(),
            jitter: JitterBufferSettings::default(),
            receive_queue: Duration::from_secs(1),
            send_queue: Duration::from_millis(100),
            send_lead: Duration::from_millis(20),
            encoder: OpusSettings::default(),
        }
    }
}

impl AudioSocketSettings {
    /// Rate of the PCM, in and out. Default [`AudioFormat::Pcm16K`]. Opus is decoded straight at this rate.
    #[must_use]
    pub fn format(mut self, format: AudioFormat) -> Self {
        self.format = format;
        self
    }

    /// The jitter buffer. Default: [`JitterBufferSettings::default`].
    #[must_use]
    pub fn jitter(mut self, jitter: JitterBufferSettings) -> Self {
        self.jitter = jitter;
        self
    }

    /// How much received audio waits for an application that does not read. Default 1 s; what comes on top is
    /// dropped and counted. Costs its samples in memory: 32 KiB at 16 kHz.
    #[must_use]
    pub fn receive_queue(mut self, span: Duration) -> Self {
        self.receive_queue = span;
        self
    }

    /// How far ahead of the wire an application may send. Default 100 ms. Longer rides out a slower application;
    /// each further 20 ms is one more frame of latency for whoever fills it.
    #[must_use]
    pub fn send_queue(mut self, span: Duration) -> Self {
        self.send_queue = span;
        self
    }

    /// How long the first frame after a pause is held, so that an application that is a little late does not tear
    /// holes into its speech. Default 20 ms; it is latency of everything that is sent.
    #[must_use]
    pub fn send_lead(mut self, span: Duration) -> Self {
        self.send_lead = span;
        self
    }

    /// The encoder. Default: [`OpusSettings::default`].
    #[must_use]
    pub fn encoder(mut self, encoder: OpusSettings) -> Self {
        self.encoder = encoder;
        self
    }
}

/// Settings of the jitter buffer.
#[derive(Clone, Copy, Debug)]
pub struct JitterBufferSettings {
    pub(crate) target_delay: Duration,
    pub(crate) max_delay: Duration,
}

impl Default for JitterBufferSettings {
    fn default() -> Self {
        Self { target_delay: Duration::from_millis(60), max_delay: Duration::from_millis(500) }
    }
}

impl JitterBufferSettings {
    /// Delay held to smooth out late packets. Default 60 ms; each further 20 ms is one more frame of latency.
    #[must_use]
    pub fn target_delay(mut self, delay: Duration) -> Self {
        self.target_delay = delay;
        self
    }

    /// Delay above which packets are thrown away to catch up. Default 500 ms; at most 1 s.
    #[must_use]
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
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
}

impl Default for OpusSettings {
    fn default() -> Self {
        Self { bitrate: 32_000, complexity: 5, forward_error_correction: true, expected_loss: 5 }
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

    /// Whether each packet repeats the one before at a low rate, for a loss of `expected_loss` percent. Default on
    /// at 5 %; costs up to a fifth of the bits.
    #[must_use]
    pub fn forward_error_correction(mut self, on: bool, expected_loss: u8) -> Self {
        self.forward_error_correction = on;
        self.expected_loss = expected_loss;
        self
    }
}
