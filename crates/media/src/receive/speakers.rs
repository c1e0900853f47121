//! The dominant speaker: who has the floor, without giving it to a cough. Pure: told who is heard at each tick.
//!
//! The idea is that of Volfovich and Cohen, "Dominant speaker identification for multipoint videoconferencing" (2013): how
//! active somebody is counts over three spans. Who asks for the floor must be more active than who has it at the moment, over
//! the last half second, and over the last second. Here each span is an exponential average of the level, which costs three
//! multiplications a tick and speaker and needs no memory of the past.

use std::time::Duration;

use crate::event::DominantSpeakers;
use crate::frame::AudioFormat;
use crate::rtp::{ActiveSpeaker, AudioLevel};
use crate::units::MediaSourceId;

/// Speakers that are remembered; beyond it, the one that was silent for the longest gives way.
const MOST: usize = 32;

/// Time constants of the three spans.
const IMMEDIATE: Duration = Duration::from_millis(100);
const MEDIUM: Duration = Duration::from_millis(500);
const LONG: Duration = Duration::from_secs(1);

/// How much more active than the dominant speaker one must be, at the moment and over the last half second.
const MORE: f32 = 1.3;

/// How active over the last half second one must be at all. At a level of speech it takes about 0.4 s to get there: a cough
/// does not.
const ENOUGH: f32 = 0.45;

/// Levels between which activity rises from 0 to 1, in dB below full scale: from a quiet room to speech.
const QUIET: f32 = 60.0;
const SPEECH: f32 = 25.0;

/// Ticks for which the floor is held at least: half a second. Two who speak at once would pass it to and fro.
const HELD: u32 = 25;

/// Ticks of silence after which a dominant speaker has the floor no longer: five seconds.
const GONE: u32 = 250;

#[derive(Clone, Copy, Debug)]
struct Activity {
    source: MediaSourceId,
    immediate: f32,
    medium: f32,
    long: f32,
    /// Ticks since anything was heard.
    silent: u32,
}

/// Follows who is heard, and says when the floor changes hands.
#[derive(Clone, Debug)]
pub struct DominantSpeaker {
    heard: Vec<Activity>,
    current: Option<MediaSourceId>,
    history: DominantSpeakers,
    /// Ticks since the floor changed hands.
    held: u32,
}

impl Default for DominantSpeaker {
    fn default() -> Self {
        Self { heard: Vec::with_capacity(MOST), current: None, history: DominantSpeakers::NONE, held: 0 }
    }
}

impl DominantSpeaker {
    /// Who has the floor; `None` before anybody spoke, and when who had it was silent for five seconds.
    pub fn current(&self) -> Option<MediaSourceId> {
        self.current
    }

    /// Who had the floor, the latest first; the current one is the first while there is one.
    pub fn history(&self) -> DominantSpeakers {
        self.history
    }

    /// Takes one tick of 20 ms: who is heard, and how loud. `true` when the floor changed hands.
    ///
    /// A speaker without a level is taken to be as loud as `mix`, the level of what is heard as a whole.
    pub fn tick(&mut self, speakers: &[ActiveSpeaker], mix: AudioLevel) -> bool {
        self.heard.iter_mut().for_each(Activity::fade);
        for speaker in speakers {
            let level = speaker.level.unwrap_or(mix);
            if let Some(activity) = self.activity_of(speaker.source) {
                activity.rise(level);
            }
        }
        self.held = self.held.saturating_add(1);
        let next = self.next();
        if next == self.current {
            return false;
        }
        self.current = next;
        self.held = 0;
        if let Some(next) = next {
            self.history.put_first(next);
        }
        true
    }

    fn activity_of(&mut self, source: MediaSourceId) -> Option<&mut Activity> {
        let known = self.heard.iter().position(|activity| activity.source == source);
        let index = known.or_else(|| {
            let new = Activity { source, immediate: 0.0, medium: 0.0, long: 0.0, silent: 0 };
            if self.heard.len() < MOST {
                self.heard.push(new);
                return Some(self.heard.len() - 1);
            }
            let current = self.current;
            let others = self.heard.iter().enumerate().filter(|(_, one)| Some(one.source) != current);
            let (index, _) = others.min_by(|(_, one), (_, other)| one.long.total_cmp(&other.long))?;
            self.heard[index] = new;
            Some(index)
        })?;
        self.heard.get_mut(index)
    }

    /// Who has the floor after this tick.
    fn next(&self) -> Option<MediaSourceId> {
        let floor = self.heard.iter().find(|one| Some(one.source) == self.current);
        let floor = floor.filter(|one| one.silent < GONE);
        let asks = self.heard.iter().filter(|one| one.medium >= ENOUGH);
        let asks = asks.filter(|one| floor.is_none_or(|floor| self.held >= HELD && one.takes_from(floor)));
        let first = asks.max_by(|one, other| one.medium.total_cmp(&other.medium));
        first.or(floor).map(|one| one.source)
    }
}

impl Activity {
    fn fade(&mut self) {
        self.immediate -= self.immediate * share(IMMEDIATE);
        self.medium -= self.medium * share(MEDIUM);
        self.long -= self.long * share(LONG);
        self.silent = self.silent.saturating_add(1);
    }

    fn rise(&mut self, level: AudioLevel) {
        let below = f32::from(level.minus_dbov());
        let activity = ((QUIET - below) / (QUIET - SPEECH)).clamp(0.0, 1.0);
        self.immediate += activity * share(IMMEDIATE);
        self.medium += activity * share(MEDIUM);
        self.long += activity * share(LONG);
        if activity > 0.0 {
            self.silent = 0;
        }
    }

    fn takes_from(&self, floor: &Self) -> bool {
        self.source != floor.source
            && self.immediate > floor.immediate * MORE
            && self.medium > floor.medium * MORE
            && self.long > floor.long
    }
}

/// How much of an exponential average a tick makes.
fn share(time_constant: Duration) -> f32 {
    AudioFormat::FRAME_DURATION.as_secs_f32() / time_constant.as_secs_f32()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const A: MediaSourceId = MediaSourceId(1);
    const B: MediaSourceId = MediaSourceId(2);
    const LOUD: AudioLevel = AudioLevel::from_minus_dbov(25);

    fn speaker(source: MediaSourceId, minus_dbov: u8) -> ActiveSpeaker {
        ActiveSpeaker { source, level: Some(AudioLevel::from_minus_dbov(minus_dbov)) }
    }

    /// Plays `(milliseconds, who at which level)`; returns when the floor changed, in milliseconds, and to whom.
    fn changes(conversation: &[(u32, &[ActiveSpeaker])]) -> Vec<(u32, Option<MediaSourceId>)> {
        let (mut dominant, mut now, mut changes) = (DominantSpeaker::default(), 0, Vec::new());
        for &(millis, speakers) in conversation {
            for _ in 0..millis / 20 {
                if dominant.tick(speakers, LOUD) {
                    changes.push((now, dominant.current()));
                }
                now += 20;
            }
        }
        changes
    }

    fn whose(changes: &[(u32, Option<MediaSourceId>)]) -> Vec<Option<MediaSourceId>> {
        changes.iter().map(|&(_, who)| who).collect()
    }

    #[test]
    fn the_floor_goes_from_one_speaker_to_the_next_within_a_second() {
        let (a, b) = ([speaker(A, 25)], [speaker(B, 28)]);
        let changes = changes(&[(3_000, &a), (3_000, &b), (3_000, &a)]);
        assert_eq!(whose(&changes), [Some(A), Some(B), Some(A)]);
        assert!(changes[0].0 < 500, "{changes:?}");
        assert!(changes[1].0 < 4_000 && changes[2].0 < 7_000, "{changes:?}");
    }

    #[test]
    fn a_cough_takes_no_floor_neither_over_speech_nor_in_a_pause() {
        let (a, cough) = ([speaker(A, 28)], [speaker(B, 15)]);
        let both = [speaker(A, 28), speaker(B, 15)];
        let changes =
            changes(&[(3_000, &a), (280, &both), (2_000, &a), (1_000, &[]), (280, &cough), (1_000, &[])]);
        assert_eq!(whose(&changes), [Some(A)]);
    }

    #[test]
    fn noise_under_a_speaker_does_not_ask_for_the_floor() {
        let changes = changes(&[(10_000, &[speaker(A, 26), speaker(B, 48)])]);
        assert_eq!(whose(&changes), [Some(A)]);
    }

    #[test]
    fn two_who_speak_at_once_do_not_pass_the_floor_to_and_fro() {
        let mut dominant = DominantSpeaker::default();
        let mut changes = 0;
        for tick in 0..1_000_u32 {
            // Syllables of 200 ms, now one of them louder, now the other.
            let (a, b) = if tick / 10 % 2 == 0 { (22, 34) } else { (34, 22) };
            changes += u32::from(dominant.tick(&[speaker(A, a), speaker(B, b)], LOUD));
        }
        assert_eq!(changes, 1);
    }

    #[test]
    fn after_five_seconds_of_silence_nobody_has_the_floor_and_the_history_knows_who_had() {
        let mut dominant = DominantSpeaker::default();
        for source in [A, B] {
            let changes = (0..100).filter(|_| dominant.tick(&[speaker(source, 25)], LOUD)).count();
            assert_eq!(changes, 1);
        }
        let silent = (0..500).find(|_| dominant.tick(&[], AudioLevel::SILENCE));
        assert_eq!(silent, Some(249), "ticks before the one that makes five seconds");
        assert_eq!((dominant.current(), &dominant.history()[..]), (None, &[B, A][..]));
    }

    #[test]
    fn a_speaker_without_a_level_is_as_loud_as_the_mix() {
        let nameless = [ActiveSpeaker { source: A, level: None }];
        let mut dominant = DominantSpeaker::default();
        assert!((0..100).all(|_| !dominant.tick(&nameless, AudioLevel::SILENCE)));
        assert!((0..100).any(|_| dominant.tick(&nameless, LOUD)));
    }

    proptest! {
        /// Whoever is heard: a change changes something, the history knows it, and nobody who got the floor loses it within half
        /// a second.
        #[test]
        fn the_floor_is_held(
            heard in proptest::collection::vec(
                (1_u32..50, proptest::collection::vec((0_u32..40, 0_u8..128), 0..4)), 0..60)
        ) {
            let mut dominant = DominantSpeaker::default();
            let (mut before, mut held) = (None, 1_000);
            for (ticks, speakers) in heard {
                let speakers: Vec<_> =
                    speakers.into_iter().map(|(source, level)| speaker(MediaSourceId(source), level)).collect();
                for _ in 0..ticks {
                    held += 1;
                    let changed = dominant.tick(&speakers, LOUD);
                    prop_assert_eq!(changed, dominant.current() != before);
                    if changed {
                        prop_assert!(before.is_none() || held >= HELD, "held for {} ticks", held);
                        prop_assert!(dominant.current().is_none_or(|current| dominant.history().first() == Some(&current)));
                        (before, held) = (dominant.current(), 0);
                    }
                }
            }
        }
    }
}
