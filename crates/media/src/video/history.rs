//! The packets of one stream that wait to be sent, and those that may be asked for again, in one ring of memory.

use std::time::Duration;

use super::rtx;
use crate::time::{MediaInstant, RtpTime};

/// The longest payload that is sent: with the headers of RTP, extensions, SRTP and RTX around it a datagram of 1200 bytes, which every
/// path carries (RFC 8831 section 5).
pub(super) const ROOM: usize = 1120;
/// Of a slot: the packet's number stands before the payload, so that it can be sent again as it lies there.
const SLOT: usize = rtx::NUMBER + ROOM;
/// Slots at first: a second of 1 Mb/s.
const FIRST_SLOTS: usize = 128;
/// A second of 18 Mb/s; 2.3 MB.
const MOST_SLOTS: usize = 2048;
/// A picture that lacks a packet for longer than this is over.
const KEPT: Duration = Duration::from_secs(1);
/// Of so many packets that were sent last, one fills the path.
const FILLING: u64 = 32;
/// The shortest time after which a packet is sent once more, whatever the round trip.
const LEAST_WAIT: Duration = Duration::from_millis(10);

/// What a packet is, apart from its bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Packet {
    pub(super) sender_time: RtpTime,
    /// The last of its frame.
    pub(super) marker: bool,
    /// The first of its frame.
    pub(super) begins: bool,
    pub(super) is_key: bool,
    /// When its frame came.
    pub(super) queued_at: MediaInstant,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    place: u64,
    packet: Packet,
    len: usize,
    /// When it was first sent.
    first_sent_at: MediaInstant,
    /// When it was last sent, or was asked for to be sent again.
    sent_at: MediaInstant,
    transport_number: u16,
}

impl Slot {
    fn is_of_use(&self, now: MediaInstant) -> bool {
        now.since(self.first_sent_at) <= KEPT
    }
}

/// A packet as it is sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stored<'a> {
    pub(super) sequence_number: u16,
    pub(super) transport_number: u16,
    pub(super) packet: Packet,
    /// Behind its number.
    numbered: &'a [u8],
}

impl<'a> Stored<'a> {
    pub(super) fn payload(&self) -> &'a [u8] {
        self.numbered.get(rtx::NUMBER..).unwrap_or_default()
    }

    /// As a retransmission carries it.
    pub(super) fn wrapped(&self) -> &'a [u8] {
        self.numbered
    }
}

/// Packets by their place: the lower 16 bits of it are the sequence number. Grows with what a stream needs, up to a limit, and then
/// allocates no more.
#[derive(Debug)]
pub(super) struct History {
    slots: Vec<Slot>,
    memory: Vec<u8>,
    /// Below were sent, from here on they wait.
    next: u64,
    end: u64,
}

impl History {
    /// Of a stream that begins with this sequence number.
    pub(super) fn new(first: u16) -> Self {
        // A turn up, so that there are places below; no slot is of any of them.
        let first = u64::from(first) + (1 << 16);
        Self {
            slots: vec![Slot::default(); FIRST_SLOTS],
            memory: vec![0; FIRST_SLOTS * SLOT],
            next: first,
            end: first,
        }
    }

    fn at(&self, place: u64) -> usize {
        place as usize % self.slots.len()
    }

    fn get(&self, place: u64) -> Option<&Slot> {
        Some(&self.slots[self.at(place)]).filter(|slot| slot.place == place)
    }

    fn stored(&self, place: u64) -> Option<Stored<'_>> {
        let &Slot { packet, len, transport_number, .. } = self.get(place)?;
        let start = self.at(place) * SLOT;
        let numbered = &self.memory[start..start + rtx::NUMBER + len];
        Some(Stored { sequence_number: place as u16, transport_number, packet, numbered })
    }

    /// One above the last packet that waits.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Adds a packet to those that wait. `false` when there is no room for it, or it is longer than a datagram should be.
    pub(super) fn push(&mut self, packet: Packet, payload: &[u8]) -> bool {
        if payload.len() > ROOM || !self.make_room(packet.queued_at) {
            return false;
        }
        let (place, at) = (self.end, self.at(self.end));
        self.slots[at] = Slot { place, packet, len: payload.len(), ..Slot::default() };
        let memory = &mut self.memory[at * SLOT..][..rtx::NUMBER + payload.len()];
        memory[..rtx::NUMBER].copy_from_slice(&rtx::wrap(place as u16));
        memory[rtx::NUMBER..].copy_from_slice(payload);
        self.end += 1;
        true
    }

    /// Makes room for one more: over what is too old to be asked for, or else by growing.
    fn make_room(&mut self, now: MediaInstant) -> bool {
        let Some(oldest) = self.end.checked_sub(self.slots.len() as u64) else { return true };
        let Some(slot) = self.get(oldest) else { return true };
        let waits = oldest >= self.next;
        if !waits && (!slot.is_of_use(now) || self.slots.len() == MOST_SLOTS) {
            return true;
        }
        if self.slots.len() == MOST_SLOTS {
            return false;
        }
        let slots = self.slots.len() * 2;
        let mut grown = Self {
            slots: vec![Slot::default(); slots],
            memory: vec![0; slots * SLOT],
            next: self.next,
            end: self.end,
        };
        // No slot is empty: the ring is full.
        for (slot, memory) in self.slots.iter().zip(self.memory.chunks_exact(SLOT)) {
            let at = grown.at(slot.place);
            grown.slots[at] = *slot;
            grown.memory[at * SLOT..][..SLOT].copy_from_slice(memory);
        }
        *self = grown;
        true
    }

    /// The packet to send next.
    pub(super) fn waiting(&self) -> Option<&Packet> {
        if self.next == self.end { None } else { self.get(self.next).map(|slot| &slot.packet) }
    }

    /// The packet to send next leaves at `now`, with this transport-wide number.
    pub(super) fn send_next(&mut self, now: MediaInstant, transport_number: u16) -> Option<Stored<'_>> {
        if self.next == self.end {
            return None;
        }
        let (place, at) = (self.next, self.at(self.next));
        let slot = &mut self.slots[at];
        (slot.first_sent_at, slot.sent_at, slot.transport_number) = (now, now, transport_number);
        self.next += 1;
        self.stored(place)
    }

    /// Takes back what waits from the place `from` on.
    pub(super) fn truncate(&mut self, from: u64) {
        self.end = self.end.min(from.max(self.next));
    }

    /// Takes back the frames that wait and of which nothing was sent. How many they are.
    pub(super) fn drop_frames(&mut self) -> u32 {
        let begins = |place: &u64| self.get(*place).is_some_and(|slot| slot.packet.begins);
        let mut begun = (self.next..self.end).filter(begins);
        let Some(first) = begun.next() else { return 0 };
        let frames = 1 + begun.count() as u32;
        self.end = first;
        frames
    }

    /// The place of the packet with that number, if it was sent, may still be of use, and was not sent within `round_trip`.
    /// It counts as sent at `now`.
    pub(super) fn ask(
        &mut self,
        sequence_number: u16,
        now: MediaInstant,
        round_trip: Duration,
    ) -> Option<u64> {
        let back = (self.next as u16).wrapping_sub(sequence_number);
        let place = self.next.checked_sub(back.into()).filter(|place| *place < self.next)?;
        let at = self.at(place);
        let slot = Some(&mut self.slots[at]).filter(|slot| slot.place == place)?;
        if !slot.is_of_use(now) || now.since(slot.sent_at) < round_trip.max(LEAST_WAIT) {
            return None;
        }
        slot.sent_at = now;
        Some(place)
    }

    /// The longest of the packets that were sent last, for filling the path with what the far end has. None of a key frame: who looks
    /// for the beginning of one must not take that for it.
    pub(super) fn filling(&self) -> Option<Stored<'_>> {
        let recent = (self.next.saturating_sub(FILLING)..self.next).filter_map(|place| self.get(place));
        let longest = recent.filter(|slot| !slot.packet.is_key).max_by_key(|slot| slot.len)?.place;
        self.stored(longest)
    }

    /// The packet at `place`, to be sent again, if it may still be of use.
    pub(super) fn again(&self, place: u64, now: MediaInstant) -> Option<Stored<'_>> {
        self.get(place).filter(|slot| slot.is_of_use(now))?;
        self.stored(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND_TRIP: Duration = Duration::from_millis(50);

    fn at(millis: u64) -> MediaInstant {
        MediaInstant::from_duration(Duration::from_millis(millis))
    }

    /// A frame of so many packets, each with its number in the frame as its payload.
    fn push(history: &mut History, packets: u8, queued_at: MediaInstant) -> bool {
        (0..packets).all(|number| {
            let (begins, marker) = (number == 0, number + 1 == packets);
            history.push(Packet { begins, marker, queued_at, ..Packet::default() }, &[number; 3])
        })
    }

    fn send_all(history: &mut History, now: MediaInstant) -> Vec<u16> {
        std::iter::from_fn(|| history.send_next(now, 0).map(|stored| stored.sequence_number)).collect()
    }

    #[test]
    fn packets_leave_in_order_and_are_found_again_across_the_wrap() {
        let mut history = History::new(65_534);
        assert!(push(&mut history, 4, at(0)));
        assert_eq!(history.ask(65_534, at(0), ROUND_TRIP), None, "it has not been sent");
        assert_eq!(send_all(&mut history, at(0)), [65_534, 65_535, 0, 1]);
        let place = history.ask(0, at(60), ROUND_TRIP).unwrap();
        let again = history.again(place, at(60)).unwrap();
        assert_eq!((again.payload(), again.wrapped()), (&[2; 3][..], &[0, 0, 2, 2, 2][..]));
        assert_eq!(again.sequence_number, 0);
        assert_eq!(history.ask(2, at(60), ROUND_TRIP), None, "it has never been there");
        assert_eq!(history.ask(65_533, at(60), ROUND_TRIP), None, "nor has this");
    }

    #[test]
    fn a_packet_is_sent_again_once_a_round_trip_while_it_is_of_use() {
        let mut history = History::new(7);
        push(&mut history, 1, at(0));
        send_all(&mut history, at(10));
        assert_eq!(history.ask(7, at(40), ROUND_TRIP), None, "it is under way");
        assert!(history.ask(7, at(60), ROUND_TRIP).is_some());
        assert_eq!(history.ask(7, at(100), ROUND_TRIP), None);
        assert!(history.ask(7, at(110), ROUND_TRIP).is_some());
        let place = history.ask(7, at(1000), ROUND_TRIP).unwrap();
        assert_eq!(history.ask(7, at(1011), Duration::ZERO), None, "the picture is over");
        assert!(history.again(place, at(1010)).is_some() && history.again(place, at(1011)).is_none());
    }

    #[test]
    fn the_longest_of_late_fills_the_path_and_none_of_a_key_frame() {
        let mut history = History::new(0);
        let push = |history: &mut History, is_key, len| {
            assert!(history.push(Packet { is_key, ..Packet::default() }, &vec![7; len]));
        };
        push(&mut history, true, 900);
        send_all(&mut history, at(0));
        assert!(history.filling().is_none());
        for len in [20, 300, 10, 800] {
            push(&mut history, false, len);
        }
        let sent = (0..3).filter(|_| history.send_next(at(0), 0).is_some()).count();
        assert_eq!(sent, 3);
        let filling = history.filling().unwrap();
        assert_eq!(
            (filling.sequence_number, filling.payload().len()),
            (2, 300),
            "the last has not been sent"
        );
    }

    #[test]
    fn it_grows_with_the_stream_and_keeps_what_is_young() {
        let mut history = History::new(0);
        for frame in 0..100 {
            assert!(push(&mut history, 10, at(frame * 5)));
            send_all(&mut history, at(frame * 5));
        }
        assert_eq!(history.slots.len(), 1024);
        let place = history.ask(3, at(900), ROUND_TRIP).unwrap();
        assert_eq!(history.again(place, at(900)).unwrap().payload(), [3; 3]);
        for frame in 0..1000 {
            push(&mut history, 10, at(2000 + frame * 20));
            send_all(&mut history, at(2000 + frame * 20));
        }
        assert_eq!(history.slots.len(), 1024, "a second of it needs no more");
    }

    #[test]
    fn what_waits_is_never_overwritten() {
        let mut history = History::new(0);
        let frames = (0..1000).take_while(|frame| push(&mut history, 10, at(*frame))).count();
        assert_eq!(frames, MOST_SLOTS / 10);
        assert_eq!(send_all(&mut history, at(2000)), Vec::from_iter(0..MOST_SLOTS as u16));
        assert!(push(&mut history, 10, at(2000)), "and then there is room again");
    }

    #[test]
    fn frames_are_taken_back_whole_and_their_numbers_given_again() {
        let mut history = History::new(100);
        for _ in 0..3 {
            push(&mut history, 3, at(0));
        }
        history.send_next(at(0), 0);
        assert_eq!(history.drop_frames(), 2);
        assert_eq!(history.drop_frames(), 0);
        push(&mut history, 2, at(1));
        let left: Vec<_> = std::iter::from_fn(|| {
            let stored = history.send_next(at(1), 0)?;
            Some((stored.sequence_number, stored.payload()[0]))
        })
        .collect();
        assert_eq!(left, [(101, 1), (102, 2), (103, 0), (104, 1)]);
    }
}
