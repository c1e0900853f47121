//! Rates that follow from delay (section 5.5 of the draft) and from loss (section 6).

use std::time::Duration;

use super::BitRate;
use super::trend::Usage;
use crate::time::MediaInstant;

/// What is left of the rate that arrives, once queues grow.
const BACK_OFF: f64 = 0.85;
/// How fast a path is tried whose limit is not known: 8 % a second.
const GROWTH: f64 = 1.08;
/// No more than this above what arrives: what is not sent proves nothing.
const AHEAD: f64 = 1.5;
/// What stands in queues for longer than this is in the way of all that follows.
const STANDING: Duration = Duration::from_millis(150);
/// Near a known limit, a packet of this size is added a round trip.
const PACKET_BITS: f64 = 1200.0 * 8.0;

/// The rate that delay allows.
#[derive(Debug)]
pub(super) struct DelayControl {
    rate: BitRate,
    last: Option<MediaInstant>,
    /// What arrived when queues last grew: mean and deviation, relative to it.
    limit: Option<(f64, f64)>,
    is_started: bool,
}

impl DelayControl {
    pub(super) fn new(start: BitRate) -> Self {
        Self { rate: start, last: None, limit: None, is_started: false }
    }

    /// Another part of the estimate has decided for less, or the limits have.
    pub(super) fn bound(&mut self, rate: BitRate, max: BitRate) {
        // What delay allows may lie above what loss does, but no further than what can be tried at once.
        self.rate = self.rate.min(rate.times(AHEAD)).min(max);
    }

    /// So much was seen to arrive, and where that is the `limit` of the path, not more.
    pub(super) fn raise(&mut self, rate: BitRate, limit: bool) {
        self.rate = self.rate.max(rate);
        self.limit = None;
        if limit {
            self.note_limit(rate);
            self.is_started = true;
        }
    }

    pub(super) fn update(
        &mut self,
        now: MediaInstant,
        usage: Usage,
        queued: Duration,
        arrived: Option<BitRate>,
        round_trip: Duration,
    ) -> BitRate {
        let elapsed =
            self.last.replace(now).map_or(Duration::ZERO, |last| now.since(last)).min(Duration::from_secs(1));
        match usage {
            Usage::Over => {
                if let Some(arrived) = arrived {
                    self.rate = arrived.times(BACK_OFF).min(self.rate);
                    self.note_limit(arrived);
                }
                self.is_started = true;
            }
            // What stands in queues goes first.
            Usage::Under => {}
            Usage::Normal => self.increase(elapsed, arrived, round_trip),
        }
        self.draining(queued).map_or(self.rate, |draining| self.rate.min(draining))
    }

    /// What to send while much stands in queues: so much less than the path carries that they are empty in two seconds or so.
    /// Of the path's limit, so that sending less is no reason to send still less.
    fn draining(&self, queued: Duration) -> Option<BitRate> {
        let (limit, _) = self.limit?;
        let share = (queued.as_secs_f64() / 2.0).min(0.5);
        (queued > STANDING).then_some(BitRate((limit * (1.0 - share)) as u64))
    }

    fn increase(&mut self, elapsed: Duration, arrived: Option<BitRate>, round_trip: Duration) {
        let seconds = elapsed.as_secs_f64();
        let rate = arrived.map_or(0.0, |arrived| arrived.0 as f64);
        if let Some((mean, deviation)) = self.limit
            && rate > mean + 3.0 * deviation * mean
        {
            // The path carries more than it did.
            self.limit = None;
        }
        let is_near = self.limit.is_some_and(|(mean, deviation)| rate > mean - 3.0 * deviation * mean);
        let more = if is_near {
            // One packet in the time that a change takes to show.
            let response = (round_trip + Duration::from_millis(100)).as_secs_f64();
            (PACKET_BITS * seconds / response).max(1000.0 * seconds)
        } else {
            let growth = if self.is_started { GROWTH } else { GROWTH.powi(8) };
            self.rate.0 as f64 * (growth.powf(seconds) - 1.0)
        };
        let ahead = arrived.map_or(u64::MAX, |arrived| arrived.times(AHEAD).0 + 10_000);
        let raised = self.rate.0.saturating_add(more as u64);
        // Never down from here: that is for delay and loss to decide.
        self.rate = BitRate(raised.min(ahead).max(self.rate.0));
    }

    fn note_limit(&mut self, arrived: BitRate) {
        let rate = arrived.0 as f64;
        self.limit = Some(match self.limit {
            Some((mean, deviation)) if (rate - mean).abs() <= 3.0 * deviation * mean => {
                let off = (rate - mean).abs() / mean.max(1.0);
                (0.95 * mean + 0.05 * rate, (0.95 * deviation + 0.05 * off).clamp(0.02, 0.2))
            }
            _ => (rate, 0.1),
        });
    }
}

/// Above this share of loss the path is too full (section 6).
const TOO_MUCH: f64 = 0.10;
/// Below this, loss is chance.
const CHANCE: f64 = 0.02;
/// So many packets make a share.
const LEAST_PACKETS: u32 = 20;

/// Loss up to here that does not become less when less is sent is the path's own, as on radio, and no reason to send still less.
const OWN_AT_MOST: f64 = 0.15;
/// How far the rate is lowered, and how many packets are sent then, to know that.
const TRIED: f64 = 0.8;
const TRIAL_PACKETS: u32 = 100;
/// What has to be left of the loss then: a queue that overflows loses far less once that much less comes.
const STAYS: f64 = 0.6;

/// The rate that loss allows.
#[derive(Debug)]
pub(super) struct LossControl {
    rate: BitRate,
    arrived: u32,
    lost: u32,
    decided: Option<MediaInstant>,
    /// The share that is the path's own.
    own: f64,
    /// The share of late.
    smoothed: f64,
    trial: Option<Trial>,
}

/// Whether sending less helps.
#[derive(Clone, Copy, Debug)]
struct Trial {
    /// The rate and the share of loss before.
    from: BitRate,
    share: f64,
    /// Since so much less is sent.
    packets: u32,
    lost: u32,
}

/// How often loss decides: a share takes time to be one.
const DECIDES: Duration = Duration::from_millis(250);

impl LossControl {
    pub(super) fn new(start: BitRate) -> Self {
        Self { rate: start, arrived: 0, lost: 0, decided: None, own: 0.0, smoothed: 0.0, trial: None }
    }

    /// Delay has decided for `rate`: what loss would allow stays near it, so that it can hold it back at once, and at it where
    /// queues grow.
    pub(super) fn bound(&mut self, rate: BitRate, is_full: bool) {
        self.rate = if is_full { rate } else { self.rate.min(rate.times(AHEAD)) };
    }

    /// So much was seen to arrive.
    pub(super) fn raise(&mut self, rate: BitRate) {
        self.rate = self.rate.max(rate);
    }

    pub(super) fn update(&mut self, now: MediaInstant, arrived: u32, lost: u32, sent_at: BitRate) -> BitRate {
        self.arrived += arrived;
        self.lost += lost;
        let total = self.arrived + self.lost;
        let since = *self.decided.get_or_insert(now);
        if total < LEAST_PACKETS || now.since(since) < DECIDES {
            return self.rate;
        }
        let share = f64::from(self.lost) / f64::from(total);
        self.learn(share, total, sent_at);
        let beyond = share - self.own;
        if beyond > TOO_MUCH {
            self.rate = sent_at.times(1.0 - 0.5 * beyond);
            self.trial.get_or_insert(Trial { from: sent_at, share, packets: 0, lost: 0 });
        } else if beyond < CHANCE {
            self.rate = BitRate(self.rate.0.max(sent_at.0)).times(1.05);
        }
        (self.arrived, self.lost, self.decided) = (0, 0, Some(now));
        self.rate
    }

    /// What of the loss is the path's own, by whether it became less when less was sent.
    fn learn(&mut self, share: f64, total: u32, sent_at: BitRate) {
        self.smoothed += (share - self.smoothed) / 16.0;
        self.own = self.own.min(self.smoothed);
        let Some(trial) = &mut self.trial else { return };
        if sent_at > trial.from.times(TRIED) {
            return;
        }
        trial.packets += total;
        trial.lost += self.lost;
        if trial.packets < TRIAL_PACKETS {
            return;
        }
        let stays = f64::from(trial.lost) / f64::from(trial.packets);
        if stays <= OWN_AT_MOST && stays >= STAYS * trial.share {
            (self.own, self.smoothed) = (stays, stays);
        }
        self.trial = None;
    }
}
