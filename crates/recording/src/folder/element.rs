//! Elements of Matroska (RFC 8794): their heads in a file that is read from its beginning to its end, and small ones in memory.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

/// Bytes of the longest head: an identifier of four, and a size of eight.
const LONGEST_HEAD: u64 = 12;

/// What an element says of itself. Places count from the beginning of the file.
pub(super) struct Head {
    pub(super) id: u32,
    pub(super) at: u64,
    /// Where the next one begins.
    pub(super) next: u64,
}

/// A file, and where in it is read.
pub(super) struct Input<R> {
    file: BufReader<R>,
    at: u64,
    len: u64,
}

impl<R: Read + Seek> Input<R> {
    pub(super) fn new(mut file: R) -> io::Result<Self> {
        let len = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Self { file: BufReader::new(file), at: 0, len })
    }

    pub(super) fn at(&self) -> u64 {
        self.at
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn read(&mut self, into: &mut [u8]) -> io::Result<()> {
        self.file.read_exact(into)?;
        self.at += into.len() as u64;
        Ok(())
    }

    pub(super) fn seek(&mut self, to: u64) -> io::Result<()> {
        // What is buffered stays, where it can.
        self.file.seek_relative(to.wrapping_sub(self.at).cast_signed())?;
        self.at = to;
        Ok(())
    }

    /// The head of the element that begins here, if it is all there: then its content follows, else nothing is read.
    pub(super) fn head(&mut self) -> io::Result<Option<Head>> {
        self.head_within(self.len)
    }

    /// The same of an element that ends at `end` at the latest.
    pub(super) fn head_within(&mut self, end: u64) -> io::Result<Option<Head>> {
        let at = self.at;
        let Some((id, size, content)) = self.peek(end)? else { return Ok(None) };
        let next = size.and_then(|size| content.checked_add(size)).filter(|next| *next <= end);
        let Some(next) = next else { return Ok(None) };
        self.seek(content)?;
        Ok(Some(Head { id, at, next }))
    }

    /// Goes into the element that begins here, which need not be all there, nor say how long it is; gives its size, if it says so. `None`
    /// where it is another one.
    pub(super) fn enter(&mut self, wanted: u32) -> io::Result<Option<Option<u64>>> {
        let Some((_, size, content)) = self.peek(self.len)?.filter(|(id, ..)| *id == wanted) else {
            return Ok(None);
        };
        self.seek(content)?;
        Ok(Some(size))
    }

    /// The identifier and the size of the element that begins here, and where its content does. Nothing is read.
    fn peek(&mut self, end: u64) -> io::Result<Option<(u32, Option<u64>, u64)>> {
        let at = self.at;
        let mut head = [0; LONGEST_HEAD as usize];
        let head = &mut head[..end.saturating_sub(at).min(LONGEST_HEAD) as usize];
        self.read(head)?;
        self.seek(at)?;
        let Some((id, behind)) = id_at(head, 0) else { return Ok(None) };
        Ok(size_at(head, behind).map(|(size, content)| (id, size, at + content as u64)))
    }

    /// What is in an element whose head was read, and is small.
    pub(super) fn content(&mut self, head: &Head) -> io::Result<Vec<u8>> {
        let mut content = vec![0; head.next.saturating_sub(self.at) as usize];
        self.read(&mut content)?;
        Ok(content)
    }
}

/// The first element of a kind in the content of another one.
pub(super) fn child(content: &[u8], wanted: u32) -> Option<&[u8]> {
    let mut at = 0;
    loop {
        let (id, behind) = id_at(content, at)?;
        let (size, from) = size_at(content, behind)?;
        at = from.checked_add(usize::try_from(size?).ok()?)?;
        let own = content.get(from..at)?;
        if id == wanted {
            return Some(own);
        }
    }
}

pub(super) fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// An identifier, with its length in its first bits, and where the size begins.
fn id_at(bytes: &[u8], at: usize) -> Option<(u32, usize)> {
    let len = bytes.get(at)?.leading_zeros() as usize + 1;
    let id = bytes.get(at..at + len).filter(|_| len <= 4)?;
    Some((number(id) as u32, at + len))
}

/// A size, `None` where it is unknown; and where the content begins.
fn size_at(bytes: &[u8], at: usize) -> Option<(Option<u64>, usize)> {
    let len = bytes.get(at)?.leading_zeros() as usize + 1;
    let size = number(bytes.get(at..at + len).filter(|_| len <= 8)?);
    let mask = (1 << (7 * len)) - 1;
    let size = size & mask;
    Some(((size != mask).then_some(size), at + len))
}
