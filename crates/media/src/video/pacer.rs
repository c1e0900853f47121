//! When the next packet may leave: a budget at somewhat more than the rate that the path is believed to carry, so that a key frame
//! leaves over a span of time and queues here stay short. Draft-ietf-rmcat-gcc-02 section 4.

use std::time::Duration;

use super::BitRate;
use crate::time::MediaInstant;

/// How much more than the estimate may leave at a time: what a key frame is above the frames around it has to go somewhere.
const FACTOR: f64 = 1.5;
/// Packets of this long leave together: a wake for each would cost more than the packets do.
const TOGETHER: Duration = Duration::from_millis(5);

/// However bad the path, something leaves now and then: how else would it be known when it gets better?
const LEAST: BitRate = BitRate::from_kilobits_per_second(30);

/// Lets packets out at a rate.
#[derive(Debug)]
pub(super) struct Pacer {
    rate: BitRate,
    /// When all that has left is paid for.
    free_at: MediaInstant,
    /// Packets leave until so much is owed.
    is_open: bool,
}

impl Pacer {
    pub(super) fn new(estimate: BitRate) -> Self {
        let mut pacer = Self { rate: LEAST, free_at: MediaInstant::ZERO, is_open: false };
        pacer.set_estimate(estimate);
        pacer
    }

    /// What leaves from now on is a cluster, at this rate, until the next estimate is set.
    pub(super) fn set_cluster(&mut self, rate: BitRate) {
        self.rate = rate.max(LEAST);
    }

    /// `estimate` is what the path carries.
    pub(super) fn set_estimate(&mut self, estimate: BitRate) {
        self.rate = estimate.times(FACTOR).max(LEAST);
    }

    /// Whether a packet may leave at `now`.
    pub(super) fn may_send(&mut self, now: MediaInstant) -> bool {
        self.is_open = if self.is_open { self.free_at <= now + TOGETHER } else { self.free_at <= now };
        self.is_open
    }

    /// `bytes` left at `now`.
    pub(super) fn note_sent(&mut self, bytes: usize, now: MediaInstant) {
        // What was not sent is no credit.
        self.free_at = self.free_at.max(now) + self.rate.time_for(bytes);
    }

    /// From when on packets may leave.
    pub(super) fn opens_at(&self) -> MediaInstant {
        self.free_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What leaves in a second of a queue that never ends, and the most that leaves in any 20 ms of it.
    fn second(pacer: &mut Pacer, begin: MediaInstant, bytes: usize) -> (usize, usize) {
        let (mut now, mut sent) = (begin, Vec::new());
        while now < begin + Duration::from_secs(1) {
            while pacer.may_send(now) {
                pacer.note_sent(bytes, now);
                sent.push(now);
            }
            assert!(pacer.opens_at() > now, "it is not asked again at once");
            now = pacer.opens_at();
        }
        let within = |at: &MediaInstant| {
            let span = *at..*at + Duration::from_millis(20);
            sent.iter().filter(|other| span.contains(other)).count()
        };
        (sent.len() * bytes, sent.iter().map(within).max().unwrap() * bytes)
    }

    #[test]
    fn a_queue_leaves_at_its_rate_without_bursts() {
        for kilobits in [100, 1000, 8000] {
            let mut pacer = Pacer::new(BitRate::from_kilobits_per_second(kilobits));
            let paced = (kilobits as f64 * 1000.0 / 8.0 * FACTOR) as usize;
            let (sent, burst) = second(&mut pacer, MediaInstant::ZERO, 1200);
            assert!(sent.abs_diff(paced) <= 2 * 1200 + paced / 100, "{kilobits} kb/s: {sent}, not {paced}");
            assert!(burst <= paced / 40 + 2 * 1200, "{kilobits} kb/s: {burst} in 20 ms");
        }
    }

    #[test]
    fn silence_saves_nothing_up() {
        let mut pacer = Pacer::new(BitRate::from_kilobits_per_second(1000));
        let (_, busy) = second(&mut pacer, MediaInstant::ZERO, 1200);
        let (_, after) = second(&mut pacer, MediaInstant::ZERO + Duration::from_secs(60), 1200);
        assert!(after <= busy, "{after} after a pause, {busy} before");
    }
}
