//! Time stretching: one pitch period of a signal left out or said twice, so that the delay moves and nobody hears it.
//!
//! Waveform-similarity overlap-add (Verhelst and Roelands, 1993): the two sides of the joint are a lag apart at which
//! the signal resembles itself most, and are cross-faded over the whole lag.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::units::SampleRate;

/// Pitch periods that are looked for: voices of 67 Hz to 400 Hz.
const LAGS: RangeInclusive<Duration> = Duration::from_micros(2_500)..=Duration::from_millis(15);

/// Over how much of the signal two places are compared.
const COMPARED: Duration = Duration::from_millis(10);

/// The coarse search looks at this rate: enough for a pitch, and an eighth of the work at 48 kHz twice over.
const COARSE_RATE: u32 = 8_000;

/// The most of a loss that is left out.
const LONGEST_CUT: Duration = Duration::from_millis(20);

/// Room for the coarse copy: the longest of the above twice over, at [`COARSE_RATE`].
const COARSE_LEN: usize = 320;

/// Root mean square under which a signal is background, in which any joint passes: -50 dBFS.
const QUIET_RMS: f32 = 100.0;

/// How much alike the two sides of a joint must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Likeness(pub(crate) f32);

impl Likeness {
    /// What goes unheard.
    pub(crate) const UNHEARD: Self = Self(0.9);
    /// For a delay far from where it should be: better a joint that an attentive listener hears than more delay.
    pub(crate) const HURRIED: Self = Self(0.5);
    /// Where there is a joint already, and any is better.
    pub(crate) const ANY: Self = Self(-1.0);
}

/// Stretches signals of one rate.
#[derive(Debug)]
pub(crate) struct Stretcher {
    shortest: usize,
    longest: usize,
    longest_cut: usize,
    compared: usize,
    /// Samples of the signal that make one of the coarse copy.
    step: usize,
}

impl Stretcher {
    pub(crate) fn new(rate: SampleRate) -> Self {
        let samples = |span: Duration| rate.samples_in(span) as usize;
        let step = (rate.get() / COARSE_RATE).max(1) as usize;
        Self {
            shortest: samples(*LAGS.start()),
            longest: samples(*LAGS.end()),
            longest_cut: samples(LONGEST_CUT),
            compared: samples(COMPARED),
            step,
        }
    }

    /// The most samples that are taken out or put in at once: 15 ms.
    pub(crate) fn longest(&self) -> usize {
        self.longest
    }

    /// The fewest: 2.5 ms.
    pub(crate) fn shortest(&self) -> usize {
        self.shortest
    }

    /// How many samples [`accelerate`](Self::accelerate) must see to use every lag.
    pub(crate) fn sees(&self) -> usize {
        self.longest + self.longest.max(self.compared)
    }

    /// Takes one period of at most `most` samples out of the front of `signal`, which then begins so many samples
    /// later: the front of the slice is stale. Returns how many samples were taken, `None` where it would be heard.
    pub(crate) fn accelerate(&self, signal: &mut [i16], most: usize, likeness: Likeness) -> Option<usize> {
        let most = most.min(self.longest).min(signal.len() / 2);
        let lag = self.lag(signal, most, likeness)?;
        for at in 0..lag {
            signal[lag + at] = fade(signal[at], signal[lag + at], at, lag);
        }
        Some(lag)
    }

    /// Says one period of at most `most` samples twice: writes it into the front of `out`, to be played before
    /// `signal[now..]`, of which `signal[..now]` has been played. Returns how many samples it wrote, `None` where it
    /// would be heard.
    pub(crate) fn expand(
        &self,
        signal: &[i16],
        now: usize,
        most: usize,
        likeness: Likeness,
        out: &mut [i16],
    ) -> Option<usize> {
        let most = most.min(self.longest).min(now).min(signal.len() - now).min(out.len());
        // Seen from the past, what comes next is the later of two places a lag apart.
        let from = now.checked_sub(most)?;
        let lag = self.lag_back(&signal[from..], most, likeness)?;
        for (at, out) in out[..lag].iter_mut().enumerate() {
            *out = fade(signal[now + at], signal[now - lag + at], at, lag);
        }
        Some(lag)
    }

    /// Leaves out up to `most` samples before `joint`, where two signals meet, and moves what follows there: by how much
    /// it resembles what is then before it the most. Returns how many samples were left out, by which the end of the
    /// slice is stale; `None` when they are too few.
    pub(crate) fn join(&self, signal: &mut [i16], joint: usize, most: usize) -> Option<usize> {
        let most = most.min(self.longest_cut).min(joint).min(signal.len() - joint);
        let overlap = self.shortest;
        // No more is compared than what the shortest lag leaves out: beyond, what follows would be compared with itself.
        let places = |lag: usize| (most, most - lag);
        let lag = self.search(&signal[joint - most..], most, overlap, Likeness::ANY, places)?;
        for at in 0..overlap {
            signal[joint + at] = fade(signal[joint - lag + at], signal[joint + at], at, overlap);
        }
        signal.copy_within(joint.., joint - lag);
        Some(lag)
    }

    /// The lag at which the front of `signal` resembles what follows.
    fn lag(&self, signal: &[i16], most: usize, likeness: Likeness) -> Option<usize> {
        self.search(signal, most, self.compared, likeness, |lag| (0, lag))
    }

    /// The lag at which `signal[most..]` resembles what came before it.
    fn lag_back(&self, signal: &[i16], most: usize, likeness: Likeness) -> Option<usize> {
        self.search(signal, most, self.compared, likeness, |lag| (most, most - lag))
    }

    fn search(
        &self,
        signal: &[i16],
        most: usize,
        compared: usize,
        likeness: Likeness,
        places: impl Fn(usize) -> (usize, usize),
    ) -> Option<usize> {
        if most < self.shortest {
            return None;
        }
        let signal = &signal[..signal.len().min(most + most.max(self.compared))];
        if is_quiet(signal) {
            return Some(most);
        }
        let compared = compared.min(signal.len() - most);
        let mut coarse = [0.0; COARSE_LEN];
        let blocks = signal.chunks_exact(self.step);
        let len = blocks.len().min(COARSE_LEN);
        for (coarse, block) in coarse.iter_mut().zip(blocks) {
            *coarse = block.iter().map(|&sample| f32::from(sample)).sum();
        }
        let coarse = &coarse[..len];
        let best_of = |lags: RangeInclusive<usize>, likeness_at: &dyn Fn(usize) -> f32| {
            lags.map(|lag| (lag, likeness_at(lag))).max_by(|(_, a), (_, b)| a.total_cmp(b))
        };
        let scaled = |(a, b): (usize, usize)| (a / self.step, b / self.step);
        let rough = (self.shortest.div_ceil(self.step), most / self.step);
        let (rough, _) = best_of(rough.0..=rough.1, &|lag| {
            let (a, b) = scaled(places(lag * self.step));
            correlation(&coarse[a..], &coarse[b..], compared / self.step)
        })?;
        let around = self.shortest.max((rough * self.step).saturating_sub(self.step))
            ..=most.min(rough * self.step + self.step);
        let exact = |lag: usize| {
            let (a, b) = places(lag);
            correlation(&signal[a..], &signal[b..], compared)
        };
        best_of(around, &exact).filter(|(_, found)| *found >= likeness.0).map(|(lag, _)| lag)
    }
}

fn is_quiet(signal: &[i16]) -> bool {
    let energy: f32 = signal.iter().map(|&sample| f32::from(sample).powi(2)).sum();
    energy <= QUIET_RMS.powi(2) * signal.len() as f32
}

/// How much alike the first `len` samples of two signals are, whatever their loudness: 1 for the same, 0 for strangers.
fn correlation<T: Copy + Into<f32>>(a: &[T], b: &[T], len: usize) -> f32 {
    let (mut product, mut energy_a, mut energy_b) = (0.0_f32, 1.0_f32, 1.0_f32);
    for (&a, &b) in a.iter().zip(b).take(len) {
        let (a, b) = (a.into(), b.into());
        product += a * b;
        energy_a += a * a;
        energy_b += b * b;
    }
    product / (energy_a * energy_b).sqrt()
}

/// `from` at the first of `len` places, nearly `to` at the last.
pub(crate) fn fade(from: i16, to: i16, at: usize, len: usize) -> i16 {
    let (from, to, at, len) = (i32::from(from), i32::from(to), at as i32, len.max(1) as i32);
    (from + (to - from) * at / len) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: SampleRate = SampleRate::HZ_16000;

    fn tone(len: usize, period: f64) -> Vec<i16> {
        (0..len).map(|i| ((i as f64 * std::f64::consts::TAU / period).sin() * 8000.0) as i16).collect()
    }

    fn noise(len: usize) -> Vec<i16> {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as i16
        };
        (0..len).map(|_| next() / 4).collect()
    }

    #[test]
    fn a_tone_loses_and_gains_whole_periods() {
        let stretcher = Stretcher::new(RATE);
        // 200 Hz: 80 samples a period.
        let mut signal = tone(640, 80.0);
        let whole = signal.clone();
        let removed = stretcher.accelerate(&mut signal, 200, Likeness::UNHEARD).unwrap();
        assert_eq!(removed % 80, 0, "{removed}");
        let wrong = signal[removed..].iter().zip(&whole).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(wrong < 400, "the tone goes on as it was, within {wrong}");

        let mut added = [0; 240];
        let len = stretcher.expand(&whole, 320, 240, Likeness::UNHEARD, &mut added).unwrap();
        assert_eq!(len % 80, 0, "{len}");
        let wrong = added[..len].iter().zip(&whole[320..]).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(wrong < 400, "the tone goes on as it was, within {wrong}");
    }

    #[test]
    fn what_would_be_heard_is_left_alone_and_silence_is_cut_to_the_sample() {
        let stretcher = Stretcher::new(RATE);
        let mut loud = noise(640);
        let before = loud.clone();
        assert_eq!(stretcher.accelerate(&mut loud, 240, Likeness::UNHEARD), None);
        assert_eq!(loud, before);
        assert_eq!(stretcher.accelerate(&mut [3; 640], 123, Likeness::UNHEARD), Some(123));
        assert_eq!(stretcher.accelerate(&mut [3; 640], 20, Likeness::UNHEARD), None, "under 2.5 ms");
        assert_eq!(stretcher.accelerate(&mut [3; 30], 240, Likeness::UNHEARD), None, "nothing to look at");
    }
}
