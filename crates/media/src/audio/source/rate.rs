//! A stream of blocks at another rate: no delay, and not a sample more or less than its length makes.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};

use super::SoundError;
use crate::units::SampleRate;

/// Samples that are worked on at a time.
const CHUNK: usize = 1024;

pub(crate) struct StreamResampler {
    fft: Fft<f32>,
    rates: (SampleRate, SampleRate),
    output: Vec<f32>,
    /// Samples that the filter gives before the first.
    lead: usize,
    /// Samples taken and given.
    taken: u64,
    given: u64,
}

impl StreamResampler {
    pub(crate) fn new(from: SampleRate, to: SampleRate) -> Result<Self, SoundError> {
        let refused = |_| SoundError::Resample { from, to };
        let fft =
            Fft::new(from.get() as usize, to.get() as usize, CHUNK, 1, FixedSync::Input).map_err(refused)?;
        let (lead, output) = (fft.output_delay(), vec![0.0; fft.output_frames_max()]);
        Ok(Self { fft, rates: (from, to), output, lead, taken: 0, given: 0 })
    }

    /// Takes whole chunks off the front of `input` and appends what they make to `output`. At the end, what is left is filled
    /// up with silence, and all that is still in the filter comes out.
    pub(crate) fn resample(
        &mut self,
        input: &mut Vec<f32>,
        ended: bool,
        output: &mut Vec<f32>,
    ) -> Result<(), SoundError> {
        let mut at = 0;
        while input.len() - at >= CHUNK {
            self.taken += CHUNK as u64;
            self.chunk(&input[at..at + CHUNK], output)?;
            at += CHUNK;
        }
        input.drain(..at);
        if ended {
            self.taken += input.len() as u64;
            input.resize(CHUNK, 0.0);
            while self.given < self.due() {
                self.chunk(input, output)?;
                input.fill(0.0);
            }
            input.clear();
        }
        Ok(())
    }

    /// How many samples those taken make.
    fn due(&self) -> u64 {
        let (from, to) = (u64::from(self.rates.0.get()), u64::from(self.rates.1.get()));
        (self.taken * to).div_ceil(from)
    }

    fn chunk(&mut self, chunk: &[f32], output: &mut Vec<f32>) -> Result<(), SoundError> {
        let written = self.convert(chunk);
        let written = written.map_err(|_| SoundError::Resample { from: self.rates.0, to: self.rates.1 })?;
        let led = self.lead.min(written);
        self.lead -= led;
        let due = self.due().saturating_sub(self.given) as usize;
        let samples = &self.output[led..written];
        let samples = &samples[..samples.len().min(due)];
        self.given += samples.len() as u64;
        output.extend_from_slice(samples);
        Ok(())
    }

    fn convert(&mut self, chunk: &[f32]) -> Result<usize, Box<dyn std::error::Error>> {
        let input = InterleavedSlice::new(chunk, 1, chunk.len())?;
        let room = self.output.len();
        let mut output = InterleavedSlice::new_mut(&mut self.output, 1, room)?;
        let (_, written) = self.fft.process_into_buffer(&input, &mut output, None)?;
        Ok(written)
    }
}
