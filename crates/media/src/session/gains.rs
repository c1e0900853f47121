//! Gains of the local mix: set by the application, read by the media thread at each tick. No lock, no queue.

use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Release};

use crate::audio::mix::Gain;
use crate::units::MediaSourceId;

/// Sources that can have a gain of their own at a time; more than can be heard.
const MOST: usize = 64;

/// Why a gain was not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GainError {
    /// The far end mixes: see [`AudioSocketSettings::mix`](crate::AudioSocketSettings::mix).
    #[error("the far end mixes this socket's audio, so no source has a gain here")]
    NotMixedHere,
    /// As many sources have a gain as can; one that is set back to [`Gain::UNITY`] makes room.
    #[error("{MOST} sources have a gain already")]
    TooMany,
}

/// Each entry is a source and the bits of its factor; zero where there is none.
#[derive(Debug)]
pub(crate) struct Gains([AtomicU64; MOST]);

impl Default for Gains {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; MOST])
    }
}

impl Gains {
    /// Sets the gain of `source`. There is one who sets, the socket's receiving half, which owns it.
    pub(crate) fn set(&self, source: MediaSourceId, gain: Gain) -> Result<(), GainError> {
        let own = self.0.iter().find(|entry| source_of(entry.load(Acquire)) == Some(source));
        if gain == Gain::UNITY {
            own.into_iter().for_each(|entry| entry.store(0, Release));
            return Ok(());
        }
        let place = own.or_else(|| self.0.iter().find(|entry| entry.load(Acquire) == 0));
        place.ok_or(GainError::TooMany)?.store(entry_of(source, gain), Release);
        Ok(())
    }

    /// The gain of `source`: as it is, when none was set.
    pub(crate) fn of(&self, source: MediaSourceId) -> Gain {
        let entries = self.0.iter().map(|entry| entry.load(Acquire));
        let own = entries.into_iter().find(|&entry| source_of(entry) == Some(source));
        own.map_or(Gain::UNITY, |entry| Gain::from_factor(f32::from_bits(!(entry as u32))))
    }
}

/// The bits of the factor are turned over, so that no entry is zero: no factor is the NaN that all ones are.
fn entry_of(source: MediaSourceId, gain: Gain) -> u64 {
    u64::from(source.0) << 32 | u64::from(!gain.factor().to_bits())
}

fn source_of(entry: u64) -> Option<MediaSourceId> {
    (entry != 0).then_some(MediaSourceId((entry >> 32) as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gain_is_read_as_it_was_set_until_it_is_unity_again() {
        let gains = Gains::default();
        for source in [0, 1, u32::MAX].map(MediaSourceId) {
            assert_eq!(gains.of(source), Gain::UNITY);
            for gain in [Gain::from_db(-6.0), Gain::MUTE, Gain::MOST] {
                gains.set(source, gain).unwrap();
                assert_eq!(gains.of(source), gain, "{source}");
            }
        }
        gains.set(MediaSourceId(0), Gain::UNITY).unwrap();
        assert_eq!(gains.of(MediaSourceId(0)), Gain::UNITY);
        assert_eq!(gains.of(MediaSourceId(1)), Gain::MOST, "the others keep theirs");
    }

    #[test]
    fn one_gain_too_many_is_refused_and_one_set_back_makes_room() {
        let gains = Gains::default();
        let source = |index: usize| MediaSourceId(index as u32);
        (0..MOST).for_each(|index| gains.set(source(index), Gain::MUTE).unwrap());
        assert_eq!(gains.set(source(MOST), Gain::MUTE), Err(GainError::TooMany));
        gains.set(source(3), Gain::UNITY).unwrap();
        assert_eq!(gains.set(source(MOST), Gain::MUTE), Ok(()));
    }
}
