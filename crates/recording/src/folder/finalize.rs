//! Closes a recording that nobody stopped.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use super::reader::{self, OpusFile};
use super::{Folder, TrackFile, disk};
use crate::disk::PART;
use crate::error::RecordingError;
use crate::format::ogg_opus::OggOpusWriter;
use crate::journal::{self, Entry, Journal};
use crate::opus::{self, RATE};

/// What was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finalized {
    /// How long the recording is now: as long as its longest file.
    pub duration: Duration,
    /// Files that were brought to that length, and say now where they end.
    pub files: usize,
    /// The hash that vouches for all of it.
    pub head: String,
}

/// Closes the recording in `directory`: gives each file its end and its duration, all the same; silence is added where one is
/// shorter. One that was stopped stays as it is.
///
/// # Errors
/// When a file is not what the timeline vouches for so far, or does not read; nothing is changed then. When the disk refuses.
pub fn finalize(directory: impl AsRef<Path>) -> Result<Finalized, RecordingError> {
    let folder = Folder::open(directory.as_ref())?;
    if let Some(samples) = folder.samples() {
        return Ok(Finalized { duration: duration(samples), files: 0, head: folder.timeline.head });
    }
    let tracks = folder.tracks();
    let mut contents = Vec::new();
    for TrackFile { file, .. } in &tracks {
        let bytes = folder.read(file)?;
        let not = |problem: String| RecordingError::NotARecording { path: folder.path.join(file), problem };
        if let Some((len, sha256, _)) = folder.hash_of(file) {
            let prefix = usize::try_from(len).ok().and_then(|len| bytes.get(..len));
            if prefix.is_none_or(|prefix| journal::hash(prefix) != sha256) {
                return Err(not("it is not what the timeline vouches for".to_owned()));
            }
        }
        reader::read(&bytes).map_err(|error| not(error.to_string()))?;
        contents.push(bytes);
    }
    let read = |bytes: &Vec<u8>| reader::read(bytes).map(|file| file.samples()).unwrap_or(0);
    let samples = contents.iter().map(read).max().unwrap_or(0);
    let timeline = folder.path.join(journal::FILE);
    let written = |source| disk("cannot complete", timeline.clone(), source);
    let mut journal = Journal::behind(folder.timeline.head.clone());
    let mut lines = Vec::new();
    for (TrackFile { track, file }, bytes) in tracks.iter().zip(&contents) {
        let path = folder.path.join(file);
        let closed =
            close(track, bytes, samples).map_err(|source| disk("cannot complete", path.clone(), source))?;
        replace(&path, &closed).map_err(|source| disk("cannot complete", path, source))?;
        let (bytes, sha256) = (closed.len() as u64, journal::hash(&closed));
        lines.extend(journal.line(samples, Entry::Hash { file: file.clone(), bytes, sha256, closed: true }));
    }
    lines.extend(journal.line(samples, Entry::Finalized { samples }));
    let whole = folder.timeline.len as u64;
    let file = OpenOptions::new().append(true).open(&timeline);
    let complete = |mut file: File| {
        file.set_len(whole)?;
        file.write_all(&lines)?;
        file.sync_all()
    };
    file.and_then(complete).map_err(written)?;
    Ok(Finalized { duration: duration(samples), files: tracks.len(), head: journal.head().to_owned() })
}

/// The same packets, with silence behind them up to `samples`, and an end.
fn close(track: &str, bytes: &[u8], samples: u64) -> std::io::Result<Vec<u8>> {
    let empty = OpusFile { pre_skip: 312, packets: Vec::new(), end: 0, is_complete: false, len: 0 };
    let file = reader::read(bytes).unwrap_or(empty);
    let comments = [("TITLE", track.to_owned()), ("OFFHOOK_TRACK", track.to_owned())];
    let mut ogg = OggOpusWriter::new(1, file.pre_skip as u16, &comments)?;
    for (_, packet) in &file.packets {
        ogg.push(packet.to_vec(), opus::duration(packet).unwrap_or(0))?;
    }
    ogg.finish(samples + file.pre_skip)
}

/// Puts a file in the place of another at once: a kill leaves one of them.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let beside = path.with_extension(format!("opus{PART}"));
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

fn duration(samples: u64) -> Duration {
    Duration::from_nanos(samples * 1_000_000 / (RATE / 1000))
}
