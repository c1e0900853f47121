//! Packets to whole frames that can be decoded, in order, across loss and reordering.

mod references;
#[cfg(test)]
mod tests;

use std::time::Duration;

use references::{References, Verdict};

use super::h264::parameters::Parameters;
use super::missing::{MissingPackets, REORDERING};
use super::payload::{self, Piece};
use super::store::{NoRoom, PacketStore, Slot};
use super::{VideoCodec, VideoPacket, VideoSize};
use crate::sequence::{Extended, SequenceExtender};
use crate::time::{MediaInstant, RtpTime};
use crate::units::Ssrc;

/// How long a gap may hold up the picture before a key frame is asked for beside what is missing.
const PATIENCE: Duration = Duration::from_millis(300);
/// By how many packets the first to come may have overtaken the first that was sent.
const OVERTAKEN: u64 = 64;

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Inserted {
    /// It is kept until its frame is whole.
    Kept,
    /// It had come before, or its frame has been given or given up.
    Late,
    /// It is none of its codec's format, too long, or far away from all others.
    Refused,
}

/// A whole frame, whose references were all given before it.
#[derive(Clone, Copy, Debug)]
pub struct AssembledFrame<'a> {
    /// It needs no other.
    pub is_key: bool,
    /// The size of its picture: as its key frame says.
    pub size: Option<VideoSize>,
    /// The sender's clock when the picture was taken, 90 kHz.
    pub sender_time: RtpTime,
    /// When its first packet was read from the socket.
    pub first_arrival: MediaInstant,
    /// When its last one was.
    pub last_arrival: MediaInstant,
    /// H.264 in Annex B form, key frames with their parameter sets; VP8 as RFC 6386 has it.
    pub data: &'a [u8],
}

/// Puts the frames of one stream together.
#[derive(Debug)]
pub struct FrameAssembler {
    codec: VideoCodec,
    ssrc: Option<Ssrc>,
    sequence: SequenceExtender,
    store: PacketStore,
    missing: MissingPackets,
    /// Where the frame begins that is put together now; all before it is given or given up.
    next: u64,
    /// A frame is known to begin at `next`.
    is_boundary: bool,
    /// The stream has begun at `next`, when its first packet came; until something of it is given or given up.
    opened: Option<MediaInstant>,
    /// Up to, but without, this place the frame at `next` is there.
    scanned: u64,
    /// One above the highest place that has come.
    end: u64,
    references: References,
    parameters: Parameters,
    size: Option<VideoSize>,
    /// Since when a gap has held up the picture.
    held_up: Option<MediaInstant>,
    frame: Vec<u8>,
}

impl FrameAssembler {
    /// An assembler that waits for a key frame of `codec`.
    pub fn new(codec: VideoCodec) -> Self {
        Self {
            codec,
            ssrc: None,
            sequence: SequenceExtender::default(),
            store: PacketStore::new(),
            missing: MissingPackets::new(),
            next: 0,
            is_boundary: false,
            opened: None,
            scanned: 0,
            end: 0,
            references: References::default(),
            parameters: Parameters::default(),
            size: None,
            held_up: None,
            frame: Vec::new(),
        }
    }

    /// The stream that comes now, once one does.
    pub(super) fn ssrc(&self) -> Option<Ssrc> {
        self.ssrc
    }

    /// Takes a packet in. After it, ask for frames until there are no more.
    pub fn insert(&mut self, packet: &VideoPacket<'_>) -> Inserted {
        if self.ssrc != Some(packet.ssrc) {
            self.ssrc = Some(packet.ssrc);
            self.sequence = SequenceExtender::default();
        }
        let is_first = self.sequence.place_near(0).is_none();
        let place = match self.sequence.extend(packet.sequence_number) {
            Extended::At(place) if is_first => {
                self.restart(place, packet.arrival_time);
                place
            }
            Extended::At(place) => place,
            Extended::Restart(place) => {
                self.restart(place, packet.arrival_time);
                place
            }
            Extended::Suspect => return Inserted::Refused,
        };
        if self.opened.is_some() && place < self.next && self.end - place <= OVERTAKEN {
            self.open_at(place, packet.arrival_time);
        }
        if place < self.next || self.store.get(place).is_some() {
            return Inserted::Late;
        }
        self.note_place(place, packet.arrival_time);
        let Ok(piece) = payload::read(self.codec, packet.payload) else { return Inserted::Refused };
        match self.store.put(place, self.next, piece, packet) {
            Ok(()) => Inserted::Kept,
            Err(NoRoom::TooLong) => Inserted::Refused,
            Err(NoRoom::Full) => {
                // More waits than any frame is large: what is missing there will not come.
                self.give_up_to(place);
                let kept = self.store.put(place, place, piece, packet).is_ok();
                if kept { Inserted::Kept } else { Inserted::Refused }
            }
        }
    }

    /// The next frame, if it is whole by `now`. What it is made of is lent until the next call.
    pub fn next_frame(&mut self, now: MediaInstant) -> Option<AssembledFrame<'_>> {
        loop {
            self.skip_fillers();
            let Some(end) = self.whole_until() else {
                if self.jump_to_key_frame() || self.pass_what_is_lost(now) {
                    continue;
                }
                return None;
            };
            let (first, head) = (self.next, self.heads(self.next, end));
            if !head.may_begin && self.opens_until().is_some_and(|until| now < until) {
                if self.jump_to_key_frame() {
                    continue;
                }
                return None;
            }
            let verdict = self.references.judge(&head.piece, head.may_begin);
            let is_usable = verdict == Verdict::Decodable && self.put_together(first, end, head.piece.is_key);
            if verdict == Verdict::Decodable && !is_usable {
                self.references.lose();
            }
            self.store.forget(first, end);
            self.move_to(end, true);
            if is_usable {
                if head.piece.is_key {
                    self.size = head.piece.size.or(self.size);
                }
                return Some(AssembledFrame {
                    is_key: head.piece.is_key,
                    size: self.size,
                    sender_time: head.sender_time,
                    first_arrival: head.first_arrival,
                    last_arrival: head.last_arrival,
                    data: &self.frame,
                });
            }
        }
    }

    /// Whether nothing can be decoded until a key frame comes, or a gap has held up the picture for long at `now`: then it
    /// is time for a picture loss indication (RFC 4585 section 6.3.1).
    pub fn needs_key_frame(&self, now: MediaInstant) -> bool {
        let is_held_up = self.held_up.is_some_and(|since| now.since(since) >= PATIENCE);
        let is_opening = self.opens_until().is_some_and(|until| now < until);
        self.ssrc.is_some() && !is_opening && (self.references.wants_key() || is_held_up)
    }

    /// Until when what was sent before the first packet that came may have been overtaken by it.
    pub(super) fn opens_until(&self) -> Option<MediaInstant> {
        self.opened.map(|opened| opened + REORDERING)
    }

    /// Whether part of a key frame is there, and the rest may come.
    pub(super) fn gathers_key_frame(&self) -> bool {
        let waiting = (self.next..self.end).filter_map(|place| self.store.get(place));
        waiting.into_iter().any(|slot| slot.piece.is_key)
    }

    /// The packets that are missing, to be asked for.
    pub fn missing(&mut self) -> &mut MissingPackets {
        &mut self.missing
    }

    /// The stream begins anew at `place`.
    fn restart(&mut self, place: u64, now: MediaInstant) {
        self.store.clear();
        self.missing.clear();
        self.end = place;
        self.references = References::default();
        self.parameters.forget();
        self.move_to(place, false);
        self.opened = Some(now);
    }

    /// The stream has begun earlier than it seemed: else a packet that is overtaken would cost its first key frame.
    fn open_at(&mut self, place: u64, now: MediaInstant) {
        self.missing.note_before(place + 1, self.next, now);
        let opened = self.opened;
        self.move_to(place, false);
        self.opened = opened;
    }

    /// Follows the highest place; what lies between was skipped.
    fn note_place(&mut self, place: u64, now: MediaInstant) {
        if place < self.end {
            return self.missing.arrived(place);
        }
        let gap_begins = std::mem::replace(&mut self.end, place + 1);
        if !self.missing.note(gap_begins, place, now) {
            self.give_up_to(place);
        }
    }

    /// All below `place` is lost.
    fn give_up_to(&mut self, place: u64) {
        self.store.clear();
        self.missing.clear();
        self.references.lose();
        self.move_to(place, false);
    }

    fn move_to(&mut self, place: u64, is_boundary: bool) {
        (self.next, self.scanned, self.is_boundary, self.held_up) = (place, place, is_boundary, None);
        self.opened = None;
        self.missing.forget_before(place);
    }

    fn skip_fillers(&mut self) {
        while self.store.get(self.next).is_some_and(|slot| slot.piece.is_filler) {
            self.store.forget(self.next, self.next + 1);
            self.move_to(self.next + 1, self.is_boundary);
        }
    }

    /// Where the frame at `next` ends, if all of it is there.
    fn whole_until(&mut self) -> Option<u64> {
        let time = self.store.get(self.next)?.sender_time;
        while let Some(slot) = self.store.get(self.scanned) {
            // Another time is another frame, should no packet have been marked.
            if slot.sender_time != time && !slot.piece.is_filler {
                return Some(self.scanned);
            }
            self.scanned += 1;
            if slot.is_last {
                return Some(self.scanned);
            }
        }
        None
    }

    /// What the packets of a frame say together.
    fn heads(&self, first: u64, end: u64) -> Head {
        let slots = || (first..end).filter_map(|place| self.store.get(place));
        let opening = slots().next().copied().unwrap_or_default();
        let mut piece = opening.piece;
        let (mut first_arrival, mut last_arrival) = (opening.arrival_time, opening.arrival_time);
        for slot in slots() {
            piece.is_key |= slot.piece.is_key;
            piece.size = piece.size.or(slot.piece.size);
            first_arrival = first_arrival.min(slot.arrival_time);
            last_arrival = last_arrival.max(slot.arrival_time);
        }
        let may_begin = match self.codec {
            VideoCodec::H264 => self.is_boundary || opening.piece.begins,
            VideoCodec::Vp8 => opening.piece.begins,
        };
        Head { piece, may_begin, sender_time: opening.sender_time, first_arrival, last_arrival }
    }

    fn put_together(&mut self, first: u64, end: u64, is_key: bool) -> bool {
        self.frame.clear();
        for place in first..end {
            let Some(slot) = self.store.get(place) else { return false };
            if slot.piece.is_filler {
                continue;
            }
            let Some(payload) = self.store.payload(place) else { return false };
            if payload::append(self.codec, payload, &mut self.frame).is_err() {
                return false;
            }
        }
        !is_key || self.codec != VideoCodec::H264 || self.parameters.complete(&mut self.frame)
    }

    /// A key frame that is whole makes what is before it needless: the picture goes on there.
    fn jump_to_key_frame(&mut self) -> bool {
        let begins_key = |store: &PacketStore, place| {
            store.get(place).is_some_and(|slot: &Slot| slot.piece.begins && !slot.piece.is_filler)
        };
        let from = self.scanned + 1;
        let Some(place) =
            (from..self.end).find(|&place| begins_key(&self.store, place) && self.is_whole_key(place))
        else {
            return false;
        };
        self.store.forget(self.next, place);
        self.references.lose();
        self.move_to(place, true);
        true
    }

    fn is_whole_key(&self, first: u64) -> bool {
        let Some(time) = self.store.get(first).map(|slot| slot.sender_time) else { return false };
        let mut is_key = false;
        for place in first..self.end {
            let Some(slot) = self.store.get(place).filter(|slot| slot.sender_time == time) else {
                return false;
            };
            is_key |= slot.piece.is_key;
            if slot.is_last {
                return is_key;
            }
        }
        false
    }

    /// Passes a gap that nobody waits for any more; `false` when the frame may yet become whole.
    fn pass_what_is_lost(&mut self, now: MediaInstant) -> bool {
        if self.scanned >= self.end {
            return false;
        }
        if self.missing.is_awaited(self.scanned) {
            self.held_up.get_or_insert(now);
            return false;
        }
        // Behind the gap, the next frame begins where it says so, or where one that is there ends.
        let (mut before, mut place): (Option<Slot>, u64) = (None, self.scanned);
        while place < self.end {
            let slot = self.store.get(place).copied();
            if let Some(slot) = slot {
                let follows =
                    before.is_some_and(|before| before.is_last || before.sender_time != slot.sender_time);
                if follows || slot.piece.begins {
                    break;
                }
            }
            (before, place) = (slot, place + 1);
        }
        let is_boundary = place < self.end || before.is_some_and(|before| before.is_last);
        self.store.forget(self.next, place);
        self.references.lose();
        self.move_to(place, is_boundary);
        true
    }
}

/// What the packets of a frame say together.
struct Head {
    piece: Piece,
    may_begin: bool,
    sender_time: RtpTime,
    first_arrival: MediaInstant,
    last_arrival: MediaInstant,
}
