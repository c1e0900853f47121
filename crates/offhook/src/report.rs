//! What a call was like, for people to read.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use offhook_media::{AudioFormat, SessionStats};
use offhook_recording::RecordingReport;
use offhook_signaling::track::CallSnapshot;

/// What has happened in a call: its states with their times, its media, and the files that were written.
///
/// `Display` shows it as a short table.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CallReport {
    /// The call as last seen, with the history of its states.
    pub call: CallSnapshot,
    /// Counters of its media, and the latency of each stage.
    pub media: SessionStats,
    /// Files that were written, with how much sound is in each.
    pub files: Vec<(PathBuf, Duration)>,
}

impl CallReport {
    pub(crate) fn new(call: CallSnapshot, media: SessionStats) -> Self {
        Self { call, media, files: Vec::new() }
    }

    /// Adds a recording.
    #[must_use]
    pub fn with_recording(self, recording: &RecordingReport) -> Self {
        self.with_file(&recording.path, recording.duration)
    }

    /// Adds a file with so much sound in it.
    #[must_use]
    pub fn with_file(mut self, path: impl Into<PathBuf>, duration: Duration) -> Self {
        self.files.push((path.into(), duration));
        self
    }

    /// How much sound the application was given.
    pub fn heard(&self) -> Duration {
        frames(self.media.counters.frames_delivered)
    }

    /// How much sound was sent.
    pub fn said(&self) -> Duration {
        frames(self.media.counters.packets_sent)
    }
}

/// How long so many frames, or packets of one frame each, last.
fn frames(count: u64) -> Duration {
    AudioFormat::FRAME_DURATION * u32::try_from(count).unwrap_or(u32::MAX)
}

impl fmt::Display for CallReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counters = &self.media.counters;
        writeln!(f, "call     {}", self.call.id)?;
        let began = self.call.history.front().map(|change| change.at);
        let states = self.call.history.iter().map(|change| {
            let since = began.and_then(|began| change.at.duration_since(began).ok()).unwrap_or_default();
            format!("{} +{:.3} s", change.state, since.as_secs_f64())
        });
        writeln!(f, "states   {}", states.collect::<Vec<_>>().join(", "))?;
        if let Some(result) = &self.call.result_info {
            writeln!(f, "reason   {result}")?;
        }
        writeln!(
            f,
            "heard    {:.2} s: {} packets received, {} lost, {} discarded; {} samples concealed; {} frames not read",
            self.heard().as_secs_f64(),
            counters.packets_received,
            counters.packets_lost,
            counters.packets_discarded,
            counters.concealed_samples,
            counters.frames_dropped,
        )?;
        writeln!(
            f,
            "said     {:.2} s: {} packets sent, {} underruns",
            self.said().as_secs_f64(),
            counters.packets_sent,
            counters.send_underruns
        )?;
        writeln!(f, "\nstage             frames       p50       p99   longest")?;
        for (stage, latency) in self.media.stages().filter(|(_, latency)| latency.count() > 0) {
            let [p50, p99, longest] =
                [latency.quantile(0.5), latency.quantile(0.99), latency.longest()].map(short);
            writeln!(f, "{stage:15} {:>8} {p50:>9} {p99:>9} {longest:>9}", latency.count())?;
        }
        for (path, duration) in &self.files {
            writeln!(f, "\nwrote    {} ({:.2} s)", path.display(), duration.as_secs_f64())?;
        }
        Ok(())
    }
}

/// A duration with three figures, as `61.2 ms`.
fn short(duration: Duration) -> String {
    let nanos = duration.as_nanos() as f64;
    match nanos {
        n if n >= 1e9 => format!("{:.2} s", n / 1e9),
        n if n >= 1e6 => format!("{:.1} ms", n / 1e6),
        n if n >= 1e3 => format!("{:.1} us", n / 1e3),
        n => format!("{n:.0} ns"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_figures_or_so() {
        for (nanos, shown) in
            [(0, "0 ns"), (1_500, "1.5 us"), (61_234_567, "61.2 ms"), (1_234_567_890, "1.23 s")]
        {
            assert_eq!(short(Duration::from_nanos(nanos)), shown);
        }
    }
}
