//! Which packets of a source were seen already, and where in its stream a sequence number stands (RFC 3711 section 3.3).

/// Packets behind the newest that may still come (RFC 3711 section 3.3.2 asks for at least 64).
pub(crate) const WINDOW: u64 = 128;

/// The packets of one source that were seen: the newest one, and a bit for each of the [`WINDOW`] up to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReplayWindow {
    newest: Option<u64>,
    /// Bit 0 is the newest.
    seen: u128,
}

impl ReplayWindow {
    /// The packet index, rollover counter and all, of `sequence_number`: the one that is nearest to the newest packet
    /// (RFC 3711 section 3.3.1). A source begins at rollover 0. `None` when it would lie before that.
    pub(crate) fn index_of(&self, sequence_number: u16) -> Option<u64> {
        let Some(newest) = self.newest else { return Some(sequence_number.into()) };
        // The low bits are the sequence number; their difference, as signed, is at most half a turn.
        let ahead = sequence_number.wrapping_sub(newest as u16) as i16;
        newest.checked_add_signed(ahead.into())
    }

    /// Whether the packet of `index` is neither seen already nor too old to tell.
    pub(crate) fn is_fresh(&self, index: u64) -> bool {
        match self.newest {
            Some(newest) if index <= newest => {
                let behind = newest - index;
                behind < WINDOW && self.seen & (1 << behind) == 0
            }
            _ => true,
        }
    }

    /// Takes note of a packet that has proved genuine.
    pub(crate) fn note(&mut self, index: u64) {
        let newest = *self.newest.get_or_insert(index);
        if index > newest {
            let ahead = u32::try_from(index - newest).unwrap_or(u32::MAX);
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0);
            self.newest = Some(index);
        }
        let behind = u32::try_from(newest.saturating_sub(index)).unwrap_or(u32::MAX);
        self.seen |= 1_u128.checked_shl(behind).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_sequence_number_is_taken_for_the_nearest_packet_over_many_turns() {
        let mut window = ReplayWindow::default();
        assert_eq!(window.index_of(65_000), Some(65_000), "a source begins at rollover 0");
        for index in (65_000..400_000).step_by(700) {
            assert_eq!(window.index_of(index as u16), Some(index));
            window.note(index);
            assert_eq!(window.index_of((index - 650) as u16), Some(index - 650), "late");
        }
        let mut begun = ReplayWindow::default();
        begun.note(3);
        assert_eq!(begun.index_of(65_535), None, "before the stream began");
    }

    proptest! {
        #[test]
        fn each_packet_is_fresh_once_and_never_when_it_is_too_old(
            steps in proptest::collection::vec(-200_i64..300, 1..400),
        ) {
            let (mut window, mut seen, mut newest) = (ReplayWindow::default(), HashSet::new(), None::<u64>);
            for step in steps {
                let index = newest.unwrap_or(1000).saturating_add_signed(step);
                let too_old = newest.is_some_and(|newest| newest.saturating_sub(index) >= WINDOW);
                prop_assert_eq!(window.is_fresh(index), !too_old && !seen.contains(&index));
                if window.is_fresh(index) {
                    window.note(index);
                    seen.insert(index);
                    newest = newest.max(Some(index));
                }
            }
        }
    }
}
