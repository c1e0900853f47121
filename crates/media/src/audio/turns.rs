//! Turns of a conversation, from how likely speech is in each frame: when somebody begins, pauses, and has finished. Pure.

use std::time::Duration;

use crate::frame::AudioFormat;
use crate::settings::VoiceActivitySettings;

/// What a frame made known of the one who speaks. Places are on the timeline of the frames, in samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TurnEvent {
    /// Somebody speaks.
    SpeechStarted {
        /// The first sample of the speech, which is before it was certain.
        first_sample: u64,
    },
    /// Silence has lasted for `speech_end`.
    SpeechEnded {
        /// The first sample behind the speech.
        end_sample: u64,
        /// How long it lasted.
        duration: Duration,
    },
    /// Silence has lasted for `end_of_turn`: the other one may speak.
    TurnEnded {
        /// The first sample behind the last speech of the turn.
        end_sample: u64,
        /// From the first speech of the turn to there, pauses included.
        duration: Duration,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// The other one's, or nobody's.
    Over,
    /// Speech began at the first, and at the second after the last pause.
    Speaking { turn: u64, speech: u64 },
    /// Between two speeches, or behind the last.
    Pausing { turn: u64 },
}

/// Follows one stream of frames.
///
/// What lasts shorter than `speech_start` is no speech, and a silence shorter than `speech_end` is part of it.
#[derive(Clone, Debug)]
pub struct TurnDetector {
    format: AudioFormat,
    threshold: f32,
    /// In samples: how long speech and silence must last.
    start: u64,
    end: u64,
    end_of_turn: u64,
    turn: Turn,
    /// Where the present run of frames with speech began, if the last one had any.
    voiced_since: Option<u64>,
    /// The first sample behind the last frame with speech.
    voiced_until: u64,
}

impl TurnDetector {
    /// Follows frames of `format`.
    pub fn new(format: AudioFormat, settings: &VoiceActivitySettings) -> Self {
        let samples = |span| format.sample_rate().samples_in(span);
        Self {
            format,
            threshold: settings.threshold,
            start: samples(settings.speech_start),
            end: samples(settings.speech_end),
            end_of_turn: samples(settings.end_of_turn),
            turn: Turn::Over,
            voiced_since: None,
            voiced_until: 0,
        }
    }

    /// Whether somebody speaks now; a pause shorter than `speech_end` is part of it.
    pub fn is_speech(&self) -> bool {
        matches!(self.turn, Turn::Speaking { .. })
    }

    /// Takes the next frame, which begins at `first_sample` and holds speech with this probability. At most two things
    /// become known by one frame: that speech ended, and the turn with it.
    pub fn frame(&mut self, first_sample: u64, probability: f32) -> impl Iterator<Item = TurnEvent> + use<> {
        let behind = first_sample + self.format.samples_per_frame() as u64;
        if probability >= self.threshold {
            self.voiced_since.get_or_insert(first_sample);
            self.voiced_until = behind;
        } else {
            self.voiced_since = None;
        }
        let begun = self.begin(behind);
        let silence = behind.saturating_sub(self.voiced_until);
        let ended = self.end(silence);
        let over = self.finish(silence);
        begun.into_iter().chain(ended).chain(over)
    }

    /// Ends the stream here, and says what ends with it.
    pub fn finish_now(&mut self) -> impl Iterator<Item = TurnEvent> + use<> {
        let ended = self.end(u64::MAX);
        let over = self.finish(u64::MAX);
        self.voiced_since = None;
        ended.into_iter().chain(over)
    }

    fn begin(&mut self, behind: u64) -> Option<TurnEvent> {
        let since = self.voiced_since.filter(|since| behind - since >= self.start)?;
        self.turn = match self.turn {
            Turn::Over => Turn::Speaking { turn: since, speech: since },
            Turn::Pausing { turn } => Turn::Speaking { turn, speech: since },
            Turn::Speaking { .. } => return None,
        };
        Some(TurnEvent::SpeechStarted { first_sample: since })
    }

    fn end(&mut self, silence: u64) -> Option<TurnEvent> {
        let Turn::Speaking { turn, speech } = self.turn else { return None };
        if silence < self.end {
            return None;
        }
        self.turn = Turn::Pausing { turn };
        let duration = self.lasted(speech);
        Some(TurnEvent::SpeechEnded { end_sample: self.voiced_until, duration })
    }

    fn finish(&mut self, silence: u64) -> Option<TurnEvent> {
        let Turn::Pausing { turn } = self.turn else { return None };
        if silence < self.end_of_turn {
            return None;
        }
        self.turn = Turn::Over;
        Some(TurnEvent::TurnEnded { end_sample: self.voiced_until, duration: self.lasted(turn) })
    }

    fn lasted(&self, since: u64) -> Duration {
        self.format.sample_rate().duration_of(self.voiced_until.saturating_sub(since))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FORMAT: AudioFormat = AudioFormat::Pcm16K;

    /// What a script of frames tells, `#` with speech and `.` without, each event with the frame at which it was told.
    fn told(script: &str) -> Vec<(usize, TurnEvent)> {
        let mut turns = TurnDetector::new(FORMAT, &VoiceActivitySettings::default());
        let frames = script.chars().enumerate();
        let events = frames.flat_map(|(index, frame)| {
            let probability = if frame == '#' { 0.9 } else { 0.1 };
            turns.frame(index as u64 * 320, probability).map(move |event| (index, event))
        });
        events.collect()
    }

    fn script(parts: &[(char, usize)]) -> String {
        parts.iter().flat_map(|&(frame, count)| std::iter::repeat_n(frame, count)).collect()
    }

    #[test]
    fn a_turn_begins_pauses_goes_on_and_ends() {
        let events = told(&script(&[('.', 10), ('#', 50), ('.', 20), ('#', 10), ('.', 60)]));
        let millis = Duration::from_millis;
        assert_eq!(
            events,
            [
                (13, TurnEvent::SpeechStarted { first_sample: 10 * 320 }),
                (74, TurnEvent::SpeechEnded { end_sample: 60 * 320, duration: millis(1_000) }),
                (83, TurnEvent::SpeechStarted { first_sample: 80 * 320 }),
                (104, TurnEvent::SpeechEnded { end_sample: 90 * 320, duration: millis(200) }),
                (124, TurnEvent::TurnEnded { end_sample: 90 * 320, duration: millis(1_600) }),
            ]
        );
    }

    #[test]
    fn a_click_is_no_speech_and_a_breath_is_no_pause() {
        assert_eq!(told(&script(&[('.', 5), ('#', 3), ('.', 50)])), []);
        let events = told(&script(&[('#', 20), ('.', 14), ('#', 20)]));
        assert_eq!(events.len(), 1, "{events:?}");
    }

    proptest! {
        /// Whatever the frames hold: beginnings and ends alternate, and a turn ends behind its speech.
        #[test]
        fn beginnings_and_ends_alternate(runs in proptest::collection::vec((any::<bool>(), 1_usize..80), 0..40)) {
            let runs: Vec<_> = runs.into_iter().map(|(voice, len)| (if voice { '#' } else { '.' }, len)).collect();
            let (mut speaking, mut in_turn) = (false, false);
            for (_, event) in told(&script(&runs)) {
                match event {
                    TurnEvent::SpeechStarted { .. } => {
                        prop_assert!(!speaking);
                        (speaking, in_turn) = (true, true);
                    }
                    TurnEvent::SpeechEnded { .. } => prop_assert!(std::mem::take(&mut speaking)),
                    TurnEvent::TurnEnded { .. } => {
                        prop_assert!(!speaking);
                        prop_assert!(std::mem::take(&mut in_turn));
                    }
                }
            }
        }
    }
}
