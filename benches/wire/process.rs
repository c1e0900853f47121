//! What the system knows of this process: the time that its threads were on a processor, and its memory.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};

use crate::Result;

type ThreadId = u64;

/// Some threads of this process.
#[derive(Clone, Debug)]
pub(crate) struct Threads(BTreeSet<ThreadId>);

impl Threads {
    /// The threads that come into being while `start` runs.
    pub(crate) fn born_during<T>(start: impl FnOnce() -> Result<T>) -> Result<(T, Self)> {
        let before = all()?;
        let started = start()?;
        Ok((started, Self(&all()? - &before)))
    }

    /// Those of them whose names begin with `prefix`.
    pub(crate) fn named(&self, prefix: &str) -> Result<Self> {
        let mut named = BTreeSet::new();
        for &thread in &self.0 {
            if fs::read_to_string(format!("/proc/self/task/{thread}/comm"))?.starts_with(prefix) {
                named.insert(thread);
            }
        }
        Ok(Self(named))
    }

    /// How long they have been on a processor since they began.
    pub(crate) fn on_cpu(&self) -> Result<Duration> {
        self.0.iter().map(|thread| on_cpu(&format!("/proc/self/task/{thread}/schedstat"))).sum()
    }

    /// How often the kernel's tick has met them in user code, and in the kernel.
    pub(crate) fn ticks(&self) -> Result<[u64; 2]> {
        let mut sum = [0; 2];
        for thread in &self.0 {
            let stat = fs::read_to_string(format!("/proc/self/task/{thread}/stat"))?;
            // The name may hold anything but a closing parenthesis that is not its last; the 12th and 13th field behind it
            // are the ticks (proc_pid_stat(5)).
            let (_, fields) = stat.rsplit_once(')').ok_or("stat has no name")?;
            for (sum, field) in sum.iter_mut().zip(fields.split_whitespace().skip(11)) {
                *sum += field.parse::<u64>()?;
            }
        }
        Ok(sum)
    }
}

/// How long the calling thread has been on a processor. Right to a tick of the kernel, some milliseconds, as the
/// thread is on one now.
pub(crate) fn own_time_on_cpu() -> Result<Duration> {
    on_cpu("/proc/thread-self/schedstat")
}

/// The first number is nanoseconds on a processor (Linux: Documentation/scheduler/sched-stats.rst).
fn on_cpu(schedstat: &str) -> Result<Duration> {
    let text = fs::read_to_string(schedstat)?;
    let nanos = text.split_whitespace().next().ok_or("schedstat is empty")?;
    Ok(Duration::from_nanos(nanos.parse()?))
}

fn all() -> Result<BTreeSet<ThreadId>> {
    let mut threads = BTreeSet::new();
    for entry in fs::read_dir("/proc/self/task")? {
        threads.insert(entry?.file_name().to_string_lossy().parse()?);
    }
    Ok(threads)
}

/// Memory that this process has in RAM, in KiB.
#[derive(Deserialize, Serialize)]
pub(crate) struct Memory {
    pub(crate) before: u64,
    pub(crate) connected: u64,
    pub(crate) after: u64,
}

/// Memory that this process has in RAM now, in KiB.
pub(crate) fn resident_kib() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = resident.and_then(|value| value.split_whitespace().next());
    Ok(kib.ok_or("/proc/self/status has no VmRSS")?.parse()?)
}

/// A tokio runtime of so many threads.
pub(crate) fn runtime(workers: usize) -> Result<Runtime> {
    Ok(Builder::new_multi_thread().worker_threads(workers).enable_all().build()?)
}
