//! Whether queues on the path grow: the trend of one-way delay (section 5 of the draft, with the slope fitted to a window of
//! groups rather than filtered).

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::MediaInstant;

/// Packets that were sent within this belong together (section 5.2).
const GROUP: Duration = Duration::from_millis(5);
/// Groups that the slope is fitted to.
const WINDOW: usize = 20;
/// How much of the smoothed delay stays at each group.
const SMOOTHING: f64 = 0.9;
/// What a slope is worth as a delay: so the threshold can be one of delay.
const GAIN: f64 = 4.0;
/// Groups after which a slope is as trustworthy as it gets.
const TRUSTED: usize = 60;
/// How long delay has to grow before it counts.
const LEAST_OVERUSE: f64 = 10.0;
/// The threshold at first, and its limits, in milliseconds (section 5.4).
const THRESHOLD: f64 = 12.5;
const THRESHOLDS: (f64, f64) = (6.0, 600.0);
/// How fast the threshold goes up and down towards what is seen, a millisecond (section 5.4).
const ADAPTATION: (f64, f64) = (0.0087, 0.039);
/// What lies further above the threshold is an outlier that does not move it.
const OUTLIER: f64 = 15.0;
/// Half of how long the fastest packets are remembered.
const SPAN: Duration = Duration::from_secs(15);
/// The far end's clock jumps, or its side was suspended.
const JUMP: Duration = Duration::from_secs(3);

/// What the path is used for, against what it carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Usage {
    /// Queues drain.
    Under,
    /// Neither.
    #[default]
    Normal,
    /// Queues grow.
    Over,
}

/// Packets that were sent together.
#[derive(Clone, Copy, Debug)]
struct Group {
    first_sent: MediaInstant,
    last_sent: MediaInstant,
    last_arrival: Duration,
}

#[derive(Debug)]
pub(super) struct DelayTrend {
    group: Option<Group>,
    before: Option<Group>,
    /// Arrival, and smoothed delay on top of the first, in milliseconds.
    points: VecDeque<(f64, f64)>,
    first_arrival: Option<Duration>,
    delay: f64,
    smoothed: f64,
    /// The least smoothed delay, of this span and of the one before.
    fastest: (f64, f64),
    span_began: Duration,
    groups: usize,
    threshold: f64,
    /// How long delay has grown too fast.
    overuse: f64,
    last_slope: f64,
    usage: Usage,
}

impl Default for DelayTrend {
    fn default() -> Self {
        Self {
            group: None,
            before: None,
            points: VecDeque::with_capacity(WINDOW + 1),
            first_arrival: None,
            delay: 0.0,
            smoothed: 0.0,
            fastest: (0.0, 0.0),
            span_began: Duration::ZERO,
            groups: 0,
            threshold: THRESHOLD,
            overuse: 0.0,
            last_slope: 0.0,
            usage: Usage::Normal,
        }
    }
}

impl DelayTrend {
    pub(super) fn usage(&self) -> Usage {
        self.usage
    }

    /// How long packets stand in queues, by the fastest of the last half minute.
    pub(super) fn queued(&self) -> Duration {
        let fastest = self.fastest.0.min(self.fastest.1);
        Duration::try_from_secs_f64((self.smoothed - fastest) / 1000.0).unwrap_or_default()
    }

    /// A packet that was sent at `sent` arrived at `arrival` by the far end's clock.
    pub(super) fn note(&mut self, sent: MediaInstant, arrival: Duration) {
        let Some(group) = &mut self.group else {
            self.group = Some(Group { first_sent: sent, last_sent: sent, last_arrival: arrival });
            return;
        };
        if sent < group.first_sent {
            // Overtaken by a group that is closed already.
            return;
        }
        if sent.since(group.first_sent) <= GROUP {
            group.last_sent = group.last_sent.max(sent);
            group.last_arrival = group.last_arrival.max(arrival);
            return;
        }
        let closed =
            std::mem::replace(group, Group { first_sent: sent, last_sent: sent, last_arrival: arrival });
        if let Some(before) = self.before.replace(closed) {
            if closed.last_arrival.abs_diff(before.last_arrival) > JUMP {
                *self = Self { threshold: self.threshold, group: self.group, ..Self::default() };
                return;
            }
            self.close(&before, &closed);
        }
    }

    fn close(&mut self, before: &Group, group: &Group) {
        let sent = millis(group.last_sent.since(before.last_sent));
        let arrived = millis(group.last_arrival) - millis(before.last_arrival);
        self.groups += 1;
        self.delay += arrived - sent;
        self.smoothed = SMOOTHING * self.smoothed + (1.0 - SMOOTHING) * self.delay;
        self.note_fastest(group.last_arrival);
        let first = *self.first_arrival.get_or_insert(group.last_arrival);
        self.points.push_back((millis(group.last_arrival) - millis(first), self.smoothed));
        if self.points.len() > WINDOW {
            self.points.pop_front();
        }
        if self.points.len() == WINDOW {
            let slope = slope(&self.points);
            self.detect(slope, sent);
        }
    }

    /// Clocks drift and routes change, so what was fastest is forgotten in time.
    fn note_fastest(&mut self, now: Duration) {
        if now.saturating_sub(self.span_began) > SPAN {
            (self.fastest, self.span_began) = ((self.smoothed, self.fastest.0), now);
        }
        self.fastest.0 = self.fastest.0.min(self.smoothed);
    }

    /// Sections 5.4 and 5.5.
    fn detect(&mut self, slope: f64, sent: f64) {
        let trend = self.groups.min(TRUSTED) as f64 * slope * GAIN;
        if trend > self.threshold {
            self.overuse += sent;
            if self.overuse > LEAST_OVERUSE && slope >= self.last_slope {
                self.overuse = 0.0;
                self.usage = Usage::Over;
            }
        } else {
            self.overuse = 0.0;
            self.usage = if trend < -self.threshold { Usage::Under } else { Usage::Normal };
        }
        self.last_slope = slope;
        if trend.abs() <= self.threshold + OUTLIER {
            let (up, down) = ADAPTATION;
            let speed = if trend.abs() > self.threshold { up } else { down };
            // A group that came late moves it no further than one of a tenth of a second.
            self.threshold += speed * (trend.abs() - self.threshold) * sent.min(100.0);
            self.threshold = self.threshold.clamp(THRESHOLDS.0, THRESHOLDS.1);
        }
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Of the line of least squares.
fn slope(points: &VecDeque<(f64, f64)>) -> f64 {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (mean_x, mean_y) = (mean(|point| point.0), mean(|point| point.1));
    let (mut above, mut below) = (0.0, 0.0);
    for (x, y) in points {
        above += (x - mean_x) * (y - mean_y);
        below += (x - mean_x).powi(2);
    }
    if below == 0.0 { 0.0 } else { above / below }
}
