//! Calls to the bot: somebody rings, the bot decides, and media flows both ways.

use std::sync::Arc;
use std::time::Duration;

use offhook::emulator::{EmulatorSettings, FarEndScript, Happening, IncomingCall, Meeting, User};
use offhook::prelude::*;
use offhook::signaling::model::{CallState, ParticipantJoiningResponse, RejectReason};
use offhook::signaling::track::CallEvent;
use offhook::signaling::{CallsError, Heard};
use tokio::sync::Notify;

use crate::support::{MEETING, hear, hums, say, scene, share_of_tone, tone};

#[tokio::test(flavor = "multi_thread")]
async fn who_calls_the_bot_is_heard_and_hears_it() {
    let scene = scene(hums(440.0, 4.0).keep_what_it_hears()).await;
    let mut calls = scene.bot.incoming().unwrap();
    scene.emulator.call_bot(IncomingCall::new(scene.bot.callback_uri(), "ada")).await.unwrap();
    let incoming = calls.next().await.unwrap();
    assert_eq!(incoming.caller().unwrap().id.as_str(), Some("ada"));
    let mut call = scene.bot.answer(&incoming, &MediaSessionSettings::default()).await.unwrap();
    call.established().await.unwrap();
    let (mut listener, mut speaker) = call.take_audio_socket().unwrap().split();
    let said = tone(880.0, 3.0);
    let (heard, ()) = tokio::join!(hear(&mut listener, 3.0), say(&mut speaker, &said));
    assert!(share_of_tone(&heard[8_000..40_000], 440.0) > 0.8, "the caller is heard");
    let far_end = scene.emulator.far_end(call.id().as_str()).await.unwrap();
    far_end.has_heard(said.duration()).await;
    assert!(share_of_tone(&far_end.heard().samples()[8_000..40_000], 880.0) > 0.8, "the bot is heard");
    call.hang_up().await.unwrap();
    let states: Vec<_> = call.report().call.history.iter().map(|change| change.state).collect();
    assert_eq!(states[..3], [CallState::Incoming, CallState::Establishing, CallState::Established]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_rejected_ends_and_one_that_is_left_to_ring_does_too() {
    // The emulator's fifteen seconds pass in three tenths of one.
    let emulator = Emulator::start(EmulatorSettings::default().time_scale(0.02)).await.unwrap();
    emulator.add_user("ada", User::new("Ada", FarEndScript::new()));
    let bot = Bot::in_emulator(&emulator).start().await.unwrap();
    let mut calls = bot.incoming().unwrap();
    emulator.call_bot(IncomingCall::new(bot.callback_uri(), "ada")).await.unwrap();
    let incoming = calls.next().await.unwrap();
    let rejected = incoming.reject(RejectReason::Busy).await.unwrap();
    assert!(!rejected.terminated().await.was_established());

    emulator.call_bot(IncomingCall::new(bot.callback_uri(), "ada")).await.unwrap();
    let incoming = calls.next().await.unwrap();
    let ended = incoming.call().terminated().await;
    assert!(!ended.was_established());
    let late = bot.answer(&incoming, &MediaSessionSettings::default()).await.unwrap_err();
    assert!(matches!(late, BotError::Calls(CallsError::TooLate { .. })), "{late:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorder_takes_as_many_people_of_its_policy_as_it_says() {
    let emulator = Emulator::start(EmulatorSettings::default()).await.unwrap();
    for user in ["ada", "ben"] {
        emulator.add_user(user, User::new(user, hums(440.0, 2.0)));
    }
    emulator.add_meeting(MEETING.0, Meeting::new(User::new("Ada", hums(440.0, 2.0))));
    let asked = Arc::new(Notify::new());
    let hook = Arc::clone(&asked);
    let bot = Bot::in_emulator(&emulator).receiver(move |settings| {
        settings.on_participant_joining(move |_| {
            hook.notify_one();
            ParticipantJoiningResponse::accept()
        })
    });
    let bot = bot.start().await.unwrap();
    let mut calls = bot.incoming().unwrap();
    let mut invitation = IncomingCall::new(bot.callback_uri(), "ada");
    (invitation.policy_recording, invitation.meeting) = (true, Some(MEETING.0.to_owned()));
    emulator.call_bot(invitation).await.unwrap();
    let incoming = calls.next().await.unwrap();
    assert!(incoming.is_policy_recording() && incoming.time_left() <= Duration::from_secs(5));
    let answer = offhook::signaling::Answer::new().callback_uri(bot.callback_uri()).service_hosted_media();
    let call = incoming.answer(answer.participant_capacity(5)).await.unwrap();
    call.established().await.unwrap();

    emulator.happen(call.id().as_str(), Happening::PolicyUserJoin("ben".to_owned())).await.unwrap();
    asked.notified().await;
    let mut events = call.events();
    while let Some(heard) = events.next().await {
        if matches!(&heard, Heard::Event(event) if matches!(event.event, CallEvent::PolicyParticipantJoining(_)))
        {
            break;
        }
    }
    call.hang_up().await.unwrap();
    call.terminated().await;
}
