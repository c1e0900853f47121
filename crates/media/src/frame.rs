//! The unit that an application hears and speaks: 20 ms of PCM with its times.

mod unmixed;

use std::time::Duration;

pub(crate) use unmixed::Unmixed;
pub use unmixed::UnmixedAudio;

use crate::rtp::{ActiveSpeaker, ActiveSpeakers, AudioLevel};
use crate::time::{MediaInstant, RtpTime};
use crate::units::{MediaSourceId, SampleRate};

/// The PCM of a socket: signed 16-bit little-endian in memory order of the machine, mono.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AudioFormat {
    /// 8 kHz, 160 samples a frame. Telephone band.
    Pcm8K,
    /// 12 kHz, 240 samples a frame.
    Pcm12K,
    /// 16 kHz, 320 samples a frame. What speech recognisers take.
    #[default]
    Pcm16K,
    /// 24 kHz, 480 samples a frame. What most voice models speak.
    Pcm24K,
    /// 44.1 kHz, 882 samples a frame. What Microsoft's media platform calls `Pcm44KStereo`, in one channel. Opus has no such
    /// rate: the ends of a socket resample from and to 48 kHz.
    Pcm44K,
    /// 48 kHz, 960 samples a frame. Full band.
    Pcm48K,
}

impl AudioFormat {
    /// How long each frame lasts, whatever its format.
    pub const FRAME_DURATION: Duration = Duration::from_millis(20);

    /// Every format, lowest rate first.
    pub const ALL: [Self; 6] =
        [Self::Pcm8K, Self::Pcm12K, Self::Pcm16K, Self::Pcm24K, Self::Pcm44K, Self::Pcm48K];

    /// Samples per second.
    pub const fn sample_rate(self) -> SampleRate {
        match self {
            Self::Pcm8K => SampleRate::HZ_8000,
            Self::Pcm12K => SampleRate::HZ_12000,
            Self::Pcm16K => SampleRate::HZ_16000,
            Self::Pcm24K => SampleRate::HZ_24000,
            Self::Pcm44K => SampleRate::HZ_44100,
            Self::Pcm48K => SampleRate::HZ_48000,
        }
    }

    /// Samples in one frame of 20 ms.
    pub const fn samples_per_frame(self) -> usize {
        (self.sample_rate().get() / 50) as usize
    }

    /// The format that the codec speaks where this one is asked for: itself, but for 44.1 kHz, which Opus has not (RFC 6716
    /// section 2).
    #[must_use]
    pub const fn codec_format(self) -> Self {
        match self {
            Self::Pcm44K => Self::Pcm48K,
            other => other,
        }
    }

    /// The format with this rate.
    pub fn from_sample_rate(rate: SampleRate) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.sample_rate() == rate)
    }
}

/// How the samples of a received frame came to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FrameOrigin {
    /// Decoded from a packet that arrived, or made by the application.
    #[default]
    Media,
    /// Decoded from the copy that another packet held: its own was lost or late.
    Recovered,
    /// Made up by the decoder because the packet was lost or late.
    Concealed,
    /// Nothing was there to decode or to conceal: the sender paused, or the loss lasts too long.
    Silence,
}

/// When a frame passed each stage on its way from the wire to the application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiveStages {
    /// Its packet was read from the socket. `None` when no packet stands behind the frame.
    pub wire_in: Option<MediaInstant>,
    /// The jitter buffer let it go.
    pub jitter_out: MediaInstant,
    /// The decoder was done.
    pub decode_out: MediaInstant,
    /// It was put into the ring.
    pub ring_in: MediaInstant,
    /// The application took it.
    pub app_out: MediaInstant,
}

/// 20 ms of mono PCM, with its place on the timeline and its times.
///
/// A frame that is received belongs to its socket and is lent until the next one is asked for; `clone` keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioFrame {
    format: AudioFormat,
    pub(crate) samples: Box<[i16]>,
    pub(crate) first_sample: u64,
    pub(crate) capture_time: MediaInstant,
    pub(crate) sender_time: Option<RtpTime>,
    pub(crate) speakers: ActiveSpeakers,
    pub(crate) level: Option<AudioLevel>,
    pub(crate) origin: FrameOrigin,
    pub(crate) is_silence: bool,
    pub(crate) voice: Option<Voice>,
    pub(crate) unmixed: Unmixed,
    pub(crate) stages: ReceiveStages,
    /// For a frame that waits to be sent: how often speech had been cleared when it was given.
    pub(crate) clears: u64,
}

/// What voice activity found in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Voice {
    /// In 255ths, so that frames can be compared.
    probability: u8,
    pub(crate) is_speech: bool,
}

impl Voice {
    pub(crate) fn new(probability: f32, is_speech: bool) -> Self {
        Self { probability: (probability * 255.0).round() as u8, is_speech }
    }

    fn probability(self) -> f32 {
        f32::from(self.probability) / 255.0
    }
}

/// The samples given do not make one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a {format:?} frame holds {} samples (20 ms), not {samples}", format.samples_per_frame())]
pub struct FrameLengthError {
    /// The format asked for.
    pub format: AudioFormat,
    /// How many samples were given.
    pub samples: usize,
}

impl AudioFrame {
    /// A frame of the application's own, captured (or meant to be heard) at `capture_time`.
    ///
    /// # Errors
    /// When `samples` is not exactly 20 ms in `format`.
    pub fn new(
        format: AudioFormat,
        capture_time: MediaInstant,
        samples: &[i16],
    ) -> Result<Self, FrameLengthError> {
        let mut frame = Self::silent(format, capture_time);
        if samples.len() != frame.samples.len() {
            return Err(FrameLengthError { format, samples: samples.len() });
        }
        frame.samples.copy_from_slice(samples);
        frame.is_silence = is_silence(samples);
        Ok(frame)
    }

    /// A frame of digital silence.
    pub fn silent(format: AudioFormat, capture_time: MediaInstant) -> Self {
        Self {
            format,
            samples: vec![0; format.samples_per_frame()].into_boxed_slice(),
            first_sample: 0,
            capture_time,
            sender_time: None,
            speakers: ActiveSpeakers::NONE,
            level: None,
            origin: FrameOrigin::Media,
            is_silence: true,
            voice: None,
            unmixed: Unmixed::new(format, 0),
            stages: ReceiveStages::default(),
            clears: 0,
        }
    }

    /// A frame of silence that can carry as many unmixed speakers.
    pub(crate) fn with_unmixed(format: AudioFormat, speakers: usize) -> Self {
        Self { unmixed: Unmixed::new(format, speakers), ..Self::silent(format, MediaInstant::ZERO) }
    }

    /// Its format.
    pub fn format(&self) -> AudioFormat {
        self.format
    }

    /// The samples, mono, exactly 20 ms of them.
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// The samples, to be changed in place.
    pub fn samples_mut(&mut self) -> &mut [i16] {
        &mut self.samples
    }

    /// Where the frame stands on its stream's timeline: the number of samples before its first one.
    ///
    /// It grows by one frame a tick of 20 ms, from the first packet of the stream on. A larger step means that
    /// frames in between were lost because they were not read in time; a recorder writes silence there.
    pub fn first_sample(&self) -> u64 {
        self.first_sample
    }

    /// The same frame at another place on the timeline; for frames that an application makes or replays.
    #[must_use]
    pub fn with_first_sample(mut self, first_sample: u64) -> Self {
        self.first_sample = first_sample;
        self
    }

    /// When the first sample was captured. For a received frame: the tick at which it left the jitter buffer.
    pub fn capture_time(&self) -> MediaInstant {
        self.capture_time
    }

    /// When the packet behind the frame arrived; `None` for what was concealed or silent.
    pub fn arrival_time(&self) -> Option<MediaInstant> {
        self.stages.wire_in
    }

    /// The sender's RTP time of the first sample (48 kHz clock); `None` where no packet stands behind the frame.
    pub fn sender_time(&self) -> Option<RtpTime> {
        self.sender_time
    }

    /// Who is heard, with their levels: as the far end says (RTP contributing sources), or, where it names nobody, those whose
    /// unmixed streams are not silent. Never the bot itself.
    pub fn active_speakers(&self) -> &[ActiveSpeaker] {
        &self.speakers
    }

    /// What each speaker says, beside the mix: one entry for each unmixed stream that has begun, silent ones too. Each source
    /// stands there once. Empty unless [`AudioSocketSettings::unmixed`](crate::AudioSocketSettings::unmixed) asks for them.
    pub fn unmixed(&self) -> &[UnmixedAudio] {
        &self.unmixed
    }

    /// Who is heard above the others, when it is known who is heard at all.
    pub fn source(&self) -> Option<MediaSourceId> {
        self.speakers.loudest().map(|speaker| speaker.source)
    }

    /// How loud it is.
    pub fn level(&self) -> AudioLevel {
        AudioLevel::of(&self.samples)
    }

    /// How likely it is that there is speech in it, 0 to 1; `None` without voice activity.
    pub fn voice_probability(&self) -> Option<f32> {
        self.voice.map(Voice::probability)
    }

    /// Whether somebody speaks now; a short pause is part of it. `None` without voice activity.
    pub fn is_speech(&self) -> Option<bool> {
        self.voice.map(|voice| voice.is_speech)
    }

    /// How loud the sender says that it is.
    pub fn sender_level(&self) -> Option<AudioLevel> {
        self.level
    }

    /// How the samples came to be.
    pub fn origin(&self) -> FrameOrigin {
        self.origin
    }

    /// Nothing can be heard in it. The frame still takes its 20 ms: leaving it out makes a recording too short.
    pub fn is_silence(&self) -> bool {
        self.is_silence
    }

    /// When it passed each stage.
    pub fn stages(&self) -> &ReceiveStages {
        &self.stages
    }

    /// Copies all of `other` into this frame's memory. Both must have one format. Unmixed speakers that this frame has no
    /// memory for are left out.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        debug_assert_eq!(self.format, other.format, "the pool of a socket has the socket's format");
        self.samples.copy_from_slice(&other.samples);
        self.unmixed.copy_with(&other.unmixed, |from, samples| samples.copy_from_slice(&from.samples));
        self.describe_as(other);
    }

    /// Takes all of `other` but its unmixed speakers. The two exchange the memory of their samples, so that nothing is copied.
    pub(crate) fn take_mix_from(&mut self, other: &mut Self) {
        debug_assert_eq!(self.format, other.format, "frames of one stream have one format");
        std::mem::swap(&mut self.samples, &mut other.samples);
        self.unmixed.clear();
        self.describe_as(other);
    }

    /// The same with the unmixed speakers. Both frames must have room for as many.
    pub(crate) fn take_from(&mut self, other: &mut Self) {
        self.take_mix_from(other);
        std::mem::swap(&mut self.unmixed, &mut other.unmixed);
    }

    /// Takes everything of `other` that is not samples.
    pub(crate) fn describe_as(&mut self, other: &Self) {
        self.first_sample = other.first_sample;
        self.capture_time = other.capture_time;
        self.sender_time = other.sender_time;
        self.speakers = other.speakers;
        self.level = other.level;
        self.origin = other.origin;
        self.is_silence = other.is_silence;
        self.voice = other.voice;
        self.stages = other.stages;
        self.clears = other.clears;
    }
}

/// The loudest sample that still counts as silence: -66 dBFS, under the noise of a quiet room's microphone and over
/// the few units of dither that decoders leave in digital silence.
const SILENCE_PEAK: u16 = 16;

/// Whether nothing can be heard in `samples`.
pub(crate) fn is_silence(samples: &[i16]) -> bool {
    samples.iter().all(|sample| sample.unsigned_abs() <= SILENCE_PEAK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_twenty_milliseconds_in_every_format() {
        for format in AudioFormat::ALL {
            let samples = vec![100; format.samples_per_frame()];
            let frame = AudioFrame::new(format, MediaInstant::ZERO, &samples).unwrap();
            assert_eq!(format.sample_rate().duration_of(samples.len() as u64), AudioFormat::FRAME_DURATION);
            assert!(!frame.is_silence());
            assert_eq!(AudioFormat::from_sample_rate(format.sample_rate()), Some(format));
        }
    }

    #[test]
    fn a_frame_of_the_wrong_length_says_what_was_expected() {
        let error = AudioFrame::new(AudioFormat::Pcm16K, MediaInstant::ZERO, &[0; 321]).unwrap_err();
        assert_eq!(error.to_string(), "a Pcm16K frame holds 320 samples (20 ms), not 321");
    }
}
