//! Retransmissions on a stream of their own (RFC 4588 section 4): the number that a packet had stands before its payload.

/// Bytes of the number.
pub(super) const NUMBER: usize = 2;

/// What stands before the payload of the packet that had `sequence_number`.
pub fn wrap(sequence_number: u16) -> [u8; NUMBER] {
    sequence_number.to_be_bytes()
}

/// The number that a retransmitted packet had, and its payload; `None` for one that carries none, which only fills the pipe.
pub fn unwrap(payload: &[u8]) -> Option<(u16, &[u8])> {
    let (&number, payload) = payload.split_first_chunk::<NUMBER>()?;
    (!payload.is_empty()).then_some((u16::from_be_bytes(number), payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_comes_out_as_it_went_in() {
        let wrapped = [&wrap(0xfffe)[..], b"picture"].concat();
        assert_eq!(wrapped, b"\xff\xfepicture");
        assert_eq!(unwrap(&wrapped), Some((0xfffe, &b"picture"[..])));
    }

    #[test]
    fn what_carries_no_packet_is_none() {
        for payload in [&[][..], &[1], &[1, 2]] {
            assert_eq!(unwrap(payload), None, "{payload:?}");
        }
    }
}
