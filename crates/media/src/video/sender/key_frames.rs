//! When the encoder of a stream is asked for a key frame.

use std::time::Duration;

use crate::time::MediaInstant;

/// It is not asked more often: several who watch, or the packets of one loss, ask for the same.
const LEAST_SPACING: Duration = Duration::from_millis(300);

/// Requests for key frames of one stream.
#[derive(Debug, Default)]
pub(super) struct KeyFrames {
    /// Somebody waits for one.
    is_wanted: bool,
    /// When the encoder was last asked.
    asked_at: Option<MediaInstant>,
    /// One is made, and its last packet has not left.
    is_leaving: bool,
    /// When the last packet of the latest one left.
    sent_at: Option<MediaInstant>,
    /// The number of the last FIR: one that is repeated has the same (RFC 5104 section 4.3.1.1).
    last_number: Option<u8>,
}

impl KeyFrames {
    /// A receiver asks for one at `now`. One that leaves, or left within a `round_trip`, is on its way to it.
    pub(super) fn request(&mut self, now: MediaInstant, round_trip: Duration) {
        if !self.is_leaving && self.sent_at.is_none_or(|sent| now.since(sent) >= round_trip) {
            self.is_wanted = true;
        }
    }

    /// Whether a FIR with this number is a new one.
    pub(super) fn is_new(&mut self, number: u8) -> bool {
        self.last_number.replace(number) != Some(number)
    }

    /// Nothing can be sent without a new one.
    pub(super) fn need(&mut self) {
        (self.is_wanted, self.is_leaving) = (true, false);
    }

    /// The encoder has made one.
    pub(super) fn note_made(&mut self) {
        (self.is_wanted, self.is_leaving) = (false, true);
    }

    /// The last packet of one left.
    pub(super) fn note_sent(&mut self, now: MediaInstant) {
        (self.sent_at, self.is_leaving) = (Some(now), false);
    }

    /// When to ask the encoder; `None` when there is nothing to ask for.
    pub(super) fn due_at(&self) -> Option<MediaInstant> {
        self.is_wanted.then(|| self.asked_at.map_or(MediaInstant::ZERO, |asked| asked + LEAST_SPACING))
    }

    /// Whether to ask the encoder now; then it is asked.
    pub(super) fn ask(&mut self, now: MediaInstant) -> bool {
        let is_due = self.due_at().is_some_and(|due| due <= now);
        if is_due {
            (self.asked_at, self.is_wanted) = (Some(now), false);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND_TRIP: Duration = Duration::from_millis(50);

    fn at(millis: u64) -> MediaInstant {
        MediaInstant::from_duration(Duration::from_millis(millis))
    }

    #[test]
    fn the_encoder_is_asked_at_once_and_then_not_for_a_while() {
        let mut key_frames = KeyFrames::default();
        key_frames.request(at(1000), ROUND_TRIP);
        assert!(key_frames.ask(at(1000)));
        assert!(!key_frames.ask(at(1400)), "it was asked");
        key_frames.request(at(1200), ROUND_TRIP);
        assert_eq!(key_frames.due_at(), Some(at(1300)));
        assert!(!key_frames.ask(at(1299)));
        assert!(key_frames.ask(at(1300)), "what was asked for in the meantime is not forgotten");
    }

    #[test]
    fn a_key_frame_answers_those_who_asked_before_they_could_have_it() {
        let mut key_frames = KeyFrames::default();
        key_frames.request(at(0), ROUND_TRIP);
        assert!(key_frames.ask(at(0)));
        key_frames.request(at(20), ROUND_TRIP);
        key_frames.note_made();
        key_frames.request(at(25), ROUND_TRIP);
        key_frames.note_sent(at(30));
        key_frames.request(at(79), ROUND_TRIP);
        assert_eq!(key_frames.due_at(), None);
        key_frames.request(at(80), ROUND_TRIP);
        assert_eq!(key_frames.due_at(), Some(at(300)), "it was lost");
    }

    #[test]
    fn a_full_intra_request_that_is_repeated_is_one() {
        let mut key_frames = KeyFrames::default();
        let new: Vec<_> = [0, 0, 1, 1, 255, 0].map(|number| key_frames.is_new(number)).into();
        assert_eq!(new, [true, false, true, false, true, true]);
    }
}
