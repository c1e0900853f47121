//! The packets that wait for their frame: a slot for each by its place.

use super::VideoPacket;
use super::payload::Piece;
use crate::time::{MediaInstant, RtpTime};

/// Slots at first: 100 ms of a stream of 10 Mb/s.
const FIRST_SLOTS: usize = 128;
/// A key frame of a large screen may take a thousand packets.
const MOST_SLOTS: usize = 2048;
/// What fits into one datagram on the paths of today, and into a slot. Nobody sends RTP that has to be fragmented by IP.
pub(super) const LONGEST_PAYLOAD: usize = 1500;

/// A packet in its slot.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slot {
    place: Option<u64>,
    len: usize,
    pub(super) piece: Piece,
    pub(super) sender_time: RtpTime,
    pub(super) arrival_time: MediaInstant,
    pub(super) is_last: bool,
}

/// Packets by their place. Grows with the stream's largest frame, up to a limit, and then allocates no more.
#[derive(Debug)]
pub(super) struct PacketStore {
    slots: Vec<Slot>,
    memory: Vec<u8>,
}

/// Why a packet was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoRoom {
    /// It is longer than a datagram should be.
    TooLong,
    /// So much waits that this place is out of reach.
    Full,
}

impl PacketStore {
    pub(super) fn new() -> Self {
        Self { slots: vec![Slot::default(); FIRST_SLOTS], memory: vec![0; FIRST_SLOTS * LONGEST_PAYLOAD] }
    }

    pub(super) fn clear(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.place = None);
    }

    fn at(&self, place: u64) -> usize {
        place as usize % self.slots.len()
    }

    pub(super) fn get(&self, place: u64) -> Option<&Slot> {
        Some(&self.slots[self.at(place)]).filter(|slot| slot.place == Some(place))
    }

    pub(super) fn payload(&self, place: u64) -> Option<&[u8]> {
        let start = self.at(place) * LONGEST_PAYLOAD;
        self.get(place).map(|slot| &self.memory[start..start + slot.len])
    }

    /// Puts a packet in; nothing below `oldest` is needed any more.
    pub(super) fn put(
        &mut self,
        place: u64,
        oldest: u64,
        piece: Piece,
        packet: &VideoPacket<'_>,
    ) -> Result<(), NoRoom> {
        let len = packet.payload.len();
        if len > LONGEST_PAYLOAD {
            return Err(NoRoom::TooLong);
        }
        let needed = place.saturating_sub(oldest) as usize + 1;
        if needed > self.slots.len() {
            self.grow(needed)?;
        }
        let at = self.at(place);
        let &VideoPacket { sender_time, arrival_time, marker: is_last, .. } = packet;
        self.slots[at] = Slot { place: Some(place), len, piece, sender_time, arrival_time, is_last };
        self.memory[at * LONGEST_PAYLOAD..][..len].copy_from_slice(packet.payload);
        Ok(())
    }

    /// Makes room for so many packets in a row.
    fn grow(&mut self, needed: usize) -> Result<(), NoRoom> {
        let slots = needed.next_power_of_two();
        if slots > MOST_SLOTS {
            return Err(NoRoom::Full);
        }
        let mut grown =
            Self { slots: vec![Slot::default(); slots], memory: vec![0; slots * LONGEST_PAYLOAD] };
        for (at, slot) in self.slots.iter().enumerate() {
            let Some(place) = slot.place else { continue };
            let to = grown.at(place);
            grown.slots[to] = *slot;
            let payload = &self.memory[at * LONGEST_PAYLOAD..][..slot.len];
            grown.memory[to * LONGEST_PAYLOAD..][..slot.len].copy_from_slice(payload);
        }
        *self = grown;
        Ok(())
    }

    /// Forgets the packets from `from` up to, but without, `to`.
    pub(super) fn forget(&mut self, from: u64, to: u64) {
        if to.saturating_sub(from) >= self.slots.len() as u64 {
            let gone = |slot: &&mut Slot| slot.place.is_some_and(|place| (from..to).contains(&place));
            self.slots.iter_mut().filter(gone).for_each(|slot| slot.place = None);
            return;
        }
        for place in from..to {
            let at = self.at(place);
            if self.slots[at].place == Some(place) {
                self.slots[at].place = None;
            }
        }
    }
}
