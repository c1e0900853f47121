//! Voice activity of one stream of a session: what is heard becomes events. Pure.

use crate::audio::turns::{TurnDetector, TurnEvent};
use crate::audio::vad::VoiceDetector;
use crate::event::MediaEvent;
use crate::frame::{AudioFormat, Voice};
use crate::settings::VoiceActivitySettings;
use crate::units::MediaSourceId;

/// Listens to one stream.
pub(crate) struct VoiceStage {
    detector: VoiceDetector,
    turns: TurnDetector,
    format: AudioFormat,
    settings: VoiceActivitySettings,
    /// Who spoke last, so that an end is told of whom a beginning was.
    source: Option<MediaSourceId>,
}

impl VoiceStage {
    /// A stage for an application that hears `format`; samples come in the codec's, places in the application's.
    pub(crate) fn new(format: AudioFormat, settings: &VoiceActivitySettings) -> Self {
        Self {
            detector: VoiceDetector::new(format.codec_format()),
            turns: TurnDetector::new(format, settings),
            format,
            settings: *settings,
            source: None,
        }
    }

    /// Takes the next frame, and tells what it made known.
    pub(crate) fn frame(
        &mut self,
        first_sample: u64,
        samples: &[i16],
        is_silence: bool,
        source: Option<MediaSourceId>,
        speaking: bool,
        events: &mut Vec<MediaEvent>,
    ) -> Voice {
        self.source = source;
        // Silence costs no judgement: a line that is mute most of the time costs next to nothing.
        let probability = if is_silence { 0.0 } else { self.detector.probability(samples) };
        for event in self.turns.frame(first_sample, probability) {
            events.push(told(event, source));
            if let TurnEvent::SpeechStarted { first_sample } = event
                && speaking
            {
                events.push(MediaEvent::BargeIn { first_sample });
            }
        }
        Voice::new(probability, self.turns.is_speech())
    }

    /// The stream is another speaker's from here on: whoever spoke has ended.
    pub(crate) fn end(&mut self, events: &mut Vec<MediaEvent>) {
        let source = self.source.take();
        events.extend(self.turns.finish_now().map(|event| told(event, source)));
        self.detector.reset();
        self.turns = TurnDetector::new(self.format, &self.settings);
    }
}

fn told(event: TurnEvent, source: Option<MediaSourceId>) -> MediaEvent {
    match event {
        TurnEvent::SpeechStarted { first_sample } => MediaEvent::SpeechStarted { source, first_sample },
        TurnEvent::SpeechEnded { end_sample, duration } => {
            MediaEvent::SpeechEnded { source, end_sample, duration }
        }
        TurnEvent::TurnEnded { end_sample, duration } => {
            MediaEvent::TurnEnded { source, end_sample, duration }
        }
    }
}
