//! Closes a recording that nobody stopped.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use super::film;
use super::reader::{self, OpusFile};
use super::{Folder, TrackFile, disk};
use crate::disk::PART;
use crate::error::RecordingError;
use crate::format::matroska::MatroskaWriter;
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
/// shorter, and pictures get an index. Pictures that were closed while the recording went on stay as they are; so does a recording
/// that was stopped.
///
/// # Errors
/// When a file is not what the timeline vouches for so far, or does not read; nothing is changed then. When the disk refuses.
pub fn finalize(directory: impl AsRef<Path>) -> Result<Finalized, RecordingError> {
    let folder = Folder::open(directory.as_ref())?;
    if let Some(samples) = folder.samples() {
        return Ok(Finalized { duration: duration(samples), files: 0, head: folder.timeline.head });
    }
    let mut open = Vec::new();
    let mut samples = 0;
    let sounds = folder.tracks().into_iter().map(|track| (track, false));
    for (track, is_film) in sounds.chain(folder.films().into_iter().map(|film| (film, true))) {
        let bytes = folder.read(&track.file)?;
        let not =
            |problem: String| RecordingError::NotARecording { path: folder.path.join(&track.file), problem };
        let vouched = folder.hash_of(&track.file);
        if let Some((len, sha256, _)) = vouched {
            let prefix = usize::try_from(len).ok().and_then(|len| bytes.get(..len));
            if prefix.is_none_or(|prefix| journal::hash(prefix) != sha256) {
                return Err(not("it is not what the timeline vouches for".to_owned()));
            }
        }
        let end = if is_film {
            let film = film::read(&bytes).map_err(|error| not(error.to_string()))?;
            film.frames.last().map_or(0, |last| (last.at + 1) * RATE / 1000)
        } else {
            reader::read(&bytes).map_err(|error| not(error.to_string()))?.samples()
        };
        samples = samples.max(end);
        if !(is_film && vouched.is_some_and(|(.., closed)| closed)) {
            open.push((track, is_film));
        }
    }
    let timeline = folder.path.join(journal::FILE);
    let written = |source| disk("cannot complete", timeline.clone(), source);
    let mut journal = Journal::behind(folder.timeline.head.clone());
    let mut lines = Vec::new();
    for (TrackFile { track, file }, is_film) in &open {
        let path = folder.path.join(file);
        // Read once more: all of them together may be more than there is memory for.
        let bytes = folder.read(file)?;
        let closed = if *is_film { Ok(close_film(&bytes, samples)) } else { close(track, &bytes, samples) };
        let closed = closed.map_err(|source| disk("cannot complete", path.clone(), source))?;
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
    Ok(Finalized { duration: duration(samples), files: open.len(), head: journal.head().to_owned() })
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

/// The same pictures, with an index, the last of them shown up to `samples`.
fn close_film(bytes: &[u8], samples: u64) -> Vec<u8> {
    let Ok(film) = film::read(bytes) else { return bytes.to_vec() };
    let mut writer = MatroskaWriter::new(vec![film.coding], &film.title);
    for film::Frame { at, is_key, data } in film.frames {
        writer.push(0, at, is_key, data);
    }
    writer.whole(samples * 1000 / RATE)
}

/// Puts a file in the place of another at once: a kill leaves one of them.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(PART);
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

fn duration(samples: u64) -> Duration {
    Duration::from_nanos(samples * 1_000_000 / (RATE / 1000))
}
