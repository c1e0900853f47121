//! The jitter buffer: a slab of packets by sequence number, and what to play at a tick.
//!
//! Sans-IO: packets and the time come in, a decision goes out. Nothing is allocated but once, when a stream turns out to
//! have large packets.

// Long because its tests play whole streams, letter by letter, and need the buffer's inside for it.

use std::time::Duration;

use super::delay::DelayManager;
use super::sequence::{Extended, SequenceExtender};
use crate::audio::opus::{self, RTP_CLOCK};
use crate::settings::JitterBufferSettings;
use crate::time::{MediaInstant, RtpTime};
use crate::units::{MediaSourceId, SampleRate, Ssrc};

/// Packets that can wait: 1.28 s of 20 ms packets, above any delay that can be set.
const SLOTS: usize = 64;

/// Room for a 20 ms packet at 64 kb/s. The first larger one of a stream makes all slots grow, once and for good.
const SLOT_LEN: usize = 160;

/// Ticks for which the sound of late packets is made up before the stream counts as paused: longer, and the guess
/// turns into a drone.
const PATIENCE: u32 = 5;

/// One RTP packet as the receive path sees it (RFC 3550 section 5.1).
#[derive(Clone, Copy, Debug)]
pub struct AudioPacket<'a> {
    /// The stream.
    pub ssrc: Ssrc,
    /// Its place in the stream; wraps.
    pub sequence_number: u16,
    /// The sender's clock at its first sample, 48 kHz.
    pub sender_time: RtpTime,
    /// Who speaks: the first contributing source.
    pub source: Option<MediaSourceId>,
    /// When it was read from the socket.
    pub arrival_time: MediaInstant,
    /// One Opus packet.
    pub payload: &'a [u8],
}

/// A packet in its slot.
#[derive(Debug)]
pub(crate) struct Slot {
    place: Option<u64>,
    pub(crate) sender_time: RtpTime,
    pub(crate) arrival_time: MediaInstant,
    pub(crate) source: Option<MediaSourceId>,
    pub(crate) payload: Vec<u8>,
}

/// What became of a packet that was put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Insert {
    Kept,
    /// It makes the stream begin anew.
    Restarted,
    /// Too late, doubled, too large or from nowhere.
    Discarded,
}

/// What to play now.
#[derive(Debug)]
pub(crate) enum Next<'a> {
    /// Nothing has come yet: the timeline has not begun, or the stream pauses.
    Nothing,
    /// This packet is due.
    Packet(&'a Slot),
    /// The packet that is due was lost. The one after it may hold a copy.
    Lost { next: Option<&'a Slot> },
    /// The packet that is due has not come yet and nothing after it has: it may be late.
    Late,
    /// The speaker is silent and says so (DTX), or the sender's clock jumped ahead: not yet the time for more.
    Pause,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Play {
    /// No stream, or one that paused.
    Idle,
    /// Packets came; they are held until this instant.
    Filling { until: MediaInstant },
    /// `place` is due next, and the sender's clock should read `sender_time` then.
    Running { place: u64, sender_time: RtpTime, late: u32 },
}

/// Reorders, waits, and says what is lost.
pub(crate) struct JitterBuffer {
    slots: Vec<Slot>,
    sequence: SequenceExtender,
    ssrc: Option<Ssrc>,
    play: Play,
    /// Everything below has been played or given up.
    floor: u64,
    highest: u64,
    dtx: bool,
    /// How long the last packet was, which is the best guess for one that is missing. In RTP ticks.
    packet_ticks: u32,
    pub(crate) delay: DelayManager,
}

impl JitterBuffer {
    pub(crate) fn new(settings: JitterBufferSettings) -> Self {
        let slot = || Slot {
            place: None,
            sender_time: RtpTime::default(),
            arrival_time: MediaInstant::ZERO,
            source: None,
            payload: Vec::with_capacity(SLOT_LEN),
        };
        Self {
            slots: std::iter::repeat_with(slot).take(SLOTS).collect(),
            sequence: SequenceExtender::default(),
            ssrc: None,
            play: Play::Idle,
            floor: 0,
            highest: 0,
            dtx: false,
            packet_ticks: opus::RTP_TICKS_PER_FRAME,
            delay: DelayManager::new(settings),
        }
    }

    /// Takes a packet in.
    pub(crate) fn insert(&mut self, packet: &AudioPacket<'_>) -> Insert {
        if packet.payload.len() > opus::MAX_PACKET_LEN {
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
        if place < self.floor || self.slot(place).place == Some(place) {
            return Insert::Discarded;
        }
        if self.play == Play::Idle {
            self.play = Play::Filling { until: packet.arrival_time + self.delay.target() };
        }
        self.highest = self.highest.max(place);
        // A packet a whole slab ahead takes the slot of one that is long overdue; that one then counts as lost.
        self.floor = self.floor.max((place + 1).saturating_sub(SLOTS as u64));
        self.store(place, packet);
        if restarted { Insert::Restarted } else { Insert::Kept }
    }

    fn store(&mut self, place: u64, packet: &AudioPacket<'_>) {
        if packet.payload.len() > self.slot(place).payload.capacity() {
            self.grow();
        }
        let slot = &mut self.slots[place as usize % SLOTS];
        slot.place = Some(place);
        slot.sender_time = packet.sender_time;
        slot.arrival_time = packet.arrival_time;
        slot.source = packet.source;
        slot.payload.clear();
        slot.payload.extend_from_slice(packet.payload);
    }

    /// Gives every slot room for the largest packet: one by one, they would still be growing long after the start.
    fn grow(&mut self) {
        for Slot { payload, .. } in &mut self.slots {
            payload.reserve_exact(opus::MAX_PACKET_LEN - payload.len());
        }
    }

    fn restart(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.place = None);
        self.play = Play::Idle;
        (self.floor, self.highest, self.dtx) = (0, 0, false);
    }

    fn slot(&self, place: u64) -> &Slot {
        &self.slots[place as usize % SLOTS]
    }

    fn held(&self, place: u64) -> Option<&Slot> {
        Some(self.slot(place)).filter(|slot| slot.place == Some(place))
    }

    /// The lowest place at or above `from` that is held.
    fn first_held(&self, from: u64) -> Option<u64> {
        let lowest = (self.highest + 1).saturating_sub(SLOTS as u64);
        (from.max(lowest)..=self.highest).find(|&place| self.held(place).is_some())
    }

    /// Says what to play next at `now`, and moves on past it. A packet may last longer than a tick.
    pub(crate) fn next(&mut self, now: MediaInstant, rate: SampleRate) -> Next<'_> {
        if let Play::Filling { until } = self.play {
            if now < until {
                return Next::Nothing;
            }
            let Some(place) = self.first_held(self.floor) else {
                self.play = Play::Idle;
                return Next::Nothing;
            };
            self.play = Play::Running { place, sender_time: self.slot(place).sender_time, late: 0 };
        }
        let Play::Running { place, sender_time, late } = self.play else { return Next::Nothing };
        match self.held(place).map(|slot| slot.sender_time.since(sender_time)) {
            // The sender's clock is ahead by a pause that it did not fill with packets. A jump beyond a second is
            // not a pause that anybody waited for; play on.
            Some(ahead) if ahead >= frame_ticks() && ahead < RTP_CLOCK.cast_signed() => self.pause(),
            Some(_) => self.take(place, rate),
            None => self.missing(place, sender_time, late),
        }
    }

    /// `place` is here and due.
    fn take(&mut self, place: u64, rate: SampleRate) -> Next<'_> {
        let slot = &mut self.slots[place as usize % SLOTS];
        slot.place = None;
        self.dtx = slot.payload.len() <= opus::DTX_PAYLOAD_LEN;
        let samples = opus::packet_samples(&slot.payload, rate).unwrap_or(0) as u64;
        let ticks = u32::try_from(samples * u64::from(RTP_CLOCK) / u64::from(rate.get())).unwrap_or(0);
        if ticks > 0 {
            self.packet_ticks = ticks;
        }
        let sender_time = slot.sender_time.plus(self.packet_ticks);
        self.floor = place + 1;
        self.play = Play::Running { place: place + 1, sender_time, late: 0 };
        Next::Packet(&self.slots[place as usize % SLOTS])
    }

    fn missing(&mut self, place: u64, sender_time: RtpTime, late: u32) -> Next<'_> {
        if self.first_held(place + 1).is_some() {
            self.floor = place + 1;
            let sender_time = sender_time.plus(self.packet_ticks);
            self.play = Play::Running { place: place + 1, sender_time, late: 0 };
            return Next::Lost { next: self.held(place + 1) };
        }
        if self.dtx {
            return self.pause();
        }
        if late < PATIENCE {
            self.play = Play::Running { place, sender_time, late: late + 1 };
            return Next::Late;
        }
        self.floor = place;
        self.play = Play::Idle;
        Next::Nothing
    }

    /// Lets a frame of the sender's silence pass.
    fn pause(&mut self) -> Next<'_> {
        if let Play::Running { sender_time, .. } = &mut self.play {
            *sender_time = sender_time.plus(opus::RTP_TICKS_PER_FRAME);
        }
        Next::Pause
    }

    /// How much sound waits, by the packets from the next one due to the newest.
    pub(crate) fn buffered(&self) -> Duration {
        let from = match self.play {
            Play::Running { place, .. } => place,
            _ => self.floor.max((self.highest + 1).saturating_sub(SLOTS as u64)),
        };
        let packets = (self.highest + 1).saturating_sub(from);
        self.packet_duration() * u32::try_from(packets.min(SLOTS as u64)).unwrap_or(0)
    }

    /// How long the packets of this stream are, by the last one: what a lost one must be replaced with.
    pub(crate) fn packet_duration(&self) -> Duration {
        SampleRate::HZ_48000.duration_of(self.packet_ticks.into())
    }

    /// Throws away the oldest packets until the delay is back at its target; returns how many places were skipped.
    /// Does nothing while the delay is under its ceiling.
    pub(crate) fn enforce_ceiling(&mut self) -> u64 {
        let Play::Running { place, .. } = self.play else { return 0 };
        if self.buffered() <= self.delay.ceiling() {
            return 0;
        }
        let keep = self.delay.target().div_duration_f64(self.packet_duration()).ceil() as u64;
        let wanted = (self.highest + 1).saturating_sub(keep.max(1)).max(place);
        let Some(first) = self.first_held(wanted) else { return 0 };
        (place..first).for_each(|place| self.slots[place as usize % SLOTS].place = None);
        self.floor = first;
        self.play = Play::Running { place: first, sender_time: self.slot(first).sender_time, late: 0 };
        first - place
    }
}

fn frame_ticks() -> i32 {
    opus::RTP_TICKS_PER_FRAME.cast_signed()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::audio::opus::{MAX_PACKET_LEN, OpusEncoder};
    use crate::settings::OpusSettings;

    const RATE: SampleRate = SampleRate::HZ_16000;
    const TICK: Duration = Duration::from_millis(20);

    /// A packet of 20 ms that decodes, sent as the `index`th of its stream.
    fn packet(index: u16, arrival: Duration, payload: &[u8]) -> AudioPacket<'_> {
        AudioPacket {
            ssrc: Ssrc(7),
            sequence_number: index,
            sender_time: RtpTime(u32::from(index) * 960),
            source: None,
            arrival_time: MediaInstant::from_duration(arrival),
            payload,
        }
    }

    fn speech() -> Vec<u8> {
        let mut encoder = OpusEncoder::new(RATE, &OpusSettings::default()).unwrap();
        let mut packet = vec![0; MAX_PACKET_LEN];
        let len = encoder.encode(&[1000; 320], &mut packet).unwrap();
        packet.truncate(len);
        packet
    }

    /// What came out, a letter a tick: P packet, L lost, l late, - nothing, . pause.
    fn play(buffer: &mut JitterBuffer, arrivals: &[(u64, u16)], ticks: u64) -> String {
        let payload = speech();
        (0..ticks)
            .map(|tick| {
                for (_, index) in arrivals.iter().filter(|(at, _)| *at == tick) {
                    buffer.insert(&packet(*index, TICK * tick as u32, &payload));
                }
                match buffer.next(MediaInstant::from_duration(TICK * tick as u32), RATE) {
                    Next::Nothing => '-',
                    Next::Packet(_) => 'P',
                    Next::Lost { .. } => 'L',
                    Next::Late => 'l',
                    Next::Pause => '.',
                }
            })
            .collect()
    }

    fn buffer() -> JitterBuffer {
        JitterBuffer::new(JitterBufferSettings::default())
    }

    #[test]
    fn packets_wait_for_the_target_delay_and_play_in_order() {
        let arrivals = [(0, 0), (1, 2), (1, 1), (3, 3)];
        assert_eq!(play(&mut buffer(), &arrivals, 7), "---PPPP");
    }

    #[test]
    fn a_hole_is_lost_once_its_turn_comes_and_something_later_is_there() {
        assert_eq!(play(&mut buffer(), &[(0, 0), (2, 2), (3, 3)], 7), "---PLPP");
    }

    #[test]
    fn what_is_only_late_is_waited_for_and_then_played() {
        let arrivals = [(0, 0), (6, 1), (6, 2)];
        assert_eq!(play(&mut buffer(), &arrivals, 8), "---PllPP");
    }

    #[test]
    fn a_sender_that_stops_becomes_a_pause_and_starts_again_with_the_target_delay() {
        let arrivals = [(0, 0), (12, 1), (13, 2)];
        assert_eq!(play(&mut buffer(), &arrivals, 17), "---Plllll------PP");
    }

    #[test]
    fn the_senders_pause_is_kept_when_its_clock_went_on() {
        let (mut buffer, payload) = (buffer(), speech());
        for (index, time) in [(0, 0), (1, 960 * 4)] {
            let sender_time = RtpTime(time);
            buffer.insert(&AudioPacket { sender_time, ..packet(index, Duration::ZERO, &payload) });
        }
        let played: Vec<bool> = (3..8)
            .map(|tick| {
                matches!(buffer.next(MediaInstant::from_duration(TICK * tick), RATE), Next::Packet(_))
            })
            .collect();
        assert_eq!(played, [true, false, false, false, true]);
    }

    #[test]
    fn another_ssrc_begins_anew_and_a_doubled_packet_is_discarded() {
        let (mut buffer, payload) = (buffer(), speech());
        assert_eq!(buffer.insert(&packet(5, Duration::ZERO, &payload)), Insert::Kept);
        assert_eq!(buffer.insert(&packet(5, Duration::ZERO, &payload)), Insert::Discarded);
        let other = AudioPacket { ssrc: Ssrc(8), ..packet(60_000, Duration::ZERO, &payload) };
        assert_eq!(buffer.insert(&other), Insert::Restarted);
        assert_eq!(buffer.insert(&packet(1, Duration::ZERO, &[0; MAX_PACKET_LEN + 1])), Insert::Discarded);
    }

    #[test]
    fn a_burst_after_a_stall_is_cut_down_to_the_target() {
        let arrivals: Vec<(u64, u16)> = [(0, 0)].into_iter().chain((1..=40).map(|i| (4, i))).collect();
        let mut buffer = buffer();
        play(&mut buffer, &arrivals, 5);
        assert!(buffer.buffered() > Duration::from_millis(500), "{:?}", buffer.buffered());
        assert_eq!(buffer.enforce_ceiling(), 36, "39 waited; three are the target");
        assert_eq!(buffer.buffered(), Duration::from_millis(60));
    }

    proptest! {
        /// Whatever comes, in whatever order: no panic, and no packet is played twice.
        #[test]
        fn any_packets_in_any_order(steps in proptest::collection::vec(
            (any::<u16>(), any::<u32>(), 0_u32..3, 0_usize..5, any::<bool>()), 0..300,
        )) {
            let (mut buffer, payload) = (buffer(), speech());
            let mut at = MediaInstant::ZERO;
            for (sequence_number, time, ssrc, kind, near) in steps {
                let number = if near { sequence_number % 64 } else { sequence_number };
                buffer.insert(&AudioPacket {
                    ssrc: Ssrc(ssrc / 2), sequence_number: number, sender_time: RtpTime(time), source: None,
                    arrival_time: at,
                    payload: [&payload[..], &[], &[0xff; 3], &[0b0100_1011, 48], &payload[..1]][kind],
                });
                at += Duration::from_millis(7);
                let _ = buffer.next(at, RATE);
                buffer.enforce_ceiling();
                prop_assert!(buffer.buffered() <= Duration::from_millis(120) * SLOTS as u32);
            }
        }
    }
}
