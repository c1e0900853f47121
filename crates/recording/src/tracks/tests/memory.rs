//! A disk in memory.

use super::{MARK, TOC};
use crate::folder::read_opus;
use crate::gaps::GapKind;
use crate::journal::{self, Class, Entry};
use crate::tracks::meeting::Meeting;
use crate::tracks::sink::{FileId, Sink};

/// A disk in memory, which can be told to refuse.
#[derive(Default)]
pub(in crate::tracks) struct Memory {
    files: Vec<(String, Class, Vec<u8>)>,
    pub(in crate::tracks) refuses: Option<Class>,
    /// Its queue has no room for what matters no more than this.
    pub(in crate::tracks) is_full: Option<Class>,
    /// It takes what matters no more than this, and does not have it: it will say so when the file is closed.
    pub(in crate::tracks) loses: Option<Class>,
    /// How many times a part of a file was written anew.
    pub(in crate::tracks) rewritten: usize,
    /// What it was asked to say of files: how many bytes they have, and whether that is all.
    asked: Vec<(FileId, bool)>,
}

impl Sink for Memory {
    fn open(&mut self, name: &str, class: Class) -> FileId {
        self.files.push((name.to_owned(), class, Vec::new()));
        self.files.len() - 1
    }

    fn append(&mut self, file: FileId, bytes: Vec<u8>) -> bool {
        let (_, class, content) = &mut self.files[file];
        let taken = [self.refuses, self.is_full].iter().flatten().all(|refused| *class > *refused);
        if taken && self.loses.is_none_or(|lost| *class > lost) {
            content.extend(bytes);
        }
        taken
    }

    fn rewrite(&mut self, file: FileId, from: u64, bytes: Vec<u8>) -> bool {
        if self.is_suspended(file) {
            return false;
        }
        self.rewritten += 1;
        self.files[file].2.truncate(from as usize);
        self.append(file, bytes)
    }

    fn is_suspended(&self, file: FileId) -> bool {
        self.refuses.is_some_and(|refused| self.files[file].1 <= refused)
    }

    fn close(&mut self, file: FileId) {
        self.asked.push((file, true));
    }

    fn close_with(&mut self, file: FileId, head: Vec<u8>) {
        // As on a disk: the beginning of a file that is not whole stays as it is.
        if self.loses.is_none_or(|lost| self.files[file].1 > lost) {
            self.files[file].2[..head.len()].copy_from_slice(&head);
        }
        self.close(file);
    }

    fn hash(&mut self, file: FileId) {
        self.asked.push((file, false));
    }
}

impl Memory {
    /// Says what it was asked, as the recorder's thread hears it.
    pub(in crate::tracks) fn answer(&mut self, meeting: &mut Meeting) {
        for (file, closed) in std::mem::take(&mut self.asked) {
            let (name, _, content) = &self.files[file];
            let (bytes, sha256) = (content.len() as u64, journal::hash(content));
            if name != journal::FILE {
                meeting.tell(Entry::Hash { file: name.clone(), bytes, sha256, closed }, self);
                meeting.is_there(file, bytes, closed, self);
            }
        }
    }

    /// Puts its files into a directory.
    pub(in crate::tracks) fn save(&self, directory: &std::path::Path) {
        for (name, _, content) in self.files.iter().filter(|(.., content)| !content.is_empty()) {
            std::fs::write(directory.join(name), content).unwrap();
        }
    }

    pub(in crate::tracks) fn file(&self, name: &str) -> &[u8] {
        &self.files.iter().find(|(file, ..)| file == name).unwrap_or_else(|| panic!("no {name}")).2
    }

    pub(in crate::tracks) fn entries(&self) -> Vec<Entry> {
        let read = journal::read(self.file(journal::FILE)).unwrap();
        read.lines.into_iter().map(|line| line.entry).collect()
    }

    /// The ticks of a sender whose packets are in a file, each with its position on the timeline.
    pub(in crate::tracks) fn ticks(&self, name: &str) -> Vec<(u32, i64)> {
        let file = read_opus(self.file(name)).unwrap();
        let shift = file.pre_skip as i64 - 312;
        let tick = |packet: &[u8]| match packet {
            [TOC, MARK, tick @ ..] => Some(u32::from_be_bytes(tick.try_into().ok()?)),
            _ => None,
        };
        file.packets.iter().filter_map(|(at, packet)| Some((tick(packet)?, *at as i64 - shift))).collect()
    }

    pub(in crate::tracks) fn gaps(&self, of: &str, which: GapKind) -> Vec<(u64, u64)> {
        let gap = |entry| match entry {
            Entry::Gap { track, kind, first, samples, .. } if track == of && kind == which => {
                Some((first, samples))
            }
            _ => None,
        };
        self.entries().into_iter().filter_map(gap).collect()
    }
}
