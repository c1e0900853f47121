//! The application's end of a session's audio: ring ends and verbs.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use super::Shared;
pub(crate) use super::doorbell::{wait_at, wait_for_more};
use super::gains::{GainError, Gains};
use super::rates::FrameConverter;
use crate::audio::mix::Gain;
use crate::clock::SystemClock;
use crate::frame::{AudioFormat, AudioFrame};
use crate::ledger::Stage;
use crate::ring::{RingReader, RingWriter};
use crate::settings::{AudioSocketSettings, MixSource};
use crate::time::{MediaClock, MediaInstant};
use crate::units::MediaSourceId;

/// Nothing more can be heard or said: the session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the media session is over")]
pub struct SocketClosed;

/// Why a frame was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The session is over.
    #[error("the media session is over")]
    Closed,
    /// As many frames wait as the send queue holds. The wire takes one each 20 ms.
    #[error("the send queue is full")]
    Full,
    /// No room within the time given.
    #[error("no room in the send queue for {0:?}")]
    TimedOut(Duration),
    /// The payload is no Opus packet, or longer than one can be.
    #[error("the payload of {len} bytes is no Opus packet")]
    NotOpus {
        /// Its length.
        len: usize,
    },
    /// The frame has another format than the socket.
    #[error("the socket speaks {socket:?}, the frame is {frame:?}")]
    WrongFormat {
        /// The socket's format.
        socket: AudioFormat,
        /// The frame's.
        frame: AudioFormat,
    },
}

/// Hears and speaks 20 ms frames of mono PCM.
pub struct AudioSocket {
    receiver: AudioSocketReceiver,
    sender: AudioSocketSender,
}

impl AudioSocket {
    pub(crate) fn new(
        settings: &AudioSocketSettings,
        (from_worker, to_worker): (RingReader<AudioFrame>, RingWriter<AudioFrame>),
        gains: Arc<Gains>,
        shared: &Arc<Shared>,
        clock: SystemClock,
    ) -> Self {
        let format = settings.format;
        let receiver = AudioSocketReceiver {
            format,
            ring: from_worker,
            converter: FrameConverter::to_application(format, settings.unmixed.into()),
            gains: (settings.mix == MixSource::Local).then_some(gains),
            shared: Arc::clone(shared),
            clock,
        };
        let converter = FrameConverter::to_codec(format);
        let sender =
            AudioSocketSender { format, ring: to_worker, converter, shared: Arc::clone(shared), clock };
        Self { receiver, sender }
    }

    /// The two directions, for tasks of their own.
    pub fn split(self) -> (AudioSocketReceiver, AudioSocketSender) {
        (self.receiver, self.sender)
    }

    /// The format of every frame, both ways.
    pub fn format(&self) -> AudioFormat {
        self.receiver.format
    }

    /// See [`AudioSocketReceiver::receive`].
    ///
    /// # Errors
    /// When the session is over and all has been heard.
    pub async fn receive(&mut self) -> Result<&AudioFrame, SocketClosed> {
        self.receiver.receive().await
    }

    /// See [`AudioSocketReceiver::set_gain`].
    ///
    /// # Errors
    /// When the far end mixes, or too many sources have a gain.
    pub fn set_gain(&mut self, source: MediaSourceId, gain: Gain) -> Result<(), GainError> {
        self.receiver.set_gain(source, gain)
    }

    /// See [`AudioSocketSender::send`].
    ///
    /// # Errors
    /// When the session is over, or the frame has another format.
    pub async fn send(&mut self, frame: &AudioFrame) -> Result<(), SendError> {
        self.sender.send(frame).await
    }
}

/// The hearing half of an [`AudioSocket`].
pub struct AudioSocketReceiver {
    format: AudioFormat,
    ring: RingReader<AudioFrame>,
    /// Where the codec does not speak the format.
    converter: Option<FrameConverter>,
    /// Where the mix is made here.
    gains: Option<Arc<Gains>>,
    shared: Arc<Shared>,
    clock: SystemClock,
}

impl AudioSocketReceiver {
    /// The format of every frame.
    pub fn format(&self) -> AudioFormat {
        self.format
    }

    /// Frames that wait.
    pub fn queued(&self) -> usize {
        self.ring.queued()
    }

    /// Waits for the next frame, and lends it until the call after. Dropping the future loses nothing.
    ///
    /// # Errors
    /// When the session is over and all has been heard.
    pub async fn receive(&mut self) -> Result<&AudioFrame, SocketClosed> {
        poll_fn(|context| self.poll_ready(context)).await?;
        self.try_receive().ok_or(SocketClosed)
    }

    /// The next frame, if one waits.
    pub fn try_receive(&mut self) -> Option<&AudioFrame> {
        let app_out = self.clock.now();
        let frame = self.ring.read()?;
        frame.stages.app_out = app_out;
        self.shared.stats.ledger.record(Stage::AppOut, app_out.since(frame.stages.ring_in));
        match &mut self.converter {
            Some(converter) => Some(converter.convert(frame)),
            None => Some(frame),
        }
    }

    /// How loud `source` is in a mix that is made here ([`MixSource::Local`]), from the next tick on and whether or not it is
    /// heard yet. Default [`Gain::UNITY`]; up to 64 sources can have another. [`AudioFrame::unmixed`] stays as it came.
    ///
    /// # Errors
    /// When the far end mixes, or too many sources have a gain.
    pub fn set_gain(&mut self, source: MediaSourceId, gain: Gain) -> Result<(), GainError> {
        self.gains.as_ref().ok_or(GainError::NotMixedHere)?.set(source, gain)
    }

    /// [`receive`](Self::receive) for a thread of its own: `Ok(None)` when nothing came for `timeout`.
    ///
    /// # Errors
    /// When the session is over and all has been heard.
    pub fn receive_blocking(&mut self, timeout: Duration) -> Result<Option<&AudioFrame>, SocketClosed> {
        let deadline = self.clock.now() + timeout;
        if !block_until(self.clock, deadline, |context| self.poll_ready(context).map_ok(|()| true))? {
            return Ok(None);
        }
        self.try_receive().map(Some).ok_or(SocketClosed)
    }

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), SocketClosed>> {
        let Shared { heard, state, .. } = &*self.shared;
        let heard = wait_for_more(heard, state, context, || self.ring.queued() > 0);
        heard.map(|is_more| is_more.then_some(()).ok_or(SocketClosed))
    }
}

/// The speaking half of an [`AudioSocket`].
pub struct AudioSocketSender {
    format: AudioFormat,
    ring: RingWriter<AudioFrame>,
    /// Where the codec does not speak the format.
    converter: Option<FrameConverter>,
    shared: Arc<Shared>,
    clock: SystemClock,
}

impl AudioSocketSender {
    /// The format that frames must have.
    pub fn format(&self) -> AudioFormat {
        self.format
    }

    /// Frames that wait for their tick.
    pub fn queued(&self) -> usize {
        self.ring.queued()
    }

    /// Queues a frame for its tick; waits while the send queue is full, so that a caller in a loop runs at the pace
    /// of the wire. The frame is copied and stays the caller's.
    ///
    /// # Errors
    /// When the session is over, or the frame has another format.
    pub async fn send(&mut self, frame: &AudioFrame) -> Result<(), SendError> {
        self.check(frame)?;
        poll_fn(|context| self.poll_room(context)).await.map_err(|SocketClosed| SendError::Closed)?;
        self.try_send(frame)
    }

    /// Queues a frame if there is room now.
    ///
    /// # Errors
    /// [`SendError::Full`] where [`send`](Self::send) would wait; otherwise as there.
    pub fn try_send(&mut self, frame: &AudioFrame) -> Result<(), SendError> {
        self.check(frame)?;
        if self.shared.state.get().is_over() {
            return Err(SendError::Closed);
        }
        let app_in = self.clock.now();
        let converter = &mut self.converter;
        let written = self.ring.write(|slot| {
            // Inside, so that a frame is converted once however often a full ring refuses it.
            slot.copy_from(converter.as_mut().map_or(frame, |converter| converter.convert(frame)));
            slot.stages.ring_in = app_in;
            slot.clears = self.shared.send.clears();
        });
        if written { Ok(()) } else { Err(SendError::Full) }
    }

    /// [`send`](Self::send) for a thread of its own.
    ///
    /// # Errors
    /// [`SendError::TimedOut`] when there was no room for `timeout`; otherwise as [`send`](Self::send).
    pub fn send_blocking(&mut self, frame: &AudioFrame, timeout: Duration) -> Result<(), SendError> {
        self.check(frame)?;
        let deadline = self.clock.now() + timeout;
        let room = block_until(self.clock, deadline, |context| self.poll_room(context).map_ok(|()| true));
        if !room.map_err(|SocketClosed| SendError::Closed)? {
            return Err(SendError::TimedOut(timeout));
        }
        self.try_send(frame)
    }

    /// Mutes all speech of the session, the player's too: it is consumed at its pace, and nothing is sent. Tones are.
    /// Acts within one frame of 20 ms. Speech begins with a marker, and fades in, when it is unmuted.
    pub fn set_muted(&self, muted: bool) {
        self.shared.send.set_muted(muted);
    }

    /// Waits until every frame has gone to the wire.
    ///
    /// # Errors
    /// When the session is over before.
    pub async fn wait_for_playout(&mut self) -> Result<(), SocketClosed> {
        poll_fn(|context| self.poll_until(context, |ring| ring.queued() == 0)).await
    }

    fn check(&self, frame: &AudioFrame) -> Result<(), SendError> {
        if frame.format() == self.format {
            return Ok(());
        }
        Err(SendError::WrongFormat { socket: self.format, frame: frame.format() })
    }

    fn poll_room(&self, context: &mut Context<'_>) -> Poll<Result<(), SocketClosed>> {
        self.poll_until(context, |ring| ring.vacant() > 0)
    }

    fn poll_until(
        &self,
        context: &mut Context<'_>,
        ready: impl Fn(&RingWriter<AudioFrame>) -> bool,
    ) -> Poll<Result<(), SocketClosed>> {
        wait_at(&self.shared.room, context, || {
            if self.shared.state.get().is_over() {
                return Some(Err(SocketClosed));
            }
            ready(&self.ring).then_some(Ok(()))
        })
    }
}

/// Wakes a thread that waits in [`block_until`].
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

thread_local! {
    /// Made once a thread, not once a wait: threads wait for each frame.
    static UNPARK_THIS: Waker = Waker::from(Arc::new(Unpark(std::thread::current())));
}

/// Polls on this thread until ready or `deadline`; `false` when the deadline came first.
pub(super) fn block_until(
    clock: SystemClock,
    deadline: MediaInstant,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<Result<bool, SocketClosed>>,
) -> Result<bool, SocketClosed> {
    UNPARK_THIS.with(|waker| {
        let mut context = Context::from_waker(waker);
        loop {
            if let Poll::Ready(result) = poll(&mut context) {
                return result;
            }
            let left = deadline.since(clock.now());
            if left.is_zero() {
                return Ok(false);
            }
            std::thread::park_timeout(left);
        }
    })
}
