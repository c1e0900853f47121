//! Packets that are sent once more in streams of their own (RTX, RFC 4588). The stack takes those that come apart only behind what asks
//! for missing packets, which would ask for ever; and gives those that go the type of one codec, where a slot has several.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use rtc::interceptor::{Packet, StreamInfo, TwccSenderBuilder};
use tokio::sync::mpsc::UnboundedSender;
use webrtc::peer_connection::{Registry, Slot};

use crate::bridge::{KeyFrameNeeds, Look, NEAREST_TO_APPLICATION, Passing};

/// Where the one stands that takes apart what comes: nearer to the wire than what asks for packets.
const BEFORE_ASKING: usize = 6_500;

/// Where the one stands that looks at what goes: nearer to the wire than what sends packets once more.
const BEHIND_SENDING: usize = 3_500;

/// With all that video needs beside what is usual: packets are numbered across streams, so that the bot can tell how they arrive.
/// `needs` is told of which source a key frame is needed.
pub(super) fn with_video(registry: Registry, needs: UnboundedSender<u32>, types: &Types) -> Registry {
    registry
        .with(Slot::Custom(NEAREST_TO_APPLICATION), KeyFrameNeeds::told_to(needs))
        .with(Slot::Custom(BEFORE_ASKING), Passing::by(Restore::default()))
        .with(Slot::Custom(BEHIND_SENDING), Passing::by(Mark { types: types.clone(), ..Mark::default() }))
        .with(Slot::TwccSender, TwccSenderBuilder::new().build())
}

/// By payload type, that of packets that are sent once more.
#[derive(Clone, Default)]
pub(super) struct Types(Arc<OnceLock<HashMap<u8, u8>>>);

impl Types {
    /// Those of an answer: `a=fmtp:97 apt=96`.
    pub(super) fn learn(&self, answer: &str) {
        let of_line = |line: &str| {
            let (number, parameters) = line.strip_prefix("a=fmtp:")?.split_once(' ')?;
            let of = parameters.trim_end().split(';').find_map(|one| one.trim().strip_prefix("apt="))?;
            Some((of.parse().ok()?, number.parse().ok()?))
        };
        let _ = self.0.set(answer.lines().filter_map(of_line).collect());
    }

    fn of(&self, payload_type: u8) -> Option<u8> {
        self.0.get()?.get(&payload_type).copied()
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

/// Restores what comes.
#[derive(Default)]
struct Restore {
    /// By the sources of the repairing streams.
    streams: HashMap<u32, Repaired>,
}

impl Restore {
    /// The packet that was sent once more, in place of the one that carries it: behind its sequence number stands its payload.
    fn restore(&self, packet: &mut rtc::rtp::Packet) {
        let Some(repaired) = self.streams.get(&packet.header.ssrc) else { return };
        if packet.header.payload_type != repaired.repairing_type {
            return;
        }
        let Some(&[high, low]) = packet.payload.first_chunk::<2>() else { return };
        packet.payload = packet.payload.slice(2..);
        packet.header.ssrc = repaired.ssrc;
        packet.header.payload_type = repaired.payload_type;
        packet.header.sequence_number = u16::from_be_bytes([high, low]);
    }
}

impl Look for Restore {
    fn comes(&mut self, packet: &mut Packet) {
        if let Packet::Rtp(packet) = packet {
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
    types: Types,
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
        header.payload_type = latest.and_then(|latest| self.types.of(latest)).unwrap_or(header.payload_type);
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
