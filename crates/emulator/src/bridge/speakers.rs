//! Who speaks, who speaks most, and in which section of a listener's connection each is heard by themselves.

/// The level of silence, in -dBov (RFC 6465 section 3).
pub(super) const SILENCE: u8 = 127;

/// Softer than this, in -dBov, is the noise of a room, and nobody's speech.
const NOISE: u8 = 50;

/// Frames for which somebody still speaks after the last loud one: 300 ms, longer than the pause before a `t`.
const PAUSE: u32 = 15;

/// Frames for which somebody else must be the louder one before they become the dominant speaker: 400 ms, longer than a cough.
const TURN: u32 = 20;

/// By how much they must be louder, in dB.
const LOUDER: f32 = 6.0;

/// How much of a new level goes into the average: it follows speech within 100 ms.
const SMOOTHING: f32 = 0.2;

/// How somebody has spoken lately.
#[derive(Clone, Copy, Debug)]
pub(super) struct Activity {
    level: u8,
    /// The average level, in -dBov.
    average: f32,
    /// Frames since the last loud one; `None` before there was one.
    quiet_for: Option<u32>,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self { level: SILENCE, average: SILENCE.into(), quiet_for: None }
    }

    /// Takes in the level of one more frame, in -dBov.
    pub(super) fn hear(&mut self, level: u8) {
        self.level = level;
        self.average += (f32::from(level) - self.average) * SMOOTHING;
        self.quiet_for =
            if level <= NOISE { Some(0) } else { self.quiet_for.map(|frames| frames.saturating_add(1)) };
    }

    /// The level of the latest frame, in -dBov.
    pub(super) fn level(self) -> u8 {
        self.level
    }

    pub(super) fn speaks(self) -> bool {
        self.quiet_for.is_some_and(|frames| frames < PAUSE)
    }
}

/// Whoever speaks most: stays so while nobody is clearly louder for long enough.
#[derive(Debug, Default)]
pub(super) struct Dominance {
    dominant: Option<u32>,
    challenger: Option<(u32, u32)>,
}

impl Dominance {
    pub(super) fn dominant(&self) -> Option<u32> {
        self.dominant
    }

    /// Takes in a frame of everybody, each under a number of their own.
    pub(super) fn hear(&mut self, everybody: impl Iterator<Item = (u32, Activity)> + Clone) {
        let loudest = everybody
            .clone()
            .filter(|(_, activity)| activity.speaks())
            .min_by(|(_, one), (_, other)| one.average.total_cmp(&other.average));
        let Some((loudest, activity)) = loudest else {
            self.challenger = None;
            return;
        };
        let dominant = everybody.clone().find(|(who, _)| Some(*who) == self.dominant);
        let holds = dominant.is_some_and(|(who, held)| {
            who == loudest || held.speaks() && held.average - activity.average < LOUDER
        });
        if holds {
            self.challenger = None;
            return;
        }
        let frames = match self.challenger {
            Some((who, frames)) if who == loudest => frames + 1,
            _ => 1,
        };
        self.challenger = Some((loudest, frames));
        // Whoever has fallen silent is followed at once.
        if frames >= TURN || !dominant.is_some_and(|(_, held)| held.speaks()) {
            (self.dominant, self.challenger) = (Some(loudest), None);
        }
    }
}

/// The sections in which a listener hears one speaker each.
#[derive(Debug)]
pub(super) struct Sections {
    /// Who was last heard in each.
    speakers: Vec<Option<u32>>,
    /// When they last spoke: the frame's number.
    spoke: Vec<u64>,
    frame: u64,
}

impl Sections {
    pub(super) fn new(count: usize) -> Self {
        Self { speakers: vec![None; count], spoke: vec![0; count], frame: 0 }
    }

    /// Gives a section to each of those who speak, the first one first, while there are some; says who is heard in which.
    ///
    /// Whoever speaks keeps theirs. Whoever begins to gets the one that they had, else one that nobody had, else that of whoever
    /// has been silent for longest.
    pub(super) fn assign(&mut self, speaking: &[u32]) -> Vec<Option<u32>> {
        self.frame += 1;
        for who in speaking {
            let place = self
                .speakers
                .iter()
                .position(|speaker| speaker == &Some(*who))
                .or_else(|| self.speakers.iter().position(Option::is_none))
                .or_else(|| self.longest_silent(speaking));
            if let Some(place) = place {
                (self.speakers[place], self.spoke[place]) = (Some(*who), self.frame);
            }
        }
        let heard = |speaker: &Option<u32>| speaker.filter(|who| speaking.contains(who));
        self.speakers.iter().map(heard).collect()
    }

    fn longest_silent(&self, speaking: &[u32]) -> Option<usize> {
        let silent = |place: &usize| self.speakers[*place].is_none_or(|who| !speaking.contains(&who));
        (0..self.speakers.len()).filter(silent).min_by_key(|place| self.spoke[*place])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activity(levels: impl IntoIterator<Item = u8>) -> Activity {
        let mut activity = Activity::new();
        levels.into_iter().for_each(|level| activity.hear(level));
        activity
    }

    #[test]
    fn noise_is_no_speech_and_a_short_pause_does_not_end_it() {
        assert!(!activity([60; 100]).speaks());
        assert!(activity([20]).speaks());
        assert!(activity([20].into_iter().chain([127; 14])).speaks());
        assert!(!activity([20].into_iter().chain([127; 15])).speaks());
    }

    #[test]
    fn the_dominant_speaker_is_not_taken_over_by_a_cough_and_is_followed_when_silent() {
        let mut dominance = Dominance::default();
        let (mut ada, mut ben) = (Activity::new(), Activity::new());
        let mut hear = |levels: [u8; 2], frames: usize| {
            for _ in 0..frames {
                ada.hear(levels[0]);
                ben.hear(levels[1]);
                dominance.hear([(1, ada), (2, ben)].into_iter());
            }
            dominance.dominant()
        };
        assert_eq!(hear([127, 127], 10), None);
        assert_eq!(hear([30, 127], 10), Some(1));
        assert_eq!(hear([30, 10], 10), Some(1), "a cough");
        assert_eq!(hear([30, 127], 40), Some(1));
        assert_eq!(hear([30, 10], 40), Some(2));
        assert_eq!(hear([127, 127], 100), Some(2), "whoever spoke last");
        assert_eq!(hear([30, 127], 2), Some(1), "at once, where nobody else speaks");
    }

    #[test]
    fn a_section_is_not_taken_from_whoever_speaks() {
        let mut sections = Sections::new(2);
        assert_eq!(sections.assign(&[7]), [Some(7), None]);
        assert_eq!(sections.assign(&[8, 7]), [Some(7), Some(8)]);
        assert_eq!(sections.assign(&[9, 8, 7]), [Some(7), Some(8)], "there are but two");
        assert_eq!(sections.assign(&[8]), [None, Some(8)]);
        assert_eq!(sections.assign(&[7, 8]), [Some(7), Some(8)], "back where they were");
        assert_eq!(sections.assign(&[8, 9]), [Some(9), Some(8)]);
        assert_eq!(sections.assign(&[]), [None, None]);
        assert_eq!(sections.assign(&[5]), [Some(5), None], "of two equally silent, the first");
        assert_eq!(sections.assign(&[6]), [None, Some(6)], "and then the one that is silent for longer");
    }
}
