//! How long something took, counted in buckets: so that it can be read as often as somebody likes, and by as many.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Buckets in a power of two of nanoseconds.
const STEPS: u64 = 4;
/// The power of two up to which there is one bucket: 8 us, which is no time for what the emulator does.
const LOWEST: u32 = 13;
/// Powers of two above it: up to a second.
const OCTAVES: u32 = 17;
/// With one for all that is shorter, and one for all that is longer.
const LEN: usize = STEPS as usize * OCTAVES as usize + 2;

/// Durations since the beginning.
#[derive(Debug)]
pub(crate) struct Durations([AtomicU64; LEN]);

impl Default for Durations {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; LEN])
    }
}

impl Durations {
    pub(crate) fn record(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let place = match nanos.checked_ilog2() {
            Some(power) if power >= LOWEST => {
                let step = (nanos >> (power - STEPS.ilog2())) - STEPS;
                (u64::from(power - LOWEST) * STEPS + step) as usize + 1
            }
            _ => 0,
        };
        self.0[place.min(LEN - 1)].fetch_add(1, Relaxed);
    }

    pub(crate) fn read(&self) -> Buckets {
        let ends = (0..OCTAVES).flat_map(|octave| {
            (0..STEPS).map(move |step| ((STEPS + step) << (LOWEST + octave - STEPS.ilog2())) as f64 / 1e9)
        });
        let last = ((1_u64 << (LOWEST + OCTAVES)) as f64 / 1e9, f64::INFINITY);
        let ends = ends.chain([last.0, last.1]);
        Buckets(ends.zip(&self.0).map(|(end, count)| (end, count.load(Relaxed))).collect())
    }
}

/// Upper ends in seconds, rising, each with how many fall between it and the one before.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Buckets(pub(crate) Vec<(f64, u64)>);

impl Buckets {
    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// What came after `before` was read. All of it where that is not of the same counting: whoever counts has begun anew.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let goes_on = self.0.len() == before.0.len()
            && self.0.iter().zip(&before.0).all(|(now, then)| now.0 == then.0 && now.1 >= then.1);
        if !goes_on {
            return self.clone();
        }
        Self(self.0.iter().zip(&before.0).map(|(now, then)| (now.0, now.1 - then.1)).collect())
    }

    /// Below which this share of them lies, in seconds: as exact as the buckets are narrow, and even within them, as Prometheus
    /// has it.
    pub(crate) fn quantile(&self, share: f64) -> Option<f64> {
        let wanted = share * self.count() as f64;
        let (mut below, mut from) = (0.0, 0.0);
        for (end, count) in self.0.iter().filter(|_| self.count() > 0) {
            let count = *count as f64;
            if count > 0.0 && below + count >= wanted {
                let is_open = end.is_infinite();
                return Some(if is_open { from } else { from + (end - from) * (wanted - below) / count });
            }
            (below, from) = (below + count, *end);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_falls_into_the_bucket_that_ends_above_it() {
        for nanos in [0, 1, 8_191, 8_192, 10_239, 10_240, 20_000_000, 1_073_741_823, 1_073_741_824, u64::MAX]
        {
            let durations = Durations::default();
            durations.record(Duration::from_nanos(nanos));
            let Buckets(buckets) = durations.read();
            let place = buckets.iter().position(|(_, count)| *count == 1).unwrap();
            let seconds = nanos as f64 / 1e9;
            assert!(seconds < buckets[place].0, "{nanos} below {}", buckets[place].0);
            assert!(place == 0 || buckets[place - 1].0 <= seconds, "{nanos} from {}", buckets[place - 1].0);
        }
    }

    #[test]
    fn quantiles_are_of_what_came_since_the_last_look() {
        let durations = Durations::default();
        assert_eq!(durations.read().quantile(0.5), None);
        durations.record(Duration::from_secs(1));
        let before = durations.read();
        for millis in 1..=100 {
            durations.record(Duration::from_millis(millis));
        }
        let since = durations.read().since(&before);
        assert_eq!(since.count(), 100);
        for (share, expected) in [(0.5, 0.050), (0.99, 0.099)] {
            let found = since.quantile(share).unwrap();
            assert!((found / expected - 1.0).abs() < 0.15, "{share}: {found}");
        }
        let anew = Durations::default().read();
        assert_eq!(anew.since(&before).count(), 0, "whoever counts has begun anew");
    }
}
