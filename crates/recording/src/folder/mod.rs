//! [io] What is done with a recording once it is there: look whether it is whole ([`verify`]), close one that nobody stopped
//! ([`finalize`]), make one file of it ([`mix`]), draw it ([`Picture`]).

#[cfg(test)]
mod collected;
mod element;
mod film;
mod finalize;
mod mix;
mod picture;
mod product;
mod reader;
mod shown;
#[cfg(test)]
mod tests;
mod verify;

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};

#[cfg(test)]
pub(crate) use collected::{read_film, read_opus};
pub use film::FilmError;
pub use finalize::{Finalized, finalize};
pub use mix::{Mixed, Show, mix};
pub use picture::Picture;
pub use reader::OggError;
pub use verify::{Problem, Verified, verify};

use crate::disk::sum_of;
use crate::error::RecordingError;
use crate::journal::{self, Entry, Line, Read};

/// The directory of a recording, as its timeline describes it.
pub(crate) struct Folder {
    path: PathBuf,
    timeline: Read,
}

/// A file of a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TrackFile {
    pub(crate) track: String,
    pub(crate) file: String,
}

impl Folder {
    /// Reads the timeline of the recording in `path`.
    pub(crate) fn open(path: &Path) -> Result<Self, RecordingError> {
        let file = path.join(journal::FILE);
        let not = |problem: String| RecordingError::NotARecording { path: file.clone(), problem };
        let bytes = fs::read(&file).map_err(|error| not(error.to_string()))?;
        let timeline = journal::read(&bytes).map_err(|error| not(error.to_string()))?;
        Ok(Self { path: path.to_owned(), timeline })
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.timeline.lines.iter().map(|line| &line.entry)
    }

    fn lines(&self) -> &[Line] {
        &self.timeline.lines
    }

    fn tracks(&self) -> Vec<TrackFile> {
        let track = |entry: &Entry| match entry {
            Entry::Track { track, file, .. } if self.is_file(file) => {
                Some(TrackFile { track: track.clone(), file: file.clone() })
            }
            _ => None,
        };
        self.entries().filter_map(track).collect()
    }

    /// The files of pictures.
    fn films(&self) -> Vec<TrackFile> {
        let film = |entry: &Entry| match entry {
            Entry::Video { track, file, .. } if self.is_file(file) => {
                Some(TrackFile { track: track.clone(), file: file.clone() })
            }
            _ => None,
        };
        self.entries().filter_map(film).collect()
    }

    /// Whether there is a file of that name. A name that leads out of the directory is none that a recorder gave; and of what the disk took
    /// nothing of, there is none.
    fn is_file(&self, name: &str) -> bool {
        !name.contains(['/', '\\']) && !matches!(self.hash_of(name), Some((0, _, true)))
    }

    /// How long it is, where it was closed.
    fn samples(&self) -> Option<u64> {
        self.entries().find_map(|entry| match entry {
            Entry::Stopped { samples } | Entry::Finalized { samples } => Some(*samples),
            _ => None,
        })
    }

    /// The last that the timeline says of the bytes of a file: how many, their hash, and whether that is all.
    fn hash_of(&self, name: &str) -> Option<(u64, &str, bool)> {
        self.entries().fold(None, |last, entry| match entry {
            Entry::Hash { file, bytes, sha256, closed } if file == name => {
                Some((*bytes, &sha256[..], *closed))
            }
            _ => last,
        })
    }

    fn open_file(&self, name: &str) -> Result<File, RecordingError> {
        let path = self.path.join(name);
        File::open(&path).map_err(|source| disk("cannot read", path, source))
    }

    /// Whether a file begins with what the timeline last vouches for, and ends there where that is all; `None` where it vouches for
    /// nothing. The file is read from its beginning afterwards.
    fn is_vouched_for(&self, name: &str, file: &mut File) -> Result<Option<bool>, RecordingError> {
        let Some((len, sha256, closed)) = self.hash_of(name) else { return Ok(None) };
        let mut look = || {
            let all = file.metadata()?.len();
            let (found, sum) = sum_of(file, len)?;
            file.seek(SeekFrom::Start(0))?;
            let is_same = found == len && journal::hex(sum.finish().as_ref()) == sha256;
            Ok(Some(is_same && !(closed && all != len)))
        };
        look().map_err(|source| disk("cannot read", self.path.join(name), source))
    }

    /// Why a file of the recording could not be read.
    fn unread<E: std::fmt::Display>(&self, name: &str, error: Unread<E>) -> RecordingError {
        let path = self.path.join(name);
        match error {
            Unread::Disk(source) => disk("cannot read", path, source),
            Unread::Wrong(error) => RecordingError::NotARecording { path, problem: error.to_string() },
        }
    }
}

/// Why a file was not read to its end.
#[derive(Debug)]
pub(crate) enum Unread<E> {
    /// The system does not give it.
    Disk(io::Error),
    /// It is not what it has to be.
    Wrong(E),
}

impl<E> From<io::Error> for Unread<E> {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

impl From<FilmError> for Unread<FilmError> {
    fn from(error: FilmError) -> Self {
        Self::Wrong(error)
    }
}

impl From<OggError> for Unread<OggError> {
    fn from(error: OggError) -> Self {
        Self::Wrong(error)
    }
}

fn disk(task: &'static str, path: PathBuf, source: io::Error) -> RecordingError {
    RecordingError::Disk { task, path, safe: std::time::Duration::ZERO, source }
}
