//! Where a sender's time stands on the timeline of a recording, which is our clock. Pure.
//!
//! All streams of one far end are of one clock, so what corrects its drift is one step for all of them, at one instant: they stay
//! as far apart as they were sent, to a sample. The clock is known by when packets come: the fastest tell where it stands.
//! Positions are samples at 48 kHz since the recording began, and may lie before that.

mod fastest;

use std::collections::{HashMap, VecDeque};

use self::fastest::Fastest;
use super::reports::{Report, Reports};
use crate::opus::{FRAME, QUANTUM};

/// A stream of the far end: its section, and its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct StreamId {
    pub(crate) kind: StreamKind,
    pub(crate) section: usize,
    pub(crate) ssrc: u32,
}

/// What a stream carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum StreamKind {
    Sound,
    /// Taken at no tick, and large: when it comes says little of the clock.
    Picture,
}

impl StreamKind {
    /// Samples that so many ticks of its RTP clock last: those of sound are samples, pictures have 90 kHz.
    fn samples(self, ticks: i64) -> i64 {
        match self {
            Self::Sound => ticks,
            Self::Picture => ticks * 8 / 15,
        }
    }
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

/// The same of pictures, of which even the fastest may have waited for others.
const OFF_PICTURE: i64 = 40 * 48;

/// By so much the packets of one stream do not take longer than those of the others: 70 ms. Whose sender says so, says it of another
/// clock.
const UNLIKELY: i64 = 70 * 48;

/// The same of pictures, for which an encoder takes its time: 600 ms.
const UNLIKELY_PICTURE: i64 = 600 * 48;

/// Packets of a tick are sent one after the other: what comes later by less than this is of the same tick, and what is earlier
/// of the one before.
const SAME_TICK: i64 = 15 * 48;

/// Packets of other streams that a new one is held against, at the least, to tell at which tick they were sent together.
const LEAST_PAIRS: i64 = 5;

/// By so many ticks the fastest packets can be misleading.
const MOST_TICKS: i64 = 5;

/// A stream of which its sender has made so many reports stands where those say.
const ENOUGH_REPORTS: usize = 4;

/// Until then it is waited for reports; who sends none within so long sends none: 15 s.
const SETTLES: i64 = 15 * 48_000;

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
    /// What the far end says of the clocks of its streams.
    reports: Reports,
    /// When the first packet came.
    began: Option<i64>,
    /// When it was last corrected.
    corrected: i64,
    /// Streams that were moved, and by how much.
    moves: Vec<(StreamId, i64)>,
}

#[derive(Debug)]
struct Stream {
    kind: StreamKind,
    /// The last time stamp, as it came and unwrapped, in ticks of its own clock.
    last: (u32, i64),
    /// What leads from the unwrapped time to the clock that all streams share.
    base: i64,
    fastest: Fastest,
    /// It stands where its sender says.
    is_reported: bool,
    /// When it got its place.
    placed: i64,
    /// It will not be moved any more but for a clock of its own.
    is_settled: bool,
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
            let sample = known.sample(time);
            (now - self.position_of(sample)).abs() < RESTARTED
        })
    }

    /// Gives a stream its place by its first packets: each one's time, and when it came.
    pub(crate) fn place(&mut self, stream: StreamId, packets: impl Iterator<Item = (u32, i64)> + Clone) {
        let Some((first, _)) = packets.clone().next() else { return };
        let unwrapped = |time: u32| stream.kind.samples(i64::from(time.wrapping_sub(first).cast_signed()));
        let delays = packets.clone().map(|(time, now)| now - unwrapped(time));
        let Some(least) = delays.min() else { return };
        // A machine that is busy, or a queue on the way, makes the packets of all streams late.
        let (from, to) =
            packets.clone().fold((i64::MAX, i64::MIN), |(from, to), (_, now)| (from.min(now), to.max(now)));
        let meanwhile = self.recent.iter().filter(|(now, _)| (from..=to).contains(now));
        let late = meanwhile.map(|(_, delay)| *delay).min().unwrap_or(0);
        let mut base = least - late - self.skew();
        match self.grid {
            _ if stream.kind == StreamKind::Picture => {}
            Some(grid) => {
                let off = (base - grid).rem_euclid(FRAME as i64);
                base -= if off > SAME_TICK { off - FRAME as i64 } else { off };
                let from = base + self.skew();
                base += self.nearest_tick(packets.map(|(time, now)| (unwrapped(time) + from, now)));
            }
            None => self.grid = Some(base.rem_euclid(FRAME as i64)),
        }
        let fastest = Fastest::default();
        let known = Stream {
            kind: stream.kind,
            last: (first, 0),
            base,
            fastest,
            is_reported: false,
            placed: to,
            is_settled: stream.kind == StreamKind::Picture,
        };
        self.streams.insert(stream, known);
        self.follow_reports(to);
        // Nothing of it has a place before this.
        self.moves.retain(|(moved, _)| *moved != stream);
    }

    /// By how many samples packets that would stand at these positions, and came then, have to be moved to stand where others came
    /// together with them: what is sent at one tick comes together most often, however late it is.
    fn nearest_tick(&self, packets: impl Iterator<Item = (i64, i64)> + Clone) -> i64 {
        let apart = |by: i64| {
            let (mut sum, mut pairs) = (0, 0);
            for (position, now) in packets.clone() {
                let is_beside =
                    |(at, delay): &&(i64, i64)| (at - delay - position - by).abs() < QUANTUM as i64;
                for (at, _) in self.recent.iter().filter(is_beside) {
                    sum += (now - at).abs();
                    pairs += 1;
                }
            }
            (pairs >= LEAST_PAIRS).then(|| sum / pairs)
        };
        let Some(here) = apart(0) else { return 0 };
        let ticks = (-MOST_TICKS..=MOST_TICKS).map(|ticks| ticks * FRAME as i64);
        let near = ticks.filter_map(|by| apart(by).map(|apart| (apart, by))).min();
        // Where it is as good as any, it stays.
        near.filter(|(apart, _)| *apart < here).map_or(0, |(_, by)| by)
    }

    /// The sender says how the clock of a stream stands.
    pub(crate) fn reported(&mut self, stream: StreamId, report: Report) {
        self.reports.note(stream, report);
        self.follow_reports(report.at);
    }

    /// Puts streams as far apart as their sender says: those of sound by whole frames, because their ticks are known already. Who says
    /// what cannot be, by when packets came, is not believed.
    fn follow_reports(&mut self, now: i64) {
        let Self { streams, reports, moves, .. } = self;
        let ahead = |id: &StreamId, known: &Stream| reports.ahead(*id, now, |time| known.sample(time));
        let sounds = || streams.iter().filter(|(id, _)| id.kind == StreamKind::Sound);
        // Those that are settled stay, and the others are moved.
        let settled = sounds().filter(|(_, known)| known.is_settled && known.is_reported);
        let mut all: Vec<_> = settled.filter_map(|(id, known)| ahead(id, known)).collect();
        if all.is_empty() {
            all.extend(sounds().filter_map(|(id, known)| ahead(id, known)));
        }
        all.sort_unstable();
        // That of most: one that is wrong does not move the others.
        let Some(&usual) = all.get(all.len().saturating_sub(1) / 2) else { return };
        let together = self.together.latest();
        for (id, known) in streams {
            let off = reports.ahead(*id, now, |time| known.sample(time)).map(|ahead| ahead - usual);
            let Some(off) = off else {
                known.is_reported = false;
                continue;
            };
            let (by, most) = match id.kind {
                StreamKind::Sound if off.abs() <= OFF_ALONE => (0, UNLIKELY),
                StreamKind::Sound => (-whole_frames(off), UNLIKELY),
                StreamKind::Picture => (if off.abs() < QUANTUM as i64 { 0 } else { -off }, UNLIKELY_PICTURE),
            };
            let late = known.fastest.latest().zip(together).map_or(0, |(own, all)| own - all);
            // No stream is much faster than the rest, and least of all pictures.
            known.is_reported = (-UNLIKELY..=most).contains(&(late - by));
            if known.is_reported && by != 0 {
                known.base += by;
                known.fastest.moved(by);
                moves.push((*id, by));
            }
        }
    }

    /// Which streams were moved since this was last asked, and by how much.
    pub(crate) fn take_moves(&mut self) -> Vec<(StreamId, i64)> {
        std::mem::take(&mut self.moves)
    }

    /// Whether a stream stays where it stands.
    pub(crate) fn is_settled(&self, stream: StreamId) -> bool {
        self.streams.get(&stream).is_some_and(|known| known.is_settled)
    }

    /// Which streams stay where they stand from `now` on; and whether their sender has said where that is.
    pub(crate) fn settle(&mut self, now: i64) -> Vec<(StreamId, bool)> {
        let Self { streams, reports, .. } = self;
        let young = streams.iter_mut().filter(|(_, known)| !known.is_settled);
        let settles = young.filter_map(|(id, known)| {
            let has_enough = known.is_reported && reports.count(*id, now) >= ENOUGH_REPORTS;
            known.is_settled = has_enough || now - known.placed >= SETTLES;
            known.is_settled.then_some((*id, known.is_reported))
        });
        settles.collect()
    }

    /// The position of the packet of a known stream that came at `now`.
    pub(crate) fn arrived(&mut self, stream: StreamId, time: u32, now: i64) -> Option<i64> {
        self.began.get_or_insert(now);
        let known = self.streams.get_mut(&stream)?;
        known.last = (time, known.unwrapped(time));
        let sample = known.sample(time);
        let position = self.position_of(sample);
        let delay = now - position;
        if stream.kind == StreamKind::Picture {
            if let Some(known) = self.streams.get_mut(&stream) {
                known.fastest.note(now, delay, WINDOW_ALONE);
            }
            return Some(position);
        }
        self.newest = self.newest.max(sample);
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
        Some(self.position_of(known.sample(time)))
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

    /// Moves a stream that has a clock of its own: one of sound by whole frames.
    fn correct_alone(&mut self) {
        let Some(all) = self.together.off() else { return };
        for (id, stream) in self.streams.iter_mut().filter(|(_, stream)| !stream.is_reported) {
            let alone = stream.fastest.off().map_or(0, |off| off - all);
            let most = if stream.kind == StreamKind::Sound { OFF_ALONE } else { OFF_PICTURE };
            if alone.abs() > most {
                let by = match stream.kind {
                    StreamKind::Sound => whole_frames(alone),
                    StreamKind::Picture => alone,
                };
                stream.base += by;
                stream.fastest.moved(by);
                self.moves.push((*id, by));
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
    /// Where a time stands on the clock that all streams share.
    fn sample(&self, time: u32) -> i64 {
        self.kind.samples(self.unwrapped(time)) + self.base
    }

    fn unwrapped(&self, time: u32) -> i64 {
        self.last.1 + i64::from(time.wrapping_sub(self.last.0).cast_signed())
    }
}

/// `samples`, rounded to whole frames.
fn whole_frames(samples: i64) -> i64 {
    (samples + samples.signum() * FRAME as i64 / 2) / FRAME as i64 * FRAME as i64
}

#[cfg(test)]
mod tests;
