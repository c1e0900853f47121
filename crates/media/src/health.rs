//! How loaded a worker is: from how busy it was and what it missed, to a status that does not flicker. Pure.

use std::fmt;

/// Whether more calls may be taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum HealthStatus {
    /// There is room.
    #[default]
    Normal,
    /// There is room, and not much of it: send new calls elsewhere, if there is an elsewhere.
    HeavilyLoaded,
    /// New sessions are refused; those that exist go on.
    Overloaded,
}

impl HealthStatus {
    /// Every status, best first.
    pub const ALL: [Self; 3] = [Self::Normal, Self::HeavilyLoaded, Self::Overloaded];

    /// Its name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::HeavilyLoaded => "heavily_loaded",
            Self::Overloaded => "overloaded",
        }
    }
}

impl fmt::Display for HealthStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// From what load on a worker counts as loaded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HealthSettings {
    pub(crate) heavily_loaded: Limit,
    pub(crate) overloaded: Limit,
    pub(crate) admit_overloaded: bool,
}

/// A load that is too much when either is exceeded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Limit {
    pub(crate) busy: f32,
    pub(crate) miss_rate: f32,
}

impl Default for HealthSettings {
    fn default() -> Self {
        Self {
            heavily_loaded: Limit { busy: 0.7, miss_rate: 0.005 },
            overloaded: Limit { busy: 0.9, miss_rate: 0.05 },
            admit_overloaded: false,
        }
    }
}

impl HealthSettings {
    /// A worker is heavily loaded when it is busy for more than `busy` of the time, or more than `miss_rate` of its ticks begin over
    /// 20 ms late; both are shares, 0 to 1. Default 0.7 and 0.005.
    #[must_use]
    pub fn heavily_loaded(mut self, busy: f32, miss_rate: f32) -> Self {
        self.heavily_loaded = Limit { busy, miss_rate };
        self
    }

    /// The same for overloaded. Default 0.9 and 0.05: a worker that is busy for longer has no room for a burst of packets.
    #[must_use]
    pub fn overloaded(mut self, busy: f32, miss_rate: f32) -> Self {
        self.overloaded = Limit { busy, miss_rate };
        self
    }

    /// Whether sessions are made although the platform is overloaded. Default no.
    #[must_use]
    pub fn admit_overloaded(mut self, admit: bool) -> Self {
        self.admit_overloaded = admit;
        self
    }

    /// What is wrong with them, if anything is.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        let Self { heavily_loaded, overloaded, .. } = self;
        let shares = [heavily_loaded.busy, heavily_loaded.miss_rate, overloaded.busy, overloaded.miss_rate];
        if !shares.iter().all(|share| (0.0..=1.0).contains(share)) {
            return Some("the limits are shares, between 0 and 1");
        }
        if heavily_loaded.busy > overloaded.busy || heavily_loaded.miss_rate > overloaded.miss_rate {
            return Some("heavily loaded begins above overloaded");
        }
        None
    }
}

/// How a platform stands. A session stays with its worker, so the platform has as much room as its least loaded worker: the
/// status is that one's, and a new session goes there.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Health {
    /// Whether more calls may be taken.
    pub status: HealthStatus,
    /// How busy the least loaded worker was over the last second: the share of the time that it was not asleep, 0 to 1.
    pub busy: f32,
    /// Share of the ticks of all workers over the last second that began more than 20 ms late.
    pub deadline_miss_rate: f32,
    /// Sessions that exist.
    pub sessions: usize,
    /// Whether the platform is being drained.
    pub draining: bool,
    /// Each worker.
    pub workers: Vec<WorkerHealth>,
}

/// How a worker stands.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct WorkerHealth {
    /// As it has judged itself.
    pub status: HealthStatus,
    /// Share of the last second that it was not asleep, 0 to 1.
    pub busy: f32,
    /// Share of its ticks that began more than 20 ms late.
    pub deadline_miss_rate: f32,
    /// Sessions that it carried at the end of that second.
    pub sessions: u32,
}

impl Health {
    pub(crate) fn of(workers: Vec<WorkerHealth>, sessions: usize, draining: bool) -> Self {
        let least =
            workers.iter().min_by(|one, two| one.status.cmp(&two.status).then(one.busy.total_cmp(&two.busy)));
        let least = least.copied().unwrap_or_default();
        let carried: f32 = workers.iter().map(|worker| worker.sessions as f32).sum();
        let missed: f32 =
            workers.iter().map(|worker| worker.deadline_miss_rate * worker.sessions as f32).sum();
        Self {
            status: least.status,
            busy: least.busy,
            deadline_miss_rate: if carried > 0.0 { missed / carried } else { 0.0 },
            sessions,
            draining,
            workers,
        }
    }
}

/// Why the status is what it is.
impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, busy, deadline_miss_rate, sessions, workers, .. } = self;
        write!(
            f,
            "{status}: the least loaded of {} workers is busy for {:.0} % of the time, {:.2} % of all ticks were over \
             20 ms late, {sessions} sessions",
            workers.len(),
            busy * 100.0,
            deadline_miss_rate * 100.0
        )
    }
}

/// What a worker measured over a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Reading {
    /// Share of the time that it was not asleep, 0 to 1.
    pub(crate) busy: f32,
    pub(crate) ticks: u32,
    pub(crate) missed: u32,
}

impl Reading {
    /// Share of ticks that were missed. Zero while they are so few that one stall of the machine would look like load.
    pub(crate) fn miss_rate(self) -> f32 {
        if self.missed < FEWEST_MISSES { 0.0 } else { self.missed as f32 / self.ticks.max(1) as f32 }
    }
}

/// A single call ticks 50 times a second: a stall of 200 ms, as virtual machines have them, is as many misses.
const FEWEST_MISSES: u32 = 10;

/// Readings in a row that make a status worse, and better.
const TO_WORSE: u8 = 2;
const TO_BETTER: u8 = 3;

/// How far, as a share of the limit, a load must fall below it to count as less.
const RELIEF: f32 = 0.9;

/// Judges the readings of one worker.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    status: HealthStatus,
    /// Readings in a row that were worse, or better, than the status.
    worse: u8,
    better: u8,
}

impl Judge {
    /// Takes in a reading; returns the status that follows.
    pub(crate) fn judge(&mut self, settings: &HealthSettings, reading: Reading) -> HealthStatus {
        let over = |limit: Limit, share: f32| {
            reading.busy > limit.busy * share || reading.miss_rate() > limit.miss_rate * share
        };
        let by = |share: f32| {
            if over(settings.overloaded, share) {
                HealthStatus::Overloaded
            } else if over(settings.heavily_loaded, share) {
                HealthStatus::HeavilyLoaded
            } else {
                HealthStatus::Normal
            }
        };
        let (at_least, at_most) = (by(1.0), by(RELIEF));
        self.worse = if at_least > self.status { self.worse + 1 } else { 0 };
        self.better = if at_most < self.status { self.better + 1 } else { 0 };
        if self.worse >= TO_WORSE {
            *self = Self { status: at_least, ..Self::default() };
        } else if self.better >= TO_BETTER {
            *self = Self { status: at_most, ..Self::default() };
        }
        self.status
    }
}

#[cfg(test)]
mod tests {
    use HealthStatus::{HeavilyLoaded, Normal, Overloaded};

    use super::*;

    fn busy(busy: f32) -> Reading {
        Reading { busy, ticks: 1000, missed: 0 }
    }

    fn statuses(readings: impl IntoIterator<Item = Reading>) -> Vec<HealthStatus> {
        let mut judge = Judge::default();
        readings.into_iter().map(|reading| judge.judge(&HealthSettings::default(), reading)).collect()
    }

    #[test]
    fn load_that_lasts_changes_the_status_and_a_moment_does_not() {
        let loads = [0.95, 0.1, 0.95, 0.95, 0.75, 0.75, 0.75, 0.1, 0.1, 0.1];
        let expected = [
            Normal,
            Normal,
            Normal,
            Overloaded,
            Overloaded,
            Overloaded,
            HeavilyLoaded,
            HeavilyLoaded,
            HeavilyLoaded,
            Normal,
        ];
        assert_eq!(statuses(loads.map(busy)), expected);
    }

    #[test]
    fn a_load_around_its_limit_does_not_flicker() {
        let around = (0..40).map(|second| busy(if second % 2 == 0 { 0.72 } else { 0.68 }));
        assert!(statuses(around).iter().all(|&status| status == Normal), "never two in a row");
        let loaded = [busy(0.75), busy(0.75)].into_iter();
        let seen = statuses(loaded.chain((0..40).map(|_| busy(0.66))));
        assert_eq!(seen.last(), Some(&HeavilyLoaded), "a little less is not less");
    }

    #[test]
    fn missed_deadlines_are_load_whatever_the_worker_was_busy_with() {
        let missing = |missed| Reading { busy: 0.3, ticks: 1000, missed };
        assert_eq!(statuses([missing(10), missing(10)])[1], HeavilyLoaded);
        assert_eq!(statuses([missing(60), missing(60)])[1], Overloaded);
        let stall = Reading { busy: 0.01, ticks: 50, missed: 9 };
        assert_eq!(statuses([stall, stall])[1], Normal, "a machine that stalls is not loaded by one call");
    }

    #[test]
    fn limits_that_make_no_sense_are_refused() {
        let settings = HealthSettings::default();
        assert_eq!(settings.problem(), None);
        assert!(settings.overloaded(0.5, 0.5).problem().is_some());
        assert!(settings.overloaded(1.5, 0.5).problem().is_some());
        assert!(settings.heavily_loaded(f32::NAN, 0.0).problem().is_some());
    }
}
