//! A bot that speaks through its player, as the far end hears it.

use std::time::Duration;

use offhook::emulator::FarEndScript;
use offhook::media::{AudioSpan, MarkId, Playout, ToneError, ToneSettings};

use crate::support::{FORMAT, say, scene, share_of_tone, tone};

fn span(hertz: f64, seconds: f64) -> AudioSpan {
    AudioSpan::of(&tone(hertz, seconds), FORMAT).unwrap()
}

/// How long `samples` last, as the socket has them.
fn lasting(samples: usize) -> Duration {
    FORMAT.sample_rate().duration_of(samples as u64)
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_are_heard_one_after_another_and_their_receipts_say_where() {
    let scene = scene(FarEndScript::new().keep_what_it_hears()).await;
    let mut call = scene.call().await;
    let player = call.take_player().unwrap();
    assert!(call.take_player().is_none(), "whoever has it can clone it");
    let (first, second) = (span(440.0, 1.009), span(880.0, 1.0));
    let samples = first.samples().len() + second.samples().len();
    let first = player.enqueue(first).await.unwrap();
    let second = player.enqueue(second).await.unwrap();
    let mark = player.mark(MarkId(1)).await.unwrap();
    player.wait_for_playout().await.unwrap();
    let Playout::Sent { rtp: first } = first.await else { panic!("the first was not sent") };
    let Playout::Sent { rtp: second } = second.await else { panic!("the second was not sent") };
    assert_eq!(first.end, second.start, "to the sample, though the first ends within a frame");
    assert_eq!(second.end.since(first.start), samples as i32 * 3, "of 48 kHz");
    assert_eq!(mark.await, Playout::Sent { rtp: second.end..second.end });
    assert_eq!(player.remaining(), Duration::ZERO);

    let far_end = scene.emulator.far_end(call.id().as_str()).await.unwrap();
    far_end.has_heard(Duration::from_millis(2_009)).await;
    let heard = far_end.heard();
    assert!(share_of_tone(&heard.samples()[1_600..15_200], 440.0) > 0.8);
    assert!(share_of_tone(&heard.samples()[17_600..31_200], 880.0) > 0.8);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_cleared_is_heard_no_further_than_its_receipt_says() {
    let scene = scene(FarEndScript::new().keep_what_it_hears()).await;
    let mut call = scene.call().await;
    let player = call.take_player().unwrap();
    let cut = player.enqueue(span(440.0, 60.0)).await.unwrap();
    let never = player.enqueue(span(440.0, 1.0)).await.unwrap();
    let far_end = scene.emulator.far_end(call.id().as_str()).await.unwrap();
    far_end.has_heard(Duration::from_millis(500)).await;
    player.clone().clear();
    let Playout::PlayedInPart { up_to_sample, .. } = cut.await else { panic!("it was cut") };
    assert_eq!(never.await, Playout::Cancelled);

    // Silence on the wire: the packets that the far end has are those of the receipt, and one in which the last sample falls
    // silent, unless it was silent.
    far_end.has_heard(lasting(up_to_sample)).await;
    let packets = up_to_sample.div_ceil(FORMAT.samples_per_frame()) as u64;
    let further = |packets: u64| far_end.report().packets_received - packets;
    assert!((0..=1).contains(&further(packets)), "{} further", further(packets));

    let next = player.enqueue(span(880.0, 0.5)).await.unwrap();
    assert!(matches!(next.await, Playout::Sent { .. }));
    far_end.has_heard(lasting(up_to_sample) + Duration::from_millis(500)).await;
    assert!((25..=26).contains(&further(packets)), "{} further", further(packets));
    let heard = far_end.heard();
    let last = &heard.samples()[heard.samples().len() - 6_400..];
    assert!(share_of_tone(last, 880.0) > 0.8, "what came after it is heard");
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_wait_for_the_player_and_are_heard_after_it() {
    let scene = scene(FarEndScript::new().keep_what_it_hears()).await;
    let mut call = scene.call().await;
    let player = call.take_player().unwrap();
    let (_, mut speaker) = call.take_audio_socket().unwrap().split();
    let prompt = player.enqueue(span(440.0, 1.0)).await.unwrap();
    say(&mut speaker, &tone(880.0, 1.0)).await;
    assert!(matches!(prompt.await, Playout::Sent { .. }));
    let far_end = scene.emulator.far_end(call.id().as_str()).await.unwrap();
    far_end.has_heard(Duration::from_secs(2)).await;
    let heard = far_end.heard();
    assert!(share_of_tone(&heard.samples()[1_600..14_400], 440.0) > 0.8);
    assert!(share_of_tone(&heard.samples()[17_600..30_400], 880.0) > 0.8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_ends_leaves_no_receipt_open() {
    let scene = scene(FarEndScript::new()).await;
    let mut call = scene.call().await;
    let player = call.take_player().unwrap();
    let cut = player.enqueue(span(440.0, 60.0)).await.unwrap();
    let never = player.enqueue(span(440.0, 1.0)).await.unwrap();
    let far_end = scene.emulator.far_end(call.id().as_str()).await.unwrap();
    far_end.has_heard(Duration::from_millis(100)).await;
    let ended = call.ended();
    call.hang_up().await.unwrap();
    assert!(matches!(cut.await, Playout::PlayedInPart { up_to_sample: 1_600.., .. }));
    assert_eq!(never.await, Playout::Cancelled);
    ended.await;
    player.wait_for_playout().await.unwrap_err();
    player.enqueue(span(440.0, 1.0)).await.unwrap_err();
    assert!(matches!(call.media().send_dtmf_tones(&[], ToneSettings::default()), Err(ToneError::Closed)));
}
