//! The codecs that are passed on, and what of their payloads has to be known for that.

use bytes::Bytes;
use offhook_media::video::VideoSize;
use rtc::rtp::codec::vp8::Vp8Packet;
use rtc::rtp::packetizer::Depacketizer;

use crate::bridge::offer::Section;
use crate::far_end::{size_in_parameters, size_of_vp8};

/// A codec that is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    Vp8,
    H264,
}

impl Codec {
    /// As `a=rtpmap` has it.
    const fn named(self) -> &'static str {
        match self {
            Self::Vp8 => "VP8/90000",
            Self::H264 => "H264/90000",
        }
    }
}

/// By which payload types a section has the codecs, the preferred one first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Numbers(Vec<(Codec, u8)>);

impl Numbers {
    /// Those of a section of an answer.
    pub(crate) fn of(section: &Section) -> Self {
        let number = |codec: Codec| section.number(codec.named()).map(|number| (codec, number));
        let mut numbers: Vec<_> = [Codec::Vp8, Codec::H264].into_iter().filter_map(number).collect();
        numbers.sort_by_key(|(_, number)| section.formats.iter().position(|(known, _)| known == number));
        Self(numbers)
    }

    pub(crate) fn codec(&self, number: u8) -> Option<Codec> {
        self.0.iter().find(|(_, known)| *known == number).map(|(codec, _)| *codec)
    }

    pub(crate) fn preferred(&self) -> Option<Codec> {
        self.0.first().map(|(codec, _)| *codec)
    }

    pub(super) fn number(&self, codec: Codec) -> Option<u8> {
        self.0.iter().find(|(known, _)| *known == codec).map(|(_, number)| *number)
    }

    /// In which of `codecs` something is best seen here.
    pub(super) fn best_of(&self, codecs: &[Codec]) -> Option<Codec> {
        self.0.iter().map(|(codec, _)| *codec).find(|codec| codecs.contains(codec))
    }
}

/// Whether the first packet of a key frame carries this: in H.264 its parameter sets. Who sees it from behind them on reads it by those
/// of another picture, should they have any.
pub(super) fn begins_key_frame(codec: Codec, payload: &Bytes) -> bool {
    match codec {
        Codec::Vp8 => {
            let mut descriptor = Vp8Packet::default();
            // The lowest bit of a frame says that it is none (RFC 6386 section 9.1).
            descriptor.depacketize(payload).is_ok_and(|frame| {
                descriptor.s == 1 && descriptor.pid == 0 && frame.first().is_some_and(|byte| byte & 1 == 0)
            })
        }
        Codec::H264 => parameters(payload).is_some(),
    }
}

/// How large a picture is, where this is the packet of a key frame that says so.
pub(super) fn size_in_key_frame(codec: Codec, payload: &Bytes) -> Option<VideoSize> {
    match codec {
        Codec::Vp8 if !begins_key_frame(codec, payload) => None,
        Codec::Vp8 => size_of_vp8(&Vp8Packet::default().depacketize(payload).ok()?),
        Codec::H264 => size_in_parameters(parameters(payload)?),
    }
}

/// The sequence parameter set in a packet of H.264. What else is said of the picture may stand before it.
fn parameters(payload: &[u8]) -> Option<&[u8]> {
    let is_it = |unit: &[u8]| unit.first().is_some_and(|first| first & TYPE == 7);
    let is_aggregate = payload.first().is_some_and(|first| first & TYPE == 24);
    if is_aggregate {
        units(payload).find(|unit| is_it(unit))
    } else {
        Some(payload).filter(|unit| is_it(unit))
    }
}

/// The units of an aggregate (STAP-A, RFC 6184 section 5.7.1), which has each behind its length.
fn units(aggregate: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = aggregate.get(1..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (len, units) = rest.split_first_chunk::<2>()?;
        let (unit, behind) = units.split_at_checked(u16::from_be_bytes(*len).into())?;
        rest = behind;
        Some(unit)
    })
}

/// The bits of a NAL unit's first byte that are its type (RFC 6184 section 1.3).
const TYPE: u8 = 0x1f;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_frames_are_known_by_their_first_packet() {
        let vp8 = |bytes: &'static [u8]| begins_key_frame(Codec::Vp8, &Bytes::from_static(bytes));
        assert!(vp8(&[0x10, 0x00, 1, 2]) && vp8(&[0x90, 0x80, 0x05, 0x30]), "with a picture id");
        assert!(!vp8(&[0x10, 0x01, 1, 2]), "another frame");
        assert!(!vp8(&[0x00, 0x00, 1, 2]) && !vp8(&[0x11, 0x00, 1]), "its middle, another partition");
        assert!(!vp8(&[]) && !vp8(&[0x90]));
        let h264 = |bytes: &'static [u8]| begins_key_frame(Codec::H264, &Bytes::from_static(bytes));
        assert!(h264(&[0x67, 1]) && h264(&[0x78, 0, 2, 0x67, 1]));
        assert!(h264(&[0x78, 0, 1, 9, 0, 2, 6, 5, 0, 2, 0x67, 1]), "behind what delimits and what informs");
        assert!(!h264(&[0x65, 1]) && !h264(&[0x78, 0, 2, 0x65, 1]), "its parameter sets were before");
        assert!(!h264(&[0x7c, 0x85, 1]) && !h264(&[0x7c, 0x05, 1]), "fragments");
        assert!(!h264(&[0x41, 1]) && !h264(&[0x78, 0, 1, 0x41]) && !h264(&[0x7c, 0x81, 1]));
        assert!(!h264(&[]) && !h264(&[0x78, 0]) && !h264(&[0x7c]));
    }

    #[test]
    fn the_size_is_read_from_the_packet_that_tells_it() {
        let film = crate::far_end::Film::pattern();
        for version in film.versions() {
            let payloads = version.payloads(0);
            let size = size_in_key_frame(version.codec, &payloads[0]);
            assert_eq!(size, Some(VideoSize { width: 640, height: 360 }), "{:?}", version.codec);
            assert!(payloads[1..].iter().all(|payload| size_in_key_frame(version.codec, payload).is_none()));
            assert_eq!(size_in_key_frame(version.codec, &version.payloads(1)[0]), None);
        }
        // Its parameter sets in a packet of their own.
        let film = film.versions().iter().find(|version| version.codec == Codec::H264).unwrap().payloads(0);
        let len = usize::from(u16::from_be_bytes([film[0][1], film[0][2]]));
        let alone = size_in_key_frame(Codec::H264, &film[0].slice(3..3 + len));
        assert_eq!(alone, Some(VideoSize { width: 640, height: 360 }));
    }

    proptest::proptest! {
        #[test]
        fn no_payload_panics(payload in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..40)) {
            for codec in [Codec::Vp8, Codec::H264] {
                let _ = size_in_key_frame(codec, &Bytes::copy_from_slice(&payload));
            }
        }
    }
}
