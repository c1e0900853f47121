//! Ogg Opus read strictly (RFC 3533, RFC 7845): what a tolerant player would put up with is an error here. Page by page: what is held
//! is one, however long the file is.

use std::collections::VecDeque;
use std::io::{self, BufReader, Read};
use std::ops::Range;

use ogg::reading::PageParser;

use super::Unread;
use crate::opus;

/// Bytes of a page before its table of segments (RFC 3533 section 6).
const HEADER: usize = 27;

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OggError {
    /// A page does not begin where the one before ends, or its checksum is wrong.
    #[error("page {page} is damaged: {problem}")]
    Page {
        /// Which, from 0.
        page: u32,
        /// What is wrong.
        problem: String,
    },
    /// A page says that it is another one: one is missing, or is there twice.
    #[error("page {page} says that it is page {says}")]
    Order {
        /// Which it is, from 0.
        page: u32,
        /// Which it says.
        says: u32,
    },
    /// The first two packets are not the headers of Opus.
    #[error("it does not begin with the headers of Opus")]
    Headers,
    /// A packet is no Opus packet, or is spread over pages, which no recorder here does.
    #[error("page {page} holds a packet that is no whole Opus packet")]
    Packet {
        /// Which, from 0.
        page: u32,
    },
    /// A page ends elsewhere than its packets.
    #[error("page {page} says that it ends at sample {says}, its packets end at {is}")]
    Granule {
        /// Which, from 0.
        page: u32,
        /// The end that it says.
        says: u64,
        /// The end of its packets.
        is: u64,
    },
    /// Something follows the page that says that it is the last.
    #[error("something follows its end")]
    BehindEnd,
}

/// A file that is being read.
pub(crate) struct OpusReader<R> {
    file: BufReader<R>,
    pub(crate) pre_skip: u64,
    /// How many pages were read.
    pages: u32,
    body: Vec<u8>,
    /// Packets of the page that were not given yet: where in a decoder's output each begins, and where it lies in the body.
    packets: VecDeque<(u64, Range<usize>)>,
    /// Where the last packet begins.
    last: u64,
    /// Where what was read ends, in a decoder's output.
    end: u64,
    is_complete: bool,
    /// Bytes of whole pages; what follows is one that a kill cut off.
    whole: u64,
}

type Result<T> = std::result::Result<T, Unread<OggError>>;

impl<R: Read> OpusReader<R> {
    /// Reads the headers.
    pub(crate) fn open(file: R) -> Result<Self> {
        let mut this = Self {
            file: BufReader::new(file),
            pre_skip: 0,
            pages: 0,
            body: Vec::new(),
            packets: VecDeque::new(),
            last: 0,
            end: 0,
            is_complete: false,
            whole: 0,
        };
        for number in 0..2 {
            let page = this.page()?.ok_or(OggError::Headers)?;
            let [packet] = &page.packets[..] else { return Err(OggError::Headers.into()) };
            match (number, &this.body[packet.clone()]) {
                (0, [b'O', b'p', b'u', b's', b'H', b'e', b'a', b'd', 1, 1, low, high, ..])
                    if page.flags == 2 =>
                {
                    this.pre_skip = u16::from_le_bytes([*low, *high]).into();
                }
                (1, [b'O', b'p', b'u', b's', b'T', b'a', b'g', b's', ..]) => {}
                _ => return Err(OggError::Headers.into()),
            }
        }
        Ok(this)
    }

    /// How long it plays, as far as it was read.
    pub(crate) fn samples(&self) -> u64 {
        self.end.saturating_sub(self.pre_skip)
    }

    /// Where what was read ends, in a decoder's output; and whether the file says itself that it ends there.
    #[cfg(test)]
    pub(crate) fn end(&self) -> (u64, bool) {
        (self.end, self.is_complete)
    }

    /// Bytes that were read and are whole.
    #[cfg(test)]
    pub(crate) fn whole(&self) -> u64 {
        self.whole
    }

    /// The next packet, and where in a decoder's output it begins. A last page that is cut off is left out; everything else must be right.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, &[u8])>> {
        while self.packets.is_empty() {
            if !self.next_page()? {
                return Ok(None);
            }
        }
        Ok(self.packets.pop_front().map(|(begin, place)| (begin, &self.body[place])))
    }

    /// Reads to the end.
    pub(crate) fn skip_to_end(&mut self) -> Result<()> {
        while self.next_page()? {
            self.packets.clear();
        }
        Ok(())
    }

    /// Reads a page of packets; `false` when there is none.
    fn next_page(&mut self) -> Result<bool> {
        let page = self.pages;
        let Some(Page { flags, granule, packets }) = self.page()? else { return Ok(false) };
        for place in packets {
            let samples = opus::duration(&self.body[place.clone()]).ok_or(OggError::Packet { page })?;
            self.packets.push_back((self.end, place));
            (self.last, self.end) = (self.end, self.end + samples);
        }
        self.is_complete = flags & 4 != 0;
        let is_trimmed = self.is_complete && (self.last..=self.end).contains(&granule);
        if granule != self.end && !is_trimmed {
            return Err(OggError::Granule { page, says: granule, is: self.end }.into());
        }
        self.end = granule;
        Ok(true)
    }

    /// The next page, whose body is put in its place; `None` when it is not all there.
    fn page(&mut self) -> Result<Option<Page>> {
        let page = self.pages;
        let damaged = |problem: &dyn std::fmt::Display| OggError::Page { page, problem: problem.to_string() };
        let mut header = [0; HEADER];
        if !self.fill(&mut header)? {
            return Ok(None);
        }
        let (mut parser, segments) = PageParser::new(header).map_err(|error| damaged(&error))?;
        let mut table = vec![0; segments];
        if !self.fill(&mut table)? {
            return Ok(None);
        }
        let mut body = std::mem::take(&mut self.body);
        body.clear();
        body.resize(parser.parse_segments(table.clone()), 0);
        let is_whole = self.fill(&mut body)?;
        self.body = body;
        if !is_whole {
            return Ok(None);
        }
        // Checks the sum.
        parser.parse_packet_data(self.body.clone()).map_err(|error| damaged(&error))?;
        let flags = header[5];
        if flags & 1 != 0 || table.last() == Some(&255) {
            return Err(OggError::Packet { page }.into());
        }
        if self.is_complete {
            return Err(OggError::BehindEnd.into());
        }
        let [_, _, _, _, _, _, granule @ .., _, _, _, _, s0, s1, s2, s3, _, _, _, _, _] = header;
        let says = u32::from_le_bytes([s0, s1, s2, s3]);
        if says != page {
            return Err(OggError::Order { page, says }.into());
        }
        self.pages += 1;
        self.whole += (HEADER + segments + self.body.len()) as u64;
        Ok(Some(Page { flags, granule: u64::from_le_bytes(granule), packets: packets(&table) }))
    }

    /// Fills `into`; `false` when the file ends before.
    fn fill(&mut self, into: &mut [u8]) -> io::Result<bool> {
        match self.file.read_exact(into) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            filled => filled.map(|()| true),
        }
    }
}

struct Page {
    flags: u8,
    granule: u64,
    /// Where each packet lies in the body.
    packets: Vec<Range<usize>>,
}

fn packets(table: &[u8]) -> Vec<Range<usize>> {
    let (mut packets, mut from, mut to) = (Vec::new(), 0, 0);
    for &segment in table {
        to += usize::from(segment);
        if segment < 255 {
            packets.push(from..to);
            from = to;
        }
    }
    packets
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::folder::read_opus as read;
    use crate::format::ogg_opus::OggOpusWriter;

    fn written(end: u64) -> Vec<u8> {
        let mut ogg = OggOpusWriter::new(7, 312, &[("TITLE", "mix".to_owned())]);
        let mut bytes = Vec::new();
        for page in 0..4 {
            for number in 0..60 {
                ogg.push(vec![9 << 3, page, number], 960);
            }
            bytes.extend(ogg.pages());
        }
        ogg.push(vec![9 << 3; 1275], 960);
        bytes.extend(ogg.finish(end));
        bytes
    }

    #[test]
    fn what_is_written_is_read() {
        let end = 241 * 960 - 100;
        let bytes = written(end);
        let file = read(&bytes).unwrap();
        assert_eq!((file.pre_skip, file.end, file.is_complete, file.len), (312, end, true, bytes.len()));
        assert_eq!((file.packets.len(), file.samples()), (241, end - 312));
        assert_eq!(file.packets[61], (61 * 960, vec![9 << 3, 1, 1]));
    }

    #[test]
    fn a_file_that_is_cut_anywhere_opens_up_to_there() {
        let bytes = written(241 * 960);
        let mut empty = OggOpusWriter::new(7, 312, &[("TITLE", "mix".to_owned())]);
        let headers = empty.pages().len();
        let mut samples = 0;
        for len in headers..bytes.len() {
            let file = read(&bytes[..len]).unwrap();
            assert!(file.len <= len && !file.is_complete);
            assert!(file.end >= samples, "more bytes hold no less");
            samples = file.end;
        }
        assert_eq!(samples, 240 * 960);
    }

    #[test]
    fn every_wrong_byte_is_found() {
        let bytes = written(241 * 960);
        for at in (0..bytes.len()).step_by(7) {
            let mut wrong = bytes.clone();
            wrong[at] ^= 0x10;
            // One in a length may make the last page seem cut off.
            assert!(read(&wrong).is_err() || read(&wrong).unwrap().len < bytes.len(), "byte {at}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..500), at in 0_usize..2000, with in any::<u8>()) {
            _ = read(&bytes);
            let mut wrong = written(241 * 960);
            wrong[at] = with;
            _ = read(&wrong);
        }
    }
}
