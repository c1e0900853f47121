//! Mixing: the sum of all voices, what each listener hears of it, and how loud it is.

/// Samples of a frame of 20 ms at the rate that rooms run at.
pub(super) const SAMPLES: usize = 960;

/// Samples per second in a room: Opus' own rate, so that nobody's sound is resampled twice.
pub(super) const RATE: u32 = 48_000;

/// A frame of one voice.
pub(super) type Frame = [i16; SAMPLES];

/// Silence.
pub(super) const SILENT: Frame = [0; SAMPLES];

/// The sum of all voices of a frame, wide enough for 65,536 of them.
pub(super) struct Sum([i32; SAMPLES]);

impl Sum {
    /// The sum of `voices`.
    pub(super) fn of<'a>(voices: impl IntoIterator<Item = &'a Frame>) -> Self {
        let mut sum = [0; SAMPLES];
        for voice in voices {
            sum.iter_mut().zip(voice).for_each(|(sum, sample)| *sum += i32::from(*sample));
        }
        Self(sum)
    }

    /// What somebody hears who says `own`: everybody else.
    pub(super) fn without(&self, own: &Frame) -> [i32; SAMPLES] {
        let mut heard = self.0;
        heard.iter_mut().zip(own).for_each(|(heard, own)| *heard -= i32::from(*own));
        heard
    }
}

/// Keeps the sum of several loud voices below full scale, without the crackle of cut-off peaks.
pub(super) struct Limiter {
    gain: f32,
}

/// The highest sample that goes out: a little below full scale, since coding adds to peaks.
const CEILING: f32 = 30_000.0;

/// Samples in which the gain falls: 2 ms, shorter than what is heard as a step.
const ATTACK: usize = 96;

/// How much of the way back the gain goes in a frame: all of it in about half a second.
const RELEASE: f32 = 0.1;

impl Limiter {
    pub(super) fn new() -> Self {
        Self { gain: 1.0 }
    }

    /// Brings `heard` into the range of samples.
    pub(super) fn limit(&mut self, heard: &[i32; SAMPLES]) -> Frame {
        let peak = heard.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or_default() as f32;
        let allowed = if peak > CEILING { CEILING / peak } else { 1.0 };
        let (before, after) = (self.gain, allowed.min(self.gain + (1.0 - self.gain) * RELEASE));
        self.gain = after;
        let mut frame = SILENT;
        for (place, (out, sample)) in frame.iter_mut().zip(heard).enumerate() {
            let way = (place as f32 / ATTACK as f32).min(1.0);
            let gain = before + (after - before) * way;
            *out = (*sample as f32 * gain).clamp(i16::MIN.into(), i16::MAX.into()) as i16;
        }
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constant(level: i16) -> Frame {
        [level; SAMPLES]
    }

    #[test]
    fn everybody_hears_all_others_and_not_themselves() {
        let voices = [constant(100), constant(-20), constant(3)];
        let sum = Sum::of(&voices);
        for (own, expected) in voices.iter().zip([-17, 103, 80]) {
            assert_eq!(sum.without(own), [expected; SAMPLES]);
        }
        assert_eq!(Sum::of(&[constant(7)]).without(&constant(7)), [0; SAMPLES]);
    }

    #[test]
    fn what_fits_passes_unchanged_and_what_does_not_is_turned_down_and_back_up() {
        let mut limiter = Limiter::new();
        assert_eq!(limiter.limit(&[20_000; SAMPLES]), constant(20_000));
        let loud = limiter.limit(&[90_000; SAMPLES]);
        assert!(loud[ATTACK..].iter().all(|sample| (29_999..=30_000).contains(sample)), "{}", loud[ATTACK]);
        let soft = limiter.limit(&[3_000; SAMPLES]);
        assert!((1_000..2_000).contains(&soft[SAMPLES - 1]), "it comes back slowly: {}", soft[SAMPLES - 1]);
        for _ in 0..50 {
            limiter.limit(&[3_000; SAMPLES]);
        }
        assert!(limiter.limit(&[3_000; SAMPLES])[0] > 2_950);
    }
}
