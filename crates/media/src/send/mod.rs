//! One socket's speech: frames and spans in, an RTP payload a tick out. Pure: told the time, driven by whoever holds it.

pub(crate) mod control;
mod encode;
mod fade;
mod loss;
pub(crate) mod player;
mod source;
pub(crate) mod tones;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use control::SendControl;
use encode::{Encoded, SpeechEncoder};
use fade::{fade_in, fade_len};
use player::{ORDERS, Player};
use source::{Due, Source};
use tones::{ToneSender, ToneTurn};

use crate::audio::opus::{OpusError, RTP_TICKS_PER_FRAME};
use crate::event::MediaEvent;
use crate::frame::{AudioFormat, AudioFrame};
use crate::ledger::Stage;
use crate::ring::RingReader;
use crate::rtp::{ActiveSpeaker, AudioLevel, Encoding};
use crate::settings::AudioSocketSettings;
use crate::stats::{SessionStats, SharedStats};
use crate::time::{MediaClock, RtpTime};
use crate::tones::TelephoneEvent;

/// Events that one tick can have: each mark of a player, low water, and the end of the queue.
const EVENTS: usize = ORDERS + 2;

/// A packet to be sent.
#[derive(Clone, Copy, Debug)]
pub struct OutgoingAudio<'a> {
    /// Which media section of the socket it goes on: 0 carries the mix, the others one speaker each.
    pub section: usize,
    /// Its place in the stream; wraps.
    pub sequence_number: u16,
    /// When its first sample was due, on the stream's 48 kHz clock. It runs on through pauses.
    pub sender_time: RtpTime,
    /// The first packet after a pause (RFC 3551 section 4.1).
    pub marker: bool,
    /// What the payload is.
    pub encoding: Encoding,
    /// How loud it is.
    pub level: Option<AudioLevel>,
    /// Who is heard in it, for the list of contributing sources (RFC 3550 section 5.1): at most fifteen.
    pub speakers: &'a [ActiveSpeaker],
    /// What `encoding` says.
    pub payload: &'a [u8],
}

/// What a packet is made of, apart from the payload's bytes.
#[derive(Clone, Copy)]
struct Packet {
    sender_time: RtpTime,
    marker: bool,
    encoding: Encoding,
    level: Option<AudioLevel>,
    len: usize,
}

/// Encodes what the application gives, at the tick.
pub struct AudioSender {
    format: AudioFormat,
    control: Arc<SendControl>,
    source: Source,
    tones: Option<ToneSender>,
    encoder: SpeechEncoder,
    fade_len: usize,
    pcm: Box<[i16]>,
    tone: [u8; TelephoneEvent::LEN],
    /// Audio was sent at the tick before.
    sounding: bool,
    /// Speech was cut by mute or a tone: what comes next fades in.
    cut: bool,
    sequence_number: u16,
    sender_time: RtpTime,
    events: VecDeque<MediaEvent>,
    stats: Arc<SharedStats>,
}

impl AudioSender {
    /// A sender on its own, apart from any session. Its stream begins at the given place and time, which a session
    /// draws at random (RFC 3550 section 5.1).
    ///
    /// # Errors
    /// When libopus cannot be set up, because a setting is out of its range.
    pub fn new(settings: &AudioSocketSettings, first: (u16, RtpTime)) -> Result<Self, OpusError> {
        Self::with_stats(settings, first, Arc::new(SharedStats::new()), Arc::default())
    }

    pub(crate) fn with_stats(
        settings: &AudioSocketSettings,
        first: (u16, RtpTime),
        stats: Arc<SharedStats>,
        control: Arc<SendControl>,
    ) -> Result<Self, OpusError> {
        let format = settings.format;
        Ok(Self {
            format,
            source: Source::new(format, ticks_in(settings.send_lead), Arc::clone(&control)),
            control,
            tones: None,
            encoder: SpeechEncoder::new(settings)?,
            fade_len: fade_len(format.sample_rate()),
            pcm: vec![0; format.samples_per_frame()].into_boxed_slice(),
            tone: [0; TelephoneEvent::LEN],
            sounding: false,
            cut: false,
            sequence_number: first.0,
            sender_time: first.1,
            events: VecDeque::with_capacity(EVENTS),
            stats,
        })
    }

    /// Sends what a player and a sender of tones are given, too.
    pub(crate) fn with_queues(mut self, player: Player, tones: ToneSender) -> Self {
        self.source.player = Some(player);
        self.tones = Some(tones);
        self
    }

    /// The format of the frames.
    pub fn format(&self) -> AudioFormat {
        self.format
    }

    /// What was counted and how long the stages took.
    pub fn stats(&self) -> SessionStats {
        self.stats.read()
    }

    /// Takes note of what the peer understands beside Opus: copies, and the payload type of Opus in them; tones.
    pub fn agree(&mut self, copied_type: Option<u8>, telephone_event: bool) {
        self.encoder.agree(copied_type);
        if let Some(tones) = &mut self.tones {
            tones.agree(telephone_event);
        }
    }

    /// Takes in the share of our packets, 0 to 1, that the peer lost since its report before (RFC 3550 section 6.4.1):
    /// forward error correction and copies follow it.
    pub fn on_report(&mut self, fraction_lost: f32) {
        self.encoder.on_report(fraction_lost);
    }

    /// What happened at the ticks so far.
    pub(crate) fn poll_event(&mut self) -> Option<MediaEvent> {
        self.events.pop_front()
    }

    /// Whether the player has answered orders since this was last asked.
    pub(crate) fn take_played(&mut self) -> bool {
        self.source.player.as_mut().is_some_and(Player::take_answered)
    }

    /// Whether tones were answered since this was last asked.
    pub(crate) fn take_toned(&mut self) -> bool {
        self.tones.as_mut().is_some_and(ToneSender::take_answered)
    }

    /// The session is over: whoever waits for what was not sent learns so.
    pub(crate) fn end(&mut self) {
        if let Some(player) = &mut self.source.player {
            player.end();
        }
        if let Some(tones) = &mut self.tones {
            tones.end();
        }
    }

    /// The packet of the next 20 ms; `None` when nothing is to be sent.
    pub fn tick(
        &mut self,
        clock: &impl MediaClock,
        frames: &mut RingReader<AudioFrame>,
    ) -> Option<OutgoingAudio<'_>> {
        let time = self.sender_time;
        self.sender_time = time.plus(RTP_TICKS_PER_FRAME);
        let copies = self.encoder.tick();
        let packet = match self.tones.as_mut().map_or(ToneTurn::Free, |tones| tones.tick(time)) {
            ToneTurn::Free => self.speak(clock, frames, time, copies),
            ToneTurn::Gap => None,
            ToneTurn::Packet(packet) => {
                self.tone = packet.payload;
                self.cut = true;
                let (encoding, len) = (Encoding::TelephoneEvent, TelephoneEvent::LEN);
                let (sender_time, marker) = (packet.sender_time, packet.marker);
                Some(Packet { sender_time, marker, encoding, level: None, len })
            }
        };
        self.sounding = packet.is_some_and(|packet| packet.encoding != Encoding::TelephoneEvent);
        let Packet { sender_time, marker, encoding, level, len } = packet?;
        let sequence_number = self.sequence_number;
        self.sequence_number = sequence_number.wrapping_add(1);
        let payload = match encoding {
            Encoding::TelephoneEvent => &self.tone[..],
            _ => self.encoder.payload(len),
        };
        Some(OutgoingAudio {
            section: 0,
            sequence_number,
            sender_time,
            marker,
            encoding,
            level,
            speakers: &[],
            payload,
        })
    }

    /// Encodes what is to be said, if anything is.
    fn speak(
        &mut self,
        clock: &impl MediaClock,
        frames: &mut RingReader<AudioFrame>,
        time: RtpTime,
        copies: usize,
    ) -> Option<Packet> {
        let due = self.source.tick(&mut self.pcm, time, frames, &mut self.events);
        let Due { ring_in, after_underrun } = due?;
        let taken = clock.now();
        let SharedStats { counters, ledger, .. } = &*self.stats;
        counters.send_underruns.add(u64::from(after_underrun));
        if let Some(ring_in) = ring_in {
            ledger.record(Stage::AppIn, taken.since(ring_in));
        }
        if self.control.is_muted() {
            self.cut = true;
            counters.frames_withheld.add(1);
            return None;
        }
        if std::mem::take(&mut self.cut) {
            fade_in(&mut self.pcm[..self.fade_len]);
        }
        let encoded = self.encoder.encode(&self.pcm, time, copies);
        ledger.record(Stage::Encode, clock.now().since(taken));
        match encoded {
            Some(Encoded::Payload(encoding, len)) => {
                counters.redundant_packets_sent.add(u64::from(encoding == Encoding::Red));
                let level = Some(AudioLevel::of(&self.pcm));
                Some(Packet { sender_time: time, marker: !self.sounding, encoding, level, len })
            }
            Some(Encoded::Silence) => {
                counters.frames_withheld.add(1);
                None
            }
            None => {
                counters.send_errors.add(1);
                None
            }
        }
    }
}

/// How many ticks `span` takes, rounded up.
pub(crate) fn ticks_in(span: Duration) -> u32 {
    u32::try_from(span.as_nanos().div_ceil(AudioFormat::FRAME_DURATION.as_nanos())).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
