//! One source of sound: packets in, a frame per tick out. Pure: told the time, driven by whoever holds it.

mod buffer;
mod delay;
mod sequence;

use std::sync::Arc;
use std::time::Duration;

pub use buffer::AudioPacket;
use buffer::{Insert, JitterBuffer, Next};

use crate::audio::opus::{self, OpusDecoder, OpusError};
use crate::frame::{self, AudioFormat, AudioFrame, FrameOrigin, ReceiveStages};
use crate::ledger::Stage;
use crate::settings::JitterBufferSettings;
use crate::stats::{SessionStats, SharedStats};
use crate::time::{MediaClock, MediaInstant, RtpTime};
use crate::units::MediaSourceId;

/// Where the samples at the head of the decoded ones came from.
#[derive(Clone, Copy, Debug, Default)]
struct Provenance {
    origin: FrameOrigin,
    source: Option<MediaSourceId>,
    sender_time: Option<RtpTime>,
    wire_in: Option<MediaInstant>,
}

/// Reorders, waits, decodes and conceals one stream of Opus packets.
///
/// From the first packet on it gives one frame of 20 ms for each call of [`tick`](Self::tick), so that the number of
/// frames is the time that has passed.
pub struct AudioReceiver {
    buffer: JitterBuffer,
    decoder: OpusDecoder,
    /// Decoded and not yet given out: packets may be longer or shorter than a frame.
    pcm: Box<[i16]>,
    pcm_len: usize,
    head: Provenance,
    frame: AudioFrame,
    /// Where the next frame stands on the timeline; `None` until it has begun.
    position: Option<u64>,
    concealing: bool,
    stats: Arc<SharedStats>,
}

impl AudioReceiver {
    /// A receiver on its own, apart from any session.
    ///
    /// # Errors
    /// When libopus cannot be set up.
    pub fn new(format: AudioFormat, jitter: JitterBufferSettings) -> Result<Self, OpusError> {
        Self::with_stats(format, jitter, Arc::new(SharedStats::new()))
    }

    pub(crate) fn with_stats(
        format: AudioFormat,
        jitter: JitterBufferSettings,
        stats: Arc<SharedStats>,
    ) -> Result<Self, OpusError> {
        let rate = format.sample_rate();
        let longest = rate.samples_in(Duration::from_millis(opus::MAX_PACKET_MILLIS.into())) as usize;
        Ok(Self {
            buffer: JitterBuffer::new(jitter),
            decoder: OpusDecoder::new(rate)?,
            pcm: vec![0; longest + format.samples_per_frame()].into_boxed_slice(),
            pcm_len: 0,
            head: Provenance::default(),
            frame: AudioFrame::silent(format, MediaInstant::ZERO),
            position: None,
            concealing: false,
            stats,
        })
    }

    /// What was counted and how long the stages took.
    pub fn stats(&self) -> SessionStats {
        self.stats.read()
    }

    /// Takes in a packet. What is late, doubled or no Opus is counted, never an error: the wire does that.
    pub fn receive(&mut self, packet: &AudioPacket<'_>) {
        let counters = &self.stats.counters;
        counters.packets_received.add(1);
        counters.bytes_received.add(packet.payload.len() as u64);
        match self.buffer.insert(packet) {
            Insert::Kept => {}
            Insert::Restarted => self.pcm_len = 0,
            Insert::Discarded => counters.packets_discarded.add(1),
        }
    }

    /// Gives the next 20 ms, due at `now`; `None` until the first packet has waited for the target delay.
    pub fn tick(&mut self, now: MediaInstant, clock: &impl MediaClock) -> Option<&AudioFrame> {
        self.stats.counters.packets_discarded.add(self.buffer.enforce_ceiling());
        self.buffer.delay.observe(self.buffer.buffered());
        self.make_frame(now, clock)?;
        if self.buffer.delay.has_excess() && self.frame.is_silence && self.frame.origin == FrameOrigin::Media
        {
            self.shorten(now, clock);
        }
        self.position = Some(self.frame.first_sample + self.frame.samples().len() as u64);
        Some(&self.frame)
    }

    /// Puts another frame in the place of the one just made, which nobody would hear: the delay shrinks by it.
    fn shorten(&mut self, now: MediaInstant, clock: &impl MediaClock) {
        if self.buffer.delay.take_excess() && self.make_frame(now, clock).is_some() {
            self.stats.counters.removed_samples_for_acceleration.add(self.frame.samples().len() as u64);
        }
    }

    fn make_frame(&mut self, now: MediaInstant, clock: &impl MediaClock) -> Option<()> {
        let samples = self.frame.samples().len();
        let jitter_out = clock.now();
        while self.pcm_len < samples {
            self.decode_next(now)?;
        }
        self.frame.samples_mut().copy_from_slice(&self.pcm[..samples]);
        self.pcm.copy_within(samples..self.pcm_len, 0);
        self.pcm_len -= samples;
        self.describe(now, jitter_out, clock.now());
        Some(())
    }

    /// Appends what is to be played next to the decoded samples; `None` while the timeline has not begun.
    fn decode_next(&mut self, now: MediaInstant) -> Option<()> {
        let rate = self.frame.format().sample_rate();
        let lost = rate.samples_in(self.buffer.packet_duration()) as usize;
        let tick = self.frame.samples().len();
        let room = &mut self.pcm[self.pcm_len..];
        let (origin, decoded) = match self.buffer.next(now, rate) {
            Next::Nothing if self.position.is_none() => return None,
            Next::Nothing => (FrameOrigin::Silence, None),
            Next::Pause => (FrameOrigin::Silence, self.decoder.conceal(&mut room[..tick])),
            Next::Late => (FrameOrigin::Concealed, self.decoder.conceal(&mut room[..tick])),
            Next::Lost { next } => {
                self.stats.counters.packets_lost.add(1);
                let room = &mut room[..lost];
                let recovered = match next {
                    Some(next) => self.decoder.recover(&next.payload, room),
                    None => self.decoder.conceal(room),
                };
                (FrameOrigin::Concealed, recovered)
            }
            Next::Packet(slot) => {
                let head = Provenance {
                    origin: FrameOrigin::Media,
                    source: slot.source,
                    sender_time: Some(slot.sender_time),
                    wire_in: Some(slot.arrival_time),
                };
                let decoded = self.decoder.decode(&slot.payload, room);
                if decoded.is_some() {
                    self.append(head, decoded);
                    return Some(());
                }
                self.stats.counters.decode_errors.add(1);
                (FrameOrigin::Concealed, self.decoder.conceal(&mut room[..tick]))
            }
        };
        self.append(Provenance { origin, ..Provenance::default() }, decoded);
        Some(())
    }

    /// Takes note of what was decoded; where the decoder gave nothing, a frame of silence stands in.
    fn append(&mut self, head: Provenance, decoded: Option<usize>) {
        let (tick, room) = (self.frame.samples().len(), &mut self.pcm[self.pcm_len..]);
        let samples = decoded.filter(|&samples| samples > 0).unwrap_or_else(|| {
            room[..tick].fill(0);
            tick
        });
        if self.pcm_len == 0 {
            self.head = head;
        }
        self.pcm_len += samples;
        let concealed = head.origin == FrameOrigin::Concealed;
        if concealed {
            self.stats.counters.concealed_samples.add(samples as u64);
            self.stats.counters.concealment_events.add(u64::from(!self.concealing));
        }
        self.concealing = concealed;
    }

    /// Writes on the frame where it comes from, and its times.
    fn describe(&mut self, now: MediaInstant, jitter_out: MediaInstant, decode_out: MediaInstant) {
        let frame = &mut self.frame;
        frame.first_sample = self.position.unwrap_or(0);
        frame.capture_time = now;
        frame.is_silence = frame::is_silence(frame.samples());
        frame.origin = self.head.origin;
        frame.source = self.head.source;
        frame.sender_time = self.head.sender_time;
        let wire_in = self.head.wire_in;
        frame.stages = ReceiveStages { wire_in, jitter_out, decode_out, ..ReceiveStages::default() };
        if let Some(wire_in) = wire_in {
            self.stats.ledger.record(Stage::JitterBuffer, jitter_out.since(wire_in));
        }
        self.stats.ledger.record(Stage::Decode, decode_out.since(jitter_out));
        // What is left over belongs to the same packet: Opus packets are a multiple of 20 ms, or 20 ms of them.
        self.head.sender_time = self.head.sender_time.map(|time| time.plus(opus::RTP_TICKS_PER_FRAME));
    }
}

#[cfg(test)]
mod tests;
