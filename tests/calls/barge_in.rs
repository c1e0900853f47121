//! Somebody interrupts: how soon the far end hears nothing more, and how the bot learns of it.

use std::sync::Arc;
use std::time::Duration;

use offhook::emulator::{Clip, FarEndScript};
use offhook::media::{AudioSpan, MediaEvent, Playout, VoiceActivitySettings};
use offhook::prelude::*;

use crate::support::{FORMAT, has_heard_up_to, hear, scene, share_of_tone, tone};

fn span(hertz: f64, seconds: f64) -> AudioSpan {
    AudioSpan::of(&tone(hertz, seconds), FORMAT).unwrap()
}

/// Moments within a frame to clear at, and frames to wait for before; drawn once, so that a failure can be repeated.
const SCHEDULES: [(u64, u64); 12] = [
    (3, 0),
    (17, 5),
    (8, 13),
    (1, 2),
    (22, 9),
    (11, 15),
    (2, 7),
    (30, 3),
    (5, 11),
    (14, 1),
    (7, 14),
    (19, 8),
];

#[tokio::test(flavor = "multi_thread")]
async fn after_clear_the_far_end_gets_at_most_one_more_frame() {
    let scene = scene(FarEndScript::new().keep_what_it_hears()).await;
    let mut call = scene.call().await;
    let player = call.take_player().unwrap();
    let far_end = scene.emulator.far_end(call.id().as_str()).await.unwrap();
    for (frames, milliseconds) in SCHEDULES {
        let cut = player.enqueue(span(440.0, 60.0)).await.unwrap();
        let sent = || call.media_stats().counters.packets_sent;
        let before = sent();
        // A packet has just left, so that the next one is not being made when speech is cleared.
        while sent() < before + frames {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        player.clear();
        let on_the_wire = sent() - before;
        let Playout::PlayedInPart { rtp, .. } = cut.await else { panic!("it was cut") };
        // What follows is heard whole, so all before it has come, too.
        let Playout::Sent { rtp: next } = player.enqueue(span(880.0, 0.1)).await.unwrap().await else {
            panic!("it was not sent")
        };
        has_heard_up_to(&far_end, next.end).await;
        let heard = far_end.packets();
        let cleared = heard.iter().filter(|packet| {
            packet.sender_time.since(rtp.start) >= 0 && packet.sender_time.since(rtp.end) < 0
        });
        let heard_of_it = cleared.count() as u64;
        assert!(heard_of_it >= frames, "{heard_of_it}");
        assert!(
            heard_of_it <= on_the_wire + 1,
            "{heard_of_it} heard, {on_the_wire} had left when it was cleared"
        );
        // The sound falls to nothing in a packet of its own, with no sample of what was cleared in it.
        let between = heard.iter().filter(|packet| {
            packet.sender_time.since(rtp.end) >= 0 && packet.sender_time.since(next.start) < 0
        });
        assert!(between.count() <= 1, "the far end hears on after the clear");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_is_interrupted_hears_of_it_and_falls_silent() {
    let scene = scene(FarEndScript::new().say(Clip::speech().into()).keep_what_it_hears()).await;
    let audio = AudioSocketSettings::default().voice_activity(VoiceActivitySettings::default());
    let media = MediaSessionSettings::default().audio(audio);
    let mut call = scene.bot.call(NewCall::to_user("ada"), &media).await.unwrap();
    let (player, mut events) = (call.take_player().unwrap(), call.take_media_events().unwrap());
    // It speaks before the far end does.
    let prompt = player.enqueue(span(440.0, 60.0)).await.unwrap();
    call.established().await.unwrap();
    while !matches!(events.next().await.unwrap(), MediaEvent::BargeIn { .. }) {}
    player.clear();
    assert!(matches!(prompt.await, Playout::PlayedInPart { .. }));
    while !matches!(events.next().await.unwrap(), MediaEvent::TurnEnded { source: None, .. }) {}
    let far_end = scene.emulator.far_end(call.id().as_str()).await.unwrap();
    let said = far_end.packets().len();
    let answer = player.enqueue(span(880.0, 0.5)).await.unwrap();
    assert!(matches!(answer.await, Playout::Sent { .. }));
    assert!(said < 60 * 50, "the prompt was cut");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_muted_the_far_end_hears_silence_and_afterwards_what_is_said_then() {
    let clip = Arc::new(Clip::new(tone(620.0, 1.0)).unwrap());
    let scene = scene(FarEndScript::new().say(clip).keep_what_it_hears()).await;
    let mut call = scene.call().await;
    let player = call.take_player().unwrap();
    let (mut listener, _) = call.take_audio_socket().unwrap().split();
    let far_end = scene.emulator.far_end(call.id().as_str()).await.unwrap();
    call.media().set_muted(true);
    let Playout::Sent { rtp: muted } = player.enqueue(span(440.0, 1.0)).await.unwrap().await else {
        panic!("time goes on while it is muted")
    };
    call.media().set_muted(false);
    let Playout::Sent { rtp: said } = player.enqueue(span(880.0, 1.0)).await.unwrap().await else {
        panic!("it was not sent")
    };
    assert!(said.start.since(muted.end) >= 0);
    has_heard_up_to(&far_end, said.end).await;
    let heard = far_end.heard();
    assert!(share_of_tone(heard.samples(), 440.0) < 0.05, "what was said while muted is not heard");
    let last = &heard.samples()[heard.samples().len() - 12_800..];
    assert!(share_of_tone(last, 880.0) > 0.8);
    assert!(share_of_tone(&hear(&mut listener, 0.8).await, 620.0) > 0.5, "the bot hears on");
}
