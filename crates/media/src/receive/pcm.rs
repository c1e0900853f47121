//! Decoded samples that wait to be played, with where they come from, behind those that were played last.

use std::time::Duration;

use super::stretch::{Likeness, Stretcher, fade};
use crate::audio::opus::{self, RTP_CLOCK};
use crate::frame::FrameOrigin;
use crate::rtp::{ActiveSpeakers, AudioLevel};
use crate::time::{MediaInstant, RtpTime};
use crate::units::SampleRate;

/// What was played stays this long, for stretching to look back at: the longest pitch period.
const HISTORY: Duration = Duration::from_millis(15);

/// Pieces that can wait: a frame's rest, and as many packets of 2.5 ms as the longest packet could hold.
const PIECES: usize = 64;

/// What samples are that came in no packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum MadeUp {
    /// They came in one, or the sender was silent.
    #[default]
    Nothing,
    /// A guess at what was said.
    Guess,
    /// Silence, where a guess has gone on for long enough.
    Silence,
}

/// Where samples came from.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Provenance {
    pub(super) origin: FrameOrigin,
    pub(super) made_up: MadeUp,
    pub(super) speakers: ActiveSpeakers,
    pub(super) level: Option<AudioLevel>,
    /// The sender's time of the first of them.
    pub(super) sender_time: Option<RtpTime>,
    pub(super) wire_in: Option<MediaInstant>,
}

impl Provenance {
    fn is_guess(&self) -> bool {
        self.made_up == MadeUp::Guess
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Piece {
    of: Provenance,
    samples: usize,
}

/// Samples between the decoder and the frames.
pub(super) struct Pcm {
    rate: SampleRate,
    /// History, what waits, room.
    samples: Box<[i16]>,
    history: usize,
    waiting: usize,
    pieces: [Piece; PIECES],
    count: usize,
}

impl Pcm {
    pub(super) fn new(rate: SampleRate, frame: usize) -> Self {
        let history = rate.samples_in(HISTORY) as usize;
        let longest = rate.samples_in(Duration::from_millis(opus::MAX_PACKET_MILLIS.into())) as usize;
        // What accelerating looks at may still be short of a sample when the longest packet comes on top.
        let room = history + 3 * frame + longest + history;
        Self {
            rate,
            samples: vec![0; room].into_boxed_slice(),
            history,
            waiting: 0,
            pieces: [Piece::default(); PIECES],
            count: 0,
        }
    }

    /// How many samples wait.
    pub(super) fn len(&self) -> usize {
        self.waiting
    }

    /// The same on the clock of RTP.
    pub(super) fn rtp_ticks(&self) -> i64 {
        self.waiting as i64 * i64::from(RTP_CLOCK) / i64::from(self.rate.get())
    }

    /// Room behind what waits, for the decoder to write into.
    pub(super) fn room(&mut self) -> &mut [i16] {
        &mut self.samples[self.history + self.waiting..]
    }

    /// Takes over the first `samples` of the room.
    pub(super) fn append(&mut self, of: Provenance, samples: usize) {
        // Only packets of 2.5 ms by the dozen could fill all places. The newest piece then speaks for those behind it.
        let is_full = self.count == PIECES;
        match self.pieces[..self.count].last_mut() {
            Some(last) if is_full || of.is_guess() && last.of.is_guess() => last.samples += samples,
            _ => {
                self.pieces[self.count] = Piece { of, samples };
                self.count += 1;
            }
        }
        self.waiting += samples;
    }

    /// Copies what is due into `out`, and says of each piece of it where it comes from and how many samples it has.
    /// `out` must not be longer than what waits.
    pub(super) fn take(&mut self, out: &mut [i16], mut piece: impl FnMut(&Provenance, usize)) {
        let taken = out.len();
        out.copy_from_slice(&self.samples[self.history..self.history + taken]);
        self.samples.copy_within(taken..self.history + self.waiting, 0);
        self.waiting -= taken;
        self.forget(taken, &mut piece);
    }

    /// Takes a pitch period of at most `most` samples out of what is due next; returns how many samples it had.
    pub(super) fn accelerate(&mut self, with: &Stretcher, most: usize, likeness: Likeness) -> Option<usize> {
        let from = self.history;
        let removed = with.accelerate(&mut self.samples[from..from + self.waiting], most, likeness)?;
        self.samples.copy_within(from + removed..from + self.waiting, from);
        self.waiting -= removed;
        self.forget(removed, &mut |_, _| {});
        Some(removed)
    }

    /// Plays a pitch period of at most `most` samples twice; returns how many samples that added.
    pub(super) fn expand(&mut self, with: &Stretcher, most: usize, likeness: Likeness) -> Option<usize> {
        let mut period = [0; 720];
        let end = self.history + self.waiting;
        let most = most.min(self.samples.len() - end);
        let added = with.expand(&self.samples[..end], self.history, most, likeness, &mut period)?;
        self.samples.copy_within(self.history..end, self.history + added);
        self.samples[self.history..self.history + added].copy_from_slice(&period[..added]);
        self.waiting += added;
        self.pieces[0].samples += added;
        Some(added)
    }

    /// Leaves out up to `most` samples of what was made up just before the last piece, so that this follows from it.
    pub(super) fn join(&mut self, with: &Stretcher, most: usize) {
        let [.., before, last] = &mut self.pieces[..self.count] else { return };
        if before.of.made_up == MadeUp::Nothing {
            return;
        }
        let (joint, end) = (self.history + self.waiting - last.samples, self.history + self.waiting);
        let Some(left_out) = with.join(&mut self.samples[..end], joint, most.min(before.samples)) else {
            return;
        };
        before.samples -= left_out;
        self.waiting -= left_out;
        if before.samples == 0 {
            *before = *last;
            self.count -= 1;
        }
    }

    fn forget(&mut self, mut samples: usize, piece: &mut impl FnMut(&Provenance, usize)) {
        let mut gone = 0;
        for Piece { of, samples: held } in &mut self.pieces[..self.count] {
            let used = samples.min(*held);
            if used > 0 {
                piece(of, used);
            }
            samples -= used;
            *held -= used;
            if *held > 0 {
                let ticks = used as u64 * u64::from(RTP_CLOCK) / u64::from(self.rate.get());
                of.sender_time = of.sender_time.map(|time| time.plus(ticks as u32));
                break;
            }
            gone += 1;
        }
        self.pieces.copy_within(gone..self.count, 0);
        self.count -= gone;
    }
}

/// Replaces the front of `to` by a fade from `from`, which would have come instead.
pub(super) fn join(from: &[i16], to: &mut [i16]) {
    let len = from.len().min(to.len());
    for (at, (&from, to)) in from.iter().zip(to).enumerate() {
        *to = fade(from, *to, at, len);
    }
}
