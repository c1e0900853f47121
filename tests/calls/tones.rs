//! Keys that are pressed, both ways, with another stack at the other end.

use std::time::Duration;

use offhook::emulator::{FarEndScript, HeardTone};
use offhook::media::{Digit, MediaEvent, Tone, ToneSettings};

use crate::support::{hear, hums, scene, share_of_tone};

fn digit(number: u8) -> Tone {
    Tone::Digit(Digit::new(number).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn tones_that_the_far_end_presses_are_told_with_their_exact_durations() {
    let (long, short) = (Duration::from_millis(250), Duration::from_micros(92_500));
    let script = FarEndScript::new().tones([digit(1), Tone::Pound], long).tones([Tone::A, Tone::A], short);
    let scene = scene(script).await;
    let mut call = scene.call().await;
    let mut events = call.take_media_events().unwrap();
    let mut heard = Vec::new();
    while heard.len() < 4 {
        if let MediaEvent::ToneReceived { tone, duration } = events.next().await.unwrap() {
            heard.push((tone, duration));
        }
    }
    assert_eq!(heard, [(digit(1), long), (Tone::Pound, long), (Tone::A, short), (Tone::A, short)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tones_come_after_the_speech_and_it_goes_on_behind_them() {
    let script = hums(440.0, 0.5).then(offhook::emulator::AfterSpeech::Repeat);
    let scene = scene(script.tones([Tone::Star], Duration::from_secs(1))).await;
    let mut call = scene.call().await;
    let mut events = call.take_media_events().unwrap();
    let (mut listener, _) = call.take_audio_socket().unwrap().split();
    hear(&mut listener, 0.4).await;
    while !matches!(events.next().await.unwrap(), MediaEvent::ToneReceived { tone: Tone::Star, .. }) {}
    // What was queued meanwhile, the gap, and the speech that follows.
    let heard = hear(&mut listener, 2.0).await;
    assert!(share_of_tone(&heard[heard.len() - 8_000..], 440.0) > 0.8);
    // A key is pressed in the place of speech: of the fifty packets of the second that it takes, none is missing.
    let counters = call.media_stats().counters;
    assert!(counters.packets_lost < 25 && counters.concealed_samples < 8_000, "{counters:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tones_that_are_sent_are_heard_with_their_exact_durations_and_are_no_speech() {
    let scene = scene(FarEndScript::new().keep_what_it_hears()).await;
    let call = scene.call().await;
    let far_end = scene.emulator.far_end(call.id().as_str()).await.unwrap();
    let tones = [digit(0), Tone::Star, Tone::D, Tone::Flash];
    let settings = ToneSettings::default().duration(Duration::from_micros(87_250));
    call.media().send_dtmf_tones(&tones, settings).unwrap().await.unwrap();
    let long = ToneSettings::default().duration(Duration::from_secs(2));
    call.media().send_dtmf_tones(&[digit(9)], long).unwrap().await.unwrap();
    far_end.has_heard_tones(5).await;
    let heard = |tone, micros| HeardTone { tone, duration: Duration::from_micros(micros) };
    let mut expected: Vec<HeardTone> = tones.into_iter().map(|tone| heard(tone, 87_250)).collect();
    expected.push(heard(digit(9), 2_000_000));
    assert_eq!(far_end.tones(), expected);
    assert!(far_end.packets().is_empty());
    assert_eq!(far_end.report().packets_received, far_end.report().tone_packets_received);
}
