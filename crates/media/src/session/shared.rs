//! What the worker and the application both hold of a session.

use std::sync::Arc;

use super::doorbell::Doorbell;
use super::quality::QualityBoard;
use super::state::{MediaState, SharedState};
use crate::send::control::SendControl;
use crate::stats::SharedStats;

/// What the worker's half of a session and the application's handles share.
pub(crate) struct Shared {
    pub(crate) state: SharedState,
    pub(crate) stats: Arc<SharedStats>,
    pub(crate) send: Arc<SendControl>,
    pub(crate) quality: QualityBoard,
    /// Frames to hear, or the end of the session.
    pub(crate) heard: Arc<Doorbell>,
    /// Room for frames to say, or the end of the session.
    pub(crate) room: Arc<Doorbell>,
    /// The state has changed.
    pub(crate) changed: Arc<Doorbell>,
    /// Something happened, or the session is over.
    pub(crate) happened: Arc<Doorbell>,
    /// The player has answered.
    pub(crate) played: Arc<Doorbell>,
    /// Tones were answered.
    pub(crate) toned: Arc<Doorbell>,
}

impl Shared {
    pub(crate) fn new(stats: Arc<SharedStats>) -> Self {
        let doorbell = Arc::<Doorbell>::default;
        Self {
            state: SharedState::new(),
            stats,
            send: Arc::default(),
            quality: QualityBoard::default(),
            heard: doorbell(),
            room: doorbell(),
            changed: doorbell(),
            happened: doorbell(),
            played: doorbell(),
            toned: doorbell(),
        }
    }

    /// Ends the session from the application's side: whoever waits learns of it, whether or not a worker has it.
    pub(crate) fn end(&self) {
        if self.state.set(MediaState::Closed) {
            [&self.heard, &self.room, &self.changed, &self.happened, &self.played, &self.toned]
                .into_iter()
                .for_each(|doorbell| doorbell.answer());
        }
    }
}
