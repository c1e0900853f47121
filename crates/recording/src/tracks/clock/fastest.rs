//! How late the fastest packets are, which tell how the clocks stand. Pure.

/// The least delay of packets, by windows.
#[derive(Debug, Default)]
pub(super) struct Fastest {
    since: Option<i64>,
    least: Option<i64>,
    /// Of the window before.
    settled: Option<i64>,
}

impl Fastest {
    pub(super) fn note(&mut self, now: i64, delay: i64, window: i64) {
        let since = *self.since.get_or_insert(now);
        if now - since >= window {
            (self.settled, self.least, self.since) = (self.least, None, Some(now));
        }
        self.least = Some(self.least.map_or(delay, |least| least.min(delay)));
    }

    /// How far off the clock is: at once where packets come before they can, else after a window in which none was faster.
    pub(super) fn off(&self) -> Option<i64> {
        self.settled.map(|settled| self.least.map_or(settled, |least| settled.min(least)))
    }

    /// The same, as soon as there is anything to tell by.
    pub(super) fn latest(&self) -> Option<i64> {
        self.off().or(self.least)
    }

    pub(super) fn moved(&mut self, by: i64) {
        for delay in [&mut self.least, &mut self.settled].into_iter().flatten() {
            *delay -= by;
        }
    }
}
