//! All that a session hears: the mix, and one stream for each speaker beside it. One receiver each, and one frame a tick for
//! all of them, so that whoever reads has one timeline. Pure.

use std::sync::Arc;

use super::gains::Gains;
use super::transport::AudioSection;
use super::voice::VoiceStage;
use crate::audio::limiter::Limiter;
use crate::audio::mix::Mixer;
use crate::audio::opus::OpusError;
use crate::event::MediaEvent;
use crate::frame::{self, AudioFrame, FrameOrigin, ReceiveStages};
use crate::receive::speakers::DominantSpeaker;
use crate::receive::{AudioPacket, AudioReceiver};
use crate::rtp::{ActiveSpeaker, ActiveSpeakers, AudioLevel};
use crate::settings::{AudioSocketSettings, MixSource};
use crate::stats::SharedStats;
use crate::time::{MediaClock, MediaInstant};
use crate::units::MediaSourceId;

/// Events that one stream can tell at a tick: the end of whoever spoke and of the turn, and then a beginning, an end, the end
/// of a turn, an interruption.
const EVENTS_A_STREAM: usize = 6;

/// Where the mix comes from.
enum Mix {
    FarEnd(Box<AudioReceiver>),
    Local { mixer: Mixer, limiter: Limiter, gains: Arc<Gains> },
}

/// One section that carries one speaker at a time.
struct SpeakerStream {
    receiver: AudioReceiver,
    /// Who is heard on it; `None` before the first, and when another stream has taken the speaker over.
    source: Option<MediaSourceId>,
    /// Whether anybody ever was.
    named: bool,
    /// Whether it is another's since this tick.
    changed: bool,
    voice: Option<VoiceStage>,
}

/// Hears the sections of one session. Everything is made with it.
pub(crate) struct AudioStreams {
    mix: Mix,
    speakers: Box<[SpeakerStream]>,
    voice: Option<VoiceStage>,
    dominant: DominantSpeaker,
    frame: AudioFrame,
    /// How far the timeline moves with a frame: in samples of the application, which may have another rate than the codec.
    step: u64,
    /// Where the next frame stands; `None` until it has begun.
    position: Option<u64>,
    /// What the tick made known, in order.
    pub(crate) events: Vec<MediaEvent>,
    stats: Arc<SharedStats>,
}

impl AudioStreams {
    pub(crate) fn new(
        settings: &AudioSocketSettings,
        gains: &Arc<Gains>,
        stats: &Arc<SharedStats>,
    ) -> Result<Self, OpusError> {
        let format = settings.format.codec_format();
        let count = usize::from(settings.unmixed);
        let receiver = || AudioReceiver::with_stats(format, settings.jitter, Arc::clone(stats));
        let voice = || settings.voice_activity.as_ref().map(|voice| VoiceStage::new(settings.format, voice));
        let mix = match settings.mix {
            MixSource::FarEnd => Mix::FarEnd(Box::new(receiver()?)),
            MixSource::Local => Mix::Local {
                mixer: Mixer::new(format, count),
                limiter: Limiter::new(format),
                gains: Arc::clone(gains),
            },
        };
        let stream = || {
            Ok(SpeakerStream {
                receiver: receiver()?,
                source: None,
                named: false,
                changed: false,
                voice: voice(),
            })
        };
        let speakers = std::iter::repeat_with(stream).take(count).collect::<Result<_, OpusError>>()?;
        Ok(Self {
            mix,
            speakers,
            voice: voice(),
            dominant: DominantSpeaker::default(),
            frame: AudioFrame::with_unmixed(format, count),
            step: settings.format.samples_per_frame() as u64,
            position: None,
            events: Vec::with_capacity(1 + EVENTS_A_STREAM * (count + 1)),
            stats: Arc::clone(stats),
        })
    }

    /// Takes in a packet of a section. One that nobody asked for is counted and dropped.
    pub(crate) fn receive(&mut self, section: AudioSection, mut packet: AudioPacket<'_>) {
        let receiver = match (section.checked_sub(1), &mut self.mix) {
            (None, Mix::FarEnd(receiver)) => Some(receiver.as_mut()),
            (None, Mix::Local { .. }) => None,
            (Some(stream), _) => {
                if packet.speakers.is_empty() {
                    // What names no contributing source comes from the one that synchronises it (RFC 3550 section 5.1).
                    let source = MediaSourceId(packet.ssrc.0);
                    packet.speakers.push(ActiveSpeaker { source, level: packet.level });
                }
                self.speakers.get_mut(stream).map(|speaker| &mut speaker.receiver)
            }
        };
        match receiver {
            Some(receiver) => receiver.receive(&packet),
            None => self.stats.counters.packets_discarded.add(1),
        }
    }

    /// Makes the next frame, due at `now`; `false` until the first packet of any section has waited for its delay. `speaking`
    /// says whether we speak, which is what the far end interrupts.
    pub(crate) fn tick(&mut self, now: MediaInstant, clock: &impl MediaClock, speaking: bool) -> bool {
        let mixed = self.hear_mix(now, clock);
        let unmixed = self.hear_speakers(now, clock);
        if !mixed && !unmixed && self.position.is_none() {
            return false;
        }
        self.mix_here(clock);
        let first_sample = self.position.unwrap_or(0);
        self.position = Some(first_sample + self.step);
        self.frame.first_sample = first_sample;
        self.frame.capture_time = now;
        if self.frame.speakers.is_empty() {
            self.frame.speakers = self.unmixed_speakers();
        }
        self.follow_voices(first_sample, speaking);
        self.follow_floor();
        true
    }

    /// What [`tick`](Self::tick) made. Its memory may be exchanged for that of a frame of the same shape.
    pub(crate) fn frame_mut(&mut self) -> &mut AudioFrame {
        &mut self.frame
    }

    /// Puts the far end's mix into the frame, or silence.
    fn hear_mix(&mut self, now: MediaInstant, clock: &impl MediaClock) -> bool {
        if let Mix::FarEnd(receiver) = &mut self.mix
            && receiver.tick(now, clock).is_some()
            && let Some(frame) = receiver.frame_mut()
        {
            self.frame.take_mix_from(frame);
            return true;
        }
        let at = clock.now();
        self.frame.samples_mut().fill(0);
        self.frame.unmixed.clear();
        self.frame.sender_time = None;
        self.frame.speakers = ActiveSpeakers::NONE;
        self.frame.level = None;
        self.frame.origin = FrameOrigin::Silence;
        self.frame.is_silence = true;
        self.frame.voice = None;
        self.frame.stages = ReceiveStages { jitter_out: at, decode_out: at, ..ReceiveStages::default() };
        false
    }

    /// Puts what each speaker says into the frame.
    fn hear_speakers(&mut self, now: MediaInstant, clock: &impl MediaClock) -> bool {
        let mut heard = false;
        for stream in 0..self.speakers.len() {
            let speaker = &mut self.speakers[stream];
            speaker.changed = false;
            let Some(frame) = speaker.receiver.tick(now, clock) else { continue };
            heard = true;
            // Concealed and silent frames name nobody: they are of whoever was heard last.
            let named = frame.speakers.loudest().map(|speaker| speaker.source);
            if let Some(source) = named.filter(|_| named != speaker.source) {
                self.take_over(stream, source);
            }
        }
        let first_sample = self.position.unwrap_or(0);
        for (stream, speaker) in self.speakers.iter_mut().enumerate() {
            let (Some(source), Some(frame)) = (speaker.source, speaker.receiver.frame_mut()) else {
                continue;
            };
            let Some(place) = self.frame.unmixed.push() else { break };
            place.fill(frame, source, stream);
            place.first_sample = first_sample;
            place.source_changed = speaker.changed;
        }
        heard
    }

    /// A speaker is on one stream at a time: on whichever named it last.
    fn take_over(&mut self, stream: usize, source: MediaSourceId) {
        for (index, speaker) in self.speakers.iter_mut().enumerate() {
            if index != stream && speaker.source != Some(source) {
                continue;
            }
            if let Some(voice) = &mut speaker.voice {
                voice.end(&mut self.events);
            }
            if index == stream {
                speaker.changed = speaker.named;
                speaker.named = true;
                speaker.source = Some(source);
            } else {
                speaker.source = None;
            }
        }
    }

    /// Sums the speakers into the frame, where that is ours to do.
    fn mix_here(&mut self, clock: &impl MediaClock) {
        let Mix::Local { mixer, limiter, gains } = &mut self.mix else { return };
        mixer.begin();
        let mut origin = FrameOrigin::Silence;
        for speaker in self.frame.unmixed.iter() {
            let added = mixer.add(speaker.source, &speaker.samples, gains.of(speaker.source));
            debug_assert!(added.is_ok(), "the mixer has a place for each stream");
            origin = match (origin, speaker.origin) {
                (FrameOrigin::Media, _) | (_, FrameOrigin::Media) => FrameOrigin::Media,
                (FrameOrigin::Concealed, _) | (_, FrameOrigin::Concealed) => FrameOrigin::Concealed,
                _ => FrameOrigin::Silence,
            };
        }
        let stages = self.speakers.iter().filter_map(|stream| stream.receiver.frame());
        let stages = stages.map(|frame| frame.stages);
        // The packet that waited for the shortest stands for all of them.
        self.frame.stages = stages.max_by_key(|stages| stages.wire_in).unwrap_or(self.frame.stages);
        mixer.mix(limiter, self.frame.samples_mut());
        self.frame.stages.decode_out = clock.now();
        self.frame.origin = origin;
        self.frame.is_silence = frame::is_silence(self.frame.samples());
    }

    /// Who is heard, by the unmixed streams.
    fn unmixed_speakers(&self) -> ActiveSpeakers {
        let heard = self.frame.unmixed.iter().filter(|speaker| !speaker.is_silence);
        heard
            .map(|speaker| {
                let level = speaker.level.unwrap_or_else(|| AudioLevel::of(&speaker.samples));
                ActiveSpeaker { source: speaker.source, level: Some(level) }
            })
            .collect()
    }

    /// Listens for speech, in the mix and on each stream.
    fn follow_voices(&mut self, first_sample: u64, speaking: bool) {
        let Self { frame, events, speakers, .. } = self;
        if let Some(voice) = &mut self.voice {
            let (samples, silent) = (&frame.samples[..], frame.is_silence);
            frame.voice = Some(voice.frame(first_sample, samples, silent, None, speaking, events));
        }
        for place in frame.unmixed.iter_mut() {
            let Some(voice) = speakers.get_mut(place.stream).and_then(|stream| stream.voice.as_mut()) else {
                continue;
            };
            let source = Some(place.source);
            place.voice =
                Some(voice.frame(first_sample, &place.samples, place.is_silence, source, false, events));
        }
    }

    fn follow_floor(&mut self) {
        let speakers = &self.frame.speakers;
        let unknown = speakers.iter().any(|speaker| speaker.level.is_none());
        let mix = if unknown { AudioLevel::of(self.frame.samples()) } else { AudioLevel::SILENCE };
        if self.dominant.tick(speakers, mix) {
            let (current, history) = (self.dominant.current(), self.dominant.history());
            self.events.push(MediaEvent::DominantSpeakerChanged { current, history });
        }
    }
}

#[cfg(test)]
mod tests;
