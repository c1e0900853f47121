//! How the system schedules a media thread: on which core, with which priority, how exactly it wakes.

use std::fmt;
use std::num::NonZeroU64;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity, set_current_timer_slack};
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

/// What a media thread asks the system for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scheduling {
    /// The one core to run on.
    pub(crate) core: Option<usize>,
    /// `SCHED_FIFO` with this priority, 1 to 99.
    pub(crate) realtime_priority: Option<u8>,
}

/// What the system did not grant. Its text says what to grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Core { core: usize, reason: String },
    Priority { priority: u8, reason: String },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Core { core, reason } => {
                write!(f, "core {core} ({reason}): allow it in the process' cpuset, or name another")
            }
            Self::Priority { priority, reason } => write!(
                f,
                "real-time priority {priority} ({reason}): grant CAP_SYS_NICE, or raise RLIMIT_RTPRIO to {priority}"
            ),
        }
    }
}

/// Asks for the calling thread; returns what was refused.
pub(crate) fn apply(scheduling: Scheduling) -> Vec<Refusal> {
    // By default the kernel may let a sleeper wait for 50 us more. Nobody misses what it does not grant.
    let _ = set_current_timer_slack(NonZeroU64::new(1));
    let core = scheduling.core.and_then(|core| pin(core).err().map(|reason| Refusal::Core { core, reason }));
    let priority = scheduling.realtime_priority.and_then(|priority| {
        make_realtime(priority).err().map(|reason| Refusal::Priority { priority, reason })
    });
    core.into_iter().chain(priority).collect()
}

/// The cores that this process may run on.
pub(crate) fn allowed_cores() -> Vec<usize> {
    let Ok(set) = sched_getaffinity(None) else { return Vec::new() };
    (0..CpuSet::MAX_CPU).filter(|&core| set.is_set(core)).collect()
}

fn pin(core: usize) -> Result<(), String> {
    if core >= CpuSet::MAX_CPU {
        return Err(format!("the system counts {} at most", CpuSet::MAX_CPU));
    }
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).map_err(|errno| errno.to_string())
}

fn make_realtime(priority: u8) -> Result<(), String> {
    let value = ThreadPriorityValue::try_from(priority)?;
    set_thread_priority_and_policy(
        thread_native_id(),
        ThreadPriority::Crossplatform(value),
        ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo),
    )
    .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a thread of its own, as what is granted stays with the thread.
    fn applied(scheduling: Scheduling) -> (Vec<Refusal>, Vec<usize>) {
        std::thread::scope(|scope| scope.spawn(|| (apply(scheduling), allowed_cores())).join().unwrap())
    }

    #[test]
    fn a_thread_runs_on_the_core_it_asked_for_and_on_all_when_that_is_refused() {
        let all = allowed_cores();
        let core = *all.last().unwrap();
        let (refused, cores) = applied(Scheduling { core: Some(core), realtime_priority: None });
        assert_eq!((refused, cores), (Vec::new(), vec![core]));
        for missing in [CpuSet::MAX_CPU - 1, usize::MAX] {
            let (refused, cores) = applied(Scheduling { core: Some(missing), realtime_priority: None });
            assert!(matches!(&refused[..], [Refusal::Core { core, .. }] if *core == missing), "{refused:?}");
            assert!(refused[0].to_string().contains("cpuset"), "{}", refused[0]);
            assert_eq!(cores, all);
        }
    }

    /// Without the right to it, a thread goes on as it is; which of the two this machine does is not ours to say.
    #[test]
    fn a_real_time_priority_is_had_or_refused_with_what_would_grant_it() {
        let (refused, _) = applied(Scheduling { core: None, realtime_priority: Some(10) });
        if let [refused, ..] = &refused[..] {
            assert!(refused.to_string().contains("CAP_SYS_NICE"), "{refused}");
        }
        let (refused, _) = applied(Scheduling { core: None, realtime_priority: Some(200) });
        assert!(matches!(&refused[..], [Refusal::Priority { priority: 200, .. }]), "no system grants it");
    }
}
