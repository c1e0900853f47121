//! A file that is made of a recording, or takes the place of one of its files.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::disk::PART;

/// A file that is made beside its place, and is put there at once when it is whole: a kill leaves what was there before, or this.
pub(super) struct Product {
    path: PathBuf,
    beside: PathBuf,
    file: BufWriter<File>,
    is_whole: bool,
}

/// Where a file is made before it is put in its place.
pub(super) fn beside(path: &Path) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(PART);
    PathBuf::from(beside)
}

impl Product {
    pub(super) fn begin(path: &Path) -> io::Result<Self> {
        let beside = beside(path);
        let file = BufWriter::new(File::create(&beside)?);
        Ok(Self { path: path.to_owned(), beside, file, is_whole: false })
    }

    pub(super) fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Puts `head` in the place of as many bytes at its beginning.
    pub(super) fn begin_with(&mut self, head: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(head)
    }

    /// It is whole, beside its place, and stays there.
    pub(super) fn complete(mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        self.is_whole = true;
        Ok(())
    }

    pub(super) fn finish(self) -> io::Result<()> {
        let (path, beside) = (self.path.clone(), self.beside.clone());
        self.complete()?;
        fs::rename(beside, path)
    }
}

impl Drop for Product {
    fn drop(&mut self) {
        if !self.is_whole {
            // Whoever made it says why it did not come to be.
            _ = fs::remove_file(&self.beside);
        }
    }
}
