//! How a call ends, and how its end is learnt.

use offhook_signaling::model::{CallState, ResultInfo};
use offhook_signaling::track::Source;
use offhook_signaling::{CallEnded, CallsError, Fault};
use serde_json::{Value, json};

use super::states;
use crate::support::{Ask, Bot, eventually, refusal};

/// Code and subcode of the reason, if one was told.
fn reason(ended: &CallEnded) -> Option<(i64, i64)> {
    let result = ended.result_info.as_ref()?;
    result.code_number().zip(ResultInfo::subcode_number(result))
}

#[tokio::test(start_paused = true)]
async fn the_end_gives_the_reason_that_was_told() {
    for (code, subcode, fault) in [
        (200, 4097, Fault::Peer),
        (480, 10037, Fault::Peer),
        (500, 7112, Fault::Service),
        (0, 7015, Fault::Peer),
    ] {
        let bot = Bot::new();
        let call = bot.create().await;
        bot.tell("updated", json!({"state": "established"})).await;
        bot.tell(
            "deleted",
            json!({"state": "terminated", "resultInfo": {"code": code, "subCode": subcode.to_string()}}),
        )
        .await;
        let ended = eventually("the end", call.terminated()).await;
        assert_eq!((reason(&ended), ended.fault()), (Some((code, subcode)), fault));
        assert!(ended.was_established() && !ended.snapshot.was_gone);
    }
}

#[tokio::test(start_paused = true)]
async fn a_deleted_call_is_over_whatever_else_is_said() {
    for data in [Value::Null, json!({}), json!({"state": "established"}), json!({"state": "novel"})] {
        let bot = Bot::new();
        let call = bot.create().await;
        bot.tell("Deleted", data.clone()).await;
        let ended = eventually("the end", call.terminated()).await;
        assert_eq!(states(&ended.snapshot), [CallState::Establishing, CallState::Terminated], "{data}");
        assert_eq!(bot.graph.count(Ask::Get), 0, "{data}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_graph_no_longer_knows_is_over() {
    let bot = Bot::new();
    let call = bot.create().await;
    bot.tell("updated", json!({"state": "established"})).await;
    bot.graph.forget();
    let ended = eventually("the end", call.terminated()).await;
    assert!(ended.snapshot.was_gone && ended.was_established());
    assert_eq!(reason(&ended), None);
    assert_eq!(ended.to_string(), "call call-1 ended: the service no longer knows it");
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_finds_the_end_brings_its_reason() {
    let bot = Bot::new();
    let call = bot.create().await;
    bot.graph.describe(json!({"state": "terminated", "resultInfo": {"code": 408, "subcode": 8537}}));
    let ended = eventually("the end", call.terminated()).await;
    assert_eq!((reason(&ended), ended.snapshot.was_gone), (Some((408, 8537)), false));
}

#[tokio::test(start_paused = true)]
async fn a_transfer_that_failed_is_not_why_the_call_ends_later() {
    for told in [false, true] {
        let bot = Bot::new();
        let call = bot.create().await;
        bot.tell("updated", json!({"state": "established"})).await;
        bot.tell("updated", json!({"state": "transferring"})).await;
        bot.tell("updated", json!({"state": "established", "resultInfo": {"code": 500, "subcode": 7000}}))
            .await;
        let snapshot = eventually("the state", call.established()).await.unwrap();
        assert_eq!(snapshot.result_info.unwrap().code_number(), Some(500));
        match told {
            true => bot.tell("deleted", json!({"state": "terminated"})).await,
            false => bot.graph.forget(),
        }
        let ended = eventually("the end", call.terminated()).await;
        assert_eq!((reason(&ended), ended.fault(), ended.snapshot.was_gone), (None, Fault::Peer, !told));
    }
}

#[tokio::test(start_paused = true)]
async fn a_reason_told_while_the_call_is_ending_is_kept() {
    let bot = Bot::new();
    let call = bot.create().await;
    bot.tell("updated", json!({"state": "terminating", "resultInfo": {"code": 200, "subcode": 5000}})).await;
    bot.tell("deleted", json!({"state": "terminated"})).await;
    assert_eq!(reason(&eventually("the end", call.terminated()).await), Some((200, 5000)));
}

#[tokio::test(start_paused = true)]
async fn hanging_up_ends_the_call_once_the_service_says_so() {
    use CallState::{Established, Establishing, Terminated, Terminating};
    let bot = Bot::new();
    let call = bot.create().await;
    bot.tell("updated", json!({"state": "established"})).await;
    call.hang_up().await.unwrap();
    let mut changes = call.changes();
    while eventually("the change", changes.next()).await.unwrap().state != Terminating {}
    // Late, and not news to who has hung up.
    bot.tell("updated", json!({"state": "established"})).await;
    bot.tell("deleted", json!({"state": "terminated", "resultInfo": {"code": 200, "subcode": 7000}})).await;
    let ended = eventually("the end", call.terminated()).await;
    assert_eq!(states(&ended.snapshot), [Establishing, Established, Terminating, Terminated]);
    assert_eq!(ended.snapshot.history[2].source, Source::Own);
    call.hang_up().await.unwrap();
    assert_eq!(bot.graph.count(Ask::Delete), 1, "what is over needs no hanging up");
}

#[tokio::test(start_paused = true)]
async fn hanging_up_a_call_that_is_gone_is_no_error() {
    let bot = Bot::new();
    let call = bot.create().await;
    bot.graph.forget();
    call.hang_up().await.unwrap();
    let ended = eventually("the end", call.terminated()).await;
    assert!(ended.snapshot.was_gone);
    assert_eq!((bot.graph.count(Ask::Delete), bot.graph.count(Ask::Get)), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_reason_that_waits_to_be_read_is_read_before_the_call_is_given_up_as_gone() {
    let bot = Bot::new();
    let call = bot.create().await;
    bot.tell("updated", json!({"state": "established"})).await;
    eventually("the state", call.established()).await.unwrap();
    bot.graph.forget();
    // Between these two the call's task does not run: on this runtime it runs only while the test waits.
    bot.tell("deleted", json!({"state": "terminated", "resultInfo": {"code": 200, "subcode": 5001}})).await;
    assert_eq!(call.state(), CallState::Established);
    call.hang_up().await.unwrap();
    let ended = eventually("the end", call.terminated()).await;
    assert_eq!((reason(&ended), ended.snapshot.was_gone), (Some((200, 5001)), false));
}

#[tokio::test(start_paused = true)]
async fn a_hang_up_that_fails_leaves_the_call_followed() {
    let bot = Bot::new();
    let call = bot.create().await;
    bot.graph.next(Ask::Delete, refusal(403, "7504", "Insufficient enterprise tenant permissions."));
    let error = call.hang_up().await.unwrap_err();
    assert!(matches!(error, CallsError::Refused { status: 403, .. }), "{error:?}");
    bot.tell("updated", json!({"state": "established"})).await;
    eventually("the state", call.established()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn all_who_wait_for_the_end_learn_it_however_late_they_ask() {
    let bot = Bot::new();
    let call = bot.create().await;
    let waiting: Vec<_> = (0..5)
        .map(|_| {
            let call = call.clone();
            tokio::spawn(async move { call.terminated().await })
        })
        .collect();
    bot.tell("deleted", json!({"state": "terminated", "resultInfo": {"code": 200, "subcode": 4521}})).await;
    for ended in waiting {
        assert_eq!(reason(&eventually("the end", ended).await.unwrap()), Some((200, 4521)));
    }
    assert_eq!(reason(&eventually("the end", call.terminated()).await), Some((200, 4521)));
    eventually("the end", call.established()).await.unwrap_err();
}
