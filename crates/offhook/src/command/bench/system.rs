//! What the system knows of this process: the time that its threads were on a processor, and its memory.

use std::fs;
use std::time::Duration;

use super::Result;

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
            let name = fs::read_to_string(task.join("comm"))?;
            let of = match name.trim_end() {
                name if name.starts_with("offhook-media") => &mut cpu.media,
                name if name.starts_with("offhook-bell") => &mut cpu.bell,
                _ => &mut cpu.app,
            };
            // The first number is nanoseconds on a processor (Linux: Documentation/scheduler/sched-stats.rst).
            let schedstat = fs::read_to_string(task.join("schedstat"))?;
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
    use super::*;

    #[test]
    fn the_system_tells_what_a_process_takes() {
        let before = Cpu::read().unwrap();
        // Enough work for the kernel to see, whatever its tick.
        let sum: u64 = (0..50_000_000_u64).map(std::hint::black_box).sum();
        assert!(sum > 0 && Cpu::read().unwrap().since(&before).app > Duration::ZERO);
        assert!(resident_kib().unwrap() > 1000);
    }
}
