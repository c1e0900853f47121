//! What the timeline keeps: the latest entries, bounded in number and in bytes.

use std::collections::VecDeque;

use bytes::Bytes;

/// Entries that are kept.
const ENTRIES: usize = 4_000;

/// Bytes of all that are kept: what a page loads at most when it opens.
const BYTES: usize = 8 << 20;

/// Entries as they were written, numbered from 1.
#[derive(Default)]
pub(super) struct Ring {
    entries: VecDeque<Bytes>,
    bytes: usize,
    /// How many there have been.
    count: u64,
}

/// What a reader has not seen yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Passage {
    /// Entries that it will not see any more.
    pub(crate) missed: u64,
    /// Entries with their numbers.
    pub(crate) entries: Vec<(u64, Bytes)>,
}

impl Ring {
    /// The number that the next entry has.
    pub(super) fn next(&self) -> u64 {
        self.count + 1
    }

    /// Adds an entry, for which the oldest make room.
    pub(super) fn push(&mut self, entry: Bytes) {
        self.count += 1;
        self.bytes += entry.len();
        self.entries.push_back(entry);
        // The latest stays, however large.
        while self.entries.len() > 1 && (self.entries.len() > ENTRIES || self.bytes > BYTES) {
            self.bytes -= self.entries.pop_front().map_or(0, |oldest| oldest.len());
        }
    }

    /// What came after the entry `seen`, and no more than `at_most` of it.
    pub(super) fn after(&self, seen: u64, at_most: usize) -> Passage {
        let gone = self.count - self.entries.len() as u64;
        let first = seen.max(gone);
        let unseen = self.entries.iter().skip(usize::try_from(first - gone).unwrap_or(usize::MAX));
        let entries = (first + 1..).zip(unseen.take(at_most).cloned()).collect();
        Passage { missed: gone.saturating_sub(seen), entries }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(passage: &Passage) -> Vec<(u64, &[u8])> {
        passage.entries.iter().map(|(id, entry)| (*id, entry.as_ref())).collect()
    }

    #[test]
    fn a_reader_gets_what_it_has_not_seen_in_order() {
        let mut ring = Ring::default();
        assert_eq!(ring.after(0, 10), Passage { missed: 0, entries: Vec::new() });
        for entry in ["a", "b", "c"] {
            ring.push(Bytes::from_static(entry.as_bytes()));
        }
        assert_eq!(ring.next(), 4);
        assert_eq!(texts(&ring.after(0, 2)), [(1, &b"a"[..]), (2, b"b")]);
        assert_eq!(texts(&ring.after(2, 2)), [(3, &b"c"[..])]);
        // One that says it has seen more than there is, as after a restart.
        assert_eq!(ring.after(9, 2), Passage { missed: 0, entries: Vec::new() });
    }

    #[test]
    fn the_oldest_go_and_a_slow_reader_is_told_how_many() {
        let mut ring = Ring::default();
        for _ in 0..ENTRIES + 5 {
            ring.push(Bytes::from_static(b"x"));
        }
        let passage = ring.after(2, 1);
        assert_eq!((passage.missed, passage.entries[0].0), (3, 6));

        let mut ring = Ring::default();
        for _ in 0..3 {
            ring.push(Bytes::from(vec![0; BYTES / 2]));
        }
        let passage = ring.after(0, 10);
        assert_eq!((passage.missed, passage.entries.len()), (1, 2));
        ring.push(Bytes::from(vec![0; BYTES * 2]));
        assert_eq!(ring.after(0, 10).entries.len(), 1, "the latest stays");
    }
}
