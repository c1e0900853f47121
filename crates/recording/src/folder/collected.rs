//! What a file holds, all of it in memory: for tests of files that are short.

use std::io::Cursor;

use super::Unread;
use super::film::{FilmError, FilmReader, Frame};
use super::reader::{OggError, OpusReader};
use crate::format::matroska::Coding;

#[derive(Debug)]
pub(crate) struct FilmFile {
    pub(crate) coding: Coding,
    pub(crate) title: String,
    pub(crate) frames: Vec<(Frame, Vec<u8>)>,
    pub(crate) end: Option<u64>,
    pub(crate) len: usize,
}

pub(crate) fn read_film(bytes: &[u8]) -> Result<FilmFile, FilmError> {
    let read = || {
        let mut reader = FilmReader::open(Cursor::new(bytes))?;
        let (mut frames, mut data) = (Vec::new(), Vec::new());
        while let Some(frame) = reader.next(&mut data)? {
            frames.push((frame, data.clone()));
        }
        let (end, len) = (reader.end(), reader.whole() as usize);
        Ok(FilmFile { coding: reader.coding, title: reader.title, frames, end, len })
    };
    read().map_err(wrong)
}

#[derive(Debug)]
pub(crate) struct OpusFile {
    pub(crate) pre_skip: u64,
    pub(crate) packets: Vec<(u64, Vec<u8>)>,
    pub(crate) end: u64,
    pub(crate) is_complete: bool,
    pub(crate) len: usize,
}

impl OpusFile {
    pub(crate) fn samples(&self) -> u64 {
        self.end.saturating_sub(self.pre_skip)
    }
}

pub(crate) fn read_opus(bytes: &[u8]) -> Result<OpusFile, OggError> {
    let read = || {
        let mut reader = OpusReader::open(bytes)?;
        let mut packets = Vec::new();
        while let Some((begin, packet)) = reader.next()? {
            packets.push((begin, packet.to_vec()));
        }
        let (end, is_complete) = reader.end();
        Ok(OpusFile { pre_skip: reader.pre_skip, packets, end, is_complete, len: reader.whole() as usize })
    };
    read().map_err(wrong)
}

fn wrong<E>(error: Unread<E>) -> E {
    match error {
        Unread::Wrong(error) => error,
        Unread::Disk(error) => panic!("memory was read: {error}"),
    }
}
