//! A lossy network between the bot and the far end: what each end does about it.

use std::time::Duration;

use offhook::emulator::FarEndScript;
use offhook::emulator::link::{Link, Loss};
use offhook::media::{AudioSpan, Redundancy};
use offhook::prelude::*;

use crate::support::{FORMAT, hums, scene, share_of_tone, tone};

#[tokio::test(flavor = "multi_thread")]
async fn copies_begin_when_loss_is_reported_and_bring_back_what_was_lost() {
    let lossy = Link::seeded(11).loss(Loss::random(0.1));
    let scene = scene(FarEndScript::new().link(lossy).keep_what_it_hears()).await;
    let mut call = scene.call().await;
    let player = call.take_player().unwrap();
    let far_end = scene.emulator.far_end(call.id().as_str()).await.unwrap();
    // As long as it takes: a report comes each second or so.
    let _playing = player.enqueue(AudioSpan::of(&tone(440.0, 60.0), FORMAT).unwrap()).await.unwrap();
    let mut heard = Duration::ZERO;
    while far_end.report().packets_recovered < 5 {
        heard += Duration::from_millis(500);
        far_end.has_heard(heard).await;
        assert!(heard < Duration::from_secs(50), "{:?}", far_end.report());
    }
    let report = far_end.report();
    assert!(report.packets_lost >= report.packets_recovered, "{report:?}");
    assert!(report.redundant_packets_received < report.packets_received, "none before the first report");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_loss_there_are_no_copies() {
    let scene = scene(FarEndScript::new().keep_what_it_hears()).await;
    let mut call = scene.call().await;
    let player = call.take_player().unwrap();
    let far_end = scene.emulator.far_end(call.id().as_str()).await.unwrap();
    let _playing = player.enqueue(AudioSpan::of(&tone(440.0, 60.0), FORMAT).unwrap()).await.unwrap();
    far_end.has_heard(Duration::from_secs(3)).await;
    assert_eq!(far_end.report().redundant_packets_received, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_from_the_first_packet_on_repair_nearly_all() {
    let lossy = Link::seeded(7).loss(Loss::random(0.1));
    let scene = scene(FarEndScript::new().link(lossy).keep_what_it_hears()).await;
    let audio = AudioSocketSettings::default().redundancy(Redundancy::Always);
    let media = MediaSessionSettings::default().audio(audio);
    let mut call = scene.bot.call(NewCall::to_user("ada"), &media).await.unwrap();
    call.established().await.unwrap();
    let player = call.take_player().unwrap();
    let far_end = scene.emulator.far_end(call.id().as_str()).await.unwrap();
    let _playing = player.enqueue(AudioSpan::of(&tone(440.0, 60.0), FORMAT).unwrap()).await.unwrap();
    far_end.has_heard(Duration::from_secs(4)).await;
    let report = far_end.report();
    assert!(report.packets_lost > 5, "{report:?}");
    assert!(report.packets_recovered * 10 >= report.packets_lost * 7, "{report:?}");
    assert!(share_of_tone(&far_end.heard().samples()[8_000..48_000], 440.0) > 0.8);
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_that_a_far_end_sends_bring_back_what_a_tenth_of_loss_took() {
    let lossy = || Link::seeded(5).loss(Loss::random(0.1));
    let mut made_up = Vec::new();
    for copies in [2, 0] {
        let scene = scene(hums(440.0, 60.0).link(lossy()).redundant(copies)).await;
        let mut call = scene.call().await;
        let (mut listener, _) = call.take_audio_socket().unwrap().split();
        // The jitter buffer learns first how long to wait for a copy.
        crate::support::hear(&mut listener, 2.0).await;
        let before = call.media_stats().counters;
        let heard = crate::support::hear(&mut listener, 6.0).await;
        let counters = call.media_stats().counters.since(&before);
        assert!(counters.packets_lost > 10, "{counters:?}");
        if copies > 0 {
            assert!(counters.fec_packets_received > 200, "each packet has copies: {counters:?}");
            assert!(share_of_tone(&heard, 440.0) > 0.9);
        }
        made_up.push(counters.concealed_samples as f64 / 320.0 / counters.packets_lost as f64);
    }
    let [with, without] = made_up[..] else { unreachable!("two calls") };
    assert!(with < 0.2, "{with:.2} of what was lost is made up");
    assert!(with < without, "{with:.2} with copies, {without:.2} without");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_through_a_lossy_network_is_heard_and_its_loss_is_counted() {
    let lossy = Link::seeded(3).loss(Loss::random(0.1)).delay(Duration::from_millis(10));
    let scene = scene(hums(440.0, 30.0).link(lossy)).await;
    let mut call = scene.call().await;
    let (mut listener, _) = call.take_audio_socket().unwrap().split();
    let heard = crate::support::hear(&mut listener, 3.0).await;
    assert!(share_of_tone(&heard[8_000..], 440.0) > 0.6);
    assert!(call.media_stats().counters.packets_lost > 5);
}
