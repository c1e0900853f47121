//! One file of all that was said.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ::opus::{Application, Channels, Decoder, Encoder};
use offhook_media::AudioFormat;
use offhook_media::mix::Limiter;

use super::product::Product;
use super::reader::OpusReader;
use super::shown::Shown;
use super::{Folder, disk};
use crate::error::RecordingError;
use crate::format::matroska::{Coding, MatroskaWriter};
use crate::format::ogg_opus::{self, LOOKAHEAD, OggOpusWriter};
use crate::opus::{FRAME, RATE};

/// What it is called beside the recording: sound alone, or with pictures in VP8 or H.264.
pub(super) const FILES: [&str; 3] = ["mixdown.opus", "mixdown.webm", "mixdown.mkv"];

/// Bits per second of the result: speech of several people, transparent.
const BITRATE: i32 = 64_000;

/// The longest packet, in samples.
const LONGEST: usize = 5760;

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mixed {
    /// The file.
    pub path: PathBuf,
    /// How long it is.
    pub duration: Duration,
    /// Which tracks are in it.
    pub tracks: Vec<String>,
    /// Files of the picture's track that are not in it, because their codec or size is another.
    pub left_out: Vec<String>,
}

/// Which picture a mix shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show<'a> {
    /// That of which there is most, if there is any.
    Longest,
    /// That of a track, such as `video-7`; or of a camera by its media source id.
    Track(&'a str),
    /// None: sound alone.
    Nothing,
}

/// Makes one file of all that was said in the recording in `directory`: every speaker, and the bot. Where there are no speakers of
/// their own, the mix takes their place. What `show` names is seen beside it, as it came: the files of one track that have the codec
/// and the size of the longest of them.
///
/// # Errors
/// When there is no recording or no such picture, a file does not read, or the disk refuses.
pub fn mix(directory: impl AsRef<Path>, show: Show<'_>) -> Result<Mixed, RecordingError> {
    let folder = Folder::open(directory.as_ref())?;
    let mut tracks = folder.tracks();
    if tracks.iter().any(|track| track.track.starts_with("speaker-")) {
        tracks.retain(|track| track.track != "mix");
    }
    let mut voices = Vec::new();
    for track in &tracks {
        voices.extend(Voice::open(&folder, &track.file)?);
    }
    let mut shown = Shown::of(&folder, show)?;
    let name = match shown.as_ref().map(|shown| &shown.coding) {
        None => FILES[0],
        Some(Coding::Vp8 { .. }) => FILES[1],
        Some(_) => FILES[2],
    };
    let samples = match folder.samples() {
        Some(samples) => samples,
        None => {
            let mut longest = shown.as_ref().map_or(0, |shown| shown.end * RATE / 1000);
            for track in &tracks {
                longest = longest.max(length_of(&folder, &track.file)?);
            }
            longest
        }
    };
    let path = folder.path.join(name);
    let written = |source| disk("cannot write", path.clone(), source);
    let mut sum = Sum::new(voices, samples).map_err(written)?;
    let mut product = Product::begin(&path).map_err(written)?;
    match &mut shown {
        None => sound_alone(&mut sum, samples, &mut product, &written)?,
        Some(shown) => with_pictures(&mut sum, shown, samples, &mut product, &written)?,
    }
    product.finish().map_err(written)?;
    let duration = Duration::from_nanos(samples * 1_000_000 / (RATE / 1000));
    let mut tracks: Vec<_> = tracks.into_iter().map(|track| track.track).collect();
    tracks.dedup();
    let mut left_out = Vec::new();
    if let Some(shown) = shown {
        tracks.push(shown.track);
        left_out = shown.left_out;
    }
    Ok(Mixed { path, duration, tracks, left_out })
}

/// Why the product was not written.
type Written<'a> = &'a dyn Fn(io::Error) -> RecordingError;

fn sound_alone(
    sum: &mut Sum<'_>,
    samples: u64,
    product: &mut Product,
    written: Written<'_>,
) -> Result<(), RecordingError> {
    let title = [("TITLE", "all speakers".to_owned())];
    let mut ogg = OggOpusWriter::new(1, sum.late as u16, &title);
    while let Some(packet) = sum.next()? {
        ogg.push(packet, FRAME);
        product.put(&ogg.full_pages()).map_err(written)?;
    }
    product.put(&ogg.finish(samples + sum.late)).map_err(written)
}

/// A file of both, in the order of their times.
fn with_pictures(
    sum: &mut Sum<'_>,
    shown: &mut Shown<'_>,
    samples: u64,
    product: &mut Product,
    written: Written<'_>,
) -> Result<(), RecordingError> {
    let sound = Coding::Opus { head: ogg_opus::head(sum.late as u16), pre_skip: sum.late };
    let mut writer = MatroskaWriter::new(vec![shown.coding.clone(), sound], "all speakers");
    product.put(&writer.beginning()).map_err(written)?;
    for number in 0.. {
        let packet = sum.next()?;
        // A player takes the delay of the codec off all times of its track.
        let at = if packet.is_some() { number * FRAME * 1000 / RATE } else { u64::MAX };
        while let Some((frame, data)) = shown.next_until(at)? {
            writer.push(0, frame.at, frame.is_key, data);
            product.put(&writer.closed_clusters()).map_err(written)?;
        }
        let Some(packet) = packet else { break };
        writer.push(1, at, true, &packet);
        product.put(&writer.closed_clusters()).map_err(written)?;
    }
    let (tail, head) = writer.finish(samples * 1000 / RATE);
    product.put(&tail).and_then(|()| product.begin_with(&head)).map_err(written)
}

/// How long a track is.
fn length_of(folder: &Folder, name: &str) -> Result<u64, RecordingError> {
    let Some(mut voice) = Voice::open(folder, name)? else { return Ok(0) };
    voice.reader.skip_to_end().map_err(|error| folder.unread(name, error))?;
    Ok(voice.reader.samples())
}

/// The sum of all, encoded in packets of [`FRAME`] as they are asked for.
struct Sum<'a> {
    voices: Vec<Voice<'a>>,
    encoder: Encoder,
    limiter: Limiter,
    /// By how many samples it is late.
    late: u64,
    /// How many packets are left.
    left: u64,
}

impl<'a> Sum<'a> {
    fn new(voices: Vec<Voice<'a>>, samples: u64) -> io::Result<Self> {
        let mut encoder =
            Encoder::new(RATE as u32, Channels::Mono, Application::Audio).map_err(io::Error::other)?;
        encoder.set_bitrate(::opus::Bitrate::Bits(BITRATE)).map_err(io::Error::other)?;
        let limiter = Limiter::new(AudioFormat::Pcm48K);
        let late = limiter.delay() as u64 + LOOKAHEAD;
        Ok(Self { voices, encoder, limiter, late, left: (samples + late).div_ceil(FRAME) })
    }

    fn next(&mut self) -> Result<Option<Vec<u8>>, RecordingError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let mut sums = [0_i32; FRAME as usize];
        let mut limited = [0_i16; FRAME as usize];
        for voice in &mut self.voices {
            voice.add_to(&mut sums)?;
        }
        self.limiter.process(&sums, &mut limited);
        let packet = self.encoder.encode_vec(&limited, 1275);
        packet.map(Some).map_err(|error| RecordingError::Codec { problem: error.to_string() })
    }
}

/// A track that is read and decoded as it is asked for.
struct Voice<'a> {
    folder: &'a Folder,
    name: String,
    reader: OpusReader<File>,
    decoder: Decoder,
    /// Decoded and not yet asked for.
    pcm: Vec<i16>,
    skip: usize,
}

impl<'a> Voice<'a> {
    /// Nothing where the file is empty.
    fn open(folder: &'a Folder, name: &str) -> Result<Option<Self>, RecordingError> {
        let file = folder.open_file(name)?;
        if file.metadata().is_ok_and(|file| file.len() == 0) {
            return Ok(None);
        }
        let reader = OpusReader::open(file).map_err(|error| folder.unread(name, error))?;
        let decoder = Decoder::new(RATE as u32, Channels::Mono);
        let decoder = decoder.map_err(|error| RecordingError::Codec { problem: error.to_string() })?;
        let skip = reader.pre_skip as usize;
        Ok(Some(Self { folder, name: name.to_owned(), reader, decoder, pcm: Vec::new(), skip }))
    }

    fn add_to(&mut self, sums: &mut [i32]) -> Result<(), RecordingError> {
        while self.pcm.len() < sums.len() + self.skip {
            let next = self.reader.next().map_err(|error| self.folder.unread(&self.name, error))?;
            let Some((_, packet)) = next else { break };
            let from = self.pcm.len();
            self.pcm.resize(from + LONGEST, 0);
            // A packet that cannot be decoded is as long as it says, and silent.
            let said = crate::opus::duration(packet).unwrap_or(0) as usize;
            let samples = self.decoder.decode(packet, &mut self.pcm[from..], false).unwrap_or(said);
            self.pcm.truncate(from + samples);
        }
        let skip = self.skip.min(self.pcm.len());
        self.pcm.drain(..skip);
        self.skip = 0;
        let len = sums.len().min(self.pcm.len());
        for (sum, sample) in sums.iter_mut().zip(self.pcm.drain(..len)) {
            *sum += i32::from(sample);
        }
        Ok(())
    }
}
