//! What the system knows of this process: the time that its threads were on a processor, and its memory.

use std::path::Path;
use std::time::Duration;
use std::{fs, io};

use super::Result;

/// No such process (Linux: errno 3), which `std` has no name for.
const ESRCH: i32 = 3;

/// Time on a processor of the threads of this process, by what they do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cpu {
    pub(crate) media: Duration,
    pub(crate) bell: Duration,
    /// All others: the applications'.
    pub(crate) app: Duration,
}

impl Cpu {
    /// Until now.
    pub(crate) fn read() -> Result<Self> {
        let mut cpu = Self::default();
        for task in fs::read_dir("/proc/self/task")? {
            let task = task?.path();
            // A thread may end while it is looked at. What it took is then no longer told of it.
            let (Some(name), Some(schedstat)) = (of_task(&task, "comm")?, of_task(&task, "schedstat")?)
            else {
                continue;
            };
            let of = match name.trim_end() {
                name if name.starts_with("offhook-media") => &mut cpu.media,
                name if name.starts_with("offhook-bell") => &mut cpu.bell,
                _ => &mut cpu.app,
            };
            // The first number is nanoseconds on a processor (Linux: Documentation/scheduler/sched-stats.rst).
            let nanos = schedstat.split_whitespace().next().ok_or("schedstat is empty")?;
            *of += Duration::from_nanos(nanos.parse()?);
        }
        Ok(cpu)
    }

    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self {
            media: self.media.saturating_sub(earlier.media),
            bell: self.bell.saturating_sub(earlier.bell),
            app: self.app.saturating_sub(earlier.app),
        }
    }
}

/// A file of a thread; `None` when the thread is no more: it is not found, or gone once it is opened.
fn of_task(task: &Path, file: &str) -> Result<Option<String>> {
    match fs::read_to_string(task.join(file)) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(ESRCH) => {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Memory that this process has in RAM, in KiB.
pub(crate) fn resident_kib() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = resident.and_then(|value| value.split_whitespace().next());
    Ok(kib.ok_or("/proc/self/status has no VmRSS")?.parse()?)
}

/// The processor, as it names itself.
pub(crate) fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| "unknown".to_owned(), |(_, name)| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    use super::*;

    #[test]
    fn the_system_tells_what_a_process_takes() {
        let before = Cpu::read().unwrap();
        // Enough work for the kernel to see, whatever its tick.
        let sum: u64 = (0..50_000_000_u64).map(std::hint::black_box).sum();
        assert!(sum > 0 && Cpu::read().unwrap().since(&before).app > Duration::ZERO);
        assert!(resident_kib().unwrap() > 1000);
    }

    #[test]
    fn threads_that_end_meanwhile_are_left_out() {
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Relaxed) {
                    std::thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(|| ()))));
                }
            });
            let read = (0..2_000).try_for_each(|_| Cpu::read().map(|_| ()));
            over.store(true, Relaxed);
            read.unwrap();
        });
    }
}
