//! From the first request to the last notification.

use std::time::Duration;

use offhook::emulator::{AfterSpeech, FarEndScript, FarEndState};
use offhook::media::MediaState;
use offhook::prelude::*;
use offhook::signaling::model::{CallState, JoinMeetingIdMeetingInfo, Modality};

use crate::support::{MEETING, Scene, hear, hums, say, scene, share_of_tone, tone};

/// The states of a call, in the order in which they came.
fn states(call: &BotCall) -> Vec<CallState> {
    call.report().call.history.iter().map(|change| change.state).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_established_heard_at_both_ends_hung_up_and_terminated() {
    let scene = scene(hums(440.0, 4.0).keep_what_it_hears()).await;
    let mut call = scene.call().await;
    let (mut listener, mut speaker) = call.take_audio_socket().unwrap().split();
    assert!(call.take_audio_socket().is_none(), "a socket has one owner");
    let said = tone(880.0, 3.0);
    let (heard, ()) = tokio::join!(hear(&mut listener, 3.0), say(&mut speaker, &said));
    assert!(share_of_tone(&heard[8_000..40_000], 440.0) > 0.8, "the far end is heard");
    let far_end = scene.emulator.far_end(call.id().as_str()).await.unwrap();
    far_end.has_heard(said.duration()).await;
    let heard = far_end.heard();
    assert!(share_of_tone(&heard.samples()[8_000..40_000], 880.0) > 0.8, "the bot is heard");

    call.hang_up().await.unwrap();
    let ended = call.ended().await;
    assert!(ended.was_established());
    assert_eq!(ended.result_info.and_then(|result| result.code_number()), Some(200));
    assert_eq!(states(&call)[..2], [CallState::Establishing, CallState::Established]);
    assert_eq!(states(&call).last(), Some(&CallState::Terminated));
    assert_eq!(far_end.reached(FarEndState::Closed).await, FarEndState::Closed);
    while listener.receive().await.is_ok() {}
    assert_eq!(call.media_state(), MediaState::Closed);
    let report = call.report();
    assert_eq!(report.media.counters.packets_lost, 0);
    assert_eq!(report.said(), said.duration());
    assert!(report.to_string().contains("terminated"), "{report}");
    call.hang_up().await.expect("hanging up twice is no error");
}

/// One of many calls: says something, hears something, hangs up.
async fn short_call(scene: &Scene) {
    let mut call = scene.call().await;
    let (mut listener, mut speaker) = call.take_audio_socket().unwrap().split();
    let said = tone(880.0, 2.0);
    let (heard, ()) = tokio::join!(hear(&mut listener, 2.0), say(&mut speaker, &said));
    assert!(share_of_tone(&heard[8_000..24_000], 440.0) > 0.5);
    let far_end = scene.emulator.far_end(call.id().as_str()).await.unwrap();
    far_end.has_heard(said.duration()).await;
    let heard = far_end.heard();
    assert!(share_of_tone(&heard.samples()[8_000..24_000], 880.0) > 0.5);
    assert_eq!(call.media_stats().counters.packets_lost, 0);
    call.hang_up().await.unwrap();
    assert!(call.ended().await.was_established());
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_calls_at_once_are_twenty_calls() {
    let scene = scene(hums(440.0, 6.0).keep_what_it_hears()).await;
    futures_util::future::join_all((0..20).map(|_| short_call(&scene))).await;
    let all_gone = async {
        while scene.bot.platform().stats().sessions > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), all_gone).await.expect("each gives its place back");
    let stats = scene.bot.receiver().stats();
    assert_eq!((stats.unauthorized, stats.notifications.dropped), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_in_a_meeting_is_in_its_roster() {
    let scene = scene(hums(440.0, 3.0)).await;
    let meeting = JoinMeetingIdMeetingInfo::with_passcode(MEETING.0, MEETING.1);
    let join = NewCall::join_meeting(meeting, scene.emulator.tenant_id());
    let mut call = scene.bot.call(join, &MediaSessionSettings::default()).await.unwrap();
    call.established().await.unwrap();
    let mut changes = call.signaling().changes();
    while call.signaling().participants().is_empty() {
        changes.next().await.expect("the roster comes");
    }
    let mut audio = call.take_audio_socket().unwrap();
    let source = audio.receive().await.unwrap().source().unwrap().to_string();
    let participants = call.signaling().participants();
    let speaker = participants
        .iter()
        .find(|participant| participant.source_ids(Modality::Audio).any(|id| id == source))
        .expect("the speaker is in the roster");
    assert_eq!(speaker.identity().unwrap().display_name.value().unwrap().expose(), "Ada");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_far_end_that_hangs_up_ends_call_and_media_with_a_reason() {
    let scene = scene(hums(440.0, 0.5).then(AfterSpeech::HangUp)).await;
    let mut call = scene.call().await;
    let mut audio = call.take_audio_socket().unwrap();
    while audio.receive().await.is_ok() {}
    let ended = call.ended().await;
    assert_eq!(ended.result_info.as_ref().and_then(|result| result.subcode_number()), Some(4521));
    assert!(ended.to_string().contains("other participant"), "{ended}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_dropped_is_hung_up() {
    let scene = scene(FarEndScript::new()).await;
    let call = scene.call().await;
    let (signaling, id) = (call.signaling().clone(), call.id().clone());
    drop(call);
    let ended = signaling.terminated().await;
    assert_eq!(ended.result_info.and_then(|result| result.subcode_number()), Some(10_550), "by the bot");
    let far_end = scene.emulator.far_end(id.as_str()).await.unwrap();
    assert_eq!(far_end.reached(FarEndState::Closed).await, FarEndState::Closed);
}
