//! Frames of video on their way to an application that may be slow. What it is given never refers to what it was not given.
//!
//! When the queue is full, the new frame is dropped, and all that follow up to a key frame, which is asked for as soon as there is
//! room for it. A reader that would have the latest picture throws away what waits from before the gap, so that the key frame is what
//! it gets next; another one gets all that waits, and then the key frame.

use std::sync::Arc;

use crate::ring::{RingReader, RingWriter, growing_frame_ring};
use crate::sync::{AtomicBool, Ordering::Acquire, Ordering::Release};
use crate::units::MediaSourceId;
use crate::video::{AssembledFrame, EncodedVideoFrame, VideoCodec, room_for};

/// A frame in the queue.
struct Queued {
    frame: EncodedVideoFrame,
    /// A key frame, before which others were dropped.
    follows_gap: bool,
}

/// Makes a queue for `frames` frames.
pub(crate) fn video_queue(frames: usize, latest_wins: bool) -> (VideoQueueWriter, VideoQueueReader) {
    let empty = || Queued { frame: EncodedVideoFrame::empty(), follows_gap: false };
    let (writer, reader) = growing_frame_ring(frames, empty);
    let is_behind = Arc::new(AtomicBool::new(false));
    (
        VideoQueueWriter { ring: writer, is_behind: Arc::clone(&is_behind), has_gap: false, room: 0 },
        VideoQueueReader { ring: reader, is_behind: latest_wins.then_some(is_behind) },
    )
}

/// The worker's end.
pub(crate) struct VideoQueueWriter {
    ring: RingWriter<Queued>,
    /// What waits is from before a gap.
    is_behind: Arc<AtomicBool>,
    has_gap: bool,
    /// What the largest frame needs.
    room: usize,
}

impl VideoQueueWriter {
    /// Queues a frame; `false` when it is dropped.
    pub(crate) fn write(
        &mut self,
        codec: VideoCodec,
        source: Option<MediaSourceId>,
        frame: &AssembledFrame<'_>,
    ) -> bool {
        let follows_gap = self.has_gap && frame.is_key;
        if self.has_gap && !frame.is_key || self.ring.vacant() == 0 {
            self.has_gap = true;
            self.is_behind.store(true, Release);
            return false;
        }
        if follows_gap {
            // Before the frame is there: whoever sees it must not take what comes behind it for old.
            self.is_behind.store(false, Release);
            self.has_gap = false;
        }
        self.room = room_for(frame.data, self.room);
        let room = self.room;
        self.ring.write(|slot| {
            slot.frame.fill(codec, source, frame, room);
            slot.follows_gap = follows_gap;
        })
    }

    /// Whether a key frame is of use now: there is a gap, and room for what follows it.
    pub(crate) fn wants_key_frame(&self) -> bool {
        self.has_gap && self.ring.vacant() > 0
    }
}

/// The application's end.
pub(crate) struct VideoQueueReader {
    ring: RingReader<Queued>,
    /// Of a reader that would have the latest.
    is_behind: Option<Arc<AtomicBool>>,
}

impl VideoQueueReader {
    /// Takes the next frame, which is [`lent`](Self::lent) until the next call. Whether there is one; and whether others were thrown
    /// away for it.
    pub(crate) fn take_next(&mut self) -> (bool, bool) {
        let is_behind = self.is_behind.as_ref().is_some_and(|is_behind| is_behind.load(Acquire));
        let mut threw_away = false;
        while let Some(queued) = self.ring.read() {
            // What was queued before the gap goes. A key frame behind it may be there already.
            if !is_behind || queued.follows_gap {
                return (true, threw_away);
            }
            threw_away = true;
        }
        (false, threw_away)
    }

    /// The frame that was taken last.
    pub(crate) fn lent(&self) -> Option<&EncodedVideoFrame> {
        self.ring.lent().map(|queued| &queued.frame)
    }

    /// Frames that wait.
    pub(crate) fn queued(&self) -> usize {
        self.ring.queued()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::{MediaInstant, RtpTime};

    /// A frame that refers to the one before it, unless it is a key frame.
    fn frame(number: u32, is_key: bool) -> AssembledFrame<'static> {
        let at = MediaInstant::ZERO;
        let sender_time = RtpTime(number);
        AssembledFrame { is_key, size: None, sender_time, first_arrival: at, last_arrival: at, data: &[1] }
    }

    fn write(writer: &mut VideoQueueWriter, number: u32, is_key: bool) -> bool {
        writer.write(VideoCodec::Vp8, None, &frame(number, is_key))
    }

    fn next(reader: &mut VideoQueueReader) -> Option<u32> {
        let (is_there, _) = reader.take_next();
        reader.lent().filter(|_| is_there).map(|frame| frame.sender_time().0)
    }

    fn rest(reader: &mut VideoQueueReader) -> Vec<u32> {
        std::iter::from_fn(|| next(reader)).collect()
    }

    #[test]
    fn a_reader_in_time_gets_all() {
        let (mut writer, mut reader) = video_queue(2, true);
        for number in 0..10 {
            assert!(write(&mut writer, number, number == 0));
            assert_eq!(rest(&mut reader), [number]);
        }
        assert!(!writer.wants_key_frame());
    }

    #[test]
    fn a_reader_that_is_late_gets_a_key_frame_next() {
        let (mut writer, mut reader) = video_queue(3, true);
        let taken = [0, 1, 2, 3, 4].map(|number| write(&mut writer, number, number == 0));
        assert_eq!(taken, [true, true, true, false, false]);
        assert!(!writer.wants_key_frame(), "there is no room for one");
        assert_eq!(rest(&mut reader), [0; 0], "what waited is old");
        assert!(writer.wants_key_frame());
        assert!(!write(&mut writer, 5, false));
        assert!(write(&mut writer, 6, true) && write(&mut writer, 7, false));
        assert_eq!(rest(&mut reader), [6, 7]);
    }

    #[test]
    fn a_reader_that_would_have_all_gets_what_waited_and_then_a_key_frame() {
        let (mut writer, mut reader) = video_queue(3, false);
        (0..5).for_each(|number| _ = write(&mut writer, number, number == 0));
        assert_eq!(next(&mut reader), Some(0));
        assert!(writer.wants_key_frame());
        assert!(!write(&mut writer, 5, false), "what it refers to was not taken");
        assert!(write(&mut writer, 6, true));
        assert_eq!(rest(&mut reader), [1, 2, 6]);
    }

    proptest! {
        #[test]
        fn no_frame_is_given_whose_reference_was_not(
            steps in proptest::collection::vec((any::<bool>(), any::<bool>(), 0_usize..4), 1..200),
            room in 1_usize..6, latest_wins: bool,
        ) {
            let (mut writer, mut reader) = video_queue(room, latest_wins);
            let (mut number, mut given) = (0_u32, None::<u32>);
            let mut keys = std::collections::HashSet::new();
            for (writes, is_key, reads) in steps {
                if writes {
                    let is_key = is_key && number % 3 == 0 || number == 0;
                    if is_key {
                        keys.insert(number);
                    }
                    write(&mut writer, number, is_key);
                    number += 1;
                }
                for _ in 0..reads {
                    let Some(next) = next(&mut reader) else { break };
                    prop_assert!(keys.contains(&next) || given.is_some_and(|given| given + 1 == next));
                    given = Some(next);
                }
            }
        }
    }
}
