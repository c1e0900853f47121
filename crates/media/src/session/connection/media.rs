//! RTP and RTCP of one session, encrypted: what a frame costs on the wire is spent here. Nothing is copied but the payload
//! that is sent, and nothing is allocated.

use std::time::Duration;

use bytes::{Buf, BytesMut};
use uuid::Uuid;

use super::dtls::MediaKeys;
use super::reports::{Sent, peer_report};
use super::streams::{Sources, Stream};
use crate::blob::peer::{HeaderExtensions, PayloadTypes, PeerSection};
use crate::rtp::Encoding;
use crate::send::OutgoingAudio;
use crate::session::transport::{AudioSection, Dropped, Negotiated, PeerReport, ReceivedAudio};
use crate::time::{MediaInstant, RtpTime};
use crate::units::Ssrc;
use crate::wire::replay::ReplayWindow;
use crate::wire::rtcp::{self, MAX_BLOCKS, ReportBlock, RtcpPacket};
use crate::wire::rtp::{MAX_NEW_HEADER_LEN, NewHeader, RtpHeader, without_padding};
use crate::wire::srtp::MAX_OVERHEAD;

/// Memory that packets are cut from. Each is let go as soon as it is sent, so that one block serves for good: it has room
/// for the ticks that a late worker makes up at once, at the highest bitrates.
const BLOCK_LEN: usize = 16 * 1024;

/// Between two reports, on average: as often as a stream's quality is worth knowing, and 0.1 % of its bits.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// What we speak, and by which numbers; the offerer's choice.
pub(super) const OFFERED_TYPES: PayloadTypes =
    PayloadTypes { opus: 111, red: Some(63), telephone_event: Some(110) };
pub(super) const OFFERED_EXTENSIONS: HeaderExtensions =
    HeaderExtensions { level: Some(1), source_levels: Some(2), mid: Some(4) };

/// An audio section, as the peer's description has it.
#[derive(Debug, Default)]
struct Section {
    mid: String,
    sources: Vec<u32>,
}

/// What we send on one section.
#[derive(Debug)]
struct OwnStream {
    ssrc: u32,
    /// What we may send, by the peer's numbers; `None` while it hears nothing of us there.
    types: Option<PayloadTypes>,
    sent: Sent,
}

/// The media of one session.
pub(super) struct MediaPath {
    /// One for each section that we may send on, that of the mix first.
    own: Box<[OwnStream]>,
    name: String,
    keys: Option<Box<MediaKeys>>,
    /// What the peer may send, by our numbers.
    local_types: PayloadTypes,
    negotiated: Negotiated,
    extensions: HeaderExtensions,
    sections: Vec<Section>,
    streams: Sources<Stream>,
    /// What was seen of each source's RTCP.
    reporters: Sources<ReplayWindow>,
    packets: BytesMut,
    blocks: Vec<ReportBlock>,
    reports_sent: u32,
    next_report: Option<MediaInstant>,
    /// For the times of the reports, which must not fall together.
    dice: u64,
}

impl MediaPath {
    /// A path that speaks and hears nothing yet, and has a source for the mix and for each of as many speakers.
    pub(super) fn new(speakers: u8) -> Self {
        let (upper, lower) = Uuid::new_v4().as_u64_pair();
        Self {
            own: OwnStream::several(1 + usize::from(speakers)),
            name: format!("{upper:016x}"),
            keys: None,
            local_types: OFFERED_TYPES,
            negotiated: Negotiated::default(),
            extensions: HeaderExtensions::default(),
            sections: Vec::new(),
            streams: Sources::new(),
            reporters: Sources::new(),
            packets: BytesMut::with_capacity(BLOCK_LEN),
            blocks: Vec::with_capacity(MAX_BLOCKS),
            reports_sent: 0,
            next_report: None,
            dice: lower | 1,
        }
    }

    /// Our source in a section that we may send on.
    pub(super) fn source(&self, section: AudioSection) -> Option<u32> {
        self.own.get(section).map(|stream| stream.ssrc)
    }

    /// The name of this end.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Takes what the peer said of our audio sections: that of the mix first, and `None` for one that it does not name. Its
    /// numbers are ours where it answers us.
    pub(super) fn agree<'a>(
        &mut self,
        sections: impl Iterator<Item = Option<&'a PeerSection>>,
        local: PayloadTypes,
    ) {
        self.local_types = local;
        self.sections.clear();
        for (nth, section) in sections.enumerate() {
            let Some(section) = section else {
                self.sections.push(Section::default());
                continue;
            };
            if nth == 0 {
                self.extensions = section.extensions;
            }
            if let Some(stream) = self.own.get_mut(nth) {
                // The peer hears us if it receives.
                stream.types = section.payload_types.filter(|_| section.direction.receives());
            }
            let mid = section.mid.clone().unwrap_or_default();
            self.sections.push(Section { mid, sources: section.sources.clone() });
        }
        let agreed = self.peer_types();
        self.negotiated = Negotiated {
            red: agreed.is_some_and(|types| types.red.is_some()) && local.red.is_some(),
            telephone_event: agreed.is_some_and(|types| types.telephone_event.is_some())
                && local.telephone_event.is_some(),
            opus_payload_type: agreed.map_or(0, |types| types.opus),
        };
    }

    /// What the peer hears of us in the mix's section, by its numbers.
    fn peer_types(&self) -> Option<PayloadTypes> {
        self.own.first().and_then(|stream| stream.types)
    }

    pub(super) fn negotiated(&self) -> Negotiated {
        self.negotiated
    }

    /// The keys are there: media can flow, and reports begin.
    pub(super) fn begin(&mut self, now: MediaInstant, keys: Box<MediaKeys>) {
        self.keys = Some(keys);
        self.next_report = Some(self.after_interval(now));
    }

    /// Reads an RTP packet.
    pub(super) fn receive(
        &mut self,
        now: MediaInstant,
        mut datagram: BytesMut,
    ) -> Result<ReceivedAudio, Dropped> {
        let keys = self.keys.as_ref().ok_or(Dropped::NoKeys)?;
        let header_len = RtpHeader::len_in(&datagram).ok_or(Dropped::Malformed)?;
        let (bytes, payload) = datagram.split_at_mut(header_len);
        let header = RtpHeader::read(bytes).ok_or(Dropped::Malformed)?;
        let (ssrc, sequence_number) = (header.ssrc, header.sequence_number);
        let index = match self.streams.get_mut(ssrc) {
            Some(stream) => {
                let index = stream.window.index_of(sequence_number);
                index.filter(|index| stream.window.is_fresh(*index)).ok_or(Dropped::Replayed)?
            }
            None => sequence_number.into(),
        };
        let len = keys.receive.open_rtp(ssrc, index, bytes, payload).ok_or(Dropped::NotGenuine)?;
        let payload = payload.get(..len).ok_or(Dropped::Malformed)?;
        let section = self.section_of(&header);
        if self.streams.get_mut(ssrc).is_none() {
            self.streams.add(ssrc, Stream::default()).ok_or(Dropped::TooManySources)?;
        }
        let stream = self.streams.get_mut(ssrc).ok_or(Dropped::TooManySources)?;
        stream.window.note(index);
        let section = *stream.section.insert(section);
        let encoding = self.encoding_of(header.payload_type).ok_or(Dropped::UnknownPayloadType)?;
        let sender_time = RtpTime(header.timestamp);
        let paced = (encoding != Encoding::TelephoneEvent).then_some(sender_time);
        if let Some(stream) = self.streams.get_mut(ssrc) {
            stream.reception.receive(index, paced, now);
        }
        let payload_len = without_padding(header.has_padding, len, payload.last().copied());
        let (marker, speakers) = (header.marker, header.speakers(self.extensions.source_levels));
        let level = header.level(self.extensions.level);
        let payload_len = payload_len.ok_or(Dropped::Malformed)?;
        datagram.advance(header_len);
        datagram.truncate(payload_len);
        Ok(ReceivedAudio {
            arrival_time: now,
            section,
            ssrc: Ssrc(ssrc),
            sequence_number,
            sender_time,
            encoding,
            marker,
            speakers,
            level,
            payload: datagram.freeze(),
        })
    }

    /// The section of a packet (RFC 9143 section 9.2): the one it names; else that of its source, as it was last known or was
    /// announced; else the first, since all have the same payload types.
    fn section_of(&self, header: &RtpHeader<'_>) -> AudioSection {
        let named = self.extensions.mid.and_then(|id| header.extension(id));
        let named = named.filter(|mid| !mid.is_empty());
        let named =
            named.and_then(|mid| self.sections.iter().position(|section| section.mid.as_bytes() == mid));
        let known = || self.streams.get(header.ssrc).and_then(|stream| stream.section);
        let announced = || self.sections.iter().position(|section| section.sources.contains(&header.ssrc));
        named.or_else(known).or_else(announced).unwrap_or(0)
    }

    /// What a payload type stands for: by our numbers, and by the peer's where those mean nothing to us.
    fn encoding_of(&self, number: u8) -> Option<Encoding> {
        [Some(self.local_types), self.peer_types()].into_iter().flatten().find_map(|types| {
            let is = |known: Option<u8>| known == Some(number);
            if is(Some(types.opus)) {
                Some(Encoding::Opus)
            } else if is(types.red) {
                Some(Encoding::Red)
            } else {
                is(types.telephone_event).then_some(Encoding::TelephoneEvent)
            }
        })
    }

    /// Writes an RTP packet.
    pub(super) fn send(&mut self, now: MediaInstant, packet: OutgoingAudio<'_>) -> Result<BytesMut, Dropped> {
        let keys = self.keys.as_ref().ok_or(Dropped::NoKeys)?;
        let own = self.own.get_mut(packet.section).ok_or(Dropped::NotAgreed)?;
        let types = own.types.ok_or(Dropped::NotAgreed)?;
        let payload_type = match packet.encoding {
            Encoding::Opus => Some(types.opus),
            Encoding::Red => types.red.filter(|_| self.negotiated.red),
            Encoding::TelephoneEvent => types.telephone_event.filter(|_| self.negotiated.telephone_event),
        };
        let header = NewHeader {
            marker: packet.marker,
            payload_type: payload_type.ok_or(Dropped::NotAgreed)?,
            sequence_number: packet.sequence_number,
            timestamp: packet.sender_time.0,
            ssrc: own.ssrc,
            level: self.extensions.level.zip(packet.level),
            contributing: packet.speakers,
        };
        let index = own.sent.window.index_of(packet.sequence_number);
        // Twice the same number would be twice the same key stream, which gives both packets away.
        let index = index.filter(|index| own.sent.window.is_fresh(*index)).ok_or(Dropped::Replayed)?;
        self.packets.reserve(MAX_NEW_HEADER_LEN + packet.payload.len() + MAX_OVERHEAD);
        header.write(&mut self.packets);
        let header_len = self.packets.len();
        self.packets.extend_from_slice(packet.payload);
        let (header, payload) = self.packets.split_at_mut(header_len);
        let sealed = keys.send.seal_rtp(own.ssrc, index, header, payload);
        let Ok(tag) = sealed else {
            self.packets.clear();
            return Err(Dropped::TooLarge);
        };
        self.packets.extend_from_slice(&tag);
        own.sent.note(index, packet.sender_time, now, packet.payload.len());
        Ok(self.packets.split())
    }

    /// Reads an RTCP packet. Returns what the peer says of our stream, if it does.
    pub(super) fn receive_report(
        &mut self,
        now: MediaInstant,
        mut datagram: BytesMut,
    ) -> Result<Option<PeerReport>, Dropped> {
        let keys = self.keys.as_ref().ok_or(Dropped::NoKeys)?;
        let is_fresh = |ssrc, index| self.reporters.get(ssrc).is_none_or(|window| window.is_fresh(index));
        let opened = keys.receive.open_rtcp(&mut datagram, is_fresh).ok_or(Dropped::NotGenuine)?;
        if self.reporters.get(opened.ssrc).is_none() {
            self.reporters.add(opened.ssrc, ReplayWindow::default()).ok_or(Dropped::TooManySources)?;
        }
        if let Some(window) = self.reporters.get_mut(opened.ssrc) {
            window.note(opened.index);
        }
        datagram.truncate(opened.len);
        let mut about_us = None;
        for packet in rtcp::packets(&datagram) {
            let blocks = match packet {
                RtcpPacket::SenderReport { ssrc, report, blocks } => {
                    if let Some(stream) = self.streams.get_mut(ssrc) {
                        stream.reception.note_sender_report(report.ntp, now);
                    }
                    blocks
                }
                RtcpPacket::ReceiverReport { blocks } => blocks,
                RtcpPacket::Goodbye { ssrc } => {
                    if let Some(stream) = self.streams.get_mut(ssrc) {
                        stream.reception.end();
                    }
                    continue;
                }
                RtcpPacket::Other => continue,
            };
            let ours = blocks.iter().find(|block| Some(block.ssrc) == self.source(0));
            about_us = ours.map(|block| peer_report(&block, now)).or(about_us);
        }
        Ok(about_us)
    }

    /// When the next report is due.
    pub(super) fn next_report(&self) -> Option<MediaInstant> {
        self.next_report
    }

    /// Writes the report that is due at `now`, if one is.
    pub(super) fn report(&mut self, now: MediaInstant) -> Option<BytesMut> {
        self.next_report.filter(|due| *due <= now)?;
        self.next_report = Some(self.after_interval(now));
        self.write_reports(now, false)
    }

    /// Writes the last report, with a goodbye.
    pub(super) fn say_goodbye(&mut self, now: MediaInstant) -> Option<BytesMut> {
        self.next_report = None;
        let goodbye = self.write_reports(now, true);
        self.keys = None;
        goodbye
    }

    fn write_reports(&mut self, now: MediaInstant, is_last: bool) -> Option<BytesMut> {
        let keys = self.keys.as_ref()?;
        self.streams.report(now, &mut self.blocks);
        let ssrc = self.source(0)?;
        let mut heard = &self.blocks[..];
        // One that has sent nothing has nothing to say, but for the first, whose report carries what was heard.
        let own = self.own.iter().map(|stream| (stream.ssrc, stream.sent.report(now)));
        for (ssrc, sent) in own.filter(|(own, sent)| *own == ssrc || sent.is_some()) {
            rtcp::write_report(&mut self.packets, ssrc, sent.as_ref(), std::mem::take(&mut heard));
            rtcp::write_name(&mut self.packets, ssrc, &self.name);
            if is_last {
                rtcp::write_goodbye(&mut self.packets, ssrc);
            }
        }
        let Ok(trailer) = keys.send.seal_rtcp(ssrc, self.reports_sent, &mut self.packets) else {
            self.packets.clear();
            return None;
        };
        self.packets.extend_from_slice(&trailer);
        self.reports_sent += 1;
        Some(self.packets.split())
    }

    /// From half to one and a half intervals on (RFC 3550 section 6.3.1).
    fn after_interval(&mut self, now: MediaInstant) -> MediaInstant {
        // Xorshift: the times need to differ, not to be secret.
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        now + REPORT_INTERVAL / 2 + REPORT_INTERVAL * (self.dice >> 48) as u32 / (1 << 16)
    }
}

impl OwnStream {
    fn several(count: usize) -> Box<[Self]> {
        let mut own: Vec<Self> = Vec::with_capacity(count);
        while own.len() < count {
            let (ssrc, ..) = Uuid::new_v4().as_fields();
            // Twice the same would be one stream in two places.
            if own.iter().all(|other| other.ssrc != ssrc) {
                own.push(Self { ssrc, types: None, sent: Sent::default() });
            }
        }
        own.into_boxed_slice()
    }
}

#[cfg(test)]
impl MediaPath {
    /// A packet as a mixer would send it: of any source, and with the name of its section.
    pub(super) fn seal_for_test(&self, header: NewHeader<'_>, mid: Option<&str>, payload: &[u8]) -> BytesMut {
        let mut packet = BytesMut::new();
        header.write(&mut packet);
        if let Some(mid) = mid {
            packet[0] |= 0x10;
            let words = (1 + mid.len()).div_ceil(4);
            packet.extend_from_slice(&[0xbe, 0xde, 0, words as u8, 0x40 | (mid.len() as u8 - 1)]);
            packet.extend_from_slice(mid.as_bytes());
            packet.resize(12 + 4 + 4 * words, 0);
        }
        let header_len = packet.len();
        packet.extend_from_slice(payload);
        let (head, body) = packet.split_at_mut(header_len);
        let keys = self.keys.as_ref().unwrap();
        let tag = keys.send.seal_rtp(header.ssrc, header.sequence_number.into(), head, body).unwrap();
        packet.extend_from_slice(&tag);
        packet
    }
}
