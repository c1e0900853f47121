//! Feedback of one end to the other on a stream of video (RFC 4585 section 6.1, RFC 5104 section 4.3.1): what it lacks, and
//! when packets arrived.

#[cfg(test)]
mod tests;

use bytes::{BufMut, BytesMut};

/// Types of RTCP packets (RFC 4585 section 6.1).
pub(super) const TRANSPORT: u8 = 205;
pub(super) const PAYLOAD: u8 = 206;

/// Formats of the first.
const NACK: u8 = 1;
const ARRIVALS: u8 = 15;

/// Formats of the second.
const PICTURE_LOSS: u8 = 1;
const FULL_INTRA: u8 = 4;

/// Words of the two sources that each message begins with.
const SOURCES: usize = 2;

/// Entries of a NACK, each of which stands for up to 17 packets: with them it stays within a datagram.
const MOST_ENTRIES: usize = 250;

/// What one message says. Those that are about a stream of ours name its SSRC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Feedback<'a> {
    /// These packets have not come: a generic NACK (RFC 4585 section 6.2.1).
    Missing { media: u32, packets: Missing<'a> },
    /// Pictures cannot be decoded until a key frame comes: PLI (RFC 4585 section 6.3.1).
    PictureLoss { media: u32 },
    /// Somebody needs a key frame: FIR (RFC 5104 section 4.3.1).
    FullIntra { requests: FullIntra<'a> },
    /// When packets arrived, for `video/twcc.rs` to read (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).
    Arrivals { body: &'a [u8] },
}

impl<'a> Feedback<'a> {
    /// Reads what follows on the SSRC of whoever sent it; `None` for what is not known here, or cut off.
    pub(super) fn read(kind: u8, format: u8, body: &'a [u8]) -> Option<Self> {
        let (media, entries) = body.split_first_chunk()?;
        let media = u32::from_be_bytes(*media);
        Some(match (kind, format) {
            (TRANSPORT, NACK) => Self::Missing { media, packets: Missing(entries.as_chunks().0) },
            (TRANSPORT, ARRIVALS) => Self::Arrivals { body: entries },
            (PAYLOAD, PICTURE_LOSS) => Self::PictureLoss { media },
            // Here the streams stand in the entries.
            (PAYLOAD, FULL_INTRA) => Self::FullIntra { requests: FullIntra(entries.as_chunks().0) },
            _ => return None,
        })
    }
}

/// The packets that a NACK asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Missing<'a>(&'a [[u8; 4]]);

impl<'a> Missing<'a> {
    /// Their sequence numbers: each of the first of an entry, and those of the next sixteen that the entry marks.
    pub(crate) fn iter(self) -> impl Iterator<Item = u16> + 'a {
        self.0.iter().flat_map(|&[n0, n1, m0, m1]| {
            let (first, marked) = (u16::from_be_bytes([n0, n1]), u16::from_be_bytes([m0, m1]));
            let next = (0..16_u16).filter(move |bit| marked >> bit & 1 == 1);
            std::iter::once(first).chain(next.map(move |bit| first.wrapping_add(bit + 1)))
        })
    }
}

/// The requests of a FIR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FullIntra<'a>(&'a [[u8; 8]]);

impl<'a> FullIntra<'a> {
    pub(crate) fn iter(self) -> impl Iterator<Item = FullIntraRequest> + 'a {
        self.0.iter().map(|&[s0, s1, s2, s3, number, ..]| FullIntraRequest {
            media: u32::from_be_bytes([s0, s1, s2, s3]),
            number,
        })
    }
}

/// One request for a key frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FullIntraRequest {
    /// The stream.
    pub(crate) media: u32,
    /// The same when the same request is sent again.
    pub(crate) number: u8,
}

/// Appends a NACK from `ssrc` for the packets of `media` with these numbers, in their order. Gives those that it has no room
/// for.
pub(crate) fn write_missing<'a>(
    out: &mut BytesMut,
    ssrc: u32,
    media: u32,
    mut numbers: &'a [u16],
) -> &'a [u16] {
    let head = out.len();
    write_head(out, TRANSPORT, NACK, 0, (ssrc, media));
    let mut entries = 0;
    while let Some((&first, rest)) = numbers.split_first().filter(|_| entries < MOST_ENTRIES) {
        // As far as the marks reach.
        let beyond = |number: &u16| !(1..=16).contains(&number.wrapping_sub(first));
        let (marked, after) = rest.split_at(rest.iter().position(beyond).unwrap_or(rest.len()));
        let marks = marked.iter().fold(0_u16, |marks, number| marks | 1 << (number.wrapping_sub(first) - 1));
        out.put_u16(first);
        out.put_u16(marks);
        (numbers, entries) = (after, entries + 1);
    }
    // The count of words is known only now.
    let words = ((SOURCES + entries) as u16).to_be_bytes();
    if let Some(len) = out.get_mut(head + 2..head + 4) {
        len.copy_from_slice(&words);
    }
    numbers
}

/// Appends a PLI from `ssrc` about `media`.
pub(crate) fn write_picture_loss(out: &mut BytesMut, ssrc: u32, media: u32) {
    write_head(out, PAYLOAD, PICTURE_LOSS, 0, (ssrc, media));
}

/// Appends a FIR from `ssrc`.
pub(crate) fn write_full_intra(out: &mut BytesMut, ssrc: u32, request: FullIntraRequest) {
    // The source in the head is not used (RFC 5104 section 4.3.1.2).
    write_head(out, PAYLOAD, FULL_INTRA, 2, (ssrc, 0));
    out.put_u32(request.media);
    out.put_slice(&[request.number, 0, 0, 0]);
}

/// Appends what `video/twcc.rs` wrote, whole words, about streams of which `media` is one.
pub(crate) fn write_arrivals(out: &mut BytesMut, ssrc: u32, media: u32, body: &[u8]) {
    write_head(out, TRANSPORT, ARRIVALS, body.len() / 4, (ssrc, media));
    out.put_slice(body);
}

/// `words` of four bytes follow.
fn write_head(out: &mut BytesMut, kind: u8, format: u8, words: usize, (ssrc, media): (u32, u32)) {
    super::write_head(out, format.into(), kind, SOURCES + words);
    out.put_u32(ssrc);
    out.put_u32(media);
}
