//! What a session receives of one video section: packets in, whole frames out, and what the sender has to be asked for. Told the
//! time.
//!
//! ```text
//! packet ─► FrameAssembler ─► frame, of whom ─► whoever holds it
//!              │    │
//!              │    └─ what it refers to is gone ─► a key frame is asked for, and again after a while
//!              └─ packets that are missing ───────► they are asked for, once a round trip
//! ```

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use super::freeze::FreezeDetector;
use super::{AssembledFrame, FrameAssembler, Inserted, VideoCodec, VideoPacket, VideoSize};
use crate::time::{MediaInstant, RtpTime};
use crate::units::{MediaSourceId, Ssrc};

/// Between two requests for a key frame, the first time and at the most: each that is not answered doubles it. An encoder needs time,
/// and a key frame takes longer than others to come.
const ASK_AGAIN: Duration = Duration::from_millis(300);
const ASK_AGAIN_AT_MOST: Duration = Duration::from_secs(2);
/// While a key frame comes in, none is asked for, unless for so long no packet has come.
const STALLED: Duration = Duration::from_millis(150);
/// Changes of the source that frames have not caught up with.
const CHANGES: usize = 8;

/// What happened to the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VideoReceiveEvent {
    /// No frame has come for so long that it shows.
    Frozen,
    /// A frame has come again.
    Recovered {
        /// How long the picture stood.
        stood: Duration,
    },
    /// The next frame has another size than the last, or is the first.
    SizeChanged {
        /// Which.
        size: VideoSize,
    },
    /// The next frame is of somebody else than the last.
    SourceChanged {
        /// Of whom; `None` when the far end does not say.
        source: Option<MediaSourceId>,
    },
}

/// Receives one section.
#[derive(Debug)]
pub struct VideoReceiver {
    codec: VideoCodec,
    assembler: FrameAssembler,
    last_arrival: Option<MediaInstant>,
    sources: Sources,
    /// Of the last frame.
    shown: Option<(Option<MediaSourceId>, Option<VideoSize>)>,
    freezes: FreezeDetector,
    /// The application could not go on without a key frame.
    is_key_wanted: bool,
    asked_at: Option<MediaInstant>,
    ask_again: Duration,
    /// What happened and was not told; the last ones.
    events: VecDeque<VideoReceiveEvent>,
}

/// Events that wait: what one frame can bring.
const EVENTS: usize = 8;

impl VideoReceiver {
    /// A receiver of `codec`, until something else comes.
    pub fn new(codec: VideoCodec) -> Self {
        Self {
            codec,
            assembler: FrameAssembler::new(codec),
            last_arrival: None,
            sources: Sources::default(),
            shown: None,
            freezes: FreezeDetector::default(),
            is_key_wanted: false,
            asked_at: None,
            ask_again: ASK_AGAIN,
            events: VecDeque::with_capacity(EVENTS),
        }
    }

    /// How long the path there and back is, as reports say. Default 100 ms.
    pub fn set_round_trip(&mut self, round_trip: Duration) {
        self.assembler.missing().set_round_trip(round_trip);
    }

    /// What comes now.
    pub fn codec(&self) -> VideoCodec {
        self.codec
    }

    /// The stream that comes now; 0 before any.
    pub fn ssrc(&self) -> Ssrc {
        self.assembler.ssrc().unwrap_or(Ssrc(0))
    }

    /// Takes a packet in: of this codec, and of the picture of `source`. After it, ask for frames until there are no more.
    pub fn receive(
        &mut self,
        codec: VideoCodec,
        source: Option<MediaSourceId>,
        packet: &VideoPacket<'_>,
    ) -> Inserted {
        if codec != self.codec {
            (self.codec, self.assembler) = (codec, FrameAssembler::new(codec));
        }
        self.last_arrival = Some(packet.arrival_time);
        if !packet.payload.is_empty() {
            self.sources.note(packet.sender_time, source);
        }
        self.assembler.insert(packet)
    }

    /// The next frame that is whole by `now`, and whose picture it is. It is lent until the next call.
    pub fn next_frame(&mut self, now: MediaInstant) -> Option<(Option<MediaSourceId>, AssembledFrame<'_>)> {
        let frame = self.assembler.next_frame(now)?;
        let source = self.sources.of(frame.sender_time);
        let before = self.shown.replace((source, frame.size));
        let mut tell = |event| {
            if self.events.len() == EVENTS {
                self.events.pop_front();
            }
            self.events.push_back(event);
        };
        let has_changed = before.is_none_or(|(before, _)| before != source);
        if has_changed {
            self.freezes.restart();
            if before.is_some() || source.is_some() {
                tell(VideoReceiveEvent::SourceChanged { source });
            }
        }
        if let Some(stood) = self.freezes.note_frame(now) {
            tell(VideoReceiveEvent::Recovered { stood });
        }
        if let Some(size) = frame.size.filter(|size| before.is_none_or(|(_, before)| before != Some(*size))) {
            tell(VideoReceiveEvent::SizeChanged { size });
        }
        if frame.is_key {
            self.is_key_wanted = false;
        }
        if !self.is_key_wanted {
            (self.asked_at, self.ask_again) = (None, ASK_AGAIN);
        }
        Some((source, frame))
    }

    /// Whoever takes the frames cannot go on without a key frame.
    pub fn request_key_frame(&mut self) {
        self.is_key_wanted = true;
    }

    /// Whether to ask the sender for a key frame now; then it counts as asked.
    pub fn ask_for_key_frame(&mut self, now: MediaInstant) -> bool {
        if !self.needs_key_frame(now) || self.asked_at.is_some_and(|asked| now.since(asked) < self.ask_again)
        {
            return false;
        }
        if self.asked_at.replace(now).is_some() {
            self.ask_again = (self.ask_again * 2).min(ASK_AGAIN_AT_MOST);
        }
        true
    }

    fn needs_key_frame(&self, now: MediaInstant) -> bool {
        let comes = self.last_arrival.is_some_and(|last| now.since(last) < STALLED);
        let needs = self.is_key_wanted || self.assembler.needs_key_frame(now);
        needs && !(comes && self.assembler.gathers_key_frame())
    }

    /// Tells `ask` the sequence numbers of packets to ask for at `now`, in order.
    pub fn missing(&mut self, now: MediaInstant, ask: impl FnMut(u16)) {
        self.assembler.missing().due(now, ask);
    }

    /// What happened by `now`.
    pub fn poll_event(&mut self, now: MediaInstant) -> Option<VideoReceiveEvent> {
        if self.freezes.has_frozen(now) {
            return Some(VideoReceiveEvent::Frozen);
        }
        self.events.pop_front()
    }

    /// When something is due, should no packet come before.
    pub fn deadline(&mut self, now: MediaInstant) -> Option<MediaInstant> {
        let key_frame = (self.is_key_wanted || self.assembler.needs_key_frame(now)).then(|| {
            let again = self.asked_at.map_or(now, |asked| asked + self.ask_again);
            // What comes in is given its time.
            let stalled = self.last_arrival.filter(|_| self.assembler.gathers_key_frame());
            again.max(stalled.map_or(now, |last| last + STALLED))
        });
        let opens = self.assembler.opens_until().filter(|until| *until > now);
        let missing = self.assembler.missing().next_due();
        [key_frame, opens, missing, self.freezes.deadline()].into_iter().flatten().min()
    }
}

/// Whose pictures come, by the sender's clock: a frame is given later than its packets come.
#[derive(Debug, Default)]
struct Sources {
    /// From when on whose; oldest first.
    changes: VecDeque<(RtpTime, Option<MediaSourceId>)>,
}

impl Sources {
    fn note(&mut self, sender_time: RtpTime, source: Option<MediaSourceId>) {
        let last = self.changes.back();
        if last.is_some_and(|(since, known)| *known == source || sender_time.since(*since) < 0) {
            return;
        }
        if self.changes.len() == CHANGES {
            self.changes.pop_front();
        }
        self.changes.push_back((sender_time, source));
    }

    fn of(&mut self, sender_time: RtpTime) -> Option<MediaSourceId> {
        while self.changes.get(1).is_some_and(|(since, _)| sender_time.since(*since) >= 0) {
            self.changes.pop_front();
        }
        self.changes.front().and_then(|(_, source)| *source)
    }
}
