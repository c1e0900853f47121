//! One file of all that was said.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ::opus::{Application, Channels, Decoder, Encoder};
use offhook_media::AudioFormat;
use offhook_media::mix::Limiter;

use super::reader::{self, OpusFile};
use super::{Folder, disk};
use crate::error::RecordingError;
use crate::format::ogg_opus::{LOOKAHEAD, OggOpusWriter};
use crate::opus::{FRAME, RATE};

/// What it is called beside the recording.
pub(super) const FILE: &str = "mixdown.opus";

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
}

/// Makes one file of all that was said in the recording in `directory`: every speaker, and the bot. Where there are no speakers of
/// their own, the mix takes their place.
///
/// # Errors
/// When there is no recording, a file does not read, or the disk refuses.
pub fn mix(directory: impl AsRef<Path>) -> Result<Mixed, RecordingError> {
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
    let samples = voices.iter().map(|voice| voice.file.samples()).max().unwrap_or(0);
    let path = folder.path.join(FILE);
    let written = |source| disk("cannot write", path.clone(), source);
    let bytes = sum(voices, samples).map_err(written)?;
    fs::write(&path, bytes).map_err(written)?;
    let duration = Duration::from_nanos(samples * 1_000_000 / (RATE / 1000));
    let mut tracks: Vec<_> = tracks.into_iter().map(|track| track.track).collect();
    tracks.dedup();
    Ok(Mixed { path, duration, tracks })
}

/// The sum of all, encoded.
fn sum(mut voices: Vec<Voice<'_>>, samples: u64) -> std::io::Result<Vec<u8>> {
    let mut encoder =
        Encoder::new(RATE as u32, Channels::Mono, Application::Audio).map_err(std::io::Error::other)?;
    encoder.set_bitrate(::opus::Bitrate::Bits(BITRATE)).map_err(std::io::Error::other)?;
    let mut limiter = Limiter::new(AudioFormat::Pcm48K);
    let late = limiter.delay() as u64 + LOOKAHEAD;
    let mut ogg = OggOpusWriter::new(1, late as u16, &[("TITLE", "all speakers".to_owned())])?;
    let end = samples + late;
    let mut sums = [0_i32; FRAME as usize];
    let mut limited = [0_i16; FRAME as usize];
    while ogg.granule() < end {
        sums.fill(0);
        for voice in &mut voices {
            voice.add_to(&mut sums);
        }
        limiter.process(&sums, &mut limited);
        let packet = encoder.encode_vec(&limited, 1275).map_err(std::io::Error::other)?;
        ogg.push(packet, FRAME)?;
    }
    ogg.finish(end)
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
