//! Notifications come late, twice and in any order, and never move a call back.

use std::time::Duration;

use CallState::{Established, Establishing, Hold, Terminated, TransferAccepted, Transferring};
use offhook_signaling::model::CallState;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::states;
use crate::support::{Ask, Bot, answer, eventually};

/// What the data of a notification says: a state, or a state after a failure.
fn data(told: &str) -> Value {
    match told.strip_suffix("!") {
        Some(state) => json!({"state": state, "resultInfo": {"code": 500, "subcode": 7000}}),
        None => json!({"state": told}),
    }
}

#[tokio::test(start_paused = true)]
async fn late_doubled_and_reordered_notifications_never_move_a_call_back() {
    for (told, expected) in [
        (&["established", "establishing"][..], &[Establishing, Established][..]),
        (&["established", "established", "establishing", "established"], &[Establishing, Established]),
        (&["established", "incoming", "ringing", "redirecting"], &[Establishing, Established]),
        (&["hold", "establishing"], &[Establishing, Hold]),
        (&["established", "transferring", "established"], &[Establishing, Established, Transferring]),
        (&["transferAccepted", "transferring"], &[Establishing, TransferAccepted]),
        (&["transferring", "established!"], &[Establishing, Transferring, Established]),
        (&["establishing", "novel", "unknownFutureValue"], &[Establishing]),
    ] {
        let bot = Bot::new();
        let call = bot.create().await;
        for state in told {
            bot.tell("updated", data(state)).await;
        }
        bot.tell("deleted", json!({"state": "terminated"})).await;
        // The call is over: nothing brings it back.
        for state in told {
            bot.tell("updated", data(state)).await;
        }
        let ended = eventually("the end", call.terminated()).await;
        assert_eq!(states(&ended.snapshot), [expected, &[Terminated]].concat(), "{told:?}");
        assert_eq!(call.state(), Terminated);
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_that_a_notification_has_overtaken_does_not_undo_it() {
    for (read, told, expected) in
        [("establishing", "established", Established), ("established", "transferring", Transferring)]
    {
        let bot = Bot::new();
        let reading = bot.graph.hold_for(Ask::Get, answer(200, json!({"state": read})));
        let call = bot.create().await;
        bot.graph.asked(Ask::Get, 1).await;
        bot.tell("updated", json!({"state": told})).await;
        eventually("the state", call.established()).await.unwrap();
        drop(reading);
        bot.graph.describe(json!({"state": told}));
        bot.graph.asked(Ask::Get, 2).await;
        assert_eq!(states(&call.snapshot()), [Establishing, expected], "{read}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_settles_what_notifications_leave_in_doubt() {
    // After hold, `established` may be news or the first one, come late.
    for (truth, expected) in [("hold", &[Hold, Established, Hold][..]), ("established", &[Hold, Established])]
    {
        let bot = Bot::new();
        bot.graph.describe(json!({"state": truth}));
        let call = bot.create().await;
        bot.tell("updated", json!({"state": "hold"})).await;
        bot.tell("updated", json!({"state": "established"})).await;
        let since = Instant::now();
        bot.graph.asked(Ask::Get, 1).await;
        assert!(since.elapsed() < Duration::from_secs(10), "not a minute later: {:?}", since.elapsed());
        bot.tell("deleted", json!({"state": "terminated"})).await;
        let ended = eventually("the end", call.terminated()).await;
        assert_eq!(states(&ended.snapshot), [&[Establishing], expected, &[Terminated]].concat(), "{truth}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_transfer_that_failed_is_believed_when_the_service_is_asked() {
    let bot = Bot::new();
    bot.graph.describe(json!({"state": "established"}));
    let call = bot.create().await;
    bot.tell("updated", json!({"state": "transferring"})).await;
    eventually("the state", call.established()).await.unwrap();
    let mut changes = call.changes();
    while eventually("the way back", changes.next()).await.unwrap().state != Established {}
    assert_eq!(states(&call.snapshot()), [Establishing, Transferring, Established]);
}
