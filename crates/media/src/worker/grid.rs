//! The grid that ticks lie on: one point a millisecond, each with about as many sessions as any other.
//!
//! A busy worker wakes at the points of the grid, so that a tick is as late as the wake and no later.

use std::time::Duration;

use crate::frame::AudioFormat;
use crate::time::MediaInstant;

/// Between two points. Little against a frame, and much against the wake of a thread.
pub(crate) const STEP: Duration = Duration::from_millis(1);

/// Points in a frame, and so places where a session may tick.
const SLOTS: usize = (AudioFormat::FRAME_DURATION.as_nanos() / STEP.as_nanos()) as usize;

/// Which of the points of a frame a session ticks at.
pub(crate) type Slot = usize;

/// How many sessions tick at each point.
#[derive(Debug, Default)]
pub(crate) struct TickGrid {
    sessions: [u32; SLOTS],
}

impl TickGrid {
    /// Takes a place at the emptiest point.
    pub(crate) fn take(&mut self) -> Slot {
        let mut emptiest = 0;
        for slot in 1..SLOTS {
            if self.sessions[slot] < self.sessions[emptiest] {
                emptiest = slot;
            }
        }
        self.sessions[emptiest] += 1;
        emptiest
    }

    pub(crate) fn give_back(&mut self, slot: Slot) {
        self.sessions[slot] -= 1;
    }

    /// The first tick at `slot` that is not before `now`.
    pub(crate) fn first_tick(slot: Slot, now: MediaInstant) -> MediaInstant {
        let (frame, at) = (nanos(AudioFormat::FRAME_DURATION), slot as u64 * nanos(STEP));
        let frames = now.as_nanos().saturating_sub(at).div_ceil(frame);
        MediaInstant::from_nanos(frames * frame + at)
    }

    /// The first point after `now`.
    pub(crate) fn point_after(now: MediaInstant) -> MediaInstant {
        MediaInstant::from_nanos((now.as_nanos() / nanos(STEP) + 1) * nanos(STEP))
    }
}

/// Of spans that are constants above.
const fn nanos(span: Duration) -> u64 {
    span.as_nanos() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> MediaInstant {
        MediaInstant::from_nanos(micros * 1000)
    }

    #[test]
    fn every_point_has_as_many_sessions_as_any_other_through_churn() {
        let mut grid = TickGrid::default();
        let mut slots: Vec<Slot> = (0..200).map(|_| grid.take()).collect();
        assert_eq!(grid.sessions, [10; SLOTS]);
        // Those that leave are all of one point; the next ones fill it again.
        let leaving = slots[0];
        slots.retain(|&slot| slot != leaving);
        (0..10).for_each(|_| grid.give_back(leaving));
        (0..10).for_each(|_| assert_eq!(grid.take(), leaving));
    }

    #[test]
    fn ticks_lie_on_the_grid_and_not_in_the_past() {
        assert_eq!(TickGrid::first_tick(0, at(0)), at(0));
        assert_eq!(TickGrid::first_tick(3, at(0)), at(3_000));
        assert_eq!(TickGrid::first_tick(3, at(3_000)), at(3_000));
        assert_eq!(TickGrid::first_tick(3, at(3_001)), at(23_000));
        assert_eq!(TickGrid::first_tick(19, at(100_001)), at(119_000));
        assert_eq!(TickGrid::point_after(at(999)), at(1_000));
        assert_eq!(TickGrid::point_after(at(1_000)), at(2_000));
    }
}
