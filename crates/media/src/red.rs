//! Redundant audio (RED, RFC 2198): an Opus packet behind copies of those before it. Bytes in, bytes out.

/// The highest timestamp offset that a block header can say: 14 bits of RTP ticks, 341 ms at 48 kHz.
pub(crate) const MAX_OFFSET: u16 = (1 << 14) - 1;

/// The longest copy that a block header can announce: 10 bits.
pub(crate) const MAX_COPY_LEN: usize = (1 << 10) - 1;

/// Another header follows this one (RFC 2198 section 3, the F bit).
const FOLLOWED: u8 = 0x80;

/// Why bytes are no RED payload, or cannot become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum RedError {
    /// The peer's payload ends inside its headers. The packet is dropped, the call goes on.
    #[error("the RED payload of {len} bytes ends inside its block headers")]
    HeadersTruncated {
        /// Length of the payload.
        len: usize,
    },
    /// The peer's headers announce more bytes than follow. The packet is dropped, the call goes on.
    #[error("RED headers announce {announced} bytes of copies, and {len} bytes follow")]
    BlocksTruncated {
        /// What the headers add up to.
        announced: usize,
        /// What is there.
        len: usize,
    },
    /// The caller's copy is too old or too long for its header (14 and 10 bits).
    #[error("a copy of {len} bytes that is {offset} RTP ticks old does not fit into a RED header")]
    CopyOutOfRange {
        /// Its age in RTP ticks.
        offset: u16,
        /// Its length.
        len: usize,
    },
    /// The caller's buffer is too small.
    #[error("RED needs {needed} bytes, the buffer has {len}")]
    NoRoom {
        /// What it takes.
        needed: usize,
        /// What is there.
        len: usize,
    },
}

/// One block of a RED payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block<'a> {
    /// What its payload is, by the payload types of the session.
    pub(crate) payload_type: u8,
    /// How far its sender time lies before that of the packet, in RTP ticks.
    pub(crate) timestamp_offset: u16,
    /// Whether it is the packet itself and no copy of an earlier one. Always the last block.
    pub(crate) is_primary: bool,
    pub(crate) payload: &'a [u8],
}

/// The blocks of a RED payload, oldest copy first, the primary last.
#[derive(Clone, Debug)]
pub(crate) struct Blocks<'a> {
    headers: &'a [u8],
    payloads: &'a [u8],
}

impl<'a> Blocks<'a> {
    /// Looks whether all headers and all blocks are there, and yields nothing unless they are.
    pub(crate) fn new(red: &'a [u8]) -> Result<Self, RedError> {
        let (mut rest, mut announced) = (red, 0);
        let payloads = loop {
            match rest {
                [first, payloads @ ..] if first & FOLLOWED == 0 => break payloads,
                [_, _, high, low, others @ ..] => {
                    announced += copy_len(*high, *low);
                    rest = others;
                }
                _ => return Err(RedError::HeadersTruncated { len: red.len() }),
            }
        };
        if announced > payloads.len() {
            return Err(RedError::BlocksTruncated { announced, len: payloads.len() });
        }
        Ok(Self { headers: red, payloads })
    }
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Block<'a>;

    fn next(&mut self) -> Option<Block<'a>> {
        match *self.headers {
            [payload_type, ..] if payload_type & FOLLOWED == 0 => {
                let payload = std::mem::take(&mut self.payloads);
                self.headers = &[];
                Some(Block { payload_type, timestamp_offset: 0, is_primary: true, payload })
            }
            [first, age, high, low, ref others @ ..] => {
                let (payload, payloads) = self.payloads.split_at_checked(copy_len(high, low))?;
                (self.headers, self.payloads) = (others, payloads);
                let timestamp_offset = u16::from(age) << 6 | u16::from(high >> 2);
                Some(Block { payload_type: first & !FOLLOWED, timestamp_offset, is_primary: false, payload })
            }
            _ => None,
        }
    }
}

fn copy_len(high: u8, low: u8) -> usize {
    usize::from(high & 0b11) << 8 | usize::from(low)
}

/// Writes a RED payload into the front of `out`: `previous`, oldest first, each with its age in RTP ticks, then
/// `primary`. All are of `payload_type`. Returns how many bytes it took.
pub(crate) fn write(
    payload_type: u8,
    primary: &[u8],
    previous: &[(u16, &[u8])],
    out: &mut [u8],
) -> Result<usize, RedError> {
    let payload_type = payload_type & !FOLLOWED;
    let copies: usize = previous.iter().map(|(_, copy)| 4 + copy.len()).sum();
    let (needed, len) = (copies + 1 + primary.len(), out.len());
    let Some(out) = out.get_mut(..needed) else { return Err(RedError::NoRoom { needed, len }) };
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        out[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    for &(offset, copy) in previous {
        let len = copy.len();
        if offset > MAX_OFFSET || len > MAX_COPY_LEN {
            return Err(RedError::CopyOutOfRange { offset, len });
        }
        let [_, age_and_len @ ..] = (u32::from(offset) << 10 | len as u32).to_be_bytes();
        put(&[payload_type | FOLLOWED]);
        put(&age_and_len);
    }
    put(&[payload_type]);
    previous.iter().for_each(|(_, copy)| put(copy));
    put(primary);
    Ok(needed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The layout of RFC 2198 section 3, by hand: a copy of 3 bytes that is 960 ticks old, type 111.
    #[test]
    fn the_bytes_are_those_of_the_rfc() {
        let wire = [0x80 | 111, 0b0000_1111, 0b0000_0000, 3, 111, 1, 2, 3, 9, 8];
        let mut out = [0; 16];
        let len = write(111, &[9, 8], &[(960, &[1, 2, 3])], &mut out).unwrap();
        assert_eq!(out[..len], wire);
        let blocks: Vec<_> = Blocks::new(&wire).unwrap().collect();
        let block = |timestamp_offset, is_primary, payload| Block {
            payload_type: 111,
            timestamp_offset,
            is_primary,
            payload,
        };
        assert_eq!(blocks, [block(960, false, &[1, 2, 3][..]), block(0, true, &[9, 8])]);
    }

    #[test]
    fn what_is_cut_short_is_refused_with_its_reason() {
        assert_eq!(Blocks::new(&[]).unwrap_err(), RedError::HeadersTruncated { len: 0 });
        assert_eq!(Blocks::new(&[0xef, 0, 0]).unwrap_err(), RedError::HeadersTruncated { len: 3 });
        assert_eq!(
            Blocks::new(&[0xef, 15, 0, 4, 111, 1, 2]).unwrap_err(),
            RedError::BlocksTruncated { announced: 4, len: 2 }
        );
    }

    #[test]
    fn what_does_not_fit_into_a_header_or_the_buffer_is_refused() {
        let mut out = [0; 2048];
        let long = [0; MAX_COPY_LEN + 1];
        for (offset, copy) in [(MAX_OFFSET + 1, &long[..1]), (0, &long[..])] {
            let refused = RedError::CopyOutOfRange { offset, len: copy.len() };
            assert_eq!(write(111, &[], &[(offset, copy)], &mut out), Err(refused));
        }
        assert_eq!(write(111, &[1, 2], &[], &mut out[..2]), Err(RedError::NoRoom { needed: 3, len: 2 }));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(blocks) = Blocks::new(&bytes) {
                let blocks: Vec<_> = blocks.collect();
                prop_assert_eq!(blocks.iter().filter(|block| block.is_primary).count(), 1);
                prop_assert!(blocks.last().unwrap().is_primary);
            }
        }

        #[test]
        fn what_is_written_is_read(
            payload_type in 0_u8..128,
            primary in proptest::collection::vec(any::<u8>(), 0..300),
            previous in proptest::collection::vec(
                (0..=MAX_OFFSET, proptest::collection::vec(any::<u8>(), 0..300)), 0..4,
            ),
        ) {
            let previous: Vec<_> = previous.iter().map(|(offset, copy)| (*offset, &copy[..])).collect();
            let mut out = [0; 2048];
            let len = write(payload_type, &primary, &previous, &mut out).unwrap();
            let read: Vec<_> = Blocks::new(&out[..len]).unwrap().collect();
            let written = previous.iter().copied().chain([(0, &primary[..])]);
            prop_assert_eq!(read.len(), previous.len() + 1);
            for (block, (offset, payload)) in read.iter().zip(written) {
                prop_assert_eq!((block.payload_type, block.timestamp_offset), (payload_type, offset));
                prop_assert_eq!(block.payload, payload);
            }
        }
    }
}
