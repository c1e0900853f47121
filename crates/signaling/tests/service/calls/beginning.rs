//! From creation to established.

use std::time::Duration;

use offhook_signaling::model::CallState;
use offhook_signaling::track::{PollCadence, Source};
use offhook_signaling::{CallsError, Fault};
use serde_json::json;

use super::{an_hour, states};
use crate::support::{Ask, Bot, about, answer, eventually, new_call, post_of, refusal, timed_out};

#[tokio::test(start_paused = true)]
async fn a_call_is_established_when_it_is_told() {
    let bot = Bot::new();
    let call = bot.create().await;
    assert_eq!(call.state(), CallState::Establishing);
    bot.tell("Updated", json!({"state": "Established"})).await;
    let snapshot = eventually("the state", call.established()).await.unwrap();
    assert_eq!(states(&snapshot), [CallState::Establishing, CallState::Established]);
    assert_eq!(snapshot.history[1].source, Source::Notification);
    assert_eq!(bot.graph.count(Ask::Get), 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_told_nothing_is_asked() {
    let bot = Bot::new();
    bot.graph.next(Ask::Get, answer(200, json!({"id": "call-1", "state": "establishing"})));
    bot.graph.describe(json!({"id": "call-1", "state": "established"}));
    let call = bot.create().await;
    let snapshot = eventually("the state", call.established()).await.unwrap();
    assert_eq!(snapshot.history[1].source, Source::Poll);
    assert_eq!(bot.graph.count(Ask::Get), 2);
}

#[tokio::test(start_paused = true)]
async fn polls_that_fail_are_repeated_and_end_nothing() {
    let bot = Bot::new();
    for failure in [
        timed_out as fn() -> _,
        || refusal(503, "", ""),
        || refusal(403, "7504", ""),
        || answer(200, json!([])),
    ] {
        // As often as one poll repeats it by itself.
        (0..4).for_each(|_| bot.graph.next(Ask::Get, failure()));
    }
    bot.graph.describe(json!({"state": "established"}));
    let call = bot.create().await;
    eventually("the state", call.established()).await.unwrap();
    assert!(bot.graph.count(Ask::Get) > 16);
}

#[tokio::test(start_paused = true)]
async fn what_comes_before_the_answer_to_creating_is_not_lost() {
    let bot = Bot::new();
    let creating = bot.graph.hold(Ask::Create);
    let call = tokio::spawn({
        let calls = bot.calls.clone();
        async move { calls.create(new_call()).await.unwrap() }
    });
    bot.graph.asked(Ask::Create, 1).await;
    bot.tell("updated", json!({"state": "established"})).await;
    bot.tell("deleted", json!({"state": "terminated", "resultInfo": {"code": 200, "subcode": 4097}})).await;
    let notifications = bot.receiver.stats().notifications;
    assert_eq!((notifications.held, notifications.unknown_calls), (2, 0));
    drop(creating);
    let call = eventually("the answer", call).await.unwrap();
    let ended = eventually("the end", call.terminated()).await;
    assert_eq!(
        states(&ended.snapshot),
        [CallState::Establishing, CallState::Established, CallState::Terminated]
    );
    assert_eq!(ended.result_info.unwrap().subcode_number(), Some(4097));
    assert_eq!(bot.graph.count(Ask::Get), 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_creation_failed_is_told_apart_when_it_is_heard_of() {
    let bot = Bot::new();
    let creating = bot.graph.hold_for(Ask::Create, timed_out());
    let call = tokio::spawn({
        let calls = bot.calls.clone();
        async move { calls.create(new_call()).await.map(|_| ()) }
    });
    bot.graph.asked(Ask::Create, 1).await;
    bot.tell("updated", json!({"state": "established"})).await;
    assert_eq!(
        bot.receiver.stats().notifications.unknown_calls,
        0,
        "it may be the one that is being created"
    );
    drop(creating);
    let error = eventually("the answer", call).await.unwrap().unwrap_err();
    assert!(matches!(error, CallsError::NoAnswer { .. }), "{error:?}");
    assert_eq!(bot.receiver.stats().notifications.unknown_calls, 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_ends_before_it_is_established_says_why() {
    let bot = Bot::new();
    let call = bot.create().await;
    let told =
        json!({"state": "terminated", "resultInfo": {"code": 500, "subcode": 1005, "message": "no media"}});
    bot.tell("deleted", told).await;
    let ended = eventually("the end", call.established()).await.unwrap_err();
    assert!(!ended.was_established());
    assert_eq!(ended.fault(), Fault::Service);
    assert_eq!(
        ended.to_string(),
        "call call-1 ended before it was established: \
         500/1005: no media (The service could not connect to the bot's media.)"
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_on_hold_or_in_transfer_is_established() {
    for state in ["hold", "transferring", "transferAccepted"] {
        let bot = Bot::new();
        let call = bot.create().await;
        bot.tell("updated", json!({"state": state})).await;
        eventually(state, call.established()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn each_notification_reaches_its_own_call() {
    let bot = Bot::new();
    bot.graph.next(Ask::Create, answer(201, json!({"id": "AB-1"})));
    bot.graph.next(Ask::Create, answer(201, json!({"id": "AB-2"})));
    let (first, second) = (bot.create().await, bot.create().await);
    // Ids come back in another spelling.
    let told = [
        about("ab2", "updated", json!({"state": "established"})),
        about("ab1", "updated", json!({"state": "hold"})),
    ];
    bot.post(post_of(&told).to_string()).await;
    eventually("the first", first.established()).await.unwrap();
    eventually("the second", second.established()).await.unwrap();
    assert_eq!((first.state(), second.state()), (CallState::Hold, CallState::Established));
}

#[tokio::test(start_paused = true)]
async fn a_bot_that_wants_no_polls_gets_none() {
    let never = PollCadence {
        while_changing: Duration::MAX,
        while_established: Duration::MAX,
        longest: Duration::MAX,
    };
    let bot = Bot::with_cadence(never);
    let call = bot.create().await;
    an_hour().await;
    bot.tell("updated", json!({"state": "established"})).await;
    eventually("the state", call.established()).await.unwrap();
    an_hour().await;
    assert_eq!(bot.graph.count(Ask::Get), 0);
}

#[tokio::test(start_paused = true)]
async fn the_services_blob_is_given_and_survives_what_comes_after() {
    let bot = Bot::new();
    let media = |blob| json!({"@odata.type": "#microsoft.graph.appHostedMediaConfig", "blob": blob});
    bot.graph.next(Ask::Create, answer(201, json!({"id": "call-1", "mediaConfig": media(json!("answer"))})));
    bot.graph.describe(json!({"state": "established", "mediaConfig": media(json!(null))}));
    let call = bot.create().await;
    eventually("the state", call.established()).await.unwrap();
    assert_eq!(call.media_blob().unwrap().expose(), "answer");
}
