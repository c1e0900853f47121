//! Whether a recording is what was recorded.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::reader::{self, OggError};
use super::{Folder, TrackFile};
use crate::disk::PART;
use crate::error::RecordingError;
use crate::gaps::GapKind;
use crate::journal::{self, Entry};
use crate::opus::{self, RATE};

/// What was found.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Verified {
    /// How long the recording is; of one that nobody stopped, as far as its timeline goes.
    pub duration: Duration,
    /// How many files of tracks it has.
    pub files: usize,
    /// The hash that vouches for all of it. Only one that was kept elsewhere proves that the whole was not made anew.
    pub head: String,
    /// What is wrong; nothing when it is whole.
    pub problems: Vec<Problem>,
}

/// Something that is wrong with a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// Nobody stopped it: the recorder was killed, or runs still. `finalize` closes it.
    NotStopped,
    /// The timeline names a file that is not there.
    Missing(String),
    /// There is a file that the timeline does not name.
    Unknown(String),
    /// A file is not what the timeline vouches for.
    Changed(String),
    /// A file does not read.
    Damaged(String, OggError),
    /// A file is not as long as the recording.
    WrongLength {
        /// The file.
        file: String,
        /// Its samples.
        samples: u64,
        /// The recording's.
        recording: u64,
    },
    /// The timeline says that nothing was said, and there is sound.
    SoundInGap {
        /// The file.
        file: String,
        /// Where.
        sample: u64,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStopped => f.write_str("nobody stopped the recording: finalize closes it"),
            Self::Missing(file) => write!(f, "{file} is missing"),
            Self::Unknown(file) => write!(f, "{file} is not part of the recording"),
            Self::Changed(file) => write!(f, "{file} was changed"),
            Self::Damaged(file, error) => write!(f, "{file}: {error}"),
            Self::WrongLength { file, samples, recording } => {
                write!(f, "{file} has {samples} samples, the recording {recording}")
            }
            Self::SoundInGap { file, sample } => {
                write!(f, "{file} has sound at sample {sample}, where the timeline has a gap")
            }
        }
    }
}

/// Reads every file of the recording in `directory` strictly, and checks it against the timeline, and that against itself.
///
/// # Errors
/// When there is no timeline, or a line of it was changed; or when the system refuses to read.
pub fn verify(directory: impl AsRef<Path>) -> Result<Verified, RecordingError> {
    let folder = Folder::open(directory.as_ref())?;
    let mut problems = Vec::new();
    let samples = folder.samples();
    if samples.is_none() || folder.timeline.is_cut {
        problems.push(Problem::NotStopped);
    }
    let tracks = folder.tracks();
    for track in &tracks {
        problems.extend(problems_of(&folder, track, samples)?);
    }
    let known: BTreeSet<_> = tracks.iter().map(|track| &track.file[..]).chain([journal::FILE]).collect();
    let list =
        fs::read_dir(&folder.path).map_err(|error| super::disk("cannot list", folder.path.clone(), error))?;
    for file in list.flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        // What is made of a recording afterwards, and can be made again, may lie beside it.
        let is_product = [super::mix::FILE, super::picture::FILE].contains(&&name[..]);
        // A kill may have come while a file was made.
        let is_part = name.ends_with(PART);
        if !known.contains(&name[..]) && !is_product && !is_part {
            problems.push(Problem::Unknown(name));
        }
    }
    let last = folder.lines().last().map_or(0, |line| line.at);
    let duration = Duration::from_nanos(samples.unwrap_or(last) * 1_000_000 / (RATE / 1000));
    Ok(Verified { duration, files: tracks.len(), head: folder.timeline.head.clone(), problems })
}

fn problems_of(
    folder: &Folder,
    TrackFile { track, file }: &TrackFile,
    samples: Option<u64>,
) -> Result<Vec<Problem>, RecordingError> {
    let bytes = match folder.read(file) {
        Err(RecordingError::Disk { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Ok(vec![Problem::Missing(file.clone())]);
        }
        bytes => bytes?,
    };
    let mut problems = Vec::new();
    let changed = match folder.hash_of(file) {
        Some((len, sha256, closed)) => {
            let prefix = usize::try_from(len).ok().and_then(|len| bytes.get(..len));
            prefix.is_none_or(|prefix| journal::hash(prefix) != sha256) || closed && bytes.len() as u64 != len
        }
        // One that was closed says so.
        None => samples.is_some(),
    };
    if changed {
        problems.push(Problem::Changed(file.clone()));
    }
    let read = match reader::read(&bytes) {
        Ok(read) => read,
        Err(error) => {
            problems.push(Problem::Damaged(file.clone(), error));
            return Ok(problems);
        }
    };
    if let Some(recording) = samples
        && read.samples() != recording
    {
        problems.push(Problem::WrongLength { file: file.clone(), samples: read.samples(), recording });
    }
    let mut gaps: Vec<_> = folder.entries().filter_map(|entry| silent_gap(entry, track)).collect();
    gaps.sort_unstable();
    let shift = read.pre_skip.saturating_sub(crate::format::ogg_opus::LOOKAHEAD);
    let mut packets = read.packets.iter().peekable();
    for (first, end) in gaps {
        // Both are rounded to the packets that lie in between.
        let (first, end) = (first + shift, end + shift);
        while packets.next_if(|(begin, _)| *begin < first).is_some() {}
        while let Some((begin, packet)) =
            packets.next_if(|(begin, packet)| *begin + opus::duration(packet).unwrap_or(0) <= end)
        {
            if !opus::is_filler(packet) {
                problems.push(Problem::SoundInGap { file: file.clone(), sample: begin - shift });
                return Ok(problems);
            }
        }
    }
    Ok(problems)
}

/// Where a track has no sound, for whatever reason.
fn silent_gap(entry: &Entry, of: &str) -> Option<(u64, u64)> {
    match entry {
        Entry::Gap { track, kind, first, samples } if track == of => {
            let silent =
                [GapKind::NotSent, GapKind::Silent, GapKind::Lost, GapKind::Disk, GapKind::Corrected];
            silent.contains(kind).then_some((*first, first + samples))
        }
        _ => None,
    }
}
