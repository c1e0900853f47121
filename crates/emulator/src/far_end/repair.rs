//! Packets that are sent once more in streams of their own (RTX, RFC 4588). The stack takes those that come apart only behind what asks
//! for missing packets, which would ask for ever, and those of the layers of simulcast, which say by a name what they repair (RFC 8852),
//! not at all; and it gives those that go the type of one codec, where a slot has several.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use rtc::interceptor::{Packet, StreamInfo, TwccSenderBuilder};
use rtc::rtp::header::Header;
use tokio::sync::mpsc::UnboundedSender;
use webrtc::peer_connection::{Registry, Slot};

use crate::bridge::{KeyFrameNeeds, Look, MID, NEAREST_TO_APPLICATION, Passing, REPAIRED_RID, RID, sections};

/// Where the one stands that takes apart what comes: nearer to the wire than what asks for packets.
const BEFORE_ASKING: usize = 6_500;

/// Where the one stands that looks at what goes: nearer to the wire than what sends packets once more.
const BEHIND_SENDING: usize = 3_500;

/// With all that video needs beside what is usual: packets are numbered across streams, so that the bot can tell how they arrive.
/// `needs` is told of which source a key frame is needed.
pub(super) fn with_video(registry: Registry, needs: UnboundedSender<u32>, agreed: &Agreed) -> Registry {
    registry
        .with(Slot::Custom(NEAREST_TO_APPLICATION), KeyFrameNeeds::told_to(needs))
        .with(
            Slot::Custom(BEFORE_ASKING),
            Passing::by(Restore { agreed: agreed.clone(), ..Restore::default() }),
        )
        .with(Slot::Custom(BEHIND_SENDING), Passing::by(Mark { agreed: agreed.clone(), ..Mark::default() }))
        .with(Slot::TwccSender, TwccSenderBuilder::new().build())
}

/// What was agreed on, once it was.
#[derive(Clone, Default)]
pub(super) struct Agreed(Arc<OnceLock<Terms>>);

struct Terms {
    /// By payload type, that of packets that are sent once more.
    types: HashMap<u8, u8>,
    /// The numbers of the extensions that name a section, a layer, and the layer that is repaired.
    names: [Option<u8>; 3],
}

impl Agreed {
    /// The terms of an answer: `a=fmtp:97 apt=96`, and the extensions of headers.
    pub(super) fn learn(&self, answer: &str) {
        let of_line = |line: &str| {
            let (number, parameters) = line.strip_prefix("a=fmtp:")?.split_once(' ')?;
            let of = parameters.trim_end().split(';').find_map(|one| one.trim().strip_prefix("apt="))?;
            Some((of.parse().ok()?, number.parse().ok()?))
        };
        let sections = sections(answer);
        let number = |uri: &str| sections.iter().find_map(|section| section.extension(uri));
        let names = [MID, RID, REPAIRED_RID].map(number);
        let _ = self.0.set(Terms { types: answer.lines().filter_map(of_line).collect(), names });
    }

    /// The type of packets that repair those of `payload_type`.
    fn repairing(&self, payload_type: u8) -> Option<u8> {
        self.0.get()?.types.get(&payload_type).copied()
    }

    /// The type of packets that those of `payload_type` repair.
    fn repaired(&self, payload_type: u8) -> Option<u8> {
        let types = &self.0.get()?.types;
        types.iter().find(|(_, repairing)| **repairing == payload_type).map(|(repaired, _)| *repaired)
    }

    /// The names in a header: of the section, of the layer, of the layer that is repaired.
    fn names(&self, header: &Header) -> [Option<Bytes>; 3] {
        let Some(terms) = self.0.get().filter(|_| header.extension) else { return [const { None }; 3] };
        terms.names.map(|number| header.get_extension(number?))
    }
}

/// What a repairing stream repairs.
#[derive(Clone, Copy)]
struct Repaired {
    ssrc: u32,
    /// By the payload types of the repairing packets.
    payload_type: u8,
    repairing_type: u8,
}

/// Layers that are remembered: of more than that there are none.
const REMEMBERED: usize = 64;

/// Restores what comes.
#[derive(Default)]
struct Restore {
    agreed: Agreed,
    /// By the sources of the repairing streams, where they were announced.
    streams: HashMap<u32, Repaired>,
    /// The sources of layers, by the names of their section and their own.
    layers: HashMap<(Bytes, Bytes), u32>,
    /// By the sources of the repairing streams, those of the layers that they repair.
    repairing: HashMap<u32, u32>,
}

impl Restore {
    /// Notes which source is that of which layer, and which one repairs it.
    fn note(&mut self, header: &Header) {
        match self.agreed.names(header) {
            [Some(mid), Some(rid), _] if self.layers.len() < REMEMBERED => {
                self.layers.insert((mid, rid), header.ssrc);
            }
            [Some(mid), None, Some(repaired)] if self.repairing.len() < REMEMBERED => {
                if let Some(source) = self.layers.get(&(mid, repaired)) {
                    self.repairing.insert(header.ssrc, *source);
                }
            }
            _ => {}
        }
    }

    /// The source and the type of what a packet repairs, where it repairs anything.
    fn repaired_by(&self, header: &Header) -> Option<(u32, u8)> {
        if let Some(repaired) = self.streams.get(&header.ssrc) {
            let repairs = header.payload_type == repaired.repairing_type;
            return repairs.then_some((repaired.ssrc, repaired.payload_type));
        }
        Some((*self.repairing.get(&header.ssrc)?, self.agreed.repaired(header.payload_type)?))
    }

    /// The packet that was sent once more, in place of the one that carries it: behind its sequence number stands its payload.
    fn restore(&self, packet: &mut rtc::rtp::Packet) {
        let Some((ssrc, payload_type)) = self.repaired_by(&packet.header) else { return };
        let Some(&[high, low]) = packet.payload.first_chunk::<2>() else { return };
        packet.payload = packet.payload.slice(2..);
        packet.header.ssrc = ssrc;
        packet.header.payload_type = payload_type;
        packet.header.sequence_number = u16::from_be_bytes([high, low]);
    }
}

impl Look for Restore {
    fn comes(&mut self, packet: &mut Packet) {
        if let Packet::Rtp(packet) = packet {
            self.note(&packet.header);
            self.restore(packet);
        }
    }

    fn begins_to_come(&mut self, stream: &StreamInfo) {
        if let (Some(repairing), Some(repairing_type)) = (stream.ssrc_rtx, stream.payload_type_rtx) {
            let (ssrc, payload_type) = (stream.ssrc, stream.payload_type);
            self.streams.insert(repairing, Repaired { ssrc, payload_type, repairing_type });
        }
    }

    fn ends_to_come(&mut self, stream: &StreamInfo) {
        if let Some(repairing) = stream.ssrc_rtx {
            self.streams.remove(&repairing);
        }
    }
}

/// Gives what is sent once more the type that belongs to the codec of its stream.
#[derive(Default)]
struct Mark {
    agreed: Agreed,
    /// By the sources of the repairing streams, those of the streams that they repair.
    repaired: HashMap<u32, u32>,
    /// The payload types of the latest packets, by source.
    latest: HashMap<u32, u8>,
}

impl Mark {
    fn mark(&mut self, packet: &mut rtc::rtp::Packet) {
        let header = &mut packet.header;
        let Some(repaired) = self.repaired.get(&header.ssrc) else {
            self.latest.insert(header.ssrc, header.payload_type);
            return;
        };
        let latest = self.latest.get(repaired).copied();
        header.payload_type =
            latest.and_then(|latest| self.agreed.repairing(latest)).unwrap_or(header.payload_type);
    }
}

impl Look for Mark {
    fn goes(&mut self, packet: &mut Packet) {
        if let Packet::Rtp(packet) = packet {
            self.mark(packet);
        }
    }

    fn begins_to_go(&mut self, stream: &StreamInfo) {
        if let Some(repairing) = stream.ssrc_rtx {
            self.repaired.insert(repairing, stream.ssrc);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "m=video 9 X 96 97\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\n\
        a=fmtp:97 apt=96\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
        a=extmap:7 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n\
        a=extmap:8 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n";

    fn packet(ssrc: u32, payload_type: u8, names: &[(u8, &'static str)], payload: &'static [u8]) -> Packet {
        let mut header = Header { version: 2, ssrc, payload_type, sequence_number: 1, ..Header::default() };
        for (number, name) in names {
            header.set_extension(*number, Bytes::from_static(name.as_bytes())).unwrap();
        }
        Packet::Rtp(rtc::rtp::Packet { header, payload: Bytes::from_static(payload) })
    }

    /// Source, type and number of a packet once it has come, and what is in it.
    fn came(restore: &mut Restore, mut packet: Packet) -> (u32, u8, u16, Bytes) {
        restore.comes(&mut packet);
        let Packet::Rtp(packet) = packet else { panic!() };
        let header = packet.header;
        (header.ssrc, header.payload_type, header.sequence_number, packet.payload)
    }

    #[test]
    fn what_repairs_a_layer_is_known_by_the_name_of_the_layer() {
        let agreed = Agreed::default();
        let mut restore = Restore { agreed: agreed.clone(), ..Restore::default() };
        let repair = |names: &[(u8, &'static str)]| packet(31, 97, names, b"\x12\x34part");
        let as_it_came = (31, 97, 1, Bytes::from_static(b"\x12\x34part"));
        assert_eq!(came(&mut restore, repair(&[(4, "1"), (8, "1")])), as_it_came, "before the answer");
        agreed.learn(ANSWER);
        assert_eq!(came(&mut restore, repair(&[(4, "1"), (8, "1")])), as_it_came, "of nobody yet");
        came(&mut restore, packet(20, 96, &[(4, "1"), (7, "0")], b"x"));
        came(&mut restore, packet(21, 96, &[(4, "1"), (7, "1")], b"x"));
        came(&mut restore, packet(22, 96, &[(4, "2"), (7, "1")], b"x"));
        let restored = (21, 96, 0x1234, Bytes::from_static(b"part"));
        assert_eq!(came(&mut restore, repair(&[(4, "1"), (8, "1")])), restored);
        assert_eq!(came(&mut restore, repair(&[])), restored, "it has said so");
        let padding = packet(31, 97, &[], b"\0");
        assert_eq!(came(&mut restore, padding), (31, 97, 1, Bytes::from_static(b"\0")));
        let other = packet(31, 99, &[], b"\x12\x34part");
        assert_eq!(came(&mut restore, other).1, 99, "a type that repairs nothing");
    }

    #[test]
    fn what_was_announced_to_repair_a_stream_does() {
        let mut restore = Restore::default();
        restore.begins_to_come(&StreamInfo {
            ssrc: 5,
            payload_type: 96,
            ssrc_rtx: Some(6),
            payload_type_rtx: Some(97),
            ..StreamInfo::default()
        });
        let repair = || packet(6, 97, &[], b"\0\x09part");
        assert_eq!(came(&mut restore, repair()), (5, 96, 9, Bytes::from_static(b"part")));
        restore.ends_to_come(&StreamInfo { ssrc: 5, ssrc_rtx: Some(6), ..StreamInfo::default() });
        assert_eq!(came(&mut restore, repair()).0, 6);
    }
}
