//! The application's ends of a session's video: whole encoded frames.

mod sender;

use std::future::poll_fn;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

pub use sender::VideoSocketSender;

use super::Shared;
use super::audio_socket::{SocketClosed, block_until, wait_for_more};
use super::control::{ControlDesk, ControlError, ControlOrder};
use super::video::lane::{FrameToSend, VideoLane};
use super::video::queue::VideoQueueReader;
use crate::blob::SocketId;
use crate::clock::SystemClock;
use crate::control::VideoResolution;
use crate::ring::RingWriter;
use crate::time::{MediaClock, MediaInstant};
use crate::units::MediaSourceId;
use crate::video::EncodedVideoFrame;
use crate::video::simulcast::SimulcastLayer;

/// The largest frame that is sent: 2 MiB. A key frame of 4K in good quality is a fourth of that.
pub(crate) const MAX_FRAME_LEN: usize = 2 << 20;

/// Why a frame of video was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VideoSendError {
    /// The session is over.
    #[error("the media session is over")]
    Closed,
    /// The socket does not send, by its settings.
    #[error("the socket does not send")]
    ReceiveOnly,
    /// The worker has not taken the frames before.
    #[error("the send queue is full")]
    Full,
    /// The socket's picture has no such layer, by its settings.
    #[error("there is no layer {layer}: the socket's picture has {layers}")]
    NoLayer {
        /// The layer asked for, from 0.
        layer: usize,
        /// How many there are.
        layers: usize,
    },
    /// The frame is empty, or larger than can be sent.
    #[error("the frame has {len} bytes; between 1 and {MAX_FRAME_LEN} can be sent")]
    Length {
        /// Its length.
        len: usize,
    },
}

/// Shows whole encoded pictures, and gives those that it is shown: H.264 in Annex B form, or VP8.
///
/// Nothing is decoded here. Frames come in order, and none before all that it refers to.
pub struct VideoSocket {
    receiver: VideoSocketReceiver,
    sender: VideoSocketSender,
}

/// A [`VideoSocket`] for a shared screen.
pub struct ScreenShareSocket(pub(crate) VideoSocket);

impl ScreenShareSocket {
    /// See [`VideoSocket::split`].
    pub fn split(self) -> (VideoSocketReceiver, VideoSocketSender) {
        self.0.split()
    }
}

impl Deref for ScreenShareSocket {
    type Target = VideoSocket;

    fn deref(&self) -> &VideoSocket {
        &self.0
    }
}

impl DerefMut for ScreenShareSocket {
    fn deref_mut(&mut self) -> &mut VideoSocket {
        &mut self.0
    }
}

/// What both halves of a socket hold.
#[derive(Clone)]
pub(crate) struct VideoEnd {
    pub(crate) socket: SocketId,
    pub(crate) shared: Arc<Shared>,
    pub(crate) lane: Arc<VideoLane>,
    pub(crate) clock: SystemClock,
    /// Wakes the worker for this session.
    pub(crate) worker: Waker,
    pub(crate) control: Arc<ControlDesk>,
}

impl VideoEnd {
    /// Tells the worker that there is something to do; once until it has looked.
    fn knock(&self) {
        if self.shared.video_knock.press() {
            self.worker.wake_by_ref();
        }
    }
}

impl VideoSocket {
    pub(crate) fn new(
        end: &VideoEnd,
        from_worker: Option<VideoQueueReader>,
        (to_worker, simulcast): (Option<RingWriter<FrameToSend>>, Vec<SimulcastLayer>),
    ) -> Self {
        Self {
            receiver: VideoSocketReceiver { queue: from_worker, end: end.clone() },
            sender: VideoSocketSender::new(to_worker, simulcast, end.clone()),
        }
    }

    /// Its number in the blob, by which events name it.
    pub fn id(&self) -> SocketId {
        self.receiver.end.socket
    }

    /// The two directions, for tasks of their own.
    pub fn split(self) -> (VideoSocketReceiver, VideoSocketSender) {
        (self.receiver, self.sender)
    }

    /// See [`VideoSocketReceiver::receive`].
    ///
    /// # Errors
    /// When the session is over and all has been seen, or the socket does not receive.
    pub async fn receive(&mut self) -> Result<&EncodedVideoFrame, SocketClosed> {
        self.receiver.receive().await
    }

    /// See [`VideoSocketReceiver::try_receive`].
    pub fn try_receive(&mut self) -> Option<&EncodedVideoFrame> {
        self.receiver.try_receive()
    }

    /// See [`VideoSocketReceiver::request_key_frame`].
    pub fn request_key_frame(&self) {
        self.receiver.request_key_frame();
    }

    /// See [`VideoSocketReceiver::subscribe`].
    ///
    /// # Errors
    /// As there.
    pub fn subscribe(&self, resolution: VideoResolution, source: MediaSourceId) -> Result<(), ControlError> {
        self.receiver.subscribe(resolution, source)
    }

    /// See [`VideoSocketReceiver::unsubscribe`].
    ///
    /// # Errors
    /// As there.
    pub fn unsubscribe(&self) -> Result<(), ControlError> {
        self.receiver.unsubscribe()
    }

    /// See [`VideoSocketSender::send`].
    ///
    /// # Errors
    /// As there.
    pub async fn send(&mut self, frame: &[u8], captured: MediaInstant) -> Result<(), VideoSendError> {
        self.sender.send(frame, captured).await
    }

    /// See [`VideoSocketSender::try_send`].
    ///
    /// # Errors
    /// As there.
    pub fn try_send(&mut self, frame: &[u8], captured: MediaInstant) -> Result<(), VideoSendError> {
        self.sender.try_send(frame, captured)
    }
}

/// The seeing half of a [`VideoSocket`].
pub struct VideoSocketReceiver {
    /// `None` where the socket does not receive.
    queue: Option<VideoQueueReader>,
    end: VideoEnd,
}

impl VideoSocketReceiver {
    /// Its number in the blob, by which events name it.
    pub fn id(&self) -> SocketId {
        self.end.socket
    }

    /// Frames that wait.
    pub fn queued(&self) -> usize {
        self.queue.as_ref().map_or(0, VideoQueueReader::queued)
    }

    /// Waits for the next frame, and lends it until the call after. Dropping the future loses nothing.
    ///
    /// # Errors
    /// When the session is over and all has been seen, or the socket does not receive.
    pub async fn receive(&mut self) -> Result<&EncodedVideoFrame, SocketClosed> {
        // What waits may all be old, and then there is more to wait for.
        while !self.take_next() {
            poll_fn(|context| self.poll_ready(context)).await?;
        }
        self.queue.as_ref().and_then(VideoQueueReader::lent).ok_or(SocketClosed)
    }

    /// The next frame, if one waits.
    pub fn try_receive(&mut self) -> Option<&EncodedVideoFrame> {
        if self.take_next() { self.queue.as_ref().and_then(VideoQueueReader::lent) } else { None }
    }

    /// [`receive`](Self::receive) for a thread of its own: `Ok(None)` when nothing came for `timeout`.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub fn receive_blocking(
        &mut self,
        timeout: Duration,
    ) -> Result<Option<&EncodedVideoFrame>, SocketClosed> {
        let deadline = self.end.clock.now() + timeout;
        while !self.take_next() {
            let ready = |context: &mut Context<'_>| self.poll_ready(context).map_ok(|()| true);
            if !block_until(self.end.clock, deadline, ready)? {
                return Ok(None);
            }
        }
        Ok(self.queue.as_ref().and_then(VideoQueueReader::lent))
    }

    /// Asks the sender for a key frame: for an application that begins to decode, or to record, in the middle.
    pub fn request_key_frame(&self) {
        self.end.lane.want_key_frame();
        self.end.knock();
    }

    /// Asks the far end to show `source` here, at most as large as `resolution`. Until something is asked for, the far end shows what
    /// it finds best. Its answer is an event, [`Subscribed`](crate::MediaEvent::Subscribed) or
    /// [`SubscriptionRefused`](crate::MediaEvent::SubscriptionRefused); what is asked before the session is connected is passed on
    /// then.
    ///
    /// # Errors
    /// When this end did not make the offer, too many orders wait, or the session is over.
    pub fn subscribe(&self, resolution: VideoResolution, source: MediaSourceId) -> Result<(), ControlError> {
        self.end.control.give(ControlOrder::Subscribe { socket: self.end.socket, source, resolution })
    }

    /// Asks the far end to show nothing here any more.
    ///
    /// # Errors
    /// As [`subscribe`](Self::subscribe).
    pub fn unsubscribe(&self) -> Result<(), ControlError> {
        self.end.control.give(ControlOrder::Unsubscribe { socket: self.end.socket })
    }

    fn take_next(&mut self) -> bool {
        let Some(queue) = &mut self.queue else { return false };
        let (is_there, threw_away) = queue.take_next();
        if threw_away {
            // The worker has waited for room to ask for a key frame.
            self.end.knock();
        }
        is_there
    }

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), SocketClosed>> {
        let Some(queue) = &self.queue else { return Poll::Ready(Err(SocketClosed)) };
        let waits =
            wait_for_more(&self.end.lane.shown, &self.end.shared.state, context, || queue.queued() > 0);
        waits.map(|is_more| is_more.then_some(()).ok_or(SocketClosed))
    }
}
