//! One RTP stream of a section: a picture, or one layer of it.

use std::collections::VecDeque;
use std::time::Duration;

use super::key_frames::KeyFrames;
use super::{CHANGE, NotSent, StreamCounters, VideoStreamSettings};
use crate::time::{MediaInstant, RtpTime};
use crate::video::history::{History, Packet, ROOM, Stored};
use crate::video::{BitRate, Packetiser};

/// A frame that has waited for longer is of no use in a conversation, nor are those behind it.
const PATIENCE: Duration = Duration::from_millis(500);
/// Packets to send again that are remembered: as many as a receiver asks for before it asks for a key frame instead.
const REPAIRS: usize = 512;

#[derive(Debug)]
pub(super) struct Stream {
    settings: VideoStreamSettings,
    packetiser: Packetiser,
    history: History,
    /// Places of packets to send again.
    repairs: VecDeque<u64>,
    next_repair: u16,
    pub(super) key_frames: KeyFrames,
    /// Nothing but a key frame is any use to the far end.
    awaits_key: bool,
    pub(super) counters: StreamCounters,
    /// What the encoder was last told to make, if it was.
    pub(super) told: Option<BitRate>,
    /// What it may make; none while the layer is off.
    pub(super) target: BitRate,
}

/// A packet, and whether it goes on the stream of retransmissions.
#[derive(Debug)]
pub(super) enum Leaving<'a> {
    New(Stored<'a>),
    Again(Stored<'a>),
    Repair(u16, Stored<'a>),
    Filling(u16, Stored<'a>),
}

impl Stream {
    pub(super) fn new(settings: VideoStreamSettings) -> Self {
        Self {
            settings,
            packetiser: Packetiser::new(settings.codec, ROOM),
            history: History::new(settings.first_sequence_numbers.0),
            repairs: VecDeque::with_capacity(REPAIRS),
            next_repair: settings.first_sequence_numbers.1,
            key_frames: KeyFrames::default(),
            awaits_key: true,
            counters: StreamCounters::default(),
            told: None,
            target: BitRate::default(),
        }
    }

    /// The layer comes on or goes off, or may have more or less.
    pub(super) fn set_target(&mut self, target: BitRate) {
        let none = BitRate::default();
        if target == none && self.target > none {
            self.counters.frames_dropped += u64::from(self.history.drop_frames());
            self.awaits_key = true;
        }
        // Who was told that it is off begins with a key frame; at first every encoder does.
        if self.told == Some(none) && target > none {
            self.key_frames.need();
        }
        self.target = target;
    }

    /// The encoder should hear of its rate: it has changed, or the layer has come or gone.
    pub(super) fn has_news(&self) -> bool {
        let Some(told) = self.told else { return true };
        let [told, target] = [told, self.target].map(BitRate::bits_per_second);
        (told == 0) != (target == 0) || told.abs_diff(target) as f64 > CHANGE * told as f64
    }

    /// The far end asks for a key frame.
    pub(super) fn request_key_frame(&mut self, now: MediaInstant, round_trip: Duration) {
        if self.target > BitRate::default() {
            self.key_frames.request(now, round_trip);
        }
    }

    /// Takes a frame in.
    pub(super) fn enqueue(
        &mut self,
        frame: &[u8],
        sender_time: RtpTime,
        now: MediaInstant,
    ) -> Result<(), NotSent> {
        if self.target == BitRate::default() {
            return Err(NotSent::LayerIsOff);
        }
        let is_key = self.packetiser.is_key(frame);
        self.drop_old(now);
        if is_key {
            // What waits is older, and none of what follows needs it.
            self.counters.frames_dropped += u64::from(self.history.drop_frames());
        } else if self.awaits_key {
            self.key_frames.need();
            self.counters.frames_dropped += 1;
            return Err(NotSent::AwaitsKeyFrame);
        }
        let begin = self.history.end();
        let (history, mut is_whole, mut begins) = (&mut self.history, true, true);
        self.packetiser.packetise(frame, |payload, marker| {
            let packet = Packet { sender_time, marker, begins, is_key, queued_at: now };
            is_whole = is_whole && history.push(packet, payload);
            begins = false;
        })?;
        if !is_whole {
            self.history.truncate(begin);
            self.counters.frames_dropped += 1;
            self.lack_key();
            return Err(NotSent::QueueIsFull);
        }
        if is_key {
            self.awaits_key = false;
            self.key_frames.note_made();
        }
        Ok(())
    }

    /// From here on only a key frame is of use.
    fn lack_key(&mut self) {
        self.awaits_key = true;
        self.key_frames.need();
    }

    /// Gives up the frames that have waited for too long to begin.
    pub(super) fn drop_old(&mut self, now: MediaInstant) {
        let is_old = |packet: &Packet| packet.begins && now.since(packet.queued_at) > PATIENCE;
        if self.history.waiting().is_some_and(is_old) {
            self.counters.frames_dropped += u64::from(self.history.drop_frames());
            self.lack_key();
        }
    }

    /// The receiver lacks the packet with this number.
    pub(super) fn note_missing(&mut self, sequence_number: u16, now: MediaInstant, round_trip: Duration) {
        if self.repairs.len() < REPAIRS
            && let Some(place) = self.history.ask(sequence_number, now, round_trip)
        {
            self.repairs.push_back(place);
        }
    }

    pub(super) fn has_repairs(&self) -> bool {
        !self.repairs.is_empty()
    }

    /// Whether it has something that fills the path: what the far end has already may only come again on a stream of its own.
    pub(super) fn can_fill(&self) -> bool {
        self.settings.has_repair_stream && self.history.filling().is_some()
    }

    /// A packet that the far end has, once more.
    pub(super) fn fill(&mut self) -> Option<Leaving<'_>> {
        if !self.settings.has_repair_stream {
            return None;
        }
        let stored = self.history.filling()?;
        let number = self.next_repair;
        self.next_repair = number.wrapping_add(1);
        self.counters.packets_filled += 1;
        self.counters.bytes_filled += stored.payload().len() as u64;
        Some(Leaving::Filling(number, stored))
    }

    pub(super) fn has_packets(&self) -> bool {
        self.history.waiting().is_some()
    }

    /// The next packet that leaves at `now`; what has to be repaired first.
    pub(super) fn next(&mut self, now: MediaInstant, transport_number: u16) -> Option<Leaving<'_>> {
        while let Some(place) = self.repairs.pop_front() {
            if self.history.again(place, now).is_none() {
                // It has waited for too long, or others have taken its room.
                continue;
            }
            let stored = self.history.again(place, now)?;
            self.counters.packets_sent_again += 1;
            self.counters.bytes_sent_again += stored.payload().len() as u64;
            if !self.settings.has_repair_stream {
                return Some(Leaving::Again(stored));
            }
            let number = self.next_repair;
            self.next_repair = number.wrapping_add(1);
            return Some(Leaving::Repair(number, stored));
        }
        let stored = self.history.send_next(now, transport_number)?;
        self.counters.packets_sent += 1;
        self.counters.bytes_sent += stored.payload().len() as u64;
        if stored.packet.marker {
            self.counters.frames_sent += 1;
            if stored.packet.is_key {
                self.counters.key_frames_sent += 1;
                self.key_frames.note_sent(now);
            }
        }
        Some(Leaving::New(stored))
    }
}
