//! Where a sender's time stands on the timeline of a recording, which is our clock. Pure.
//!
//! All streams of one far end are of one clock, so what corrects its drift is one step for all of them, at one instant: they stay
//! as far apart as they were sent, to a sample. The clock is known by when packets come: the fastest tell where it stands.
//! Positions are samples at 48 kHz since the recording began, and may lie before that.

use std::collections::{HashMap, VecDeque};

use crate::opus::{FRAME, QUANTUM};

/// A stream of the far end: its section, and its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct StreamId {
    pub(crate) section: usize,
    pub(crate) ssrc: u32,
}

/// How long the packets of a new stream are looked at before it gets its place: some of them will have come fast.
pub(crate) const LOOK: i64 = 400 * 48;

/// The fastest packet of so long tells how the clocks stand.
const WINDOW: i64 = 8 * 48_000;

/// Off by so much, the clock is corrected even while somebody speaks: 10 ms.
const OFF_BY_MUCH: i64 = 480;

/// The same, for whether one stream stands where the others do.
const WINDOW_ALONE: i64 = 2 * 48_000;

/// A stream that is off by more than this, and the others are not, has a clock of its own, or was put at the wrong tick.
const OFF_ALONE: i64 = 600;

/// Packets of a tick are sent one after the other: what comes later by less than this is of the same tick, and what is earlier
/// of the one before.
const SAME_TICK: i64 = 15 * 48;

/// Off by so much, a stream has begun anew: 5 s.
const RESTARTED: i64 = 5 * 48_000;

/// The clock of one far end.
#[derive(Debug, Default)]
pub(crate) struct SessionClock {
    streams: HashMap<StreamId, Stream>,
    /// From which of the sender's samples on how much is added, oldest first.
    steps: Vec<(i64, i64)>,
    /// Where packets of this far end begin: it sends those of all streams at the same ticks.
    grid: Option<i64>,
    /// The furthest of the sender's samples that was seen.
    newest: i64,
    fastest: Fastest,
    /// The same in shorter windows, which each stream has, too.
    together: Fastest,
    /// When the latest packets came, and how late they were: what a new stream is compared with.
    recent: VecDeque<(i64, i64)>,
    /// When the first packet came.
    began: Option<i64>,
    /// When it was last corrected.
    corrected: i64,
}

#[derive(Debug)]
struct Stream {
    /// The last time stamp, as it came and unwrapped.
    last: (u32, i64),
    /// What leads from the unwrapped time to the clock that all streams share.
    base: i64,
    fastest: Fastest,
}

/// The least delay of packets, by windows.
#[derive(Debug, Default)]
struct Fastest {
    since: Option<i64>,
    least: Option<i64>,
    /// Of the window before.
    settled: Option<i64>,
}

impl Fastest {
    fn note(&mut self, now: i64, delay: i64, window: i64) {
        let since = *self.since.get_or_insert(now);
        if now - since >= window {
            (self.settled, self.least, self.since) = (self.least, None, Some(now));
        }
        self.least = Some(self.least.map_or(delay, |least| least.min(delay)));
    }

    /// How far off the clock is: at once where packets come before they can, else after a window in which none was faster.
    fn off(&self) -> Option<i64> {
        self.settled.map(|settled| self.least.map_or(settled, |least| settled.min(least)))
    }

    fn moved(&mut self, by: i64) {
        for delay in [&mut self.least, &mut self.settled].into_iter().flatten() {
            *delay -= by;
        }
    }
}

/// A correction of a clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Step {
    /// By how many samples what follows was moved.
    pub(crate) by: i64,
    /// How much faster than ours the sender's clock has run so far, in millionths.
    pub(crate) drift_ppm: f64,
}

impl SessionClock {
    /// Whether a stream has its place, and the packet at `time` that came at `now` is near it.
    pub(crate) fn knows(&self, stream: StreamId, time: u32, now: i64) -> bool {
        self.streams.get(&stream).is_some_and(|known| {
            let sample = known.unwrapped(time) + known.base;
            (now - self.position_of(sample)).abs() < RESTARTED
        })
    }

    /// Gives a stream its place by its first packets: each one's time, and when it came.
    pub(crate) fn place(&mut self, stream: StreamId, packets: impl Iterator<Item = (u32, i64)> + Clone) {
        let Some((first, _)) = packets.clone().next() else { return };
        let unwrapped = |time: u32| i64::from(time.wrapping_sub(first).cast_signed());
        let delays = packets.clone().map(|(time, now)| now - unwrapped(time));
        let Some(least) = delays.min() else { return };
        // A machine that is busy, or a queue on the way, makes the packets of all streams late.
        let (from, to) =
            packets.fold((i64::MAX, i64::MIN), |(from, to), (_, now)| (from.min(now), to.max(now)));
        let meanwhile = self.recent.iter().filter(|(now, _)| (from..=to).contains(now));
        let late = meanwhile.map(|(_, delay)| *delay).min().unwrap_or(0);
        let mut base = least - late - self.skew();
        match self.grid {
            Some(grid) => {
                let off = (base - grid).rem_euclid(FRAME as i64);
                base -= if off > SAME_TICK { off - FRAME as i64 } else { off };
            }
            None => self.grid = Some(base.rem_euclid(FRAME as i64)),
        }
        self.streams.insert(stream, Stream { last: (first, 0), base, fastest: Fastest::default() });
    }

    /// The position of the packet of a known stream that came at `now`.
    pub(crate) fn arrived(&mut self, stream: StreamId, time: u32, now: i64) -> Option<i64> {
        self.began.get_or_insert(now);
        let known = self.streams.get_mut(&stream)?;
        let unwrapped = known.unwrapped(time);
        known.last = (time, unwrapped);
        let sample = unwrapped + known.base;
        self.newest = self.newest.max(sample);
        let position = self.position_of(sample);
        let delay = now - position;
        self.fastest.note(now, delay, WINDOW);
        self.together.note(now, delay, WINDOW_ALONE);
        self.recent.push_back((now, delay));
        while self.recent.front().is_some_and(|(earlier, _)| now - earlier > 2 * LOOK) {
            self.recent.pop_front();
        }
        if let Some(known) = self.streams.get_mut(&stream) {
            known.fastest.note(now, delay, WINDOW_ALONE);
        }
        Some(position)
    }

    /// Where a time of a known stream stands.
    pub(crate) fn position(&self, stream: StreamId, time: u32) -> Option<i64> {
        let known = self.streams.get(&stream)?;
        Some(self.position_of(known.unwrapped(time) + known.base))
    }

    /// Corrects the clock, where it is off. In a pause nobody hears it; `quiet` says whether there is one. At most 2.5 ms every 8 s,
    /// which follows a drift of 300 ppm and is not led astray by a queue on the way.
    pub(crate) fn correct(&mut self, now: i64, quiet: bool) -> Option<Step> {
        self.correct_alone();
        let off = self.fastest.off()?;
        let due = now - self.corrected >= WINDOW;
        if !due || off.abs() < QUANTUM as i64 || (!quiet && off.abs() < OFF_BY_MUCH) {
            return None;
        }
        let by = off.signum() * QUANTUM as i64;
        let from = self.newest + FRAME as i64;
        self.steps.push((from, self.skew() + by));
        self.corrected = now;
        self.fastest.moved(by);
        self.together.moved(by);
        self.recent.clear();
        self.streams.values_mut().for_each(|stream| stream.fastest.moved(by));
        Some(Step { by, drift_ppm: self.drift_ppm(now) })
    }

    /// Moves a stream that has a clock of its own, by whole frames.
    fn correct_alone(&mut self) {
        let Some(all) = self.together.off() else { return };
        for stream in self.streams.values_mut() {
            let alone = stream.fastest.off().map_or(0, |off| off - all);
            if alone.abs() > OFF_ALONE {
                let by = (alone + alone.signum() * FRAME as i64 / 2) / FRAME as i64 * FRAME as i64;
                stream.base += by;
                stream.fastest.moved(by);
            }
        }
    }

    /// How much faster than ours the far end's clock has run so far, in millionths.
    pub(crate) fn drift_ppm(&self, now: i64) -> f64 {
        let span = self.began.map_or(0, |began| now - began).max(1);
        let behind = self.skew() + self.fastest.off().unwrap_or(0);
        // Rounded, because more figures than a packet's delay allows say nothing.
        (-(behind as f64) / span as f64 * 1e7).round() / 10.0
    }

    fn skew(&self) -> i64 {
        self.steps.last().map_or(0, |(_, skew)| *skew)
    }

    fn position_of(&self, sample: i64) -> i64 {
        let step = self.steps.iter().rev().find(|(from, _)| *from <= sample);
        sample + step.map_or(0, |(_, skew)| *skew)
    }
}

impl Stream {
    fn unwrapped(&self, time: u32) -> i64 {
        self.last.1 + i64::from(time.wrapping_sub(self.last.0).cast_signed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIX: StreamId = StreamId { section: 0, ssrc: 1 };
    const ADA: StreamId = StreamId { section: 1, ssrc: 2 };

    #[test]
    fn streams_of_one_far_end_stand_as_far_apart_as_they_were_sent() {
        let mut clock = SessionClock::default();
        // Both send at the same ticks from times that begin anywhere, over the wrap; packets take 3 to 9 ms.
        let late = |tick: i64, salt: i64| 144 + (tick * 7919 + salt * 104_729) % 288;
        let mix = |tick: i64| (u32::MAX - 5000).wrapping_add(960 * tick as u32);
        let ada = |tick: i64| 77_u32.wrapping_add(960 * tick as u32);
        clock.place(MIX, (0..10).map(|tick| (mix(tick), 960 * tick + late(tick, 1))));
        clock.place(ADA, (40..50).map(|tick| (ada(tick), 960 * tick + late(tick, 2))));
        for tick in 0..1000 {
            let at = 960 * tick;
            let one = clock.arrived(MIX, mix(tick), at + late(tick, 1)).unwrap();
            let other = clock.arrived(ADA, ada(tick), at + late(tick, 2)).unwrap();
            assert_eq!(one, other, "tick {tick}");
            assert!((0..=432).contains(&(one - at)), "{one} for {at}");
        }
    }

    #[test]
    fn drift_is_measured_and_corrected_for_all_streams_at_once() {
        for ppm in [100_i64, -100] {
            let mut clock = SessionClock::default();
            // When tick number so and so of a sender that runs `ppm` fast leaves, on our clock.
            let leaves = |tick: i64| 960 * tick - 960 * tick * ppm / 1_000_000;
            let late = |tick: i64| (tick * 7919) % 480;
            clock.place(MIX, (0..10).map(|tick| (960 * tick as u32, leaves(tick) + late(tick))));
            clock.place(ADA, (0..10).map(|tick| (7 + 960 * tick as u32, leaves(tick) + late(tick))));
            let (mut steps, mut worst) = (0, 0);
            for tick in 0..30 * 60 * 50 {
                let now = leaves(tick) + late(tick);
                let one = clock.arrived(MIX, 960 * tick as u32, now).unwrap();
                assert_eq!(clock.arrived(ADA, 7 + 960 * tick as u32, now), Some(one));
                worst = worst.max((one - leaves(tick)).abs());
                steps += clock.correct(now, tick % 50 == 0).map_or(0, |step| step.by);
            }
            let expected = -30 * 60 * 48 * ppm / 1000;
            assert!((steps - expected).abs() < 600, "{steps} of {expected} samples at {ppm} ppm");
            assert!(worst < 700, "off by {worst} samples at {ppm} ppm");
            let measured = clock.drift_ppm(30 * 60 * 48_000);
            assert!((measured - ppm as f64).abs() < 2.0, "{measured} for {ppm} ppm");
        }
    }

    #[test]
    fn a_machine_that_was_busy_when_a_stream_began_does_not_put_it_elsewhere() {
        let mut clock = SessionClock::default();
        // All of the first seconds is 25 ms late, and nothing later.
        let late = |tick: i64| if tick < 100 { 1200 } else { 10 };
        clock.place(MIX, (0..10).map(|tick| (960 * tick as u32, 960 * tick + late(tick))));
        for tick in 0..150 {
            clock.arrived(MIX, 960 * tick as u32, 960 * tick + late(tick));
        }
        clock.place(ADA, (140..150).map(|tick| (960 * tick as u32, 960 * tick + late(tick))));
        assert_eq!(clock.position(ADA, 960 * 145), clock.position(MIX, 960 * 145));
    }

    #[test]
    fn a_stream_that_begins_anew_is_not_known() {
        let mut clock = SessionClock::default();
        clock.place(MIX, [(1000, 0)].into_iter());
        assert!(clock.knows(MIX, 1960, 960) && clock.knows(MIX, 1960, 48_000));
        assert!(!clock.knows(MIX, 5_000_000, 1920) && !clock.knows(ADA, 1960, 960));
    }
}
