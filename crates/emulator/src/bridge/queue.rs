//! Opus packets of a member on their way to the mixer: put into order, and held for as long as jitter asks for.
//!
//! Small on purpose. It is not the engine's jitter buffer: a far end that shared its code could not find its mistakes.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

/// RTP ticks in a frame of 20 ms (RFC 7587 section 4.1).
const FRAME: i64 = 960;

/// What is held before the first packet is played: 60 ms, which a busy machine's late wakes stay below.
const HOLD: i64 = 3 * FRAME;

/// More than this much is held only after a stall; then what is too old is left out.
const MOST: i64 = 12 * FRAME;

/// A pause longer than this ends with a new beginning: a second.
const PAUSE: i64 = 50 * FRAME;

/// Frames that are guessed in a row before silence follows: guesses fade out within 100 ms.
const GUESSES: u32 = 5;

/// Frames without a packet after which the next one is waited for as at the beginning.
const STARVED: u32 = 25;

/// Packets in a row that come too late before the delay begins anew.
const LATE: u32 = 5;

/// What to play next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// This packet.
    Packet(Bytes),
    /// The copy of a lost one in this packet, which follows it (RFC 6716 section 2.1.7).
    Recover(Bytes),
    /// A guess.
    Guess,
    /// Silence.
    Silence,
}

/// Packets by their place on the sender's clock.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Each with when it came.
    packets: BTreeMap<i64, (Bytes, Duration)>,
    /// When the packet came that was played last, until somebody asks.
    played_since: Option<Duration>,
    /// The RTP time of the latest packet, and its place.
    latest: Option<(u32, i64)>,
    /// The place that is played next; `None` until enough is held.
    playing: Option<i64>,
    /// Frames that have been waited for the first packets.
    waited: i64,
    guesses: u32,
    starved: u32,
    late: u32,
}

impl Queue {
    /// Takes in a packet with the RTP time `time`, which has come `now`.
    pub(super) fn push(&mut self, now: Duration, time: u32, payload: Bytes) {
        let place = match self.latest {
            Some((latest, place)) => place + i64::from(time.wrapping_sub(latest).cast_signed()),
            None => 0,
        };
        if self.latest.is_none_or(|(_, latest)| place > latest || latest - place > PAUSE) {
            self.latest = Some((time, place));
        }
        if self.playing.is_some_and(|playing| place < playing) {
            self.late += 1;
            if self.late < LATE {
                return;
            }
            // The path has become longer for good, or the sender has begun anew.
            self.packets.clear();
            self.begin_anew();
        }
        self.late = 0;
        self.packets.insert(place, (payload, now));
    }

    fn begin_anew(&mut self) {
        (self.playing, self.waited, self.starved, self.guesses) = (None, 0, 0, 0);
    }

    /// What to play now. [`played`](Self::played) says how much of it there was.
    pub(super) fn next(&mut self) -> Next {
        let (Some(first), Some(last)) = (self.first(), self.packets.last_key_value()) else {
            return self.nothing_there();
        };
        let last = *last.0;
        let playing = match self.playing {
            Some(playing) => playing,
            None if last - first + FRAME >= HOLD || self.waited * FRAME >= HOLD => first,
            None => {
                self.waited += 1;
                return Next::Silence;
            }
        };
        let held = last + FRAME - playing;
        let playing = if held > MOST && first > playing + PAUSE {
            first
        } else if held > MOST && first <= playing {
            last + FRAME - HOLD
        } else {
            playing
        };
        self.packets = self.packets.split_off(&playing);
        self.playing = Some(playing);
        self.starved = 0;
        let Some(first) = self.first() else { return self.guess() };
        match first - playing {
            ..FRAME => {
                self.guesses = 0;
                // It may begin within this frame, where packets have changed their length.
                self.playing = Some(first);
                self.packets.pop_first().map_or(Next::Silence, |(_, (packet, came))| {
                    self.played_since = Some(came);
                    Next::Packet(packet)
                })
            }
            FRAME => {
                self.packets.get(&first).map_or(Next::Guess, |(packet, _)| Next::Recover(packet.clone()))
            }
            _ => self.guess(),
        }
    }

    /// So many samples at 48 kHz were played.
    pub(super) fn played(&mut self, samples: usize) {
        if let Some(playing) = &mut self.playing {
            *playing += samples as i64;
        }
    }

    /// When the packet came that has just been played.
    pub(super) fn take_arrival(&mut self) -> Option<Duration> {
        self.played_since.take()
    }

    fn first(&self) -> Option<i64> {
        self.packets.first_key_value().map(|(place, _)| *place)
    }

    fn nothing_there(&mut self) -> Next {
        if self.playing.is_none() {
            return Next::Silence;
        }
        self.starved += 1;
        if self.starved >= STARVED {
            self.begin_anew();
            return Next::Silence;
        }
        self.guess()
    }

    fn guess(&mut self) -> Next {
        self.guesses += 1;
        if self.guesses <= GUESSES { Next::Guess } else { Next::Silence }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(number: u8) -> Bytes {
        Bytes::copy_from_slice(&[number])
    }

    fn push(queue: &mut Queue, number: u8) {
        queue.push(Duration::ZERO, (u32::from(number) * 960).wrapping_sub(1_500), packet(number));
    }

    fn play(queue: &mut Queue) -> Next {
        let next = queue.next();
        queue.played(960);
        next
    }

    #[test]
    fn packets_are_held_for_60_ms_and_come_out_in_order_across_the_wrap() {
        let mut queue = Queue::default();
        push(&mut queue, 0);
        assert_eq!(play(&mut queue), Next::Silence);
        push(&mut queue, 2);
        push(&mut queue, 1);
        push(&mut queue, 3);
        for number in 0..4 {
            assert_eq!(play(&mut queue), Next::Packet(packet(number)));
        }
    }

    #[test]
    fn a_lost_packet_is_taken_from_the_one_behind_it_or_guessed() {
        let mut queue = Queue::default();
        for number in [0, 1, 3, 6] {
            push(&mut queue, number);
        }
        let played: Vec<Next> = (0..7).map(|_| play(&mut queue)).collect();
        let expected = [
            Next::Packet(packet(0)),
            Next::Packet(packet(1)),
            Next::Recover(packet(3)),
            Next::Packet(packet(3)),
            Next::Guess,
            Next::Recover(packet(6)),
            Next::Packet(packet(6)),
        ];
        assert_eq!(played, expected);
    }

    #[test]
    fn a_sender_that_pauses_is_silent_and_keeps_its_delay() {
        let mut queue = Queue::default();
        (0..3).for_each(|number| push(&mut queue, number));
        let played: Vec<Next> = (0..20).map(|_| play(&mut queue)).collect();
        assert!(played[3..8].iter().all(|next| *next == Next::Guess));
        assert!(played[8..].iter().all(|next| *next == Next::Silence));
        // It is at 20 now, and what was said at 22 is played in its place.
        push(&mut queue, 22);
        assert_eq!(play(&mut queue), Next::Silence);
        assert_eq!(play(&mut queue), Next::Recover(packet(22)));
        assert_eq!(play(&mut queue), Next::Packet(packet(22)));
    }

    #[test]
    fn after_a_stall_what_is_too_old_is_left_out_and_late_packets_begin_anew() {
        let mut queue = Queue::default();
        (0..30).for_each(|number| push(&mut queue, number));
        play(&mut queue);
        assert_eq!(play(&mut queue), Next::Packet(packet(28)), "60 ms are kept");
        let mut queue = Queue::default();
        (10..13).for_each(|number| push(&mut queue, number));
        (0..5).for_each(|_| _ = play(&mut queue));
        (1..9).for_each(|number| push(&mut queue, number));
        assert_eq!(play(&mut queue), Next::Packet(packet(5)), "the fifth late one is the first again");
    }

    proptest! {
        #[test]
        fn no_times_panic(times in proptest::collection::vec(any::<u32>(), 0..100)) {
            let mut queue = Queue::default();
            for time in times {
                queue.push(Duration::ZERO, time, packet(0));
                let _ = play(&mut queue);
            }
        }
    }
}
