//! How long packets are held: as long as most of what was sent lately took to come, and no longer.
//!
//! Told is, for each piece of the stream, when the first tick could play it, and when the sender's clock says that it was
//! made. The difference is a transit time with an unknown constant in it; the least of the last seconds is what the network
//! takes when it is fast, and how much later the others were is the delay that they would have needed. A tick is the unit
//! in which time passes for the application, so what counts is at which tick a packet is there, and not when before it.

use std::collections::VecDeque;
use std::time::Duration;

use crate::settings::JitterBufferSettings;
use crate::time::{MediaInstant, RtpTime};

/// RTP ticks of a millisecond: every Opus stream counts at 48 kHz (RFC 7587 section 4.1).
const MILLI: i64 = 48;

/// The latest packet of each span this long counts. So an event that makes many packets late counts by how long it
/// lasts, and not by how many packets came at once when it was over.
const SPAN: i64 = 500 * MILLI;

/// Spans over which the fastest packet is looked for. Short enough that a drift of 100 ppm adds 0.2 ms.
const FAST_SPANS: usize = 4;

/// Width of a histogram's bucket.
const BUCKET: i64 = 5 * MILLI;

/// Buckets up to the largest delay that can be set, 1 s.
const BUCKETS: usize = 201;

/// How much of the histogram is left when a span is added: half of it is forgotten after 20 s.
const MEMORY: f32 = 0.983;

/// How many spans the delay to start with is worth against what is measured then.
const START_WEIGHT: f32 = 1.0;

/// While fewer spans than this are known, a packet that is later than the target moves it at once.
const YOUNG: f32 = 10.0;

/// What comes late goes on beyond what was seen of it: by this share of the way from its middle to its quantile. A
/// network that is even but for rare events has no such way.
const BEYOND: f32 = 0.15;

/// How much more than what was measured is held while next to nothing is known: this share, over the spans that are known.
const YOUNG_BEYOND: f32 = 1.0;

/// Where sound had to be made up, at least a frame is held, so that the next loss can be left out in part, and a little
/// more than what a copy needs to come.
const RESERVE: i64 = 20 * MILLI;
const ON_TOP: i64 = 3 * MILLI;

/// How many spans that is remembered for: a minute.
const UNEASY: u32 = 120;

/// A fastest packet that is slower by this much than those before it shows that the network's own delay has grown.
const STEP: i64 = 15 * MILLI;

/// RTP ticks in a span of time.
pub(super) fn ticks(span: Duration) -> i64 {
    i64::try_from(span.as_nanos() * 3 / 62_500).unwrap_or(i64::MAX)
}

/// A span of RTP ticks as time; zero when it is negative.
pub(super) fn duration(ticks: i64) -> Duration {
    Duration::from_nanos(ticks.max(0).unsigned_abs() * 62_500 / 3)
}

/// The fastest and the slowest transit of a span.
#[derive(Clone, Copy, Debug)]
struct Extremes {
    fastest: i64,
    slowest: i64,
    began: i64,
}

/// Decides how much delay to hold. All times are in RTP ticks.
#[derive(Debug)]
pub(crate) struct DelayManager {
    lowest: i64,
    highest: i64,
    quantile: f32,
    start: i64,
    span: Option<Extremes>,
    /// The fastest of the last spans, oldest first.
    fastest: VecDeque<i64>,
    fast: Option<i64>,
    /// How likely a span's latest packet is to be this late. Adds up to one.
    histogram: Box<[f32; BUCKETS]>,
    spans: f32,
    /// Spans to go until what was made up is forgotten.
    uneasy: u32,
    target: i64,
}

impl DelayManager {
    pub(crate) fn new(settings: JitterBufferSettings) -> Self {
        let highest = ticks(settings.max_delay);
        let lowest = ticks(settings.min_delay).min(highest);
        let mut manager = Self {
            lowest,
            highest,
            quantile: settings.target_quantile.clamp(0.0, 1.0),
            start: ticks(settings.start_delay).clamp(lowest, highest),
            span: None,
            fastest: VecDeque::with_capacity(FAST_SPANS),
            fast: None,
            histogram: Box::new([0.0; BUCKETS]),
            spans: 0.0,
            uneasy: 0,
            target: 0,
        };
        manager.restart();
        manager
    }

    /// Forgets everything: another stream begins.
    pub(crate) fn restart(&mut self) {
        self.forget_transit();
        self.histogram.fill(0.0);
        self.histogram[bucket(self.start)] = 1.0;
        self.spans = START_WEIGHT;
        self.uneasy = 0;
        self.target = self.start;
    }

    /// Forgets how fast the network is, but not how much it varies: the sender's clock has jumped.
    pub(crate) fn forget_transit(&mut self) {
        self.fastest.clear();
        (self.span, self.fast) = (None, None);
    }

    /// Delay to hold on top of the fastest transit.
    pub(crate) fn target(&self) -> i64 {
        self.target
    }

    /// The delay that is never exceeded: packets go instead.
    pub(crate) fn ceiling(&self) -> i64 {
        self.highest.max(self.target + 20 * MILLI)
    }

    /// The transit of the fastest packets; `None` before the first.
    pub(crate) fn fast_transit(&self) -> Option<i64> {
        self.fast
    }

    /// Takes note that a piece of the stream came with this transit: the tick that could play it, less its sender time.
    pub(crate) fn arrived(&mut self, now: i64, transit: i64) {
        self.fast = Some(self.fast.map_or(transit, |fast| fast.min(transit)));
        let span = self.span.get_or_insert(Extremes { fastest: transit, slowest: transit, began: now });
        span.fastest = span.fastest.min(transit);
        span.slowest = span.slowest.max(transit);
        let late = self.fast.map_or(0, |fast| transit - fast);
        if self.spans < YOUNG && late > self.target {
            self.target = late.min(self.highest);
        }
        if now - span.began >= SPAN {
            self.close_span();
        }
    }

    /// Takes note that sound had to be made up.
    pub(crate) fn made_up(&mut self) {
        self.uneasy = UNEASY;
        self.target = self.target.max(RESERVE).min(self.highest);
    }

    fn close_span(&mut self) {
        self.uneasy = self.uneasy.saturating_sub(1);
        let Some(span) = self.span.take() else { return };
        let recent = self.fastest.back().copied();
        if let (Some(recent), Some(fast)) = (recent, self.fast)
            && recent.min(span.fastest) - fast >= STEP
        {
            // Nothing has been as fast as before for a while: that was another path.
            self.fastest.clear();
            self.fastest.push_back(recent);
        }
        if self.fastest.len() == FAST_SPANS {
            self.fastest.pop_front();
        }
        self.fastest.push_back(span.fastest);
        let fast = self.fastest.iter().copied().min().unwrap_or(span.fastest);
        self.fast = Some(fast);
        let late = span.slowest - fast;
        // What is later than any delay that may be held cannot be helped.
        if late <= self.highest {
            self.note(late);
        }
        self.aim();
    }

    fn note(&mut self, late: i64) {
        // While little is known, each span counts alike.
        let memory = MEMORY.min(self.spans / (self.spans + 1.0));
        self.spans += 1.0;
        self.histogram.iter_mut().for_each(|share| *share *= memory);
        self.histogram[bucket(late)] += 1.0 - memory;
    }

    fn aim(&mut self) {
        let (quantile, middle) = (self.lateness(self.quantile), self.lateness(0.5));
        // As long as the delay to start with counts for more than what is later, it may be all that there is.
        let is_measured = quantile > self.start || START_WEIGHT / self.spans < 1.0 - self.quantile;
        let mut wanted = quantile;
        if is_measured {
            let beyond =
                (quantile - middle).max(0) as f32 * BEYOND + quantile as f32 * YOUNG_BEYOND / self.spans;
            wanted += beyond as i64;
        }
        if self.uneasy > 0 {
            wanted = RESERVE.max(wanted + ON_TOP);
        }
        self.target = wanted.clamp(self.lowest, self.highest);
    }

    /// What so large a share of the spans stayed within.
    fn lateness(&self, share: f32) -> i64 {
        let mut later = 1.0;
        let place = self.histogram.iter().position(|bucket| {
            later -= bucket;
            later <= 1.0 - share
        });
        place.unwrap_or(BUCKETS - 1) as i64 * BUCKET
    }
}

/// How unevenly packets come (RFC 3550 section 6.4.1, appendix A.8).
#[derive(Debug, Default)]
pub(super) struct InterarrivalJitter {
    last: Option<(MediaInstant, RtpTime)>,
    nanos: i64,
}

impl InterarrivalJitter {
    /// Takes note of a packet; returns the jitter in nanoseconds.
    pub(super) fn arrived(&mut self, arrival: MediaInstant, sent: RtpTime) -> u64 {
        if let Some((last_arrival, last_sent)) = self.last.replace((arrival, sent)) {
            let between = arrival.as_nanos().wrapping_sub(last_arrival.as_nanos()).cast_signed();
            let at_sender = i64::from(sent.since(last_sent)) * 62_500 / 3;
            let difference = between.saturating_sub(at_sender).saturating_abs();
            self.nanos += (difference - self.nanos) / 16;
        }
        self.nanos.unsigned_abs()
    }
}

fn bucket(late: i64) -> usize {
    usize::try_from((late + BUCKET / 2) / BUCKET).unwrap_or(0).min(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: i64 = 20 * MILLI;

    /// A packet every 20 ms for so many seconds, each as much later as `late` says of it.
    fn run(delay: &mut DelayManager, from: i64, seconds: i64, late: impl Fn(i64) -> i64) {
        for index in from..from + seconds * 50 {
            let transit = 1_000 * MILLI + late(index);
            delay.arrived(index * FRAME + transit, transit);
        }
    }

    fn manager() -> DelayManager {
        DelayManager::new(JitterBufferSettings::default())
    }

    #[test]
    fn a_steady_network_needs_no_delay_and_one_that_jitters_what_its_latest_packets_took() {
        let mut delay = manager();
        assert_eq!(delay.target(), 40 * MILLI, "before anything is known");
        run(&mut delay, 0, 60, |_| 0);
        assert_eq!(delay.target(), 0);
        run(&mut delay, 3_000, 60, |index| if index % 10 == 3 { 60 * MILLI } else { 0 });
        let target = delay.target() / MILLI;
        assert!((60..62).contains(&target), "{target} ms where each span has a packet that is 60 ms late");
    }

    #[test]
    fn what_is_rarely_late_is_taken_to_be_later_yet_and_a_loss_is_remembered_for_a_minute() {
        let mut delay = manager();
        // One span in ten.
        run(&mut delay, 0, 120, |index| if index % 250 == 3 { 100 * MILLI } else { 0 });
        let target = delay.target() / MILLI;
        assert!((115..118).contains(&target), "{target} ms: 100, and 15 % of the way there from 0");
        let mut delay = manager();
        run(&mut delay, 0, 60, |_| 0);
        delay.made_up();
        assert_eq!(delay.target(), RESERVE);
        run(&mut delay, 3_000, 50, |_| 0);
        assert_eq!(delay.target(), RESERVE);
        run(&mut delay, 5_500, 15, |_| 0);
        assert_eq!(delay.target(), 0);
    }

    #[test]
    fn the_first_late_packet_of_a_stream_is_believed_at_once() {
        let mut delay = manager();
        run(&mut delay, 0, 1, |index| if index == 40 { 100 * MILLI } else { 0 });
        assert_eq!(delay.target(), 100 * MILLI);
    }

    #[test]
    fn a_slower_path_is_not_taken_for_jitter() {
        let mut delay = manager();
        run(&mut delay, 0, 60, |_| 0);
        run(&mut delay, 3_000, 10, |_| 100 * MILLI);
        assert_eq!(delay.fast_transit(), Some(1_100 * MILLI));
        run(&mut delay, 3_500, 60, |_| 100 * MILLI);
        assert_eq!(delay.target(), 0);
    }

    #[test]
    fn a_sender_whose_clock_is_off_by_100_ppm_needs_no_delay() {
        let mut delay = manager();
        run(&mut delay, 0, 600, |index| index * FRAME / 10_000);
        assert_eq!(delay.target(), 0);
    }

    #[test]
    fn the_settings_bound_the_delay() {
        let millis = Duration::from_millis;
        let settings = JitterBufferSettings::default().min_delay(millis(60)).max_delay(millis(100));
        let mut delay = DelayManager::new(settings);
        assert_eq!(delay.target(), 60 * MILLI);
        run(&mut delay, 0, 60, |index| index % 10 * 20 * MILLI);
        assert!(delay.target() <= 100 * MILLI);
        run(&mut delay, 3_000, 60, |_| 0);
        assert_eq!(delay.target(), 60 * MILLI);
    }

    #[test]
    fn interarrival_jitter_is_that_of_the_rfc() {
        let mut jitter = InterarrivalJitter::default();
        let arrivals = [0, 20, 56, 60].map(|milli| milli * 1_000_000);
        let read: Vec<u64> = (0..)
            .zip(arrivals)
            .map(|(index, nanos)| jitter.arrived(MediaInstant::from_nanos(nanos), RtpTime(index * 960)))
            .collect();
        // 16 ms late, then 16 ms early: J += (16 - J) / 16, twice.
        assert_eq!(read, [0, 0, 1_000_000, 1_937_500]);
    }
}
