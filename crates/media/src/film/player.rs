//! [io] The player of sound and pictures: an application's end, and the thread that lets each go in its time.
#![expect(clippy::disallowed_methods, reason = "starts the player's thread")]

use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::thread::Builder;
use std::time::Duration;

use super::schedule::{Due, Schedule};
use crate::frame::AudioFormat;
use crate::send::player::AudioSpan;
use crate::session::audio_socket::SocketClosed;
use crate::session::player::{AudioPlayer, PlayerError};
use crate::time::{MediaClock, MediaInstant};

/// What may wait: so much sound, and so many pictures, of which each may be megabytes.
const MOST_SOUND: Duration = Duration::from_secs(5);
const MOST_PICTURES: usize = 64;

/// Where the pictures of a player go.
pub trait PictureSink: Send + 'static {
    /// What it takes: encoded or raw.
    type Picture: Send + 'static;

    /// Shows a picture as captured at `capture_time`. Does not wait: a picture for which there is no room is lost.
    ///
    /// # Errors
    /// When nothing can be shown any more.
    fn show(&mut self, picture: Self::Picture, capture_time: MediaInstant) -> Result<(), SocketClosed>;
}

/// Why a player did not take something, or could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AudioVideoPlayerError {
    /// Neither sound nor pictures can go out any more.
    #[error("the media session is over")]
    Closed,
    /// Caller: the player has nowhere to let this go.
    #[error("the player was started without {0}")]
    Without(&'static str),
    /// Environment: there is no thread to be had.
    #[error("no thread for a player: {0}")]
    Thread(#[source] io::Error),
}

/// Plays sound and pictures together: each goes out at its time, both by one clock.
///
/// Times are those of the film or whatever it is: they need not begin at zero, and what is enqueued first begins at once. A gap in
/// them is one in what the far end hears and sees. Sound that is enqueued late is waited for, with the pictures; pictures that are
/// late go out at once. Sound without pictures and pictures without sound are played like both.
///
/// It speaks through the session's [`AudioPlayer`], which should have no other user meanwhile. Cloning gives one more handle of the
/// same player, which ends with the last one.
pub struct AudioVideoFramePlayer<P> {
    shared: Arc<Shared<P>>,
    /// Told when it is the last.
    handles: Arc<Handles<P>>,
}

struct Handles<P>(Arc<Shared<P>>);

struct Shared<P> {
    state: Mutex<State<P>>,
    /// Wakes the thread.
    changed: Condvar,
    clock: Box<dyn MediaClock + Send + Sync>,
    audio: Option<AudioPlayer>,
    has_pictures: bool,
}

struct State<P> {
    schedule: Schedule<AudioSpan, P>,
    over: bool,
    /// Who waits for room, or for the end.
    waiting: Vec<Waker>,
}

impl<P: Send + 'static> AudioVideoFramePlayer<P> {
    /// A player that speaks by `audio` and shows by `pictures`, by the session's clock. Either may be missing.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(
        clock: impl MediaClock + Send + Sync + 'static,
        audio: Option<AudioPlayer>,
        pictures: Option<impl PictureSink<Picture = P>>,
    ) -> Result<Self, AudioVideoPlayerError> {
        let state = State { schedule: Schedule::new(), over: false, waiting: Vec::new() };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
            clock: Box::new(clock),
            audio,
            has_pictures: pictures.is_some(),
        });
        let plays = Arc::clone(&shared);
        let work = move || {
            plays.run(pictures);
            plays.end();
        };
        Builder::new()
            .name("offhook-player".to_owned())
            .spawn(work)
            .map_err(AudioVideoPlayerError::Thread)?;
        Ok(Self { handles: Arc::new(Handles(Arc::clone(&shared))), shared })
    }

    /// The format that sound must have; none where the player has none.
    pub fn audio_format(&self) -> Option<AudioFormat> {
        self.shared.audio.as_ref().map(AudioPlayer::format)
    }

    /// Enqueues sound that is heard at `at`; waits while 5 s of it are in the queue.
    ///
    /// # Errors
    /// When the session is over, or the player was started without sound.
    pub async fn enqueue_audio(
        &self,
        at: Duration,
        span: impl Into<AudioSpan>,
    ) -> Result<(), AudioVideoPlayerError> {
        let Some(format) = self.audio_format() else { return Err(AudioVideoPlayerError::Without("sound")) };
        let span = span.into();
        let lasts = format.sample_rate().duration_of(span.samples().len() as u64);
        self.wait_for(|state| state.schedule.waiting().0 < MOST_SOUND).await?;
        self.shared.change(|state| state.schedule.enqueue_sound(at, lasts, span));
        Ok(())
    }

    /// Enqueues a picture that shows at `at`; waits while 64 of them are in the queue.
    ///
    /// # Errors
    /// When the session is over, or the player was started without pictures.
    pub async fn enqueue_picture(&self, at: Duration, picture: P) -> Result<(), AudioVideoPlayerError> {
        if !self.shared.has_pictures {
            return Err(AudioVideoPlayerError::Without("pictures"));
        }
        self.wait_for(|state| state.schedule.count().1 < MOST_PICTURES).await?;
        self.shared.change(|state| state.schedule.enqueue_picture(at, picture));
        Ok(())
    }

    /// How much sound, and how much between the first and the last picture, waits.
    pub fn remaining(&self) -> (Duration, Duration) {
        self.shared.lock().schedule.waiting()
    }

    /// Forgets all that was enqueued so far, sound within one frame of 20 ms. What is enqueued from now on begins at once.
    pub fn clear(&self) {
        self.shared.change(|state| state.schedule.clear());
        if let Some(audio) = &self.shared.audio {
            audio.clear();
        }
    }

    /// Holds sound and pictures, within one frame of 20 ms. Nothing is lost.
    pub fn pause(&self) {
        if let Some(audio) = &self.shared.audio {
            audio.pause();
        }
        let now = self.shared.clock.now();
        self.shared.change(|state| state.schedule.pause(now));
    }

    /// Goes on where [`pause`](Self::pause) held.
    pub fn resume(&self) {
        if let Some(audio) = &self.shared.audio {
            audio.resume();
        }
        let now = self.shared.clock.now();
        self.shared.change(|state| state.schedule.resume(now));
    }

    /// Waits until all that was enqueued went out or was cleared.
    ///
    /// # Errors
    /// When the session is over before.
    pub async fn wait_for_playout(&self) -> Result<(), AudioVideoPlayerError> {
        self.wait_for(|state| state.schedule.count() == (0, 0)).await?;
        match &self.shared.audio {
            Some(audio) => {
                audio.wait_for_playout().await.map_err(|SocketClosed| AudioVideoPlayerError::Closed)
            }
            None => Ok(()),
        }
    }

    async fn wait_for(&self, ready: impl Fn(&State<P>) -> bool) -> Result<(), AudioVideoPlayerError> {
        poll_fn(|context| {
            let mut state = self.shared.lock();
            if state.over {
                return Poll::Ready(Err(AudioVideoPlayerError::Closed));
            }
            if ready(&state) {
                return Poll::Ready(Ok(()));
            }
            if !state.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                state.waiting.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await
    }
}

impl<P> Clone for AudioVideoFramePlayer<P> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), handles: Arc::clone(&self.handles) }
    }
}

impl<P> Drop for Handles<P> {
    fn drop(&mut self) {
        self.0.change(|state| state.over = true);
    }
}

impl<P> Shared<P> {
    fn lock(&self) -> MutexGuard<'_, State<P>> {
        // Nothing can panic while it is held: the state is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, and tells the thread, and whoever waits for a change.
    fn change(&self, change: impl FnOnce(&mut State<P>)) {
        let mut state = self.lock();
        change(&mut state);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        self.changed.notify_all();
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Plays until the player or the session is over.
    fn run(&self, mut pictures: Option<impl PictureSink<Picture = P>>) {
        let mut state = self.lock();
        while !state.over {
            let now = self.clock.now();
            let Some(due) = state.schedule.next(now) else {
                let waits = state.schedule.deadline().map(|at| at.since(now));
                state = match waits {
                    Some(time) => {
                        let waited = self.changed.wait_timeout(state, time);
                        waited.unwrap_or_else(PoisonError::into_inner).0
                    }
                    None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                };
                continue;
            };
            let waiting = std::mem::take(&mut state.waiting);
            // Whoever takes it may take its time.
            drop(state);
            waiting.into_iter().for_each(Waker::wake);
            let gone = match due {
                Due::Sound(span, cut) => self.speak(span, cut),
                Due::Picture(picture, at) => match &mut pictures {
                    Some(sink) => sink.show(picture, at).is_err(),
                    None => false,
                },
            };
            state = self.lock();
            state.over |= gone;
        }
    }

    /// Gives sound to the audio player; `true` when that is over.
    fn speak(&self, span: AudioSpan, cut: Duration) -> bool {
        let Some(audio) = &self.audio else { return false };
        let cut = audio.format().sample_rate().samples_in(cut) as usize;
        let span = match span.samples().get(cut..) {
            Some(rest) if cut > 0 => rest.into(),
            _ => span,
        };
        // 256 spans are far more than it is ever given ahead.
        matches!(audio.try_enqueue(span), Err(PlayerError::Closed))
    }

    fn end(&self) {
        self.change(|state| {
            state.over = true;
            state.schedule.clear();
        });
    }
}

#[cfg(test)]
mod tests;
