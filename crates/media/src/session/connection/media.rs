//! RTP and RTCP of one session, encrypted: what a frame costs on the wire is spent here. Nothing is copied but the payload
//! that is sent, and nothing is allocated.

mod block;
mod control;
mod layers;
mod video;

use block::Block;
use bytes::{Buf, Bytes, BytesMut};
use uuid::Uuid;
use video::VideoPath;
pub(super) use video::offered_extensions as video_extensions;

use super::describe::{VideoSection, VideoSources};
use super::dtls::MediaKeys;
use super::reports::Sent;
use super::streams::{Place, Sources, Stream};
use crate::blob::peer::{HeaderExtensions, PayloadTypes, PeerSection};
use crate::rtp::Encoding;
use crate::send::OutgoingAudio;
use crate::session::transport::{
    AudioSection, Dropped, Negotiated, ReceivedAudio, ReceivedVideo, VideoIndex,
};
use crate::tap::ClockReport;
use crate::time::{MediaInstant, RtpTime};
use crate::units::Ssrc;
use crate::wire::replay::ReplayWindow;
use crate::wire::rtcp::{MAX_BLOCKS, ReportBlock};
use crate::wire::rtp::{MAX_NEW_HEADER_LEN, NewHeader, RtpHeader, without_padding};
use crate::wire::srtp::MAX_OVERHEAD;

/// What we speak, and by which numbers; the offerer's choice.
pub(super) const OFFERED_TYPES: PayloadTypes =
    PayloadTypes { opus: 111, red: Some(63), telephone_event: Some(110) };
pub(super) const OFFERED_EXTENSIONS: HeaderExtensions = HeaderExtensions {
    level: Some(1),
    source_levels: Some(2),
    mid: Some(4),
    transport_number: None,
    layer: None,
    repaired_layer: None,
};

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

/// An RTP packet that came.
#[derive(Debug)]
pub(super) enum Received {
    Audio(ReceivedAudio),
    Video(ReceivedVideo),
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
    video: Vec<VideoPath>,
    streams: Sources<Stream>,
    /// What was seen of each source's RTCP.
    reporters: Sources<ReplayWindow>,
    packets: Block,
    blocks: Vec<ReportBlock>,
    /// What the peer said of the clocks of its streams, until it is passed on.
    clock_reports: Vec<ClockReport>,
    /// What the peer has fed back of our video, and nobody has looked at yet.
    feedback: Bytes,
    reports_sent: u32,
    /// Whose turn it is with the next report, among those that have sent something.
    next_to_tell: usize,
    /// Numbers the requests that are numbered (FIR).
    key_frames_asked: u8,
    next_report: Option<MediaInstant>,
    /// For the times of the reports, which must not fall together.
    dice: u64,
}

impl MediaPath {
    /// A path that speaks and hears nothing yet, and has a source for the mix and for each of as many speakers, and two for each
    /// layer of each section of `video`.
    pub(super) fn new(speakers: u8, video: &[VideoSection]) -> Self {
        let (upper, lower) = Uuid::new_v4().as_u64_pair();
        let speech = 1 + usize::from(speakers);
        let layers: usize = video.iter().map(|section| section.layers).sum();
        let mut own = OwnStream::several(speech + 2 * layers);
        let packets = if video.is_empty() { Block::of_speech() } else { Block::of_video() };
        let mut sources = own.split_off(speech).into_iter().map(|stream| stream.ssrc);
        Self {
            video: video.iter().map(|section| VideoPath::new(section, &mut sources)).collect(),
            own: own.into_boxed_slice(),
            name: format!("{upper:016x}"),
            keys: None,
            local_types: OFFERED_TYPES,
            negotiated: Negotiated::default(),
            extensions: HeaderExtensions::default(),
            sections: Vec::new(),
            streams: Sources::new(),
            reporters: Sources::new(),
            packets,
            blocks: Vec::with_capacity(MAX_BLOCKS),
            clock_reports: Vec::with_capacity(control::MOST_REPORTS),
            feedback: Bytes::new(),
            reports_sent: 0,
            next_to_tell: 0,
            key_frames_asked: 0,
            next_report: None,
            dice: lower | 1,
        }
    }

    /// Our source in a section that we may send on.
    pub(super) fn source(&self, section: AudioSection) -> Option<u32> {
        self.own.get(section).map(|stream| stream.ssrc)
    }

    /// Our sources in a video section: of its only picture, or the largest.
    pub(super) fn video_sources(&self, section: VideoIndex) -> Option<VideoSources> {
        self.video.get(section).and_then(VideoPath::own_sources)
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
    pub(super) fn receive(&mut self, now: MediaInstant, mut datagram: BytesMut) -> Result<Received, Dropped> {
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
        let place = self.place_of(&header);
        if self.streams.get_mut(ssrc).is_none() {
            self.streams.add(ssrc, Stream::default()).ok_or(Dropped::TooManySources)?;
        }
        let stream = self.streams.get_mut(ssrc).ok_or(Dropped::TooManySources)?;
        stream.window.note(index);
        stream.place = Some(place);
        let payload_len = without_padding(header.has_padding, len, payload.last().copied());
        let received = match place {
            Place::Audio(section) => self.read_audio(now, section, &header).map(Received::Audio),
            Place::Video(section) => self.read_video(now, section, &header).map(Received::Video),
        }?;
        let paced = match &received {
            Received::Audio(audio) => audio.encoding != Encoding::TelephoneEvent,
            Received::Video(video) => !video.is_repair,
        };
        let sender_time = paced.then_some(RtpTime(header.timestamp));
        if let Some(stream) = self.streams.get_mut(ssrc) {
            stream.reception.receive(index, sender_time, now, place.rate());
        }
        let payload_len = payload_len.ok_or(Dropped::Malformed)?;
        datagram.advance(header_len);
        datagram.truncate(payload_len);
        Ok(self.with_payload(received, datagram.freeze()))
    }

    /// What the header of a packet of sound says.
    fn read_audio(
        &self,
        now: MediaInstant,
        section: AudioSection,
        header: &RtpHeader<'_>,
    ) -> Result<ReceivedAudio, Dropped> {
        Ok(ReceivedAudio {
            arrival_time: now,
            section,
            ssrc: Ssrc(header.ssrc),
            sequence_number: header.sequence_number,
            sender_time: RtpTime(header.timestamp),
            encoding: self.encoding_of(header.payload_type).ok_or(Dropped::UnknownPayloadType)?,
            marker: header.marker,
            speakers: header.speakers(self.extensions.source_levels),
            level: header.level(self.extensions.level),
            payload: Bytes::new(),
        })
    }

    fn with_payload(&self, received: Received, payload: Bytes) -> Received {
        match received {
            Received::Audio(audio) => Received::Audio(ReceivedAudio { payload, ..audio }),
            Received::Video(video) => Received::Video(video::unwrap_repair(video, payload)),
        }
    }

    /// The section of a packet (RFC 9143 section 9.2): the one it names; else that of its source, as it was last known or was
    /// announced; else the first that has its payload type. All audio sections have the same types.
    fn place_of(&self, header: &RtpHeader<'_>) -> Place {
        let id = self.extensions.mid.or_else(|| self.video.first().and_then(VideoPath::mid_extension));
        let named = id.and_then(|id| header.extension(id)).filter(|mid| !mid.is_empty());
        let named = named.and_then(|mid| self.find(|name, _, _| name.as_bytes() == mid));
        let known = || self.streams.get(header.ssrc).and_then(|stream| stream.place);
        let announced = || self.find(|_, sources, _| sources.contains(&header.ssrc));
        let typed =
            || self.find(|_, _, video| video.is_some_and(|video| video.has_type(header.payload_type)));
        let speech = || self.encoding_of(header.payload_type).map(|_| Place::Audio(0));
        let place = named.or_else(known).or_else(announced).or_else(speech).or_else(typed);
        place.unwrap_or(Place::Audio(0))
    }

    /// The first section of which that is so: its name, its announced sources, and what it has of video.
    fn find(&self, mut is: impl FnMut(&str, &[u32], Option<&VideoPath>) -> bool) -> Option<Place> {
        let audio = self.sections.iter().position(|section| is(&section.mid, &section.sources, None));
        audio.map(Place::Audio).or_else(|| {
            let video = self.video.iter().position(|video| is(&video.mid, &video.sources, Some(video)));
            video.map(Place::Video)
        })
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
            transport_number: None,
            names: [None; 2],
            contributing: packet.speakers,
        };
        let index = own.sent.window.index_of(packet.sequence_number);
        // Twice the same number would be twice the same key stream, which gives both packets away.
        let index = index.filter(|index| own.sent.window.is_fresh(*index)).ok_or(Dropped::Replayed)?;
        let datagram = seal(keys, &mut self.packets, &header, index, packet.payload)?;
        own.sent.note(index, packet.sender_time, now, packet.payload.len());
        Ok(datagram)
    }
}

/// Puts a packet together and encrypts it.
fn seal(
    keys: &MediaKeys,
    packets: &mut Block,
    header: &NewHeader<'_>,
    index: u64,
    payload: &[u8],
) -> Result<BytesMut, Dropped> {
    let packets = packets.with_room(MAX_NEW_HEADER_LEN + payload.len() + MAX_OVERHEAD);
    header.write(packets);
    let header_len = packets.len();
    packets.extend_from_slice(payload);
    let (head, body) = packets.split_at_mut(header_len);
    let Ok(tag) = keys.send.seal_rtp(header.ssrc, index, head, body) else {
        packets.clear();
        return Err(Dropped::TooLarge);
    };
    packets.extend_from_slice(&tag);
    Ok(packets.split())
}

impl OwnStream {
    fn several(count: usize) -> Vec<Self> {
        let mut own: Vec<Self> = Vec::with_capacity(count);
        while own.len() < count {
            let (ssrc, ..) = Uuid::new_v4().as_fields();
            // Twice the same would be one stream in two places.
            if own.iter().all(|other| other.ssrc != ssrc) {
                own.push(Self { ssrc, types: None, sent: Sent::default() });
            }
        }
        own
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
            let begin = packet.len();
            let words = (1 + mid.len()).div_ceil(4);
            packet.extend_from_slice(&[0xbe, 0xde, 0, words as u8, 0x40 | (mid.len() as u8 - 1)]);
            packet.extend_from_slice(mid.as_bytes());
            packet.resize(begin + 4 + 4 * words, 0);
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
