//! What a cluster of packets that left faster than the estimate tells: at what rate they arrived.

use std::time::Duration;

use super::BitRate;
use crate::time::MediaInstant;

/// So many packets make a rate.
const LEAST_PACKETS: u16 = 6;
/// And so long a time: several in what worker and kernel batch packets by.
const LEAST_TIME: Duration = Duration::from_millis(25);
/// Of the packets, so many have to arrive: the rest of a cluster says little.
const LEAST_ARRIVED: f64 = 0.8;
/// What arrives at less than this share of the rate that it was sent at has met the limit of the path.
const REACHED: f64 = 0.85;
/// Of the rate at the limit, what is used: queues that stand have to drain.
const SAFE: f64 = 0.95;
/// A cluster of which nothing is heard for so long tells nothing.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a cluster has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::video) enum Verdict {
    /// The path carries at least this much.
    Carries(BitRate),
    /// It carries so much, and not more.
    Limit(BitRate),
    /// Too few packets arrived, or none could be sent.
    Nothing,
}

/// Packets that leave one behind another at a rate of their own, by their transport-wide numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cluster {
    pub(super) rate: BitRate,
    began: MediaInstant,
    /// The first number, and how many packets there are; `None` before the first.
    first: Option<u16>,
    packets: u16,
    bytes: usize,
    /// When the first and the last one left.
    sent: (MediaInstant, MediaInstant),
    is_whole: bool,
    arrived: u16,
    arrived_bytes: usize,
    /// The first arrival with its bytes, and the last.
    arrivals: Option<((Duration, usize), Duration)>,
    /// Something that left behind it is told of.
    is_passed: bool,
}

impl Cluster {
    pub(super) fn new(rate: BitRate, began: MediaInstant) -> Self {
        Self {
            rate,
            began,
            first: None,
            packets: 0,
            bytes: 0,
            sent: (began, began),
            is_whole: false,
            arrived: 0,
            arrived_bytes: 0,
            arrivals: None,
            is_passed: false,
        }
    }

    /// It has not all left.
    pub(super) fn is_leaving(&self) -> bool {
        !self.is_whole
    }

    pub(super) fn note_sent(&mut self, number: u16, bytes: usize, at: MediaInstant) {
        if self.is_whole {
            return;
        }
        if self.first.is_none() {
            (self.first, self.sent.0) = (Some(number), at);
        }
        (self.packets, self.bytes, self.sent.1) = (self.packets + 1, self.bytes + bytes, at);
        self.is_whole = self.packets >= LEAST_PACKETS && self.rate.time_for(self.bytes) >= LEAST_TIME;
    }

    /// Whether the packet with this number is of it.
    pub(super) fn has(&self, number: u16) -> bool {
        self.first.is_some_and(|first| number.wrapping_sub(first) < self.packets)
    }

    /// The packet with this number is told of; with when it arrived, and its bytes, where it did.
    pub(super) fn note_result(&mut self, number: u16, arrival: Option<(Duration, usize)>) {
        let Some(first) = self.first else { return };
        let place = number.wrapping_sub(first);
        // While it leaves, its last packet so far is not its last.
        self.is_passed |= self.is_whole && place < 0x8000 && place + 1 >= self.packets;
        let Some((at, bytes)) = arrival.filter(|_| place < self.packets) else { return };
        (self.arrived, self.arrived_bytes) = (self.arrived + 1, self.arrived_bytes + bytes);
        let ((begin, begin_bytes), end) = self.arrivals.unwrap_or(((at, bytes), at));
        let begin = if at < begin { (at, bytes) } else { (begin, begin_bytes) };
        self.arrivals = Some((begin, end.max(at)));
    }

    /// What it tells, once that is known.
    pub(super) fn verdict(&self, now: MediaInstant) -> Option<Verdict> {
        if !self.is_whole || !self.is_passed {
            let is_over = now.since(self.began.max(self.sent.1)) > PATIENCE;
            return is_over.then_some(Verdict::Nothing);
        }
        let Some(((begin, begin_bytes), end)) = self.arrivals else { return Some(Verdict::Nothing) };
        if f64::from(self.arrived) < LEAST_ARRIVED * f64::from(self.packets) {
            return Some(Verdict::Nothing);
        }
        // The first one closes what lies before it. What left more slowly than it was to can arrive no faster.
        let took = end.saturating_sub(begin).max(self.sent.1.since(self.sent.0));
        let arrived = BitRate::of(self.arrived_bytes - begin_bytes, took).min(self.rate);
        Some(if arrived < self.rate.times(REACHED) && end.saturating_sub(begin) >= took {
            Verdict::Limit(arrived.times(SAFE))
        } else {
            Verdict::Carries(arrived)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> MediaInstant {
        MediaInstant::from_duration(Duration::from_millis(millis))
    }

    /// A cluster of 1 Mb/s, of which each packet of 1250 bytes arrives so many milliseconds after the one before it.
    fn told(spaced: u64, lost: impl Fn(u16) -> bool) -> (Cluster, u16) {
        let mut cluster = Cluster::new(BitRate::from_kilobits_per_second(1000), at(0));
        let mut sent = 0_u16;
        while cluster.is_leaving() {
            cluster.note_sent(sent.wrapping_sub(2), 1250, at(10 * u64::from(sent)));
            sent += 1;
        }
        for packet in 0..sent {
            let arrival = Duration::from_millis(1000 + spaced * u64::from(packet));
            let number = packet.wrapping_sub(2);
            assert!(cluster.has(number));
            cluster.note_result(number, (!lost(packet)).then_some((arrival, 1250)));
        }
        (cluster, sent)
    }

    #[test]
    fn what_arrives_as_it_was_sent_is_carried() {
        let (cluster, sent) = told(10, |_| false);
        assert_eq!(sent, LEAST_PACKETS);
        let verdict = cluster.verdict(at(200));
        assert_eq!(verdict, Some(Verdict::Carries(BitRate::from_kilobits_per_second(1000))));
        assert!(!cluster.has(sent.wrapping_sub(2)) && !cluster.has(u16::MAX - 2));
    }

    #[test]
    fn what_arrives_together_proves_no_more_than_was_sent() {
        let verdict = told(1, |_| false).0.verdict(at(200));
        assert_eq!(verdict, Some(Verdict::Carries(BitRate::from_kilobits_per_second(1000))));
    }

    #[test]
    fn what_arrives_more_slowly_has_met_the_limit() {
        let verdict = told(20, |_| false).0.verdict(at(200));
        assert_eq!(verdict, Some(Verdict::Limit(BitRate::from_kilobits_per_second(475))));
    }

    #[test]
    fn what_is_lost_or_not_told_of_tells_nothing() {
        assert_eq!(told(10, |packet| packet % 2 == 1).0.verdict(at(200)), Some(Verdict::Nothing));
        let mut cluster = Cluster::new(BitRate::from_kilobits_per_second(1000), at(0));
        cluster.note_sent(7, 1250, at(0));
        assert_eq!((cluster.verdict(at(1000)), cluster.verdict(at(1001))), (None, Some(Verdict::Nothing)));
    }
}
