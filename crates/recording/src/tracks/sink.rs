//! Where what is to be written goes: a disk, or a test's memory.

use crate::journal::Class;

/// A file of a recording, by the order in which they were opened.
pub(crate) type FileId = usize;

/// Takes what is to be written, and never waits.
pub(crate) trait Sink {
    /// Begins a file.
    fn open(&mut self, name: &str, class: Class) -> FileId;
    /// Appends whole pages or lines; `false` when it cannot take them now, and they are the caller's still.
    fn append(&mut self, file: FileId, bytes: Vec<u8>) -> bool;
    /// Puts this in the place of all behind the first `from` bytes that were given before, so that a kill leaves what was there or this;
    /// `false` when it cannot.
    fn rewrite(&mut self, file: FileId, from: u64, bytes: Vec<u8>) -> bool;
    /// Whether the disk does not take what was given before.
    fn is_suspended(&self, file: FileId) -> bool;
    /// Nothing follows.
    fn close(&mut self, file: FileId);
    /// Nothing follows, and the file begins with this in place of as many bytes before: what is known only at the end.
    fn close_with(&mut self, file: FileId, head: Vec<u8>);
    /// Asks for the hash of what is written so far.
    fn hash(&mut self, file: FileId);
}
