//! The pictures of a mix: those of one track, beside all that was said.

use std::collections::BTreeMap;
use std::fs::File;

use super::Folder;
use super::film::{FilmReader, Frame};
use super::mix::Show;
use crate::error::RecordingError;
use crate::format::matroska::Coding;

/// Pictures of one track, one codec and one size: they are read as they are asked for.
pub(super) struct Shown<'a> {
    folder: &'a Folder,
    pub(super) track: String,
    pub(super) coding: Coding,
    /// When the last is shown.
    pub(super) end: u64,
    pub(super) left_out: Vec<String>,
    /// The files, the next one first, and that which is being read.
    files: std::vec::IntoIter<String>,
    reading: Option<Reading>,
    /// When the latest picture is shown that was given.
    newest: Option<u64>,
    data: Vec<u8>,
    /// A picture that was looked at and is in `data`.
    next: Option<Frame>,
}

struct Reading {
    name: String,
    film: FilmReader<File>,
    /// A picture of it was given, so that all that follow can be.
    has_begun: bool,
}

/// What a file of pictures holds.
struct Found {
    file: String,
    coding: Coding,
    pictures: usize,
    /// When the last is shown.
    last: Option<u64>,
}

impl<'a> Shown<'a> {
    /// What `show` names of a recording.
    pub(super) fn of(folder: &'a Folder, show: Show<'_>) -> Result<Option<Self>, RecordingError> {
        let wanted = match show {
            Show::Nothing => return Ok(None),
            Show::Longest => None,
            Show::Track(name) => Some(name),
        };
        let is_wanted = |track: &str| {
            wanted.is_none_or(|name| track == name || track.strip_prefix("video-") == Some(name))
        };
        let mut tracks = BTreeMap::<String, Vec<Found>>::new();
        for film in folder.films().into_iter().filter(|film| is_wanted(&film.track)) {
            tracks.entry(film.track).or_default().push(found(folder, film.file)?);
        }
        let count = |films: &Vec<Found>| -> usize { films.iter().map(|film| film.pictures).sum() };
        let Some((track, films)) = tracks.into_iter().max_by_key(|(_, films)| count(films)) else {
            let problem = |name| format!("it has no pictures of {name}");
            let not =
                |name| RecordingError::NotARecording { path: folder.path.clone(), problem: problem(name) };
            return wanted.map_or(Ok(None), |name| Err(not(name)));
        };
        let Some(longest) = films.iter().max_by_key(|film| film.pictures) else { return Ok(None) };
        let coding = longest.coding.clone();
        let (same, others): (Vec<_>, Vec<_>) = films.into_iter().partition(|film| film.coding == coding);
        let end = same.iter().filter_map(|film| film.last).max().map_or(0, |last| last + 1);
        let files: Vec<_> = same.into_iter().map(|film| film.file).collect();
        Ok(Some(Self {
            folder,
            track,
            coding,
            end,
            left_out: others.into_iter().map(|film| film.file).collect(),
            files: files.into_iter(),
            reading: None,
            newest: None,
            data: Vec::new(),
            next: None,
        }))
    }

    /// The next picture, if it is shown at `until` milliseconds at the latest.
    pub(super) fn next_until(&mut self, until: u64) -> Result<Option<(Frame, &[u8])>, RecordingError> {
        if self.next.is_none() {
            self.next = self.read()?;
        }
        let next = self.next.take_if(|next| next.at <= until);
        self.newest = next.map(|next| next.at).or(self.newest);
        Ok(next.map(|next| (next, &self.data[..])))
    }

    fn read(&mut self) -> Result<Option<Frame>, RecordingError> {
        loop {
            let Some(reading) = &mut self.reading else {
                let Some(name) = self.files.next() else { return Ok(None) };
                let film = self.folder.open_file(&name)?;
                let film = FilmReader::open(film).map_err(|error| self.folder.unread(&name, error))?;
                self.reading = Some(Reading { name, film, has_begun: false });
                continue;
            };
            let read = reading.film.next(&mut self.data);
            let Some(frame) = read.map_err(|error| self.folder.unread(&reading.name, error))? else {
                self.reading = None;
                continue;
            };
            // One source in two sockets at the same time is there twice: the second file goes on, from a key frame, where the first ends.
            let is_behind = self.newest.is_none_or(|newest| frame.at > newest);
            reading.has_begun |= frame.is_key && is_behind;
            if reading.has_begun {
                return Ok(Some(frame));
            }
        }
    }
}

/// Reads a file to its end.
fn found(folder: &Folder, file: String) -> Result<Found, RecordingError> {
    let read = || {
        let mut film =
            FilmReader::open(folder.open_file(&file)?).map_err(|error| folder.unread(&file, error))?;
        let (mut pictures, mut last) = (0, None);
        while let Some(frame) = film.skip().map_err(|error| folder.unread(&file, error))? {
            (pictures, last) = (pictures + 1, Some(frame.at));
        }
        Ok((film.coding, pictures, last))
    };
    let (coding, pictures, last) = read()?;
    Ok(Found { file, coding, pictures, last })
}
