//! Sound that is there as a whole: a prompt, a clip, a test's reference.

use std::io::Read;
use std::time::Duration;

use hound::{SampleFormat, WavReader};
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};

use super::reader::SoundReader;
use super::{LONGEST, RATES, SoundError, checked_rate, to_pcm};
use crate::frame::{AudioFormat, AudioFrame};
use crate::time::MediaInstant;
use crate::units::SampleRate;

/// Samples that the resampler works on at a time.
const CHUNK: usize = 1024;

/// Mono PCM of any length and rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    rate: SampleRate,
    samples: Vec<i16>,
}

impl Sound {
    /// Sound from samples.
    pub fn new(rate: SampleRate, samples: Vec<i16>) -> Self {
        Self { rate, samples }
    }

    /// Reads a WAV, MP3, FLAC or Ogg Opus file of up to two hours, told apart by what it holds. Channels are mixed to one.
    ///
    /// # Errors
    /// As [`SoundReader`], which reads longer ones in parts; and when it is too long.
    pub fn read(file: impl Read + Send + Sync + 'static) -> Result<Self, SoundError> {
        let mut reader = SoundReader::new(file)?;
        let rate = reader.sample_rate();
        let most = rate.samples_in(LONGEST) as usize;
        let (mut samples, mut len) = (Vec::new(), 0);
        loop {
            samples.resize(len + rate.get() as usize, 0);
            let read = reader.read(&mut samples[len..])?;
            len += read;
            if len > most {
                return Err(SoundError::TooLong);
            }
            if read == 0 {
                samples.truncate(len);
                return Ok(Self { rate, samples });
            }
        }
    }

    /// Reads a WAV file: integers of 8 to 32 bits or floats, any number of channels, which are mixed to one.
    ///
    /// # Errors
    /// When it is none, ends too early, or holds what is not read.
    pub fn read_wav(file: impl Read) -> Result<Self, SoundError> {
        let mut reader = WavReader::new(file)?;
        let spec = reader.spec();
        let rate = checked_rate(spec.sample_rate)?;
        let interleaved: Vec<i16> = match (spec.sample_format, spec.bits_per_sample, spec.channels) {
            (SampleFormat::Int, bits @ 8..=32, 1..=255) => {
                let to_16_bits = |sample: i32| ((sample << (32 - u32::from(bits))) >> 16) as i16;
                reader.samples::<i32>().map(|sample| sample.map(to_16_bits)).collect::<Result<_, _>>()?
            }
            (SampleFormat::Float, 32, 1..=255) => {
                let to_16_bits = |sample: f32| to_pcm(sample * f32::from(i16::MAX));
                reader.samples::<f32>().map(|sample| sample.map(to_16_bits)).collect::<Result<_, _>>()?
            }
            (format, bits, channels) => {
                let what = format!("{channels} channels of {bits}-bit {format:?} samples");
                return Err(SoundError::Samples { what });
            }
        };
        let channels = usize::from(spec.channels);
        let mix = |frame: &[i16]| {
            let sum: i32 = frame.iter().map(|&sample| i32::from(sample)).sum();
            // The mean of 16-bit numbers is one.
            (sum / frame.len() as i32) as i16
        };
        Ok(Self { rate, samples: interleaved.chunks_exact(channels).map(mix).collect() })
    }

    /// The same sound at another rate.
    ///
    /// # Errors
    /// When either rate is one that nobody records at.
    pub fn resampled(&self, rate: SampleRate) -> Result<Self, SoundError> {
        if rate == self.rate || self.samples.is_empty() {
            return Ok(Self { rate, samples: self.samples.clone() });
        }
        for rate in [rate, self.rate] {
            if !RATES.contains(&rate.get()) {
                return Err(SoundError::Rate { hz: rate.get() });
            }
        }
        let refused = || SoundError::Resample { from: self.rate, to: rate };
        let (from, to) = (self.rate.get() as usize, rate.get() as usize);
        let mut resampler = Fft::<f32>::new(from, to, CHUNK, 1, FixedSync::Both).map_err(|_| refused())?;
        let input: Vec<f32> = self.samples.iter().map(|&sample| f32::from(sample)).collect();
        let mut output = vec![0.0; resampler.process_all_needed_output_len(input.len())];
        let room = output.len();
        let input = InterleavedSlice::new(&input, 1, input.len()).map_err(|_| refused())?;
        let mut adapter = InterleavedSlice::new_mut(&mut output, 1, room).map_err(|_| refused())?;
        let (_, written) = resampler
            .process_all_into_buffer(&input, &mut adapter, self.samples.len(), None)
            .map_err(|_| refused())?;
        // The library counts in floats, and may add a sample.
        let exact = (self.samples.len() as u64 * to as u64).div_ceil(from as u64) as usize;
        Ok(Self {
            rate,
            samples: output[..written.min(exact)].iter().map(|&sample| to_pcm(sample)).collect(),
        })
    }

    /// Samples per second.
    pub fn sample_rate(&self) -> SampleRate {
        self.rate
    }

    /// The samples, mono.
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// How long it lasts.
    pub fn duration(&self) -> Duration {
        self.rate.duration_of(self.samples.len() as u64)
    }

    /// The sound as frames for a socket of `format`, on a timeline from zero. The last one is filled up with silence.
    ///
    /// # Errors
    /// As [`resampled`](Self::resampled).
    pub fn frames(&self, format: AudioFormat) -> Result<Vec<AudioFrame>, SoundError> {
        let sound = self.resampled(format.sample_rate())?;
        let len = format.samples_per_frame();
        let frame = |(index, part): (usize, &[i16])| {
            let capture_time = MediaInstant::from_duration(AudioFormat::FRAME_DURATION * index as u32);
            let mut samples = part.to_vec();
            samples.resize(len, 0);
            AudioFrame::new(format, capture_time, &samples)
                .expect("the samples were cut to one frame")
                .with_first_sample((index * len) as u64)
        };
        Ok(sound.samples.chunks(len).enumerate().map(frame).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use hound::{WavSpec, WavWriter};
    use proptest::prelude::*;

    use super::*;

    fn wav(spec: WavSpec, write: impl FnOnce(&mut WavWriter<&mut Cursor<Vec<u8>>>)) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = WavWriter::new(&mut bytes, spec).unwrap();
        write(&mut writer);
        writer.finalize().unwrap();
        bytes.into_inner()
    }

    fn spec(channels: u16, sample_rate: u32, bits_per_sample: u16, sample_format: SampleFormat) -> WavSpec {
        WavSpec { channels, sample_rate, bits_per_sample, sample_format }
    }

    #[test]
    fn every_common_kind_of_wav_is_read() {
        for (bits, loudest) in [(8, 127), (16, 32_767), (24, 8_388_607), (32, i32::MAX)] {
            let bytes = wav(spec(1, 16_000, bits, SampleFormat::Int), |writer| {
                [0, loudest, -loudest].into_iter().for_each(|sample| writer.write_sample(sample).unwrap());
            });
            let sound = Sound::read_wav(&bytes[..]).unwrap();
            assert!(sound.samples()[1] >= 32_512 && sound.samples()[2] <= -32_512, "{bits} bits: {sound:?}");
        }
        let bytes = wav(spec(1, 16_000, 32, SampleFormat::Float), |writer| {
            [0.0_f32, 1.0, -0.5, 7.0, f32::NAN].iter().for_each(|&s| writer.write_sample(s).unwrap());
        });
        assert_eq!(Sound::read_wav(&bytes[..]).unwrap().samples(), [0, 32_767, -16_384, 32_767, 0]);
        let bytes = wav(spec(2, 48_000, 16, SampleFormat::Int), |writer| {
            [100_i16, 300, -4, -8].iter().for_each(|&s| writer.write_sample(s).unwrap());
        });
        assert_eq!(Sound::read_wav(&bytes[..]).unwrap().samples(), [200, -6], "channels are mixed");
    }

    #[test]
    fn what_is_not_read_says_why() {
        let said = |bytes: &[u8]| Sound::read_wav(bytes).unwrap_err().to_string();
        assert!(said(b"RIFF").contains("not a WAV file"), "{}", said(b"RIFF"));
        let fast = wav(spec(1, 500_000, 16, SampleFormat::Int), |_| ());
        assert!(said(&fast).contains("500000 Hz"), "{}", said(&fast));
    }

    #[test]
    fn a_tone_keeps_its_length_and_loudness_at_another_rate() {
        let tone = |rate: u32| {
            let step = std::f64::consts::TAU * 440.0 / f64::from(rate);
            let samples = (0..rate).map(|i| ((step * f64::from(i)).sin() * 8000.0) as i16).collect();
            Sound::new(SampleRate::new(rate).unwrap(), samples)
        };
        for (from, to) in [(44_100, 16_000), (8_000, 48_000), (48_000, 16_000), (16_000, 24_000)] {
            let resampled = tone(from).resampled(SampleRate::new(to).unwrap()).unwrap();
            assert_eq!(resampled.samples().len(), to as usize, "{from} to {to}");
            let expected = tone(to);
            let error = |i: usize| i32::from(resampled.samples()[i]) - i32::from(expected.samples()[i]);
            // The ends ring; the middle is the same tone at the same place, to half a sample.
            let worst = (1000..to as usize - 1000).map(|i| error(i).abs()).max();
            let half_a_sample = (std::f64::consts::PI * 440.0 / f64::from(to) * 8000.0) as i32;
            assert!(worst < Some(half_a_sample), "{from} to {to}: off by {worst:?} of 8000");
        }
    }

    #[test]
    fn frames_cover_the_sound_and_the_last_is_filled_up() {
        let frames = Sound::new(SampleRate::HZ_16000, vec![9; 700]).frames(AudioFormat::Pcm16K).unwrap();
        assert_eq!(frames.iter().map(AudioFrame::first_sample).collect::<Vec<_>>(), [0, 320, 640]);
        assert_eq!((frames[2].samples()[59], frames[2].samples()[60]), (9, 0));
    }

    proptest! {
        #[test]
        fn no_file_panics(changes in proptest::collection::vec((0_usize..60, any::<u8>()), 0..6), len in 0_usize..100) {
            let mut bytes = wav(spec(2, 16_000, 16, SampleFormat::Int), |writer| {
                (0..20).for_each(|sample: i16| writer.write_sample(sample).unwrap());
            });
            for (at, byte) in changes {
                if let Some(old) = bytes.get_mut(at) { *old = byte; }
            }
            bytes.truncate(len.max(4));
            let _ = Sound::read_wav(&bytes[..]);
        }
    }
}
