//! [io] What is done with a recording once it is there: look whether it is whole ([`verify`]), close one that nobody stopped
//! ([`finalize`]), make one file of it ([`mix`]), draw it ([`Picture`]).

mod film;
mod finalize;
mod mix;
mod picture;
mod reader;
mod shown;
mod verify;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use film::FilmError;
#[cfg(test)]
pub(crate) use film::read as read_film;
pub use finalize::{Finalized, finalize};
pub use mix::{Mixed, Show, mix};
pub use picture::Picture;
pub use reader::OggError;
#[cfg(test)]
pub(crate) use reader::read as read_opus;
pub use verify::{Problem, Verified, verify};

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
            // A name that leads out of the directory is none that a recorder gave.
            Entry::Track { track, file, .. } if !file.contains(['/', '\\']) => {
                Some(TrackFile { track: track.clone(), file: file.clone() })
            }
            _ => None,
        };
        self.entries().filter_map(track).collect()
    }

    /// The files of pictures.
    fn films(&self) -> Vec<TrackFile> {
        let film = |entry: &Entry| match entry {
            Entry::Video { track, file, .. } if !file.contains(['/', '\\']) => {
                Some(TrackFile { track: track.clone(), file: file.clone() })
            }
            _ => None,
        };
        self.entries().filter_map(film).collect()
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

    fn read(&self, name: &str) -> Result<Vec<u8>, RecordingError> {
        let path = self.path.join(name);
        fs::read(&path).map_err(|source| disk("cannot read", path, source))
    }
}

fn disk(task: &'static str, path: PathBuf, source: io::Error) -> RecordingError {
    RecordingError::Disk { task, path, safe: std::time::Duration::ZERO, source }
}
