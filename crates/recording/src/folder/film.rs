//! Reads the pictures of a recording one after the other, strictly: Matroska and WebM as this crate writes them (RFC 9559). What is
//! held is one picture, however long the film is.

use std::io::{Read, Seek};

use super::Unread;
use super::element::{Head, Input, child, number};
use crate::format::matroska::{Coding, TICK, id};

/// A picture is not longer than this, nor is what is in front of all pictures: 32 MiB.
const MOST: u64 = 32 << 20;

/// An entry of the index (RFC 9559 section 5.1.5.1), which is not longer than this.
const CUE: u32 = 0xbb;
const MOST_OF_CUE: u64 = 256;

/// What is wrong with a file of pictures.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilmError {
    /// Its head is not what is written there.
    #[error("its head is wrong: {problem}")]
    Head {
        /// What is wrong.
        problem: &'static str,
    },
    /// An element stands where none of its kind can, or is not what it says.
    #[error("the element at byte {at} is wrong: {problem}")]
    Element {
        /// Where.
        at: u64,
        /// What is wrong.
        problem: &'static str,
    },
    /// A picture is not later than the one before it.
    #[error("the picture at byte {at} is not later than the one before it")]
    Time {
        /// Where.
        at: u64,
    },
    /// The first picture needs another one.
    #[error("it does not begin with a key frame")]
    NoKeyFrame,
    /// An index entry leads to no cluster.
    #[error("its index leads to byte {at}, where no such cluster begins")]
    Index {
        /// Where.
        at: u64,
    },
}

/// A picture in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// In milliseconds, from the beginning of the recording.
    pub(crate) at: u64,
    pub(crate) is_key: bool,
}

/// A file of pictures that is being read.
pub(crate) struct FilmReader<R> {
    input: Input<R>,
    pub(crate) coding: Coding,
    pub(crate) title: String,
    /// Where the content of the segment begins.
    start: u64,
    /// Where it ends, in milliseconds, if it says so: then it is whole.
    end: Option<u64>,
    says_that_it_is_whole: bool,
    /// The cluster that is being read: where it ends, and its time.
    cluster: Option<(u64, u64)>,
    newest: Option<u64>,
    has_index: bool,
    /// Bytes of whole clusters; what follows is one that a kill cut off.
    whole: u64,
}

type Result<T> = std::result::Result<T, Unread<FilmError>>;

fn head(problem: &'static str) -> Unread<FilmError> {
    FilmError::Head { problem }.into()
}

fn wrong(at: u64, problem: &'static str) -> Unread<FilmError> {
    FilmError::Element { at, problem }.into()
}

impl<R: Read + Seek> FilmReader<R> {
    /// Reads what is in front of all pictures.
    pub(crate) fn open(input: R) -> Result<Self> {
        let mut input = Input::new(input)?;
        let ebml = input.head()?.filter(|ebml| ebml.id == id::EBML).ok_or(head("it is no EBML"))?;
        let content = content_of(&mut input, &ebml)?;
        let doc_type = child(&content, id::DOC_TYPE).ok_or(head("it has no kind"))?;
        if ![&b"webm"[..], b"matroska"].contains(&doc_type) {
            return Err(head("it is neither Matroska nor WebM"));
        }
        let size = input.enter(id::SEGMENT)?.ok_or(head("it has no segment"))?;
        let start = input.at();
        if size.is_some_and(|size| input.len() - start != size) {
            return Err(head("its segment does not end where it ends"));
        }
        let (mut title, mut duration) = (String::new(), None);
        let coding = loop {
            let element = input.head()?.ok_or(head("it has no track"))?;
            match element.id {
                id::SEEK_HEAD | id::VOID => input.seek(element.next)?,
                id::INFO => {
                    let info = content_of(&mut input, &element)?;
                    if child(&info, id::TIMESTAMP_SCALE).map(number) != Some(TICK) {
                        return Err(head("its times are no milliseconds"));
                    }
                    title = String::from_utf8_lossy(child(&info, id::TITLE).unwrap_or_default()).into_owned();
                    duration = child(&info, id::DURATION).and_then(|bytes| bytes.try_into().ok());
                }
                id::TRACKS => break coding_of(&content_of(&mut input, &element)?)?,
                _ => return Err(wrong(element.at, "it has no place there")),
            }
        };
        // One that was closed says how long it is.
        let end = size.and(duration).map(|bytes: [u8; 8]| f64::from_be_bytes(bytes) as u64);
        let whole = input.at();
        Ok(Self {
            input,
            coding,
            title,
            start,
            end,
            says_that_it_is_whole: size.is_some(),
            cluster: None,
            newest: None,
            has_index: false,
            whole,
        })
    }

    /// Where it ends, in milliseconds, if it says so: then it is whole.
    pub(crate) fn end(&self) -> Option<u64> {
        self.end
    }

    /// Bytes that were read and are whole.
    #[cfg(test)]
    pub(crate) fn whole(&self) -> u64 {
        self.whole
    }

    /// The next picture, which is put into `data`. A last cluster that is cut off is left out; everything else must be right.
    pub(crate) fn next(&mut self, data: &mut Vec<u8>) -> Result<Option<Frame>> {
        self.next_into(Some(data))
    }

    /// The next picture, whose bytes are of no interest.
    pub(crate) fn skip(&mut self) -> Result<Option<Frame>> {
        self.next_into(None)
    }

    fn next_into(&mut self, data: Option<&mut Vec<u8>>) -> Result<Option<Frame>> {
        loop {
            match self.cluster {
                Some((end, since)) if self.input.at() < end => return self.block(end, since, data).map(Some),
                Some((end, _)) => (self.cluster, self.whole) = (None, end),
                None => {
                    if !self.next_cluster()? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Goes to the next cluster; `false` when there is none.
    fn next_cluster(&mut self) -> Result<bool> {
        while let Some(element) = self.input.head()? {
            match element.id {
                id::CLUSTER if !self.has_index => {
                    self.cluster = Some((element.next, self.time_of(&element)?));
                    return Ok(true);
                }
                id::CUES if !self.has_index => {
                    self.has_index = true;
                    self.check_index(&element)?;
                    self.whole = element.next;
                }
                _ => return Err(wrong(element.at, "it has no place there")),
            }
        }
        if self.says_that_it_is_whole && (self.end.is_none() || self.input.at() != self.input.len()) {
            return Err(head("it says that it is whole, and is not"));
        }
        Ok(false)
    }

    /// When a cluster begins, which its first element says.
    fn time_of(&mut self, cluster: &Head) -> Result<u64> {
        if cluster.next == self.input.at() {
            return Err(wrong(cluster.at, "it has no time"));
        }
        let time = self.input.head_within(cluster.next)?;
        let time = time.ok_or(wrong(self.input.at(), "it does not end where its cluster does"))?;
        if time.id != id::TIMESTAMP || time.next - self.input.at() > 8 {
            return Err(wrong(time.at, "it has no place in a cluster"));
        }
        Ok(number(&self.input.content(&time)?))
    }

    fn block(&mut self, end: u64, since: u64, data: Option<&mut Vec<u8>>) -> Result<Frame> {
        let block = self.input.head_within(end)?;
        let block = block.ok_or(wrong(self.input.at(), "it does not end where its cluster does"))?;
        if block.id != id::SIMPLE_BLOCK {
            return Err(wrong(block.at, "it has no place in a cluster"));
        }
        let mut head = [0; 4];
        let len = block.next - self.input.at();
        if len < head.len() as u64 || len > MOST {
            return Err(wrong(block.at, "it is no block of the track"));
        }
        self.input.read(&mut head)?;
        let [0x81, high, low, flags] = head else {
            return Err(wrong(block.at, "it is no block of the track"));
        };
        let at = since.checked_add_signed(i16::from_be_bytes([high, low]).into());
        let at = at.ok_or(wrong(block.at, "its time is before the beginning"))?;
        let is_key = flags & 0x80 != 0;
        if self.newest.is_some_and(|newest| newest >= at) {
            return Err(FilmError::Time { at: block.at }.into());
        }
        if self.newest.is_none() && !is_key {
            return Err(FilmError::NoKeyFrame.into());
        }
        self.newest = Some(at);
        if let Some(data) = data {
            data.resize((block.next - self.input.at()) as usize, 0);
            self.input.read(data)?;
        }
        self.input.seek(block.next)?;
        Ok(Frame { at, is_key })
    }

    /// Checks that each entry leads to a cluster of its time.
    fn check_index(&mut self, cues: &Head) -> Result<()> {
        while let Some(cue) = self.input.head_within(cues.next)? {
            if cue.id != CUE || cue.next - self.input.at() > MOST_OF_CUE {
                return Err(wrong(cue.at, "it is no entry of an index"));
            }
            let content = self.input.content(&cue)?;
            let place = child(&content, 0xb7).and_then(|positions| child(positions, 0xf1)).map_or(0, number);
            let time = child(&content, 0xb3).map_or(0, number);
            let leads_nowhere = || Unread::from(FilmError::Index { at: place });
            let at = self.start.checked_add(place).filter(|at| *at < cues.at).ok_or_else(leads_nowhere)?;
            self.input.seek(at)?;
            let cluster = self.input.head()?.filter(|cluster| cluster.id == id::CLUSTER);
            let cluster = cluster.ok_or_else(leads_nowhere)?;
            match self.time_of(&cluster) {
                Ok(found) if found == time => {}
                Err(Unread::Disk(error)) => return Err(error.into()),
                _ => return Err(leads_nowhere()),
            }
            self.input.seek(cue.next)?;
        }
        if self.input.at() != cues.next {
            return Err(wrong(self.input.at(), "it is no entry of an index"));
        }
        Ok(())
    }
}

/// What is in an element in front of all pictures.
fn content_of<R: Read + Seek>(input: &mut Input<R>, element: &Head) -> Result<Vec<u8>> {
    if element.next - element.at > MOST {
        return Err(wrong(element.at, "it is too long"));
    }
    Ok(input.content(element)?)
}

fn coding_of(tracks: &[u8]) -> Result<Coding> {
    let entry = child(tracks, id::TRACK_ENTRY).ok_or(head("it has no track"))?;
    let video = child(entry, id::VIDEO).ok_or(head("its track has no pictures"))?;
    let size = |which| child(video, which).and_then(|bytes| u16::try_from(number(bytes)).ok());
    let width = size(id::WIDTH).ok_or(head("it has no width"))?;
    let height = size(id::HEIGHT).ok_or(head("it has no height"))?;
    match child(entry, id::CODEC) {
        Some(b"V_VP8") => Ok(Coding::Vp8 { width, height }),
        Some(b"V_MPEG4/ISO/AVC") => {
            let configuration =
                child(entry, id::CODEC_PRIVATE).ok_or(head("it does not say how to decode"))?;
            Ok(Coding::H264 { width, height, configuration: configuration.to_vec() })
        }
        _ => Err(head("its codec is another one")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::folder::read_film as read;
    use crate::format::matroska::MatroskaWriter;

    fn writer() -> (MatroskaWriter, Vec<u8>) {
        let mut writer = MatroskaWriter::new(vec![Coding::Vp8 { width: 640, height: 360 }], "video-7");
        let mut bytes = writer.beginning();
        for number in 0..100_u64 {
            writer.push(0, 5_000 + 40 * number, number % 25 == 0, &[number as u8; 300]);
            if number % 10 == 9 {
                bytes.extend(writer.clusters());
            }
        }
        (writer, bytes)
    }

    fn whole() -> Vec<u8> {
        let (mut writer, mut bytes) = writer();
        let (tail, head) = writer.finish(10_000);
        bytes.extend(tail);
        bytes[..head.len()].copy_from_slice(&head);
        bytes
    }

    #[test]
    fn what_is_written_is_read() {
        for (bytes, end) in [(writer().1, None), (whole(), Some(10_000))] {
            let file = read(&bytes).unwrap();
            assert_eq!((file.end, file.len, &file.title[..]), (end, bytes.len(), "video-7"));
            assert_eq!(file.coding, Coding::Vp8 { width: 640, height: 360 });
            assert_eq!(file.frames.len(), 100);
            assert_eq!(file.frames[26], (Frame { at: 6_040, is_key: false }, vec![26; 300]));
            assert_eq!(file.frames.iter().filter(|(frame, _)| frame.is_key).count(), 4);
        }
    }

    #[test]
    fn a_file_that_is_cut_anywhere_opens_up_to_there() {
        let (writer, bytes) = writer();
        let mut before = 0;
        for len in writer.beginning().len()..bytes.len() {
            let file = read(&bytes[..len]).unwrap();
            assert!(file.frames.len() >= before && file.len <= len && file.end.is_none());
            before = file.frames.len();
        }
        assert!(before >= 85);
        let whole = whole();
        assert!(read(&whole[..whole.len() - 1]).is_err(), "one that says that it is whole must be");
    }

    #[test]
    fn an_index_that_leads_elsewhere_is_found() {
        let whole = whole();
        let index = whole.windows(4).rposition(|four| four == id::CUES.to_be_bytes()).unwrap();
        for at in index + 5..whole.len() {
            let mut wrong = whole.clone();
            wrong[at] ^= 1;
            // The number of the track, of which there is one, says nothing.
            let is_track = whole[at - 2..=at].contains(&0xf7);
            assert!(is_track || read(&wrong).is_err(), "byte {at} of {}", whole.len());
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0_usize..2000, with in any::<u8>()) {
            _ = read(&bytes);
            let mut wrong = whole();
            wrong[at] = with;
            _ = read(&wrong);
        }
    }
}
