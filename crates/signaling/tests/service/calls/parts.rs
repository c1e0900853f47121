//! What hangs under a call: the roster, operations, tones and shared content, and what is asked when they are in doubt.

use std::time::Duration;

use offhook_signaling::model::{Operation, Tone};
use offhook_signaling::track::CallEvent;
use offhook_signaling::{Call, Heard, NewCall, OperationError, PlayPrompt};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::an_hour;
use crate::support::{Ask, Bot, answer, eventually, refusal};

fn participant(id: &str, muted: bool) -> Value {
    json!({"id": id, "isMuted": muted})
}

fn delta(sequence: i64, participants: &[Value]) -> Value {
    json!([{"@odata.type": "#microsoft.graph.deltaParticipants", "sequenceNumber": sequence, "participants": participants}])
}

async fn established(bot: &Bot) -> Call {
    bot.graph.describe(json!({"state": "established"}));
    let call = bot.create().await;
    bot.tell("updated", json!({"state": "established"})).await;
    eventually("the state", call.established()).await.unwrap();
    call
}

fn ids(call: &Call) -> Vec<String> {
    call.participants().iter().map(|one| one.id.as_str().unwrap().to_owned()).collect()
}

/// Waits until the call's snapshot is so.
async fn becomes(call: &Call, what: &str, is: impl Fn(&Call) -> bool) {
    let mut changes = call.changes();
    let becoming = async {
        while changes.next().await.is_some() {
            if is(call) {
                return;
            }
        }
    };
    eventually(what, becoming).await;
    assert!(is(call), "{what}");
}

#[tokio::test(start_paused = true)]
async fn a_gap_in_the_deltas_is_read_again() {
    let bot = Bot::new();
    let call = established(&bot).await;
    bot.graph.always(Ask::Participants, || answer(200, json!({"value": [participant("a", false)]})));
    bot.tell_of("call-1/participants", "updated", delta(1, &[participant("a", false)])).await;
    bot.graph.asked(Ask::Participants, 1).await;
    // The second never comes.
    let three = [participant("a", true), participant("b", false), participant("c", false)];
    bot.graph.always(Ask::Participants, move || answer(200, json!({"value": three})));
    bot.tell_of("call-1/participants", "updated", delta(3, &[participant("c", false)])).await;
    becomes(&call, "the roster", |call| ids(call) == ["a", "b", "c"]).await;
    assert_eq!(call.participants()[0].is_muted.value(), Some(&true));
    bot.tell_of("call-1/participants", "updated", delta(2, &[participant("d", false)])).await;
    assert_eq!(ids(&call), ["a", "b", "c"], "the second comes after all, too late to say anything");
}

#[tokio::test(start_paused = true)]
async fn an_old_whole_roster_that_comes_late_is_found_out() {
    let bot = Bot::new();
    let call = established(&bot).await;
    let now = [participant("a", false), participant("b", false)];
    let told = now.clone();
    bot.graph.always(Ask::Participants, move || answer(200, json!({"value": told})));
    bot.tell_of("call-1/participants", "updated", json!(now)).await;
    bot.graph.asked(Ask::Participants, 1).await;
    bot.tell_of("call-1/participants", "updated", json!([participant("a", false)])).await;
    becomes(&call, "the old roster", |call| ids(call) == ["a"]).await;
    becomes(&call, "the true roster", |call| ids(call) == ["a", "b"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_service_that_does_not_list_participants_is_not_asked_again() {
    let bot = Bot::new();
    let call = established(&bot).await;
    bot.graph
        .always(Ask::Participants, || refusal(403, "7504", "Insufficient enterprise tenant permissions."));
    bot.tell_of("call-1/participants", "updated", json!([participant("a", false)])).await;
    an_hour().await;
    assert_eq!(bot.graph.count(Ask::Participants), 1);
    assert_eq!(ids(&call), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_peer_to_peer_call_is_not_asked_for_a_roster() {
    let bot = Bot::new();
    let _call = established(&bot).await;
    an_hour().await;
    assert_eq!((bot.graph.count(Ask::Participants), bot.graph.count(Ask::Sharing)), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_operation_ends_when_its_notification_comes() {
    let bot = Bot::new();
    let call = established(&bot).await;
    let running =
        json!({"@odata.type": "#microsoft.graph.playPromptOperation", "id": "op-1", "status": "running"});
    bot.graph.next(Ask::Act, answer(200, running));
    let playing = call.play_prompt(PlayPrompt::new("https://bot.contoso.com/a.wav")).await.unwrap();
    assert!(!playing.now().is_over());
    let over = json!({"@odata.type": "#microsoft.graph.playPromptOperation", "status": "completed",
        "resultInfo": {"code": 200, "subcode": 0}});
    bot.tell_of("call-1/operations/OP1", "deleted", over).await;
    let played = eventually("the end", playing.finished()).await.unwrap();
    assert_eq!(played.result_info.value().unwrap().code_number(), Some(200));
}

#[tokio::test(start_paused = true)]
async fn an_operation_whose_end_is_never_told_is_found_by_a_poll() {
    let bot = Bot::new();
    let call = established(&bot).await;
    let operation = |status: &str| json!({"@odata.type": "#microsoft.graph.playPromptOperation", "id": "op-1", "status": status});
    bot.graph.next(Ask::Act, answer(200, operation("running")));
    bot.graph.next(Ask::Operation, answer(200, operation("running")));
    bot.graph.always(Ask::Operation, move || answer(200, operation("completed")));
    let playing = call.play_prompt(PlayPrompt::new("https://bot.contoso.com/a.wav")).await.unwrap();
    let since = Instant::now();
    eventually("the end", playing.finished()).await.unwrap();
    assert!(since.elapsed() < Duration::from_secs(30), "{:?}", since.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_was_cancelled_failed_although_it_is_completed() {
    let bot = Bot::new();
    let call = established(&bot).await;
    let operation = |status: &str, reason: &str| {
        json!({"@odata.type": "#microsoft.graph.playPromptOperation", "id": "op-1", "status": status,
            "completionReason": reason})
    };
    bot.graph.next(Ask::Act, answer(200, operation("running", "unknown")));
    let playing = call.play_prompt(PlayPrompt::new("https://bot.contoso.com/a.wav")).await.unwrap();
    bot.tell_of("call-1/operations/op-1", "deleted", operation("completed", "mediaOperationCanceled")).await;
    let error = eventually("the end", playing.finished()).await.unwrap_err();
    assert!(matches!(error, OperationError::Failed(_)), "{error:?}");
    assert!(error.to_string().contains("cancelled"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_end_that_does_not_say_its_type_is_of_the_operation_that_was_begun() {
    let bot = Bot::new();
    let call = established(&bot).await;
    for (id, end) in [
        ("op-1", json!({"status": "completed", "completionReason": "mediaOperationCanceled"})),
        ("op-2", json!({"status": "failed", "resultInfo": {"code": 400, "subcode": 8508}})),
    ] {
        let running =
            json!({"@odata.type": "#microsoft.graph.playPromptOperation", "id": id, "status": "running"});
        bot.graph.next(Ask::Act, answer(200, running));
        let playing = call.play_prompt(PlayPrompt::new("https://bot.contoso.com/a.wav")).await.unwrap();
        let path = format!("call-1/operations/{id}");
        bot.tell_of(&path, "deleted", end).await;
        // Told once more, and barely: it does not unsay why.
        bot.tell_of(&path, "deleted", Value::Null).await;
        let error = eventually("the end", playing.finished()).await.unwrap_err();
        assert!(matches!(error, OperationError::Failed(_)), "{id}: {error:?}");
        let failed = call.snapshot().operations.get(playing.id()).unwrap().is_failure();
        assert!(failed, "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_may_not_be_listed_in_the_lobby_is_listed_once_the_call_stands() {
    let bot = Bot::new();
    let call = bot.create().await;
    bot.graph
        .always(Ask::Participants, || refusal(403, "7504", "Insufficient enterprise tenant permissions."));
    bot.tell_of("call-1/participants", "updated", json!([participant("a", false)])).await;
    bot.graph.asked(Ask::Participants, 1).await;
    bot.graph.always(Ask::Participants, || answer(200, json!({"value": [participant("b", false)]})));
    bot.graph.describe(json!({"state": "established"}));
    becomes(&call, "the roster", |call| ids(call) == ["b"]).await;
}

#[tokio::test(start_paused = true)]
async fn what_only_a_late_notification_tells_is_kept() {
    let bot = Bot::new();
    let call = bot.create().await;
    bot.tell("updated", json!({"state": "established"})).await;
    let media = json!({"@odata.type": "#microsoft.graph.appHostedMediaConfig", "blob": "answer"});
    bot.tell("updated", json!({"state": "establishing", "mediaConfig": media})).await;
    becomes(&call, "the blob", |call| call.media_blob().is_some()).await;
    assert_eq!(call.state(), offhook_signaling::model::CallState::Established);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_roster_that_is_told_without_saying_which_is_asked_for() {
    let bot = Bot::new();
    let call = established(&bot).await;
    bot.graph.always(Ask::Participants, || answer(200, json!({"value": [participant("a", false)]})));
    bot.tell_of("call-1/participants", "updated", Value::Null).await;
    becomes(&call, "the roster", |call| ids(call) == ["a"]).await;
    bot.graph.always(Ask::Participants, || answer(200, json!({"value": []})));
    bot.tell_of("call-1/participants/a", "deleted", Value::Null).await;
    becomes(&call, "the roster", |call| ids(call).is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn a_participant_that_is_not_there_is_no_call_that_is_not_there() {
    let bot = Bot::new();
    let call = established(&bot).await;
    bot.graph.next(Ask::Act, refusal(404, "itemNotFound", "Participant not found."));
    let error = call.mute_participant(&"a".into()).await.unwrap_err();
    assert!(!error.is_call_not_found(), "{error}");
    bot.graph.next(Ask::Act, refusal(404, "8522", "Call not found."));
    let error = call.mute_participant(&"a".into()).await.unwrap_err();
    assert!(error.is_call_not_found(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_operation_does_not_outlive_its_call() {
    let bot = Bot::new();
    let call = established(&bot).await;
    bot.graph.next(Ask::Act, answer(200, json!({"id": "op-1", "status": "running"})));
    let playing = call.play_prompt(PlayPrompt::new("https://bot.contoso.com/a.wav")).await;
    // The service did not even say what it is: it is what was asked for.
    let playing = playing.unwrap();
    bot.tell("deleted", json!({"state": "terminated"})).await;
    let error = eventually("the end", playing.finished()).await.unwrap_err();
    assert_eq!(error, OperationError::CallEnded);
}

#[tokio::test(start_paused = true)]
async fn a_muted_bot_is_told_at_once() {
    let bot = Bot::new();
    let call = established(&bot).await;
    let muted = json!({"@odata.type": "#microsoft.graph.muteParticipantOperation", "id": "op-1", "status": "completed"});
    bot.graph.next(Ask::Act, answer(200, muted));
    let muting = call.mute().await.unwrap();
    eventually("the end", muting.finished()).await.unwrap();
    assert_eq!(bot.graph.count(Ask::Operation), 0);
}

#[tokio::test(start_paused = true)]
async fn events_come_once_each_and_in_order_from_the_beginning() {
    let bot = Bot::new();
    let call = established(&bot).await;
    let tone = |sequence: i64, tone: &str| json!({"state": "established", "toneInfo": {"sequenceId": sequence, "tone": tone}});
    bot.tell("updated", tone(1, "tone1")).await;
    bot.tell("updated", tone(1, "tone1")).await;
    bot.tell("updated", tone(2, "pound")).await;
    bot.tell_of("call-1/contentsharingsessions", "created", json!([{"id": "s-1"}])).await;
    bot.tell_of("call-1/contentsharingsessions", "deleted", json!([{"id": "s-1"}])).await;
    bot.tell_of("call-1/contentsharingsessions", "created", json!([{"id": "s-1"}])).await;
    bot.tell("deleted", json!({"state": "terminated"})).await;
    let mut events = call.events();
    let mut names = Vec::new();
    while let Some(heard) = eventually("the event", events.next()).await {
        let Heard::Event(event) = heard else { panic!("{heard:?}") };
        names.push(match &event.event {
            CallEvent::State(change) => change.state.to_string(),
            CallEvent::Tone(tone) => tone.tone.known().unwrap().to_string(),
            CallEvent::ContentSharingStarted(_) => "sharing".to_owned(),
            CallEvent::ContentSharingEnded(_) => "not sharing".to_owned(),
            other => panic!("{other:?}"),
        });
    }
    let expected = ["establishing", "established", "tone1", "pound", "sharing", "not sharing", "terminated"];
    assert_eq!(names, expected);
    assert_eq!(eventually("the end once more", events.next()).await, None);
    let tones: Vec<_> = call.snapshot().tones.iter().filter_map(|tone| tone.tone.known()).collect();
    assert_eq!(tones, [Tone::Tone1, Tone::Pound]);
}

#[tokio::test(start_paused = true)]
async fn a_reader_who_is_far_behind_gets_the_state_in_place_of_what_it_missed() {
    let bot = Bot::new();
    let call = established(&bot).await;
    let mut events = call.events();
    for sequence in 0..300 {
        bot.tell("updated", json!({"toneInfo": {"sequenceId": sequence, "tone": "star"}})).await;
        tokio::task::yield_now().await;
    }
    becomes(&call, "all tones", |call| call.snapshot().events.next_number() == 302).await;
    let Some(Heard::Missed { events: missed, snapshot }) = eventually("what was missed", events.next()).await
    else {
        panic!("nothing was missed")
    };
    assert_eq!((missed, snapshot.tones.iter().count()), (46, 256));
    let Some(Heard::Event(event)) = eventually("the event", events.next()).await else { panic!("no event") };
    assert_eq!(event.number, 46);
}

#[tokio::test(start_paused = true)]
async fn shared_content_that_is_told_without_a_name_is_asked_for() {
    let bot = Bot::new();
    let call = established(&bot).await;
    bot.graph.always(Ask::Sharing, || answer(200, json!({"value": [{"id": "s-1"}]})));
    bot.tell_of("call-1/contentsharingsessions", "created", Value::Null).await;
    becomes(&call, "the session", |call| call.snapshot().content_sharing.sessions().len() == 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_is_kept_alive_until_it_ends() {
    let bot = Bot::new();
    let call = established(&bot).await;
    // Each comes a moment after the quarter, so the fourth is due just after the hour.
    an_hour().await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(bot.graph.count(Ask::KeepAlive), 4, "every 15 minutes");
    bot.tell("deleted", json!({"state": "terminated"})).await;
    eventually("the end", call.terminated()).await;
    an_hour().await;
    assert_eq!(bot.graph.count(Ask::KeepAlive), 4);
}

#[tokio::test(start_paused = true)]
async fn a_keep_alive_that_fails_is_tried_again_soon_and_one_that_finds_no_call_ends_it() {
    let bot = Bot::new();
    let call = established(&bot).await;
    // As often as the client tries one request.
    (0..4)
        .for_each(|_| bot.graph.next(Ask::KeepAlive, refusal(503, "9999", "Unknown internal server error.")));
    bot.graph.asked(Ask::KeepAlive, 4).await;
    let since = Instant::now();
    bot.graph.asked(Ask::KeepAlive, 5).await;
    assert!(since.elapsed() <= Duration::from_secs(61), "{:?}", since.elapsed());
    bot.graph.next(Ask::KeepAlive, refusal(404, "8522", "Call not found."));
    let ended = eventually("the end", call.terminated()).await;
    assert!(ended.snapshot.was_gone);
}

#[tokio::test(start_paused = true)]
async fn who_drops_a_creation_under_way_leaves_no_call_behind() {
    let bot = Bot::new();
    let gate = bot.graph.hold(Ask::Create);
    let new_call =
        NewCall::to_user("u").callback_uri("https://bot.contoso.com/callback").app_hosted_media("blob");
    let creating = bot.calls.create(new_call);
    let impatient = tokio::time::timeout(Duration::from_secs(1), creating).await;
    assert!(impatient.is_err());
    drop(gate);
    bot.graph.asked(Ask::Delete, 1).await;
}
