//! Redundant audio (RFC 2198), with a reader of the far end's own: what a bot writes is not judged by what it would read.

use bytes::Bytes;

use super::voices::TICKS_PER_FRAME;

/// A copy of an earlier packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Copy {
    /// How many RTP ticks before the packet's own time it belongs.
    pub(super) ticks_before: u32,
    pub(super) payload: Bytes,
}

/// Splits a payload into its copies of the payload type `opus`, in their order, and what is new in it. `None` where it
/// ends too early.
pub(super) fn split(packet: &Bytes, opus: u8) -> Option<(Vec<Copy>, Bytes)> {
    let (mut blocks, mut at) = (Vec::new(), 0);
    loop {
        match *packet.get(at..)? {
            // The header of the new block is one byte, and the last.
            [first, ..] if first & 0x80 == 0 => {
                at += 1;
                break;
            }
            [first, high, middle, low, ..] => {
                let ticks_before = u32::from(high) << 6 | u32::from(middle) >> 2;
                let len = usize::from(middle & 0b11) << 8 | usize::from(low);
                blocks.push((first & 0x7f, ticks_before, len));
                at += 4;
            }
            _ => return None,
        }
    }
    let mut copies = Vec::with_capacity(blocks.len());
    for (payload_type, ticks_before, len) in blocks {
        packet.get(at..at + len)?;
        if payload_type == opus {
            copies.push(Copy { ticks_before, payload: packet.slice(at..at + len) });
        }
        at += len;
    }
    Some((copies, packet.slice(at..)))
}

/// A payload with copies of `before`, the oldest first, in front of `new`: all of the payload type `opus`, and each as long before
/// the next as a frame lasts. What has no room in its header is left out.
pub(super) fn join(before: &[Bytes], new: &[u8], opus: u8) -> Bytes {
    let mut packet = Vec::new();
    let dated = (1..=before.len()).rev().map(|frames| frames as u32 * TICKS_PER_FRAME).zip(before);
    let copies: Vec<_> = dated.filter(|(ticks, copy)| *ticks < 1 << 14 && copy.len() < 1 << 10).collect();
    for (ticks, copy) in &copies {
        // Fourteen bits of time and ten of length.
        let [_, head @ ..] = (ticks << 10 | copy.len() as u32).to_be_bytes();
        packet.push(0x80 | opus);
        packet.extend(head);
    }
    packet.push(opus);
    copies.iter().for_each(|(_, copy)| packet.extend_from_slice(copy));
    packet.extend_from_slice(new);
    packet.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn copies_are_told_apart_by_their_headers() {
        // Two copies, of 1920 and 960 ticks before, and of 3 bytes and 1; the figures are RFC 2198 section 3's fields.
        let packet = [0x80 | 111, 0x1e, 0x00, 3, 0x80 | 111, 0x0f, 0x00, 1, 111, 1, 2, 3, 4, 5, 6];
        let (copies, new) = split(&Bytes::copy_from_slice(&packet), 111).unwrap();
        let copies: Vec<_> = copies.iter().map(|copy| (copy.ticks_before, &copy.payload[..])).collect();
        assert_eq!(copies, [(1920, &[1, 2, 3][..]), (960, &[4])]);
        assert_eq!(&new[..], [5, 6]);
    }

    #[test]
    fn a_payload_with_copies_is_that_of_the_rfc() {
        let before = [Bytes::from_static(&[1, 2, 3]), Bytes::from_static(&[4])];
        let expected = [0x80 | 111, 0x1e, 0x00, 3, 0x80 | 111, 0x0f, 0x00, 1, 111, 1, 2, 3, 4, 5, 6];
        assert_eq!(join(&before, &[5, 6], 111)[..], expected);
        assert_eq!(join(&[], &[5, 6], 111)[..], [111, 5, 6]);
        assert_eq!(join(&[Bytes::from(vec![0; 1024])], &[5], 111)[..], [111, 5], "too long to be copied");
    }

    #[test]
    fn copies_of_another_codec_are_passed_over_and_a_packet_that_ends_too_early_is_none() {
        let packet = Bytes::from_static(&[0x80 | 96, 0x0f, 0x00, 1, 111, 9, 5]);
        assert_eq!(split(&packet, 111), Some((Vec::new(), Bytes::from_static(&[5]))));
        for len in [0, 3, 4, 5] {
            assert_eq!(split(&packet.slice(..len), 111), None, "{len}");
        }
    }

    proptest! {
        #[test]
        fn no_packet_panics(packet in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = split(&Bytes::from(packet), 111);
        }
    }
}
