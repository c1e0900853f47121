//! Whether a recording is what was recorded.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use super::film::{FilmError, FilmReader};
use super::reader::{OggError, OpusReader};
use super::{Folder, TrackFile, Unread};
use crate::disk::PART;
use crate::error::RecordingError;
use crate::format::ogg_opus::LOOKAHEAD;
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

/// A file; nothing where it is missing. Adds to `problems` where it is not what the timeline vouches for.
fn open(
    folder: &Folder,
    name: &str,
    is_stopped: bool,
    problems: &mut Vec<Problem>,
) -> Result<Option<File>, RecordingError> {
    let mut file = match folder.open_file(name) {
        Err(RecordingError::Disk { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            problems.push(Problem::Missing(name.to_owned()));
            return Ok(None);
        }
        file => file?,
    };
    // One that was closed says so.
    let is_whole = folder.is_vouched_for(name, &mut file)?.unwrap_or(!is_stopped);
    problems.extend((!is_whole).then(|| Problem::Changed(name.to_owned())));
    Ok(Some(file))
}

fn problems_of_film(
    folder: &Folder,
    film: &TrackFile,
    samples: Option<u64>,
) -> Result<Vec<Problem>, RecordingError> {
    let mut problems = Vec::new();
    let Some(file) = open(folder, &film.file, samples.is_some(), &mut problems)? else { return Ok(problems) };
    match read_film(folder, film, file, samples) {
        Ok(found) => problems.extend(found),
        Err(Unread::Wrong(error)) => problems.push(Problem::DamagedFilm(film.file.clone(), error)),
        Err(error) => return Err(folder.unread(&film.file, error)),
    }
    Ok(problems)
}

fn read_film(
    folder: &Folder,
    TrackFile { track, file: name }: &TrackFile,
    file: File,
    samples: Option<u64>,
) -> Result<Vec<Problem>, Unread<FilmError>> {
    let mut problems = Vec::new();
    let mut film = FilmReader::open(file)?;
    let gap = |entry: &Entry| match entry {
        Entry::Gap { track: of, first, samples, file, .. } if of == track => {
            let span = (first * 1000 / RATE + 1, ((first + samples) * 1000 / RATE).saturating_sub(1));
            file.as_ref().is_none_or(|file| file == name).then_some(span)
        }
        _ => None,
    };
    let mut gaps: Vec<_> = folder.entries().filter_map(gap).collect();
    gaps.sort_unstable();
    let mut gaps = gaps.into_iter().peekable();
    let (mut last, mut gap_until, mut in_gap) = (None, 0, None);
    while let Some(frame) = film.skip()? {
        while let Some((_, ends)) = gaps.next_if(|(begins, _)| *begins <= frame.at) {
            // A file that begins within a gap is of what came after.
            if last.is_some() {
                gap_until = ends.max(gap_until);
            }
        }
        if frame.at < gap_until {
            in_gap.get_or_insert(frame.at);
        }
        last = Some(frame.at);
    }
    // Times in it are rounded to milliseconds, and no two are the same.
    let end = film.end().or(last).unwrap_or(0).saturating_sub(2) * RATE / 1000;
    if let Some(recording) = samples
        && end > recording
    {
        problems.push(Problem::WrongLength { file: name.clone(), samples: end, recording });
    }
    let sample = in_gap.map(|at| at * RATE / 1000);
    problems.extend(sample.map(|sample| Problem::PictureInGap { file: name.clone(), sample }));
    Ok(problems)
}

fn problems_of(
    folder: &Folder,
    track: &TrackFile,
    samples: Option<u64>,
) -> Result<Vec<Problem>, RecordingError> {
    let mut problems = Vec::new();
    let Some(file) = open(folder, &track.file, samples.is_some(), &mut problems)? else {
        return Ok(problems);
    };
    match read_sound(folder, track, file, samples) {
        Ok(found) => problems.extend(found),
        Err(Unread::Wrong(error)) => problems.push(Problem::Damaged(track.file.clone(), error)),
        Err(error) => return Err(folder.unread(&track.file, error)),
    }
    Ok(problems)
}

fn read_sound(
    folder: &Folder,
    TrackFile { track, file: name }: &TrackFile,
    file: File,
    samples: Option<u64>,
) -> Result<Vec<Problem>, Unread<OggError>> {
    let mut sound = OpusReader::open(file)?;
    let shift = sound.pre_skip.saturating_sub(LOOKAHEAD);
    let mut gaps: Vec<_> = folder.entries().filter_map(|entry| gap_of(entry, track, &SILENT)).collect();
    gaps.sort_unstable();
    let mut gaps = gaps.into_iter().map(|(first, end)| (first + shift, end + shift)).peekable();
    let mut in_gap = None;
    while let Some((begin, packet)) = sound.next()? {
        let end = begin + opus::duration(packet).unwrap_or(0);
        // Both are rounded to the packets that lie in between.
        while gaps.next_if(|(_, until)| *until < end).is_some() {}
        if gaps.peek().is_some_and(|(first, _)| *first <= begin) && !opus::is_filler(packet) {
            in_gap.get_or_insert(begin - shift);
        }
    }
    let mut problems = Vec::new();
    if let Some(recording) = samples
        && sound.samples() != recording
        && !(sound.samples() < recording && told_to_lack(folder, track, sound.samples()) >= recording)
    {
        problems.push(Problem::WrongLength { file: name.clone(), samples: sound.samples(), recording });
    }
    problems.extend(in_gap.map(|sample| Problem::SoundInGap { file: name.clone(), sample }));
    Ok(problems)
}

/// Up to where the disk is told to have had nothing of a track, whose file ends after so many samples.
fn told_to_lack(folder: &Folder, track: &str, samples: u64) -> u64 {
    let disk = [GapKind::Disk];
    let mut missing: Vec<_> = folder.entries().filter_map(|entry| gap_of(entry, track, &disk)).collect();
    missing.sort_unstable();
    // What is said comes out of a decoder that much later.
    let from = samples + LOOKAHEAD;
    missing.iter().fold(from, |told, (first, end)| if *first <= told { told.max(*end) } else { told })
}

/// Why a track may have no sound.
const SILENT: [GapKind; 5] =
    [GapKind::NotSent, GapKind::Silent, GapKind::Lost, GapKind::Disk, GapKind::Corrected];

/// Where a track has a gap of one of these kinds.
fn gap_of(entry: &Entry, of: &str, kinds: &[GapKind]) -> Option<(u64, u64)> {
    match entry {
        Entry::Gap { track, kind, first, samples, .. } if track == of && kinds.contains(kind) => {
            Some((*first, first + samples))
        }
        _ => None,
    }
}
