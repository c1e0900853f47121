//! Calls that come in: brought once, decided in time or reported, followed from the first moment.

use std::time::Duration;

use offhook_signaling::model::{CallState, IdentitySet, RejectReason};
use offhook_signaling::{Answer, CallsError, Redirect};
use serde_json::{Value, json};

use crate::support::{Ask, Bot, eventually, refusal};

fn incoming() -> Value {
    json!({
        "@odata.type": "#microsoft.graph.call", "state": "incoming", "direction": "incoming",
        "source": {"identity": {"user": {"id": "ada", "displayName": "Ada"}}},
        "targets": [{"identity": {"application": {"id": "bot"}}}],
        "tenantId": "t"
    })
}

fn by_policy() -> Value {
    let mut call = incoming();
    call["incomingContext"] = json!({"sourceParticipantId": "p", "observedParticipantId": "p"});
    call["applicationMetadata"] = json!({"botData": {"inviteReasons": ["PolicyBasedRecording"]}});
    call
}

fn answer() -> Answer {
    Answer::new().callback_uri("https://bot.contoso.com/callback").service_hosted_media()
}

#[tokio::test(start_paused = true)]
async fn a_call_that_comes_in_is_answered_and_established() {
    let bot = Bot::new();
    let mut calls = bot.calls.incoming().unwrap();
    bot.tell("created", incoming()).await;
    let incoming = eventually("the call", calls.next()).await.unwrap();
    assert_eq!(incoming.caller().unwrap().id.as_str(), Some("ada"));
    assert!(!incoming.is_policy_recording());
    assert_eq!(incoming.time_left(), Duration::from_secs(15));
    let call = incoming.answer(answer()).await.unwrap();
    bot.tell("updated", json!({"state": "established"})).await;
    eventually("the state", call.established()).await.unwrap();
    let states: Vec<_> = call.snapshot().history.iter().map(|change| change.state).collect();
    assert_eq!(states, [CallState::Incoming, CallState::Establishing, CallState::Established]);
    assert!(bot.graph.requests(Ask::Act)[0].url.path().ends_with("/call-1/answer"));
    let stats = bot.receiver.stats().notifications;
    assert_eq!((stats.invitations, stats.invitations_missed, stats.unknown_calls), (1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_policy_leaves_five_seconds_and_says_whom_to_record() {
    let bot = Bot::new();
    let mut calls = bot.calls.incoming().unwrap();
    bot.tell("created", by_policy()).await;
    let incoming = eventually("the call", calls.next()).await.unwrap();
    assert!(incoming.is_policy_recording());
    assert_eq!(incoming.bot_data().unwrap().invite_reasons.items(), ["PolicyBasedRecording"]);
    assert_eq!(incoming.time_left(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_decision_that_is_missed_is_reported_and_one_that_is_late_says_so() {
    let bot = Bot::new();
    let mut calls = bot.calls.incoming().unwrap();
    bot.tell("created", incoming()).await;
    let incoming = eventually("the call", calls.next()).await.unwrap();
    incoming.time_is_up().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(bot.receiver.stats().notifications.invitations_missed, 1);
    assert_eq!(incoming.time_left(), Duration::ZERO);
    bot.graph.always(Ask::Act, || refusal(404, "8522", "Call not found."));
    let error = incoming.answer(answer()).await.unwrap_err();
    assert!(matches!(error, CallsError::TooLate { .. }), "{error:?}");
    assert!(eventually("the end", incoming.call().terminated()).await.snapshot.was_gone);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_gives_up_ends_the_call_and_is_nobodys_fault() {
    let bot = Bot::new();
    let mut calls = bot.calls.incoming().unwrap();
    bot.tell("created", incoming()).await;
    let incoming = eventually("the call", calls.next()).await.unwrap();
    bot.tell("deleted", json!({"state": "terminated", "resultInfo": {"code": 200, "subcode": 4097}})).await;
    let ended = eventually("the end", incoming.call().terminated()).await;
    assert_eq!(ended.result_info.unwrap().subcode_number(), Some(4097));
    incoming.time_is_up().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(bot.receiver.stats().notifications.invitations_missed, 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_is_rejected_or_sent_elsewhere() {
    let bot = Bot::new();
    let mut calls = bot.calls.incoming().unwrap();
    bot.tell("created", incoming()).await;
    let first = eventually("the call", calls.next()).await.unwrap();
    first.reject(RejectReason::Busy).await.unwrap();
    bot.tell_of("call-2", "created", incoming()).await;
    let second = eventually("the call", calls.next()).await.unwrap();
    second.redirect(Redirect::to([IdentitySet::user("ben")])).await.unwrap();
    let paths: Vec<_> = bot.graph.requests(Ask::Act).iter().map(|one| one.url.path().to_owned()).collect();
    assert!(paths[0].ends_with("/call-1/reject") && paths[1].ends_with("/call-2/redirect"), "{paths:?}");
    first.time_is_up().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(bot.receiver.stats().notifications.invitations_missed, 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_reader_left_untaken_is_brought_to_the_next() {
    let bot = Bot::new();
    let calls = bot.calls.incoming().unwrap();
    bot.tell("created", incoming()).await;
    drop(calls);
    assert_eq!(bot.receiver.stats().notifications.invitations_missed, 1);
    let mut calls = bot.calls.incoming().unwrap();
    bot.tell("created", incoming()).await;
    eventually("the call", calls.next()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn without_a_listener_a_call_that_comes_in_is_unknown_and_one_listens_at_a_time() {
    let bot = Bot::new();
    bot.tell("created", incoming()).await;
    assert_eq!(bot.receiver.stats().notifications.unknown_calls, 1);
    let calls = bot.calls.incoming().unwrap();
    assert!(bot.calls.incoming().is_err());
    drop(calls);
    assert!(bot.calls.incoming().is_ok());
}
