//! Pairs of tones that tell calls apart.

use std::f64::consts::TAU;

/// Samples per second.
pub(crate) const RATE: usize = 16_000;

/// Amplitude of each of the two.
const LOUDNESS: f64 = 5000.0;

/// Low tones and high ones: four hundred pairs, 100 Hz and more apart, where three frames are resolved to some 30 Hz.
const LOWS: usize = 16;
const HIGHS: usize = 25;

fn low(number: usize) -> f64 {
    350.0 + 100.0 * number as f64
}

fn high(number: usize) -> f64 {
    2050.0 + 150.0 * number as f64
}

/// Energies relative to that of a whole window of a tone. A single frame of another call in the middle of a window of three
/// has more than a third.
const FOREIGN: f64 = 0.25;
const OWN: f64 = 0.3;
const STEADY: f64 = 0.7;

/// A pair of tones that no other direction of any call has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tag {
    low: usize,
    high: usize,
}

impl Tag {
    pub(crate) fn of(number: usize) -> Self {
        assert!(number < LOWS * HIGHS, "there is a pair for each");
        // Calls of one time have numbers close together, and get tones far apart: 157 has no factor in common with 400.
        let number = number * 157 % (LOWS * HIGHS);
        Self { low: number % LOWS, high: number / LOWS }
    }

    /// Whose tag it is.
    fn number(low: usize, high: usize) -> usize {
        // 157 times 293 is 1 above a multiple of 400.
        (low + LOWS * high) * 293 % (LOWS * HIGHS)
    }

    /// The `len` samples from `first` on.
    pub(crate) fn samples(self, first: usize, len: usize) -> Vec<i16> {
        let tone = |hz: f64, at: usize| (TAU * hz * at as f64 / RATE as f64).sin() * LOUDNESS;
        (first..first + len).map(|at| (tone(low(self.low), at) + tone(high(self.high), at)) as i16).collect()
    }

    /// Whether both tones are in `samples`.
    pub(crate) fn is_heard(self, samples: &[i16]) -> bool {
        [low(self.low), high(self.high)].into_iter().all(|hz| energy(samples, hz) > OWN)
    }

    /// The two tones of another call in `samples`, by whoever `can_be` there by their number. One alone is none, nor are weak ones: a
    /// codec that has lost its footing makes harmonics of its own. Where one's own begins, ends or jumps, its energy spreads to its
    /// neighbours on either side, which then say nothing; and it stays stronger than what is further away.
    pub(crate) fn foreign(self, samples: &[i16], can_be: impl Fn(usize) -> bool) -> Option<(f64, f64)> {
        let in_band = |own: usize, count: usize, hz: fn(usize) -> f64| -> Vec<usize> {
            let energy_of_own = energy(samples, hz(own));
            let (least, near) =
                if energy_of_own > STEADY { (FOREIGN, 0) } else { (energy_of_own.max(FOREIGN), 1) };
            let others = (0..count).filter(|other| other.abs_diff(own) > near);
            others.filter(|&other| energy(samples, hz(other)) > least).collect()
        };
        let lows = in_band(self.low, LOWS, low);
        let highs = if lows.is_empty() { Vec::new() } else { in_band(self.high, HIGHS, high) };
        let mut pairs = lows.iter().flat_map(|&low| highs.iter().map(move |&high| (low, high)));
        pairs.find(|&(low, high)| can_be(Self::number(low, high))).map(|(of, and)| (low(of), high(and)))
    }
}

/// The energy of a tone in `samples` under a Hann window, where one that fills them has 1 (Goertzel's algorithm).
fn energy(samples: &[i16], hz: f64) -> f64 {
    let coefficient = 2.0 * (TAU * hz / RATE as f64).cos();
    let (mut before, mut last) = (0.0, 0.0);
    for (at, &sample) in samples.iter().enumerate() {
        let window = 0.5 - 0.5 * (TAU * at as f64 / samples.len() as f64).cos();
        (before, last) = (last, f64::from(sample) * window + coefficient * last - before);
    }
    let power = last.mul_add(last, before * before) - coefficient * last * before;
    // The mean of the window is a half, and a tone's amplitude twice its part in the spectrum.
    let whole = LOUDNESS * samples.len() as f64 / 4.0;
    power / (whole * whole)
}

#[test]
fn a_single_frame_of_another_call_is_noticed_and_ones_own_is_not() {
    let anybody = |_| true;
    for number in [0, 77, 399] {
        let tag = Tag::of(number);
        assert_eq!(Tag::number(tag.low, tag.high), number);
        let own = tag.samples(12_345, 960);
        assert!(tag.is_heard(&own));
        assert_eq!(tag.foreign(&own, anybody), None);
        // An application that was late: a single frame of its own, or one missing.
        for silent in [0..320, 320..640, 640..960, 0..640, 320..960] {
            let mut torn = own.clone();
            torn[silent.clone()].fill(0);
            assert_eq!(tag.foreign(&torn, anybody), None, "{number} with silence at {silent:?}");
        }
        let apart = |other: &usize| {
            let Tag { low, high } = Tag::of(*other);
            low.abs_diff(tag.low) > 1 && high.abs_diff(tag.high) > 1
        };
        for other in (0..LOWS * HIGHS).filter(apart) {
            let mut crossed = own.clone();
            crossed[320..640].copy_from_slice(&Tag::of(other).samples(999, 320));
            assert!(tag.foreign(&crossed, anybody).is_some(), "a frame of {other} in the call of {number}");
            assert!(tag.foreign(&crossed, |found| found == other).is_some(), "it is known whose");
            let mut mixed = own.clone();
            mixed[320..640].iter_mut().zip(Tag::of(other).samples(999, 320)).for_each(|(a, b)| *a += b);
            assert!(tag.foreign(&mixed, anybody).is_some(), "a frame of {other} on top of that of {number}");
            let mut quiet = vec![0; 960];
            quiet[320..640].copy_from_slice(&Tag::of(other).samples(999, 320));
            assert!(
                tag.foreign(&quiet, anybody).is_some() && !tag.is_heard(&quiet),
                "{other} in the silence of {number}"
            );
        }
    }
}
