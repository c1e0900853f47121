//! Rows, as JSON or a table.

use serde::Serialize;

use crate::score::Percentiles;

/// What came of one call, over the time that it was measured.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) codec: String,
    pub(crate) sender: &'static str,
    pub(crate) receiver: &'static str,
    /// In per cent.
    pub(crate) loss: f64,
    /// Pictures that the sender was shown.
    pub(crate) frames_drawn: usize,
    /// Those that its encoder did not leave out, as the sender counts.
    pub(crate) frames_sent: f64,
    pub(crate) frames_delivered: usize,
    pub(crate) freezes: usize,
    pub(crate) frozen_ms: f64,
    pub(crate) longest_freeze_ms: f64,
    /// Each of them: how long it took to recover.
    pub(crate) freeze_ms: Vec<f64>,
    /// As the receiver itself counts.
    pub(crate) receiver_freezes: f64,
    pub(crate) receiver_frozen_ms: f64,
    pub(crate) latency_ms: Percentiles,
    pub(crate) psnr: f64,
    pub(crate) least_psnr: f64,
    pub(crate) ssim: f64,
    pub(crate) pictures_scored: usize,
    pub(crate) key_frames_asked: f64,
    pub(crate) key_frames: f64,
    pub(crate) nacks: f64,
    pub(crate) retransmitted: f64,
    pub(crate) packets_sent: f64,
    /// Frames that the engine gave to a decoder which could not use them; of Chromium it is not known.
    pub(crate) undecodable: Option<u64>,
    pub(crate) unreadable: u64,
    pub(crate) kbps: f64,
    /// The codec that Chromium says it has sent or received.
    pub(crate) wire_codec: Option<String>,
    /// How far its clock may be from ours, at the most.
    pub(crate) clock_error_ms: Option<f64>,
    /// Of the whole call, both ways.
    pub(crate) relay_lost: Option<u64>,
    pub(crate) relay_received: Option<u64>,
}

const HEAD: &str = "\
| codec | from | to | loss % | drawn | sent | seen | freezes | frozen ms | longest ms | p50 ms | p95 ms | p99 ms | PSNR | SSIM | \
key frames asked | NACKs | sent again | undecodable | unreadable | kb/s |
|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
";

impl Row {
    /// For people who wait.
    pub(crate) fn line(&self) -> String {
        format!(
            "{} {} to {} at {} %: {} of {} pictures, {} freezes, {:.0} ms late",
            self.codec,
            self.sender,
            self.receiver,
            self.loss,
            self.frames_delivered,
            self.frames_drawn,
            self.freezes,
            self.latency_ms.p50
        )
    }

    /// All rows, as Markdown.
    pub(crate) fn table(rows: &[Self]) -> String {
        rows.iter().map(Self::cells).fold(HEAD.to_owned(), |table, row| table + &row)
    }

    fn cells(&self) -> String {
        let Percentiles { p50, p95, p99 } = self.latency_ms;
        let undecodable = self.undecodable.map_or("-".to_owned(), |count| count.to_string());
        format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {:.0} | {:.0} | {p50:.0} | {p95:.0} | {p99:.0} | {:.1} | {:.3} | {} | {} | {} | \
             {undecodable} | {} | {:.0} |\n",
            self.codec,
            self.sender,
            self.receiver,
            self.loss,
            self.frames_drawn,
            self.frames_sent,
            self.frames_delivered,
            self.freezes,
            self.frozen_ms,
            self.longest_freeze_ms,
            self.psnr,
            self.ssim,
            self.key_frames_asked,
            self.nacks,
            self.retransmitted,
            self.unreadable,
            self.kbps,
        )
    }
}
