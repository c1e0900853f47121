//! RTCP (RFC 3550 section 6): what is written and what is read of it. What is not known here is skipped.

pub(crate) mod feedback;

use bytes::{BufMut, BytesMut};

use feedback::Feedback;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;

/// The item of a source description that names an end.
const CNAME: u8 = 1;

/// The most sources that one report can be about.
pub(crate) const MAX_BLOCKS: usize = 31;

const BLOCK_LEN: usize = 24;

/// What a sender says of its own stream (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SenderReport {
    /// When, as an NTP timestamp: seconds in the upper half.
    pub(crate) ntp: u64,
    /// The same instant on the clock of the stream.
    pub(crate) rtp: u32,
    pub(crate) packets: u32,
    pub(crate) octets: u32,
}

/// What a receiver says of a stream that it hears.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReportBlock {
    pub(crate) ssrc: u32,
    /// Lost since the report before, in 256ths.
    pub(crate) fraction_lost: u8,
    /// Lost since the beginning, 24 bits with a sign.
    pub(crate) packets_lost: i32,
    /// The highest sequence number, with its rollovers above it.
    pub(crate) highest_sequence_number: u32,
    /// In ticks of the stream's clock.
    pub(crate) jitter: u32,
    /// The middle 32 bits of `ntp` of the last sender report; 0 when none has come.
    pub(crate) last_sender_report: u32,
    /// How long ago that came, in 65536ths of a second.
    pub(crate) since_sender_report: u32,
}

/// One packet of a compound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RtcpPacket<'a> {
    SenderReport { ssrc: u32, report: SenderReport, blocks: Blocks<'a> },
    ReceiverReport { blocks: Blocks<'a> },
    Goodbye { ssrc: u32 },
    Feedback(Feedback<'a>),
    Other,
}

/// The blocks of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Blocks<'a>(&'a [[u8; BLOCK_LEN]]);

impl<'a> Blocks<'a> {
    fn read(count: u8, bytes: &'a [u8]) -> Self {
        let (blocks, _) = bytes.as_chunks();
        Self(blocks.get(..usize::from(count)).unwrap_or(blocks))
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = ReportBlock> + 'a {
        self.0.iter().map(ReportBlock::read)
    }
}

/// The packets of a compound, or of one of reduced size (RFC 5506). What is cut off ends them.
pub(crate) fn packets(mut compound: &[u8]) -> impl Iterator<Item = RtcpPacket<'_>> {
    std::iter::from_fn(move || {
        let (&[first, kind, l0, l1], rest) = compound.split_first_chunk()?;
        let (body, after) = rest.split_at_checked(4 * usize::from(u16::from_be_bytes([l0, l1])))?;
        if first >> 6 != 2 {
            return None;
        }
        compound = after;
        let body =
            if first & 0x20 == 0 { body } else { body.get(..body.len().checked_sub(padding(body)?)?)? };
        Some(RtcpPacket::read(first & 0x1f, kind, body).unwrap_or(RtcpPacket::Other))
    })
}

fn padding(body: &[u8]) -> Option<usize> {
    body.last().map(|padding| usize::from(*padding))
}

impl<'a> RtcpPacket<'a> {
    fn read(count: u8, kind: u8, body: &'a [u8]) -> Option<Self> {
        let (ssrc, body) = body.split_first_chunk()?;
        let ssrc = u32::from_be_bytes(*ssrc);
        Some(match kind {
            SENDER_REPORT => {
                let (ntp, body) = body.split_first_chunk()?;
                let (rtp, body) = body.split_first_chunk()?;
                let (packets, body) = body.split_first_chunk()?;
                let (octets, body) = body.split_first_chunk()?;
                let report = SenderReport {
                    ntp: u64::from_be_bytes(*ntp),
                    rtp: u32::from_be_bytes(*rtp),
                    packets: u32::from_be_bytes(*packets),
                    octets: u32::from_be_bytes(*octets),
                };
                Self::SenderReport { ssrc, report, blocks: Blocks::read(count, body) }
            }
            RECEIVER_REPORT => Self::ReceiverReport { blocks: Blocks::read(count, body) },
            GOODBYE if count > 0 => Self::Goodbye { ssrc },
            feedback::TRANSPORT | feedback::PAYLOAD => Self::Feedback(Feedback::read(kind, count, body)?),
            _ => Self::Other,
        })
    }
}

impl ReportBlock {
    fn read(bytes: &[u8; BLOCK_LEN]) -> Self {
        let (words, _) = bytes.as_chunks::<4>();
        let &[ssrc, lost, highest, jitter, last, since] = words else { return Self::default() };
        let [fraction_lost, l0, l1, l2] = lost;
        Self {
            ssrc: u32::from_be_bytes(ssrc),
            fraction_lost,
            // From the upper bytes, so that the sign comes along.
            packets_lost: i32::from_be_bytes([l0, l1, l2, 0]) >> 8,
            highest_sequence_number: u32::from_be_bytes(highest),
            jitter: u32::from_be_bytes(jitter),
            last_sender_report: u32::from_be_bytes(last),
            since_sender_report: u32::from_be_bytes(since),
        }
    }

    fn write(&self, out: &mut BytesMut) {
        out.put_u32(self.ssrc);
        out.put_u8(self.fraction_lost);
        let [_, lost @ ..] = self.packets_lost.clamp(-0x80_0000, 0x7f_ffff).to_be_bytes();
        out.put_slice(&lost);
        out.put_u32(self.highest_sequence_number);
        out.put_u32(self.jitter);
        out.put_u32(self.last_sender_report);
        out.put_u32(self.since_sender_report);
    }
}

/// Appends a report from `ssrc`: a sender's with `sent`, a receiver's without. Of `blocks`, the first [`MAX_BLOCKS`].
pub(crate) fn write_report(
    out: &mut BytesMut,
    ssrc: u32,
    sent: Option<&SenderReport>,
    blocks: &[ReportBlock],
) {
    let blocks = blocks.get(..MAX_BLOCKS).unwrap_or(blocks);
    let words = 1 + if sent.is_some() { 5 } else { 0 } + 6 * blocks.len();
    let kind = if sent.is_some() { SENDER_REPORT } else { RECEIVER_REPORT };
    write_head(out, blocks.len(), kind, words);
    out.put_u32(ssrc);
    if let Some(report) = sent {
        out.put_u64(report.ntp);
        out.put_u32(report.rtp);
        out.put_u32(report.packets);
        out.put_u32(report.octets);
    }
    blocks.iter().for_each(|block| block.write(out));
}

/// Appends the name of the end that `ssrc` is at: at most 255 bytes (RFC 3550 section 6.5.1).
pub(crate) fn write_name(out: &mut BytesMut, ssrc: u32, name: &str) {
    let name = name.as_bytes().get(..255).unwrap_or(name.as_bytes());
    // The list of items ends in a zero, and the chunk at a multiple of four.
    let items = (2 + name.len() + 1).next_multiple_of(4);
    write_head(out, 1, SOURCE_DESCRIPTION, 1 + items / 4);
    out.put_u32(ssrc);
    out.put_slice(&[CNAME, name.len() as u8]);
    out.put_slice(name);
    out.put_bytes(0, items - 2 - name.len());
}

/// Appends the goodbye of `ssrc`.
pub(crate) fn write_goodbye(out: &mut BytesMut, ssrc: u32) {
    write_head(out, 1, GOODBYE, 1);
    out.put_u32(ssrc);
}

/// `words` of four bytes follow.
fn write_head(out: &mut BytesMut, count: usize, kind: u8, words: usize) {
    out.put_u8(0x80 | count as u8);
    out.put_u8(kind);
    out.put_u16(words as u16);
}
