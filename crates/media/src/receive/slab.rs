//! The packets that wait: a slot for each by its place, and one ring of memory for their payloads.

use super::packet::AudioPacket;
use crate::audio::opus;
use crate::rtp::{ActiveSpeakers, AudioLevel};
use crate::time::{MediaInstant, RtpTime};

/// Packets that can wait: 1.28 s of 20 ms packets, above any delay that can be set.
pub(super) const SLOTS: usize = 64;

/// Memory for payloads at first: every slot full at 32 kb/s. A stream that needs more gets it once.
const MEMORY: usize = 64 * 80;

/// A packet in its slot.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Slot {
    place: Option<u64>,
    /// The sender's time without its wrap.
    pub(super) time: i64,
    pub(crate) sender_time: RtpTime,
    pub(crate) arrival_time: MediaInstant,
    pub(crate) speakers: ActiveSpeakers,
    pub(crate) level: Option<AudioLevel>,
    /// It came inside another packet.
    pub(crate) is_copy: bool,
    start: usize,
    len: usize,
}

/// Packets by their place.
#[derive(Debug)]
pub(super) struct Slab {
    slots: Box<[Slot; SLOTS]>,
    memory: Vec<u8>,
    /// Where the next payload goes.
    end: usize,
    highest: u64,
}

impl Slab {
    pub(super) fn new() -> Self {
        Self { slots: Box::new([Slot::default(); SLOTS]), memory: vec![0; MEMORY], end: 0, highest: 0 }
    }

    pub(super) fn clear(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.place = None);
        (self.end, self.highest) = (0, 0);
    }

    /// The highest place that was ever put in.
    pub(super) fn highest(&self) -> u64 {
        self.highest
    }

    pub(super) fn get(&self, place: u64) -> Option<&Slot> {
        Some(&self.slots[place as usize % SLOTS]).filter(|slot| slot.place == Some(place))
    }

    pub(super) fn payload(&self, place: u64) -> Option<&[u8]> {
        self.peek(place).map(|(_, payload)| payload)
    }

    pub(super) fn peek(&self, place: u64) -> Option<(&Slot, &[u8])> {
        self.get(place).map(|slot| (slot, &self.memory[slot.start..slot.start + slot.len]))
    }

    /// Empties a slot. What was in it can be read until the next packet comes.
    pub(super) fn take(&mut self, place: u64) -> Option<(&Slot, &[u8])> {
        self.remove(place).then(|| {
            let slot = &self.slots[place as usize % SLOTS];
            (slot, &self.memory[slot.start..slot.start + slot.len])
        })
    }

    /// Empties a slot; says whether anything was in it.
    pub(super) fn remove(&mut self, place: u64) -> bool {
        let held = self.get(place).is_some();
        if held {
            self.slots[place as usize % SLOTS].place = None;
        }
        held
    }

    /// The lowest place at or above `from` that is held.
    pub(super) fn first_from(&self, from: u64) -> Option<u64> {
        let lowest = (self.highest + 1).saturating_sub(SLOTS as u64);
        (from.max(lowest)..=self.highest).find(|&place| self.get(place).is_some())
    }

    /// Puts a packet into its slot, in the place of whatever is there.
    pub(super) fn put(&mut self, place: u64, time: i64, is_copy: bool, packet: &AudioPacket<'_>) {
        let at = place as usize % SLOTS;
        self.slots[at].place = None;
        let start = self.reserve(packet.payload.len());
        let len = packet.payload.len();
        self.memory[start..start + len].copy_from_slice(packet.payload);
        let &AudioPacket { sender_time, arrival_time, speakers, level, .. } = packet;
        self.slots[at] = Slot {
            place: Some(place),
            time,
            sender_time,
            arrival_time,
            speakers,
            level,
            is_copy,
            start,
            len,
        };
        self.highest = self.highest.max(place);
    }

    /// Finds `len` bytes behind the last payload, or at the start, or grows.
    fn reserve(&mut self, len: usize) -> usize {
        loop {
            let start = if self.end + len <= self.memory.len() { self.end } else { 0 };
            let taken = |slot: &&Slot| {
                slot.place.is_some() && slot.start < start + len && start < slot.start + slot.len
            };
            if len <= self.memory.len() && !self.slots.iter().any(|slot| taken(&slot)) {
                self.end = start + len;
                return start;
            }
            // Behind what is there, so that nothing moves.
            self.end = self.memory.len();
            self.memory.resize((self.memory.len() * 2).max(opus::MAX_PACKET_LEN), 0);
        }
    }
}
