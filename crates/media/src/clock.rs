//! [io] The real clock.
#![expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]

use std::time::Instant;

use crate::time::{MediaClock, MediaInstant};

/// The machine's monotonic clock, counted from the start of the platform.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemClock {
    epoch: Instant,
}

impl SystemClock {
    /// A clock that starts now.
    pub(crate) fn start() -> Self {
        Self { epoch: Instant::now() }
    }

    /// The real instant of [`MediaInstant::ZERO`].
    pub(crate) fn epoch(&self) -> Instant {
        self.epoch
    }
}

impl MediaClock for SystemClock {
    fn now(&self) -> MediaInstant {
        MediaInstant::from_duration(self.epoch.elapsed())
    }
}
