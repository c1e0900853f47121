//! [io] The disk, as a recording needs it; a test has one that fails when it is told to.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};

/// What the name of a file ends with that is not complete yet.
pub(crate) const PART: &str = ".part";

/// Makes files.
pub(crate) trait Disk: Send {
    /// Makes a file that begins with `first`, and the directories above it. It is there with all of that, or not at all.
    fn create(&mut self, name: &str, first: &[u8]) -> io::Result<Box<dyn DiskFile>>;
}

/// A file that grows.
pub(crate) trait DiskFile: Send {
    /// Appends all of it, or fails, and then part of it may be there.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Takes back what is behind the first `len` bytes.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
    /// Puts `bytes` in the place of all behind the first `from` bytes, and sums up the whole anew (SHA-256). Whoever looks sees what was
    /// there or what is there now; where it fails, all stays.
    fn rewrite(&mut self, from: u64, bytes: &[u8]) -> io::Result<Context>;
    /// Puts `head` in the place of as many bytes at its beginning, and sums up the whole anew (SHA-256). Where that fails, the old
    /// beginning stays.
    fn begin_with(&mut self, head: &[u8]) -> io::Result<Context>;
    /// Whether nobody can find it any more.
    fn is_gone(&self) -> bool;
    /// Hands it to the disk.
    fn sync(&mut self) -> io::Result<()>;
}

/// A directory of the file system.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Disk for Directory {
    fn create(&mut self, name: &str, first: &[u8]) -> io::Result<Box<dyn DiskFile>> {
        fs::create_dir_all(&self.0)?;
        let path = self.0.join(name);
        if path.exists() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let beside = self.0.join(format!("{name}{PART}"));
        let mut file = File::options().read(true).write(true).create(true).truncate(true).open(&beside)?;
        if let Err(error) = file.write_all(first) {
            // What is left of it is in nobody's way, and the next attempt begins it anew.
            _ = fs::remove_file(&beside);
            return Err(error);
        }
        fs::rename(&beside, &path)?;
        Ok(Box::new(OnDisk { file, path }))
    }
}

struct OnDisk {
    file: File,
    path: PathBuf,
}

impl DiskFile for OnDisk {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)?;
        self.file.seek(SeekFrom::Start(len)).map(|_| ())
    }

    fn rewrite(&mut self, from: u64, bytes: &[u8]) -> io::Result<Context> {
        let mut beside = self.path.as_os_str().to_owned();
        beside.push(PART);
        match self.copy(Path::new(&beside), from, bytes) {
            Ok((file, context)) => {
                self.file = file;
                Ok(context)
            }
            Err(error) => {
                _ = fs::remove_file(&beside);
                // What is appended goes to the end.
                self.file.seek(SeekFrom::End(0))?;
                Err(error)
            }
        }
    }

    fn begin_with(&mut self, head: &[u8]) -> io::Result<Context> {
        let mut old = vec![0; head.len()];
        self.file.seek(SeekFrom::Start(0))?;
        self.file.read_exact(&mut old)?;
        self.file.seek(SeekFrom::Start(0))?;
        let sum = self.file.write_all(head).and_then(|()| sum_of(&mut self.file, u64::MAX));
        if sum.is_err() {
            self.file.seek(SeekFrom::Start(0))?;
            self.file.write_all(&old)?;
        }
        sum.map(|(_, sum)| sum)
    }

    fn is_gone(&self) -> bool {
        !is_there(&self.path, &self.file)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_all()
    }
}

impl OnDisk {
    /// Makes a file of the first `from` bytes of this one and of `bytes`, and puts it in its place.
    fn copy(&mut self, beside: &Path, from: u64, bytes: &[u8]) -> io::Result<(File, Context)> {
        let mut file = File::options().read(true).write(true).create(true).truncate(true).open(beside)?;
        let mut context = Context::new(&SHA256);
        let mut block = vec![0; 1 << 18];
        let mut left = from;
        self.file.seek(SeekFrom::Start(0))?;
        while left > 0 {
            let len = block.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            self.file.read_exact(&mut block[..len])?;
            file.write_all(&block[..len])?;
            context.update(&block[..len]);
            left -= len as u64;
        }
        file.write_all(bytes)?;
        context.update(bytes);
        fs::rename(beside, &self.path)?;
        Ok((file, context))
    }
}

/// The sum of the first bytes of a file (SHA-256), of at most so many; and of how many it is.
pub(crate) fn sum_of(file: &mut File, most: u64) -> io::Result<(u64, Context)> {
    let mut context = Context::new(&SHA256);
    let mut block = vec![0; 1 << 18];
    file.seek(SeekFrom::Start(0))?;
    let mut summed = 0;
    loop {
        let wanted = block.len().min(usize::try_from(most - summed).unwrap_or(usize::MAX));
        match file.read(&mut block[..wanted])? {
            0 => return Ok((summed, context)),
            len => {
                context.update(&block[..len]);
                summed += len as u64;
            }
        }
    }
}

/// Whether `path` still leads to `file`.
#[cfg(unix)]
fn is_there(path: &Path, file: &File) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (fs::metadata(path), file.metadata()) {
        (Ok(found), Ok(own)) => (found.dev(), found.ino()) == (own.dev(), own.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_there(path: &Path, _: &File) -> bool {
    path.exists()
}
