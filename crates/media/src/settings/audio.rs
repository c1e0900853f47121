//! Settings of an audio socket.

use std::time::Duration;

use super::{JitterBufferSettings, OpusSettings};
use crate::frame::AudioFormat;

/// Settings of an audio socket, both directions.
#[derive(Clone, Debug)]
pub struct AudioSocketSettings {
    pub(crate) format: AudioFormat,
    pub(crate) jitter: JitterBufferSettings,
    pub(crate) receive_queue: Duration,
    pub(crate) send_queue: Duration,
    pub(crate) send_lead: Duration,
    pub(crate) encoder: OpusSettings,
    pub(crate) encoded: bool,
    pub(crate) redundancy: Redundancy,
    pub(crate) low_water: Duration,
    pub(crate) unmixed: u8,
    pub(crate) sends_unmixed: u8,
    pub(crate) mix: MixSource,
    pub(crate) voice_activity: Option<VoiceActivitySettings>,
}

impl Default for AudioSocketSettings {
    fn default() -> Self {
        Self {
            format: AudioFormat::default(),
            jitter: JitterBufferSettings::default(),
            receive_queue: Duration::from_secs(1),
            send_queue: Duration::from_millis(100),
            send_lead: Duration::from_millis(20),
            encoder: OpusSettings::default(),
            encoded: false,
            redundancy: Redundancy::default(),
            low_water: Duration::from_secs(1),
            unmixed: 0,
            sends_unmixed: 0,
            mix: MixSource::FarEnd,
            voice_activity: None,
        }
    }
}

impl AudioSocketSettings {
    /// Rate of the PCM, in and out. Default [`AudioFormat::Pcm16K`]. Opus is decoded straight at this rate, but for 44.1 kHz,
    /// which is made of 48 kHz at the application's end: 3.3 ms of delay, and 11 us a frame on the application's thread.
    #[must_use]
    pub fn format(mut self, format: AudioFormat) -> Self {
        self.format = format;
        self
    }

    /// The jitter buffer. Default: [`JitterBufferSettings::default`].
    #[must_use]
    pub fn jitter(mut self, jitter: JitterBufferSettings) -> Self {
        self.jitter = jitter;
        self
    }

    /// How much received audio waits for an application that does not read. Default 1 s; what comes on top is
    /// dropped and counted. Costs its samples in memory: 32 KiB at 16 kHz.
    #[must_use]
    pub fn receive_queue(mut self, span: Duration) -> Self {
        self.receive_queue = span;
        self
    }

    /// How far ahead of the wire an application may send. Default 100 ms. Longer rides out a slower application;
    /// each further 20 ms is one more frame of latency for whoever fills it.
    #[must_use]
    pub fn send_queue(mut self, span: Duration) -> Self {
        self.send_queue = span;
        self
    }

    /// How long the first frame after a pause is held, so that an application that is a little late does not tear
    /// holes into its speech. Default 20 ms; it is latency of everything that is sent.
    #[must_use]
    pub fn send_lead(mut self, span: Duration) -> Self {
        self.send_lead = span;
        self
    }

    /// The encoder. Default: [`OpusSettings::default`].
    #[must_use]
    pub fn encoder(mut self, encoder: OpusSettings) -> Self {
        self.encoder = encoder;
        self
    }

    /// Whether the application gets and gives Opus packets instead of PCM, through an
    /// [`EncodedAudioSocket`](crate::EncodedAudioSocket) that it takes from the session in the place of the audio socket.
    /// Default no. Saves the codec, and with it most of what a call costs; `receive_queue` and `send_queue` then count packets of 20 ms,
    /// of 1.5 KiB each.
    #[must_use]
    pub fn encoded(mut self, encoded: bool) -> Self {
        self.encoded = encoded;
        self
    }

    /// Whether packets carry copies of those before them (RED, RFC 2198). Default [`Redundancy::OnLoss`].
    #[must_use]
    pub fn redundancy(mut self, redundancy: Redundancy) -> Self {
        self.redundancy = redundancy;
        self
    }

    /// How much is left in the player when [`MediaEvent::LowOnFrames`](crate::MediaEvent::LowOnFrames) is told.
    /// Default 1 s.
    #[must_use]
    pub fn low_water(mut self, span: Duration) -> Self {
        self.low_water = span;
        self
    }

    /// How many speakers to ask for on streams of their own, beside the mix. Default 0; at most 10. Each is a media section
    /// of the offer, some 600 bytes of the blob, and costs what the mix costs: a jitter buffer, a decoder, and its share of
    /// [`receive_queue`](Self::receive_queue). A far end that has no such streams declines them, and the mix is heard as
    /// ever. An answer asks for none.
    #[must_use]
    pub fn unmixed(mut self, speakers: u8) -> Self {
        self.unmixed = speakers;
        self
    }

    /// How many speakers an answer sends on streams of their own, as far as the offer asks for them. Default 0; at most 10. For an end
    /// that mixes, with [`encoded`](Self::encoded) audio only: their senders are
    /// [`EncodedAudioSocket::take_speakers`](crate::EncodedAudioSocket::take_speakers). Each costs a
    /// [`send_queue`](Self::send_queue). An offer sends none.
    #[must_use]
    pub fn sends_unmixed(mut self, speakers: u8) -> Self {
        self.sends_unmixed = speakers;
        self
    }

    /// Where the mix comes from. Default [`MixSource::FarEnd`].
    #[must_use]
    pub fn mix(mut self, mix: MixSource) -> Self {
        self.mix = mix;
        self
    }

    /// Tells when somebody begins to speak, pauses, has finished, or interrupts. Default off. Costs 13 us a frame and stream
    /// that is not silent (20 us at 48 kHz), and some 10 KiB a stream.
    #[must_use]
    pub fn voice_activity(mut self, settings: VoiceActivitySettings) -> Self {
        self.voice_activity = Some(settings);
        self
    }
}

/// When packets carry copies of those before them (RED, RFC 2198), with a peer that has agreed to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Redundancy {
    /// Never.
    Off,
    /// While the peer reports loss: one copy from 3 % on, two from 10 % on, none after 10 s without. Each copy costs as
    /// many bits as the speech itself.
    #[default]
    OnLoss,
    /// From the first packet on, one copy; two from 10 % loss on.
    Always,
}

/// Where the mix of an audio socket comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MixSource {
    /// The far end mixes, and sends the mix.
    #[default]
    FarEnd,
    /// No mix is asked for: the streams of the speakers are summed here, each with a gain of its own, and limited. The mix is
    /// then 5 ms behind the streams.
    Local,
}

/// Settings of the voice activity stage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VoiceActivitySettings {
    pub(crate) threshold: f32,
    pub(crate) speech_start: Duration,
    pub(crate) speech_end: Duration,
    pub(crate) end_of_turn: Duration,
}

impl Default for VoiceActivitySettings {
    fn default() -> Self {
        Self {
            threshold: 0.5,
            speech_start: Duration::from_millis(80),
            speech_end: Duration::from_millis(300),
            end_of_turn: Duration::from_millis(700),
        }
    }
}

impl VoiceActivitySettings {
    /// From which probability on a frame is speech: 0 to 1. Default 0.5. Higher misses quiet speech, lower takes noise for it.
    #[must_use]
    pub fn threshold(mut self, probability: f32) -> Self {
        self.threshold = probability;
        self
    }

    /// How long speech must last to be told. Default 80 ms; shorter reacts sooner, also to a click.
    #[must_use]
    pub fn speech_start(mut self, span: Duration) -> Self {
        self.speech_start = span;
        self
    }

    /// How long silence must last to end speech. Default 300 ms: longer than the stop in a word.
    #[must_use]
    pub fn speech_end(mut self, span: Duration) -> Self {
        self.speech_end = span;
        self
    }

    /// How long silence must last to end the turn. Default 700 ms. Shorter answers sooner, and interrupts who thinks. What is
    /// shorter than [`speech_end`](Self::speech_end) is that long.
    #[must_use]
    pub fn end_of_turn(mut self, span: Duration) -> Self {
        self.end_of_turn = span;
        self
    }
}
