//! The halves of a video socket as ends of codec threads.

use std::time::Duration;

use super::{EncodedVideoSink, EncodedVideoSource, GLANCE, SinkState};
use crate::session::audio_socket::SocketClosed;
use crate::session::video_socket::{VideoSendError, VideoSocketReceiver, VideoSocketSender};
use crate::time::MediaInstant;
use crate::video::EncodedVideoFrame;
use crate::video::simulcast::SimulcastLayer;

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
        taken(self.send_blocking(frame.data(), capture_time, GLANCE))
    }

    fn simulcast(&self) -> Vec<SimulcastLayer> {
        Self::simulcast(self).to_vec()
    }

    fn layer_state(&mut self, layer: usize) -> SinkState {
        let is_on = self.layer_is_on(layer);
        SinkState {
            codec: self.codec().filter(|_| is_on),
            // Asked for while it is off, it is still wanted when it is on.
            key_frame: is_on && self.take_layer_key_frame_needed(layer),
            bit_rate: self.layer_target_rate(layer).filter(|_| is_on),
            size: None,
        }
    }

    fn send_layer(
        &mut self,
        layer: usize,
        frame: &EncodedVideoFrame,
        capture_time: MediaInstant,
    ) -> Result<bool, SocketClosed> {
        taken(self.send_layer_blocking(layer, frame.data(), capture_time, GLANCE))
    }
}

/// Whether a frame was taken.
fn taken(sent: Result<(), VideoSendError>) -> Result<bool, SocketClosed> {
    match sent {
        Ok(()) => Ok(true),
        Err(VideoSendError::Closed | VideoSendError::ReceiveOnly) => Err(SocketClosed),
        Err(_) => Ok(false),
    }
}
