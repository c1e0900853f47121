//! The jitter buffer: packets by their place, and what to play next.
//!
//! Sans-IO: packets and the time come in, a decision goes out. Times are in RTP ticks: the sender's, unwrapped, and ours.

// Long because what comes in and what is played turn on the same few places and times.

mod outcome;

pub(super) use outcome::{Fates, Insert, Next};

use super::delay::{self, DelayManager};
use super::packet::AudioPacket;
use super::slab::{SLOTS, Slab};
use crate::audio::opus::{self, RTP_CLOCK};
use crate::red;
use crate::rtp::Encoding;
use crate::sequence::{Extended, SequenceExtender};
use crate::settings::JitterBufferSettings;
use crate::time::{MediaInstant, RtpTime};
use crate::units::{SampleRate, Ssrc};

/// RTP ticks in a tick of ours.
const TICK: i64 = opus::RTP_TICKS_PER_FRAME as i64;

/// How long the sound of packets that do not come is made up before the stream counts as paused: the fade is over then.
const PATIENCE: i64 = 10 * TICK;

/// A jump of the sender's clock that is longer than this is no pause that anybody waited for; play on.
const LONGEST_PAUSE: i64 = RTP_CLOCK as i64;

/// The shortest that libopus conceals, and the shortest Opus frame: 2.5 ms.
const SHORTEST: i64 = 120;

/// So much less delay than the target is put up with where a loss ends: what follows it then comes sooner, and
/// stretching brings the delay back. A guess at what was said is heard sooner than a voice that is a little slower.
pub(super) const LEEWAY: i64 = TICK;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Play {
    /// No stream, or one that paused.
    Idle,
    /// Packets came; they are held for the target delay.
    Filling,
    /// Packets are played.
    Running,
}

/// Reorders, waits, and says what is lost.
pub(crate) struct JitterBuffer {
    slab: Slab,
    sequence: SequenceExtender,
    ssrc: Option<Ssrc>,
    /// The last sender time, as it came and unwrapped.
    sender_clock: Option<(RtpTime, i64)>,
    play: Play,
    /// Packets of this stream have been played.
    has_played: bool,
    /// Due next. Everything below has been played or given up.
    place: u64,
    /// The sender's clock at what is due next, which need not be where a packet begins.
    time: i64,
    /// How much was made up for the packet that is due without time passing for the sender: if it turns out to be
    /// lost, that much of it has been replaced already.
    made_up: i64,
    /// What comes next does not follow from what was played.
    breaks: bool,
    /// The latest places of which the sound has come in any form, by place modulo [`SLOTS`].
    came: [u64; SLOTS],
    dtx: bool,
    /// How long the last packet was, which is the best guess for one that is missing.
    packet_ticks: i64,
    /// The last tick of ours.
    now: Option<i64>,
    fates: Fates,
    pub(crate) delay: DelayManager,
}

impl JitterBuffer {
    pub(crate) fn new(settings: JitterBufferSettings) -> Self {
        Self {
            slab: Slab::new(),
            sequence: SequenceExtender::default(),
            ssrc: None,
            sender_clock: None,
            play: Play::Idle,
            has_played: false,
            place: 0,
            time: 0,
            made_up: 0,
            breaks: false,
            came: [0; SLOTS],
            dtx: false,
            packet_ticks: TICK,
            now: None,
            fates: Fates::default(),
            delay: DelayManager::new(settings),
        }
    }

    /// Takes a packet in, and the copies of others that it holds.
    pub(crate) fn insert(&mut self, packet: &AudioPacket<'_>) -> Insert {
        let inserted = match packet.encoding {
            Encoding::Opus => self.insert_primary(packet),
            Encoding::Red => self.insert_red(packet),
            Encoding::TelephoneEvent => Insert::Discarded,
        };
        self.fates.discarded += u64::from(inserted == Insert::Discarded);
        inserted
    }

    fn insert_red(&mut self, packet: &AudioPacket<'_>) -> Insert {
        let Ok(blocks) = red::Blocks::new(packet.payload) else { return Insert::Discarded };
        let Some(primary) = blocks.clone().find(|block| block.is_primary) else { return Insert::Discarded };
        let first = self.sender_clock.is_none();
        let inserted = self.insert_primary(&AudioPacket { payload: primary.payload, ..*packet });
        if first || inserted == Insert::Restarted {
            // What was said before the stream began is not played.
            return inserted;
        }
        // A packet that comes too late may still bring a copy; one from nowhere cannot.
        let Some((place, time)) = self.place_of(packet) else { return inserted };
        let mut copies = false;
        for block in blocks.filter(|block| !block.is_primary && block.payload_type == primary.payload_type) {
            copies |= !block.payload.is_empty();
            self.insert_copy(packet, (place, time), i64::from(block.timestamp_offset), block.payload);
        }
        self.fates.with_copies += u64::from(copies);
        inserted
    }

    /// Where a packet that was just taken in stands.
    fn place_of(&self, packet: &AudioPacket<'_>) -> Option<(u64, i64)> {
        let (_, time) = self.sender_clock.filter(|(last, _)| *last == packet.sender_time)?;
        Some((self.sequence.place_near(packet.sequence_number)?, time))
    }

    /// Keeps a copy that is `age` older than the packet at `place` until the packet itself comes.
    fn insert_copy(&mut self, of: &AudioPacket<'_>, (place, time): (u64, i64), age: i64, payload: &[u8]) {
        let whole = age > 0 && age % self.packet_ticks == 0;
        let place = place.saturating_sub((age / self.packet_ticks).unsigned_abs());
        if !whole || payload.is_empty() || payload.len() > opus::MAX_PACKET_LEN || place < self.place {
            return;
        }
        self.has_come(of, place, time - age);
        if self.slab.get(place).is_none() && place + SLOTS as u64 > self.slab.highest() {
            let sender_time = RtpTime(of.sender_time.0.wrapping_sub(age as u32));
            let copy = AudioPacket { sender_time, payload, ..*of };
            self.slab.put(place, time - age, true, &copy);
        }
    }

    fn insert_primary(&mut self, packet: &AudioPacket<'_>) -> Insert {
        if packet.payload.is_empty() || packet.payload.len() > opus::MAX_PACKET_LEN {
            return Insert::Discarded;
        }
        let new_stream = self.ssrc.is_some_and(|ssrc| ssrc != packet.ssrc);
        if new_stream {
            self.sequence = SequenceExtender::default();
        }
        let (place, restarted) = match self.sequence.extend(packet.sequence_number) {
            Extended::At(place) => (place, new_stream),
            Extended::Restart(place) => (place, true),
            Extended::Suspect => return Insert::Discarded,
        };
        if restarted {
            self.restart();
        }
        self.ssrc = Some(packet.ssrc);
        let time = self.unwrap(packet.sender_time);
        let has_copy = opus::has_copy(packet.payload);
        self.fates.with_copies += u64::from(has_copy && packet.encoding == Encoding::Opus);
        let first = self.delay.fast_transit().is_none();
        self.check_clock(packet, time);
        self.has_come(packet, place, time);
        if has_copy && !first {
            self.has_come(packet, place - 1, time - self.packet_ticks);
        }
        if place < self.place || self.slab.get(place).is_some_and(|slot| !slot.is_copy) {
            return Insert::Discarded;
        }
        if self.play == Play::Idle {
            self.play = Play::Filling;
        }
        // A packet a whole slab ahead takes the slot of one that is long overdue; that one then counts as lost.
        let floor = (place + 1).saturating_sub(SLOTS as u64);
        if self.has_played && floor > self.place {
            self.fates.lost += floor - self.place;
            self.time += (floor - self.place) as i64 * self.packet_ticks;
            self.breaks |= self.play == Play::Running;
        }
        self.place = self.place.max(floor);
        self.slab.put(place, time, false, packet);
        if restarted { Insert::Restarted } else { Insert::Kept }
    }

    /// The sender's time without its wrap.
    fn unwrap(&mut self, sender_time: RtpTime) -> i64 {
        let time = self.sender_clock.map_or(0, |(last, time)| time + i64::from(sender_time.since(last)));
        self.sender_clock = Some((sender_time, time));
        time
    }

    /// The first of our ticks that can play what comes now.
    fn next_tick(&self, packet: &AudioPacket<'_>) -> i64 {
        self.now.map_or_else(|| delay::ticks(packet.arrival_time.as_duration()), |now| now + TICK)
    }

    /// After a pause the sender's clock may stand anywhere: it counts only where it agrees with ours.
    fn check_clock(&mut self, packet: &AudioPacket<'_>, time: i64) {
        let Some(fast) = self.delay.fast_transit().filter(|_| self.play == Play::Idle) else { return };
        let transit = self.next_tick(packet) - time;
        if (transit - fast).abs() > self.delay.ceiling() {
            self.delay.forget_transit();
        }
    }

    /// Takes note that the sound at `place` can be played from the next tick on, as a packet or as a copy.
    fn has_come(&mut self, packet: &AudioPacket<'_>, place: u64, time: i64) {
        let came = &mut self.came[place as usize % SLOTS];
        if *came < place {
            *came = place;
            let tick = self.next_tick(packet);
            self.delay.arrived(tick, tick - time);
        }
    }

    fn restart(&mut self) {
        self.slab.clear();
        self.play = Play::Idle;
        self.sender_clock = None;
        self.came = [0; SLOTS];
        (self.place, self.time, self.made_up, self.dtx, self.breaks) = (0, 0, 0, false, true);
        self.has_played = false;
        self.delay.restart();
    }

    /// Begins a tick at which `waiting` RTP ticks of sound are decoded and not yet played.
    pub(crate) fn tick(&mut self, now: MediaInstant, waiting: i64) {
        self.now = Some(delay::ticks(now.as_duration()));
        self.enforce_ceiling(waiting);
    }

    /// How much more delay there is than the target, or less. `None` while no stream is played.
    pub(crate) fn excess(&self, waiting: i64) -> Option<i64> {
        let (now, fast) = (self.now?, self.delay.fast_transit()?);
        let held = now - (self.time - waiting) - fast;
        (self.play == Play::Running).then_some(held - self.delay.target())
    }

    /// Whether the packet that is due is there.
    pub(crate) fn is_due_here(&self) -> bool {
        self.play == Play::Running
            && self.slab.get(self.place).is_some_and(|slot| (slot.time - self.time).abs() < TICK / 2)
    }

    /// Says what to play next, behind `waiting` RTP ticks of sound that are decoded, and moves on past it. A packet
    /// may last longer than a tick.
    pub(crate) fn next(&mut self, waiting: i64) -> Next<'_> {
        if self.play == Play::Filling {
            let held = self.slab.first_from(self.place);
            let Some((place, time)) = held.and_then(|place| Some((place, self.slab.get(place)?.time))) else {
                self.play = Play::Idle;
                return Next::Nothing;
            };
            let leeway = if self.has_played { LEEWAY } else { 0 };
            if !self.is_time_for(time - leeway) {
                return Next::Nothing;
            }
            if self.has_played && place > self.place {
                self.fates.lost += place - self.place;
                self.delay.made_up();
            }
            (self.play, self.has_played) = (Play::Running, true);
            (self.place, self.time, self.made_up) = (place, time, 0);
        }
        if self.play == Play::Idle {
            return Next::Nothing;
        }
        while let Some(time) = self.slab.get(self.place).map(|slot| slot.time) {
            match time - self.time {
                // Its time has been filled with something else.
                ahead if ahead <= -self.packet_ticks && ahead > -LONGEST_PAUSE => {
                    self.slab.remove(self.place);
                    self.fates.discarded += 1;
                    self.place += 1;
                }
                // The sender's clock is ahead by a pause that it did not fill with packets.
                TICK..LONGEST_PAUSE if !self.is_time_for(time) => return self.pause(),
                ahead => {
                    self.breaks |= ahead >= TICK;
                    return self.take();
                }
            }
        }
        self.missing(waiting)
    }

    /// Whether what has this sender time has been held long enough.
    fn is_time_for(&self, time: i64) -> bool {
        let due = self.delay.fast_transit().map(|fast| time + fast + self.delay.target());
        self.now.zip(due).is_none_or(|(now, due)| due < now + SHORTEST)
    }

    /// The packet that is due is here.
    fn take(&mut self) -> Next<'_> {
        let breaks = self.breaks();
        let Some(held) = self.slab.take(self.place) else { return Next::Nothing };
        self.dtx = held.payload.len() <= opus::DTX_PAYLOAD_LEN;
        let samples = opus::packet_samples(held.payload, SampleRate::HZ_48000).unwrap_or(0);
        if samples > 0 {
            self.packet_ticks = samples as i64;
        }
        self.fates.lost += u64::from(held.slot.is_copy);
        self.time = held.slot.time + self.packet_ticks;
        self.place += 1;
        Next::Packet { held, breaks }
    }

    /// Whether what is played now does not follow from what was played before: it has been waited for, or time jumped.
    fn breaks(&mut self) -> bool {
        let waited = std::mem::take(&mut self.made_up) > 0;
        if waited {
            self.delay.made_up();
        }
        std::mem::take(&mut self.breaks) || waited
    }

    fn missing(&mut self, waiting: i64) -> Next<'_> {
        let next = self.slab.first_from(self.place + 1);
        let Some((next, time)) = next.and_then(|place| Some((place, self.slab.get(place)?.time))) else {
            return self.wait();
        };
        let mut span = time - self.time;
        if !(0..LONGEST_PAUSE * 2).contains(&span) {
            span = (next - self.place) as i64 * self.packet_ticks;
            self.time = time - span;
        }
        if self.dtx && !self.is_time_for(time) {
            return self.pause();
        }
        let copy = match self.slab.payload(next) {
            Some(payload) if opus::has_copy(payload) => self.packet_ticks.min(span),
            _ => 0,
        };
        let already = self.made_up.min(span - copy);
        self.made_up -= already;
        self.time += already;
        let missing = (span - copy - already) / SHORTEST * SHORTEST;
        if missing > 0 {
            if self.excess(waiting).is_some_and(|excess| excess < -LEEWAY) {
                return self.wait();
            }
            self.delay.made_up();
            let ticks = missing.min(self.packet_ticks);
            self.time += ticks;
            return Next::Lost { ticks, ends: missing - ticks < SHORTEST };
        }
        self.fates.lost += next - self.place;
        (self.place, self.time) = (next, time);
        if copy < SHORTEST {
            return self.take();
        }
        let breaks = self.breaks();
        match self.slab.peek(next) {
            Some(next) => Next::Recovered { next, ticks: copy / SHORTEST * SHORTEST, breaks },
            None => Next::Late,
        }
    }

    /// Nothing can be played yet.
    fn wait(&mut self) -> Next<'_> {
        if self.dtx {
            return self.pause();
        }
        if self.made_up < PATIENCE {
            self.made_up += TICK;
            return Next::Late;
        }
        self.play = if self.slab.first_from(self.place).is_some() { Play::Filling } else { Play::Idle };
        Next::Nothing
    }

    /// Lets a frame of the sender's silence pass.
    fn pause(&mut self) -> Next<'_> {
        self.time += TICK;
        Next::Pause
    }

    /// How long the packets of this stream are, by the last one: what a lost one must be replaced with. In RTP ticks.
    pub(crate) fn packet_ticks(&self) -> i64 {
        self.packet_ticks
    }

    /// What has happened to packets since this was last called.
    pub(crate) fn take_fates(&mut self) -> Fates {
        std::mem::take(&mut self.fates)
    }

    /// Throws away the oldest packets until the delay is back at its target. Does nothing while it is under its ceiling.
    fn enforce_ceiling(&mut self, waiting: i64) {
        let above = self.delay.ceiling() - self.delay.target();
        if self.excess(waiting).is_none_or(|excess| excess <= above) {
            return;
        }
        let timely = |&place: &u64| self.slab.get(place).is_some_and(|slot| self.is_timely(slot.time));
        let Some(oldest) = self.slab.first_from(self.place) else { return };
        let newest = self.slab.highest();
        let first = (oldest..=newest)
            .find(timely)
            .or_else(|| (oldest..=newest).rev().find(|&place| self.slab.get(place).is_some()));
        let Some(first) = first else { return };
        for place in oldest..first {
            self.fates.discarded += u64::from(self.slab.remove(place));
        }
        let Some(time) = self.slab.get(first).map(|slot| slot.time) else { return };
        if !self.is_timely(time) {
            // Even the newest is that late: the sender's clock or the path is another one.
            self.delay.forget_transit();
            if let Some(now) = self.now {
                self.delay.arrived(now, now - time);
            }
        }
        self.fates.lost += first - self.place;
        (self.place, self.time, self.made_up, self.breaks) = (first, time, 0, true);
    }

    /// Whether what has this sender time has not been held longer than the target asks for.
    fn is_timely(&self, time: i64) -> bool {
        let held = self.now.zip(self.delay.fast_transit()).map(|(now, fast)| now - time - fast);
        held.is_none_or(|held| held < self.delay.target() + TICK)
    }
}

#[cfg(test)]
mod tests;
