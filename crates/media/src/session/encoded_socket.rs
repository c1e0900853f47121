//! The application's end of a session's audio that is not decoded here.

use std::future::poll_fn;
use std::sync::Arc;

use super::Shared;
use super::audio_socket::{SendError, SocketClosed, wait_at, wait_for_more};
use super::doorbell::Doorbell;
use crate::clock::SystemClock;
use crate::encoded::{EncodedFrame, duration};
use crate::ledger::Stage;
use crate::ring::{RingReader, RingWriter};
use crate::rtp::{ActiveSpeaker, ActiveSpeakers, AudioLevel};
use crate::time::MediaClock;
use crate::units::MediaSourceId;

/// Hears and speaks Opus packets, for applications that store or pass on what they hear: no jitter buffer, no decoder and no
/// encoder stand between them and the wire.
///
/// Packets are heard in the order in which they came, as soon as they came. They are sent at the pace at which they play.
///
/// An answering end may send speakers on media sections of their own, too
/// ([`sends_unmixed`](crate::AudioSocketSettings::sends_unmixed)), as one does that mixes a meeting.
pub struct EncodedAudioSocket {
    receiver: EncodedAudioReceiver,
    sender: EncodedAudioSender,
    speakers: Vec<EncodedAudioSender>,
}

impl EncodedAudioSocket {
    pub(crate) fn new(
        from_worker: RingReader<EncodedFrame>,
        (to_mix, to_speakers): (RingWriter<EncodedFrame>, Vec<RingWriter<EncodedFrame>>),
        shared: &Arc<Shared>,
        clock: SystemClock,
    ) -> Self {
        let sender = |(section, ring)| EncodedAudioSender {
            ring,
            room: Arc::clone(shared.room_of(section)),
            speakers: ActiveSpeakers::NONE,
            shared: Arc::clone(shared),
            clock,
        };
        Self {
            receiver: EncodedAudioReceiver { ring: from_worker, shared: Arc::clone(shared), clock },
            sender: sender((0, to_mix)),
            speakers: (1..).zip(to_speakers).map(sender).collect(),
        }
    }

    /// What sends each speaker on a section of its own, once: whoever takes them owns them. As many as were agreed on, that of
    /// section 1 first; none unless this end answers and [sends them](crate::AudioSocketSettings::sends_unmixed).
    pub fn take_speakers(&mut self) -> Vec<EncodedAudioSender> {
        std::mem::take(&mut self.speakers)
    }

    /// The two directions, for tasks of their own.
    pub fn split(self) -> (EncodedAudioReceiver, EncodedAudioSender) {
        (self.receiver, self.sender)
    }

    /// See [`EncodedAudioReceiver::receive`].
    ///
    /// # Errors
    /// When the session is over and all has been heard.
    pub async fn receive(&mut self) -> Result<&EncodedFrame, SocketClosed> {
        self.receiver.receive().await
    }

    /// See [`EncodedAudioSender::send`].
    ///
    /// # Errors
    /// When the session is over, or the payload is no Opus packet.
    pub async fn send(&mut self, payload: &[u8], level: Option<AudioLevel>) -> Result<(), SendError> {
        self.sender.send(payload, level).await
    }
}

/// The hearing half of an [`EncodedAudioSocket`].
pub struct EncodedAudioReceiver {
    ring: RingReader<EncodedFrame>,
    shared: Arc<Shared>,
    clock: SystemClock,
}

impl EncodedAudioReceiver {
    /// Waits for the next packet, and lends it until the call after. Dropping the future loses nothing.
    ///
    /// # Errors
    /// When the session is over and all has been heard.
    pub async fn receive(&mut self) -> Result<&EncodedFrame, SocketClosed> {
        poll_fn(|context| {
            let Shared { heard, state, .. } = &*self.shared;
            wait_for_more(heard, state, context, || self.ring.queued() > 0)
        })
        .await;
        self.try_receive().ok_or(SocketClosed)
    }

    /// The next packet, if one waits.
    pub fn try_receive(&mut self) -> Option<&EncodedFrame> {
        let app_out = self.clock.now();
        let frame = self.ring.read()?;
        self.shared.stats.ledger.record(Stage::AppOut, app_out.since(frame.arrival_time));
        Some(frame)
    }

    /// Packets that wait.
    pub fn queued(&self) -> usize {
        self.ring.queued()
    }
}

/// The speaking half of an [`EncodedAudioSocket`]; or what sends one speaker on a section of its own, at a pace of its own.
pub struct EncodedAudioSender {
    ring: RingWriter<EncodedFrame>,
    room: Arc<Doorbell>,
    speakers: ActiveSpeakers,
    shared: Arc<Shared>,
    clock: SystemClock,
}

impl EncodedAudioSender {
    /// Who is heard in what is queued from now on: the contributing sources of its packets (RFC 3550 section 5.1), the loudest
    /// first. Their levels are not sent. At first nobody, and then the stream itself is who speaks.
    pub fn set_speakers(&mut self, speakers: impl IntoIterator<Item = MediaSourceId>) {
        self.speakers = speakers.into_iter().map(|source| ActiveSpeaker { source, level: None }).collect();
    }

    /// Queues an Opus packet (RFC 6716) of any duration; waits while the send queue is full, so that a caller in a loop runs at
    /// the pace at which the packets play. `level` is what is said of its loudness on the wire.
    ///
    /// # Errors
    /// When the session is over, or the payload is no Opus packet.
    pub async fn send(&mut self, payload: &[u8], level: Option<AudioLevel>) -> Result<(), SendError> {
        check(payload)?;
        poll_fn(|context| {
            wait_at(&self.room, context, || {
                if self.shared.state.get().is_over() {
                    return Some(Err(SendError::Closed));
                }
                (self.ring.vacant() > 0).then_some(Ok(()))
            })
        })
        .await?;
        self.try_send(payload, level)
    }

    /// Queues a packet if there is room now.
    ///
    /// # Errors
    /// [`SendError::Full`] where [`send`](Self::send) would wait; otherwise as there.
    pub fn try_send(&mut self, payload: &[u8], level: Option<AudioLevel>) -> Result<(), SendError> {
        check(payload)?;
        if self.shared.state.get().is_over() {
            return Err(SendError::Closed);
        }
        let app_in = self.clock.now();
        let written = self.ring.write(|slot| {
            let fits = slot.set_payload(payload);
            debug_assert!(fits, "its length was checked");
            slot.level = level;
            slot.speakers = self.speakers;
            slot.arrival_time = app_in;
        });
        if written { Ok(()) } else { Err(SendError::Full) }
    }

    /// Packets that wait for their time.
    pub fn queued(&self) -> usize {
        self.ring.queued()
    }
}

fn check(payload: &[u8]) -> Result<(), SendError> {
    let fits = payload.len() <= EncodedFrame::MAX_LEN && duration(payload).is_some();
    if fits { Ok(()) } else { Err(SendError::NotOpus { len: payload.len() }) }
}
