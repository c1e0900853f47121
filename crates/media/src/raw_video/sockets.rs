//! The halves of a video socket as ends of codec threads.

use std::time::Duration;

use super::{EncodedVideoSink, EncodedVideoSource, GLANCE, SinkState};
use crate::session::audio_socket::SocketClosed;
use crate::session::video_socket::{VideoSendError, VideoSocketReceiver, VideoSocketSender};
use crate::time::MediaInstant;
use crate::video::EncodedVideoFrame;

impl EncodedVideoSource for VideoSocketReceiver {
    fn next_frame(&mut self, timeout: Duration) -> Result<Option<&EncodedVideoFrame>, SocketClosed> {
        self.receive_blocking(timeout)
    }

    fn request_key_frame(&mut self) {
        Self::request_key_frame(self);
    }
}

impl EncodedVideoSink for VideoSocketSender {
    fn state(&mut self) -> SinkState {
        SinkState {
            codec: self.codec(),
            key_frame: self.take_key_frame_needed(),
            bit_rate: self.target_rate(),
            size: None,
        }
    }

    fn send_frame(
        &mut self,
        frame: &EncodedVideoFrame,
        capture_time: MediaInstant,
    ) -> Result<bool, SocketClosed> {
        match self.send_blocking(frame.data(), capture_time, GLANCE) {
            Ok(()) => Ok(true),
            Err(VideoSendError::Closed | VideoSendError::ReceiveOnly) => Err(SocketClosed),
            Err(_) => Ok(false),
        }
    }
}
