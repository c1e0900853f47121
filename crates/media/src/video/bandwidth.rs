//! How fast to send: what the far end says of arrivals, made into a rate (draft-ietf-rmcat-gcc-02).
//!
//! ```text
//! sent packets ─┐
//!               ├─► groups ─► trend of delay ─► detector ─┐
//! feedback ─────┤                                         ├─► rate of delay ─┐
//!               ├─► rate that arrives ────────────────────┘                  ├─► the lower, within limits
//!               └─► share that is lost ──────────────────► rate of loss ─────┘
//! ```
//!
//! A cluster of packets that left faster shows more of the path at once: both rates rise to what arrived of it.

mod arrived;
mod cluster;
mod control;
#[cfg(test)]
mod tests;
mod trend;

use std::time::Duration;

use arrived::ArrivedRate;
use cluster::Cluster;
pub(super) use cluster::Verdict;
use control::{DelayControl, LossControl};
use trend::{DelayTrend, Usage};

use super::twcc::PacketResult;
use crate::time::MediaInstant;

/// Packets whose fate is not known yet; more than any path holds.
const UNDER_WAY: usize = 4096;

/// With queues that stand for longer, nothing is tried.
const STANDS: Duration = Duration::from_millis(100);
/// What stands in queues because of a cluster is gone after so long.
const SETTLES: Duration = Duration::from_millis(300);
/// For so long what arrived of a cluster is what the path carries, though less is sent.
const HOLDS: Duration = Duration::from_secs(1);

/// Bits a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct BitRate(u64);

impl BitRate {
    /// So many bits a second.
    pub const fn from_bits_per_second(bits: u64) -> Self {
        Self(bits)
    }

    /// So many thousand bits a second.
    pub const fn from_kilobits_per_second(kilobits: u64) -> Self {
        Self(kilobits * 1000)
    }

    /// Bits a second.
    pub const fn bits_per_second(self) -> u64 {
        self.0
    }

    /// The rate of `bytes` in `time`; none in no time.
    pub fn of(bytes: usize, time: Duration) -> Self {
        let nanos = time.as_nanos();
        if nanos == 0 {
            return Self(0);
        }
        Self(u64::try_from(bytes as u128 * 8_000_000_000 / nanos).unwrap_or(u64::MAX))
    }

    #[must_use]
    pub(super) fn times(self, factor: f64) -> Self {
        // A float beyond the range saturates.
        Self((self.0 as f64 * factor) as u64)
    }

    /// How long `bytes` take at this rate.
    pub(super) fn time_for(self, bytes: usize) -> Duration {
        Duration::from_nanos(bytes as u64 * 8_000_000_000 / self.0.max(1))
    }
}

/// Between which rates an estimate stays, and where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BandwidthLimits {
    /// Below this, video is of no use. Default 30 kb/s.
    pub min: BitRate,
    /// What the path is trusted with at first. Default 300 kb/s.
    pub start: BitRate,
    /// More is never sent. Default 5 Mb/s.
    pub max: BitRate,
}

impl Default for BandwidthLimits {
    fn default() -> Self {
        let [min, start, max] = [30, 300, 5000].map(BitRate::from_kilobits_per_second);
        Self { min, start, max }
    }
}

/// Estimates what a path carries.
#[derive(Debug)]
pub struct BandwidthEstimator {
    limits: BandwidthLimits,
    /// By number.
    under_way: Vec<Option<Sent>>,
    trend: DelayTrend,
    arrived: ArrivedRate,
    delay: DelayControl,
    loss: LossControl,
    estimate: BitRate,
    cluster: Option<Cluster>,
    /// What the last cluster has told, and when; and whether that was taken.
    told: Option<(Verdict, MediaInstant)>,
    is_told: bool,
}

/// A packet that was sent.
#[derive(Clone, Copy, Debug)]
struct Sent {
    number: u16,
    at: MediaInstant,
    bytes: usize,
}

impl BandwidthEstimator {
    /// An estimator that has heard nothing yet.
    pub fn new(limits: BandwidthLimits) -> Self {
        Self {
            limits,
            under_way: vec![None; UNDER_WAY],
            trend: DelayTrend::default(),
            arrived: ArrivedRate::default(),
            delay: DelayControl::new(limits.start),
            loss: LossControl::new(limits.start),
            estimate: limits.start,
            cluster: None,
            told: None,
            is_told: true,
        }
    }

    /// What is sent from now on is a cluster, at this rate, until it is whole.
    pub(super) fn begin_cluster(&mut self, rate: BitRate, now: MediaInstant) {
        self.cluster = Some(Cluster::new(rate, now));
    }

    /// There is a cluster of which not all is known.
    pub(super) fn has_cluster(&self) -> bool {
        self.cluster.is_some()
    }

    /// A cluster may begin: there is none, and no queue on the path that it would add to.
    pub(super) fn has_room(&self) -> bool {
        !self.has_cluster() && self.trend.usage() != Usage::Over && self.trend.queued() < STANDS
    }

    /// The rate of a cluster that has not all left.
    pub(super) fn cluster_rate(&self) -> Option<BitRate> {
        self.cluster.as_ref().filter(|cluster| cluster.is_leaving()).map(|cluster| cluster.rate)
    }

    /// Nothing is left to fill a cluster with that has not all left: it has told nothing. Whether there was one.
    pub(super) fn give_up_cluster(&mut self, now: MediaInstant) -> bool {
        let is_leaving = self.cluster_rate().is_some();
        if is_leaving {
            (self.cluster, self.told, self.is_told) = (None, Some((Verdict::Nothing, now)), false);
        }
        is_leaving
    }

    /// What a cluster has told, once.
    pub(super) fn take_verdict(&mut self) -> Option<Verdict> {
        let (verdict, _) = self.told?;
        (!std::mem::replace(&mut self.is_told, true)).then_some(verdict)
    }

    /// Other limits, from now on.
    pub fn set_limits(&mut self, limits: BandwidthLimits) {
        self.limits = limits;
        self.estimate = self.estimate.clamp(limits.min, limits.max.max(limits.min));
    }

    /// What the path is believed to carry.
    pub fn estimate(&self) -> BitRate {
        self.estimate
    }

    /// Notes that the packet with this transport-wide number, of `bytes` with all headers, was sent.
    pub fn note_sent(&mut self, number: u16, bytes: usize, at: MediaInstant) {
        self.under_way[usize::from(number) % UNDER_WAY] = Some(Sent { number, at, bytes });
        if let Some(cluster) = &mut self.cluster {
            cluster.note_sent(number, bytes, at);
        }
    }

    /// Forgets that the packet with this number was sent: it is sent once more as it was, so its arrival will tell nothing.
    pub(super) fn forget(&mut self, number: u16) {
        let place = &mut self.under_way[usize::from(number) % UNDER_WAY];
        *place = place.filter(|sent| sent.number != number);
    }

    /// Takes in what one feedback tells; gives the estimate that follows. `round_trip` is that of the path.
    pub fn note_feedback(
        &mut self,
        now: MediaInstant,
        round_trip: Duration,
        results: impl IntoIterator<Item = PacketResult>,
    ) -> BitRate {
        let (mut arrived, mut lost) = (0_u32, 0_u32);
        for result in results {
            let place = &mut self.under_way[usize::from(result.number) % UNDER_WAY];
            let Some(sent) = place.filter(|sent| sent.number == result.number) else { continue };
            if let Some(cluster) = &mut self.cluster {
                cluster.note_result(result.number, result.arrival.map(|arrival| (arrival, sent.bytes)));
            }
            let Some(arrival) = result.arrival else {
                // It may be told to have come yet.
                lost += 1;
                continue;
            };
            *place = None;
            arrived += 1;
            self.arrived.note(arrival, sent.bytes);
            // A cluster is meant to queue, which says nothing of what is sent otherwise.
            if !self.cluster.is_some_and(|cluster| cluster.has(result.number)) {
                self.trend.note(sent.at, arrival);
            }
        }
        self.hear_cluster(now);
        let usage = match self.trend.usage() {
            Usage::Over if self.is_settling(now) => Usage::Normal,
            usage => usage,
        };
        let rate = match usage {
            // Less may have been sent than the path carries.
            Usage::Over => self.arrived.rate().max(self.proven(now)),
            _ => self.arrived.rate(),
        };
        let by_delay = self.delay.update(now, usage, self.trend.queued(), rate, round_trip);
        let by_loss = self.loss.update(now, arrived, lost, self.estimate);
        let limits = self.limits;
        self.estimate = by_delay.min(by_loss).clamp(limits.min, limits.max.max(limits.min));
        self.delay.bound(self.estimate, limits.max);
        self.loss.bound(self.estimate, usage == Usage::Over);
        self.estimate
    }

    /// What the cluster tells, once it does.
    fn hear_cluster(&mut self, now: MediaInstant) {
        let Some(verdict) = self.cluster.and_then(|cluster| cluster.verdict(now)) else { return };
        (self.cluster, self.told, self.is_told) = (None, Some((verdict, now)), false);
        if let Verdict::Carries(rate) | Verdict::Limit(rate) = verdict
            && rate > self.estimate
        {
            self.delay.raise(rate, matches!(verdict, Verdict::Limit(_)));
            self.loss.raise(rate);
        }
    }

    /// What a cluster has shown of late.
    fn proven(&self, now: MediaInstant) -> Option<BitRate> {
        match self.told? {
            (Verdict::Carries(rate) | Verdict::Limit(rate), told) if now.since(told) < HOLDS => Some(rate),
            _ => None,
        }
    }

    /// Queues may stand that are a cluster's.
    fn is_settling(&self, now: MediaInstant) -> bool {
        self.has_cluster() || self.told.is_some_and(|(_, told)| now.since(told) < SETTLES)
    }
}
