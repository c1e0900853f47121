//! What one speaker says, beside the mix: on the same timeline, in memory that is made once.

use std::ops::{Deref, DerefMut};

use super::{AudioFormat, AudioFrame, FrameOrigin, Voice};
use crate::rtp::AudioLevel;
use crate::time::RtpTime;
use crate::units::MediaSourceId;

/// 20 ms of one speaker, on a stream of its own. Stands at the same place as the frame that carries it, in its format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnmixedAudio {
    pub(crate) source: MediaSourceId,
    /// Which of the socket's unmixed streams it came on.
    pub(crate) stream: usize,
    pub(crate) samples: Box<[i16]>,
    pub(crate) first_sample: u64,
    pub(crate) sender_time: Option<RtpTime>,
    pub(crate) level: Option<AudioLevel>,
    pub(crate) origin: FrameOrigin,
    pub(crate) is_silence: bool,
    pub(crate) source_changed: bool,
    pub(crate) voice: Option<Voice>,
}

impl UnmixedAudio {
    fn silent(format: AudioFormat) -> Self {
        Self {
            source: MediaSourceId(0),
            stream: 0,
            samples: vec![0; format.samples_per_frame()].into_boxed_slice(),
            first_sample: 0,
            sender_time: None,
            level: None,
            origin: FrameOrigin::Silence,
            is_silence: true,
            source_changed: false,
            voice: None,
        }
    }

    /// Who speaks: the stream's contributing source, or its SSRC where it names none (RFC 3550 section 5.1).
    pub fn source(&self) -> MediaSourceId {
        self.source
    }

    /// The first frame of this speaker on a stream that was another's before. One packet may hold the end of the one and the
    /// beginning of the other, so its first samples may still be the other's. In every other frame all samples are of
    /// [`source`](Self::source).
    pub fn source_changed(&self) -> bool {
        self.source_changed
    }

    /// The samples, mono, exactly 20 ms of them.
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// Where they stand on the timeline of the frames: as the frame that carries them.
    pub fn first_sample(&self) -> u64 {
        self.first_sample
    }

    /// The sender's RTP time of the first sample (48 kHz clock); `None` where no packet stands behind them.
    pub fn sender_time(&self) -> Option<RtpTime> {
        self.sender_time
    }

    /// How loud they are.
    pub fn level(&self) -> AudioLevel {
        AudioLevel::of(&self.samples)
    }

    /// How loud the sender says that they are.
    pub fn sender_level(&self) -> Option<AudioLevel> {
        self.level
    }

    /// How they came to be.
    pub fn origin(&self) -> FrameOrigin {
        self.origin
    }

    /// Nothing can be heard in them.
    pub fn is_silence(&self) -> bool {
        self.is_silence
    }

    /// How likely it is that they are speech, 0 to 1; `None` without voice activity.
    pub fn voice_probability(&self) -> Option<f32> {
        self.voice.map(Voice::probability)
    }

    /// Whether this one speaks now; a short pause is part of it. `None` without voice activity.
    pub fn is_speech(&self) -> Option<bool> {
        self.voice.map(|voice| voice.is_speech)
    }

    pub(crate) fn describe_as(&mut self, other: &Self) {
        self.source = other.source;
        self.stream = other.stream;
        self.first_sample = other.first_sample;
        self.sender_time = other.sender_time;
        self.level = other.level;
        self.origin = other.origin;
        self.is_silence = other.is_silence;
        self.source_changed = other.source_changed;
        self.voice = other.voice;
    }

    /// Takes samples and description of a frame that a stream of one speaker gave, in exchange for its own memory.
    pub(crate) fn fill(&mut self, frame: &mut AudioFrame, source: MediaSourceId, stream: usize) {
        std::mem::swap(&mut self.samples, &mut frame.samples);
        self.source = source;
        self.stream = stream;
        self.sender_time = frame.sender_time;
        self.level = frame.level;
        self.origin = frame.origin;
        self.is_silence = frame.is_silence;
        self.voice = frame.voice;
    }
}

/// The speakers of one frame. Derefs to a slice of those who are there.
#[derive(Clone, Debug)]
pub(crate) struct Unmixed {
    places: Box<[UnmixedAudio]>,
    len: usize,
}

impl Unmixed {
    pub(crate) fn new(format: AudioFormat, most: usize) -> Self {
        Self { places: std::iter::repeat_with(|| UnmixedAudio::silent(format)).take(most).collect(), len: 0 }
    }

    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    /// The next place, to be filled; `None` when all are.
    pub(crate) fn push(&mut self) -> Option<&mut UnmixedAudio> {
        let place = self.places.get_mut(self.len)?;
        self.len += 1;
        Some(place)
    }

    /// Takes what `other` holds, each with `copy_samples`; what there is no place for is left out.
    pub(crate) fn copy_with(
        &mut self,
        other: &Self,
        mut copy_samples: impl FnMut(&UnmixedAudio, &mut [i16]),
    ) {
        self.clear();
        for from in other.iter() {
            let Some(place) = self.push() else { break };
            place.describe_as(from);
            copy_samples(from, &mut place.samples);
        }
    }
}

impl Deref for Unmixed {
    type Target = [UnmixedAudio];

    fn deref(&self) -> &[UnmixedAudio] {
        &self.places[..self.len]
    }
}

impl DerefMut for Unmixed {
    fn deref_mut(&mut self) -> &mut [UnmixedAudio] {
        &mut self.places[..self.len]
    }
}

impl PartialEq for Unmixed {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

impl Eq for Unmixed {}
