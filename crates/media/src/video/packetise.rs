//! Frames to the payloads of packets.

use super::h264::{self, Units, kind};
use super::{VideoCodec, vp8};

/// Why a frame cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PacketiseError {
    /// There is nothing in it; H.264 has to be in Annex B form.
    #[error("the frame holds no picture")]
    Empty,
}

/// The least room for a payload that makes sense: RTP over the least datagram that every network carries (RFC 8200 section 5)
/// has more.
const LEAST_ROOM: usize = 64;

/// Takes frames apart. One for each stream.
#[derive(Debug)]
pub struct Packetiser {
    codec: VideoCodec,
    /// The longest payload.
    room: usize,
    /// Where a payload is put together.
    payload: Vec<u8>,
    picture: u16,
}

impl Packetiser {
    /// Payloads of `codec` of at most `room` bytes; of 64 at the least.
    pub fn new(codec: VideoCodec, room: usize) -> Self {
        let room = room.max(LEAST_ROOM);
        Self { codec, room, payload: Vec::with_capacity(room), picture: 0 }
    }

    /// Whether `frame` needs no other, by what its first bytes say.
    pub(super) fn is_key(&self, frame: &[u8]) -> bool {
        match self.codec {
            VideoCodec::H264 => h264::is_key(frame),
            VideoCodec::Vp8 => vp8::is_key(frame),
        }
    }

    /// Gives `send` the payloads of `frame` in order, each with whether it is the last: that one is marked (RFC 6184
    /// section 5.1, RFC 7741 section 4.1).
    ///
    /// # Errors
    /// When nothing is in the frame. Nothing is sent then.
    pub fn packetise(&mut self, frame: &[u8], send: impl FnMut(&[u8], bool)) -> Result<(), PacketiseError> {
        match self.codec {
            VideoCodec::H264 => self.packetise_h264(frame, send),
            VideoCodec::Vp8 => self.packetise_vp8(frame, send),
        }
    }

    fn packetise_vp8(
        &mut self,
        frame: &[u8],
        mut send: impl FnMut(&[u8], bool),
    ) -> Result<(), PacketiseError> {
        if frame.is_empty() {
            return Err(PacketiseError::Empty);
        }
        // Of equal length, so that no packet is all header.
        let packets = frame.len().div_ceil(self.room - vp8::DESCRIPTOR);
        let parts = frame.chunks(frame.len().div_ceil(packets));
        let last = parts.len() - 1;
        for (number, part) in parts.enumerate() {
            self.payload.clear();
            self.payload.extend_from_slice(&vp8::write_descriptor(number == 0, self.picture));
            self.payload.extend_from_slice(part);
            send(&self.payload, number == last);
        }
        self.picture = self.picture.wrapping_add(1);
        Ok(())
    }

    fn packetise_h264(
        &mut self,
        frame: &[u8],
        mut send: impl FnMut(&[u8], bool),
    ) -> Result<(), PacketiseError> {
        // Delimiters say what RTP says, and are left out (RFC 6184 section 5.1 permits it).
        let mut units = Units::of(frame).filter(|unit| h264::kind_of(unit[0]) != kind::DELIMITER).peekable();
        if units.peek().is_none() {
            return Err(PacketiseError::Empty);
        }
        while let Some(unit) = units.next() {
            if unit.len() > self.room {
                let is_last = units.peek().is_none();
                self.fragment(unit, is_last, &mut send);
                continue;
            }
            // Small ones that follow one another, such as parameter sets, share a packet.
            self.payload.clear();
            self.payload.push(kind::STAP_A);
            let (mut together, mut importance) = (0, 0);
            let mut add = |payload: &mut Vec<u8>, unit: &[u8]| {
                let fits = payload.len() + 2 + unit.len() <= self.room;
                if let Some(len) = u16::try_from(unit.len()).ok().filter(|_| fits) {
                    payload.extend_from_slice(&len.to_be_bytes());
                    payload.extend_from_slice(unit);
                    // As important as the most important one in it, and forbidden as soon as one is (section 5.7.1).
                    importance =
                        (importance & 0x80) | (unit[0] & 0x80) | (importance & 0x60).max(unit[0] & 0x60);
                    together += 1;
                }
                fits
            };
            if add(&mut self.payload, unit) {
                while units.next_if(|next| add(&mut self.payload, next)).is_some() {}
            }
            let is_last = units.peek().is_none();
            if together > 1 {
                self.payload[0] |= importance;
                send(&self.payload, is_last);
            } else {
                send(unit, is_last);
            }
        }
        Ok(())
    }

    /// One NAL unit in parts of equal length (RFC 6184 section 5.8).
    fn fragment(&mut self, unit: &[u8], is_last_unit: bool, send: &mut impl FnMut(&[u8], bool)) {
        let Some((&header, rest)) = unit.split_first() else { return };
        let packets = rest.len().div_ceil(self.room - 2);
        let parts = rest.chunks(rest.len().div_ceil(packets));
        let last = parts.len() - 1;
        for (number, part) in parts.enumerate() {
            let (begins, ends) = (number == 0, number == last);
            let fragment = u8::from(begins) << 7 | u8::from(ends) << 6 | h264::kind_of(header);
            self.payload.clear();
            self.payload.extend_from_slice(&[header & 0xe0 | kind::FU_A, fragment]);
            self.payload.extend_from_slice(part);
            send(&self.payload, ends && is_last_unit);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::video::payload;

    fn payloads(codec: VideoCodec, room: usize, frame: &[u8]) -> Vec<(Vec<u8>, bool)> {
        let mut sent = Vec::new();
        Packetiser::new(codec, room)
            .packetise(frame, |payload, last| sent.push((payload.to_vec(), last)))
            .unwrap();
        sent
    }

    /// An H.264 frame in Annex B form, with units of these lengths. No zeros in them: those could make a start code.
    pub(crate) fn annex_b(lengths: &[usize]) -> Vec<u8> {
        let unit = |(number, len): (usize, &usize)| {
            let header = if number % 3 == 0 { 0x67 } else { 0x41 };
            let body = (1..*len).map(move |at| (at % 251 + 1) as u8);
            h264::START_CODE.into_iter().chain([header]).chain(body).collect::<Vec<u8>>()
        };
        lengths.iter().enumerate().flat_map(unit).collect()
    }

    #[test]
    fn parameter_sets_share_a_packet_and_a_large_slice_is_cut_in_equal_parts() {
        let frame = annex_b(&[20, 4, 2500]);
        let sent = payloads(VideoCodec::H264, 1200, &frame);
        let kinds: Vec<_> = sent.iter().map(|(payload, last)| (h264::kind_of(payload[0]), *last)).collect();
        assert_eq!(
            kinds,
            [(kind::STAP_A, false), (kind::FU_A, false), (kind::FU_A, false), (kind::FU_A, true)]
        );
        assert_eq!(sent[0].0[0] & 0x60, 0x60, "as important as the parameters in it");
        let lengths: Vec<_> = sent[1..].iter().map(|(payload, _)| payload.len()).collect();
        assert_eq!(lengths, [835, 835, 835]);
    }

    #[test]
    fn a_frame_without_a_picture_is_refused() {
        for (codec, frame) in [
            (VideoCodec::H264, &b"no start code"[..]),
            (VideoCodec::H264, &[0, 0, 1, 9, 0xf0]),
            (VideoCodec::H264, &[]),
            (VideoCodec::Vp8, &[]),
        ] {
            let refused = Packetiser::new(codec, 1200).packetise(frame, |_, _| panic!("nothing to send"));
            assert_eq!(refused, Err(PacketiseError::Empty));
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_apart_is_put_together_again(
            lengths in proptest::collection::vec(1_usize..4000, 1..8), room in 64_usize..1500, is_h264: bool,
        ) {
            let codec = if is_h264 { VideoCodec::H264 } else { VideoCodec::Vp8 };
            let frame = annex_b(&lengths);
            let sent = payloads(codec, room, &frame);
            let mut together = Vec::new();
            for (number, (payload, last)) in sent.iter().enumerate() {
                prop_assert!(payload.len() <= room);
                prop_assert_eq!(*last, number + 1 == sent.len());
                payload::append(codec, payload, &mut together).unwrap();
            }
            prop_assert_eq!(together, frame);
        }
    }
}
