//! What a far end sees: which frames of the bot's came whole. They are put together by the stack's readers of payloads, not by the
//! engine's.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use h264_reader::nal::sps::SeqParameterSet;
use h264_reader::rbsp::{BitReader, decode_nal};
use offhook_media::RtpTime;
use offhook_media::video::{VideoCodec, VideoSize};
use rtc::rtp::Packet;
use rtc::rtp::codec::h264::H264Packet;
use rtc::rtp::codec::vp8::Vp8Packet;
use rtc::rtp::packetizer::Depacketizer;

use super::film::units_of;
use crate::bridge::Codec;

/// Packets that are remembered: some seconds of video.
const REMEMBERED: usize = 2_048;

/// What a far end has counted of the pictures of a camera or a screen: of the layers of simulcast together, with the size and the time of
/// the largest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeenPictures {
    /// RTP packets that came, those that were sent once more among them.
    pub packets_received: u64,
    /// Frames of which all packets came.
    pub frames_received: u64,
    /// Of these, key frames.
    pub key_frames_received: u64,
    /// How large the latest key frame was.
    pub size: Option<VideoSize>,
    /// The time of the latest whole frame on the bot's clock, in 90,000ths of a second.
    pub sender_time: Option<RtpTime>,
    /// The codec of the latest packet.
    pub codec: Option<VideoCodec>,
}

/// What was counted of all layers together. Size and time are those of the largest.
pub(super) fn of_layers(layers: &[Seeing]) -> SeenPictures {
    let pixels = |seen: &SeenPictures| seen.size.map_or(0, VideoSize::pixels);
    layers.iter().map(Seeing::seen).fold(SeenPictures::default(), |all, one| {
        let largest = if all.packets_received == 0 || pixels(&one) > pixels(&all) { one } else { all };
        SeenPictures {
            packets_received: all.packets_received + one.packets_received,
            frames_received: all.frames_received + one.frames_received,
            key_frames_received: all.key_frames_received + one.key_frames_received,
            ..largest
        }
    })
}

/// A packet that came.
struct Part {
    time: u32,
    /// Whether it is the last of its frame.
    is_last: bool,
    payload: Bytes,
    /// Whether its frame is counted.
    is_counted: bool,
}

/// Counts whole frames, in whichever order their packets come.
#[derive(Default)]
pub(super) struct Seeing {
    seen: SeenPictures,
    highest: Option<i64>,
    parts: BTreeMap<i64, Part>,
}

impl Seeing {
    pub(super) fn seen(&self) -> SeenPictures {
        self.seen
    }

    /// Takes in a packet.
    pub(super) fn receive(&mut self, codec: Codec, packet: &Packet) {
        let header = &packet.header;
        self.seen.packets_received += 1;
        self.seen.codec = Some(match codec {
            Codec::H264 => VideoCodec::H264,
            Codec::Vp8 => VideoCodec::Vp8,
        });
        let number = header.sequence_number;
        // Places count across wraps: the nearest to the highest so far.
        let highest = *self.highest.get_or_insert(number.into());
        let place = highest + i64::from(number.wrapping_sub(highest as u16).cast_signed());
        self.highest = Some(highest.max(place));
        self.parts.entry(place).or_insert_with(|| Part {
            time: header.timestamp,
            is_last: header.marker,
            payload: packet.payload.clone(),
            is_counted: false,
        });
        if let Some(frame) = self.whole(codec, place) {
            self.count(codec, RtpTime(header.timestamp), &frame);
        }
        while self.parts.len() > REMEMBERED {
            self.parts.pop_first();
        }
    }

    /// The frame that the packet at `place` is of, once all of it is there; each is given once.
    fn whole(&mut self, codec: Codec, place: i64) -> Option<Bytes> {
        let time = self.parts.get(&place)?.time;
        let of_frame = |part: &Part| part.time == time && !part.is_counted;
        let mut first = place;
        let begins = loop {
            if let Some(before) = self.parts.get(&(first - 1)) {
                if before.is_last || before.time != time {
                    break true;
                }
                first -= 1;
            } else {
                // What is before it never came, or is not there yet: some frames say where they begin.
                break self.parts.get(&first).is_some_and(|part| says_that_it_begins(codec, &part.payload));
            }
        };
        let mut last = place;
        while self.parts.get(&last).is_some_and(|part| !part.is_last) {
            self.parts.get(&(last + 1)).filter(|part| of_frame(part))?;
            last += 1;
        }
        if !begins || self.parts.range(first..=last).any(|(_, part)| !of_frame(part)) {
            return None;
        }
        let parts = self.parts.range_mut(first..=last).map(|(_, part)| {
            part.is_counted = true;
            std::mem::take(&mut part.payload)
        });
        let mut join = Join::new(codec);
        let mut frame = BytesMut::new();
        for payload in parts.filter(|payload| !payload.is_empty()) {
            frame.extend_from_slice(&join.payload(&payload)?);
        }
        (!frame.is_empty()).then(|| frame.freeze())
    }

    fn count(&mut self, codec: Codec, time: RtpTime, frame: &[u8]) {
        self.seen.frames_received += 1;
        let is_newer =
            self.seen.sender_time.is_none_or(|latest| time.0.wrapping_sub(latest.0).cast_signed() > 0);
        if is_newer {
            self.seen.sender_time = Some(time);
        }
        let (is_key, size) = match codec {
            Codec::Vp8 => of_vp8(frame),
            Codec::H264 => of_h264(frame),
        };
        self.seen.key_frames_received += u64::from(is_key);
        self.seen.size = size.or(self.seen.size);
    }
}

/// What puts the payloads of a frame together.
enum Join {
    Vp8,
    H264(H264Packet),
}

impl Join {
    fn new(codec: Codec) -> Self {
        match codec {
            Codec::Vp8 => Self::Vp8,
            Codec::H264 => Self::H264(H264Packet::default()),
        }
    }

    /// What a payload adds to its frame; `None` where it cannot be read.
    fn payload(&mut self, payload: &Bytes) -> Option<Bytes> {
        match self {
            // The stack's reader takes a frame's last bytes for a packet that is cut off.
            Self::Vp8 if payload.len() < 4 && payload[0] & 0x80 == 0 => Some(payload.slice(1..)),
            Self::Vp8 => Vp8Packet::default().depacketize(payload).ok(),
            Self::H264(_) if !is_readable(payload) => None,
            Self::H264(reader) => reader.depacketize(payload).ok(),
        }
    }
}

/// Whether the lengths in an aggregate of H.264 (STAP-A, RFC 6184 section 5.7.1) fit into it: the stack's reader takes that for granted.
fn is_readable(payload: &[u8]) -> bool {
    let Some((first, mut rest)) = payload.split_first() else { return false };
    while first & 0x1f == 24 && !rest.is_empty() {
        let unit = rest.split_first_chunk::<2>();
        let behind = unit.and_then(|(len, units)| units.split_at_checked(u16::from_be_bytes(*len).into()));
        let Some((_, behind)) = behind else { return false };
        rest = behind;
    }
    true
}

/// Whether a payload is the first of its frame by what is in it: in VP8 of each frame; in H.264 of those with parameter sets.
fn says_that_it_begins(codec: Codec, payload: &[u8]) -> bool {
    match (codec, payload) {
        (Codec::Vp8, [first, ..]) => first & 0x17 == 0x10,
        // A STAP-A, or a unit of its own.
        (Codec::H264, [24 | 56 | 88 | 120, _, _, unit, ..] | [unit, ..]) => matches!(unit & 0x1f, 7 | 9),
        _ => false,
    }
}

/// Whether a frame of VP8 is a key frame, and how large then (RFC 6386 section 9.1).
fn of_vp8(frame: &[u8]) -> (bool, Option<VideoSize>) {
    (frame.first().is_some_and(|byte| byte & 1 == 0), size_of_vp8(frame))
}

/// The size that the beginning of a frame of VP8 tells, where it is a key frame.
pub(crate) fn size_of_vp8(frame: &[u8]) -> Option<VideoSize> {
    match frame {
        [first, _, _, 0x9d, 0x01, 0x2a, a, b, c, d, ..] if first & 1 == 0 => {
            // Above the 14 bits stands by how much it is to be enlarged.
            let pixels = |low, high| u16::from_le_bytes([low, high]) & 0x3fff;
            Some(VideoSize { width: pixels(*a, *b), height: pixels(*c, *d) })
        }
        _ => None,
    }
}

/// Whether units with start codes have a slice of an IDR picture, and the size in their parameter sets.
fn of_h264(frame: &[u8]) -> (bool, Option<VideoSize>) {
    let (mut is_key, mut size) = (false, None);
    for unit in units_of(frame) {
        match unit.first().map(|byte| byte & 0x1f) {
            Some(5) => is_key = true,
            Some(7) => size = size_in_parameters(unit).or(size),
            _ => {}
        }
    }
    (is_key, size)
}

/// The size that a sequence parameter set tells.
pub(crate) fn size_in_parameters(unit: &[u8]) -> Option<VideoSize> {
    let bits = decode_nal(unit).ok()?;
    let parameters = SeqParameterSet::from_bits(BitReader::new(&bits[..])).ok()?;
    let (width, height) = parameters.pixel_dimensions().ok()?;
    Some(VideoSize { width: width.try_into().ok()?, height: height.try_into().ok()? })
}

#[cfg(test)]
mod tests {
    use rtc::rtp::header::Header;

    use super::super::film::Film;
    use super::*;

    /// The packets of so many pictures of the pattern, from a number just before the wrap on.
    fn packets(codec: Codec, pictures: u32) -> Vec<Packet> {
        let film = Film::pattern();
        let version = film.versions().iter().find(|version| version.codec == codec).unwrap();
        let (mut packets, mut number) = (Vec::new(), 65_530_u16);
        for picture in 0..pictures {
            let payloads = version.payloads(picture as usize);
            for (place, payload) in payloads.iter().enumerate() {
                let header = Header {
                    sequence_number: number,
                    timestamp: picture * 3_600,
                    marker: place + 1 == payloads.len(),
                    ..Header::default()
                };
                number = number.wrapping_add(1);
                packets.push(Packet { header, payload: payload.clone() });
            }
        }
        packets
    }

    fn seen<'a>(codec: Codec, packets: impl IntoIterator<Item = &'a Packet>) -> SeenPictures {
        let mut seeing = Seeing::default();
        packets.into_iter().for_each(|packet| seeing.receive(codec, packet));
        seeing.seen()
    }

    #[test]
    fn whole_frames_are_counted_in_any_order_and_once() {
        for codec in [Codec::H264, Codec::Vp8] {
            let packets = packets(codec, 30);
            let inorder = seen(codec, &packets);
            assert_eq!((inorder.frames_received, inorder.key_frames_received), (30, 2), "{codec:?}");
            assert_eq!(inorder.size, Some(VideoSize { width: 640, height: 360 }));
            assert_eq!(inorder.sender_time, Some(RtpTime(29 * 3_600)));
            // Each pair the other way round, and each packet twice.
            let (first, rest) = packets.split_first().unwrap();
            let swapped = rest.chunks(2).flat_map(|pair| pair.iter().rev());
            let mixed: Vec<&Packet> = [first].into_iter().chain(swapped).flat_map(|one| [one, one]).collect();
            let SeenPictures { frames_received, key_frames_received, .. } = seen(codec, mixed);
            assert_eq!((frames_received, key_frames_received), (30, 2), "{codec:?}");
        }
    }

    #[test]
    fn a_frame_of_which_something_never_came_is_not_counted() {
        for codec in [Codec::H264, Codec::Vp8] {
            let mut packets = packets(codec, 10);
            let of_fifth = |packet: &Packet| packet.header.timestamp == 4 * 3_600;
            let place = packets.iter().position(of_fifth).unwrap();
            packets.remove(place);
            let report = seen(codec, &packets);
            // In H.264 nothing tells that the next one is whole.
            assert!((8..=9).contains(&report.frames_received), "{codec:?}: {report:?}");
        }
    }

    #[test]
    fn layers_are_counted_together_and_the_largest_tells_the_size() {
        let mut layers: [Seeing; 3] = std::array::from_fn(|_| Seeing::default());
        let of_width = |width: u8, timestamp| {
            let header = Header { marker: true, timestamp, ..Header::default() };
            let payload = Bytes::from(vec![0x10, 0, 0, 0, 0x9d, 0x01, 0x2a, width, 0, 90, 0]);
            Packet { header, payload }
        };
        layers[1].receive(Codec::Vp8, &of_width(100, 5));
        layers[2].receive(Codec::Vp8, &of_width(200, 6));
        let seen = of_layers(&layers);
        assert_eq!((seen.packets_received, seen.frames_received, seen.key_frames_received), (2, 2, 2));
        assert_eq!(seen.size, Some(VideoSize { width: 200, height: 90 }));
        assert_eq!((seen.sender_time, seen.codec), (Some(RtpTime(6)), Some(VideoCodec::Vp8)));
    }

    #[test]
    fn no_payload_panics() {
        proptest::proptest!(|(payloads in proptest::collection::vec(proptest::collection::vec(proptest::prelude::any::<u8>(), 0..40), 1..8), marker in proptest::prelude::any::<u8>())| {
            for codec in [Codec::H264, Codec::Vp8] {
                let mut seeing = Seeing::default();
                for (number, payload) in (0_u16..).zip(&payloads) {
                    let is_last = marker >> (number % 8) & 1 == 1;
                    let header = Header { sequence_number: number, marker: is_last, ..Header::default() };
                    seeing.receive(codec, &Packet { header, payload: Bytes::copy_from_slice(payload) });
                }
            }
        });
    }
}
