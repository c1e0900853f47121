//! Closes a recording that nobody stopped.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;
use std::time::Duration;

use super::film::{FilmError, FilmReader};
use super::product::{self, Product};
use super::reader::{OggError, OpusReader};
use super::{Folder, TrackFile, Unread, disk};
use crate::disk::sum_of;
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
/// that was stopped. Whoever is killed meanwhile can begin again.
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
        let vouched = folder.hash_of(&track.file);
        let is_nothing = vouched.is_none_or(|(bytes, ..)| bytes == 0);
        let mut file = match folder.open_file(&track.file) {
            // The disk has taken nothing of it.
            Err(RecordingError::Disk { source, .. })
                if is_nothing && source.kind() == ErrorKind::NotFound =>
            {
                open.push((track, None));
                continue;
            }
            file => file?,
        };
        if folder.is_vouched_for(&track.file, &mut file)? == Some(false)
            && !was_completed(&folder, &track.file, &mut file)?
        {
            let problem = "it is not what the timeline vouches for".to_owned();
            return Err(RecordingError::NotARecording { path: folder.path.join(&track.file), problem });
        }
        let end = if is_film {
            end_of_film(file).map_err(|error| folder.unread(&track.file, error))?
        } else {
            end_of_sound(file).map_err(|error| folder.unread(&track.file, error))?
        };
        samples = samples.max(end);
        if !(is_film && vouched.is_some_and(|(.., closed)| closed)) {
            open.push((track, Some(is_film)));
        }
    }
    let timeline = folder.path.join(journal::FILE);
    let written = |source| disk("cannot complete", timeline.clone(), source);
    let mut journal = Journal::behind(folder.timeline.head.clone());
    let mut file = OpenOptions::new().append(true).open(&timeline).map_err(written)?;
    file.set_len(folder.timeline.len as u64).map_err(written)?;
    let tell = |file: &mut File, line: Vec<u8>| file.write_all(&line).and_then(|()| file.sync_all());
    for (TrackFile { track, file: name }, is_film) in &open {
        let path = folder.path.join(name);
        let at = || disk_at("cannot complete", &path);
        match is_film {
            Some(true) => close_film(folder.open_file(name)?, &path, samples)
                .map_err(|error| folder.unread(name, error))?,
            Some(false) => close(track, folder.open_file(name)?, &path, samples)
                .map_err(|error| folder.unread(name, error))?,
            None => {}
        }
        let (bytes, sha256) = if is_film.is_some() {
            let sum = File::open(product::beside(&path)).and_then(|mut made| sum_of(&mut made, u64::MAX));
            let (bytes, sum) = sum.map_err(at())?;
            (bytes, journal::hex(sum.finish().as_ref()))
        } else {
            (0, journal::hash(&[]))
        };
        // The timeline vouches for it before it is in its place: whoever was killed in between finds it beside.
        let line = Entry::Hash { file: name.clone(), bytes, sha256, closed: true };
        tell(&mut file, journal.line(samples, line)).map_err(written)?;
        if is_film.is_some() {
            fs::rename(product::beside(&path), &path).map_err(at())?;
        }
    }
    tell(&mut file, journal.line(samples, Entry::Finalized { samples })).map_err(written)?;
    Ok(Finalized { duration: duration(samples), files: open.len(), head: journal.head().to_owned() })
}

/// Whether the timeline vouches for what lies beside a file, because a kill came before it was put in its place: then it is, and is
/// what is read.
fn was_completed(folder: &Folder, name: &str, file: &mut File) -> Result<bool, RecordingError> {
    let path = folder.path.join(name);
    let Ok(mut made) = File::open(product::beside(&path)) else { return Ok(false) };
    if folder.is_vouched_for(name, &mut made)? != Some(true) {
        return Ok(false);
    }
    fs::rename(product::beside(&path), &path).map_err(disk_at("cannot complete", &path))?;
    *file = made;
    Ok(true)
}

fn disk_at(task: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RecordingError {
    let path = path.to_owned();
    move |source| disk(task, path, source)
}

fn end_of_sound(file: File) -> Result<u64, Unread<OggError>> {
    let mut reader = OpusReader::open(file)?;
    reader.skip_to_end()?;
    Ok(reader.samples())
}

fn end_of_film(file: File) -> Result<u64, Unread<FilmError>> {
    let mut reader = FilmReader::open(file)?;
    let mut end = 0;
    while let Some(frame) = reader.skip()? {
        end = (frame.at + 1) * RATE / 1000;
    }
    Ok(end)
}

/// Makes a file of the same packets beside it, with silence behind them up to `samples`, and an end.
fn close(track: &str, file: File, path: &Path, samples: u64) -> Result<(), Unread<OggError>> {
    let mut reader = OpusReader::open(file)?;
    let pre_skip = reader.pre_skip;
    let mut product = Product::begin(path)?;
    let comments = [("TITLE", track.to_owned()), ("OFFHOOK_TRACK", track.to_owned())];
    let mut ogg = OggOpusWriter::new(1, pre_skip as u16, &comments);
    while let Some((_, packet)) = reader.next()? {
        ogg.push(packet.to_vec(), opus::duration(packet).unwrap_or(0));
        product.put(&ogg.full_pages())?;
    }
    product.put(&ogg.finish(samples + pre_skip))?;
    Ok(product.complete()?)
}

/// Makes a file of the same pictures beside it, with an index, the last of them shown up to `samples`.
fn close_film(file: File, path: &Path, samples: u64) -> Result<(), Unread<FilmError>> {
    let mut reader = FilmReader::open(file)?;
    let mut product = Product::begin(path)?;
    let mut writer = MatroskaWriter::new(vec![reader.coding.clone()], &reader.title);
    product.put(&writer.beginning())?;
    let mut data = Vec::new();
    while let Some(frame) = reader.next(&mut data)? {
        writer.push(0, frame.at, frame.is_key, &data);
        product.put(&writer.closed_clusters())?;
    }
    let (tail, head) = writer.finish(samples * 1000 / RATE);
    product.put(&tail)?;
    product.begin_with(&head)?;
    Ok(product.complete()?)
}

fn duration(samples: u64) -> Duration {
    Duration::from_nanos(samples * 1_000_000 / (RATE / 1000))
}
