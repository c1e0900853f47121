//! Takes a film apart: MP4, WebM or Matroska in; PCM and encoded pictures with their times out.

use std::collections::VecDeque;
use std::io::{self, Read, Seek};
use std::time::Duration;

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::video::VideoCodecParameters;
use symphonia::core::codecs::video::well_known::extra_data::VIDEO_EXTRA_DATA_ID_AVC_DECODER_CONFIG;
use symphonia::core::codecs::video::well_known::{CODEC_ID_H264, CODEC_ID_VP8};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, Track, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;
use symphonia::core::units::TimeBase;

use super::FilmError;
use super::avc::{AvcTrack, Refers};
use super::sound::SoundTrack;
use crate::units::SampleRate;
use crate::video::{VideoCodec, VideoSize};

/// PCM with its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilmSound {
    /// When its first sample is heard, from the beginning of the film.
    pub at: Duration,
    /// Mono, at [`FilmReader::sample_rate`].
    pub samples: Vec<i16>,
}

/// An encoded picture with its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilmPicture {
    /// When it is shown, from the beginning of the film.
    pub at: Duration,
    /// It needs no other picture.
    pub is_key: bool,
    /// H.264 in Annex B form, key frames with their parameter sets; VP8 as RFC 6386 has it.
    pub data: Vec<u8>,
}

/// What comes next in a film.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FilmPart {
    /// Sound.
    Sound(FilmSound),
    /// A picture.
    Picture(FilmPicture),
}

/// Reads an MP4, WebM or Matroska file, told apart by what it holds: the first track of pictures (H.264 without B frames, or VP8)
/// and the first of sound (AAC, Opus, MP3, FLAC, PCM). A film may lack either.
///
/// Edit lists of MP4 are not read: its AAC is heard later by what the encoder put in front, 23 ms at 44.1 kHz.
///
/// It blocks while the file does: it is for a thread that may wait, not for a runtime.
pub struct FilmReader {
    format: Box<dyn FormatReader>,
    pictures: Option<PictureTrack>,
    sound: Option<(Place, SoundTrack)>,
    ready: VecDeque<FilmPart>,
    ended: bool,
}

/// Which packets are a track's, and what their times mean.
#[derive(Clone, Copy)]
struct Place {
    id: u32,
    time_base: TimeBase,
}

struct PictureTrack {
    place: Place,
    size: Option<VideoSize>,
    coding: Coding,
    last: Option<Duration>,
}

enum Coding {
    H264(AvcTrack),
    Vp8,
}

/// A file of known or unknown length.
struct Source<F>(F);

impl<F: Read> Read for Source<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<F: Seek> Seek for Source<F> {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

impl<F: Read + Seek + Send + Sync> MediaSource for Source<F> {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        None
    }
}

impl FilmReader {
    /// Opens a film. Its sound is given at `rate`, where one is asked for, and otherwise at its own.
    ///
    /// # Errors
    /// When it cannot be read, is none of the known kinds, or has neither pictures nor sound of a known kind.
    pub fn open(
        file: impl Read + Seek + Send + Sync + 'static,
        rate: Option<SampleRate>,
    ) -> Result<Self, FilmError> {
        let stream = MediaSourceStream::new(Box::new(Source(file)), MediaSourceStreamOptions::default());
        let probe = symphonia::default::get_probe();
        let format = probe
            .probe(&Hint::new(), stream, FormatOptions::default(), MetadataOptions::default())
            .map_err(refused)?;
        let pictures = format.tracks().iter().find_map(|track| PictureTrack::open(track).transpose());
        let pictures = pictures.transpose()?;
        let sound = match format.default_track(TrackType::Audio) {
            Some(track) => match (&track.codec_params, Place::of(track)) {
                (Some(CodecParameters::Audio(parameters)), Some(place)) => {
                    SoundTrack::open(parameters, rate)?.map(|sound| (place, sound))
                }
                _ => None,
            },
            None => None,
        };
        if pictures.is_none() && sound.is_none() {
            return Err(FilmError::NothingToPlay);
        }
        Ok(Self { format, pictures, sound, ready: VecDeque::new(), ended: false })
    }

    /// How its pictures are encoded, if it has any.
    pub fn codec(&self) -> Option<VideoCodec> {
        self.pictures.as_ref().map(|track| match track.coding {
            Coding::H264(_) => VideoCodec::H264,
            Coding::Vp8 => VideoCodec::Vp8,
        })
    }

    /// The size of its pictures, if the file says so.
    pub fn size(&self) -> Option<VideoSize> {
        self.pictures.as_ref().and_then(|track| track.size)
    }

    /// Samples per second of its sound, if it has any.
    pub fn sample_rate(&self) -> Option<SampleRate> {
        self.sound.as_ref().map(|(_, sound)| sound.rate())
    }

    /// What comes next; `None` at the end. Sound and pictures come as they lie in the file, which is near each other.
    ///
    /// # Errors
    /// When the file cannot be read on. What was read before stays good.
    pub fn next_part(&mut self) -> Result<Option<FilmPart>, FilmError> {
        while self.ready.is_empty() && !self.ended {
            match self.format.next_packet() {
                Ok(Some(packet)) => self.take(&packet)?,
                Ok(None) => self.finish()?,
                // A file that was cut off: what there is of it has been seen. Some are of no use without their end.
                Err(Error::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.finish()?
                }
                Err(error) => return Err(refused(error)),
            }
        }
        Ok(self.ready.pop_front())
    }

    fn take(&mut self, packet: &Packet) -> Result<(), FilmError> {
        if let Some(track) = self.pictures.as_mut().filter(|track| track.place.id == packet.track_id) {
            self.ready.push_back(FilmPart::Picture(track.picture(packet)?));
        } else if let Some((place, sound)) =
            self.sound.as_mut().filter(|(place, _)| place.id == packet.track_id)
        {
            let heard = sound.decode(place.time_of(packet), packet)?;
            self.ready.extend(heard.map(|(at, samples)| FilmPart::Sound(FilmSound { at, samples })));
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), FilmError> {
        self.ended = true;
        if let Some((_, sound)) = &mut self.sound {
            let rest = sound.finish()?;
            self.ready.extend(rest.map(|(at, samples)| FilmPart::Sound(FilmSound { at, samples })));
        }
        Ok(())
    }
}

impl Place {
    fn of(track: &Track) -> Option<Self> {
        Some(Self { id: track.id, time_base: track.time_base? })
    }

    /// When a packet is heard or seen; what comes before the beginning comes at it.
    fn time_of(self, packet: &Packet) -> Duration {
        let nanos = self.time_base.calc_time_saturating(packet.pts).as_nanos();
        Duration::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
    }
}

impl PictureTrack {
    /// `None` when the track is no pictures, or of a kind that is not read.
    fn open(track: &Track) -> Result<Option<Self>, FilmError> {
        let (Some(CodecParameters::Video(parameters)), Some(place)) = (&track.codec_params, Place::of(track))
        else {
            return Ok(None);
        };
        let coding = match parameters.codec {
            CODEC_ID_VP8 => Coding::Vp8,
            CODEC_ID_H264 => Coding::H264(AvcTrack::read(avc_record(parameters)?)?),
            _ => return Ok(None),
        };
        let size = parameters.width.zip(parameters.height);
        let size = size.map(|(width, height)| VideoSize { width, height });
        Ok(Some(Self { place, size, coding, last: None }))
    }

    fn picture(&mut self, packet: &Packet) -> Result<FilmPicture, FilmError> {
        let at = self.place.time_of(packet);
        if self.last.is_some_and(|last| at < last) {
            return Err(FilmError::Reordered { at });
        }
        self.last = Some(at);
        let mut data = Vec::with_capacity(packet.data.len());
        let is_key = match &self.coding {
            Coding::H264(track) => match track.convert(&packet.data, &mut data)? {
                Refers::Nowhere => true,
                Refers::Back => false,
                Refers::Forward => return Err(FilmError::Reordered { at }),
            },
            Coding::Vp8 => {
                data.extend_from_slice(&packet.data);
                // The lowest bit of a frame is 0 for a key frame (RFC 6386 section 9.1).
                packet.data.first().is_some_and(|tag| tag & 1 == 0)
            }
        };
        Ok(FilmPicture { at, is_key, data })
    }
}

fn avc_record(parameters: &VideoCodecParameters) -> Result<&[u8], FilmError> {
    let mut extra = parameters.extra_data.iter();
    let record = extra.find(|extra| extra.id == VIDEO_EXTRA_DATA_ID_AVC_DECODER_CONFIG);
    record.map(|extra| &*extra.data).ok_or_else(|| FilmError::wrong("its H.264 has no configuration"))
}

fn refused(error: Error) -> FilmError {
    match error {
        // The library says so of a file that ends before it has understood it.
        Error::IoError(error) if error.kind() != io::ErrorKind::UnexpectedEof => FilmError::Io(error),
        error => FilmError::Format { problem: error.to_string() },
    }
}
