//! Tones that were pressed, each once, in the order of their sequence ids.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::model::{Integer, ToneInfo};

/// Tones kept. Longer than any number that is dialled.
const KEPT: usize = 256;

/// The latest tones. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tones(Arc<VecDeque<Arc<ToneInfo>>>);

impl Tones {
    /// The tones, in the order in which they were pressed.
    pub fn iter(&self) -> impl Iterator<Item = &ToneInfo> {
        self.0.iter().map(Arc::as_ref)
    }

    /// Takes a tone. Returns whether it is news: a doubled notification tells no second tone, and one that was overtaken still
    /// finds its place.
    pub(super) fn take(&mut self, tone: &Arc<ToneInfo>) -> bool {
        let number = |tone: &ToneInfo| tone.sequence_id.value().and_then(Integer::get);
        let place = match number(tone) {
            Some(heard) => {
                let same_number = || self.0.iter().filter(|held| number(held) == Some(heard));
                if same_number().any(|held| held.tone == tone.tone) {
                    return false;
                }
                // Another tone under a known number: the numbers began anew, and it is the latest.
                let began_anew = same_number().next().is_some();
                let after = self.0.iter().rposition(|held| number(held).is_none_or(|held| held <= heard));
                match after {
                    _ if began_anew => self.0.len(),
                    Some(index) => index + 1,
                    // Older than all that are kept of a full queue: it was here, or comes too late to be placed.
                    None if self.0.len() == KEPT => return false,
                    None => 0,
                }
            }
            // Without a number, a double cannot be told from a second press: better one too many than one lost.
            None => self.0.len(),
        };
        let tones = Arc::make_mut(&mut self.0);
        tones.insert(place, Arc::clone(tone));
        if tones.len() > KEPT {
            tones.pop_front();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Tone;

    fn tone(sequence: i64, tone: Tone) -> Arc<ToneInfo> {
        let tone =
            ToneInfo { sequence_id: Integer::from(sequence).into(), tone: tone.into(), ..ToneInfo::new() };
        Arc::new(tone)
    }

    #[test]
    fn each_tone_counts_once_and_stands_where_it_was_pressed() {
        let mut tones = Tones::default();
        for (sequence, pressed, news) in [
            (1, Tone::Tone1, true),
            (3, Tone::Tone3, true),
            (2, Tone::Tone2, true),
            (3, Tone::Tone3, false),
            (1, Tone::Tone1, false),
            (0, Tone::Star, true),
        ] {
            assert_eq!(tones.take(&tone(sequence, pressed)), news, "{sequence}");
        }
        let order: Vec<_> = tones.iter().filter_map(|tone| tone.tone.known()).collect();
        assert_eq!(order, [Tone::Star, Tone::Tone1, Tone::Tone2, Tone::Tone3]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut tones = Tones::default();
        (0..KEPT as i64 + 9).for_each(|sequence| assert!(tones.take(&tone(sequence, Tone::Pound))));
        assert_eq!(tones.iter().count(), KEPT);
        assert!(!tones.take(&tone(0, Tone::Pound)), "it cannot be told to be new");
    }
}
