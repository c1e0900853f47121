//! Where a player's pictures can go: to a video socket, encoded or raw.

use std::convert::Infallible;

use super::player::PictureSink;
use crate::raw_video::{PictureSendError, RawVideoSender};
use crate::session::audio_socket::SocketClosed;
use crate::session::video_socket::{VideoSendError, VideoSocketSender};
use crate::time::MediaInstant;
use crate::video::{EncodedVideoFrame, VideoFrame};

/// Raw pictures, each encoded as the far end and the path take it.
impl PictureSink for RawVideoSender {
    type Picture = VideoFrame;

    fn show(&mut self, mut picture: VideoFrame, capture_time: MediaInstant) -> Result<(), SocketClosed> {
        picture.set_capture_time(capture_time);
        match self.try_send(&picture) {
            Err(PictureSendError::Closed) => Err(SocketClosed),
            _ => Ok(()),
        }
    }
}

/// Encoded pictures as they are, in the codec that was agreed.
impl PictureSink for VideoSocketSender {
    type Picture = EncodedVideoFrame;

    fn show(&mut self, picture: EncodedVideoFrame, capture_time: MediaInstant) -> Result<(), SocketClosed> {
        match self.try_send(picture.data(), capture_time) {
            Err(VideoSendError::Closed | VideoSendError::ReceiveOnly) => Err(SocketClosed),
            _ => Ok(()),
        }
    }
}

/// No pictures at all: for a player of sound alone.
pub struct NoPictures(Infallible);

impl PictureSink for NoPictures {
    type Picture = Infallible;

    fn show(&mut self, picture: Infallible, _: MediaInstant) -> Result<(), SocketClosed> {
        match picture {}
    }
}
