//! Ogg Opus read strictly (RFC 3533, RFC 7845): what a tolerant player would put up with is an error here. Pure.

use ogg::reading::PageParser;

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

/// What a file holds.
#[derive(Debug)]
pub(crate) struct OpusFile<'a> {
    pub(crate) pre_skip: u64,
    /// The packets, and where in a decoder's output each begins.
    pub(crate) packets: Vec<(u64, &'a [u8])>,
    /// Where it ends, in a decoder's output.
    pub(crate) end: u64,
    /// It says itself that it ends there.
    pub(crate) is_complete: bool,
    /// Bytes of whole pages; what follows is one that a kill cut off.
    pub(crate) len: usize,
}

impl OpusFile<'_> {
    /// How long it plays.
    pub(crate) fn samples(&self) -> u64 {
        self.end.saturating_sub(self.pre_skip)
    }
}

/// Reads a file. A last page that is cut off is left out; everything else must be right.
pub(crate) fn read(bytes: &[u8]) -> Result<OpusFile<'_>, OggError> {
    let mut file = OpusFile { pre_skip: 0, packets: Vec::new(), end: 0, is_complete: false, len: 0 };
    let mut headers = 0;
    for page in 0.. {
        let Some(Page { flags, granule, says, body, packets, len }) = next_page(&bytes[file.len..], page)?
        else {
            break;
        };
        if file.is_complete {
            return Err(OggError::BehindEnd);
        }
        if says != page {
            return Err(OggError::Order { page, says });
        }
        file.len += len;
        if headers < 2 {
            let [(from, to)] = packets[..] else { return Err(OggError::Headers) };
            let packet = &body[from..to];
            match (headers, packet) {
                (0, [b'O', b'p', b'u', b's', b'H', b'e', b'a', b'd', 1, 1, low, high, ..]) if flags == 2 => {
                    file.pre_skip = u16::from_le_bytes([*low, *high]).into();
                }
                (1, [b'O', b'p', b'u', b's', b'T', b'a', b'g', b's', ..]) => {}
                _ => return Err(OggError::Headers),
            }
            headers += 1;
            continue;
        }
        for (from, to) in packets {
            let packet = &body[from..to];
            let samples = opus::duration(packet).ok_or(OggError::Packet { page })?;
            file.packets.push((file.end, packet));
            file.end += samples;
        }
        file.is_complete = flags & 4 != 0;
        let last = file.packets.last().map_or(0, |(begin, _)| *begin);
        let is_trimmed = file.is_complete && (last..=file.end).contains(&granule);
        if granule != file.end && !is_trimmed {
            return Err(OggError::Granule { page, says: granule, is: file.end });
        }
        file.end = granule;
    }
    if headers < 2 { Err(OggError::Headers) } else { Ok(file) }
}

struct Page<'a> {
    flags: u8,
    granule: u64,
    says: u32,
    body: &'a [u8],
    /// Where each packet lies in the body.
    packets: Vec<(usize, usize)>,
    len: usize,
}

/// The page at the beginning of `bytes`; `None` when it is not all there.
fn next_page(bytes: &[u8], page: u32) -> Result<Option<Page<'_>>, OggError> {
    let damaged = |problem: &dyn std::fmt::Display| OggError::Page { page, problem: problem.to_string() };
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else { return Ok(None) };
    let (mut parser, segments) = PageParser::new(*header).map_err(|error| damaged(&error))?;
    let Some((table, rest)) = rest.split_at_checked(segments) else { return Ok(None) };
    let body_len = parser.parse_segments(table.to_vec());
    let Some(body) = rest.get(..body_len) else { return Ok(None) };
    // Checks the sum.
    parser.parse_packet_data(body.to_vec()).map_err(|error| damaged(&error))?;
    let flags = header[5];
    if flags & 1 != 0 || table.last() == Some(&255) {
        return Err(OggError::Packet { page });
    }
    let (mut packets, mut from, mut to) = (Vec::new(), 0, 0);
    for &segment in table {
        to += usize::from(segment);
        if segment < 255 {
            packets.push((from, to));
            from = to;
        }
    }
    let [_, _, _, _, _, _, granule @ .., _, _, _, _, s0, s1, s2, s3, _, _, _, _, _] = header;
    let granule = u64::from_le_bytes(*granule);
    let len = HEADER + segments + body_len;
    Ok(Some(Page { flags, granule, says: u32::from_le_bytes([*s0, *s1, *s2, *s3]), body, packets, len }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::ogg_opus::OggOpusWriter;

    fn written(end: u64) -> Vec<u8> {
        let mut ogg = OggOpusWriter::new(7, 312, &[("TITLE", "mix".to_owned())]).unwrap();
        let mut bytes = Vec::new();
        for page in 0..4 {
            for number in 0..60 {
                ogg.push(vec![9 << 3, page, number], 960).unwrap();
            }
            bytes.extend(ogg.pages().unwrap());
        }
        ogg.push(vec![9 << 3; 1275], 960).unwrap();
        bytes.extend(ogg.finish(end).unwrap());
        bytes
    }

    #[test]
    fn what_is_written_is_read() {
        let end = 241 * 960 - 100;
        let bytes = written(end);
        let file = read(&bytes).unwrap();
        assert_eq!((file.pre_skip, file.end, file.is_complete, file.len), (312, end, true, bytes.len()));
        assert_eq!((file.packets.len(), file.samples()), (241, end - 312));
        assert_eq!(file.packets[61], (61 * 960, &[9 << 3, 1, 1][..]));
    }

    #[test]
    fn a_file_that_is_cut_anywhere_opens_up_to_there() {
        let bytes = written(241 * 960);
        let mut empty = OggOpusWriter::new(7, 312, &[("TITLE", "mix".to_owned())]).unwrap();
        let headers = empty.pages().unwrap().len();
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
