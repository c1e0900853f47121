//! A tap: what a session hears and says, once more, for whoever records it. Encoded as it is on the wire, with what became of it.
//!
//! The session never waits for its tap. What is not read in time is dropped, and counted.

mod pictures;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::Waker;
use std::time::Duration;

use pictures::{PictureReader, PictureWriter, picture_ring};

pub use pictures::TappedPicture;

use crate::clock::SystemClock;
use crate::encoded::EncodedFrame;
use crate::frame::{AudioFrame, FrameOrigin};
use crate::receive::AudioPacket;
use crate::red;
use crate::ring::{RingReader, RingWriter, frame_ring};
use crate::rtp::Encoding;
use crate::send::OutgoingAudio;
use crate::time::{MediaClock, MediaInstant, RtpTime};
use crate::units::{MediaSourceId, Ssrc};
use crate::video::{AssembledFrame, VideoCodec};

/// How much a tap holds until it is read. Whoever records reads 20 times a second.
const HELD: Duration = Duration::from_secs(2);

/// Items of one section in a second: its packets, those of us, and the ticks.
const A_SECOND: usize = 50;

/// Speakers on sections of their own that one session has at most.
const MOST_SPEAKERS: usize = 10;

/// What a tap tells, in the order in which it happened.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Tapped<'a> {
    /// A packet came. What came as copies in it (RFC 2198) follows it, each as a packet of its own with the number of the one
    /// that carried it.
    Received(&'a EncodedFrame),
    /// The same, from a copy.
    Copy(&'a EncodedFrame),
    /// We sent a packet.
    Sent(&'a EncodedFrame),
    /// A tick gave these frames to the application.
    Heard(&'a HeardTick),
    /// A picture came whole. Pictures wait apart: they are in order among themselves.
    Picture(&'a TappedPicture),
    /// The far end said how the clock of a stream stands to its wall clock.
    Report(&'a ClockReport),
}

/// What a sender says of the clock of one of its streams (sender report, RFC 3550 section 6.4.1): by two of them, streams of one
/// sender can be put as far apart as they were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClockReport {
    /// Whether it is of pictures, whose clock has 90 kHz, not 48.
    pub is_picture: bool,
    /// The section of audio (0 is the mix), or the video socket.
    pub section: usize,
    /// The stream.
    pub ssrc: Ssrc,
    /// The sender's wall clock: seconds in the upper half. What it counts from need not be a date.
    pub ntp: u64,
    /// The same instant on the clock of the stream.
    pub sender_time: RtpTime,
    /// When the report came.
    pub arrival_time: MediaInstant,
}

/// What the jitter buffers made of a tick: 20 ms of each section.
#[derive(Clone, Copy, Debug)]
pub struct HeardTick {
    /// When it was due.
    pub at: MediaInstant,
    /// The mix.
    pub mix: HeardFrame,
    speakers: [Option<HeardSpeaker>; MOST_SPEAKERS],
}

/// Where the sound of a frame came from.
#[derive(Clone, Copy, Debug)]
pub struct HeardFrame {
    /// How it came to be.
    pub origin: FrameOrigin,
    /// The sender's time of its first sample; `None` where no packet stands behind it.
    pub sender_time: Option<RtpTime>,
}

/// What was heard on the section of one speaker.
#[derive(Clone, Copy, Debug)]
pub struct HeardSpeaker {
    /// Which section: 1 is the first.
    pub section: usize,
    /// Who.
    pub source: MediaSourceId,
    /// What.
    pub frame: HeardFrame,
}

impl HeardTick {
    const NOTHING: HeardFrame = HeardFrame { origin: FrameOrigin::Silence, sender_time: None };

    fn empty() -> Self {
        Self { at: MediaInstant::ZERO, mix: Self::NOTHING, speakers: [None; MOST_SPEAKERS] }
    }

    /// What was heard on the sections of speakers.
    pub fn speakers(&self) -> impl Iterator<Item = &HeardSpeaker> {
        self.speakers.iter().flatten()
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Received,
    Copy,
    Sent,
    Heard,
    Report,
}

/// One place of the ring: memory for whatever it may be.
struct Item {
    kind: Kind,
    frame: EncodedFrame,
    tick: HeardTick,
    report: ClockReport,
}

/// The application's end of a tap.
pub struct MediaTap {
    ring: RingReader<Item>,
    /// `None` of a session without video.
    pictures: Option<PictureReader>,
    dropped: Arc<AtomicU64>,
    clock: SystemClock,
}

impl MediaTap {
    /// What was tapped next, lent until the call after; `None` when nothing waits. Waiting is the reader's: nobody is woken.
    pub fn read(&mut self) -> Option<Tapped<'_>> {
        let Some(item) = self.ring.read() else {
            return self.pictures.as_mut()?.read().map(Tapped::Picture);
        };
        Some(match item.kind {
            Kind::Received => Tapped::Received(&item.frame),
            Kind::Copy => Tapped::Copy(&item.frame),
            Kind::Sent => Tapped::Sent(&item.frame),
            Kind::Heard => Tapped::Heard(&item.tick),
            Kind::Report => Tapped::Report(&item.report),
        })
    }

    /// Asks the far end for a key frame on each video socket: for a recording that begins.
    pub fn request_key_frames(&self) {
        self.pictures.iter().for_each(PictureReader::request_key_frames);
    }

    /// Asks for one on one of them.
    pub fn request_key_frame(&self, section: usize) {
        self.pictures.iter().for_each(|pictures| pictures.request_key_frame(section));
    }

    /// The present instant, on the clock of everything that is tapped.
    pub fn now(&self) -> MediaInstant {
        self.clock.now()
    }

    /// How much was dropped so far, because it was not read in time.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }
}

/// The session's end: one that nobody asked for does nothing.
#[derive(Default)]
pub(crate) struct Tap(Option<Box<TapWriter>>);

struct TapWriter {
    ring: RingWriter<Item>,
    pictures: Option<PictureWriter>,
    dropped: Arc<AtomicU64>,
}

impl Tap {
    /// A tap of a session that hears as many speakers beside the mix, and has video sockets of each of which it is said whether it
    /// shows a screen. `worker` wakes the session.
    pub(crate) fn open(
        speakers: u8,
        is_screen: &[bool],
        worker: &Waker,
        clock: SystemClock,
    ) -> (Self, MediaTap) {
        let sections = 3 + usize::from(speakers);
        let capacity = sections * A_SECOND * HELD.as_secs() as usize;
        let no_report = ClockReport {
            is_picture: false,
            section: 0,
            ssrc: Ssrc(0),
            ntp: 0,
            sender_time: RtpTime(0),
            arrival_time: MediaInstant::ZERO,
        };
        let make = || Item {
            kind: Kind::Heard,
            frame: EncodedFrame::empty(),
            tick: HeardTick::empty(),
            report: no_report,
        };
        let (writer, reader) = frame_ring(capacity, make);
        let (to_pictures, pictures) = picture_ring(is_screen, worker).unzip();
        let dropped = Arc::<AtomicU64>::default();
        let tap = MediaTap { ring: reader, pictures, dropped: Arc::clone(&dropped), clock };
        (Self(Some(Box::new(TapWriter { ring: writer, pictures: to_pictures, dropped }))), tap)
    }

    /// The far end reported of the clock of a stream.
    pub(crate) fn reported(&mut self, report: ClockReport) {
        let Some(tap) = &mut self.0 else { return };
        let written = tap.ring.write(|item| (item.kind, item.report) = (Kind::Report, report));
        tap.count(written);
    }

    /// A picture of a video section came whole.
    pub(crate) fn shown(
        &mut self,
        section: usize,
        of: (VideoCodec, Ssrc, Option<MediaSourceId>),
        frame: &AssembledFrame<'_>,
    ) {
        let Some(TapWriter { pictures: Some(pictures), dropped, .. }) = self.0.as_deref_mut() else { return };
        pictures.write(section, of, frame, dropped);
    }

    /// The far end was asked for a key frame on a video section.
    pub(crate) fn asked_for_key_frame(&mut self, section: usize) {
        if let Some(TapWriter { pictures: Some(pictures), .. }) = self.0.as_deref_mut() {
            pictures.note_asked(section);
        }
    }

    /// Whether whoever reads the tap needs a key frame of a video section, since this was last called.
    pub(crate) fn wants_key_frame(&self, section: usize) -> bool {
        let pictures = self.0.as_ref().and_then(|tap| tap.pictures.as_ref());
        pictures.is_some_and(|pictures| pictures.wants_key_frame(section))
    }

    /// A packet of a section came.
    pub(crate) fn received(&mut self, section: usize, packet: &AudioPacket<'_>) {
        let Some(tap) = &mut self.0 else { return };
        if packet.encoding != Encoding::Red {
            tap.write(Kind::Received, section, packet);
            return;
        }
        let Ok(blocks) = red::Blocks::new(packet.payload) else { return };
        let opus = AudioPacket { encoding: Encoding::Opus, ..*packet };
        for block in blocks.clone().filter(|block| block.is_primary) {
            tap.write(Kind::Received, section, &AudioPacket { payload: block.payload, ..opus });
        }
        for block in blocks.filter(|block| !block.is_primary && !block.payload.is_empty()) {
            let sender_time = RtpTime(packet.sender_time.0.wrapping_sub(block.timestamp_offset.into()));
            tap.write(Kind::Copy, section, &AudioPacket { payload: block.payload, sender_time, ..opus });
        }
    }

    /// We sent a packet.
    pub(crate) fn sent(&mut self, now: MediaInstant, packet: &OutgoingAudio<'_>) {
        let Some(tap) = &mut self.0 else { return };
        let mut sent = AudioPacket {
            // Ours is one stream a section, under a source that is of no interest here.
            ssrc: Ssrc(0),
            sequence_number: packet.sequence_number,
            sender_time: packet.sender_time,
            encoding: packet.encoding,
            marker: packet.marker,
            level: packet.level,
            arrival_time: now,
            payload: packet.payload,
            ..AudioPacket::default()
        };
        if packet.encoding == Encoding::Red {
            let primary = red::Blocks::new(packet.payload)
                .ok()
                .and_then(|mut blocks| blocks.find(|block| block.is_primary));
            let Some(primary) = primary else { return };
            (sent.encoding, sent.payload) = (Encoding::Opus, primary.payload);
        }
        tap.write(Kind::Sent, packet.section, &sent);
    }

    /// A tick that was due at `at` gave `frame` to the application.
    pub(crate) fn heard(&mut self, at: MediaInstant, frame: &AudioFrame) {
        let Some(tap) = &mut self.0 else { return };
        let written = tap.ring.write(|item| {
            item.kind = Kind::Heard;
            item.tick = HeardTick {
                at,
                mix: HeardFrame { origin: frame.origin, sender_time: frame.sender_time },
                speakers: [None; MOST_SPEAKERS],
            };
            for (place, speaker) in item.tick.speakers.iter_mut().zip(frame.unmixed.iter()) {
                let frame = HeardFrame { origin: speaker.origin, sender_time: speaker.sender_time };
                *place = Some(HeardSpeaker { section: speaker.stream + 1, source: speaker.source, frame });
            }
        });
        tap.count(written);
    }
}

impl TapWriter {
    fn write(&mut self, kind: Kind, section: usize, packet: &AudioPacket<'_>) {
        if packet.payload.len() > EncodedFrame::MAX_LEN {
            return;
        }
        let written = self.ring.write(|item| {
            item.kind = kind;
            item.frame.copy_from(section, packet.sequence_number.into(), packet);
        });
        self.count(written);
    }

    fn count(&self, written: bool) {
        if !written {
            self.dropped.fetch_add(1, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPUS: &[u8] = &[9 << 3, 1, 2, 3];

    fn packet(encoding: Encoding, payload: &[u8]) -> AudioPacket<'_> {
        AudioPacket {
            ssrc: Ssrc(7),
            sequence_number: 5,
            sender_time: RtpTime(960),
            encoding,
            payload,
            ..Default::default()
        }
    }

    #[test]
    fn copies_follow_the_packet_that_carried_them_at_their_own_times() {
        let (mut tap, mut reader) = Tap::open(1, &[], Waker::noop(), SystemClock::start());
        // RFC 2198 section 3: a copy that is 960 ticks older, of one byte, before the primary.
        let red = [0x80 | 111, (960_u32 >> 6) as u8, ((960_u32 & 0x3f) << 2) as u8, 1, 111, 9 << 3, 10 << 3];
        tap.received(1, &packet(Encoding::Red, &red));
        let Some(Tapped::Received(primary)) = reader.read() else { panic!("the packet itself") };
        assert_eq!(
            (primary.section(), primary.sender_time(), primary.payload()),
            (1, RtpTime(960), &[10 << 3][..])
        );
        assert_eq!((primary.ssrc(), primary.encoding()), (Ssrc(7), Encoding::Opus));
        let Some(Tapped::Copy(copy)) = reader.read() else { panic!("what it carried") };
        assert_eq!((copy.sender_time(), copy.payload()), (RtpTime(0), &[9 << 3][..]));
        assert!(reader.read().is_none());
    }

    #[test]
    fn what_is_not_read_in_time_is_counted_and_nothing_waits() {
        let (mut tap, mut reader) = Tap::open(0, &[], Waker::noop(), SystemClock::start());
        let capacity = 3 * A_SECOND * HELD.as_secs() as usize;
        for _ in 0..capacity + 7 {
            tap.received(0, &packet(Encoding::Opus, OPUS));
        }
        assert_eq!(reader.dropped(), 7);
        let mut read = 0;
        while reader.read().is_some() {
            read += 1;
        }
        assert_eq!(read, capacity);
        Tap::default().received(0, &packet(Encoding::Opus, OPUS));
    }
}
