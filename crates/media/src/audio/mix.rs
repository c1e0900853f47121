//! Mixing: several speakers summed into one, for everybody or for everybody but the one who listens.

use crate::audio::limiter::Limiter;
use crate::frame::AudioFormat;
use crate::units::MediaSourceId;

/// How much louder or quieter: a factor between silence and +20 dB.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gain(f32);

impl Gain {
    /// As it is.
    pub const UNITY: Self = Self(1.0);
    /// Nothing of it.
    pub const MUTE: Self = Self(0.0);
    /// +20 dB.
    pub const MOST: Self = Self(10.0);

    /// A gain in decibels: -6 halves the amplitude. What is above +20 dB becomes that; what is below -100 dB, or no
    /// number, is [`MUTE`](Self::MUTE).
    pub fn from_db(db: f32) -> Self {
        if db >= -100.0 { Self(10_f32.powf(db / 20.0).min(Self::MOST.0)) } else { Self::MUTE }
    }

    /// The factor that samples are multiplied by.
    pub const fn factor(self) -> f32 {
        self.0
    }

    /// The gain with this factor, made safe.
    pub(crate) fn from_factor(factor: f32) -> Self {
        if factor >= 0.0 { Self(factor.min(Self::MOST.0)) } else { Self::MUTE }
    }
}

impl Default for Gain {
    fn default() -> Self {
        Self::UNITY
    }
}

/// One who is heard, at this tick.
#[derive(Debug)]
struct Part {
    source: MediaSourceId,
    /// The gain that its samples ended with at the tick before; it moves over a whole frame, so that nothing clicks.
    gain: Gain,
    samples: Box<[i32]>,
    /// Whether it was given at this tick.
    here: bool,
}

/// The mixer takes no more sources: as many as it was made for are heard at this tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the mixer was made for {0} sources at a time")]
pub struct MixerFull(pub usize);

/// Sums frames of several sources. Sums are of 32 bits and are brought back to 16 by a [`Limiter`] alone, one for each that
/// listens, because each hears another sum.
///
/// Each tick: [`begin`](Self::begin), [`add`](Self::add) for each source, then [`mix`](Self::mix) or [`mix_for`](Self::mix_for).
///
/// ```
/// use offhook_media::mix::{Gain, Limiter, Mixer};
/// use offhook_media::{AudioFormat, MediaSourceId};
///
/// let (anna, ben) = (MediaSourceId(1), MediaSourceId(2));
/// let mut mixer = Mixer::new(AudioFormat::Pcm16K, 4);
/// let mut for_anna = Limiter::new(AudioFormat::Pcm16K);
/// let mut heard = [0; 320];
/// mixer.begin();
/// mixer.add(anna, &[1_000; 320], Gain::UNITY)?;
/// mixer.add(ben, &[-500; 320], Gain::UNITY)?;
/// mixer.mix_for(anna, &mut for_anna, &mut heard);
/// // Ben alone; the limiter looks ahead, and so its output is 5 ms late.
/// assert_eq!((heard[79], heard[80]), (0, -500));
/// # Ok::<(), offhook_media::mix::MixerFull>(())
/// ```
#[derive(Debug)]
pub struct Mixer {
    sum: Box<[i32]>,
    /// The sum without the listener.
    others: Box<[i32]>,
    parts: Box<[Part]>,
}

impl Mixer {
    /// A mixer of frames of `format` for up to `sources` at a time. Allocates here, and never after.
    pub fn new(format: AudioFormat, sources: usize) -> Self {
        let silence = || vec![0; format.samples_per_frame()].into_boxed_slice();
        let part = || Part { source: MediaSourceId(0), gain: Gain::UNITY, samples: silence(), here: false };
        Self {
            sum: silence(),
            others: silence(),
            parts: std::iter::repeat_with(part).take(sources).collect(),
        }
    }

    /// Begins a tick: nobody is heard.
    pub fn begin(&mut self) {
        self.sum.fill(0);
        self.parts.iter_mut().for_each(|part| part.here = false);
    }

    /// Adds a frame of `source`; a second one of the same tick is added to its first. A new gain is reached at the end of
    /// the frame.
    ///
    /// # Errors
    /// When as many sources as the mixer was made for are there already. Nothing was added.
    pub fn add(&mut self, source: MediaSourceId, samples: &[i16], gain: Gain) -> Result<(), MixerFull> {
        let most = self.parts.len();
        let part = place_for(&mut self.parts, source).ok_or(MixerFull(most))?;
        if part.source != source {
            (part.source, part.gain) = (source, gain);
        }
        if !part.here {
            part.samples.fill(0);
            part.here = true;
        }
        let from = part.gain.factor();
        let step = (gain.factor() - from) / self.sum.len() as f32;
        part.gain = gain;
        let sums = self.sum.iter_mut().zip(&mut part.samples).zip(samples);
        if step == 0.0 && from == 1.0 {
            sums.for_each(|((sum, own), &sample)| {
                *own += i32::from(sample);
                *sum += i32::from(sample);
            });
        } else {
            sums.enumerate().for_each(|(index, ((sum, own), &sample))| {
                let sample = (f32::from(sample) * (from + step * index as f32)) as i32;
                *own += sample;
                *sum += sample;
            });
        }
        Ok(())
    }

    /// The sum of all, through `limiter`, into `samples`.
    pub fn mix(&self, limiter: &mut Limiter, samples: &mut [i16]) {
        limiter.process(&self.sum, samples);
    }

    /// The sum of all but `listener`, through the limiter of that listener, into `samples`. Who is not in the mix hears all.
    pub fn mix_for(&mut self, listener: MediaSourceId, limiter: &mut Limiter, samples: &mut [i16]) {
        let own = self.parts.iter().find(|part| part.here && part.source == listener);
        let Some(own) = own else { return self.mix(limiter, samples) };
        for ((other, sum), own) in self.others.iter_mut().zip(&self.sum).zip(&own.samples) {
            *other = sum - own;
        }
        limiter.process(&self.others, samples);
    }
}

/// The place of `source`: its own of this tick or of the one before, else one that nobody has at this tick.
fn place_for(parts: &mut [Part], source: MediaSourceId) -> Option<&mut Part> {
    let own = parts.iter().position(|part| part.source == source);
    let index = own.or_else(|| parts.iter().position(|part| !part.here))?;
    parts.get_mut(index)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FORMAT: AudioFormat = AudioFormat::Pcm16K;
    const ONE: MediaSourceId = MediaSourceId(1);
    const TWO: MediaSourceId = MediaSourceId(2);

    /// What `listener` hears of two constant voices; the second frame, behind the limiter's look-ahead.
    fn heard(listener: MediaSourceId, gain: Gain) -> [i16; 320] {
        let (mut mixer, mut limiter) = (Mixer::new(FORMAT, 2), Limiter::new(FORMAT));
        let mut samples = [0; 320];
        for _ in 0..2 {
            mixer.begin();
            mixer.add(ONE, &[1_000; 320], Gain::UNITY).unwrap();
            mixer.add(TWO, &[200; 320], gain).unwrap();
            mixer.mix_for(listener, &mut limiter, &mut samples);
        }
        samples
    }

    #[test]
    fn everybody_hears_the_others_and_nobody_hears_himself() {
        assert_eq!(heard(ONE, Gain::UNITY), [200; 320]);
        assert_eq!(heard(TWO, Gain::UNITY), [1_000; 320]);
        assert_eq!(heard(MediaSourceId(3), Gain::UNITY), [1_200; 320]);
    }

    #[test]
    fn a_gain_is_in_decibels_and_bounded() {
        assert_eq!(heard(ONE, Gain::from_db(20.0)), [2_000; 320]);
        assert_eq!(heard(ONE, Gain::MUTE), [0; 320]);
        assert_eq!(heard(TWO, Gain::MUTE), [1_000; 320]);
        assert_eq!(Gain::from_db(f32::NAN), Gain::MUTE);
        assert_eq!(Gain::from_db(f32::INFINITY), Gain::MOST);
        assert!((Gain::from_db(-6.02).factor() - 0.5).abs() < 0.001);
    }

    #[test]
    fn a_new_gain_is_reached_without_a_step() {
        let (mut mixer, mut limiter) = (Mixer::new(FORMAT, 1), Limiter::new(FORMAT));
        let mut all = Vec::new();
        for gain in [Gain::UNITY, Gain::UNITY, Gain::MUTE, Gain::MUTE, Gain::MUTE] {
            let mut samples = [0; 320];
            mixer.begin();
            mixer.add(ONE, &[8_000; 320], gain).unwrap();
            mixer.mix(&mut limiter, &mut samples);
            all.extend(samples);
        }
        let steps = all[100..].windows(2).map(|pair| (pair[0] - pair[1]).unsigned_abs()).max();
        assert!(steps <= Some(26), "a step of {steps:?}");
        assert_eq!(all.last(), Some(&0));
    }

    #[test]
    fn a_mixer_that_is_full_says_so_and_its_places_come_free_at_the_next_tick() {
        let mut mixer = Mixer::new(FORMAT, 1);
        mixer.begin();
        mixer.add(ONE, &[1; 320], Gain::UNITY).unwrap();
        assert_eq!(mixer.add(TWO, &[1; 320], Gain::UNITY), Err(MixerFull(1)));
        mixer.begin();
        assert_eq!(mixer.add(TWO, &[1; 320], Gain::UNITY), Ok(()));
    }

    proptest! {
        /// As long as nothing is too loud, a listener hears the exact sum of the others.
        #[test]
        fn a_mix_is_the_sum_of_the_others(voices in proptest::collection::vec(-2_000_i16..2_000, 1..15)) {
            let (mut mixer, mut limiter) = (Mixer::new(FORMAT, 15), Limiter::new(FORMAT));
            let mut samples = [0; 320];
            for _ in 0..2 {
                mixer.begin();
                for (source, &voice) in voices.iter().enumerate() {
                    mixer.add(MediaSourceId(source as u32), &[voice; 320], Gain::UNITY).unwrap();
                }
                mixer.mix_for(MediaSourceId(0), &mut limiter, &mut samples);
            }
            prop_assert_eq!(samples, [voices[1..].iter().sum::<i16>(); 320]);
        }
    }
}
