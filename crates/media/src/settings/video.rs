//! Settings of a video socket.

use crate::blob::MediaDirection;
use crate::video::VideoCodec;

/// Settings of a video socket, or that of a shared screen, both directions.
#[derive(Clone, Debug)]
pub struct VideoSocketSettings {
    pub(crate) codecs: Vec<VideoCodec>,
    pub(crate) direction: MediaDirection,
    pub(crate) receive_queue: usize,
    pub(crate) latest_wins: bool,
    pub(crate) send_queue: usize,
}

impl Default for VideoSocketSettings {
    fn default() -> Self {
        Self {
            codecs: vec![VideoCodec::H264, VideoCodec::Vp8],
            direction: MediaDirection::SendReceive,
            receive_queue: 30,
            latest_wins: true,
            send_queue: 4,
        }
    }
}

impl VideoSocketSettings {
    /// What can be sent and shown, the preferred one first. Default: H.264, VP8. What is sent is of the one codec that both ends have
    /// and the offerer prefers; what is shown may be of any that was offered.
    #[must_use]
    pub fn codecs(mut self, codecs: impl IntoIterator<Item = VideoCodec>) -> Self {
        self.codecs = codecs.into_iter().collect();
        self
    }

    /// Whether it sends, receives, or both, as far as the far end does the opposite. Default both.
    #[must_use]
    pub fn direction(mut self, direction: MediaDirection) -> Self {
        self.direction = direction;
        self
    }

    /// How many frames wait for an application that does not read. Default 30, a second of most pictures. Costs as many times the
    /// largest frame that has come, in memory.
    #[must_use]
    pub fn receive_queue(mut self, frames: usize) -> Self {
        self.receive_queue = frames;
        self
    }

    /// What an application gets that was late for so long that the queue was full: with `true`, the next key frame, and nothing older;
    /// with `false`, all that waits, and then the next key frame. In between frames are lost either way, and the key frame is asked
    /// for. Default `true`: who shows pictures wants the present one. Who records wants the others too.
    #[must_use]
    pub fn latest_wins(mut self, latest_wins: bool) -> Self {
        self.latest_wins = latest_wins;
        self
    }

    /// How many frames may wait for the media thread. Default 4: it takes them as they come, and paces their packets.
    #[must_use]
    pub fn send_queue(mut self, frames: usize) -> Self {
        self.send_queue = frames;
        self
    }
}
