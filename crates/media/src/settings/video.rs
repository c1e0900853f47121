//! Settings of a video socket.

use crate::blob::MediaDirection;
use crate::video::VideoCodec;
use crate::video::simulcast::SimulcastLayer;

/// Settings of a video socket, or that of a shared screen, both directions.
#[derive(Clone, Debug)]
pub struct VideoSocketSettings {
    pub(crate) codecs: Vec<VideoCodec>,
    pub(crate) direction: MediaDirection,
    pub(crate) receive_queue: usize,
    pub(crate) latest_wins: bool,
    pub(crate) send_queue: usize,
    /// `None` for one picture as the path carries it.
    pub(crate) simulcast: Option<Vec<SimulcastLayer>>,
}

impl Default for VideoSocketSettings {
    fn default() -> Self {
        Self {
            codecs: vec![VideoCodec::H264, VideoCodec::Vp8],
            direction: MediaDirection::SendReceive,
            receive_queue: 30,
            latest_wins: true,
            send_queue: 4,
            simulcast: None,
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

    /// Offers to send the picture in one to three sizes at once, small ones first (RFC 8853), so that a far end which passes it on
    /// gives each who looks what their path carries. Default: one picture, at whatever rate the path has room for. The far end may
    /// take all of the layers, some of them, or none: then the largest alone is sent.
    /// [`VideoSendStatusChanged`](crate::MediaEvent::VideoSendStatusChanged) says which. Only an offer asks; an answer sends one
    /// picture.
    ///
    /// Costs encoding each layer, 4 bytes more a packet, and, of the path, all layers together. Making a session fails with
    /// [`MediaError::InvalidSetting`](crate::MediaError::InvalidSetting) for none, for more than three, where a layer is larger than
    /// the next one or no part of the picture, where its rates are no range, and in a socket that does not send.
    #[must_use]
    pub fn simulcast(mut self, layers: impl IntoIterator<Item = SimulcastLayer>) -> Self {
        self.simulcast = Some(layers.into_iter().collect());
        self
    }

    /// How many frames of each layer may wait for the media thread. Default 4: it takes them as they come, and paces their packets.
    #[must_use]
    pub fn send_queue(mut self, frames: usize) -> Self {
        self.send_queue = frames;
        self
    }
}
