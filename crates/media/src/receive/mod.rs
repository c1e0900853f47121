//! One source of sound: packets in, a frame per tick out. Pure: told the time, driven by whoever holds it.

mod buffer;
mod conceal;
mod delay;
mod drift;
mod packet;
mod pcm;
mod slab;
pub(crate) mod speakers;
mod stretch;

use std::sync::Arc;

use buffer::{Insert, JitterBuffer, LEEWAY, Next};
use conceal::Concealment;
use drift::ClockDrift;
pub use packet::AudioPacket;
use pcm::{MadeUp, Pcm, Provenance};
use slab::Held;
use stretch::{Likeness, Stretcher};

use crate::audio::opus::{OpusDecoder, OpusError, RTP_CLOCK};
use crate::frame::{self, AudioFormat, AudioFrame, FrameOrigin, ReceiveStages};
use crate::ledger::Stage;
use crate::settings::JitterBufferSettings;
use crate::stats::{SessionStats, SharedStats};
use crate::time::{MediaClock, MediaInstant, RtpTime};
use crate::units::SampleRate;

/// Ticks from one joint to the next: more often, and the speed of speech is heard to change.
const TICKS_BETWEEN_JOINTS: u32 = 3;

/// The delay may be so much of its target away from it: moving it each time that the target moves would be heard.
const BAND: i64 = 8;

/// A delay so much over its target is brought down as fast as can be: 100 ms, in RTP ticks.
const HURRY: i64 = RTP_CLOCK as i64 / 10;

/// Reorders, waits, decodes, repairs and conceals one stream of Opus packets, plain or with redundancy (RED).
///
/// From the first packet on it gives one frame of 20 ms for each call of [`tick`](Self::tick), so that the number of
/// frames is the time that has passed.
pub struct AudioReceiver {
    buffer: JitterBuffer,
    decoder: OpusDecoder,
    concealment: Concealment,
    stretcher: Stretcher,
    /// Ticks to go until the delay may be moved again.
    rest: u32,
    /// A loss has been made up for to its end, and what follows is decoded with it, so that the two can be joined.
    loss_ends: bool,
    pcm: Pcm,
    frame: AudioFrame,
    /// Where the next frame stands on the timeline; `None` until it has begun.
    position: Option<u64>,
    jitter: delay::InterarrivalJitter,
    drift: ClockDrift,
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
        Ok(Self {
            buffer: JitterBuffer::new(jitter),
            decoder: OpusDecoder::new(rate)?,
            concealment: Concealment::new(rate),
            stretcher: Stretcher::new(rate),
            rest: 0,
            loss_ends: false,
            pcm: Pcm::new(rate, format.samples_per_frame()),
            frame: AudioFrame::silent(format, MediaInstant::ZERO),
            position: None,
            jitter: delay::InterarrivalJitter::default(),
            drift: ClockDrift::default(),
            stats,
        })
    }

    /// What it has counted, and the latency of its stages.
    pub fn stats(&self) -> SessionStats {
        self.stats.read()
    }

    /// Takes a packet from the wire.
    pub fn receive(&mut self, packet: &AudioPacket<'_>) {
        let counters = &self.stats.counters;
        counters.packets_received.add(1);
        counters.bytes_received.add(packet.payload.len() as u64);
        match self.buffer.insert(packet) {
            Insert::Discarded => {}
            Insert::Kept => {
                self.stats.jitter.set(self.jitter.arrived(packet.arrival_time, packet.sender_time));
                if let Some(drift) = self.drift.arrived(packet.arrival_time, packet.sender_time) {
                    self.stats.clock_drift.set(drift);
                }
            }
            Insert::Restarted => {
                // What was said last fades out where the new stream begins.
                self.concealment.go_on(|tail| self.decoder.conceal(tail));
                self.decoder.reset();
                self.jitter = delay::InterarrivalJitter::default();
                self.drift.restart();
            }
        }
    }

    /// Gives the next 20 ms, due at `now`; `None` until the first packet has waited for the target delay.
    pub fn tick(&mut self, now: MediaInstant, clock: &impl MediaClock) -> Option<&AudioFrame> {
        let jitter_out = clock.now();
        self.buffer.tick(now, self.pcm.rtp_ticks());
        let begun = self.fill();
        if begun {
            self.move_delay();
        }
        self.count_fates();
        if !begun {
            return None;
        }
        self.take(now, jitter_out, clock.now());
        Some(&self.frame)
    }

    /// What the last [`tick`](Self::tick) gave; `None` until the first packet has waited for the target delay.
    pub(crate) fn frame(&self) -> Option<&AudioFrame> {
        self.position.is_some().then_some(&self.frame)
    }

    /// The same, to exchange its memory for that of another frame.
    pub(crate) fn frame_mut(&mut self) -> Option<&mut AudioFrame> {
        self.position.is_some().then_some(&mut self.frame)
    }

    /// Decodes until there is a frame; `false` while the timeline has not begun.
    fn fill(&mut self) -> bool {
        while self.pcm.len() < self.frame.samples().len() || self.loss_ends {
            if !self.decode_next() {
                return false;
            }
        }
        true
    }

    /// Appends what is to be played next to the decoded samples; `false` while the timeline has not begun.
    fn decode_next(&mut self) -> bool {
        let tick = self.frame.samples().len();
        let rate = self.frame.format().sample_rate();
        let in_samples = |ticks: i64| samples_of(rate, ticks);
        let made_up = |origin| Provenance { origin, ..Provenance::default() };
        let waiting = self.pcm.rtp_ticks();
        let room = self.pcm.room();
        let concealing = self.concealment.is_under_way();
        self.loss_ends = false;
        match self.buffer.next(waiting) {
            Next::Nothing if self.position.is_none() => return false,
            Next::Nothing => self.be_silent(),
            Next::Pause => {
                let room = &mut room[..tick];
                if self.decoder.conceal(room).is_none() {
                    room.fill(0);
                }
                self.pcm.append(made_up(FrameOrigin::Silence), tick);
            }
            Next::Late => self.conceal(tick),
            Next::Lost { ticks, ends } => {
                self.conceal(in_samples(ticks));
                self.loss_ends = ends;
            }
            Next::Recovered { next: Held { slot, speakers, payload: next }, ticks, breaks } => {
                let of = Provenance {
                    origin: FrameOrigin::Recovered,
                    made_up: MadeUp::Nothing,
                    speakers: *speakers,
                    level: slot.level,
                    sender_time: Some(RtpTime(slot.sender_time.0.wrapping_sub(ticks as u32))),
                    wire_in: Some(slot.arrival_time),
                };
                if breaks || self.concealment.is_over() {
                    self.concealment.go_on(|tail| self.decoder.conceal(tail));
                }
                let room = &mut room[..in_samples(ticks)];
                let samples = self.decoder.recover(next, room).unwrap_or(0);
                self.concealment.end(&mut room[..samples]);
                self.pcm.append(of, samples);
                if concealing && !breaks {
                    self.shorten_loss();
                }
            }
            Next::Packet { held: Held { slot, speakers, payload }, breaks } => {
                let origin = if slot.is_copy { FrameOrigin::Recovered } else { FrameOrigin::Media };
                let of = Provenance {
                    origin,
                    made_up: MadeUp::Nothing,
                    speakers: *speakers,
                    level: slot.level,
                    sender_time: Some(slot.sender_time),
                    wire_in: Some(slot.arrival_time),
                };
                if breaks || self.concealment.is_over() {
                    self.concealment.go_on(|tail| self.decoder.conceal(tail));
                }
                match self.decoder.decode(payload, room) {
                    Some(samples @ 1..) => {
                        self.concealment.end(&mut room[..samples]);
                        self.pcm.append(of, samples);
                        if concealing && !breaks {
                            self.shorten_loss();
                        }
                    }
                    _ => {
                        self.stats.counters.decode_errors.add(1);
                        self.conceal(in_samples(self.buffer.packet_ticks()));
                    }
                }
            }
        }
        true
    }

    /// Leaves out what the delay can spare of a loss that is over, and joins what came before and after to each other.
    fn shorten_loss(&mut self) {
        let Some(excess) = self.buffer.excess(self.pcm.rtp_ticks()) else { return };
        self.pcm.join(&self.stretcher, samples_of(self.frame.format().sample_rate(), excess + LEEWAY));
    }

    /// Makes up `samples`.
    fn conceal(&mut self, samples: usize) {
        let counters = &self.stats.counters;
        counters.concealment_events.add(u64::from(!self.concealment.is_under_way()));
        let made_up = if self.concealment.is_over() { MadeUp::Silence } else { MadeUp::Guess };
        let room = &mut self.pcm.room()[..samples];
        if made_up == MadeUp::Silence || self.decoder.conceal(room).is_none() {
            room.fill(0);
        }
        self.concealment.shape(room);
        let of = Provenance { origin: FrameOrigin::Concealed, made_up, ..Provenance::default() };
        self.pcm.append(of, samples);
    }

    /// Says nothing for a tick: the stream has stopped.
    fn be_silent(&mut self) {
        let tick = self.frame.samples().len();
        let room = &mut self.pcm.room()[..tick];
        room.fill(0);
        self.concealment.fade_out(room);
        self.concealment.shape(room);
        let of =
            Provenance { origin: FrameOrigin::Silence, made_up: MadeUp::Silence, ..Provenance::default() };
        self.pcm.append(of, tick);
    }

    /// Brings the delay nearer to its target by a pitch period, where nobody hears it.
    fn move_delay(&mut self) {
        self.rest = self.rest.saturating_sub(1);
        let Some(excess) = self.buffer.excess(self.pcm.rtp_ticks()) else { return };
        if self.concealment.is_under_way() {
            return;
        }
        let tick = self.frame.samples().len();
        let (hurry, wanted) = (excess > HURRY, samples_of(self.frame.format().sample_rate(), excess.abs()));
        let near = excess.abs() < self.buffer.delay.target() / BAND;
        if near || wanted < self.stretcher.shortest() || self.rest > 0 && !hurry {
            return;
        }
        let likeness = if hurry { Likeness::HURRIED } else { Likeness::UNHEARD };
        let moved = if excess > 0 {
            let sees = tick.max(self.stretcher.sees());
            while self.pcm.len() < sees && self.buffer.is_due_here() {
                self.decode_next();
            }
            let most = wanted.min(self.pcm.len() - tick);
            self.pcm.accelerate(&self.stretcher, most, likeness)
        } else {
            self.pcm.expand(&self.stretcher, self.stretcher.longest(), likeness)
        };
        let Some(samples) = moved else { return };
        self.rest = TICKS_BETWEEN_JOINTS;
        let counters = &self.stats.counters;
        let counter = if excess > 0 {
            &counters.removed_samples_for_acceleration
        } else {
            &counters.inserted_samples_for_deceleration
        };
        counter.add(samples as u64);
    }

    fn count_fates(&mut self) {
        let (fates, counters) = (self.buffer.take_fates(), &self.stats.counters);
        counters.packets_lost.add(fates.lost);
        counters.packets_discarded.add(fates.discarded);
        counters.fec_packets_received.add(fates.with_copies);
    }

    /// Fills the frame, and writes on it where it comes from, and its times.
    fn take(&mut self, now: MediaInstant, jitter_out: MediaInstant, decode_out: MediaInstant) {
        let Self { frame, pcm, stats, .. } = self;
        let target = delay::duration(self.buffer.delay.target()).as_nanos() as u64;
        let (mut first, mut most) = (None, (0, FrameOrigin::default()));
        pcm.take(&mut frame.samples, |of, samples| {
            first.get_or_insert(*of);
            if samples > most.0 {
                most = (samples, of.origin);
            }
            if of.made_up != MadeUp::Nothing {
                stats.counters.concealed_samples.add(samples as u64);
            }
            if of.made_up == MadeUp::Silence {
                stats.counters.silent_concealed_samples.add(samples as u64);
            }
            if let Some(wire_in) = of.wire_in {
                let held = now.since(wire_in).as_nanos() as u64;
                stats.counters.jitter_buffer_delay.add(held * samples as u64);
                stats.counters.jitter_buffer_target_delay.add(target * samples as u64);
                stats.counters.jitter_buffer_emitted_count.add(samples as u64);
            }
        });
        let first = first.unwrap_or_default();
        frame.first_sample = self.position.unwrap_or(0);
        self.position = Some(frame.first_sample + frame.samples.len() as u64);
        frame.capture_time = now;
        frame.is_silence = frame::is_silence(&frame.samples);
        frame.origin = most.1;
        frame.speakers = first.speakers;
        frame.level = first.level;
        frame.sender_time = first.sender_time;
        let wire_in = first.wire_in;
        frame.stages = ReceiveStages { wire_in, jitter_out, decode_out, ..ReceiveStages::default() };
        if let Some(wire_in) = wire_in {
            stats.ledger.record(Stage::JitterBuffer, jitter_out.since(wire_in));
        }
        stats.ledger.record(Stage::Decode, decode_out.since(jitter_out));
    }
}

/// How many samples at `rate` last as long.
fn samples_of(rate: SampleRate, rtp_ticks: i64) -> usize {
    usize::try_from(rtp_ticks * i64::from(rate.get()) / i64::from(RTP_CLOCK)).unwrap_or(0)
}

#[cfg(test)]
mod tests;
