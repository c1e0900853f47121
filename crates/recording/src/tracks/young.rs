//! A track while it is not sure where a stream stands that is heard in it. By when packets come, a stream may be put at a wrong tick; when
//! its sender has said how its clock stands, what was written since is written anew, so that it stands right from its first packet on.
//! Pure.

use super::clock::StreamId;
use super::sink::{FileId, Sink};
use super::track::{Track, TrackPacket};
use crate::journal::{Class, Entry, Placing};

/// So often a track is written anew at the most, until it is sure where its streams stand: whoever reports nonsense costs no more.
const MOST_TIMES: usize = 8;

/// A file of which more than this stays is not written anew, because all of that is copied: 256 MiB, a day of sound.
const MOST_COPIED: u64 = 256 << 20;

/// So many packets are kept at the most, a minute and more of one stream: whoever begins a new stream each moment costs no more.
const MOST_TAKEN: usize = 4_096;

/// What can be written anew.
#[derive(Clone)]
pub(crate) struct Young {
    /// The track as it was before.
    before: Box<Track>,
    /// The streams of which it is not sure where they stand.
    streams: Vec<StreamId>,
    /// What came since, in order.
    taken: Vec<Taken>,
    /// A stream was moved, and what was written stands elsewhere.
    is_moved: bool,
    /// How often that was written anew.
    times: usize,
    /// Its sender said where a stream stands, of all that were settled.
    is_reported: bool,
}

#[derive(Clone)]
enum Taken {
    Packet(i64, TrackPacket),
    Guess(i64, StreamId),
}

impl Young {
    /// A packet came for a track.
    pub(super) fn note_packet(track: &mut Track, position: i64, packet: &TrackPacket, is_settled: bool) {
        if !is_settled {
            if track.young.is_none() {
                let before = Box::new(track.clone());
                let (streams, taken) = (Vec::new(), Vec::new());
                track.young =
                    Some(Self { before, streams, taken, is_moved: false, times: 0, is_reported: true });
            }
            if let Some(young) = track.young.as_mut().filter(|young| !young.streams.contains(&packet.stream))
            {
                young.streams.push(packet.stream);
            }
        }
        if track.young.as_ref().is_some_and(|young| young.taken.len() >= MOST_TAKEN) {
            track.leave();
        }
        if let Some(young) = &mut track.young {
            young.taken.push(Taken::Packet(position, packet.clone()));
        }
    }

    /// How much is kept.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.taken.len()
    }

    /// A guess was heard.
    pub(super) fn note_guess(track: &mut Track, position: i64, stream: StreamId) {
        if let Some(young) = &mut track.young {
            young.taken.push(Taken::Guess(position, stream));
        }
    }
}

impl Track {
    /// A stream stands elsewhere than was thought.
    pub(crate) fn moved(&mut self, stream: StreamId, by: i64) {
        let Some(young) = self.young.as_mut().filter(|young| young.streams.contains(&stream)) else { return };
        young.is_moved = true;
        for taken in &mut young.taken {
            match taken {
                Taken::Packet(position, packet) if packet.stream == stream => *position += by,
                Taken::Guess(position, heard) if *heard == stream => *position += by,
                _ => {}
            }
        }
    }

    /// It is sure where a stream stands. Gives what is to be told, when that is so of all.
    pub(crate) fn settled(&mut self, stream: StreamId, is_reported: bool) -> Option<Entry> {
        let young = self.young.as_mut()?;
        let before = young.streams.len();
        young.streams.retain(|own| *own != stream);
        young.is_reported &= is_reported || before == young.streams.len();
        if !young.streams.is_empty() {
            return None;
        }
        let by = if young.is_reported { Placing::Reports } else { Placing::Arrivals };
        self.young = None;
        Some(self.placed(by))
    }

    /// Writes anew what stands elsewhere than it was written, up to `due`.
    pub(super) fn write_anew(&mut self, due: i64, sink: &mut dyn Sink) {
        let Some(young) = self.young.as_mut().filter(|young| young.is_moved) else { return };
        (young.is_moved, young.times) = (false, young.times + 1);
        let is_too_often = young.times > MOST_TIMES;
        let (before, taken) = (young.before.clone(), young.taken.clone());
        let mut anew = *before;
        let from = anew.file.as_ref().map_or(0, |file| file.given.bytes());
        // A disk in trouble keeps what it has.
        if is_too_often || from > MOST_COPIED || self.is_suspended(sink) {
            self.leave();
            return;
        }
        for taken in taken {
            match taken {
                Taken::Packet(position, packet) => anew.take(position, packet),
                Taken::Guess(position, _) => anew.take_guess(position),
            }
        }
        let Some(old) = &self.file else {
            // Nothing was written yet.
            anew.young = self.young.take();
            *self = anew;
            return;
        };
        let mut collected = Collected { file: old.id, bytes: Vec::new() };
        anew.write_held(due, &mut collected);
        anew.flush(0, &mut collected);
        let Some(file) = &mut anew.file else {
            // What was written stands in the future, now.
            if let Some(young) = &mut self.young {
                young.is_moved = true;
            }
            return;
        };
        file.is_told = old.is_told;
        if sink.rewrite(old.id, from, collected.bytes) {
            anew.young = self.young.take();
            *self = anew;
        } else {
            self.leave();
        }
    }

    /// Leaves what was written as it is, though it is known to stand elsewhere.
    fn leave(&mut self) {
        let Some(mut young) = self.young.take() else { return };
        (young.before, young.is_reported) = (Box::new(self.clone()), false);
        young.taken.clear();
        self.young = Some(young);
    }
}

/// Takes what is written anew, in place of the disk.
struct Collected {
    file: FileId,
    bytes: Vec<u8>,
}

impl Sink for Collected {
    fn open(&mut self, _: &str, _: Class) -> FileId {
        self.file
    }

    fn append(&mut self, _: FileId, bytes: Vec<u8>) -> bool {
        self.bytes.extend(bytes);
        true
    }

    fn rewrite(&mut self, _: FileId, _: u64, _: Vec<u8>) -> bool {
        false
    }

    fn is_suspended(&self, _: FileId) -> bool {
        false
    }

    fn close(&mut self, _: FileId) {}

    fn close_with(&mut self, _: FileId, _: Vec<u8>) {}

    fn hash(&mut self, _: FileId) {}
}
