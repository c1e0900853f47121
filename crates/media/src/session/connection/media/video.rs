//! The video sections of one session: which packet is of what, and our own streams.

use bytes::{Buf, Bytes, BytesMut};

use super::layers::{OwnVideo, can_say};
use super::{MediaPath, seal};
use crate::blob::MediaDirection;
use crate::blob::peer::{HeaderExtensions, PeerSection};
use crate::blob::video::{FeedbackKinds, VideoFormat};
use crate::session::connection::describe::{VideoSection, VideoSources};
use crate::session::connection::streams::{VIDEO_RATE, ticks};
use crate::session::transport::{Dropped, NegotiatedVideo, ReceivedVideo, VideoIndex};
use crate::time::{MediaInstant, RtpTime};
use crate::units::Ssrc;
use crate::video::VideoCodec;
use crate::video::rtx;
use crate::video::sender::{OutgoingVideo, SentAs};
use crate::video::simulcast::LayerSet;
use crate::wire::rtcp::SenderReport;
use crate::wire::rtp::{NewHeader, RtpHeader};

/// The same numbers as in the audio sections, as one transport has them all (RFC 9143 section 7.2.1).
pub(in crate::session::connection) fn offered_extensions(section: &VideoSection) -> HeaderExtensions {
    let of_layers = |number: u8| section.is_layered().then_some(number);
    HeaderExtensions {
        level: None,
        source_levels: None,
        mid: Some(4),
        transport_number: Some(5),
        layer: of_layers(7),
        repaired_layer: of_layers(8),
    }
}

/// One video section.
#[derive(Debug)]
pub(super) struct VideoPath {
    pub(super) mid: String,
    /// Sources that the peer announces.
    pub(super) sources: Vec<u32>,
    repairs: Vec<(u32, u32)>,
    own: OwnVideo,
    /// What the peer may send, by our numbers; nothing where it shows us nothing.
    shown: Vec<VideoFormat>,
    /// What we may send, by its numbers; nothing where it does not look.
    seen: Vec<VideoFormat>,
    extensions: HeaderExtensions,
    /// The stream that came last.
    current: Option<u32>,
}

impl VideoPath {
    /// One that takes what it sends from out of `sources`, which are all different.
    pub(super) fn new(section: &VideoSection, sources: &mut impl Iterator<Item = u32>) -> Self {
        Self {
            mid: section.socket.to_string(),
            sources: Vec::new(),
            repairs: Vec::new(),
            own: OwnVideo::new(section.layers, sources),
            shown: Vec::new(),
            seen: Vec::new(),
            extensions: HeaderExtensions::default(),
            current: None,
        }
    }

    pub(super) fn mid_extension(&self) -> Option<u8> {
        self.extensions.mid
    }

    /// Our sources: of the only picture, or the largest.
    pub(super) fn own_sources(&self) -> Option<VideoSources> {
        self.own.largest()
    }

    /// Which of our layers has that source.
    pub(super) fn layer_of(&self, picture: u32) -> Option<usize> {
        self.own.layer_of(picture)
    }

    /// What there is to report of each layer.
    pub(super) fn reports(
        &self,
        now: MediaInstant,
    ) -> impl Iterator<Item = (u32, Option<SenderReport>)> + Clone {
        self.own.reports(now, VIDEO_RATE)
    }

    /// Whether a payload type is one of those that come here.
    pub(super) fn has_type(&self, number: u8) -> bool {
        self.format_of(number).is_some()
    }

    /// What a payload type stands for, and whether for its retransmissions: by our numbers, and by the peer's where those mean
    /// nothing to us.
    fn format_of(&self, number: u8) -> Option<(&VideoFormat, bool)> {
        let known = if self.shown.is_empty() { &[][..] } else { &self.seen };
        self.shown.iter().chain(known).find_map(|format| {
            let is_repair = format.repair == Some(number);
            (format.number == number || is_repair).then_some((format, is_repair))
        })
    }

    /// The stream whose sender is asked for something, and what it understands.
    pub(super) fn asks(&self) -> Option<(u32, FeedbackKinds)> {
        let ssrc = self.current.or_else(|| self.sources.first().copied())?;
        self.shown.first().map(|format| (ssrc, format.feedback))
    }

    /// The stream that a retransmission on `ssrc` is of: the one that it was announced with, or else the one that is there.
    fn repaired_by(&self, ssrc: u32) -> Option<u32> {
        let announced = self.repairs.iter().find(|(_, repair)| *repair == ssrc);
        announced.map(|(picture, _)| *picture).or(self.current)
    }

    /// Takes what the peer said of the section, which we would have as `wanted`. Its numbers are ours where we answer.
    fn agree(&mut self, peer: &PeerSection, wanted: &VideoSection, local: Option<&[VideoFormat]>) {
        let direction = if peer.is_in_use { peer.direction } else { MediaDirection::Inactive };
        let agreed = wanted.direction.answer_to(direction);
        let both: Vec<VideoFormat> =
            peer.video.iter().filter(|format| wanted.codecs.contains(&format.codec)).cloned().collect();
        let by_our_numbers = |format: &VideoFormat| {
            let local = local.unwrap_or(&both).iter().find(|local| local.codec == format.codec)?;
            Some(VideoFormat { number: local.number, repair: local.repair, ..format.clone() })
        };
        self.shown =
            if agreed.receives() { both.iter().filter_map(by_our_numbers).collect() } else { Vec::new() };
        self.extensions = peer.extensions;
        self.sources.clone_from(&peer.sources);
        self.repairs.clone_from(&peer.repairs);
        self.seen = if agreed.sends() { both } else { Vec::new() };
        // An answer of ours names no layers.
        self.own.agree(peer, local.is_some() && wanted.is_layered());
    }

    /// Whether retransmissions to the peer have streams of their own. Nobody could tell those of one layer from those of another that
    /// do not say which they repair.
    fn has_repair(&self) -> bool {
        let can_tell = !self.own.is_named() || can_say(self.extensions.repaired_layer);
        can_tell && self.seen.first().is_some_and(|format| format.repair.is_some())
    }

    fn negotiated(&self) -> NegotiatedVideo {
        let codec = |formats: &[VideoFormat]| formats.first().map(|format| format.codec);
        NegotiatedVideo {
            sends: codec(&self.seen),
            receives: codec(&self.shown),
            has_repair: self.has_repair(),
            layers: if self.seen.is_empty() { LayerSet::NONE } else { self.own.agreed() },
            clock: self.own.clock(),
        }
    }
}

impl MediaPath {
    /// Takes what the peer said of our video sections. `local` gives the formats that we offered, and nothing where we answer.
    pub(in crate::session::connection) fn agree_video<'a>(
        &mut self,
        wanted: &[VideoSection],
        peer: impl Fn(u32) -> Option<&'a PeerSection>,
        local: impl Fn(VideoCodec) -> Option<VideoFormat>,
    ) {
        for (video, wanted) in self.video.iter_mut().zip(wanted) {
            let formats: Option<Vec<_>> = wanted.codecs.iter().map(|codec| local(*codec)).collect();
            if let Some(section) = peer(wanted.socket) {
                video.agree(section, wanted, formats.as_deref());
            }
        }
    }

    pub(in crate::session::connection) fn negotiated_video(&self, section: VideoIndex) -> NegotiatedVideo {
        self.video.get(section).map(VideoPath::negotiated).unwrap_or_default()
    }

    /// What the header of a packet of video says.
    pub(super) fn read_video(
        &mut self,
        now: MediaInstant,
        section: VideoIndex,
        header: &RtpHeader<'_>,
    ) -> Result<ReceivedVideo, Dropped> {
        let video = self.video.get_mut(section).ok_or(Dropped::NotAgreed)?;
        let (format, is_repair) = video.format_of(header.payload_type).ok_or(Dropped::UnknownPayloadType)?;
        let codec = format.codec;
        let ssrc = if is_repair { video.repaired_by(header.ssrc) } else { Some(header.ssrc) };
        let ssrc = ssrc.ok_or(Dropped::NotAgreed)?;
        video.current = Some(ssrc);
        Ok(ReceivedVideo {
            section,
            codec,
            ssrc: Ssrc(ssrc),
            sequence_number: header.sequence_number,
            sender_time: RtpTime(header.timestamp),
            marker: header.marker,
            source: header.first_source(),
            transport_number: header.transport_number(video.extensions.transport_number),
            is_repair,
            arrival_time: now,
            payload: Bytes::new(),
        })
    }

    /// Writes an RTP packet of a video section.
    pub(in crate::session::connection) fn send_video(
        &mut self,
        now: MediaInstant,
        section: VideoIndex,
        packet: &OutgoingVideo<'_>,
    ) -> Result<BytesMut, Dropped> {
        let keys = self.keys.as_ref().ok_or(Dropped::NoKeys)?;
        let video = self.video.get_mut(section).ok_or(Dropped::NotAgreed)?;
        let format = video.seen.first().ok_or(Dropped::NotAgreed)?;
        let is_repair = matches!(packet.sent_as, SentAs::Repair | SentAs::Filling);
        let clock = video.own.clock();
        let stream = video.own.stream(packet.stream.layer, is_repair).ok_or(Dropped::NotAgreed)?;
        let payload_type = if is_repair { format.repair } else { Some(format.number) };
        // All of them, always: who comes to look later knows nothing of the sources.
        let id = if is_repair { video.extensions.repaired_layer } else { video.extensions.layer };
        let names = stream
            .name
            .map(|name| [video.extensions.mid.zip(Some(video.mid.as_bytes())), id.zip(Some(name))]);
        let header = NewHeader {
            marker: packet.marker,
            payload_type: payload_type.ok_or(Dropped::NotAgreed)?,
            sequence_number: packet.sequence_number,
            timestamp: packet.sender_time.0,
            ssrc: stream.ssrc,
            level: None,
            transport_number: video.extensions.transport_number.map(|id| (id, packet.transport_number)),
            names: names.unwrap_or_default(),
            contributing: &[],
        };
        let sent = stream.sent;
        let index = sent.window.index_of(packet.sequence_number);
        // Twice the same number would be twice the same key stream, which gives both packets away. Only the very same packet may
        // have it again.
        let may_have = |index: &u64| packet.sent_as == SentAs::Again || sent.window.is_fresh(*index);
        let index = index.filter(may_have).ok_or(Dropped::Replayed)?;
        let datagram = seal(keys, &mut self.packets, &header, index, packet.payload)?;
        // Reports tell the clock's time of now, whenever the picture was taken.
        let shows = clock.plus(ticks(now.as_duration(), VIDEO_RATE));
        sent.note(index, shows, now, packet.payload.len());
        Ok(datagram)
    }
}

/// The packet with its payload, as it was when it was first sent (RFC 4588 section 4). A retransmission that carries none only fills
/// the pipe.
pub(super) fn unwrap_repair(packet: ReceivedVideo, mut payload: Bytes) -> ReceivedVideo {
    if !packet.is_repair {
        return ReceivedVideo { payload, ..packet };
    }
    let Some((sequence_number, rest)) = rtx::unwrap(&payload) else {
        return ReceivedVideo { payload: Bytes::new(), ..packet };
    };
    let number_len = payload.len() - rest.len();
    payload.advance(number_len);
    ReceivedVideo { sequence_number, payload, ..packet }
}
