//! When somebody speaks, by their packets. Pure.

/// A pause that is shorter than this is one between words: 500 ms.
const PAUSE: u64 = 24_000;

/// Spans of speech.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spurts(Vec<(u64, u64)>);

impl Spurts {
    /// Takes note of a packet.
    pub(crate) fn note(&mut self, first: u64, samples: u64, is_voice: bool) {
        if !is_voice {
            return;
        }
        let end = first + samples;
        match self.0.last_mut() {
            Some((_, last)) if first <= *last + PAUSE => *last = end.max(*last),
            _ => self.0.push((first, end)),
        }
    }

    /// Takes out those that are over before `sample`: the first sample of each, and how many it has.
    pub(crate) fn take_before(&mut self, sample: u64) -> impl Iterator<Item = (u64, u64)> {
        let (kept, over): (Vec<_>, Vec<_>) =
            self.0.drain(..).partition(|(_, end)| end.saturating_add(PAUSE) >= sample && sample != u64::MAX);
        self.0 = kept;
        over.into_iter().map(|(first, end)| (first, end - first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_joined_and_turns_are_not() {
        let mut spurts = Spurts::default();
        for (first, is_voice) in [(0, true), (960, false), (1920, true), (100_000, true), (100_960, false)] {
            spurts.note(first, 960, is_voice);
        }
        assert_eq!(spurts.take_before(50_000).collect::<Vec<_>>(), [(0, 2880)]);
        assert_eq!(spurts.take_before(110_000).count(), 0, "it may go on");
        assert_eq!(spurts.take_before(u64::MAX).collect::<Vec<_>>(), [(100_000, 960)]);
    }
}
