//! The rate at which packets arrive at the far end.

use std::collections::VecDeque;
use std::time::Duration;

use super::BitRate;

/// Over how long it is measured.
const WINDOW: Duration = Duration::from_millis(500);
/// Over less than this it is no measurement.
const LEAST: Duration = Duration::from_millis(100);
/// 80 Mb/s of packets of 1200 bytes.
const MOST: usize = 4096;

#[derive(Debug)]
pub(super) struct ArrivedRate {
    arrivals: VecDeque<(Duration, usize)>,
    bytes: usize,
}

impl Default for ArrivedRate {
    fn default() -> Self {
        Self { arrivals: VecDeque::with_capacity(MOST), bytes: 0 }
    }
}

impl ArrivedRate {
    /// A packet of `bytes` arrived at `at`.
    pub(super) fn note(&mut self, at: Duration, bytes: usize) {
        self.bytes += bytes;
        self.arrivals.push_back((at, bytes));
        while let Some(&(first, bytes)) = self.arrivals.front() {
            if at.saturating_sub(first) <= WINDOW && self.arrivals.len() < MOST {
                break;
            }
            self.bytes -= bytes;
            self.arrivals.pop_front();
        }
    }

    /// `None` before there is enough to tell.
    pub(super) fn rate(&self) -> Option<BitRate> {
        let (first, bytes) = *self.arrivals.front()?;
        let span = self.arrivals.back()?.0.saturating_sub(first);
        // The first one closes what lies before it.
        (span >= LEAST).then(|| BitRate::of(self.bytes - bytes, span))
    }
}
