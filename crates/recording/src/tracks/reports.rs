//! What a sender says of the clocks of its streams (sender reports, RFC 3550 section 6.4.1): how each stands to its wall clock, and so
//! to the others. Pure.

use std::collections::{HashMap, VecDeque};

use super::clock::StreamId;

/// Reports of a stream that are looked at: one that was written late tells less than the others.
const LOOKED_AT: usize = 8;

/// How old they may be: 10 s. Until then, clocks that drift are still the same.
const FRESH: i64 = 10 * 48_000;

/// One alone is not believed.
const LEAST: usize = 2;

/// A report of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// The sender's wall clock: seconds in the upper half.
    pub(crate) ntp: u64,
    /// The same instant on the clock of the stream.
    pub(crate) time: u32,
    /// When it came.
    pub(crate) at: i64,
}

impl Report {
    /// The sender's wall clock, in samples.
    fn wall(&self) -> i64 {
        ((u128::from(self.ntp) * 48_000) >> 32) as i64
    }
}

/// The latest reports of each stream.
#[derive(Debug, Default)]
pub(super) struct Reports(HashMap<StreamId, VecDeque<Report>>);

impl Reports {
    /// Takes note of a report. One that is overtaken says nothing new.
    pub(super) fn note(&mut self, stream: StreamId, report: Report) {
        let reports = self.0.entry(stream).or_default();
        if reports.back().is_some_and(|last| last.wall() >= report.wall() && report.at - last.at < FRESH) {
            return;
        }
        if reports.len() == LOOKED_AT {
            reports.pop_front();
        }
        reports.push_back(report);
    }

    /// How many reports of a stream came of late.
    pub(super) fn count(&self, stream: StreamId, now: i64) -> usize {
        self.fresh(stream, now).count()
    }

    fn fresh(&self, stream: StreamId, now: i64) -> impl Iterator<Item = &Report> + Clone {
        let all = self.0.get(&stream).into_iter().flatten();
        all.filter(move |report| now - report.at < FRESH)
    }

    /// How far the clock of a stream, on which `sample` says where a time stands, is ahead of the wall clock at `now`; `None` where too
    /// little was reported of late. A sender that was late counts from when it sent: what is furthest ahead was in time.
    pub(super) fn ahead(&self, stream: StreamId, now: i64, sample: impl Fn(u32) -> i64) -> Option<i64> {
        let fresh = self.fresh(stream, now);
        if fresh.clone().count() < LEAST {
            return None;
        }
        fresh.map(|report| sample(report.time) - report.wall()).max()
    }
}
