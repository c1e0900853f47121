//! Where somebody's pictures are shown, and from where they see others'.

use std::sync::Weak;

use offhook_media::MediaSourceId;
use rtc::rtp::Packet;
use tokio::sync::watch;

use super::hall::Hall;
use super::video::{Choice, Codec};

/// A member of a room, as the one that has their connection knows it.
#[derive(Clone)]
pub(crate) struct Stage {
    hall: Weak<Hall>,
    member: String,
}

impl Stage {
    pub(super) fn new(hall: Weak<Hall>, member: &str) -> Self {
        Self { hall, member: member.to_owned() }
    }

    /// A packet of their camera or their screen.
    pub(crate) fn show(&self, is_screen: bool, codec: Codec, packet: &Packet) {
        if let Some(hall) = self.hall.upgrade() {
            hall.show(&self.member, is_screen, codec, packet);
        }
    }

    /// They need a key frame of what they see in the slot of this RTP source.
    pub(crate) fn needs_key_frame(&self, ssrc: u32) {
        if let Some(hall) = self.hall.upgrade() {
            hall.needs_key_frame(&self.member, ssrc);
        }
    }
}

/// What a bot asks for and is told by messages.
impl Stage {
    /// What they see in the section `mid` is as they choose. Says whether there is such a section.
    pub(crate) fn choose(&self, mid: &str, choice: Choice) -> bool {
        self.hall.upgrade().is_some_and(|hall| hall.choose(&self.member, mid, choice))
    }

    /// What can be seen now: cameras, screens; of others only.
    pub(crate) fn sources(&self) -> [Vec<MediaSourceId>; 2] {
        self.hall.upgrade().map(|hall| hall.sources(&self.member)).unwrap_or_default()
    }

    /// Whether a member has this source, whether or not it is on.
    pub(crate) fn knows(&self, source: u32) -> bool {
        self.hall.upgrade().is_some_and(|hall| hall.knows(source))
    }

    /// The source of whoever speaks most.
    pub(crate) fn dominant_speaker(&self) -> Option<MediaSourceId> {
        self.hall.upgrade()?.dominant_speaker()
    }

    /// Changes whenever what can be seen, or who speaks most, may have; `None` once the room is gone.
    pub(crate) fn changes(&self) -> Option<watch::Receiver<u64>> {
        self.hall.upgrade().map(|hall| hall.changes())
    }
}
