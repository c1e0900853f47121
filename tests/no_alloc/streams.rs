//! What comes behind the receivers, each stage on its own: mixing, limiting, other rates, voices, turns, and the floor.

use offhook_media::mix::{Gain, Limiter, Mixer};
use offhook_media::voice::{DominantSpeaker, TurnDetector, VoiceDetector};
use offhook_media::{
    ActiveSpeaker, AudioFormat, AudioFrame, AudioLevel, FrameResampler, MediaSourceId, VoiceActivitySettings,
};

use crate::counting::take_turn;
use crate::speech;

/// As long as the speech, with its pauses.
const TICKS: usize = 320;

#[test]
fn mixing_voices_turns_and_other_rates_allocate_nothing() {
    let turn = take_turn();
    for format in AudioFormat::ALL {
        let mut stages = Stages::new(format);
        stages.run(20);
        let me = std::thread::current().id();
        let events = turn.record(move |thread| thread.id() == me, || stages.run(TICKS));
        let first = events.first().map_or(String::new(), |event| event.calls.to_string());
        let [turns, limited, floors] = stages.met;
        assert!(turns > 0 && limited > 50 && floors > 2, "{turns} turns, {limited} limited, {floors} floors");
        assert!(events.is_empty(), "{format:?}: {} touches of the heap; the first at\n{first}", events.len());
    }
}

/// Four speakers of one socket.
struct Stages {
    format: AudioFormat,
    speech: Vec<AudioFrame>,
    silence: Box<[i16]>,
    mixer: Mixer,
    limiters: [Limiter; 4],
    mixed: Box<[i16]>,
    resamplers: Vec<(FrameResampler, Box<[i16]>)>,
    detector: VoiceDetector,
    turns: TurnDetector,
    floor: DominantSpeaker,
    tick: usize,
    /// Turns told, frames limited, and changes of the floor, in the last run.
    met: [usize; 3],
}

impl Stages {
    fn new(format: AudioFormat) -> Self {
        let silence = |format: AudioFormat| vec![0; format.samples_per_frame()].into_boxed_slice();
        let resampler = |to| (FrameResampler::new(format, to), silence(to));
        Self {
            format,
            speech: speech(format),
            silence: silence(format),
            mixer: Mixer::new(format, 4),
            limiters: [(); 4].map(|()| Limiter::new(format)),
            mixed: silence(format),
            resamplers: [AudioFormat::Pcm16K, AudioFormat::Pcm44K].map(resampler).into(),
            detector: VoiceDetector::new(format),
            turns: TurnDetector::new(format, &VoiceActivitySettings::default()),
            floor: DominantSpeaker::default(),
            tick: 0,
            met: [0; 3],
        }
    }

    fn run(&mut self, ticks: usize) {
        let (mut turns, mut limited, mut floors) = (0, 0, 0);
        for _ in 0..ticks {
            self.tick += 1;
            self.mixer.begin();
            for source in 0..4 {
                let frame = &self.speech[(self.tick + source * 70) % self.speech.len()];
                let gain = Gain::from_db((self.tick % 30) as f32 - 10.0);
                self.mixer.add(MediaSourceId(source as u32), frame.samples(), gain).unwrap();
            }
            for (listener, limiter) in self.limiters.iter_mut().enumerate() {
                self.mixer.mix_for(MediaSourceId(listener as u32), limiter, &mut self.mixed);
                limited += usize::from(limiter.gain() < 1.0);
            }
            for (resampler, samples) in &mut self.resamplers {
                resampler.convert(&self.mixed, samples);
            }
            // A second of every four is a pause, and ends a turn.
            let one = self.speech[self.tick % self.speech.len()].samples();
            let one = if self.tick % 200 < 150 { one } else { &self.silence };
            let probability = self.detector.probability(one);
            let first_sample = (self.tick * self.format.samples_per_frame()) as u64;
            turns += self.turns.frame(first_sample, probability).count();
            // More of them than are remembered, each for a second.
            let source = MediaSourceId((self.tick / 50) as u32);
            let speaker = ActiveSpeaker { source, level: Some(AudioLevel::LOUDEST) };
            floors += usize::from(self.floor.tick(&[speaker], AudioLevel::LOUDEST));
        }
        self.met = [turns, limited, floors];
    }
}
