//! Numbers that must not be mixed up: rates and ids. None converts into another by accident.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

/// Samples per second and channel. Never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SampleRate(NonZeroU32);

impl SampleRate {
    /// 8 kHz: telephone speech.
    pub const HZ_8000: Self = Self::hz(8_000);
    /// 12 kHz: Opus' medium band.
    pub const HZ_12000: Self = Self::hz(12_000);
    /// 16 kHz: wideband speech.
    pub const HZ_16000: Self = Self::hz(16_000);
    /// 24 kHz: super-wideband speech.
    pub const HZ_24000: Self = Self::hz(24_000);
    /// 44.1 kHz: music on discs, and much of Microsoft's media platform.
    pub const HZ_44100: Self = Self::hz(44_100);
    /// 48 kHz: full band, and the clock of every Opus RTP stream (RFC 7587 section 4.1).
    pub const HZ_48000: Self = Self::hz(48_000);

    /// A rate from a number, or `None` for zero.
    pub const fn new(hz: u32) -> Option<Self> {
        match NonZeroU32::new(hz) {
            Some(hz) => Some(Self(hz)),
            None => None,
        }
    }

    const fn hz(hz: u32) -> Self {
        Self::new(hz).expect("the constants above are not zero")
    }

    /// Samples per second.
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    /// How long `samples_per_channel` last, rounded down to a nanosecond.
    pub fn duration_of(self, samples_per_channel: u64) -> Duration {
        let rate = u64::from(self.get());
        let whole = Duration::from_secs(samples_per_channel / rate);
        whole + Duration::from_nanos(samples_per_channel % rate * 1_000_000_000 / rate)
    }

    /// How many samples per channel fit into `span`, rounded down.
    pub fn samples_in(self, span: Duration) -> u64 {
        let rate = u64::from(self.get());
        span.as_secs() * rate + u64::from(span.subsec_nanos()) * rate / 1_000_000_000
    }
}

impl fmt::Display for SampleRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} Hz", self.get())
    }
}

/// Who a sound or a picture comes from: the RTP contributing source, and the roster's `sourceId`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MediaSourceId(pub u32);

impl fmt::Display for MediaSourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for MediaSourceId {
    type Err = std::num::ParseIntError;

    /// Reads a roster's decimal `sourceId`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// An RTP synchronization source (RFC 3550 section 3): one stream on the wire, not one speaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ssrc(pub u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_and_durations_convert_without_drift() {
        for (rate, samples, nanos) in [
            (SampleRate::HZ_16000, 320, 20_000_000),
            (SampleRate::HZ_24000, 480, 20_000_000),
            (SampleRate::HZ_48000, 960, 20_000_000),
            (SampleRate::HZ_48000, 1, 20_833),
        ] {
            assert_eq!(rate.duration_of(samples), Duration::from_nanos(nanos), "{samples} at {rate}");
        }
        let year = SampleRate::HZ_48000.duration_of(48_000 * 31_536_000);
        assert_eq!(SampleRate::HZ_48000.samples_in(year), 48_000 * 31_536_000, "a year loses no sample");
    }

    #[test]
    fn a_roster_source_id_reads_as_a_media_source_id() {
        assert_eq!("10".parse(), Ok(MediaSourceId(10)));
        assert!("-1".parse::<MediaSourceId>().is_err());
    }
}
