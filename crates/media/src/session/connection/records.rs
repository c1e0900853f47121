//! What of a DTLS datagram may reach the library: nothing that a stranger could end the session with. Pure.
//!
//! Until the handshake is done no record is authentic, and the source address of a datagram can be forged. RFC 6347 section
//! 4.1.2.7 has invalid records dropped in silence, and leaves alerts that nobody vouches for to the implementation: here they
//! count for nothing. A peer that truly gives up falls silent, and ICE tells.

/// Handshake records that are not encrypted, and encrypted ones that come before their keys, in one session: ten times what a
/// handshake has with all its repeats. The library keeps what it cannot use yet, so there must be an end.
const MOST_UNPROVEN: u16 = 512;

/// The longest handshake message that is taken: three times a chain of certificates.
const LONGEST_MESSAGE: usize = 16 * 1024;

const HEADER_LEN: usize = 13;

const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;

/// Looks at what comes before the library does.
#[derive(Debug, Default)]
pub(super) struct RecordGate {
    unproven: u16,
}

impl RecordGate {
    /// Whether `datagram` may be read; `is_connected` says whether the handshake is done. One record that may not is enough to
    /// refuse all: no peer puts it beside good ones.
    pub(super) fn admits(&mut self, mut datagram: &[u8], is_connected: bool) -> bool {
        if datagram.is_empty() {
            return false;
        }
        while !datagram.is_empty() {
            let Some(record) = Record::split_from(&mut datagram) else { return false };
            let is_encrypted = record.epoch > 0;
            if is_encrypted && is_connected {
                continue;
            }
            let may_be_genuine = match record.kind {
                _ if is_encrypted => true,
                HANDSHAKE => is_whole_fragments(record.body),
                // After the handshake, too: it is in the flight that a peer repeats when it has missed our last one.
                CHANGE_CIPHER_SPEC => record.body == [1],
                _ => false,
            };
            if !may_be_genuine || self.unproven >= MOST_UNPROVEN {
                return false;
            }
            self.unproven += 1;
        }
        true
    }
}

/// Gives the number of each record of `datagram` that is not encrypted to `change`: six bytes.
pub(super) fn for_each_plain_record(mut datagram: &mut [u8], mut change: impl FnMut(&mut [u8])) {
    while let Some((head, rest)) = datagram.split_first_chunk_mut::<HEADER_LEN>() {
        let &mut [_, _, _, e0, e1, ref mut number @ .., l0, l1] = head;
        if [e0, e1] == [0, 0] {
            change(number);
        }
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        datagram = rest.get_mut(len..).unwrap_or_default();
    }
}

/// RFC 6347 section 4.1.
struct Record<'a> {
    kind: u8,
    epoch: u16,
    body: &'a [u8],
}

impl<'a> Record<'a> {
    fn split_from(datagram: &mut &'a [u8]) -> Option<Self> {
        let (&[kind, _, _, e0, e1, .., l0, l1], rest) = datagram.split_first_chunk::<HEADER_LEN>()?;
        let (body, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([l0, l1])))?;
        *datagram = rest;
        Some(Self { kind, epoch: u16::from_be_bytes([e0, e1]), body })
    }
}

/// Whether a record holds handshake messages that are whole, but for the last, which may be a part (RFC 6347 section 4.2.2).
fn is_whole_fragments(mut body: &[u8]) -> bool {
    let number = |high: u8, middle, low| u32::from_be_bytes([0, high, middle, low]) as usize;
    let is_empty = body.is_empty();
    while !body.is_empty() {
        let Some((&[_, m0, m1, m2, _, _, o0, o1, o2, f0, f1, f2], rest)) = body.split_first_chunk() else {
            return false;
        };
        let (message, offset, fragment) = (number(m0, m1, m2), number(o0, o1, o2), number(f0, f1, f2));
        let Some(rest) = rest.get(fragment..) else { return false };
        let is_whole = offset == 0 && fragment == message;
        let is_part = rest.is_empty() && fragment > 0 && offset + fragment <= message;
        if message > LONGEST_MESSAGE || !(is_whole || is_part) {
            return false;
        }
        body = rest;
    }
    !is_empty
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(kind: u8, epoch: u8, body: &[u8]) -> Vec<u8> {
        let mut record = vec![kind, 254, 253, 0, epoch, 0, 0, 0, 0, 0, 9];
        record.extend((body.len() as u16).to_be_bytes());
        record.extend(body);
        record
    }

    /// A fragment of a handshake message of `len` bytes.
    fn fragment(len: u8, offset: u8, bytes: &[u8]) -> Vec<u8> {
        let mut fragment = vec![1, 0, 0, len, 0, 3, 0, 0, offset, 0, 0, bytes.len() as u8];
        fragment.extend(bytes);
        fragment
    }

    fn admits(datagram: &[u8]) -> [bool; 2] {
        [false, true].map(|is_connected| RecordGate::default().admits(datagram, is_connected))
    }

    #[test]
    fn before_the_keys_only_what_a_handshake_is_made_of_is_read_and_after_them_what_is_encrypted() {
        let (alert, data) = (21, 23);
        let hello = fragment(3, 0, &[1, 2, 3]);
        let two = [hello.clone(), fragment(0, 0, &[])].concat();
        for (what, datagram, expected) in [
            ("a message", record(HANDSHAKE, 0, &hello), [true, true]),
            ("two in a record", record(HANDSHAKE, 0, &two), [true, true]),
            (
                "a message and a part",
                record(HANDSHAKE, 0, &[hello.clone(), fragment(9, 0, &[1])].concat()),
                [true; 2],
            ),
            ("a part", record(HANDSHAKE, 0, &fragment(9, 4, &[1, 2])), [true, true]),
            ("a change of keys", record(CHANGE_CIPHER_SPEC, 0, &[1]), [true, true]),
            (
                "the end of a flight",
                [record(20, 0, &[1]), record(HANDSHAKE, 1, &[7; 40])].concat(),
                [true, true],
            ),
            ("encrypted", record(alert, 1, &[7; 18]), [true, true]),
            ("a goodbye", record(alert, 0, &[1, 0]), [false; 2]),
            ("a fatal alert", record(alert, 0, &[2, 40]), [false; 2]),
            ("no alert", record(alert, 0, &[]), [false; 2]),
            ("data", record(data, 0, &[1, 2, 3]), [false; 2]),
            ("no change of keys", record(CHANGE_CIPHER_SPEC, 0, &[2]), [false; 2]),
            ("a part beyond its message", record(HANDSHAKE, 0, &fragment(5, 4, &[1, 2])), [false; 2]),
            ("two parts", record(HANDSHAKE, 0, &fragment(9, 0, &[1]).repeat(2)), [false; 2]),
            ("half a header", record(HANDSHAKE, 0, &hello)[..9].to_vec(), [false; 2]),
            (
                "a good one and a bad one",
                [record(HANDSHAKE, 0, &hello), record(alert, 0, &[2, 40])].concat(),
                [false; 2],
            ),
            ("nothing", Vec::new(), [false; 2]),
        ] {
            assert_eq!(admits(&datagram), expected, "{what}");
        }
    }

    #[test]
    fn there_is_an_end_of_what_nobody_vouches_for_and_none_of_the_rest() {
        let mut gate = RecordGate::default();
        let hello = record(HANDSHAKE, 0, &fragment(1, 0, &[1]));
        let admitted = (0..2 * MOST_UNPROVEN).filter(|_| gate.admits(&hello, false)).count();
        assert_eq!(admitted, usize::from(MOST_UNPROVEN));
        assert!(gate.admits(&record(21, 1, &[7; 18]), true), "a genuine goodbye");
    }

    #[test]
    fn records_that_are_not_encrypted_are_numbered_and_the_others_left_as_they_are() {
        let mut datagram = [record(22, 0, &[1, 2]), record(22, 1, &[3; 30]), record(20, 0, &[1])].concat();
        let before = datagram.clone();
        let mut next = 7;
        for_each_plain_record(&mut datagram, |number| {
            number.copy_from_slice(&[0, 0, 0, 0, 0, next]);
            next += 1;
        });
        let changed: Vec<_> = (0..datagram.len()).filter(|&at| datagram[at] != before[at]).collect();
        assert_eq!(changed, [10, 15 + 43 + 10]);
        assert_eq!([datagram[10], datagram[68]], [7, 8]);
        for_each_plain_record(&mut datagram[..20], |number| assert_eq!(number.len(), 6));
    }

    proptest! {
        #[test]
        fn no_datagram_panics(datagram in proptest::collection::vec(any::<u8>(), 0..200), start in 20_u8..24) {
            admits(&datagram);
            for_each_plain_record(&mut datagram.clone(), |number| number.fill(1));
            admits(&record(start, 0, &datagram));
        }
    }
}
