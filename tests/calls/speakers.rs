//! A meeting of several: each speaker on a stream of their own, beside the mix.

use std::sync::Arc;

use offhook::emulator::{AfterSpeech, Clip, FarEndScript};
use offhook::media::mix::Gain;
use offhook::media::{AudioFrame, MediaEvent, MediaSourceId, MixSource};
use offhook::prelude::*;

use crate::support::{scene, share_of_tone, tone};

/// Who speaks, and the tone that tells them.
const SPEAKERS: [(u32, f64); 4] = [(31, 440.0), (32, 620.0), (33, 880.0), (34, 1240.0)];

/// All of them at once; the sum of four tones is softer than full scale.
fn four() -> FarEndScript {
    let script = FarEndScript::new().then(AfterSpeech::Repeat);
    SPEAKERS.into_iter().fold(script, |script, (source, hertz)| {
        let soft: Vec<i16> = tone(hertz, 3.0).samples().iter().map(|sample| sample / 2).collect();
        let clip = Clip::new(Sound::new(tone(hertz, 0.1).sample_rate(), soft)).unwrap();
        script.speaker(MediaSourceId(source), clip)
    })
}

fn with_audio(audio: AudioSocketSettings) -> MediaSessionSettings {
    MediaSessionSettings::default().audio(audio)
}

/// What was heard in the mix and of each speaker.
#[derive(Default)]
struct Heard {
    mix: Vec<i16>,
    speakers: [Vec<i16>; 4],
}

impl Heard {
    fn add(&mut self, frame: &AudioFrame) {
        self.mix.extend_from_slice(frame.samples());
        for speaker in frame.unmixed() {
            let known = SPEAKERS.iter().position(|(source, _)| *source == speaker.source().0);
            let heard = &mut self.speakers[known.expect("nobody else speaks")];
            heard.extend_from_slice(speaker.samples());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn four_speakers_are_heard_under_their_own_ids_beside_the_mix() {
    let scene = scene(four()).await;
    let mut call = scene.join(&with_audio(AudioSocketSettings::default().unmixed(4))).await;
    let mut events = call.take_media_events().unwrap();
    let (mut listener, _) = call.take_audio_socket().unwrap().split();
    let (mut heard, mut together) = (Heard::default(), 0);
    while heard.speakers.iter().any(|speaker| speaker.len() < 32_000) {
        let frame = listener.receive().await.unwrap();
        let active: Vec<u32> = frame.active_speakers().iter().map(|speaker| speaker.source.0).collect();
        if active == SPEAKERS.map(|(source, _)| source) {
            together += 1;
            assert!(frame.active_speakers().iter().all(|speaker| speaker.level.is_some()));
        }
        heard.add(frame);
    }
    assert!(together > 0, "the mix names who is in it");
    for (speaker, (source, hertz)) in heard.speakers.iter().zip(SPEAKERS) {
        for (_, other) in SPEAKERS {
            let share = share_of_tone(speaker, other);
            assert!((other == hertz) == (share > 0.3), "speaker {source}: {share:.3} of {other} Hz");
        }
        assert!(share_of_tone(&heard.mix, hertz) > 0.3, "{hertz} Hz are in the mix");
    }
    loop {
        let MediaEvent::DominantSpeakerChanged { current, history } = events.next().await.unwrap() else {
            continue;
        };
        let current = current.expect("they do not stop");
        assert!(SPEAKERS.iter().any(|(source, _)| *source == current.0), "{current:?}");
        assert_eq!(history[0], current);
        break;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sections_that_nobody_speaks_in_stay_silent_and_the_others_are_heard() {
    let (source, hertz) = SPEAKERS[0];
    let clip: Arc<Clip> = Clip::new(tone(hertz, 2.0)).unwrap().into();
    let scene = scene(FarEndScript::new().speaker(MediaSourceId(source), clip)).await;
    let mut call = scene.join(&with_audio(AudioSocketSettings::default().unmixed(3))).await;
    let (mut listener, _) = call.take_audio_socket().unwrap().split();
    let mut heard = Heard::default();
    while heard.speakers[0].len() < 16_000 {
        heard.add(listener.receive().await.unwrap());
    }
    assert!(share_of_tone(&heard.speakers[0][1_600..], hertz) > 0.8);
    assert!(share_of_tone(&heard.mix[1_600..], hertz) > 0.8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_mix_is_made_of_the_streams_with_a_gain_for_each() {
    let scene = scene(four()).await;
    let audio = AudioSocketSettings::default().unmixed(4).mix(MixSource::Local);
    let mut call = scene.join(&with_audio(audio)).await;
    let (mut listener, _) = call.take_audio_socket().unwrap().split();
    let muted = SPEAKERS[1];
    listener.set_gain(MediaSourceId(muted.0), Gain::MUTE).unwrap();
    let mut heard = Heard::default();
    while heard.speakers.iter().any(|speaker| speaker.len() < 32_000) {
        heard.add(listener.receive().await.unwrap());
    }
    let last = &heard.mix[heard.mix.len() - 16_000..];
    for (source, hertz) in SPEAKERS {
        let share = share_of_tone(last, hertz);
        assert!((source != muted.0) == (share > 0.3), "speaker {source}: {share:.3}");
    }
}
