//! Where sound goes out of the emulator: the numbers of its packets, and the tracks that they go on.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use offhook_media::MediaSourceId;
use rtc::rtp::{Packet, header::Header};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;

use super::codecs::Numbers;
use super::peer::PeerError;
use super::red;
use super::tones::TonePacket;
use super::voices::TICKS_PER_FRAME;
use crate::bridge::Outgoing;
use crate::durations::Durations;

/// Where the packets of one section go.
#[derive(Clone)]
pub(crate) struct Track {
    pub(crate) local: Arc<TrackLocalStaticRTP>,
    pub(crate) ssrc: u32,
}

/// The sections in which sound is sent: that of the mix first.
pub(crate) struct Outlet {
    tracks: Vec<Track>,
    numbers: Numbers,
    /// How many packets before it each packet of the mix has copies of.
    copies: usize,
    streams: Mutex<Vec<Stream>>,
    /// The room's frame with which it began to listen, and the frame here that it is.
    began: Mutex<Option<(u64, u32)>>,
    sent: AtomicU64,
    /// From when a frame of a room is coded to when the connection has it.
    gone: Durations,
}

/// Where a section's RTP stands. Both numbers begin at random, the sequence number below 2^15 (RFC 3711 section 3.3.1).
struct Stream {
    next_number: u16,
    first_time: u32,
    /// The frame after the latest.
    next_frame: u32,
    /// The payloads before the next, the oldest first, where they are copied.
    before: Vec<Bytes>,
}

impl Stream {
    fn new() -> Self {
        let (next_number, first_time) = (rand::random::<u16>() >> 1, rand::random());
        Self { next_number, first_time, next_frame: 0, before: Vec::new() }
    }

    fn time_of(&self, frame: u32) -> u32 {
        self.first_time.wrapping_add(frame.wrapping_mul(TICKS_PER_FRAME))
    }

    /// `payload` behind copies of those before it, of which there is one a frame.
    fn with_copies(&mut self, payload: Bytes, copies: usize, opus: u8) -> Bytes {
        let joined = red::join(&self.before, &payload, opus);
        self.before.push(payload);
        self.before.drain(..self.before.len().saturating_sub(copies));
        joined
    }

    fn header(&mut self, payload_type: u8, timestamp: u32) -> Header {
        let sequence_number = self.next_number;
        self.next_number = sequence_number.wrapping_add(1);
        Header { version: 2, payload_type, sequence_number, timestamp, ..Default::default() }
    }
}

impl Outlet {
    pub(crate) fn new(tracks: Vec<Track>, numbers: Numbers) -> Self {
        let streams = Mutex::new(tracks.iter().map(|_| Stream::new()).collect());
        let (began, sent, gone) = (Mutex::new(None), AtomicU64::new(0), Durations::default());
        Self { tracks, numbers, copies: 0, streams, began, sent, gone }
    }

    /// Each packet of the mix has copies of so many before it, where that is agreed on (RFC 2198).
    pub(super) fn with_copies(mut self, copies: usize) -> Self {
        self.copies = copies;
        self
    }

    fn streams(&self) -> MutexGuard<'_, Vec<Stream>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many sections there are.
    pub(crate) fn sections(&self) -> usize {
        self.tracks.len()
    }

    /// Packets that were sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }

    /// How long frames of a room took from when they were coded to when the connection had them.
    pub(crate) fn gone(&self) -> &Durations {
        &self.gone
    }

    /// Sends frame number `frame` of a section.
    pub(crate) async fn say(
        &self,
        section: usize,
        frame: u32,
        payload: Bytes,
        sources: &[(MediaSourceId, u8)],
    ) -> Result<(), PeerError> {
        let (mut header, payload) = {
            let mut streams = self.streams();
            let Some(stream) = streams.get_mut(section) else { return Ok(()) };
            // The first of all, and the first after a pause.
            let is_first = frame == 0 || frame != stream.next_frame;
            if is_first {
                stream.before.clear();
            }
            let copied = self.numbers.red.filter(|_| section == 0 && self.copies > 0);
            let payload = match copied {
                Some(_) => stream.with_copies(payload, self.copies, self.numbers.opus),
                None => payload,
            };
            let mut header = stream.header(copied.unwrap_or(self.numbers.opus), stream.time_of(frame));
            header.marker = is_first;
            stream.next_frame = frame.wrapping_add(1);
            (header, payload)
        };
        header.csrc = sources.iter().map(|(source, _)| source.0).collect();
        if let Some(number) = self.numbers.source_levels
            && !sources.is_empty()
        {
            let levels = sources.iter().map(|(_, level)| *level).collect();
            header.set_extension(number, levels)?;
        }
        self.send(section, header, payload).await
    }

    /// Sends a packet of a key that was pressed in the frame `since`.
    pub(crate) async fn press(&self, since: u32, is_first: bool, payload: Bytes) -> Result<(), PeerError> {
        let Some(number) = self.numbers.tones else { return Ok(()) };
        let header = {
            let mut streams = self.streams();
            let Some(stream) = streams.first_mut() else { return Ok(()) };
            let mut header = stream.header(number, stream.time_of(since));
            header.marker = is_first;
            stream.next_frame = stream.next_frame.max(since.wrapping_add(1));
            header
        };
        self.send(0, header, payload).await
    }

    /// Sends the packets of a frame in which keys are pressed, `began` frames after the beginning.
    pub(super) async fn press_planned(&self, began: u32, packets: &[TonePacket]) -> Result<(), PeerError> {
        for packet in packets {
            let payload = Bytes::copy_from_slice(&packet.payload);
            self.press(began + packet.since, packet.is_first, payload).await?;
        }
        Ok(())
    }

    /// Sends what a room gives: each frame at its place behind what was sent before.
    pub(crate) async fn carry(&self, outgoing: Outgoing) -> Result<(), PeerError> {
        match outgoing {
            Outgoing::Speech { section, tick, payload, sources, coded } => {
                let frame = self.frame_of(tick);
                let said = self.say(section, frame, payload, &sources).await;
                self.gone.record(coded.elapsed());
                said
            }
            Outgoing::Key { since, is_first, payload } => {
                let frame = self.frame_of(since);
                self.press(frame, is_first, payload).await
            }
            Outgoing::Video { .. } => Ok(()),
        }
    }

    fn frame_of(&self, tick: u64) -> u32 {
        let next = self.streams().iter().map(|stream| stream.next_frame).max().unwrap_or_default();
        let mut began = self.began.lock().unwrap_or_else(PoisonError::into_inner);
        let (first_tick, first_frame) = *began.get_or_insert((tick, next));
        // A stream of 2.7 years wraps.
        first_frame.wrapping_add(tick.wrapping_sub(first_tick) as u32)
    }

    async fn send(&self, section: usize, mut header: Header, payload: Bytes) -> Result<(), PeerError> {
        let Some(track) = self.tracks.get(section) else { return Ok(()) };
        header.ssrc = track.ssrc;
        self.sent.fetch_add(1, Relaxed);
        send(track, Packet { header, payload }).await
    }
}

/// Sends a packet on a track.
pub(crate) async fn send(track: &Track, packet: Packet) -> Result<(), PeerError> {
    // The driver's error holds the packet, which is nobody's business.
    track.local.write_rtp(packet).await.map_err(|_| PeerError::Over)
}
