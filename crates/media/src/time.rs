//! One monotonic clock for a platform, and the wrapping clock of RTP.

use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

/// Nanoseconds since the platform started. Plain data: a test makes it from a number, a replay repeats it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MediaInstant(u64);

impl MediaInstant {
    /// The start of the platform.
    pub const ZERO: Self = Self(0);

    /// The instant that lies `since_start` after the start of the platform.
    pub fn from_duration(since_start: Duration) -> Self {
        Self(u64::try_from(since_start.as_nanos()).unwrap_or(u64::MAX))
    }

    /// The instant `nanos` nanoseconds after the start of the platform.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the start of the platform.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Time since the start of the platform.
    pub const fn as_duration(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// How long before this instant `earlier` was; zero when it was later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for MediaInstant {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl AddAssign<Duration> for MediaInstant {
    fn add_assign(&mut self, span: Duration) {
        *self = *self + span;
    }
}

impl Sub<Duration> for MediaInstant {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// Tells the time. The platform has the real one; tests move theirs by hand.
pub trait MediaClock {
    /// The present instant. Never goes back.
    fn now(&self) -> MediaInstant;
}

/// An RTP timestamp (RFC 3550 section 5.1): counts samples of the stream's clock and wraps at 2^32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RtpTime(pub u32);

impl RtpTime {
    /// Signed distance from `earlier`, right across the wrap while the two lie within 2^31 of each other.
    pub const fn since(self, earlier: Self) -> i32 {
        self.0.wrapping_sub(earlier.0).cast_signed()
    }

    /// This time moved on by `samples`.
    #[must_use]
    pub const fn plus(self, samples: u32) -> Self {
        Self(self.0.wrapping_add(samples))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_saturate_instead_of_wrapping() {
        let second = Duration::from_secs(1);
        assert_eq!(MediaInstant::ZERO - second, MediaInstant::ZERO);
        assert_eq!(MediaInstant::ZERO.since(MediaInstant::ZERO + second), Duration::ZERO);
        assert_eq!((MediaInstant::ZERO + second).since(MediaInstant::ZERO), second);
        assert_eq!(MediaInstant::from_nanos(u64::MAX) + second, MediaInstant::from_nanos(u64::MAX));
    }

    #[test]
    fn rtp_time_counts_across_its_wrap() {
        let before = RtpTime(u32::MAX - 479);
        assert_eq!(before.plus(960), RtpTime(480));
        assert_eq!(RtpTime(480).since(before), 960);
        assert_eq!(before.since(RtpTime(480)), -960);
    }
}
