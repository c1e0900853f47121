//! A look-ahead limiter: brings sums back into 16 bits without cutting peaks off and without pumping.
//!
//! It works in blocks of about 1 ms. The gain at each border of two blocks is the mean of what the next 4 ms ask for, each
//! of which is no more than the blocks at the border can bear; between borders it runs in a straight line. So it has come
//! down before a peak arrives, and no sample leaves above [`Limiter::CEILING`]. Afterwards it rises by a time constant of
//! [`Limiter::RELEASE`], too slowly to follow the waves of a voice.

use std::time::Duration;

use crate::frame::AudioFormat;

/// Borders whose wishes are averaged: the attack, in blocks.
const ATTACK: usize = 4;

/// Blocks that a sample waits: those that the gain behind it looks at.
const DELAY: usize = ATTACK + 1;

/// Keeps one stream of sums within 16 bits. Its output is 5 ms (4.8 ms at 44.1 kHz) late.
#[derive(Debug)]
pub struct Limiter {
    block: usize,
    /// The blocks that wait, the oldest first.
    delayed: Box<[i32]>,
    /// The most that each waiting block bears, the oldest first.
    bearable: [f32; DELAY],
    /// The last wishes of [`ATTACK`] borders, the oldest first.
    wishes: [f32; ATTACK],
    /// The gain at the border before the oldest block.
    gain: f32,
    /// The share of what is missing to unity that comes back in a block.
    release: f32,
}

impl Limiter {
    /// The loudest sample that leaves it: 0.2 dB below full scale.
    pub const CEILING: i16 = 32_000;

    /// The time constant of its rise after a peak.
    pub const RELEASE: Duration = Duration::from_millis(200);

    /// A limiter for frames of `format`.
    pub fn new(format: AudioFormat) -> Self {
        let frame = format.samples_per_frame();
        // 44.1 kHz has no whole number of samples in a millisecond: 21 blocks of 42 make its 20 ms.
        let block = if frame.is_multiple_of(20) { frame / 20 } else { frame / 21 };
        let seconds = block as f32 / format.sample_rate().get() as f32;
        Self {
            block,
            delayed: vec![0; block * DELAY].into_boxed_slice(),
            bearable: [1.0; DELAY],
            wishes: [1.0; ATTACK],
            gain: 1.0,
            release: 1.0 - (-seconds / Self::RELEASE.as_secs_f32()).exp(),
        }
    }

    /// How late its output is, in samples.
    pub fn delay(&self) -> usize {
        self.delayed.len()
    }

    /// How far it holds the sum down now: 1 is not at all.
    pub fn gain(&self) -> f32 {
        self.gain
    }

    /// Limits one frame of sums. Both slices hold a frame; what more one of them has is left alone.
    pub fn process(&mut self, sums: &[i32], samples: &mut [i16]) {
        for (sums, samples) in sums.chunks_exact(self.block).zip(samples.chunks_exact_mut(self.block)) {
            self.block(sums, samples);
        }
    }

    fn block(&mut self, sums: &[i32], samples: &mut [i16]) {
        let next = self.next_gain();
        if self.gain == 1.0 && next == 1.0 {
            // Without this, a mix that is never too loud would cost as much as one that always is.
            for (sample, &sum) in samples.iter_mut().zip(&self.delayed) {
                *sample = sum as i16;
            }
        } else {
            let step = (next - self.gain) / self.block as f32;
            for (index, (sample, &sum)) in samples.iter_mut().zip(&self.delayed).enumerate() {
                let gain = self.gain + step * index as f32;
                // What is above the ceiling here is the rounding of floats.
                *sample = ((sum as f32 * gain) as i32)
                    .clamp(-i32::from(Self::CEILING), i32::from(Self::CEILING))
                    as i16;
            }
        }
        self.gain = next;
        self.delayed.copy_within(self.block.., 0);
        let tail = self.delayed.len() - self.block;
        self.delayed[tail..].copy_from_slice(sums);
        self.bearable.rotate_left(1);
        self.bearable[DELAY - 1] = bearable(sums);
    }

    /// The gain at the border behind the oldest block.
    fn next_gain(&mut self) -> f32 {
        let wish = self.bearable.iter().copied().fold(1.0, f32::min);
        let last = self.wishes[ATTACK - 1];
        let risen = last + (1.0 - last) * self.release;
        // So near to unity that no sample differs: without this it would never be reached.
        let risen = if risen > 0.9999 { 1.0 } else { risen };
        self.wishes.rotate_left(1);
        self.wishes[ATTACK - 1] = wish.min(risen);
        if self.wishes == [1.0; ATTACK] { 1.0 } else { self.wishes.iter().sum::<f32>() / ATTACK as f32 }
    }
}

/// The gain at which the loudest of `sums` is at the ceiling; at most 1.
fn bearable(sums: &[i32]) -> f32 {
    let peak = sums.iter().map(|sum| sum.unsigned_abs()).max().unwrap_or(0);
    let ceiling = u32::from(Limiter::CEILING.unsigned_abs());
    if peak <= ceiling { 1.0 } else { ceiling as f32 / peak as f32 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FORMAT: AudioFormat = AudioFormat::Pcm16K;

    fn limited(format: AudioFormat, sums: &[i32]) -> Vec<i16> {
        let mut limiter = Limiter::new(format);
        let mut samples = vec![0; sums.len()];
        for (sums, samples) in sums
            .chunks_exact(format.samples_per_frame())
            .zip(samples.chunks_exact_mut(format.samples_per_frame()))
        {
            limiter.process(sums, samples);
        }
        samples
    }

    fn tone(hz: f64, peak: f64, samples: usize) -> Vec<i32> {
        let step = std::f64::consts::TAU * hz / 16_000.0;
        (0..samples).map(|i| ((step * i as f64).sin() * peak) as i32).collect()
    }

    #[test]
    fn what_is_not_too_loud_passes_as_it_is_only_later() {
        for format in AudioFormat::ALL {
            let sums: Vec<i32> =
                (0..format.samples_per_frame() as i32 * 5).map(|i| i * 7919 % 64_001 - 32_000).collect();
            let delay = Limiter::new(format).delay();
            let samples = limited(format, &sums);
            assert!(samples[delay..].iter().zip(&sums).all(|(&sample, &sum)| i32::from(sample) == sum));
            assert!(samples[..delay].iter().all(|&sample| sample == 0));
            let millis = format.sample_rate().duration_of(delay as u64).as_micros();
            assert!((4_700..=5_000).contains(&millis), "{format:?}: {millis} us");
        }
    }

    /// The promise that it does not pump: two voices of full scale at once are held down evenly.
    #[test]
    fn a_steady_voice_twice_too_loud_is_held_down_evenly() {
        let sums = tone(120.0, 64_000.0, 32_000);
        let samples = limited(FORMAT, &sums);
        let delay = Limiter::new(FORMAT).delay();
        // Where the wave is high, its gain can be read off.
        let gains: Vec<f64> = (16_000..samples.len())
            .filter(|&i| sums[i - delay].abs() > 30_000)
            .map(|i| f64::from(samples[i]) / f64::from(sums[i - delay]))
            .collect();
        let (least, most) =
            gains.iter().fold((f64::MAX, f64::MIN), |(least, most), &gain| (least.min(gain), most.max(gain)));
        let ripple = 20.0 * (most / least).log10();
        assert!(ripple < 0.3, "the gain moves by {ripple:.2} dB");
        assert!((0.45..0.51).contains(&least), "held at {least:.2}");
    }

    #[test]
    fn after_a_bang_the_voice_is_back_within_a_second_and_rises_slowly() {
        let mut sums = tone(200.0, 8_000.0, 32_000);
        sums[8_000..8_080].fill(200_000);
        let samples = limited(FORMAT, &sums);
        let loudest = |range: std::ops::Range<usize>| {
            samples[range].iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0)
        };
        assert!(loudest(7_600..7_840) > 7_900, "before it, nothing is held down");
        assert!(loudest(24_000..24_240) > 7_900, "a second later, nothing is held down any more");
        for at in (8_400..24_000).step_by(80) {
            let (before, after) = (f64::from(loudest(at..at + 80)), f64::from(loudest(at + 80..at + 160)));
            let rise = 20.0 * (after / before).log10();
            assert!(rise < 1.3, "{rise:.2} dB within 5 ms at {at}");
        }
    }

    proptest! {
        /// Nothing is cut: no sample is above the ceiling, and none differs from its sum by more than the gain of its block.
        #[test]
        fn no_sum_leaves_above_the_ceiling_and_no_sign_turns(
            bursts in proptest::collection::vec((0_usize..3_200, 1_usize..200, -5_000_000_i32..5_000_000), 0..12),
        ) {
            let mut sums = tone(300.0, 20_000.0, 3_200);
            for (at, len, peak) in bursts {
                let end = (at + len).min(sums.len());
                sums[at..end].fill(peak);
            }
            let mut limiter = Limiter::new(FORMAT);
            let delay = limiter.delay();
            let mut samples = vec![0; sums.len()];
            for (sums, samples) in sums.chunks_exact(320).zip(samples.chunks_exact_mut(320)) {
                limiter.process(sums, samples);
                prop_assert!((0.0..=1.0).contains(&limiter.gain()));
            }
            for (index, &sample) in samples.iter().enumerate().skip(delay) {
                let sum = sums[index - delay];
                prop_assert!(sample.unsigned_abs() <= Limiter::CEILING.unsigned_abs());
                prop_assert!(i32::from(sample).abs() <= sum.abs());
                prop_assert!(i32::from(sample) * sum.signum() >= 0, "{sum} became {sample}");
            }
        }

        /// The clamp behind the gain has nothing to do: what it would cut is less than the rounding of a float.
        #[test]
        fn the_gain_alone_holds_the_ceiling(peaks in proptest::collection::vec(0_i32..3_000_000, 40..200)) {
            let mut limiter = Limiter::new(FORMAT);
            let mut samples = [0; 16];
            for peak in peaks {
                let oldest = limiter.delayed[..16].to_vec();
                let before = limiter.gain;
                limiter.block(&[peak; 16], &mut samples);
                let most = oldest[0] as f32 * before.max(limiter.gain);
                prop_assert!(most <= f32::from(Limiter::CEILING) * 1.0001, "{most}");
            }
        }
    }
}
