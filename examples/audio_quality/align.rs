//! Where a piece of the speech is in a recording.

use std::ops::Range;

use crate::speech::RATE;

/// How long a piece is: what PESQ is made for, and long enough to meet something on any trace.
pub(crate) const PIECE: usize = 10 * RATE;

/// Samples in a step of the coarse search: 10 ms.
const STEP: usize = RATE / 100;

/// How far around its coarse place a piece is looked for.
const FINE: usize = 2 * STEP;

/// Root mean square that a piece of speech has at least, taken over all of it: below, there is nothing to score.
const AUDIBLE: f64 = 300.0;

/// A piece, by its first samples.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(crate) struct Piece {
    pub(crate) said: usize,
    pub(crate) heard: usize,
}

/// Finds each `every`th piece of `said` in `heard`. A piece is where it fits best, near where the one before it was: the delay
/// moves by less than half a second from piece to piece. The first may be anywhere in the first minute.
///
/// Pieces in which nobody speaks are left out, and those that lie beyond the end of the recording.
pub(crate) fn pieces(said: &[i16], heard: &[i16], every: usize) -> Vec<Piece> {
    let (said_steps, heard_steps) = (envelope(said), envelope(heard));
    let mut found = Vec::new();
    let mut shift: Option<i64> = None;
    for at in (0..said.len() / PIECE).step_by(every).map(|piece| piece * PIECE) {
        let speech = &said[at..at + PIECE];
        if energy(speech) < AUDIBLE * AUDIBLE * PIECE as f64 {
            continue;
        }
        let steps = &said_steps[at / STEP..(at + PIECE) / STEP];
        let place = at as i64 / STEP as i64;
        // In steps: how much later than in the speech the piece may be in the recording.
        let expected = match shift {
            Some(shift) => place + shift - 60..place + shift + 60,
            None => place - 100..place + 6000,
        };
        let Some(coarse) = best(steps, &heard_steps, expected) else { continue };
        let around = (coarse * STEP) as i64;
        let Some(fine) = best(speech, heard, around - FINE as i64..around + FINE as i64) else { continue };
        shift = Some(coarse as i64 - place);
        found.push(Piece { said: at, heard: fine });
    }
    found
}

/// The loudness of each step, less its mean over the whole: pauses are as telling as speech.
fn envelope(samples: &[i16]) -> Vec<i16> {
    let loudness: Vec<f64> =
        samples.chunks_exact(STEP).map(|step| (energy(step) / STEP as f64).sqrt().max(30.0).log2()).collect();
    let mean = loudness.iter().sum::<f64>() / loudness.len().max(1) as f64;
    loudness.into_iter().map(|value| ((value - mean) * 1000.0) as i16).collect()
}

/// Where in `places` of `heard` the whole of `said` fits best, by normalised correlation.
fn best(said: &[i16], heard: &[i16], places: Range<i64>) -> Option<usize> {
    let last = i64::try_from(heard.len().checked_sub(said.len())?).ok()?;
    let places = places.start.max(0)..places.end.min(last + 1);
    let fit = |place: i64| {
        let there = &heard[place as usize..place as usize + said.len()];
        let product: i64 =
            said.iter().zip(there).map(|(&a, &b)| i64::from(i32::from(a) * i32::from(b))).sum();
        product as f64 / energy(there).sqrt().max(1.0)
    };
    let fits = places.map(|place| (place as usize, fit(place)));
    fits.max_by(|(_, one), (_, other)| one.total_cmp(other)).map(|(place, _)| place)
}

fn energy(samples: &[i16]) -> f64 {
    samples.iter().map(|&sample| f64::from(sample).powi(2)).sum()
}
