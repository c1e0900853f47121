//! Reads the pictures of a recording, strictly: Matroska and WebM as this crate writes them (RFC 9559). Pure.

use crate::format::matroska::{Coding, TICK, id};

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
        at: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// A picture is not later than the one before it.
    #[error("the picture at byte {at} is not later than the one before it")]
    Time {
        /// Where.
        at: usize,
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
pub(crate) struct Frame<'a> {
    /// In milliseconds, from the beginning of the recording.
    pub(crate) at: u64,
    pub(crate) is_key: bool,
    pub(crate) data: &'a [u8],
}

/// What a file holds.
#[derive(Debug, PartialEq)]
pub(crate) struct FilmFile<'a> {
    pub(crate) coding: Coding,
    pub(crate) title: String,
    pub(crate) frames: Vec<Frame<'a>>,
    /// Where it ends, in milliseconds, if it says so: then it is whole.
    pub(crate) end: Option<u64>,
    /// Bytes of whole clusters; what follows is one that a kill cut off.
    pub(crate) len: usize,
}

/// An element, and where its content begins.
struct Element<'a> {
    id: u32,
    at: usize,
    content: &'a [u8],
    /// Where the next one begins.
    next: usize,
}

/// Reads a file. A last cluster that is cut off is left out; everything else must be right.
pub(crate) fn read(bytes: &[u8]) -> Result<FilmFile<'_>, FilmError> {
    let wrong = |problem| FilmError::Head { problem };
    let ebml = element_at(bytes, 0).filter(|ebml| ebml.id == id::EBML).ok_or(wrong("it is no EBML"))?;
    let doc_type = child(&ebml, id::DOC_TYPE).ok_or(wrong("it has no kind"))?;
    if ![&b"webm"[..], b"matroska"].contains(&doc_type) {
        return Err(wrong("it is neither Matroska nor WebM"));
    }
    let (segment_id, at) = id_at(bytes, ebml.next).ok_or(wrong("it has no segment"))?;
    let (size, start) = size_at(bytes, at).ok_or(wrong("it has no segment"))?;
    if segment_id != id::SEGMENT {
        return Err(wrong("it has no segment"));
    }
    if size.is_some_and(|size| bytes.len() as u64 - start as u64 != size) {
        return Err(wrong("its segment does not end where it ends"));
    }
    let (mut coding, mut title, mut duration) = (None, String::new(), None);
    let (mut frames, mut clusters, mut cues) = (Vec::new(), Vec::new(), Vec::new());
    let mut at = start;
    while at < bytes.len() {
        let Some(element) = element_at(bytes, at) else { break };
        let misplaced = || FilmError::Element { at: element.at, problem: "it has no place there" };
        match element.id {
            id::SEEK_HEAD | id::VOID if coding.is_none() => {}
            id::INFO if coding.is_none() => {
                if child(&element, id::TIMESTAMP_SCALE).map(number) != Some(TICK) {
                    return Err(wrong("its times are no milliseconds"));
                }
                title = String::from_utf8_lossy(child(&element, id::TITLE).unwrap_or_default()).into_owned();
                duration = child(&element, id::DURATION).and_then(|bytes| bytes.try_into().ok());
            }
            id::TRACKS if coding.is_none() => coding = Some(coding_of(&element)?),
            id::CLUSTER if coding.is_some() && cues.is_empty() => {
                clusters.push(((element.at - start) as u64, read_cluster(&element, &mut frames)?));
            }
            id::CUES if coding.is_some() && cues.is_empty() => cues.extend(children(&element)),
            _ => return Err(misplaced()),
        }
        at = element.next;
    }
    for cue in cues {
        let positions = child_element(&cue, 0xb7);
        let place = positions.as_ref().and_then(|positions| child(positions, 0xf1)).map(number);
        let led = (place.unwrap_or(0), child(&cue, 0xb3).map_or(0, number));
        if !clusters.contains(&led) {
            return Err(FilmError::Index { at: led.0 });
        }
    }
    if frames.first().is_some_and(|first: &Frame<'_>| !first.is_key) {
        return Err(FilmError::NoKeyFrame);
    }
    // One that was closed says how long it is.
    let end = size.and(duration).map(|bytes: [u8; 8]| f64::from_be_bytes(bytes) as u64);
    if size.is_some() && (end.is_none() || at != bytes.len()) {
        return Err(wrong("it says that it is whole, and is not"));
    }
    let coding = coding.ok_or(wrong("it has no track"))?;
    Ok(FilmFile { coding, title, frames, end, len: at })
}

fn coding_of(tracks: &Element<'_>) -> Result<Coding, FilmError> {
    let wrong = |problem| FilmError::Head { problem };
    let entry = child_element(tracks, id::TRACK_ENTRY).ok_or(wrong("it has no track"))?;
    let video = child_element(&entry, id::VIDEO).ok_or(wrong("its track has no pictures"))?;
    let size = |which| child(&video, which).and_then(|bytes| u16::try_from(number(bytes)).ok());
    let width = size(id::WIDTH).ok_or(wrong("it has no width"))?;
    let height = size(id::HEIGHT).ok_or(wrong("it has no height"))?;
    match child(&entry, id::CODEC) {
        Some(b"V_VP8") => Ok(Coding::Vp8 { width, height }),
        Some(b"V_MPEG4/ISO/AVC") => {
            let configuration =
                child(&entry, id::CODEC_PRIVATE).ok_or(wrong("it does not say how to decode"))?;
            Ok(Coding::H264 { width, height, configuration: configuration.to_vec() })
        }
        _ => Err(wrong("its codec is another one")),
    }
}

/// Reads the blocks of a cluster, and says when it begins.
fn read_cluster<'a>(cluster: &Element<'a>, frames: &mut Vec<Frame<'a>>) -> Result<u64, FilmError> {
    let wrong = |at, problem| FilmError::Element { at, problem };
    let mut since = None;
    let mut end = cluster.next - cluster.content.len();
    for element in children(cluster) {
        end = element.next;
        match (element.id, since) {
            (id::TIMESTAMP, None) => since = Some(number(element.content)),
            (id::SIMPLE_BLOCK, Some(since)) => {
                let Some((&[0x81, high, low, flags], data)) = element.content.split_first_chunk() else {
                    return Err(wrong(element.at, "it is no block of the track"));
                };
                let at = since.checked_add_signed(i16::from_be_bytes([high, low]).into());
                let at = at.ok_or(wrong(element.at, "its time is before the beginning"))?;
                if frames.last().is_some_and(|last| last.at >= at) {
                    return Err(FilmError::Time { at: element.at });
                }
                frames.push(Frame { at, is_key: flags & 0x80 != 0, data });
            }
            _ => return Err(wrong(element.at, "it has no place in a cluster")),
        }
    }
    if end != cluster.next {
        return Err(wrong(end, "it does not end where its cluster does"));
    }
    since.ok_or(wrong(cluster.at, "it has no time"))
}

/// The element at `at`, if it is all there.
fn element_at(bytes: &[u8], at: usize) -> Option<Element<'_>> {
    let (id, size_at_) = id_at(bytes, at)?;
    let (size, content) = size_at(bytes, size_at_)?;
    let next = content.checked_add(usize::try_from(size?).ok()?)?;
    Some(Element { id, at, content: bytes.get(content..next)?, next })
}

/// What is in an element, up to what is not whole. Places count from the beginning of the file, as its own does.
fn children<'a>(parent: &Element<'a>) -> Vec<Element<'a>> {
    let offset = parent.next - parent.content.len();
    let (mut children, mut at) = (Vec::new(), 0);
    while let Some(child) = element_at(parent.content, at) {
        at = child.next;
        children.push(Element { at: child.at + offset, next: child.next + offset, ..child });
    }
    children
}

fn child_element<'a>(parent: &Element<'a>, id: u32) -> Option<Element<'a>> {
    children(parent).into_iter().find(|child| child.id == id)
}

fn child<'a>(parent: &Element<'a>, id: u32) -> Option<&'a [u8]> {
    child_element(parent, id).map(|child| child.content)
}

fn number(bytes: &[u8]) -> u64 {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
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
            assert_eq!(file.frames[26], Frame { at: 6_040, is_key: false, data: &[26; 300] });
            assert_eq!(file.frames.iter().filter(|frame| frame.is_key).count(), 4);
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
