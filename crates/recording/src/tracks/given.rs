//! What a file was given, and what of it the disk is not known to have. Pure.

use std::collections::VecDeque;

/// What a file was given, in parts that the disk takes whole or not at all.
#[derive(Clone, Debug, Default)]
pub(super) struct Given {
    bytes: u64,
    /// Parts of which the disk has not said that it has them: where each ends in the file, and where on the timeline it begins.
    unsure: VecDeque<(u64, i64)>,
    /// Where on the timeline begins what is to be given next.
    waiting: Option<i64>,
}

impl Given {
    /// What begins at `position` on the timeline is to be given, behind what waits already.
    pub(super) fn wait(&mut self, position: i64) {
        self.waiting.get_or_insert(position);
    }

    /// Whether something is to be given.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// The file was given what waited, which is so many bytes.
    pub(super) fn give(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        self.unsure.extend(self.waiting.take().map(|position| (self.bytes, position)));
    }

    /// How many bytes the file was given.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The disk has so many bytes of the file.
    pub(super) fn is_there(&mut self, bytes: u64) {
        while self.unsure.front().is_some_and(|(end, _)| *end <= bytes) {
            self.unsure.pop_front();
        }
    }

    /// Where on the timeline begins what the disk is not known to have.
    pub(super) fn first_unsure(&self) -> Option<i64> {
        self.unsure.front().map(|(_, position)| *position).or(self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_there_when_all_of_it_is() {
        let mut given = Given::default();
        for (bytes, position) in [(10, 5), (20, 900), (5, 1800)] {
            given.wait(position);
            // It did not go at once, and more came.
            given.wait(position + 100);
            assert!(given.is_waiting());
            given.give(bytes);
        }
        given.wait(2700);
        for (bytes, first) in [(0, 5), (9, 5), (10, 900), (29, 900), (34, 1800), (35, 2700), (99, 2700)] {
            given.is_there(bytes);
            assert_eq!(given.first_unsure(), Some(first), "{bytes} bytes");
        }
        given.give(1);
        given.is_there(36);
        assert_eq!((given.first_unsure(), given.bytes()), (None, 36));
    }
}
