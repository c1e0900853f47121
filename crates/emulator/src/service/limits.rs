//! How long things take and may take, on the clock of the emulator.

use std::time::Duration;

/// How long somebody may wait in a lobby. Not documented for Graph; Teams lets go after half an hour.
const LOBBY: Duration = Duration::from_secs(30 * 60);

/// How long a call between two rings when it says nothing itself. Not documented; the page's maximum is 115 s.
const RINGING: Duration = Duration::from_secs(60);

/// Between two steps of a transfer.
const TRANSFER_STEP: Duration = Duration::from_millis(500);

/// How long a prompt lasts: the emulator does not fetch it.
const PROMPT: Duration = Duration::from_secs(2);

/// How long one tone sounds when tones are sent.
const TONE: Duration = Duration::from_millis(200);

/// How long it takes to bring about what the service does by itself, such as beginning music.
const MOMENT: Duration = Duration::from_millis(200);

/// The times of an emulator: those above, scaled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    scale: f64,
}

impl Limits {
    pub(super) fn new(scale: f64) -> Self {
        Self { scale }
    }

    /// A time on the emulator's clock. One that no clock can count counts as very long.
    pub(super) fn scaled(self, duration: Duration) -> Duration {
        const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);
        Duration::try_from_secs_f64(duration.as_secs_f64() * self.scale).unwrap_or(LONGEST).min(LONGEST)
    }

    /// A time on the clock of what is said, from one on the emulator's.
    pub(super) fn unscaled(self, duration: Duration) -> Duration {
        Duration::try_from_secs_f64(duration.as_secs_f64() / self.scale).unwrap_or(Duration::MAX)
    }

    pub(super) fn lobby(self) -> Duration {
        self.scaled(LOBBY)
    }

    /// Ringing, of the seconds that the caller asks for if it does.
    pub(super) fn ringing(self, seconds: Option<i64>) -> Duration {
        let asked = seconds.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
        self.scaled(asked.unwrap_or(RINGING))
    }

    pub(super) fn transfer_step(self) -> Duration {
        self.scaled(TRANSFER_STEP)
    }

    pub(super) fn prompts(self, count: usize) -> Duration {
        self.scaled(PROMPT.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX)))
    }

    pub(super) fn tones(self, count: usize, between: Duration) -> Duration {
        self.scaled((TONE + between).saturating_mul(u32::try_from(count).unwrap_or(u32::MAX)))
    }

    pub(super) fn moment(self) -> Duration {
        self.scaled(MOMENT)
    }
}
