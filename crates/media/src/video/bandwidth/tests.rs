//! Estimates over a path of a virtual clock: a queue in front of a link of so many bits a second.

use std::collections::VecDeque;

use super::*;

/// A path: what is sent waits behind what was sent before, is carried at `rate`, and takes `delay` more.
struct Path {
    rate: BitRate,
    delay: Duration,
    /// Every so many packets one is lost.
    loses_every: Option<u32>,
    /// Or each with this chance.
    chance: f64,
    random: u64,
    /// What would stand in the queue for longer is lost.
    longest_queue: Option<Duration>,
    free_at: MediaInstant,
    sent: u32,
}

/// What is measured over the last seconds of a run.
#[derive(Debug)]
struct Run {
    /// The mean estimate against what the path carries.
    used: f64,
    /// The longest that a packet stood in the queue.
    queued: Duration,
}

impl Path {
    fn new(kilobits: u64) -> Self {
        let rate = BitRate::from_kilobits_per_second(kilobits);
        let delay = Duration::from_millis(30);
        let free_at = MediaInstant::ZERO;
        Self { rate, delay, loses_every: None, chance: 0.0, random: 1, longest_queue: None, free_at, sent: 0 }
    }

    /// When a packet arrives, and how long it stood in the queue.
    fn carry(&mut self, now: MediaInstant, bytes: usize) -> (Option<MediaInstant>, Duration) {
        self.sent += 1;
        let begins = self.free_at.max(now);
        if self.longest_queue.is_some_and(|longest| begins.since(now) > longest) {
            return (None, begins.since(now));
        }
        self.free_at = begins + Duration::from_secs_f64(bytes as f64 * 8.0 / self.rate.0 as f64);
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let is_unlucky = (self.random >> 40) as f64 / f64::from(1 << 24) < self.chance;
        let is_lost = is_unlucky || self.loses_every.is_some_and(|every| self.sent.is_multiple_of(every));
        let arrival = (!is_lost).then_some(self.free_at + self.delay);
        (arrival, begins.since(now))
    }
}

/// Sends frames of video at the estimated rate over `path` for `seconds`, and measures the last `measured`.
fn run(
    estimator: &mut BandwidthEstimator,
    path: &mut Path,
    clock: &mut MediaInstant,
    (seconds, measured): (u32, u32),
) -> Run {
    let frame = Duration::from_nanos(33_333_333);
    let (mut number, mut under_way) = (path.sent as u16, VecDeque::new());
    let (mut estimates, mut queued) = (Vec::new(), Duration::ZERO);
    let begin = *clock;
    let end = begin + Duration::from_secs(seconds.into());
    let measuring = end - Duration::from_secs(measured.into());
    let mut feedback_at = begin;
    while *clock < end {
        let now = *clock;
        let bytes = (estimator.estimate().0 as f64 / 8.0 * frame.as_secs_f64()) as usize;
        for sent in 0..bytes.div_ceil(1200).max(1) {
            let size = (bytes - (sent * 1200).min(bytes)).clamp(60, 1200);
            estimator.note_sent(number, size, now);
            let (arrival, stood) = path.carry(now, size);
            if now >= measuring {
                queued = queued.max(stood);
            }
            under_way.push_back((number, arrival));
            number = number.wrapping_add(1);
        }
        if now.since(feedback_at) >= Duration::from_millis(100) {
            feedback_at = now;
            // The far end tells of what has come by half a round trip ago.
            let heard = now - path.delay;
            let mut results = Vec::new();
            while let Some(&(number, arrival)) = under_way.front() {
                if arrival.is_some_and(|arrival| arrival > heard) {
                    break;
                }
                under_way.pop_front();
                results.push(PacketResult { number, arrival: arrival.map(MediaInstant::as_duration) });
            }
            if !results.is_empty() {
                estimator.note_feedback(now, 2 * path.delay, results);
            }
        }
        if now >= measuring {
            estimates.push(estimator.estimate().0 as f64);
        }
        *clock += frame;
    }
    Run { used: estimates.iter().sum::<f64>() / estimates.len() as f64 / path.rate.0 as f64, queued }
}

#[test]
fn a_path_is_filled_and_not_flooded() {
    for kilobits in [200, 800, 2500] {
        let mut estimator = BandwidthEstimator::new(BandwidthLimits::default());
        let (mut path, mut clock) = (Path::new(kilobits), MediaInstant::ZERO);
        let run = run(&mut estimator, &mut path, &mut clock, (40, 20));
        assert!(run.used > 0.7 && run.used < 1.05, "{kilobits} kb/s: {run:?}");
        assert!(run.queued < Duration::from_millis(400), "{kilobits} kb/s: {run:?}");
    }
}

#[test]
fn a_path_that_becomes_narrow_is_left_room_and_taken_again() {
    let mut estimator = BandwidthEstimator::new(BandwidthLimits::default());
    let (mut path, mut clock) = (Path::new(2000), MediaInstant::ZERO);
    run(&mut estimator, &mut path, &mut clock, (20, 5));
    path.rate = BitRate::from_kilobits_per_second(500);
    let narrow = run(&mut estimator, &mut path, &mut clock, (15, 8));
    assert!(narrow.used > 0.6 && narrow.used < 1.05, "{narrow:?}");
    assert!(narrow.queued < Duration::from_millis(400), "{narrow:?}");
    path.rate = BitRate::from_kilobits_per_second(2000);
    let wide = run(&mut estimator, &mut path, &mut clock, (40, 5));
    assert!(wide.used > 0.6, "{wide:?}");
}

#[test]
fn chance_loss_is_no_reason_to_slow_down_and_much_loss_is() {
    let lossy = |every| {
        let mut estimator = BandwidthEstimator::new(BandwidthLimits::default());
        let (mut path, mut clock) = (Path::new(1500), MediaInstant::ZERO);
        path.loses_every = Some(every);
        run(&mut estimator, &mut path, &mut clock, (40, 10)).used
    };
    let (chance, much) = (lossy(100), lossy(4));
    assert!(chance > 0.7, "{chance}");
    assert!(much < 0.2, "{much}");
}

#[test]
fn a_path_that_loses_a_tenth_whatever_is_sent_is_used_all_the_same() {
    for (chance, least) in [(0.05, 0.5), (0.1, 0.6)] {
        let mut estimator = BandwidthEstimator::new(BandwidthLimits::default());
        let (mut path, mut clock) = (Path::new(1500), MediaInstant::ZERO);
        path.chance = chance;
        let lossy = run(&mut estimator, &mut path, &mut clock, (120, 60));
        assert!(lossy.used > least && lossy.used < 1.05, "{chance}: {lossy:?}");
        assert!(lossy.queued < Duration::from_millis(400), "{chance}: {lossy:?}");
    }
}

#[test]
fn a_path_that_loses_what_is_too_much_is_not_taken_for_one_that_always_loses() {
    for (kilobits, chance) in [(300, 0.0), (1000, 0.0), (1000, 0.05)] {
        let limits =
            BandwidthLimits { start: BitRate::from_kilobits_per_second(2500), ..BandwidthLimits::default() };
        let mut estimator = BandwidthEstimator::new(limits);
        let (mut path, mut clock) = (Path::new(kilobits), MediaInstant::ZERO);
        (path.longest_queue, path.chance) = (Some(Duration::from_millis(30)), chance);
        let run = run(&mut estimator, &mut path, &mut clock, (60, 40));
        assert!(run.used > 0.3 && run.used < 1.25, "{kilobits} kb/s, {chance}: {run:?}");
    }
}

#[test]
fn limits_hold_whatever_the_path() {
    let limits = BandwidthLimits {
        min: BitRate::from_kilobits_per_second(100),
        start: BitRate::from_kilobits_per_second(200),
        max: BitRate::from_kilobits_per_second(400),
    };
    for kilobits in [50, 5000] {
        let mut estimator = BandwidthEstimator::new(limits);
        let (mut path, mut clock) = (Path::new(kilobits), MediaInstant::ZERO);
        for _ in 0..20 {
            run(&mut estimator, &mut path, &mut clock, (1, 1));
            assert!(estimator.estimate() >= limits.min && estimator.estimate() <= limits.max);
        }
    }
    let mut estimator = BandwidthEstimator::new(limits);
    estimator.set_limits(BandwidthLimits { max: BitRate::from_kilobits_per_second(150), ..limits });
    assert_eq!(estimator.estimate(), BitRate::from_kilobits_per_second(150));
}

#[test]
fn feedback_on_packets_that_nobody_sent_says_nothing() {
    let mut estimator = BandwidthEstimator::new(BandwidthLimits::default());
    let strange = (0..100).map(|number| PacketResult { number, arrival: Some(Duration::from_secs(1)) });
    let before = estimator.estimate();
    assert_eq!(estimator.note_feedback(MediaInstant::ZERO, Duration::ZERO, strange), before);
}
