//! The application's end of a session's player and of its tones.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_channel::oneshot;
use futures_util::future::{JoinAll, join_all};

use super::Shared;
use super::audio_socket::SocketClosed;
use super::desk::{Desk, Refused};
use crate::event::MarkId;
use crate::frame::AudioFormat;
use crate::send::player::{AudioSpan, Play, PlayerOrder, PlayerWriter, Playout};
use crate::send::tones::{ToneAnswer, ToneOrder, ToneWriter};
use crate::tones::{Tone, ToneSettings};

/// Why a player did not take something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlayerError {
    /// The session is over.
    #[error("the media session is over")]
    Closed,
    /// 256 spans and marks wait: more than should be ahead of the far end.
    #[error("256 spans wait in the player already")]
    Full,
}

impl From<Refused> for PlayerError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full => Self::Full,
            Refused::Closed => Self::Closed,
        }
    }
}

/// Plays spans of PCM of any length to the far end, one after another, and stops at once when it is told to.
///
/// What is enqueued goes before the frames of an [`AudioSocketSender`](crate::AudioSocketSender): those wait while the
/// player has anything to play, and are spoken when it has not. So both can be used in one session, and in turn. A
/// session that sends frames only need not take its player.
///
/// A span may end anywhere within a frame of 20 ms; the next one follows at its very next sample, if it was enqueued
/// by then. What is left of the last frame is silence.
///
/// Cloning gives one more handle of the same player, such as one for whoever hears that somebody interrupts.
#[derive(Clone)]
pub struct AudioPlayer {
    format: AudioFormat,
    desk: Arc<Desk<PlayerOrder, Playout>>,
    shared: Arc<Shared>,
}

impl AudioPlayer {
    pub(crate) fn new(format: AudioFormat, writer: PlayerWriter, shared: &Arc<Shared>) -> Self {
        Self { format, desk: Desk::open(writer, &shared.played), shared: Arc::clone(shared) }
    }

    /// The format that spans must have.
    pub fn format(&self) -> AudioFormat {
        self.format
    }

    /// Enqueues a span of PCM at the player's format; waits while 256 spans and marks are in the queue. The samples are
    /// shared, not copied: whoever plays a prompt again and again enqueues a clone of its span.
    ///
    /// # Errors
    /// When the session is over.
    pub async fn enqueue(&self, span: impl Into<AudioSpan>) -> Result<Receipt, PlayerError> {
        self.wait_and_give(Play::Span(span.into())).await
    }

    /// [`enqueue`](Self::enqueue), if there is room now.
    ///
    /// # Errors
    /// [`PlayerError::Full`] where `enqueue` would wait; otherwise as there.
    pub fn try_enqueue(&self, span: impl Into<AudioSpan>) -> Result<Receipt, PlayerError> {
        self.give(&Play::Span(span.into()))
    }

    /// Enqueues a live span: when its turn comes, the frames that an [`AudioSocketSender`](crate::AudioSocketSender)
    /// sends are spoken, until something is enqueued behind it and no frame waits. Its receipt says when they were.
    ///
    /// # Errors
    /// When the session is over.
    pub async fn enqueue_live(&self) -> Result<Receipt, PlayerError> {
        self.wait_and_give(Play::Live).await
    }

    /// Marks the present end of the queue. When all before it was sent,
    /// [`MediaEvent::MarkReached`](crate::MediaEvent::MarkReached) tells `id`, and the receipt is ready. A mark that is
    /// cleared is never reached.
    ///
    /// # Errors
    /// When the session is over.
    pub async fn mark(&self, id: MarkId) -> Result<Receipt, PlayerError> {
        self.wait_and_give(Play::Mark(id)).await
    }

    /// Barge-in: forgets all that was enqueued so far, and all frames that wait in the socket. The wire falls silent
    /// within one frame of 20 ms: at most the one that is on its way there. Behind it the sound falls to nothing within 5 ms,
    /// without a sample of what was cleared. What is enqueued from now on is played.
    ///
    /// Receipts say what the far end may have heard.
    pub fn clear(&self) {
        self.shared.send.clear();
    }

    /// Holds all speech, the frames of the socket too, within one frame of 20 ms. No sample is lost.
    pub fn pause(&self) {
        self.shared.send.set_paused(true);
    }

    /// Goes on where [`pause`](Self::pause) held.
    pub fn resume(&self) {
        self.shared.send.set_paused(false);
    }

    /// How much is enqueued and was not sent yet.
    pub fn remaining(&self) -> Duration {
        self.format.sample_rate().duration_of(self.shared.send.remaining())
    }

    /// Waits until all that was enqueued is sent or cleared. In a pause that is not before [`resume`](Self::resume).
    ///
    /// # Errors
    /// When the session is over.
    pub async fn wait_for_playout(&self) -> Result<(), SocketClosed> {
        poll_fn(|context| self.desk.poll_all_answered(context)).await;
        if self.shared.state.get().is_over() { Err(SocketClosed) } else { Ok(()) }
    }

    async fn wait_and_give(&self, what: Play) -> Result<Receipt, PlayerError> {
        loop {
            match self.give(&what) {
                // Another handle may have taken the room.
                Err(PlayerError::Full) => poll_fn(|context| self.desk.poll_room(context)).await,
                given => return given,
            }
        }
    }

    fn give(&self, what: &Play) -> Result<Receipt, PlayerError> {
        if self.shared.state.get().is_over() {
            return Err(PlayerError::Closed);
        }
        let control = &self.shared.send;
        let samples = if let Play::Span(span) = what { span.samples().len() } else { 0 };
        let order = || {
            control.add_remaining(samples);
            PlayerOrder { clears: control.clears(), what: what.clone() }
        };
        let mut answers = self.desk.give(std::iter::once_with(order))?;
        Ok(Receipt(answers.pop().expect("one order has one answer")))
    }
}

impl fmt::Debug for AudioPlayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AudioPlayer")
            .field("format", &self.format)
            .field("remaining", &self.remaining())
            .finish()
    }
}

/// Will say what became of something that was enqueued. Dropping it changes nothing.
#[derive(Debug)]
pub struct Receipt(oneshot::Receiver<Playout>);

impl Receipt {
    /// What became of it, if that is known already; told once, here or by awaiting.
    pub fn try_playout(&mut self) -> Option<Playout> {
        match self.0.try_recv() {
            Ok(playout) => playout,
            Err(oneshot::Canceled) => Some(Playout::Cancelled),
        }
    }
}

impl Future for Receipt {
    type Output = Playout;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Playout> {
        // Only a session that ended before it began answers nothing.
        Pin::new(&mut self.0).poll(context).map(|playout| playout.unwrap_or(Playout::Cancelled))
    }
}

/// Why tones were not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ToneError {
    /// The session is over.
    #[error("the media session is over")]
    Closed,
    /// Too many tones wait: a session holds 64.
    #[error("more tones would wait than the 64 that a session holds")]
    Full,
    /// The peer understands no telephone events (RFC 4733).
    #[error("the peer understands no telephone events")]
    NotNegotiated,
}

/// The application's end of a session's tones.
pub(crate) struct ToneDesk(Arc<Desk<ToneOrder, ToneAnswer>>);

impl ToneDesk {
    pub(crate) fn new(writer: ToneWriter, shared: &Shared) -> Self {
        Self(Desk::open(writer, &shared.toned))
    }

    /// Gives all of `tones` or none.
    pub(crate) fn send(&self, tones: &[Tone], settings: ToneSettings) -> Result<ToneReceipt, ToneError> {
        let orders = tones.iter().map(|&tone| ToneOrder { tone, settings });
        match self.0.give(orders) {
            Ok(answers) => Ok(ToneReceipt(join_all(answers))),
            Err(Refused::Full) => Err(ToneError::Full),
            Err(Refused::Closed) => Err(ToneError::Closed),
        }
    }
}

/// Will say when tones were sent. Dropping it changes nothing.
pub struct ToneReceipt(JoinAll<oneshot::Receiver<ToneAnswer>>);

impl Future for ToneReceipt {
    type Output = Result<(), ToneError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|answers| {
            answers.into_iter().try_for_each(|answer| match answer {
                Ok(ToneAnswer::Sent) => Ok(()),
                Ok(ToneAnswer::Refused) => Err(ToneError::NotNegotiated),
                Err(oneshot::Canceled) => Err(ToneError::Closed),
            })
        })
    }
}
