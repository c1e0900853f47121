//! Which protocol a datagram is of, by its first bytes.

/// What a datagram on a media port claims to be (RFC 7983 section 7, RFC 5761 section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Rtp,
    /// STUN, DTLS or RTCP, which the core answers for.
    Control,
    None,
}

impl Protocol {
    pub(super) fn of(datagram: &[u8]) -> Self {
        match datagram {
            [0..=3 | 20..=63, ..] | [128..=191, 192..=223, ..] => Self::Control,
            [128..=191, ..] => Self::Rtp,
            _ => Self::None,
        }
    }
}
