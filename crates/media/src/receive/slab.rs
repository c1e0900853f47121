//! The packets that wait: a slot for each by its place, and one ring of memory for their payloads.

use std::ops::Range;

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
    place: u64,
    /// The sender's time without its wrap.
    pub(super) time: i64,
    pub(crate) sender_time: RtpTime,
    pub(crate) arrival_time: MediaInstant,
    pub(crate) level: Option<AudioLevel>,
    /// Who is heard in it stands beside the slots: that is longer than all the rest, and mostly nobody.
    has_speakers: bool,
    /// It came inside another packet.
    pub(crate) is_copy: bool,
    start: u32,
    len: u32,
}

impl Slot {
    fn range(&self) -> Range<usize> {
        self.start as usize..(self.start + self.len) as usize
    }
}

/// A packet as it is lent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held<'a> {
    pub(crate) slot: &'a Slot,
    pub(crate) speakers: &'a ActiveSpeakers,
    pub(crate) payload: &'a [u8],
}

static NOBODY: ActiveSpeakers = ActiveSpeakers::NONE;

/// Packets by their place.
#[derive(Debug)]
pub(super) struct Slab {
    slots: Box<[Slot; SLOTS]>,
    /// Which slots hold a packet: a bit for each.
    held: u64,
    /// Who is heard in each, where anybody is.
    speakers: Box<[ActiveSpeakers; SLOTS]>,
    memory: Vec<u8>,
    /// Where the next payload goes.
    end: usize,
    highest: u64,
}

impl Slab {
    pub(super) fn new() -> Self {
        Self {
            slots: Box::new([Slot::default(); SLOTS]),
            held: 0,
            speakers: Box::new([ActiveSpeakers::NONE; SLOTS]),
            memory: vec![0; MEMORY],
            end: 0,
            highest: 0,
        }
    }

    pub(super) fn clear(&mut self) {
        (self.held, self.end, self.highest) = (0, 0, 0);
    }

    /// The highest place that was ever put in.
    pub(super) fn highest(&self) -> u64 {
        self.highest
    }

    pub(super) fn get(&self, place: u64) -> Option<&Slot> {
        let at = place as usize % SLOTS;
        (self.held & (1 << at) != 0).then(|| &self.slots[at]).filter(|slot| slot.place == place)
    }

    pub(super) fn payload(&self, place: u64) -> Option<&[u8]> {
        self.get(place).map(|slot| &self.memory[slot.range()])
    }

    pub(super) fn peek(&self, place: u64) -> Option<Held<'_>> {
        self.get(place).map(|slot| self.lend(slot))
    }

    fn lend<'a>(&'a self, slot: &'a Slot) -> Held<'a> {
        let at = slot.place as usize % SLOTS;
        let speakers = if slot.has_speakers { &self.speakers[at] } else { &NOBODY };
        Held { slot, speakers, payload: &self.memory[slot.range()] }
    }

    /// Empties a slot. What was in it can be read until the next packet comes.
    pub(super) fn take(&mut self, place: u64) -> Option<Held<'_>> {
        self.remove(place).then(|| self.lend(&self.slots[place as usize % SLOTS]))
    }

    /// Empties a slot; says whether anything was in it.
    pub(super) fn remove(&mut self, place: u64) -> bool {
        let held = self.get(place).is_some();
        if held {
            self.held &= !(1 << (place as usize % SLOTS));
        }
        held
    }

    /// The lowest place at or above `from` that is held.
    pub(super) fn first_from(&self, from: u64) -> Option<u64> {
        let lowest = (self.highest + 1).saturating_sub(SLOTS as u64);
        let from = from.max(lowest);
        let span = (self.highest + 1).checked_sub(from).filter(|&span| span > 0)?;
        // Bit 0 is that of `from`; those above the highest place are of lower ones.
        let held = self.held.rotate_right((from % SLOTS as u64) as u32) & (u64::MAX >> (SLOTS as u64 - span));
        bits(held).map(|bit| from + bit as u64).find(|&place| self.get(place).is_some())
    }

    /// Puts a packet into its slot, in the place of whatever is there.
    pub(super) fn put(&mut self, place: u64, time: i64, is_copy: bool, packet: &AudioPacket<'_>) {
        let at = place as usize % SLOTS;
        self.held &= !(1 << at);
        let start = self.reserve(packet.payload.len());
        let len = packet.payload.len();
        self.memory[start..start + len].copy_from_slice(packet.payload);
        let &AudioPacket { sender_time, arrival_time, level, .. } = packet;
        let has_speakers = !packet.speakers.is_empty();
        if has_speakers {
            self.speakers[at] = packet.speakers;
        }
        let (start, len) = (start as u32, len as u32);
        self.slots[at] =
            Slot { place, time, sender_time, arrival_time, level, has_speakers, is_copy, start, len };
        self.held |= 1 << at;
        self.highest = self.highest.max(place);
    }

    /// Finds `len` bytes behind the last payload, or at the start, or grows.
    fn reserve(&mut self, len: usize) -> usize {
        loop {
            let start = if self.end + len <= self.memory.len() { self.end } else { 0 };
            let is_taken = |slot: Range<usize>| slot.start < start + len && start < slot.end;
            if len <= self.memory.len() && !bits(self.held).any(|at| is_taken(self.slots[at].range())) {
                self.end = start + len;
                return start;
            }
            // Behind what is there, so that nothing moves.
            self.end = self.memory.len();
            self.memory.resize((self.memory.len() * 2).max(opus::MAX_PACKET_LEN), 0);
        }
    }
}

/// The places of the bits that are set, lowest first.
fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (word != 0).then(|| word.trailing_zeros() as usize);
        word &= word.wrapping_sub(1);
        bit
    })
}
