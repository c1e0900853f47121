//! What a worker says of its load: measured by its thread, once a second, read by any.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering::AcqRel, Ordering::Relaxed};
use std::task::Waker;
use std::time::Duration;

use crate::health::{HealthSettings, HealthStatus, Judge, Reading};
use crate::session::Ticks;
use crate::stats::Counter;
use crate::time::MediaInstant;

/// What a reading covers.
const WINDOW: Duration = Duration::from_secs(1);

/// A worker's load as others see it.
#[derive(Debug, Default)]
pub(crate) struct SharedLoad {
    /// Share of the last window that the worker was not asleep, in millionths.
    busy_ppm: AtomicU32,
    /// Share of the ticks of the last window that began more than a frame late, in millionths.
    miss_ppm: AtomicU32,
    /// Sessions that ticked then.
    sessions: AtomicU32,
    status: AtomicU8,
    /// Time awake since the thread began.
    pub(crate) busy_nanos: Counter,
    pub(crate) ticks: Counter,
    pub(crate) missed: Counter,
}

/// A reading of [`SharedLoad`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Load {
    pub(crate) busy: f32,
    pub(crate) miss_rate: f32,
    pub(crate) sessions: u32,
    pub(crate) status: HealthStatus,
}

impl SharedLoad {
    pub(crate) fn read(&self) -> Load {
        let share = |ppm: &AtomicU32| ppm.load(Relaxed) as f32 / 1e6;
        Load {
            busy: share(&self.busy_ppm),
            miss_rate: share(&self.miss_ppm),
            sessions: self.sessions.load(Relaxed),
            status: HealthStatus::ALL[usize::from(self.status.load(Relaxed))],
        }
    }
}

/// Adds up the passes of one worker.
pub(crate) struct LoadMeter {
    settings: HealthSettings,
    judge: Judge,
    began: MediaInstant,
    busy: Duration,
    ticks: Ticks,
}

impl LoadMeter {
    pub(crate) fn new(settings: HealthSettings, now: MediaInstant) -> Self {
        Self { settings, judge: Judge::default(), began: now, busy: Duration::ZERO, ticks: Ticks::default() }
    }

    /// Takes in a pass over `sessions`; `true` when the status has changed with it.
    pub(crate) fn pass(
        &mut self,
        (began, ended): (MediaInstant, MediaInstant),
        ticks: Ticks,
        sessions: usize,
        shared: &SharedLoad,
    ) -> bool {
        let busy = ended.since(began);
        self.busy += busy;
        self.ticks.made += ticks.made;
        self.ticks.missed += ticks.missed;
        shared.busy_nanos.add(busy.as_nanos() as u64);
        shared.ticks.add(ticks.made.into());
        shared.missed.add(ticks.missed.into());
        let window = ended.since(self.began);
        if window < WINDOW {
            return false;
        }
        let reading = Reading {
            busy: self.busy.as_secs_f32() / window.as_secs_f32(),
            ticks: self.ticks.made,
            missed: self.ticks.missed,
        };
        (self.began, self.busy, self.ticks) = (ended, Duration::ZERO, Ticks::default());
        let status = self.judge.judge(&self.settings, reading);
        let ppm = |share: f32| (share * 1e6) as u32;
        shared.busy_ppm.store(ppm(reading.busy), Relaxed);
        shared.miss_ppm.store(ppm(reading.missed as f32 / reading.ticks.max(1) as f32), Relaxed);
        shared.sessions.store(u32::try_from(sessions).unwrap_or(u32::MAX), Relaxed);
        shared.status.swap(status as u8, Relaxed) != status as u8
    }
}

/// Where those wait who want to know of a change of the platform's health. A media thread only says that there was one; the
/// bell thread wakes them.
#[derive(Debug, Default)]
pub(crate) struct HealthBell {
    rung: AtomicBool,
    wakers: Mutex<Vec<Waker>>,
}

impl HealthBell {
    /// Media thread.
    pub(crate) fn press(&self) {
        self.rung.store(true, Relaxed);
    }

    /// Bell thread.
    pub(crate) fn answer(&self) {
        if self.rung.swap(false, AcqRel) {
            self.wake_all();
        }
    }

    /// Wakes all who wait.
    pub(crate) fn wake_all(&self) {
        let wakers = std::mem::take(&mut *self.wakers());
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Leaves `waker`. Whoever calls must look once more at what it waits for.
    pub(crate) fn register(&self, waker: &Waker) {
        let mut wakers = self.wakers();
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }

    fn wakers(&self) -> std::sync::MutexGuard<'_, Vec<Waker>> {
        self.wakers.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_is_busy_all_the_time_says_so_after_two_seconds() {
        let (shared, mut now) = (SharedLoad::default(), MediaInstant::ZERO);
        let mut meter = LoadMeter::new(HealthSettings::default(), now);
        let mut changes = Vec::new();
        for pass in 0..250 {
            let began = now;
            now += Duration::from_millis(10);
            if meter.pass((began, now), Ticks { made: 10, missed: 0 }, 7, &shared) {
                changes.push(pass);
            }
        }
        assert_eq!(changes, [199], "after the second window");
        let load = Load { busy: 1.0, miss_rate: 0.0, sessions: 7, status: HealthStatus::Overloaded };
        assert_eq!(shared.read(), load);
        assert_eq!((shared.ticks.get(), shared.busy_nanos.get()), (2500, 2_500_000_000));
    }
}
