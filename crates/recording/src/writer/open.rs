//! What the disk thread knows of a file: what the disk has of it, and what it did not take yet.

use std::io;

use aws_lc_rs::digest::{Context, SHA256};

use crate::disk::{Disk, DiskFile};
use crate::journal::Class;

/// A file that is longer keeps its beginning when it is closed: to sum up all of it anew would hold up the others.
const MOST_BEGUN_ANEW: u64 = 256 << 20;

/// A file.
pub(super) struct Open {
    pub(super) name: String,
    pub(super) class: Class,
    /// `None` until there is something in it.
    pub(super) file: Option<Box<dyn DiskFile>>,
    /// Bytes that are there as a whole.
    pub(super) len: u64,
    pub(super) hash: Context,
    /// What it did not take, in order. The recorder gives no more of its class meanwhile.
    pub(super) pending: Vec<u8>,
    /// What is pending takes the place of all behind so many bytes.
    replaces: Option<u64>,
    pub(super) is_gone: bool,
}

impl Open {
    /// A file that does not exist before something is written.
    pub(super) fn new(name: String, class: Class) -> Self {
        let (file, len, hash) = (None, 0, Context::new(&SHA256));
        Self { name, class, file, len, hash, pending: Vec::new(), replaces: None, is_gone: false }
    }

    /// Writes what is pending, all of it or nothing.
    pub(super) fn write(&mut self, disk: &mut dyn Disk) -> io::Result<()> {
        if self.pending.is_empty() || self.is_gone {
            return Ok(());
        }
        match (&mut self.file, self.replaces) {
            (None, _) => self.file = Some(disk.create(&self.name, &self.pending)?),
            (Some(file), Some(from)) => {
                self.hash = file.rewrite(from, &self.pending)?;
                (self.len, self.replaces) = (from + self.pending.len() as u64, None);
                self.pending.clear();
                return Ok(());
            }
            (Some(file), None) => {
                if let Err(error) = file.append(&self.pending) {
                    // What is there of it would be in the way of the next attempt, and of whoever reads the file.
                    file.truncate(self.len)?;
                    return Err(error);
                }
            }
        }
        self.hash.update(&self.pending);
        self.len += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }

    /// Puts bytes in the place of all behind the first `from`.
    pub(super) fn rewrite(&mut self, from: u64, bytes: Vec<u8>) {
        // Where what is pending begins.
        match from.checked_sub(self.replaces.unwrap_or(self.len)) {
            Some(kept) => self.pending.truncate(usize::try_from(kept).unwrap_or(usize::MAX)),
            None => {
                self.replaces = Some(from);
                self.pending.clear();
            }
        }
        self.pending.extend(bytes);
    }

    /// Ends the file: what the disk does not take now, it will not get, because the timeline says what is in it.
    pub(super) fn close(&mut self, disk: &mut dyn Disk, head: Option<Vec<u8>>) {
        let is_whole = self.write(disk).is_ok();
        (self.pending, self.replaces) = (Vec::new(), None);
        let Some(file) = self.file.as_mut().filter(|_| !self.is_gone) else { return };
        if let Some(head) = head.filter(|_| is_whole && self.len <= MOST_BEGUN_ANEW)
            && let Ok(hash) = file.begin_with(&head)
        {
            self.hash = hash;
        }
    }
}
