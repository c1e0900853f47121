//! 16-bit RTP sequence numbers to 64 bits that never wrap (RFC 3550 appendix A.1).

/// A jump of this many packets or more is a restart of the sender, not loss: a minute of 20 ms packets.
const MAX_JUMP: u64 = 3_000;

/// Extends the sequence numbers of one stream.
#[derive(Debug, Default)]
pub(crate) struct SequenceExtender {
    highest: Option<u64>,
    /// After a large jump: the number that would confirm it. One stray packet does not restart a stream.
    restart_at: Option<u16>,
}

/// What a sequence number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extended {
    /// Its place in the stream.
    At(u64),
    /// Far from all others. If its successor follows, the sender has restarted.
    Suspect,
    /// The second of two packets far away: the stream begins anew at this place.
    Restart(u64),
}

impl SequenceExtender {
    /// The place of `number`. The first of a stream is put a whole wrap above zero, so that late ones still have one.
    pub(crate) fn extend(&mut self, number: u16) -> Extended {
        let Some(highest) = self.highest else {
            return Extended::At(self.start(number));
        };
        let distance = number.wrapping_sub(highest as u16).cast_signed();
        if u64::from(distance.unsigned_abs()) >= MAX_JUMP {
            if self.restart_at == Some(number) {
                return Extended::Restart(self.start(number));
            }
            self.restart_at = Some(number.wrapping_add(1));
            return Extended::Suspect;
        }
        self.restart_at = None;
        let place = highest.wrapping_add_signed(i64::from(distance));
        self.highest = Some(highest.max(place));
        Extended::At(place)
    }

    /// The place of a number that was extended before; `None` when no stream has begun.
    pub(crate) fn place_near(&self, number: u16) -> Option<u64> {
        let highest = self.highest?;
        let distance = number.wrapping_sub(highest as u16).cast_signed();
        Some(highest.wrapping_add_signed(i64::from(distance)))
    }

    fn start(&mut self, number: u16) -> u64 {
        let place = u64::from(number) + (1 << 16);
        *self = Self { highest: Some(place), restart_at: None };
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_wrap_and_come_late() {
        let mut sequence = SequenceExtender::default();
        let base = 1 << 16;
        for (number, place) in [
            (65_534, base + 65_534),
            (65_535, base + 65_535),
            (1, base + 65_537),      /* over the wrap */
            (0, base + 65_536),      /* late */
            (65_533, base + 65_533), /* before the first */
        ] {
            assert_eq!(sequence.extend(number), Extended::At(place), "number {number}");
        }
    }

    #[test]
    fn one_stray_packet_does_not_restart_a_stream_but_two_do() {
        let mut sequence = SequenceExtender::default();
        sequence.extend(100);
        assert_eq!(sequence.extend(40_000), Extended::Suspect);
        assert_eq!(sequence.extend(101), Extended::At((1 << 16) + 101), "the stream goes on");
        assert_eq!(sequence.extend(40_000), Extended::Suspect);
        assert_eq!(sequence.extend(40_001), Extended::Restart((1 << 16) + 40_001));
    }
}
