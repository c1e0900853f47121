//! What a file was given, and what of it the disk is not known to have. Pure.

use std::collections::VecDeque;

/// What a file was given, in parts that the disk takes whole or not at all.
#[derive(Debug, Default)]
pub(super) struct Given {
    bytes: u64,
    /// Parts of which the disk has not said that it has them: where each ends in the file, and where on the timeline it begins.
    unsure: VecDeque<(u64, i64)>,
}

impl Given {
    /// The file was given so many bytes more, which begin at `position` on the timeline.
    pub(super) fn give(&mut self, bytes: usize, position: i64) {
        self.bytes += bytes as u64;
        self.unsure.push_back((self.bytes, position));
    }

    /// The disk has so many bytes of the file.
    pub(super) fn is_there(&mut self, bytes: u64) {
        while self.unsure.front().is_some_and(|(end, _)| *end <= bytes) {
            self.unsure.pop_front();
        }
    }

    /// Where on the timeline begins what the disk is not known to have.
    pub(super) fn first_unsure(&self) -> Option<i64> {
        self.unsure.front().map(|(_, position)| *position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_there_when_all_of_it_is() {
        let mut given = Given::default();
        [(10, 5), (20, 900), (5, 1800)].into_iter().for_each(|(bytes, position)| given.give(bytes, position));
        for (bytes, first) in [(0, Some(5)), (9, Some(5)), (10, Some(900)), (29, Some(900)), (34, Some(1800))]
        {
            given.is_there(bytes);
            assert_eq!(given.first_unsure(), first, "{bytes} bytes");
        }
        given.is_there(35);
        assert_eq!(given.first_unsure(), None);
    }
}
