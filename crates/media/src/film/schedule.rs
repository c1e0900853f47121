//! When what was enqueued goes out: sound and pictures by their times on one clock. Pure.
//!
//! Sound leads, for a gap in it is heard where a picture that comes late is not seen: the clock waits for sound that is late, and
//! a late picture goes out at once. Where there are pictures only, the clock waits for them.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::MediaInstant;

/// Sound goes to the audio player so much before its time, so that it never runs dry between two turns of this schedule.
const LEAD: Duration = Duration::from_millis(60);

/// Sound that begins waits for the next tick of the wire, half a frame on average.
const TO_THE_TICK: Duration = Duration::from_millis(10);

/// Sound whose time is off by no more than a frame of 20 ms from where the sound before ends follows it without a gap: files
/// count time more coarsely than samples.
const SEAM: Duration = Duration::from_millis(20);

/// How long the clock goes on when there is nothing to play. What comes later starts a new one.
const IDLE: Duration = Duration::from_secs(1);

/// Something that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Due<A, V> {
    /// Sound, to be played behind what the audio player holds. The time is to be cut off its front.
    Sound(A, Duration),
    /// A picture, and the instant that it shows.
    Picture(V, MediaInstant),
}

/// Sound with its place.
#[derive(Debug)]
struct Piece<A> {
    at: Duration,
    lasts: Duration,
    sound: A,
}

/// Where the clock stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clock {
    /// It starts with what is enqueued next.
    Stopped,
    /// `at` is played at `since`.
    Running {
        since: MediaInstant,
        at: Duration,
    },
    Paused {
        at: Duration,
    },
}

/// Sound and pictures that wait, each in the order of their times.
#[derive(Debug)]
pub(super) struct Schedule<A, V> {
    sound: VecDeque<Piece<A>>,
    pictures: VecDeque<(Duration, V)>,
    clock: Clock,
    /// Where the sound ends that the audio player is playing, by the samples that it was given; none while it is silent.
    run_end: Option<Duration>,
    /// Where the last thing ends that went out.
    played_until: Duration,
    /// Something was enqueued where nothing waited.
    begins: bool,
    paused: bool,
}

impl<A, V> Schedule<A, V> {
    pub(super) fn new() -> Self {
        Self {
            sound: VecDeque::new(),
            pictures: VecDeque::new(),
            clock: Clock::Stopped,
            run_end: None,
            played_until: Duration::ZERO,
            begins: false,
            paused: false,
        }
    }

    pub(super) fn enqueue_sound(&mut self, at: Duration, lasts: Duration, sound: A) {
        self.begins |= self.is_empty();
        self.sound.push_back(Piece { at, lasts, sound });
    }

    pub(super) fn enqueue_picture(&mut self, at: Duration, picture: V) {
        self.begins |= self.is_empty();
        self.pictures.push_back((at, picture));
    }

    fn is_empty(&self) -> bool {
        self.sound.is_empty() && self.pictures.is_empty()
    }

    /// How long what waits lasts: sound, and pictures from the first to the last.
    pub(super) fn waiting(&self) -> (Duration, Duration) {
        let sound = self.sound.iter().map(|piece| piece.lasts).sum();
        let pictures = match (self.pictures.front(), self.pictures.back()) {
            (Some((first, _)), Some((last, _))) => last.saturating_sub(*first),
            _ => Duration::ZERO,
        };
        (sound, pictures)
    }

    /// How many pieces of sound, and how many pictures, wait.
    pub(super) fn count(&self) -> (usize, usize) {
        (self.sound.len(), self.pictures.len())
    }

    /// Forgets all that waits. What is enqueued from now on begins at once.
    pub(super) fn clear(&mut self) {
        self.sound.clear();
        self.pictures.clear();
        self.run_end = None;
        self.clock = Clock::Stopped;
    }

    pub(super) fn pause(&mut self, now: MediaInstant) {
        self.paused = true;
        if let Clock::Running { .. } = self.clock {
            self.clock = Clock::Paused { at: self.position(now) };
        }
    }

    pub(super) fn resume(&mut self, now: MediaInstant) {
        self.paused = false;
        if let Clock::Paused { at } = self.clock {
            self.clock = Clock::Running { since: now, at };
        }
    }

    /// What is due at `now`, one at a time; `None` when nothing more is.
    pub(super) fn next(&mut self, now: MediaInstant) -> Option<Due<A, V>> {
        if self.paused {
            return None;
        }
        self.keep_time(now);
        let position = self.position(now);
        if let Some(piece) = self.sound.front()
            && self.sound_is_due_at(piece) <= position
        {
            let piece = self.sound.pop_front()?;
            return Some(self.play(piece));
        }
        self.pictures.front().filter(|(at, _)| *at <= position)?;
        let (at, picture) = self.pictures.pop_front()?;
        self.played_until = self.played_until.max(at);
        Some(Due::Picture(picture, self.instant_of(at)))
    }

    /// When to ask again, if nothing is enqueued before.
    pub(super) fn deadline(&self) -> Option<MediaInstant> {
        if self.paused {
            return None;
        }
        let sound = self.sound.front().map(|piece| self.sound_is_due_at(piece));
        let picture = self.pictures.front().map(|(at, _)| *at);
        sound.into_iter().chain(picture).min().map(|at| self.instant_of(at))
    }

    /// Starts the clock, or makes it wait for what comes late.
    fn keep_time(&mut self, now: MediaInstant) {
        let position = self.position(now);
        self.run_end = self.run_end.filter(|end| *end >= position);
        if std::mem::take(&mut self.begins) && position > self.played_until + IDLE {
            self.clock = Clock::Stopped;
        }
        let sound = self.sound.front().map(|piece| piece.at);
        let picture = self.pictures.front().map(|(at, _)| *at);
        let starts_at = if self.clock == Clock::Stopped {
            sound.into_iter().chain(picture).min()
        } else if self.run_end.is_some() {
            // What is heard is held up by nothing.
            None
        } else {
            sound.or(picture).filter(|at| *at + SEAM < position)
        };
        if let Some(at) = starts_at {
            let until_heard = if sound.is_some() { TO_THE_TICK } else { Duration::ZERO };
            self.clock = Clock::Running { since: now + until_heard, at };
            self.run_end = None;
            self.played_until = at;
        }
    }

    fn sound_is_due_at(&self, piece: &Piece<A>) -> Duration {
        let lead = if self.follows(piece) { LEAD } else { TO_THE_TICK };
        piece.at.saturating_sub(lead)
    }

    /// Whether the piece is the next part of the sound that is being played.
    fn follows(&self, piece: &Piece<A>) -> bool {
        self.run_end.is_some_and(|end| piece.at <= end + SEAM)
    }

    fn play(&mut self, Piece { at, lasts, sound }: Piece<A>) -> Due<A, V> {
        let begins = match self.run_end {
            Some(end) if at <= end + SEAM => end,
            _ => at,
        };
        // What was played already is not played again.
        let overlap = begins.saturating_sub(at);
        let cut = if overlap > SEAM { overlap.min(lasts) } else { Duration::ZERO };
        let end = begins + (lasts - cut);
        self.run_end = Some(end);
        self.played_until = self.played_until.max(end);
        Due::Sound(sound, cut)
    }

    /// The place that is played at `now`.
    fn position(&self, now: MediaInstant) -> Duration {
        match self.clock {
            Clock::Stopped => Duration::ZERO,
            Clock::Running { since, at } => at + now.since(since),
            Clock::Paused { at } => at,
        }
    }

    /// When the place `at` is played.
    fn instant_of(&self, place: Duration) -> MediaInstant {
        match self.clock {
            Clock::Running { since, at } if place >= at => since + (place - at),
            Clock::Running { since, at } => since - (at - place),
            Clock::Stopped | Clock::Paused { .. } => MediaInstant::ZERO,
        }
    }
}

#[cfg(test)]
mod tests;
