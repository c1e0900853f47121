//! How long packets are held. Fixed for now: the place where a delay that follows the arrivals will live.

use std::time::Duration;

use crate::frame::AudioFormat;
use crate::settings::JitterBufferSettings;

/// Ticks over which the buffer must stay too full before it is drained: one second, so that a burst after a stall is
/// not mistaken for standing delay.
const WINDOW: u32 = 50;

/// Decides how much delay to hold, and when there is too much of it.
#[derive(Debug)]
pub(crate) struct DelayManager {
    settings: JitterBufferSettings,
    lowest: Duration,
    ticks: u32,
    excess: bool,
}

impl DelayManager {
    pub(crate) fn new(settings: JitterBufferSettings) -> Self {
        Self { settings, lowest: Duration::MAX, ticks: 0, excess: false }
    }

    /// The delay to hold between arrival and playing.
    pub(crate) fn target(&self) -> Duration {
        self.settings.target_delay
    }

    /// The delay that is never exceeded: packets go instead.
    pub(crate) fn ceiling(&self) -> Duration {
        self.settings.max_delay.max(self.settings.target_delay + AudioFormat::FRAME_DURATION)
    }

    /// Takes note of what is buffered at a tick.
    pub(crate) fn observe(&mut self, buffered: Duration) {
        self.lowest = self.lowest.min(buffered);
        self.ticks += 1;
        if self.ticks >= WINDOW {
            // Even at its emptiest the buffer held a frame more than it is asked to.
            self.excess = self.lowest > self.settings.target_delay + AudioFormat::FRAME_DURATION;
            self.lowest = Duration::MAX;
            self.ticks = 0;
        }
    }

    /// Whether a frame that nobody would miss should be left out. True once for each time that it is found out.
    pub(crate) fn take_excess(&mut self) -> bool {
        std::mem::take(&mut self.excess)
    }

    /// Whether there is more delay than asked for.
    pub(crate) fn has_excess(&self) -> bool {
        self.excess
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = AudioFormat::FRAME_DURATION;

    #[test]
    fn a_short_burst_is_no_excess_but_standing_delay_is() {
        let mut delay = DelayManager::new(JitterBufferSettings::default());
        for tick in 0..WINDOW {
            delay.observe(if tick == 10 { FRAME * 3 } else { FRAME * 9 });
        }
        assert!(!delay.take_excess(), "it was down to the target once");
        (0..WINDOW).for_each(|_| delay.observe(FRAME * 9));
        assert!(delay.take_excess());
        assert!(!delay.take_excess(), "one frame for each time");
    }
}
