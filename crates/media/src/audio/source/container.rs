//! WAV, MP3 and FLAC. The only file that names the decoding library.

use std::io::{self, Read};

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions, ReadOnlySource};
use symphonia::core::meta::MetadataOptions;

use super::wav_head::GuardedWav;
use super::{Blocks, MOST_CHANNELS, SoundError, checked_rate};
use crate::units::SampleRate;

/// The first audio track of a file.
pub(super) struct Container {
    format: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track: u32,
    rate: SampleRate,
    interleaved: Vec<f32>,
    decoded: u64,
    damaged: u64,
}

impl Container {
    pub(super) fn open(file: impl Read + Send + Sync + 'static) -> Result<Self, SoundError> {
        let source = Box::new(ReadOnlySource::new(GuardedWav::new(file)));
        let stream = MediaSourceStream::new(source, MediaSourceStreamOptions::default());
        let probe = symphonia::default::get_probe();
        let format = probe
            .probe(&Hint::new(), stream, FormatOptions::default(), MetadataOptions::default())
            .map_err(refused)?;
        let track = format.default_track(TrackType::Audio).ok_or_else(|| wrong("there is no sound in it"))?;
        let Some(CodecParameters::Audio(parameters)) = &track.codec_params else {
            return Err(wrong("its codec is not known"));
        };
        let rate = checked_rate(parameters.sample_rate.unwrap_or(0))?;
        if let Some(channels) = &parameters.channels {
            check_channels(channels.count())?;
        }
        let decoder = symphonia::default::get_codecs()
            .make_audio_decoder(parameters, &AudioDecoderOptions::default())
            .map_err(refused)?;
        let track = track.id;
        Ok(Self { format, decoder, track, rate, interleaved: Vec::new(), decoded: 0, damaged: 0 })
    }
}

impl Blocks for Container {
    fn rate(&self) -> SampleRate {
        self.rate
    }

    fn next(&mut self, block: &mut Vec<f32>) -> Result<bool, SoundError> {
        let packet = match self.format.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => return self.ended(),
            // A file that was cut off: what there is of it has been heard.
            Err(Error::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return self.ended();
            }
            Err(error) => return Err(refused(error)),
        };
        if packet.track_id != self.track {
            return Ok(true);
        }
        let audio = match self.decoder.decode(&packet) {
            Ok(audio) => audio,
            Err(Error::DecodeError(_)) => {
                self.damaged += 1;
                return Ok(true);
            }
            Err(error) => return Err(refused(error)),
        };
        let spec = audio.spec();
        let (rate, channels) = (checked_rate(spec.rate())?, spec.channels().count());
        check_channels(channels)?;
        if rate != self.rate {
            return Err(SoundError::RateChanged { from: self.rate, to: rate });
        }
        self.decoded += 1;
        audio.copy_to_vec_interleaved(&mut self.interleaved);
        let scale = 32_768.0 / channels as f32;
        block.extend(self.interleaved.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() * scale));
        Ok(true)
    }

    fn damaged(&self) -> u64 {
        self.damaged
    }
}

impl Container {
    fn ended(&self) -> Result<bool, SoundError> {
        if self.decoded == 0 && self.damaged > 0 {
            return Err(wrong("not one packet of it can be decoded"));
        }
        Ok(false)
    }
}

fn check_channels(channels: usize) -> Result<(), SoundError> {
    if (1..=MOST_CHANNELS).contains(&channels) { Ok(()) } else { Err(SoundError::Channels { channels }) }
}

fn wrong(problem: &str) -> SoundError {
    SoundError::Format { problem: problem.to_owned() }
}

fn refused(error: Error) -> SoundError {
    match error {
        // The library says so of a file that ends before it has understood it.
        Error::IoError(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
            // What the guard in front of it has to say comes through it.
            error.downcast().unwrap_or_else(SoundError::Io)
        }
        error => SoundError::Format { problem: error.to_string() },
    }
}
