//! The sound of a film: packets to PCM with its times.

use std::time::Duration;

use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::packet::Packet;

use super::FilmError;
use crate::audio::opus::{MAX_PACKET_MILLIS, OpusDecoder};
use crate::audio::source::{MOST_CHANNELS, SoundError, StreamResampler, checked_rate, to_pcm};
use crate::units::SampleRate;

/// A time that is off by more from where the sound before ends is a gap, and no rounding.
const GAP: Duration = Duration::from_millis(50);

/// Decodes one track, mono, at the rate asked for.
pub(super) struct SoundTrack {
    decoder: Decoder,
    rates: (SampleRate, SampleRate),
    resampler: Option<StreamResampler>,
    /// Decoded and not resampled yet.
    decoded: Vec<f32>,
    run: Option<Run>,
}

/// Sound without a gap: when it begins, and how many samples were decoded and given of it.
#[derive(Clone, Copy)]
struct Run {
    begins: Duration,
    decoded: u64,
    given: u64,
}

enum Decoder {
    Library { decoder: Box<dyn AudioDecoder>, interleaved: Vec<f32> },
    Opus { decoder: OpusDecoder, pcm: Vec<i16> },
}

impl SoundTrack {
    /// `None` when the sound is of a kind that is not read.
    pub(super) fn open(
        parameters: &AudioCodecParameters,
        rate: Option<SampleRate>,
    ) -> Result<Option<Self>, FilmError> {
        let (decoder, from) = if parameters.codec == CODEC_ID_OPUS {
            let rate = SampleRate::HZ_48000;
            let decoder = OpusDecoder::new(rate).map_err(|error| FilmError::wrong(&error.to_string()))?;
            let longest = rate.samples_in(Duration::from_millis(MAX_PACKET_MILLIS.into())) as usize;
            (Decoder::Opus { decoder, pcm: vec![0; longest] }, rate)
        } else {
            let options = AudioDecoderOptions::default();
            let Ok(decoder) = symphonia::default::get_codecs().make_audio_decoder(parameters, &options)
            else {
                return Ok(None);
            };
            let rate = checked_rate(parameters.sample_rate.unwrap_or(0))?;
            (Decoder::Library { decoder, interleaved: Vec::new() }, rate)
        };
        let to = rate.map_or(Ok(from), |rate| checked_rate(rate.get()))?;
        let rates = (from, to);
        Ok(Some(Self { decoder, rates, resampler: resampler(rates)?, decoded: Vec::new(), run: None }))
    }

    /// Samples per second of what is given.
    pub(super) fn rate(&self) -> SampleRate {
        self.rates.1
    }

    /// Decodes a packet that is heard at `at`. What is given may begin before that, or be nothing: resampling works on blocks.
    /// A packet that is damaged is left out.
    pub(super) fn decode(
        &mut self,
        at: Duration,
        packet: &Packet,
    ) -> Result<Option<(Duration, Vec<i16>)>, FilmError> {
        let (from, to) = self.rates;
        let expected = self.run.map(|run| run.begins + from.duration_of(run.decoded));
        let mut run = match (self.run, expected) {
            (Some(run), Some(expected)) if expected.abs_diff(at) <= GAP => run,
            _ => {
                self.resampler = resampler(self.rates)?;
                self.decoded.clear();
                Run { begins: at, decoded: 0, given: 0 }
            }
        };
        let before = self.decoded.len();
        self.decoder.decode(packet, from, &mut self.decoded)?;
        run.decoded += (self.decoded.len() - before) as u64;
        let samples = self.resample(false)?;
        let begins = run.begins + to.duration_of(run.given);
        run.given += samples.len() as u64;
        self.run = Some(run);
        Ok((!samples.is_empty()).then_some((begins, samples)))
    }

    /// What is still in the resampler at the end of the film.
    pub(super) fn finish(&mut self) -> Result<Option<(Duration, Vec<i16>)>, FilmError> {
        let Some(run) = self.run.take() else { return Ok(None) };
        let samples = self.resample(true)?;
        let begins = run.begins + self.rates.1.duration_of(run.given);
        Ok((!samples.is_empty()).then_some((begins, samples)))
    }

    fn resample(&mut self, ended: bool) -> Result<Vec<i16>, FilmError> {
        let mut ready = Vec::new();
        match &mut self.resampler {
            None => ready.append(&mut self.decoded),
            Some(resampler) => resampler.resample(&mut self.decoded, ended, &mut ready)?,
        }
        Ok(ready.into_iter().map(to_pcm).collect())
    }
}

fn resampler((from, to): (SampleRate, SampleRate)) -> Result<Option<StreamResampler>, SoundError> {
    (from != to).then(|| StreamResampler::new(from, to)).transpose()
}

impl Decoder {
    /// Appends what a packet holds, mono, in units of 16-bit PCM.
    fn decode(&mut self, packet: &Packet, rate: SampleRate, mono: &mut Vec<f32>) -> Result<(), FilmError> {
        match self {
            Self::Opus { decoder, pcm } => {
                if let Some(samples) = decoder.decode(&packet.data, pcm) {
                    mono.extend(pcm[..samples].iter().map(|&sample| f32::from(sample)));
                }
            }
            Self::Library { decoder, interleaved } => {
                let audio = match decoder.decode(packet) {
                    Ok(audio) => audio,
                    Err(Error::DecodeError(_)) => return Ok(()),
                    Err(error) => return Err(FilmError::wrong(&error.to_string())),
                };
                let spec = audio.spec();
                let (present, channels) = (checked_rate(spec.rate())?, spec.channels().count());
                if !(1..=MOST_CHANNELS).contains(&channels) {
                    return Err(SoundError::Channels { channels }.into());
                }
                if present != rate {
                    return Err(SoundError::RateChanged { from: rate, to: present }.into());
                }
                audio.copy_to_vec_interleaved(interleaved);
                let scale = 32_768.0 / channels as f32;
                mono.extend(
                    interleaved.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() * scale),
                );
            }
        }
        Ok(())
    }
}
