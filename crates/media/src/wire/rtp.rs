//! RTP headers (RFC 3550 section 5.1) and their extensions (RFC 8285).

use bytes::{BufMut, BytesMut};

use crate::rtp::{ActiveSpeaker, ActiveSpeakers, AudioLevel};
use crate::units::MediaSourceId;

/// Of a header without contributing sources and extensions.
const FIXED_LEN: usize = 12;

/// What an extension in the one-byte form begins with (RFC 8285 section 4.2).
const ONE_BYTE: u16 = 0xbede;

/// In the two-byte form the last four bits are the application's (RFC 8285 section 4.3).
const TWO_BYTE: u16 = 0x1000;

/// The highest number that the one-byte form has room for.
const MAX_ONE_BYTE_ID: u8 = 14;

/// A header that was read. Holds nothing but slices of the packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RtpHeader<'a> {
    pub(crate) marker: bool,
    pub(crate) payload_type: u8,
    pub(crate) sequence_number: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    /// Padding follows the payload; its last byte says how much.
    pub(crate) has_padding: bool,
    contributing: &'a [[u8; 4]],
    extension_kind: u16,
    extension: &'a [u8],
}

impl<'a> RtpHeader<'a> {
    /// How long the header of the RTP packet `packet` is; `None` when that is none.
    pub(crate) fn len_in(packet: &[u8]) -> Option<usize> {
        let &[first, ..] = packet.first_chunk::<FIXED_LEN>()?;
        if first >> 6 != 2 {
            return None;
        }
        let len = FIXED_LEN + 4 * usize::from(first & 0x0f);
        if first & 0x10 == 0 {
            return (len <= packet.len()).then_some(len);
        }
        let &[_, _, l0, l1] = packet.get(len..)?.first_chunk()?;
        let len = len + 4 + 4 * usize::from(u16::from_be_bytes([l0, l1]));
        (len <= packet.len()).then_some(len)
    }

    /// Reads a header of exactly [`len_in`](Self::len_in) bytes.
    pub(crate) fn read(header: &'a [u8]) -> Option<Self> {
        let (fixed, rest) = header.split_first_chunk::<FIXED_LEN>()?;
        let &[first, second, n0, n1, t0, t1, t2, t3, s0, s1, s2, s3] = fixed;
        let (contributing, rest) = rest.split_at_checked(4 * usize::from(first & 0x0f))?;
        let (contributing, _) = contributing.as_chunks();
        let (extension_kind, extension) = match rest {
            [k0, k1, _, _, extension @ ..] => (u16::from_be_bytes([*k0, *k1]), extension),
            _ => (0, rest),
        };
        Some(Self {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7f,
            sequence_number: u16::from_be_bytes([n0, n1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([s0, s1, s2, s3]),
            has_padding: first & 0x20 != 0,
            contributing,
            extension_kind,
            extension,
        })
    }

    /// The contributing sources, each with its level where the extension of that number gives one (RFC 6465).
    pub(crate) fn speakers(&self, levels: Option<u8>) -> ActiveSpeakers {
        let mut levels = levels.and_then(|id| self.extension(id)).unwrap_or_default().iter();
        let level = |byte: &u8| AudioLevel::from_minus_dbov(*byte);
        let sources = self.contributing.iter().map(|source| MediaSourceId(u32::from_be_bytes(*source)));
        sources.map(|source| ActiveSpeaker { source, level: levels.next().map(level) }).collect()
    }

    /// The first contributing source.
    pub(crate) fn first_source(&self) -> Option<MediaSourceId> {
        self.contributing.first().map(|source| MediaSourceId(u32::from_be_bytes(*source)))
    }

    /// Its number among all packets of video, if the extension of that number gives one.
    pub(crate) fn transport_number(&self, id: Option<u8>) -> Option<u16> {
        self.extension(id?)?.first_chunk().map(|number| u16::from_be_bytes(*number))
    }

    /// How loud the packet is, if the extension of that number says so (RFC 6464).
    pub(crate) fn level(&self, id: Option<u8>) -> Option<AudioLevel> {
        self.extension(id?)?.first().map(|byte| AudioLevel::from_minus_dbov(*byte))
    }

    /// The data of the extension with that number.
    pub(crate) fn extension(&self, id: u8) -> Option<&'a [u8]> {
        self.extensions().find(|(other, _)| *other == id).map(|(_, data)| data)
    }

    /// The extensions, each with its number. What is cut off ends them.
    fn extensions(&self) -> impl Iterator<Item = (u8, &'a [u8])> {
        let (kind, mut rest) = (self.extension_kind, self.extension);
        std::iter::from_fn(move || {
            loop {
                let (id, len, data) = match (kind, rest) {
                    (ONE_BYTE, [0, padded @ ..]) => {
                        rest = padded;
                        continue;
                    }
                    // 15 ends the list (RFC 8285 section 4.2).
                    (ONE_BYTE, [head, data @ ..]) if head >> 4 <= MAX_ONE_BYTE_ID => {
                        (head >> 4, usize::from(head & 0x0f) + 1, data)
                    }
                    (kind, [0, padded @ ..]) if kind & 0xfff0 == TWO_BYTE => {
                        rest = padded;
                        continue;
                    }
                    (kind, [id, len, data @ ..]) if kind & 0xfff0 == TWO_BYTE => {
                        (*id, usize::from(*len), data)
                    }
                    _ => return None,
                };
                let (data, after) = data.split_at_checked(len)?;
                rest = after;
                return Some((id, data));
            }
        })
    }
}

/// The payload without its padding; `None` when it claims more padding than it has bytes.
pub(crate) fn without_padding(has_padding: bool, payload_len: usize, last: Option<u8>) -> Option<usize> {
    if !has_padding {
        return Some(payload_len);
    }
    // The count includes itself.
    last.filter(|&padding| padding > 0).and_then(|padding| payload_len.checked_sub(usize::from(padding)))
}

/// A header to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NewHeader<'a> {
    pub(crate) marker: bool,
    pub(crate) payload_type: u8,
    pub(crate) sequence_number: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    /// How loud the packet is, and the number of the extension that says so (RFC 6464). A number that the one-byte form
    /// has no room for leaves it out.
    pub(crate) level: Option<(u8, AudioLevel)>,
    /// Its number among all packets of video, and that of the extension that says so.
    pub(crate) transport_number: Option<(u8, u16)>,
    /// The section that the packet belongs to, and its layer or the one that it repairs, each with the number of its extension
    /// (RFC 9143 section 15, RFC 8852). A name of no bytes, or of more than 16, is left out.
    pub(crate) names: [Option<(u8, &'a [u8])>; 2],
    /// The contributing sources, of which the first fifteen have room.
    pub(crate) contributing: &'a [ActiveSpeaker],
}

/// The most contributing sources that a header can name.
const MAX_CONTRIBUTING: usize = 15;

/// The longest data of an extension in the one-byte form.
const MAX_ONE_BYTE_LEN: usize = 16;

/// The most that [`NewHeader::write`] writes: with the extension's own header, padded to words, the level, the number among all packets,
/// and two names.
pub(crate) const MAX_NEW_HEADER_LEN: usize =
    FIXED_LEN + 4 * MAX_CONTRIBUTING + 4 + (2 + 3 + 2 * (1 + MAX_ONE_BYTE_LEN)).next_multiple_of(4);

impl NewHeader<'_> {
    /// Appends the header to `packet`.
    pub(crate) fn write(&self, packet: &mut BytesMut) {
        let fits = |id: u8| (1..=MAX_ONE_BYTE_ID).contains(&id);
        let level = self.level.filter(|(id, _)| fits(*id));
        let transport_number = self.transport_number.filter(|(id, _)| fits(*id));
        let has_room = |name: &[u8]| (1..=MAX_ONE_BYTE_LEN).contains(&name.len());
        let names = self.names.map(|name| name.filter(|(id, name)| fits(*id) && has_room(name)));
        let names_len: usize = names.iter().flatten().map(|(_, name)| 1 + name.len()).sum();
        let extension_len =
            2 * usize::from(level.is_some()) + 3 * usize::from(transport_number.is_some()) + names_len;
        let contributing = self.contributing.get(..MAX_CONTRIBUTING).unwrap_or(self.contributing);
        packet.put_u8(0x80 | u8::from(extension_len > 0) << 4 | contributing.len() as u8);
        packet.put_u8(u8::from(self.marker) << 7 | self.payload_type & 0x7f);
        packet.put_u16(self.sequence_number);
        packet.put_u32(self.timestamp);
        packet.put_u32(self.ssrc);
        contributing.iter().for_each(|speaker| packet.put_u32(speaker.source.0));
        if extension_len == 0 {
            return;
        }
        let words = extension_len.div_ceil(4);
        packet.put_u16(ONE_BYTE);
        packet.put_u16(words as u16);
        if let Some((id, level)) = level {
            // The first bit says that somebody speaks, as far as the level tells.
            let speaks = u8::from(level > AudioLevel::SILENCE) << 7;
            packet.put_slice(&[id << 4, speaks | level.minus_dbov()]);
        }
        if let Some((id, number)) = transport_number {
            packet.put_u8(id << 4 | 1);
            packet.put_u16(number);
        }
        for (id, name) in names.into_iter().flatten() {
            packet.put_u8(id << 4 | (name.len() - 1) as u8);
            packet.put_slice(name);
        }
        packet.put_bytes(0, 4 * words - extension_len);
    }
}
