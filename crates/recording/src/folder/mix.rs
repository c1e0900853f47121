//! One file of all that was said.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ::opus::{Application, Channels, Decoder, Encoder};
use offhook_media::AudioFormat;
use offhook_media::mix::Limiter;

use super::reader::{self, OpusFile};
use super::shown::Shown;
use super::{Folder, disk};
use crate::error::RecordingError;
use crate::format::matroska::Coding;
use crate::format::ogg_opus::{LOOKAHEAD, OggOpusWriter};
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
    let contents = tracks.iter().map(|track| folder.read(&track.file)).collect::<Result<Vec<_>, _>>()?;
    let mut voices = Vec::new();
    for (track, bytes) in tracks.iter().zip(&contents).filter(|(_, bytes)| !bytes.is_empty()) {
        let not =
            |problem: String| RecordingError::NotARecording { path: folder.path.join(&track.file), problem };
        let file = reader::read(bytes).map_err(|error| not(error.to_string()))?;
        voices.push(Voice::new(file).map_err(|error| not(error.to_string()))?);
    }
    let longest = voices.iter().map(|voice| voice.file.samples()).max().unwrap_or(0);
    let shown = Shown::of(&folder, show)?;
    let name = match shown.as_ref().map(|shown| &shown.coding) {
        None => FILES[0],
        Some(Coding::Vp8 { .. }) => FILES[1],
        Some(_) => FILES[2],
    };
    let path = folder.path.join(name);
    let written = |source| disk("cannot write", path.clone(), source);
    let shown_until = shown.as_ref().map_or(0, |shown| shown.end * RATE / 1000);
    let samples = folder.samples().unwrap_or_else(|| longest.max(shown_until));
    let (packets, late) = sum(voices, samples).map_err(written)?;
    let bytes = match &shown {
        None => sound_alone(packets, late, samples).map_err(written)?,
        Some(shown) => shown.with_sound(&packets, late, samples),
    };
    fs::write(&path, bytes).map_err(written)?;
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

fn sound_alone(packets: Vec<Vec<u8>>, late: u64, samples: u64) -> std::io::Result<Vec<u8>> {
    let mut ogg = OggOpusWriter::new(1, late as u16, &[("TITLE", "all speakers".to_owned())])?;
    packets.into_iter().try_for_each(|packet| ogg.push(packet, FRAME))?;
    ogg.finish(samples + late)
}

/// The sum of all, encoded in packets of [`FRAME`]; and by how many samples they are late.
fn sum(mut voices: Vec<Voice<'_>>, samples: u64) -> std::io::Result<(Vec<Vec<u8>>, u64)> {
    let mut encoder =
        Encoder::new(RATE as u32, Channels::Mono, Application::Audio).map_err(std::io::Error::other)?;
    encoder.set_bitrate(::opus::Bitrate::Bits(BITRATE)).map_err(std::io::Error::other)?;
    let mut limiter = Limiter::new(AudioFormat::Pcm48K);
    let late = limiter.delay() as u64 + LOOKAHEAD;
    let count = (samples + late).div_ceil(FRAME);
    let mut packets = Vec::with_capacity(count as usize);
    let mut sums = [0_i32; FRAME as usize];
    let mut limited = [0_i16; FRAME as usize];
    for _ in 0..count {
        sums.fill(0);
        for voice in &mut voices {
            voice.add_to(&mut sums);
        }
        limiter.process(&sums, &mut limited);
        packets.push(encoder.encode_vec(&limited, 1275).map_err(std::io::Error::other)?);
    }
    Ok((packets, late))
}

/// A track that is decoded as it is asked for.
struct Voice<'a> {
    file: OpusFile<'a>,
    decoder: Decoder,
    next: usize,
    /// Decoded and not yet asked for.
    pcm: Vec<i16>,
    skip: usize,
}

impl<'a> Voice<'a> {
    fn new(file: OpusFile<'a>) -> Result<Self, ::opus::Error> {
        let decoder = Decoder::new(RATE as u32, Channels::Mono)?;
        let skip = file.pre_skip as usize;
        Ok(Self { file, decoder, next: 0, pcm: Vec::new(), skip })
    }

    fn add_to(&mut self, sums: &mut [i32]) {
        while self.pcm.len() < sums.len() + self.skip
            && let Some((_, packet)) = self.file.packets.get(self.next)
        {
            self.next += 1;
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
    }
}
