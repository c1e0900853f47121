//! The showing half of a video socket: of one picture, or of several sizes of it at once.

use std::future::poll_fn;
use std::task::Context;
use std::time::Duration;

use super::{MAX_FRAME_LEN, VideoEnd, VideoSendError};
use crate::blob::SocketId;
use crate::ring::RingWriter;
use crate::session::audio_socket::{block_until, wait_at};
use crate::session::video::lane::FrameToSend;
use crate::time::{MediaClock, MediaInstant};
use crate::video::simulcast::{LayerSet, SimulcastLayer};
use crate::video::{BitRate, VideoCodec, room_for};

/// The showing half of a [`VideoSocket`](crate::VideoSocket).
pub struct VideoSocketSender {
    /// `None` where the socket does not send.
    ring: Option<RingWriter<FrameToSend>>,
    /// What it would send at once, small ones first; nothing without simulcast.
    simulcast: Vec<SimulcastLayer>,
    /// What the largest frame needs.
    room: usize,
    end: VideoEnd,
}

impl VideoSocketSender {
    pub(super) fn new(
        ring: Option<RingWriter<FrameToSend>>,
        simulcast: Vec<SimulcastLayer>,
        end: VideoEnd,
    ) -> Self {
        Self { ring, simulcast, room: 0, end }
    }

    /// Its number in the blob, by which events name it.
    pub fn id(&self) -> SocketId {
        self.end.socket
    }

    /// How frames have to be encoded: what both ends know and the offerer prefers. `None` until the session is connected, and where the
    /// far end does not look.
    pub fn codec(&self) -> Option<VideoCodec> {
        self.end.lane.codec()
    }

    /// The layers of its picture, small ones first, as [`simulcast`](crate::VideoSocketSettings::simulcast) has them; nothing without
    /// simulcast.
    pub fn simulcast(&self) -> &[SimulcastLayer] {
        &self.simulcast
    }

    /// Which layers the far end takes: some of [`simulcast`](Self::simulcast), and the largest alone where it knows nothing of layers.
    /// Without simulcast, layer 0 is the picture. None until the session is connected, and where the far end does not look.
    pub fn layers(&self) -> LayerSet {
        self.end.lane.agreed()
    }

    /// Whether frames of a layer are sent: the far end takes it, and the path carries it.
    pub fn layer_is_on(&self, layer: usize) -> bool {
        let has_rate = self.layer_target_rate(layer).is_some_and(|rate| rate > BitRate::default());
        has_rate && self.layers().contains(layer)
    }

    /// Whether the next frame of a layer should be a key frame, since this was last asked: what
    /// [`KeyFrameNeeded`](crate::MediaEvent::KeyFrameNeeded) tells, for who does not read events.
    pub fn take_layer_key_frame_needed(&self, layer: usize) -> bool {
        self.end.lane.take_needed_key_frame(layer)
    }

    /// What frames of a layer may have by what the path carries, as
    /// [`VideoTargetRateChanged`](crate::MediaEvent::VideoTargetRateChanged) told last; zero while it is off, `None` before any was
    /// told.
    pub fn layer_target_rate(&self, layer: usize) -> Option<BitRate> {
        self.end.lane.target_rate(layer)
    }

    /// [`take_layer_key_frame_needed`](Self::take_layer_key_frame_needed) of the only picture, or the largest layer that is taken.
    pub fn take_key_frame_needed(&self) -> bool {
        self.take_layer_key_frame_needed(self.largest())
    }

    /// [`layer_target_rate`](Self::layer_target_rate) of the only picture, or the largest layer that is taken.
    pub fn target_rate(&self) -> Option<BitRate> {
        self.layer_target_rate(self.largest())
    }

    /// The layer of who does not name one.
    fn largest(&self) -> usize {
        self.layers().largest().unwrap_or(self.simulcast.len().saturating_sub(1))
    }

    /// Queues a frame of [`codec`](Self::codec), H.264 in Annex B form; waits while the worker has not taken those before. The first
    /// has to be a key frame, and so has the next after each [`KeyFrameNeeded`](crate::MediaEvent::KeyFrameNeeded). `captured` is
    /// when the picture was taken, on the platform's clock: the far end shows it in step with what was said then. The frame is
    /// copied and stays the caller's. With simulcast it is of the largest layer that the far end takes.
    ///
    /// # Errors
    /// When the session is over, the socket does not send, or the frame is empty or too large.
    pub async fn send(&mut self, frame: &[u8], captured: MediaInstant) -> Result<(), VideoSendError> {
        self.send_layer(self.largest(), frame, captured).await
    }

    /// Queues a frame if there is room now.
    ///
    /// # Errors
    /// [`VideoSendError::Full`] where [`send`](Self::send) would wait; otherwise as there.
    pub fn try_send(&mut self, frame: &[u8], captured: MediaInstant) -> Result<(), VideoSendError> {
        self.try_send_layer(self.largest(), frame, captured)
    }

    /// [`send`](Self::send) for a thread of its own.
    ///
    /// # Errors
    /// [`VideoSendError::Full`] when there was no room for `timeout`; otherwise as there.
    pub fn send_blocking(
        &mut self,
        frame: &[u8],
        captured: MediaInstant,
        timeout: Duration,
    ) -> Result<(), VideoSendError> {
        self.send_layer_blocking(self.largest(), frame, captured, timeout)
    }

    /// [`send`](Self::send) of a layer, 0 the smallest. All layers of one picture have the same `captured`: by that a receiver changes
    /// from one to another. A frame of a layer that is not [on](Self::layer_is_on) is thrown away, and counted in
    /// `video_frames_withheld`.
    ///
    /// # Errors
    /// As [`send`](Self::send); and when the settings have no such layer.
    pub async fn send_layer(
        &mut self,
        layer: usize,
        frame: &[u8],
        captured: MediaInstant,
    ) -> Result<(), VideoSendError> {
        self.check(layer, frame)?;
        poll_fn(|context| {
            wait_at(&self.end.lane.room, context, || {
                if self.end.shared.state.get().is_over() {
                    return Some(Err(VideoSendError::Closed));
                }
                self.ring.as_ref().is_none_or(|ring| ring.vacant() > 0).then_some(Ok(()))
            })
        })
        .await?;
        self.try_send_layer(layer, frame, captured)
    }

    /// [`send_layer`](Self::send_layer) if there is room now.
    ///
    /// # Errors
    /// [`VideoSendError::Full`] where [`send_layer`](Self::send_layer) would wait; otherwise as there.
    pub fn try_send_layer(
        &mut self,
        layer: usize,
        frame: &[u8],
        captured: MediaInstant,
    ) -> Result<(), VideoSendError> {
        self.check(layer, frame)?;
        if self.end.shared.state.get().is_over() {
            return Err(VideoSendError::Closed);
        }
        let ring = self.ring.as_mut().ok_or(VideoSendError::ReceiveOnly)?;
        self.room = room_for(frame, self.room);
        let room = self.room;
        if !ring.write(|slot| slot.fill(layer, frame, captured, room)) {
            return Err(VideoSendError::Full);
        }
        self.end.knock();
        Ok(())
    }

    /// [`send_layer`](Self::send_layer) for a thread of its own.
    ///
    /// # Errors
    /// [`VideoSendError::Full`] when there was no room for `timeout`; otherwise as there.
    pub fn send_layer_blocking(
        &mut self,
        layer: usize,
        frame: &[u8],
        captured: MediaInstant,
        timeout: Duration,
    ) -> Result<(), VideoSendError> {
        self.check(layer, frame)?;
        let deadline = self.end.clock.now() + timeout;
        let room = |context: &mut Context<'_>| {
            wait_at(&self.end.lane.room, context, || {
                let is_over = self.end.shared.state.get().is_over();
                let has_room = self.ring.as_ref().is_none_or(|ring| ring.vacant() > 0);
                (is_over || has_room).then_some(Ok(true))
            })
        };
        // What it waited for in vain is said by the attempt.
        let _ = block_until(self.end.clock, deadline, room);
        self.try_send_layer(layer, frame, captured)
    }

    fn check(&self, layer: usize, frame: &[u8]) -> Result<(), VideoSendError> {
        let layers = self.simulcast.len().max(1);
        match frame.len() {
            _ if self.ring.is_none() => Err(VideoSendError::ReceiveOnly),
            _ if layer >= layers => Err(VideoSendError::NoLayer { layer, layers }),
            1..=MAX_FRAME_LEN => Ok(()),
            len => Err(VideoSendError::Length { len }),
        }
    }
}
