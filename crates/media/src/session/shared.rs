//! What the worker and the application both hold of a session.

use std::sync::Arc;

use super::doorbell::Doorbell;
use super::quality::QualityBoard;
use super::state::{MediaState, SharedState};
use super::transport::AudioSection;
use super::video::lane::{Knock, VideoLane};
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
    /// The same for packets of each speaker that is sent on a section of its own.
    pub(crate) speakers_room: Box<[Arc<Doorbell>]>,
    /// Of each video socket.
    pub(crate) video: Box<[Arc<VideoLane>]>,
    /// A video socket has something for the worker.
    pub(crate) video_knock: Knock,
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
    /// For a session that sends as many speakers on sections of their own, and has as many video sockets.
    pub(crate) fn new(stats: Arc<SharedStats>, speakers: u8, video: usize) -> Self {
        let doorbell = Arc::<Doorbell>::default;
        Self {
            state: SharedState::new(),
            stats,
            send: Arc::default(),
            quality: QualityBoard::default(),
            heard: doorbell(),
            room: doorbell(),
            speakers_room: (0..speakers).map(|_| doorbell()).collect(),
            video: (0..video).map(|_| Arc::default()).collect(),
            video_knock: Knock::default(),
            changed: doorbell(),
            happened: doorbell(),
            played: doorbell(),
            toned: doorbell(),
        }
    }

    /// The doorbell of who sends packets on that section.
    pub(crate) fn room_of(&self, section: AudioSection) -> &Arc<Doorbell> {
        section.checked_sub(1).and_then(|speaker| self.speakers_room.get(speaker)).unwrap_or(&self.room)
    }

    /// Ends the session from the application's side: whoever waits learns of it, whether or not a worker has it.
    pub(crate) fn end(&self) {
        if self.state.set(MediaState::Closed) {
            [&self.heard, &self.room, &self.changed, &self.happened, &self.played, &self.toned]
                .into_iter()
                .chain(&self.speakers_room)
                .chain(self.video.iter().flat_map(|lane| [&lane.shown, &lane.room]))
                .for_each(|doorbell| doorbell.answer());
        }
    }
}
