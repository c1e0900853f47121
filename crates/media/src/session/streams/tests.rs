//! Several sections on a virtual clock.

use std::time::Duration;

use super::*;
use crate::audio::mix::Gain;
use crate::audio::opus::{MAX_PACKET_LEN, OpusEncoder};
use crate::audio::source::Sound;
use crate::frame::{AudioFormat, UnmixedAudio};
use crate::settings::{OpusSettings, VoiceActivitySettings};
use crate::time::RtpTime;
use crate::units::Ssrc;

const TICK: Duration = AudioFormat::FRAME_DURATION;
const FORMAT: AudioFormat = AudioFormat::Pcm16K;
const ANNA: MediaSourceId = MediaSourceId(10);
const BEN: MediaSourceId = MediaSourceId(20);

struct At(MediaInstant);
impl MediaClock for At {
    fn now(&self) -> MediaInstant {
        self.0
    }
}

/// One who sends: a packet a tick.
struct Sender {
    encoder: OpusEncoder,
    samples: Box<dyn Iterator<Item = i16>>,
    number: u16,
}

impl Sender {
    fn new(samples: impl Iterator<Item = i16> + 'static) -> Self {
        let encoder = OpusEncoder::new(FORMAT.sample_rate(), &OpusSettings::default()).unwrap();
        Self { encoder, samples: Box::new(samples), number: 0 }
    }

    fn tone(hz: f64, peak: f64) -> Self {
        let step = hz * std::f64::consts::TAU / 16_000.0;
        Self::new((0..).map(move |i| ((f64::from(i) * step).sin() * peak) as i16))
    }

    fn speech() -> Self {
        let speech = Sound::read_wav(&include_bytes!("../../../../../assets/speech.wav")[..]).unwrap();
        Self::new(speech.samples().to_vec().into_iter().chain(std::iter::repeat(0)))
    }
}

/// The far end, and what is heard of it.
struct Call {
    streams: AudioStreams,
    gains: Arc<Gains>,
    tick: u32,
}

impl Call {
    fn new(settings: &AudioSocketSettings) -> Self {
        let gains = Arc::new(Gains::default());
        let streams = AudioStreams::new(settings, &gains, &Arc::new(SharedStats::new())).unwrap();
        Self { streams, gains, tick: 0 }
    }

    fn now(&self) -> MediaInstant {
        MediaInstant::from_duration(TICK * self.tick)
    }

    fn send(&mut self, section: AudioSection, from: &[MediaSourceId], sender: &mut Sender) {
        let pcm: Vec<i16> = sender.samples.by_ref().take(FORMAT.samples_per_frame()).collect();
        let mut payload = [0; MAX_PACKET_LEN];
        let len = sender.encoder.encode(&pcm, &mut payload).unwrap();
        let packet = AudioPacket {
            ssrc: Ssrc(1_000 + section as u32),
            sequence_number: sender.number,
            sender_time: RtpTime(u32::from(sender.number) * 960),
            speakers: from.iter().map(|&source| ActiveSpeaker { source, level: None }).collect(),
            arrival_time: self.now(),
            payload: &payload[..len],
            ..AudioPacket::default()
        };
        sender.number += 1;
        self.streams.receive(section, packet);
    }

    fn hear(&mut self, speaking: bool) -> Option<AudioFrame> {
        let now = self.now();
        self.tick += 1;
        self.streams.tick(now, &At(now), speaking).then(|| self.streams.frame_mut().clone())
    }

    fn events(&mut self) -> Vec<MediaEvent> {
        self.streams.events.drain(..).collect()
    }
}

fn unmixed(speakers: u8) -> AudioSocketSettings {
    AudioSocketSettings::default().unmixed(speakers)
}

fn sources(frame: &AudioFrame) -> Vec<MediaSourceId> {
    frame.unmixed().iter().map(UnmixedAudio::source).collect()
}

fn is_near(level: AudioLevel, minus_dbov: u8) -> bool {
    level.minus_dbov().abs_diff(minus_dbov) <= 2
}

#[test]
fn the_mix_and_each_speaker_stand_on_one_timeline() {
    let mut call = Call::new(&unmixed(4));
    let (mut mix, mut anna, mut ben) =
        (Sender::tone(300.0, 16_000.0), Sender::tone(500.0, 8_000.0), Sender::tone(700.0, 2_000.0));
    let mut frames = Vec::new();
    for tick in 0..100 {
        call.send(0, &[ANNA, BEN], &mut mix);
        call.send(1, &[ANNA], &mut anna);
        if tick >= 50 {
            call.send(2, &[BEN], &mut ben);
        }
        frames.extend(call.hear(false));
    }
    for (index, frame) in frames.iter().enumerate() {
        assert_eq!(frame.first_sample(), index as u64 * 320);
        assert!(frame.unmixed().iter().all(|one| one.first_sample() == frame.first_sample()));
    }
    assert_eq!(sources(&frames[20]), [ANNA]);
    let last = frames.last().unwrap();
    assert_eq!(sources(last), [ANNA, BEN]);
    // A tone's level is 3 dB below that of its peak.
    assert!(is_near(last.level(), 9), "{:?}", last.level());
    assert!(is_near(last.unmixed()[0].level(), 15), "{:?}", last.unmixed()[0].level());
    assert!(is_near(last.unmixed()[1].level(), 27), "{:?}", last.unmixed()[1].level());
    assert_eq!(last.unmixed()[0].origin(), FrameOrigin::Media);
    assert!(last.unmixed()[0].sender_time().is_some() && !last.unmixed()[0].is_silence());
}

#[test]
fn a_speaker_is_heard_before_the_mix_begins_and_after_it_ends() {
    let mut call = Call::new(&unmixed(1));
    let mut anna = Sender::tone(500.0, 8_000.0);
    let frames: Vec<_> = (0..50)
        .filter_map(|_| {
            call.send(1, &[], &mut anna);
            call.hear(false)
        })
        .collect();
    let last = frames.last().unwrap();
    assert_eq!((last.origin(), last.is_silence()), (FrameOrigin::Silence, true), "there is no mix");
    assert_eq!(sources(last), [MediaSourceId(1_001)], "the SSRC, as no source is named");
    let [speaker] = last.active_speakers() else { panic!("{:?}", last.active_speakers()) };
    assert_eq!(speaker.source, MediaSourceId(1_001));
    assert!(is_near(speaker.level.unwrap(), 15));
    assert_eq!(last.first_sample(), (frames.len() as u64 - 1) * 320);
}

#[test]
fn another_speaker_on_a_stream_is_said_on_his_first_frame_and_on_no_other() {
    let mut call = Call::new(&unmixed(1));
    let (mut loud, mut quiet) = (Sender::tone(500.0, 16_000.0), Sender::tone(500.0, 1_000.0));
    let mut frames = Vec::new();
    for tick in 0..120 {
        let (who, sender) = if tick < 60 { (ANNA, &mut loud) } else { (BEN, &mut quiet) };
        sender.number = tick;
        call.send(1, &[who], sender);
        frames.extend(call.hear(false));
    }
    let changed: Vec<_> =
        frames.iter().filter(|frame| frame.unmixed()[0].source_changed()).map(sources).collect();
    assert_eq!(changed, [[BEN]]);
    for frame in &frames[5..] {
        let one = &frame.unmixed()[0];
        let expected = if one.source() == ANNA { 9 } else { 33 };
        // The decoder glides over from the one to the other for a few frames.
        let settled = frame.first_sample().abs_diff(60 * 320) > 5 * 320;
        assert!(!settled || is_near(one.level(), expected), "{} at {:?}", one.source(), one.level());
    }
}

#[test]
fn a_speaker_who_moves_to_another_stream_stands_there_once() {
    let mut call = Call::new(&unmixed(2));
    let (mut first, mut second) = (Sender::tone(500.0, 8_000.0), Sender::tone(500.0, 8_000.0));
    for tick in 0..100 {
        // From the first to the second and back.
        let (section, sender) = if (30..60).contains(&tick) { (2, &mut second) } else { (1, &mut first) };
        call.send(section, &[ANNA], sender);
        if let Some(frame) = call.hear(false) {
            assert_eq!(sources(&frame), [ANNA]);
        }
    }
}

#[test]
fn packets_of_sections_that_nobody_asked_for_are_counted_and_dropped() {
    let mut call = Call::new(&unmixed(1).mix(MixSource::Local));
    let mut sender = Sender::tone(500.0, 8_000.0);
    call.send(0, &[ANNA], &mut sender);
    call.send(2, &[ANNA], &mut sender);
    assert_eq!(call.streams.stats.read().counters.packets_discarded, 2);
    assert!((0..50).all(|_| call.hear(false).is_none()));
}

#[test]
fn a_local_mix_sums_the_speakers_with_their_gains() {
    let mut call = Call::new(&unmixed(2).mix(MixSource::Local));
    let (mut anna, mut ben) = (Sender::tone(400.0, 8_000.0), Sender::tone(900.0, 8_000.0));
    let mut level = |gains: [Gain; 2]| {
        [ANNA, BEN].into_iter().zip(gains).for_each(|(who, gain)| call.gains.set(who, gain).unwrap());
        let mut last = None;
        for _ in 0..25 {
            call.send(1, &[ANNA], &mut anna);
            call.send(2, &[BEN], &mut ben);
            last = call.hear(false);
        }
        let last = last.unwrap();
        assert_eq!(sources(&last), [ANNA, BEN]);
        assert!(is_near(last.unmixed()[0].level(), 15), "a gain changes the mix only");
        (last.level(), last.origin(), last.is_silence())
    };
    for (gains, expected) in [
        ([Gain::UNITY, Gain::UNITY], 12),
        ([Gain::UNITY, Gain::MUTE], 15),
        ([Gain::from_db(-20.0), Gain::MUTE], 35),
    ] {
        let (level, origin, _) = level(gains);
        assert!(is_near(level, expected), "{level:?}, not {expected}");
        assert_eq!(origin, FrameOrigin::Media);
    }
    assert!(level([Gain::MUTE, Gain::MUTE]).2, "nobody is left");
}

#[test]
fn whoever_speaks_is_told_with_pauses_turns_and_interruptions() {
    let mut call = Call::new(&unmixed(1).voice_activity(VoiceActivitySettings::default()));
    let (mut mix, mut anna) = (Sender::speech(), Sender::speech());
    let mut events = Vec::new();
    for tick in 0..400 {
        call.send(0, &[ANNA], &mut mix);
        call.send(1, &[ANNA], &mut anna);
        // We speak for the first second, and the far end begins in it.
        if let Some(frame) = call.hear(tick < 50) {
            assert_eq!(
                frame.is_speech().is_some(),
                frame.unmixed().iter().all(|one| one.is_speech().is_some())
            );
        }
        events.extend(call.events());
    }
    let of = |source| {
        let of_source = move |event: &&MediaEvent| match event {
            MediaEvent::SpeechStarted { source: of, .. }
            | MediaEvent::SpeechEnded { source: of, .. }
            | MediaEvent::TurnEnded { source: of, .. } => *of == source,
            _ => false,
        };
        events.iter().filter(of_source).copied().collect::<Vec<_>>()
    };
    for source in [None, Some(ANNA)] {
        let told = of(source);
        let Some(MediaEvent::SpeechStarted { first_sample, .. }) = told.first() else { panic!("{told:?}") };
        assert!(*first_sample < 16_000, "{told:?}");
        let Some(MediaEvent::TurnEnded { end_sample, duration, .. }) = told.last() else {
            panic!("{told:?}")
        };
        // The speech lasts for 6.2 s and is silent at its ends.
        assert!((5.4..6.4).contains(&duration.as_secs_f64()), "{told:?}");
        assert!((90_000..104_000).contains(end_sample), "{told:?}");
    }
    let interruptions = events.iter().filter(|event| matches!(event, MediaEvent::BargeIn { .. })).count();
    assert_eq!(interruptions, 1, "in the mix, once: {events:?}");
    let floor = events.iter().find(|event| matches!(event, MediaEvent::DominantSpeakerChanged { .. }));
    assert!(
        matches!(floor, Some(MediaEvent::DominantSpeakerChanged { current: Some(ANNA), .. })),
        "{events:?}"
    );
}

#[test]
fn a_speech_that_another_speaker_cuts_off_is_told_to_have_ended() {
    let mut call = Call::new(&unmixed(1).voice_activity(VoiceActivitySettings::default()));
    let mut anna = Sender::speech();
    let mut told = Vec::new();
    for tick in 0..160 {
        call.send(1, &[if tick < 50 { ANNA } else { BEN }], &mut anna);
        call.hear(false);
        for event in call.events() {
            match event {
                MediaEvent::SpeechStarted { source: Some(source), .. } => told.push((source, '<')),
                MediaEvent::SpeechEnded { source: Some(source), .. } => told.push((source, '>')),
                _ => {}
            }
        }
    }
    assert_eq!(told[..3], [(ANNA, '<'), (ANNA, '>'), (BEN, '<')], "{told:?}");
}

#[test]
fn the_timeline_of_a_rate_that_the_codec_does_not_speak_is_the_applications() {
    let mut call = Call::new(&AudioSocketSettings::default().format(AudioFormat::Pcm44K));
    let mut sender = Sender::tone(500.0, 8_000.0);
    let frames: Vec<_> = (0..50)
        .filter_map(|_| {
            call.send(0, &[], &mut sender);
            call.hear(false)
        })
        .collect();
    assert_eq!(frames[0].format(), AudioFormat::Pcm48K);
    assert!(frames.iter().enumerate().all(|(index, frame)| frame.first_sample() == index as u64 * 882));
    let mut converter = super::super::rates::FrameConverter::to_application(AudioFormat::Pcm44K, 0).unwrap();
    let heard: Vec<_> = frames.iter().map(|frame| converter.convert(frame).clone()).collect();
    let last = heard.last().unwrap();
    assert_eq!((last.format(), last.samples().len()), (AudioFormat::Pcm44K, 882));
    assert!(is_near(last.level(), 15), "{:?}", last.level());
    assert_eq!(last.sender_time(), frames.last().unwrap().sender_time());
}
