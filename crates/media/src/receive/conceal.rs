//! What is done to a guess at lost sound: it fades as the loss goes on, and gives way to speech without a click.

use std::time::Duration;

use super::pcm::join;
use crate::units::SampleRate;

/// A guess is played as loud as it is for so long: most losses are over by then.
const FULL: Duration = Duration::from_millis(100);

/// Nothing is made up beyond this: longer, and the guess turns into a drone.
const LONGEST: Duration = Duration::from_millis(200);

/// What comes in place of a broken joint: 5 ms, which libopus can make up.
const JOINT: Duration = Duration::from_millis(5);

/// Room for a joint at the highest rate.
const JOINT_LEN: usize = 240;

/// Shapes concealment at one rate.
#[derive(Debug)]
pub(super) struct Concealment {
    full: usize,
    longest: usize,
    joint: usize,
    /// Samples made up since the last that were not.
    run: usize,
    tail: [i16; JOINT_LEN],
    has_tail: bool,
}

impl Concealment {
    pub(super) fn new(rate: SampleRate) -> Self {
        let samples = |span: Duration| rate.samples_in(span) as usize;
        Self {
            full: samples(FULL),
            longest: samples(LONGEST),
            joint: samples(JOINT).min(JOINT_LEN),
            run: 0,
            tail: [0; JOINT_LEN],
            has_tail: false,
        }
    }

    /// Whether a loss goes on.
    pub(super) fn is_under_way(&self) -> bool {
        self.run > 0
    }

    /// Whether it has gone on for so long that only silence is left.
    pub(super) fn is_over(&self) -> bool {
        self.run >= self.longest
    }

    /// Fades what was made up, by how long that has gone on.
    pub(super) fn shape(&mut self, made_up: &mut [i16]) {
        let fading = (self.longest - self.full) as i64;
        for sample in made_up {
            let left = (self.longest as i64 - self.run as i64).clamp(0, fading);
            *sample = (i64::from(*sample) * left / fading) as i16;
            self.run += 1;
        }
    }

    /// Lets `conceal` say how what was played would go on, for [`end`](Self::end) to begin with.
    pub(super) fn go_on(&mut self, conceal: impl FnOnce(&mut [i16]) -> Option<usize>) {
        let over = self.is_over();
        let tail = &mut self.tail[..self.joint];
        self.has_tail = true;
        if over || conceal(tail).is_none() {
            tail.fill(0);
        }
    }

    /// Lets what was played fade into `silence`, where [`go_on`](Self::go_on) has just been told.
    pub(super) fn fade_out(&mut self, silence: &mut [i16]) {
        if std::mem::take(&mut self.has_tail) {
            join(&self.tail[..self.joint], silence);
        }
    }

    /// Speech is back, and what was played fades into it where the two do not follow from each other.
    pub(super) fn end(&mut self, speech: &mut [i16]) {
        self.fade_out(speech);
        self.run = 0;
    }
}
