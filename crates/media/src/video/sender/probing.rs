//! When the path is tried for more than it is believed to carry.
//!
//! What is not sent proves nothing: a sender of little would never learn what the path has. So a short cluster leaves faster than the
//! estimate, filled with what the far end has already: at the beginning, each time one has shown that there is more; after a drop;
//! and from time to time while less is carried than is wanted. Nothing is tried while all that is wanted fits.

use std::time::Duration;

use crate::time::MediaInstant;
use crate::video::BitRate;
use crate::video::bandwidth::Verdict;

/// How much faster than the estimate a cluster leaves.
const FASTER: f64 = 2.0;
/// Until the next cluster, after one that met the limit or told nothing: from the first to the second, each time twice as long.
const WAITS: (Duration, Duration) = (Duration::from_secs(4), Duration::from_secs(32));
/// Until the next one after a drop.
const RECOVERS: Duration = Duration::from_secs(2);
/// Below this share of what the path carried lately, the estimate has dropped.
const DROPPED: f64 = 0.7;

/// Decides when a cluster leaves.
#[derive(Debug, Default)]
pub(super) struct Probing {
    /// Not before this.
    next_at: MediaInstant,
    wait: Option<Duration>,
    /// The highest estimate since the last drop.
    highest: BitRate,
}

impl Probing {
    /// The rate of a cluster to begin at `now`, if it is time for one. `estimate` is what the path is believed to carry, of the
    /// `wanted` with all that is around frames.
    pub(super) fn begins(
        &mut self,
        now: MediaInstant,
        estimate: BitRate,
        wanted: BitRate,
    ) -> Option<BitRate> {
        self.highest = self.highest.max(estimate);
        if estimate < self.highest.times(DROPPED) {
            // What made it drop may be over soon.
            (self.highest, self.wait) = (estimate, None);
            self.next_at = now + RECOVERS;
        }
        if now < self.next_at || estimate >= wanted {
            return None;
        }
        Some(estimate.times(FASTER).min(wanted)).filter(|rate| *rate > estimate)
    }

    /// A cluster has told something.
    pub(super) fn note(&mut self, now: MediaInstant, verdict: Verdict) {
        if let Verdict::Carries(_) = verdict {
            (self.next_at, self.wait) = (now, None);
            return;
        }
        let wait = self.wait.map_or(WAITS.0, |wait| (2 * wait).min(WAITS.1));
        (self.next_at, self.wait) = (now + wait, Some(wait));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kilobits(kilobits: u64) -> BitRate {
        BitRate::from_kilobits_per_second(kilobits)
    }

    fn at(millis: u64) -> MediaInstant {
        MediaInstant::from_duration(Duration::from_millis(millis))
    }

    #[test]
    fn it_goes_on_while_there_is_more_and_rests_at_the_limit() {
        let mut probing = Probing::default();
        let wanted = kilobits(5000);
        assert_eq!(probing.begins(at(0), kilobits(300), wanted), Some(kilobits(600)));
        probing.note(at(100), Verdict::Carries(kilobits(600)));
        assert_eq!(probing.begins(at(100), kilobits(600), wanted), Some(kilobits(1200)));
        let mut now = 200;
        for wait in [4000, 8000, 16_000, 32_000, 32_000] {
            probing.note(at(now), Verdict::Limit(kilobits(1100)));
            assert_eq!(probing.begins(at(now + wait - 1), kilobits(1100), wanted), None);
            now += wait;
            assert_eq!(probing.begins(at(now), kilobits(1100), wanted), Some(kilobits(2200)));
        }
    }

    #[test]
    fn no_more_is_tried_than_is_wanted() {
        let mut probing = Probing::default();
        assert_eq!(probing.begins(at(0), kilobits(300), kilobits(400)), Some(kilobits(400)));
        assert_eq!(probing.begins(at(0), kilobits(400), kilobits(400)), None);
    }

    #[test]
    fn after_a_drop_it_is_tried_again_soon() {
        let mut probing = Probing::default();
        let wanted = kilobits(5000);
        probing.begins(at(0), kilobits(2000), wanted);
        probing.note(at(0), Verdict::Limit(kilobits(2000)));
        assert_eq!(probing.begins(at(1000), kilobits(500), wanted), None);
        assert_eq!(probing.begins(at(2999), kilobits(500), wanted), None);
        assert_eq!(probing.begins(at(3000), kilobits(500), wanted), Some(kilobits(1000)));
    }
}
