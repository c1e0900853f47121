//! Whether a recording is what was recorded.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::film::{self, FilmError};
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
    /// How many files of tracks it has, with those of pictures.
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
    /// A file of pictures does not read.
    DamagedFilm(String, FilmError),
    /// The timeline says that there is no picture, and there is one.
    PictureInGap {
        /// The file.
        file: String,
        /// Where.
        sample: u64,
    },
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
            Self::DamagedFilm(file, error) => write!(f, "{file}: {error}"),
            Self::PictureInGap { file, sample } => {
                write!(f, "{file} has a picture at sample {sample}, where the timeline has a gap")
            }
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
    let films = folder.films();
    for film in &films {
        problems.extend(problems_of_film(&folder, film, samples)?);
    }
    let known: BTreeSet<_> =
        tracks.iter().chain(&films).map(|track| &track.file[..]).chain([journal::FILE]).collect();
    let list =
        fs::read_dir(&folder.path).map_err(|error| super::disk("cannot list", folder.path.clone(), error))?;
    for file in list.flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        // What is made of a recording afterwards, and can be made again, may lie beside it.
        let is_product = super::mix::FILES.contains(&&name[..]) || name == super::picture::FILE;
        // A kill may have come while a file was made.
        let is_part = name.ends_with(PART);
        if !known.contains(&name[..]) && !is_product && !is_part {
            problems.push(Problem::Unknown(name));
        }
    }
    let last = folder.lines().last().map_or(0, |line| line.at);
    let duration = Duration::from_nanos(samples.unwrap_or(last) * 1_000_000 / (RATE / 1000));
    Ok(Verified { duration, files: tracks.len() + films.len(), head: folder.timeline.head.clone(), problems })
}

/// What a file holds; nothing where it is missing. Adds to `problems` where it is not what the timeline vouches for.
fn read_file(
    folder: &Folder,
    file: &str,
    is_stopped: bool,
    problems: &mut Vec<Problem>,
) -> Result<Option<Vec<u8>>, RecordingError> {
    let bytes = match folder.read(file) {
        Err(RecordingError::Disk { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            problems.push(Problem::Missing(file.to_owned()));
            return Ok(None);
        }
        bytes => bytes?,
    };
    let changed = match folder.hash_of(file) {
        Some((len, sha256, closed)) => {
            let prefix = usize::try_from(len).ok().and_then(|len| bytes.get(..len));
            prefix.is_none_or(|prefix| journal::hash(prefix) != sha256) || closed && bytes.len() as u64 != len
        }
        // One that was closed says so.
        None => is_stopped,
    };
    problems.extend(changed.then(|| Problem::Changed(file.to_owned())));
    Ok(Some(bytes))
}

fn problems_of_film(
    folder: &Folder,
    TrackFile { track, file }: &TrackFile,
    samples: Option<u64>,
) -> Result<Vec<Problem>, RecordingError> {
    let mut problems = Vec::new();
    let Some(bytes) = read_file(folder, file, samples.is_some(), &mut problems)? else { return Ok(problems) };
    let film = match film::read(&bytes) {
        Ok(film) => film,
        Err(error) => {
            problems.push(Problem::DamagedFilm(file.clone(), error));
            return Ok(problems);
        }
    };
    let last = film.frames.last().map_or(0, |last| last.at);
    // Times in it are rounded to milliseconds, and no two are the same.
    let end = film.end.unwrap_or(last).saturating_sub(2) * RATE / 1000;
    if let Some(recording) = samples
        && end > recording
    {
        problems.push(Problem::WrongLength { file: file.clone(), samples: end, recording });
    }
    for gap in folder.entries() {
        let Entry::Gap { track: of, first, samples, .. } = gap else { continue };
        let (begins, ends) = (first * 1000 / RATE + 1, ((first + samples) * 1000 / RATE).saturating_sub(1));
        // A file that begins within it is of what came after.
        let is_of = of == track && film.frames.first().is_some_and(|frame| frame.at < begins);
        let inside = film.frames.iter().find(|frame| is_of && (begins..ends).contains(&frame.at));
        if let Some(frame) = inside {
            let sample = frame.at * RATE / 1000;
            problems.push(Problem::PictureInGap { file: file.clone(), sample });
            break;
        }
    }
    Ok(problems)
}

fn problems_of(
    folder: &Folder,
    TrackFile { track, file }: &TrackFile,
    samples: Option<u64>,
) -> Result<Vec<Problem>, RecordingError> {
    let mut problems = Vec::new();
    let Some(bytes) = read_file(folder, file, samples.is_some(), &mut problems)? else { return Ok(problems) };
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
