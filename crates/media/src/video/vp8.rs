//! VP8 in RTP (RFC 7741), and what the head of a frame says (RFC 6386 section 9.1).

use super::VideoSize;
use super::payload::{Layer, PayloadError, Piece};

/// A payload descriptor and what follows it.
struct Descriptor<'a> {
    begins_partition: bool,
    partition: u8,
    layer: Option<Layer>,
    rest: &'a [u8],
}

impl<'a> Descriptor<'a> {
    /// RFC 7741 section 4.2.
    fn read(payload: &'a [u8]) -> Result<Self, PayloadError> {
        let (&first, mut rest) = payload.split_first().ok_or(PayloadError::CutOff)?;
        let mut next = || {
            let (&byte, after) = rest.split_first().ok_or(PayloadError::CutOff)?;
            rest = after;
            Ok(byte)
        };
        let mut layer = None;
        if first & 0x80 != 0 {
            let extensions = next()?;
            if extensions & 0x80 != 0 && next()? & 0x80 != 0 {
                // The rest of a picture id of 15 bits.
                next()?;
            }
            let base = if extensions & 0x40 != 0 { Some(next()?) } else { None };
            let has_temporal = extensions & 0x20 != 0;
            let temporal = if extensions & 0x30 != 0 { Some(next()?) } else { None };
            layer = base.zip(temporal.filter(|_| has_temporal)).map(|(base, temporal)| Layer {
                temporal: temporal >> 6,
                base,
                is_sync: temporal & 0x20 != 0,
            });
        }
        Ok(Self { begins_partition: first & 0x10 != 0, partition: first & 0x07, layer, rest })
    }
}

pub(super) fn read(payload: &[u8]) -> Result<Piece, PayloadError> {
    let descriptor = Descriptor::read(payload)?;
    let begins = descriptor.begins_partition && descriptor.partition == 0;
    // The tag is 3 bytes, little-endian; its lowest bit is 0 for a key frame. A start code and the size follow on that one.
    let head = if begins { descriptor.rest } else { &[] };
    let (is_key, size) = match head {
        &[tag, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] if tag & 1 == 0 => {
            // The upper two bits of each scale the picture when it is shown.
            let [width, height] = [[w0, w1], [h0, h1]].map(|bytes| u16::from_le_bytes(bytes) & 0x3fff);
            (true, Some(VideoSize { width, height }))
        }
        &[tag, ..] => (tag & 1 == 0, None),
        [] => (false, None),
    };
    Ok(Piece { begins, is_key, size, layer: descriptor.layer, is_filler: false })
}

pub(super) fn append(payload: &[u8], frame: &mut Vec<u8>) -> Result<(), PayloadError> {
    frame.extend_from_slice(Descriptor::read(payload)?.rest);
    Ok(())
}

/// Whether a frame needs no other: the lowest bit of its tag is 0 (RFC 6386 section 9.1).
pub(super) fn is_key(frame: &[u8]) -> bool {
    frame.first().is_some_and(|tag| tag & 1 == 0)
}

/// Bytes of the descriptor that [`write_descriptor`] writes.
pub(super) const DESCRIPTOR: usize = 4;

/// The descriptor of a part of the picture with this id, of 15 bits.
pub(super) fn write_descriptor(is_first: bool, picture: u16) -> [u8; DESCRIPTOR] {
    let [high, low] = (picture & 0x7fff | 0x8000).to_be_bytes();
    [if is_first { 0x90 } else { 0x80 }, 0x80, high, low]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_frame_names_its_size() {
        let payload = [0x10, 0x50, 0x01, 0x00, 0x9d, 0x01, 0x2a, 0x00, 0x45, 0xd0, 0x02];
        let size = Some(VideoSize { width: 0x500, height: 720 });
        let key = Piece { begins: true, is_key: true, size, ..Piece::default() };
        assert_eq!(read(&payload), Ok(key));
        let delta = [0x10, 0x51, 0x01, 0x00];
        assert_eq!(read(&delta), Ok(Piece { begins: true, ..Piece::default() }));
        let further = [0x00, 0x50, 0x01];
        assert_eq!(read(&further), Ok(Piece::default()), "not of the first packet, whatever its bytes are");
    }

    #[test]
    fn layers_are_read_behind_picture_ids_of_either_length() {
        let layer = Some(Layer { temporal: 2, base: 7, is_sync: true });
        for payload in
            [&[0x90, 0xe0, 0x05, 0x07, 0xa0, 0x01][..], &[0x90, 0xe0, 0x85, 0x05, 0x07, 0xa0, 0x01]]
        {
            assert_eq!(read(payload).map(|piece| piece.layer), Ok(layer), "{payload:?}");
        }
    }

    #[test]
    fn what_is_cut_off_is_refused() {
        for payload in [&[][..], &[0x90], &[0x90, 0x80], &[0x90, 0x80, 0x80], &[0x90, 0x40], &[0x90, 0x20]] {
            assert_eq!(read(payload), Err(PayloadError::CutOff), "{payload:?}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut frame = Vec::new();
        for (is_first, bytes) in [(true, [0x51, 2, 3]), (false, [4, 5, 6])] {
            let payload = [&write_descriptor(is_first, 0xffff)[..], &bytes].concat();
            assert_eq!(read(&payload).map(|piece| piece.begins), Ok(is_first));
            append(&payload, &mut frame).unwrap();
        }
        assert_eq!(frame, [0x51, 2, 3, 4, 5, 6]);
    }
}
