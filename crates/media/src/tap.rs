//! A tap: what a session hears and says, once more, for whoever records it. Encoded as it is on the wire, with what became of it.
//!
//! The session never waits for its tap. What is not read in time is dropped, and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

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
}

/// One place of the ring: memory for whatever it may be.
struct Item {
    kind: Kind,
    frame: EncodedFrame,
    tick: HeardTick,
}

/// The application's end of a tap.
pub struct MediaTap {
    ring: RingReader<Item>,
    dropped: Arc<AtomicU64>,
    clock: SystemClock,
}

impl MediaTap {
    /// What was tapped next, lent until the call after; `None` when nothing waits. Waiting is the reader's: nobody is woken.
    pub fn read(&mut self) -> Option<Tapped<'_>> {
        let item = self.ring.read()?;
        Some(match item.kind {
            Kind::Received => Tapped::Received(&item.frame),
            Kind::Copy => Tapped::Copy(&item.frame),
            Kind::Sent => Tapped::Sent(&item.frame),
            Kind::Heard => Tapped::Heard(&item.tick),
        })
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
    dropped: Arc<AtomicU64>,
}

impl Tap {
    /// A tap of a session that hears as many speakers beside the mix.
    pub(crate) fn open(speakers: u8, clock: SystemClock) -> (Self, MediaTap) {
        let sections = 3 + usize::from(speakers);
        let capacity = sections * A_SECOND * HELD.as_secs() as usize;
        let make = || Item { kind: Kind::Heard, frame: EncodedFrame::empty(), tick: HeardTick::empty() };
        let (writer, reader) = frame_ring(capacity, make);
        let dropped = Arc::<AtomicU64>::default();
        let tap = MediaTap { ring: reader, dropped: Arc::clone(&dropped), clock };
        (Self(Some(Box::new(TapWriter { ring: writer, dropped }))), tap)
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
        let (mut tap, mut reader) = Tap::open(1, SystemClock::start());
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
        let (mut tap, mut reader) = Tap::open(0, SystemClock::start());
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
