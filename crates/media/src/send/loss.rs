//! How much protection against loss a stream needs, from what the peer reports.

use crate::settings::Redundancy;

/// Share of the way that the estimate goes up with a report that is worse than it, and down with one that is better:
/// losses come in bursts, so one good report says little.
const RISE: f32 = 0.5;
const FALL: f32 = 0.2;

/// Loss from which on one copy, and from which on two, are worth their bits; and below which the second goes again.
const ONE_COPY: f32 = 0.03;
const TWO_COPIES: f32 = 0.10;
const ONE_AGAIN: f32 = 0.07;

/// A report of less than this counts as none: a packet a minute is nothing to spend half the bits on.
const NO_LOSS: f32 = 0.01;

/// Ticks without loss after which the copies end: 10 s, so that a new burst does not find them just gone.
const QUIET_TICKS: u32 = 500;

/// Percentage points by which what the encoder expects must be off before it is told: each change costs it some quality.
const STEP: u8 = 2;

/// The loss of the way to the peer, smoothed, and what to do about it.
#[derive(Debug)]
pub(crate) struct LossControl {
    redundancy: Redundancy,
    /// Bounds of what the encoder expects, in percent.
    floor: u8,
    ceiling: u8,
    expected: u8,
    smoothed: f32,
    copies: usize,
    quiet_ticks: u32,
}

impl LossControl {
    pub(crate) fn new(redundancy: Redundancy, floor: u8, ceiling: u8) -> Self {
        let copies = usize::from(redundancy == Redundancy::Always);
        Self {
            redundancy,
            floor,
            ceiling: ceiling.max(floor),
            expected: floor,
            smoothed: 0.0,
            copies,
            quiet_ticks: 0,
        }
    }

    /// Takes in the share of packets that the peer lost since its report before; says what the encoder should expect
    /// from now on, in percent, if that is something else. `copies_go_out` is whether copies reach the peer.
    pub(crate) fn on_report(&mut self, fraction_lost: f32, copies_go_out: bool) -> Option<u8> {
        if !(0.0..=1.0).contains(&fraction_lost) {
            return None;
        }
        let share = if fraction_lost > self.smoothed { RISE } else { FALL };
        self.smoothed += (fraction_lost - self.smoothed) * share;
        if fraction_lost > NO_LOSS {
            self.quiet_ticks = 0;
        }
        self.choose_copies();
        // What is left when a packet and each of its copies are lost, were losses independent of each other. They are
        // not quite, which is what the floor is for.
        let copies = if copies_go_out { self.copies } else { 0 };
        let left = self.smoothed.powi(1 + copies as i32);
        let wanted = ((left * 100.0).round() as u8).clamp(self.floor, self.ceiling);
        let at_a_bound = wanted == self.floor || wanted == self.ceiling;
        if wanted == self.expected || wanted.abs_diff(self.expected) < STEP && !at_a_bound {
            return None;
        }
        self.expected = wanted;
        Some(wanted)
    }

    fn choose_copies(&mut self) {
        if self.redundancy == Redundancy::Off {
            return;
        }
        self.copies = match self.copies {
            _ if self.smoothed >= TWO_COPIES => 2,
            2 if self.smoothed >= ONE_AGAIN => 2,
            0 if self.smoothed < ONE_COPY => 0,
            _ => 1,
        };
    }

    /// Lets a tick pass; returns how many copies a packet should carry now.
    pub(crate) fn tick(&mut self) -> usize {
        self.quiet_ticks = self.quiet_ticks.saturating_add(1);
        if self.quiet_ticks == QUIET_TICKS && self.redundancy == Redundancy::OnLoss {
            // What was lost before is no guide any more: the next report begins anew.
            (self.copies, self.smoothed) = (0, 0.0);
        }
        self.copies
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(redundancy: Redundancy) -> LossControl {
        LossControl::new(redundancy, 5, 30)
    }

    /// Ticks between two reports.
    const SECOND: usize = 50;

    fn copies_after(control: &mut LossControl, reports: &[f32]) -> Vec<usize> {
        let mut copies = Vec::new();
        for &report in reports {
            control.on_report(report, true);
            copies.push((0..SECOND).map(|_| control.tick()).last().unwrap());
        }
        copies
    }

    #[test]
    fn copies_begin_with_loss_and_end_ten_seconds_after_it() {
        let mut control = control(Redundancy::OnLoss);
        assert_eq!(copies_after(&mut control, &[0.0, 0.02, 0.06, 0.3, 0.1]), [0, 0, 1, 2, 2]);
        let quiet = copies_after(&mut control, &[0.0; 11]);
        assert_eq!(quiet[..8], [2, 2, 2, 1, 1, 1, 1, 1], "{quiet:?}");
        assert_eq!(quiet[8..], [0; 3], "the second in which the last loss was is the first of the ten");
        let mut worst = self::control(Redundancy::OnLoss);
        copies_after(&mut worst, &[1.0; 10]);
        assert_eq!(copies_after(&mut worst, &[0.0; 12])[9..], [0; 3], "however much was lost before");
    }

    #[test]
    fn copies_end_without_reports_too() {
        let mut control = control(Redundancy::OnLoss);
        control.on_report(0.2, true);
        assert_eq!((0..499).map(|_| control.tick()).min(), Some(2));
        assert_eq!(control.tick(), 0);
    }

    #[test]
    fn off_is_off_and_always_is_always() {
        assert_eq!(copies_after(&mut control(Redundancy::Off), &[0.5; 3]), [0; 3]);
        assert_eq!(copies_after(&mut control(Redundancy::Always), &[0.0, 0.5, 0.5]), [1, 2, 2]);
        assert_eq!(copies_after(&mut control(Redundancy::Always), &[0.0; 20]), [1; 20]);
    }

    #[test]
    fn the_encoder_expects_what_is_reported_within_its_bounds_and_without_trembling() {
        let mut control = control(Redundancy::Off);
        assert_eq!(control.on_report(0.04, false), None, "the floor is expected already");
        assert_eq!(control.on_report(0.20, false), Some(11));
        assert_eq!(control.on_report(0.12, false), None, "one point more is not worth a change");
        assert_eq!(control.on_report(0.9, false), Some(30), "the ceiling");
        let falling: Vec<_> = (0..30).filter_map(|_| control.on_report(0.0, false)).collect();
        assert_eq!(falling.last(), Some(&5), "{falling:?}");
        assert!(falling.is_sorted_by(|one, next| one > next));
    }

    #[test]
    fn copies_leave_less_loss_to_expect() {
        let mut control = control(Redundancy::OnLoss);
        assert_eq!(control.on_report(0.4, true), None, "two copies leave 0.8 %");
        assert_eq!(control.on_report(0.4, false), Some(30), "they do not go out: 30 % is left");
    }

    #[test]
    fn a_report_that_is_no_share_is_not_believed() {
        let mut control = control(Redundancy::OnLoss);
        for report in [f32::NAN, -1.0, 2.0, f32::INFINITY] {
            assert_eq!(control.on_report(report, false), None);
        }
        assert_eq!(control.tick(), 0);
    }
}
