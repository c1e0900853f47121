//! What happens in rooms, and who is told of it.

use offhook_media::{MediaSourceId, Tone};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

/// Something that has happened in a room, for the calls service to know.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum RoomEvent {
    /// A scripted member has come who was not there from the beginning.
    Came { room: String, id: String, name: String, audio: MediaSourceId, video: Option<MediaSourceId> },
    /// Somebody who is no bot has gone.
    Left { room: String, id: String },
    /// Somebody was muted, or is heard again.
    Muted { room: String, id: String, muted: bool },
    /// Somebody has pressed a key.
    Pressed { room: String, id: String, tone: Tone },
    /// Somebody shares their screen, or no longer.
    Shares { room: String, id: String, source: Option<MediaSourceId> },
    /// The pictures of somebody's camera are seen under a source, or no longer.
    Shows { room: String, id: String, source: Option<MediaSourceId> },
    /// The bot of this call is removed.
    Removed { call: String },
    /// Whoever the bot of this call has called, or was called by, leaves.
    HangsUp { call: String },
}

/// Who is told of what happens.
#[derive(Clone)]
pub(super) struct Listeners {
    pub(super) events: UnboundedSender<RoomEvent>,
    pub(super) changed: watch::Sender<u64>,
}

impl Listeners {
    pub(super) fn changed(&self) {
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// The exchange lives as long as its rooms.
    pub(super) fn tell(&self, event: RoomEvent) {
        let _ = self.events.send(event);
    }
}
