//! Packets that are missing, and when to ask for them: generic NACK (RFC 4585 section 6.2.1).

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::MediaInstant;

/// How long a packet may come late by itself before it is asked for.
pub(super) const REORDERING: Duration = Duration::from_millis(10);
/// How often a packet is asked for. What is still missing then is lost on a path that a key frame has to cross, too.
const MOST_TRIES: u8 = 10;
/// Gaps longer than this are no loss to repair but an outage; a key frame is cheaper.
pub(super) const MOST_MISSING: usize = 512;
/// Asking again sooner than this asks for what is under way, however short the path is said to be.
const LEAST_WAIT: Duration = Duration::from_millis(20);

/// What one stream lacks.
#[derive(Debug)]
pub struct MissingPackets {
    /// By place, lowest first.
    missing: VecDeque<Missing>,
    /// The path there and back.
    round_trip: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Missing {
    place: u64,
    ask_at: MediaInstant,
    tries: u8,
}

impl MissingPackets {
    pub(super) fn new() -> Self {
        Self { missing: VecDeque::with_capacity(MOST_MISSING), round_trip: Duration::from_millis(100) }
    }

    /// How long the path there and back is, as reports say. Default 100 ms.
    pub fn set_round_trip(&mut self, round_trip: Duration) {
        self.round_trip = round_trip;
    }

    /// Notes that the places from `from` up to, but without, `to` have not come by `now`. `false` when they are too many to
    /// be asked for; then nothing is.
    pub(super) fn note(&mut self, from: u64, to: u64, now: MediaInstant) -> bool {
        if to.saturating_sub(from) > (MOST_MISSING - self.missing.len()) as u64 {
            self.missing.clear();
            return false;
        }
        let ask_at = now + REORDERING;
        self.missing.extend((from..to).map(|place| Missing { place, ask_at, tries: 0 }));
        true
    }

    /// The same for places that lie below all that are missing.
    pub(super) fn note_before(&mut self, from: u64, to: u64, now: MediaInstant) {
        let ask_at = now + REORDERING;
        for place in (from..to).rev().take(MOST_MISSING - self.missing.len()) {
            self.missing.push_front(Missing { place, ask_at, tries: 0 });
        }
    }

    /// Notes that a packet has come after all.
    pub(super) fn arrived(&mut self, place: u64) {
        if let Ok(at) = self.missing.binary_search_by_key(&place, |missing| missing.place) {
            self.missing.remove(at);
        }
    }

    /// Forgets what lies below `place`.
    pub(super) fn forget_before(&mut self, place: u64) {
        while self.missing.front().is_some_and(|missing| missing.place < place) {
            self.missing.pop_front();
        }
    }

    pub(super) fn clear(&mut self) {
        self.missing.clear();
    }

    /// Whether a packet is still worth waiting for.
    pub(super) fn is_awaited(&self, place: u64) -> bool {
        self.missing.binary_search_by_key(&place, |missing| missing.place).is_ok()
    }

    /// When there will be something to ask for next.
    pub fn next_due(&self) -> Option<MediaInstant> {
        self.missing.iter().map(|missing| missing.ask_at).min()
    }

    /// Tells `ask` the sequence numbers to ask for at `now`, in order. What was asked for in vain often enough is given up.
    pub fn due(&mut self, now: MediaInstant, mut ask: impl FnMut(u16)) {
        let again = now + self.round_trip.max(LEAST_WAIT);
        self.missing.retain_mut(|missing| {
            if missing.ask_at > now {
                return true;
            }
            if missing.tries >= MOST_TRIES {
                return false;
            }
            ask(missing.place as u16);
            (missing.tries, missing.ask_at) = (missing.tries + 1, again);
            true
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> MediaInstant {
        MediaInstant::from_duration(Duration::from_millis(millis))
    }

    fn asked(missing: &mut MissingPackets, millis: u64) -> Vec<u16> {
        let mut asked = Vec::new();
        missing.due(at(millis), |number| asked.push(number));
        asked
    }

    #[test]
    fn a_packet_is_asked_for_once_a_round_trip_until_it_comes() {
        let mut missing = MissingPackets::new();
        missing.set_round_trip(Duration::from_millis(50));
        assert!(missing.note(65_535, 65_538, at(0)));
        assert_eq!(asked(&mut missing, 5), [0; 0], "it may only be late");
        assert_eq!(missing.next_due(), Some(at(10)));
        assert_eq!(asked(&mut missing, 10), [65_535, 0, 1]);
        assert_eq!(asked(&mut missing, 59), [0; 0]);
        missing.arrived(65_536);
        assert_eq!(asked(&mut missing, 60), [65_535, 1]);
        missing.forget_before(65_537);
        assert_eq!(asked(&mut missing, 110), [1]);
        let more = (2..100).map(|turn| asked(&mut missing, 60 + turn * 50).len()).sum::<usize>();
        assert_eq!(more, 7, "and ten times at the most");
        assert!(!missing.is_awaited(65_537));
        assert_eq!(missing.next_due(), None);
    }

    #[test]
    fn an_outage_is_not_asked_for() {
        let mut missing = MissingPackets::new();
        assert!(missing.note(0, 100, at(0)));
        assert!(!missing.note(100, 100 + MOST_MISSING as u64, at(0)));
        assert_eq!(missing.next_due(), None);
    }
}
