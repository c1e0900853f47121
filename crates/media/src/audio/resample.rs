//! Frames from one rate to another, tick by tick. Allocates when it is made, and never after.

use std::time::Duration;

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};

use crate::frame::AudioFormat;

/// Parts that a frame is worked on in, if its length allows: each halves the delay, and widens the filter's edge. Four make
/// 2.5 ms of delay.
const MOST_PARTS: usize = 4;

/// Turns frames of one format into frames of another. 20 ms in are 20 ms out.
pub struct FrameResampler {
    conversion: Option<Conversion>,
}

struct Conversion {
    fft: Fft<f32>,
    input: Box<[f32]>,
    output: Box<[f32]>,
    /// Samples of a part, in and out.
    part: (usize, usize),
    delay: Duration,
}

impl FrameResampler {
    /// A resampler between two formats; of frames that have the right one already, it is a copy.
    pub fn new(from: AudioFormat, to: AudioFormat) -> Self {
        Self { conversion: (from != to).then(|| Conversion::new(from, to)) }
    }

    /// How late its output is: half a part, 2.5 to 5 ms; nothing for a copy.
    pub fn delay(&self) -> Duration {
        self.conversion.as_ref().map_or(Duration::ZERO, |conversion| conversion.delay)
    }

    /// Converts one frame. Each slice holds a frame of its format; what is missing or too much is left alone.
    pub fn convert(&mut self, from: &[i16], to: &mut [i16]) {
        match &mut self.conversion {
            Some(conversion) => conversion.convert(from, to),
            None => to.iter_mut().zip(from).for_each(|(to, from)| *to = *from),
        }
    }
}

impl Conversion {
    fn new(from: AudioFormat, to: AudioFormat) -> Self {
        let (frame_in, frame_out) = (from.samples_per_frame(), to.samples_per_frame());
        // Both lengths divide, so a part has the ratio of the rates.
        let divides = |parts: &usize| frame_in.is_multiple_of(*parts) && frame_out.is_multiple_of(*parts);
        let parts = (1..=MOST_PARTS).rev().find(divides).unwrap_or(1);
        let part = (frame_in / parts, frame_out / parts);
        let (rate_in, rate_out) = (from.sample_rate().get() as usize, to.sample_rate().get() as usize);
        let fft = Fft::new(rate_in, rate_out, part.0, 1, FixedSync::Both)
            .expect("the rates of the formats are not zero, nor is a part");
        debug_assert_eq!((fft.input_frames_next(), fft.output_frames_next()), part, "{from:?} to {to:?}");
        let delay = to.sample_rate().duration_of(fft.output_delay() as u64);
        let silence = |samples: usize| vec![0.0; samples].into_boxed_slice();
        Self { input: silence(part.0), output: silence(part.1), fft, part, delay }
    }

    fn convert(&mut self, from: &[i16], to: &mut [i16]) {
        for (from, to) in from.chunks_exact(self.part.0).zip(to.chunks_exact_mut(self.part.1)) {
            self.input.iter_mut().zip(from).for_each(|(input, &sample)| *input = f32::from(sample));
            self.convert_part().expect("both buffers have the lengths that the resampler was made for");
            // Rounded; what is louder than 16 bits is cut.
            to.iter_mut().zip(&self.output).for_each(|(to, sample)| *to = sample.round() as i16);
        }
    }

    fn convert_part(&mut self) -> Result<(), Box<dyn std::error::Error>> {
        let input = InterleavedSlice::new(&self.input, 1, self.part.0)?;
        let mut output = InterleavedSlice::new_mut(&mut self.output, 1, self.part.1)?;
        self.fft.process_into_buffer(&input, &mut output, None)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(format: AudioFormat, samples: usize) -> Vec<i16> {
        let step = std::f64::consts::TAU * 440.0 / f64::from(format.sample_rate().get());
        (0..samples).map(|i| ((step * i as f64).sin() * 8000.0) as i16).collect()
    }

    #[test]
    fn a_tone_keeps_its_length_loudness_and_pitch_between_all_formats() {
        for from in AudioFormat::ALL {
            for to in AudioFormat::ALL {
                let mut resampler = FrameResampler::new(from, to);
                let frames = 50;
                let mut heard = vec![0; frames * to.samples_per_frame()];
                let said = tone(from, frames * from.samples_per_frame());
                for (said, heard) in said
                    .chunks_exact(from.samples_per_frame())
                    .zip(heard.chunks_exact_mut(to.samples_per_frame()))
                {
                    resampler.convert(said, heard);
                }
                let delay =
                    to.sample_rate().samples_in(resampler.delay() + Duration::from_nanos(999)) as usize;
                assert!(resampler.delay() <= Duration::from_millis(10), "{from:?} to {to:?}");
                let expected = tone(to, heard.len());
                let error = |i: usize| (i32::from(heard[i + delay]) - i32::from(expected[i])).abs();
                let worst = (1000..heard.len() - 1000).map(error).max();
                // Half a sample of place, which the delay may be off by.
                let half = (std::f64::consts::PI * 440.0 / f64::from(to.sample_rate().get()) * 8000.0) as i32;
                assert!(worst <= Some(half + 30), "{from:?} to {to:?}: off by {worst:?} of 8000");
            }
        }
    }
}
