//! What came out: rows, as JSON or a table.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::Outcome;

/// What a receiver made of a stream.
pub(crate) struct Heard {
    /// Mono at 16 kHz. Where the speech begins in it is not known.
    pub(crate) samples: Vec<i16>,
    pub(crate) delay: Delay,
    /// The shares of samples that were made up, and that were put in or taken out to move the delay.
    pub(crate) concealed: f64,
    pub(crate) stretched: f64,
}

/// How long sound waited, as W3C's `jitterBufferDelay` counts it: sums of waiting times, and how many samples waited.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delay {
    sum: f64,
    samples: f64,
    /// In windows of one second: since when, and the mean in seconds.
    pub(crate) windows: Vec<(f64, f64)>,
    /// The window that is not full.
    open: Option<(f64, f64, f64)>,
}

impl Delay {
    /// `samples` samples each waited for `waited` seconds, and left at `at` seconds.
    pub(crate) fn add(&mut self, at: f64, waited: f64, samples: f64) {
        self.add_sum(at, waited * samples, samples);
    }

    /// The waiting times of `samples` samples that left at `at` seconds add up to `sum` seconds.
    pub(crate) fn add_sum(&mut self, at: f64, sum: f64, samples: f64) {
        self.sum += sum;
        self.samples += samples;
        if self.open.is_some_and(|(since, ..)| at - since >= 0.999) {
            self.close();
        }
        let (_, window_sum, window_samples) = self.open.get_or_insert((at, 0.0, 0.0));
        *window_sum += sum;
        *window_samples += samples;
    }

    /// Ends the window. Nothing leaves during an outage: then there is no window.
    fn close(&mut self) {
        if let Some((since, sum, samples)) = self.open.take()
            && samples > 0.0
        {
            self.windows.push((since, sum / samples));
        }
    }

    fn mean(&self) -> f64 {
        if self.samples > 0.0 { self.sum / self.samples } else { 0.0 }
    }

    /// The 95th percentile of the windows.
    fn p95(&self) -> f64 {
        let mut means: Vec<f64> = self.windows.iter().map(|(_, mean)| *mean).collect();
        means.sort_by(f64::total_cmp);
        means
            .get((means.len() * 95 / 100).min(means.len().saturating_sub(1)))
            .copied()
            .unwrap_or_else(|| self.mean())
    }
}

/// A receiver on a trace.
pub(crate) struct Row {
    pub(crate) trace: String,
    pub(crate) receiver: &'static str,
    pub(crate) heard: Heard,
    pub(crate) recording: PathBuf,
    pub(crate) pesq_wb: Option<f64>,
    pub(crate) stoi: Option<f64>,
    pub(crate) plcmos: Option<f64>,
    pub(crate) pieces_scored: usize,
}

impl Row {
    pub(crate) fn new(trace: &str, receiver: &'static str, mut heard: Heard, recording: PathBuf) -> Self {
        heard.delay.close();
        Self {
            trace: trace.to_owned(),
            receiver,
            heard,
            recording,
            pesq_wb: None,
            stoi: None,
            plcmos: None,
            pieces_scored: 0,
        }
    }

    pub(crate) fn mean_delay_ms(&self) -> f64 {
        self.heard.delay.mean() * 1000.0
    }

    pub(crate) fn p95_delay_ms(&self) -> f64 {
        self.heard.delay.p95() * 1000.0
    }
}

/// A row as JSON: what is documented, in this order.
#[derive(Serialize)]
struct Object<'a> {
    trace: &'a str,
    receiver: &'static str,
    mean_delay_ms: f64,
    p95_delay_ms: f64,
    concealed: f64,
    stretched: f64,
    pesq_wb: Option<f64>,
    stoi: Option<f64>,
    plcmos: Option<f64>,
    pieces_scored: usize,
}

/// To so many digits, for people.
fn rounded(value: f64, digits: i32) -> f64 {
    (value * 10_f64.powi(digits)).round() / 10_f64.powi(digits)
}

/// Prints on standard output.
pub(crate) fn print(rows: &[Row], json: bool) -> Outcome {
    let mut out = std::io::stdout().lock();
    if !json {
        writeln!(
            out,
            "| trace | receiver | mean delay ms | p95 delay ms | concealed % | stretched % | PESQ-WB | STOI | PLCMOS |"
        )?;
        writeln!(out, "|---|---|---:|---:|---:|---:|---:|---:|---:|")?;
    }
    for row in rows {
        let (mean, p95) = (row.mean_delay_ms(), row.p95_delay_ms());
        if json {
            let object = Object {
                trace: &row.trace,
                receiver: row.receiver,
                mean_delay_ms: rounded(mean, 2),
                p95_delay_ms: rounded(p95, 2),
                concealed: rounded(row.heard.concealed, 6),
                stretched: rounded(row.heard.stretched, 6),
                pesq_wb: row.pesq_wb.map(|score| rounded(score, 3)),
                stoi: row.stoi.map(|score| rounded(score, 4)),
                plcmos: row.plcmos.map(|score| rounded(score, 3)),
                pieces_scored: row.pieces_scored,
            };
            let object = serde_json::to_string(&object)?;
            writeln!(out, "{object}")?;
        } else {
            let score = |score: Option<f64>, digits| {
                score.map_or("-".to_owned(), |score| format!("{score:.digits$}"))
            };
            writeln!(
                out,
                "| {} | {} | {mean:.1} | {p95:.1} | {:.2} | {:.2} | {} | {} | {} |",
                row.trace,
                row.receiver,
                row.heard.concealed * 100.0,
                row.heard.stretched * 100.0,
                score(row.pesq_wb, 2),
                score(row.stoi, 3),
                score(row.plcmos, 2),
            )?;
        }
    }
    Ok(())
}

/// Seconds, for sums.
pub(crate) fn seconds(span: Duration) -> f64 {
    span.as_secs_f64()
}
