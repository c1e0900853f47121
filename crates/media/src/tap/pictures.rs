//! Pictures that are tapped: whole encoded frames, in a ring of their own, because they are large and few.
//!
//! What its reader gets never refers to what it did not get: when the ring is full, frames of that socket are dropped up to a key
//! frame, which is asked for as soon as there is room.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::Waker;

use crate::ring::{RingReader, RingWriter, growing_frame_ring};
use crate::units::{MediaSourceId, Ssrc};
use crate::video::{AssembledFrame, EncodedVideoFrame, VideoCodec, room_for};

/// Pictures of one socket that wait: more than a second of most.
const HELD: usize = 40;

/// A picture that came whole, as it came.
#[derive(Clone, Debug)]
pub struct TappedPicture {
    /// Which video socket of the session: 0 is the first, and that of the screen the last.
    pub section: usize,
    /// It is of a shared screen.
    pub is_screen: bool,
    /// The stream that carried it.
    pub ssrc: Ssrc,
    /// The frame, with whose picture it is and when it came.
    pub frame: EncodedVideoFrame,
    /// Since the picture before it of this socket, the far end was asked for a key frame: what lies between was lost, most often.
    pub after_loss: bool,
    /// Pictures before it of this socket were dropped, because the tap was not read in time.
    pub after_drop: bool,
}

impl TappedPicture {
    fn empty() -> Self {
        Self {
            section: 0,
            is_screen: false,
            ssrc: Ssrc(0),
            frame: EncodedVideoFrame::empty(),
            after_loss: false,
            after_drop: false,
        }
    }
}

/// Which sections are to ask for a key frame.
#[derive(Debug)]
struct Wishes(Box<[AtomicBool]>);

/// The session's end.
pub(super) struct PictureWriter {
    ring: RingWriter<TappedPicture>,
    sections: Box<[Section]>,
    wishes: Arc<Wishes>,
    /// What the largest frame needs.
    room: usize,
}

struct Section {
    is_screen: bool,
    has_gap: bool,
    after_loss: bool,
}

/// The application's end.
pub(super) struct PictureReader {
    ring: RingReader<TappedPicture>,
    wishes: Arc<Wishes>,
    worker: Waker,
}

/// A ring for the pictures of sockets, of each of which it is said whether it shows a screen; `worker` wakes their session. `None` of
/// none.
pub(super) fn picture_ring(is_screen: &[bool], worker: &Waker) -> Option<(PictureWriter, PictureReader)> {
    if is_screen.is_empty() {
        return None;
    }
    let (writer, reader) = growing_frame_ring(HELD * is_screen.len(), TappedPicture::empty);
    let section = |is_screen: &bool| Section { is_screen: *is_screen, has_gap: false, after_loss: false };
    let wishes = Arc::new(Wishes(is_screen.iter().map(|_| AtomicBool::new(false)).collect()));
    let writer = PictureWriter {
        ring: writer,
        sections: is_screen.iter().map(section).collect(),
        wishes: Arc::clone(&wishes),
        room: 0,
    };
    Some((writer, PictureReader { ring: reader, wishes, worker: worker.clone() }))
}

impl PictureWriter {
    /// A picture came whole.
    pub(super) fn write(
        &mut self,
        index: usize,
        (codec, ssrc, source): (VideoCodec, Ssrc, Option<MediaSourceId>),
        frame: &AssembledFrame<'_>,
        dropped: &AtomicU64,
    ) {
        let Some(section) = self.sections.get_mut(index) else { return };
        if section.has_gap && !frame.is_key || self.ring.vacant() == 0 {
            section.has_gap = true;
            dropped.fetch_add(1, Relaxed);
            return;
        }
        self.room = room_for(frame.data, self.room);
        let room = self.room;
        self.ring.write(|place| {
            (place.section, place.is_screen, place.ssrc) = (index, section.is_screen, ssrc);
            place.after_loss = std::mem::take(&mut section.after_loss);
            place.after_drop = std::mem::take(&mut section.has_gap);
            place.frame.fill(codec, source, frame, room);
        });
    }

    /// The far end of a section was asked for a key frame.
    pub(super) fn note_asked(&mut self, index: usize) {
        if let Some(section) = self.sections.get_mut(index) {
            section.after_loss = true;
        }
    }

    /// Whether a section is to ask for a key frame: for the reader, or because there is room again behind a gap.
    pub(super) fn wants_key_frame(&self, index: usize) -> bool {
        let is_wished = self.wishes.0.get(index).is_some_and(|wish| wish.swap(false, Relaxed));
        let has_gap = self.sections.get(index).is_some_and(|section| section.has_gap);
        is_wished || has_gap && self.ring.vacant() > 0
    }
}

impl PictureReader {
    pub(super) fn read(&mut self) -> Option<&TappedPicture> {
        self.ring.read().map(|picture| &*picture)
    }

    pub(super) fn request_key_frame(&self, section: usize) {
        if let Some(wish) = self.wishes.0.get(section) {
            wish.store(true, Relaxed);
            self.worker.wake_by_ref();
        }
    }

    pub(super) fn request_key_frames(&self) {
        self.wishes.0.iter().for_each(|wish| wish.store(true, Relaxed));
        self.worker.wake_by_ref();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{MediaInstant, RtpTime};

    fn write(writer: &mut PictureWriter, section: usize, number: u32, is_key: bool, dropped: &AtomicU64) {
        let at = MediaInstant::ZERO;
        let frame = AssembledFrame {
            is_key,
            size: None,
            sender_time: RtpTime(number),
            first_arrival: at,
            last_arrival: at,
            data: &[1, 2, 3],
        };
        writer.write(section, (VideoCodec::Vp8, Ssrc(section as u32), None), &frame, dropped);
    }

    #[test]
    fn a_ring_that_is_full_drops_up_to_a_key_frame_that_is_asked_for_and_counts() {
        let dropped = AtomicU64::new(0);
        let (mut writer, mut reader) = picture_ring(&[false, true], Waker::noop()).unwrap();
        for number in 0..2 * HELD as u32 + 3 {
            write(&mut writer, 0, number, number == 0, &dropped);
        }
        assert_eq!(dropped.load(Relaxed), 3);
        assert!(!writer.wants_key_frame(0), "there is no room for one");
        let read = std::iter::from_fn(|| reader.read().map(|picture| picture.after_drop)).collect::<Vec<_>>();
        assert_eq!(read, vec![false; 2 * HELD]);
        assert!(writer.wants_key_frame(0) && !writer.wants_key_frame(1));
        write(&mut writer, 0, 99, false, &dropped);
        writer.note_asked(0);
        write(&mut writer, 1, 7, true, &dropped);
        write(&mut writer, 0, 100, true, &dropped);
        assert_eq!(dropped.load(Relaxed), 4);
        let of = |picture: &TappedPicture| {
            (picture.section, picture.is_screen, picture.after_loss, picture.after_drop)
        };
        assert_eq!(reader.read().map(of), Some((1, true, false, false)));
        assert_eq!(reader.read().map(of), Some((0, false, true, true)));
        assert!(reader.read().is_none() && !writer.wants_key_frame(0));
        reader.request_key_frames();
        assert!(writer.wants_key_frame(1) && !writer.wants_key_frame(1), "once");
    }
}
