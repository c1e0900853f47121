//! When a picture stands still for longer than its pace explains, as W3C webrtc-stats counts it (freezeCount): a gap between frames
//! of more than three times the mean, and of 150 ms on top of it at the least.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::MediaInstant;

/// Gaps that make the mean.
const GAPS: usize = 30;
/// With fewer there is no pace yet.
const LEAST_GAPS: usize = 5;
/// The least that a freeze is longer than the mean.
const LEAST_EXCESS: Duration = Duration::from_millis(150);

/// Watches the pace of frames.
#[derive(Debug)]
pub(super) struct FreezeDetector {
    gaps: VecDeque<Duration>,
    /// All of them.
    sum: Duration,
    last: Option<MediaInstant>,
    is_frozen: bool,
}

impl Default for FreezeDetector {
    fn default() -> Self {
        Self { gaps: VecDeque::with_capacity(GAPS), sum: Duration::ZERO, last: None, is_frozen: false }
    }
}

impl FreezeDetector {
    /// A frame is there at `now`. How long the picture stood, if it was frozen.
    pub(super) fn note_frame(&mut self, now: MediaInstant) -> Option<Duration> {
        let gap = self.last.replace(now).map(|last| now.since(last));
        if let Some(gap) = gap {
            if self.gaps.len() == GAPS {
                self.sum -= self.gaps.pop_front().unwrap_or_default();
            }
            self.gaps.push_back(gap);
            self.sum += gap;
        }
        gap.filter(|_| std::mem::take(&mut self.is_frozen))
    }

    /// Whether it is frozen since this was last asked.
    pub(super) fn has_frozen(&mut self, now: MediaInstant) -> bool {
        let has_frozen = self.deadline().is_some_and(|due| due <= now);
        self.is_frozen |= has_frozen;
        has_frozen
    }

    /// When it will be, unless a frame comes.
    pub(super) fn deadline(&self) -> Option<MediaInstant> {
        if self.is_frozen || self.gaps.len() < LEAST_GAPS {
            return None;
        }
        let mean = self.sum / self.gaps.len() as u32;
        Some(self.last? + (mean * 3).max(mean + LEAST_EXCESS))
    }

    /// The pace begins anew: somebody else's picture is shown.
    pub(super) fn restart(&mut self) {
        self.gaps.clear();
        (self.sum, self.last, self.is_frozen) = (Duration::ZERO, None, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> MediaInstant {
        MediaInstant::from_duration(Duration::from_millis(millis))
    }

    #[test]
    fn a_gap_well_beyond_the_pace_is_a_freeze_until_the_next_frame() {
        let mut freezes = FreezeDetector::default();
        assert_eq!(freezes.deadline(), None);
        (0..=10).for_each(|frame| assert_eq!(freezes.note_frame(at(frame * 40)), None));
        assert_eq!(freezes.deadline(), Some(at(400 + 190)), "150 ms over the mean");
        assert!(!freezes.has_frozen(at(589)));
        assert!(freezes.has_frozen(at(590)));
        assert!(!freezes.has_frozen(at(700)), "it is told once");
        assert_eq!(freezes.note_frame(at(800)), Some(Duration::from_millis(400)));
        assert_eq!(freezes.note_frame(at(840)), None);
    }

    #[test]
    fn a_slow_picture_is_not_frozen() {
        let mut freezes = FreezeDetector::default();
        for frame in 0..100 {
            assert!(!freezes.has_frozen(at(frame * 200)));
            freezes.note_frame(at(frame * 200));
        }
        assert_eq!(freezes.deadline(), Some(at(99 * 200 + 600)), "three times the mean");
        freezes.restart();
        assert_eq!(freezes.deadline(), None);
    }
}
