//! Where somebody's pictures are shown, and from where they see others'.

use std::sync::Weak;

use offhook_media::MediaSourceId;
use offhook_media::video::VideoSize;
use rtc::rtp::Packet;
use tokio::sync::watch;

use super::hall::Hall;
use super::video::{Choice, Codec, Feed};

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

    /// A packet of a layer of their camera or their screen.
    pub(crate) fn show(&self, is_screen: bool, layer: usize, codec: Codec, packet: &Packet) {
        if let Some(hall) = self.hall.upgrade() {
            hall.show(&Feed::new(&self.member, is_screen), layer, codec, packet);
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
    /// What they see in the section `mid` is as they choose, and no larger than they say. Says whether there is such a section.
    pub(crate) fn choose(&self, mid: &str, choice: Choice, at_most: Option<VideoSize>) -> bool {
        self.hall.upgrade().is_some_and(|hall| hall.choose(&self.member, mid, (choice, at_most)))
    }

    /// All that they see has at most so many bits a second together; `None`: as many as it has.
    pub(crate) fn limit(&self, bits_per_second: Option<u64>) {
        if let Some(hall) = self.hall.upgrade() {
            hall.limit(&self.member, bits_per_second);
        }
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
