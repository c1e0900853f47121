//! Whether a STUN request is from who it should be from. Pure.

use aws_lc_rs::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, verify};
use smallvec::SmallVec;

/// RFC 8489 sections 5 and 14.
const HEADER_LEN: usize = 20;
const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];
const MESSAGE_INTEGRITY: [u8; 2] = [0x00, 0x08];
const INTEGRITY_LEN: usize = 20;

/// Longer than any request is.
const ROOM: usize = 512;

/// Whether `message` may go to the agent: all but a request that is not signed with `password`, our own (RFC 8489 section 14.5).
/// The agent gives up its role to whoever claims it, and looks only then who that was.
pub(super) fn may_be_genuine(message: &[u8], password: &str) -> bool {
    let is_request = message.starts_with(&BINDING_REQUEST);
    !is_request || is_signed(message, password) == Some(true)
}

/// Whether `message` says that it answers a request.
pub(super) fn is_answer(message: &[u8]) -> bool {
    message.starts_with(&BINDING_SUCCESS)
}

/// `None` where there is no signature.
fn is_signed(message: &[u8], password: &str) -> Option<bool> {
    let mut attributes = message.get(HEADER_LEN..)?;
    loop {
        let (&[k0, k1, l0, l1], rest) = attributes.split_first_chunk()?;
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        if [k0, k1] == MESSAGE_INTEGRITY && len == INTEGRITY_LEN {
            let signed = message.get(..message.len() - attributes.len())?;
            return Some(is_signature(signed, rest.get(..INTEGRITY_LEN)?, password));
        }
        attributes = rest.get(len.next_multiple_of(4)..)?;
    }
}

/// What is signed has the length of a message that ends with the signature.
fn is_signature(signed: &[u8], signature: &[u8], password: &str) -> bool {
    let Ok(len) = u16::try_from(signed.len() - HEADER_LEN + 4 + INTEGRITY_LEN) else { return false };
    let mut text = SmallVec::<[u8; ROOM]>::from_slice(signed);
    if let [_, _, l0, l1, ..] = &mut text[..] {
        [*l0, *l1] = len.to_be_bytes();
    }
    verify(&Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes()), &text, signature).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 5769 section 2.1.
    const REQUEST: &[u8] = &[
        0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa,
        0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x10, 0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73, 0x74, 0x20,
        0x63, 0x6c, 0x69, 0x65, 0x6e, 0x74, 0x00, 0x24, 0x00, 0x04, 0x6e, 0x00, 0x01, 0xff, 0x80, 0x29, 0x00,
        0x08, 0x93, 0x2f, 0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09, 0x65, 0x76, 0x74, 0x6a,
        0x3a, 0x68, 0x36, 0x76, 0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14, 0x9a, 0xea, 0xa7, 0x0c, 0xbf,
        0xd8, 0xcb, 0x56, 0x78, 0x1e, 0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49, 0xc1, 0xb5, 0x71, 0xa2, 0x80, 0x28,
        0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf,
    ];
    const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";

    #[test]
    fn a_request_is_genuine_when_it_is_signed_with_our_password() {
        assert!(may_be_genuine(REQUEST, PASSWORD));
        assert!(!may_be_genuine(REQUEST, "another"));
        for place in 4..REQUEST.len() - 8 - INTEGRITY_LEN {
            let mut changed = REQUEST.to_vec();
            changed[place] ^= 1;
            assert!(!may_be_genuine(&changed, PASSWORD), "byte {place}");
        }
        for len in 0..REQUEST.len() - 8 {
            assert_eq!(may_be_genuine(&REQUEST[..len], PASSWORD), len < 2, "of {len} bytes");
        }
        assert!(may_be_genuine(&[1, 1, 0, 0], PASSWORD), "answers are the agent's to judge");
    }

    proptest! {
        #[test]
        fn no_message_panics(message in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = is_signed(&message, PASSWORD);
        }
    }
}
