//! The pictures of a mix: those of one track, beside all that was said.

use std::collections::BTreeMap;

use super::film::{self, FilmFile};
use super::mix::Show;
use super::{Folder, TrackFile};
use crate::error::RecordingError;
use crate::format::matroska::{Coding, MatroskaWriter};
use crate::format::ogg_opus;
use crate::opus::{FRAME, RATE};

/// Pictures of one track, one codec and one size.
pub(super) struct Shown {
    pub(super) track: String,
    pub(super) coding: Coding,
    /// When each is shown, in milliseconds, whether it is a key frame, and what it is.
    frames: Vec<(u64, bool, Vec<u8>)>,
    /// When the last is shown.
    pub(super) end: u64,
    pub(super) left_out: Vec<String>,
}

impl Shown {
    /// What `show` names of a recording.
    pub(super) fn of(folder: &Folder, show: Show<'_>) -> Result<Option<Self>, RecordingError> {
        let wanted = match show {
            Show::Nothing => return Ok(None),
            Show::Longest => None,
            Show::Track(name) => Some(name),
        };
        let is_wanted = |track: &str| {
            wanted.is_none_or(|name| track == name || track.strip_prefix("video-") == Some(name))
        };
        let mut contents = Vec::new();
        for film in folder.films().into_iter().filter(|film| is_wanted(&film.track)) {
            let bytes = folder.read(&film.file)?;
            contents.push((film, bytes));
        }
        let mut tracks = BTreeMap::<&str, Vec<(&TrackFile, FilmFile<'_>)>>::new();
        for (film, bytes) in &contents {
            let path = || folder.path.join(&film.file);
            let read = film::read(bytes);
            let read = read.map_err(|error| RecordingError::NotARecording {
                path: path(),
                problem: error.to_string(),
            })?;
            tracks.entry(&film.track).or_default().push((film, read));
        }
        let count = |films: &Vec<(&TrackFile, FilmFile<'_>)>| -> usize {
            films.iter().map(|(_, film)| film.frames.len()).sum()
        };
        let Some((track, films)) = tracks.into_iter().max_by_key(|(_, films)| count(films)) else {
            let problem = |name| format!("it has no pictures of {name}");
            let not =
                |name| RecordingError::NotARecording { path: folder.path.clone(), problem: problem(name) };
            return wanted.map_or(Ok(None), |name| Err(not(name)));
        };
        let Some((_, longest)) = films.iter().max_by_key(|(_, film)| film.frames.len()) else {
            return Ok(None);
        };
        let coding = longest.coding.clone();
        let (same, others): (Vec<_>, Vec<_>) = films.into_iter().partition(|(_, film)| film.coding == coding);
        let mut frames = Vec::<(u64, bool, Vec<u8>)>::new();
        for (_, film) in &same {
            // One source in two sockets at the same time is there twice: the second file goes on, from a key frame, where the first ends.
            let end = frames.last().map(|(at, ..)| *at);
            let is_before =
                |frame: &&film::Frame<'_>| !frame.is_key || end.is_some_and(|end| frame.at <= end);
            let rest = film.frames.iter().skip_while(is_before);
            frames.extend(rest.map(|frame| (frame.at, frame.is_key, frame.data.to_vec())));
        }
        let end = frames.last().map_or(0, |(at, ..)| at + 1);
        let left_out = others.into_iter().map(|(film, _)| film.file.clone()).collect();
        Ok(Some(Self { track: track.to_owned(), coding, frames, end, left_out }))
    }

    /// A file of both, in the order of their times.
    pub(super) fn with_sound(&self, packets: &[Vec<u8>], late: u64, samples: u64) -> Vec<u8> {
        let sound = Coding::Opus { head: ogg_opus::head(late as u16), pre_skip: late };
        let mut writer = MatroskaWriter::new(vec![self.coding.clone(), sound], "all speakers");
        let mut pictures = self.frames.iter().peekable();
        for (number, packet) in (0..).zip(packets) {
            // A player takes the delay of the codec off all times of its track.
            let at = number * FRAME * 1000 / RATE;
            while let Some((at, is_key, data)) = pictures.next_if(|(shown, ..)| *shown <= at) {
                writer.push(0, *at, *is_key, data);
            }
            writer.push(1, at, true, packet);
        }
        for (at, is_key, data) in pictures {
            writer.push(0, *at, *is_key, data);
        }
        writer.whole(samples * 1000 / RATE)
    }
}
