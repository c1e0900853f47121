//! Handles: who follows a call, for how long, and what they see.

use std::time::Duration;

use offhook_signaling::model::{Call, CallState, MediaState};
use offhook_signaling::{CallsError, Fault};
use serde_json::json;
use tokio::time::Instant;

use super::{an_hour, states};
use crate::support::{Ask, Bot, about, eventually, post_of};

#[tokio::test(start_paused = true)]
async fn a_slow_reader_loses_no_state_of_the_history() {
    let bot = Bot::new();
    let call = bot.create().await;
    let mut changes = call.changes();
    let life = ["establishing", "established", "hold", "established", "terminating"];
    for state in life {
        bot.tell("updated", json!({"state": state})).await;
    }
    bot.tell("deleted", json!({"state": "terminated"})).await;
    eventually("the end", call.terminated()).await;
    let snapshot = eventually("the snapshot", changes.next()).await.unwrap();
    use CallState::{Established, Establishing, Hold, Terminated, Terminating};
    assert_eq!(states(&snapshot), [Establishing, Established, Hold, Established, Terminating, Terminated]);
    assert_eq!(eventually("the end of changes", changes.next()).await, None);
}

#[tokio::test(start_paused = true)]
async fn changes_begin_with_what_is_and_go_on_with_what_becomes() {
    let bot = Bot::new();
    let call = bot.create().await;
    let mut changes = call.changes();
    let next = async |changes: &mut offhook_signaling::CallChanges| {
        eventually("the change", changes.next()).await.map(|snapshot| (snapshot.state, snapshot.revision))
    };
    assert_eq!(next(&mut changes).await, Some((CallState::Establishing, 0)));
    bot.tell("updated", json!({"state": "established"})).await;
    let (state, revision) = next(&mut changes).await.unwrap();
    assert_eq!(state, CallState::Established);
    // The same again is no change; what is new is one.
    bot.tell("updated", json!({"state": "established"})).await;
    bot.tell("updated", json!({"state": "established", "mediaState": {"audio": "active"}})).await;
    assert!(next(&mut changes).await.unwrap().1 > revision);
    assert_eq!(call.snapshot().media_state(), Some(MediaState::Active));
    bot.tell("deleted", json!({"state": "terminated"})).await;
    assert_eq!(next(&mut changes).await.unwrap().0, CallState::Terminated);
    assert_eq!(next(&mut changes).await, None);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_stops_the_polls_and_hangs_nothing_up() {
    let bot = Bot::new();
    let call = bot.create().await;
    let (clone, changes) = (call.clone(), call.changes());
    drop(call);
    drop(clone);
    let polls = bot.graph.count(Ask::Get);
    an_hour().await;
    assert!(bot.graph.count(Ask::Get) > polls, "who watches the changes follows the call");
    drop(changes);
    // Time for the task to see it.
    tokio::task::yield_now().await;
    let polls = bot.graph.count(Ask::Get);
    an_hour().await;
    assert_eq!((bot.graph.count(Ask::Get), bot.graph.count(Ask::Delete)), (polls, 0));
    bot.tell("updated", json!({"state": "established"})).await;
    assert_eq!(bot.receiver.stats().notifications.late, 1);
    bot.calls.follow(Call { id: "call-1".into(), ..Call::new() }).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_cannot_be_followed_twice() {
    let bot = Bot::new();
    let call = bot.create().await;
    for other in [Call { id: "CALL1".into(), ..Call::new() }, Call::new()] {
        let error = bot.calls.follow(other).unwrap_err();
        assert!(matches!(error, CallsError::InvalidRequest { .. }), "{error:?}");
        assert_eq!(error.fault(), Fault::Caller);
    }
    // The first is as well as before.
    bot.tell("updated", json!({"state": "established"})).await;
    eventually("the state", call.established()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_panics_costs_the_handle_and_not_the_call() {
    let bot = Bot::new();
    bot.graph.always(Ask::Get, || panic!("a transport with a bug"));
    let call = bot.create().await;
    let ended = eventually("the end", call.terminated()).await;
    assert_eq!(
        ended.to_string(),
        "call call-1 ended before it was established for this process: it is no longer followed"
    );
    let call = bot.calls.follow(Call { id: "call-1".into(), ..Call::new() }).unwrap();
    bot.tell("updated", json!({"state": "established"})).await;
    eventually("the state", call.established()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_standing_call_is_asked_once_a_minute_and_its_end_found() {
    let bot = Bot::new();
    bot.graph.describe(json!({"state": "established"}));
    let call = bot.create().await;
    bot.tell("updated", json!({"state": "established"})).await;
    eventually("the state", call.established()).await.unwrap();
    an_hour().await;
    // The paused clock's resolution is a millisecond, so the sixtieth may be due just after the hour.
    assert!((59..=60).contains(&bot.graph.count(Ask::Get)), "{}", bot.graph.count(Ask::Get));
    bot.graph.forget();
    let since = Instant::now();
    eventually("the end", call.terminated()).await;
    assert!(since.elapsed() <= Duration::from_secs(61), "{:?}", since.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_call_in_change_is_asked_ever_more_patiently() {
    let bot = Bot::new();
    let _call = bot.create().await;
    an_hour().await;
    // 2, 4, 8 seconds, then every 15: 242 in an hour.
    let polls = bot.graph.count(Ask::Get);
    assert!((235..=245).contains(&polls), "{polls}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_lost_notifications_is_asked_soon() {
    let bot = Bot::new();
    let call = bot.create().await;
    bot.tell("updated", json!({"state": "established"})).await;
    eventually("the state", call.established()).await.unwrap();
    // More in one post than wait for one call; the end is among those that find no room.
    let mut flood = vec![about("call-1", "updated", json!({"state": "established"})); 300];
    flood.push(about("call-1", "deleted", json!({"state": "terminated"})));
    bot.graph.forget();
    let since = Instant::now();
    assert_eq!(bot.post(post_of(&flood).to_string()).await, 202);
    assert!(bot.receiver.stats().notifications.dropped > 0);
    eventually("the end", call.terminated()).await;
    assert!(
        since.elapsed() < Duration::from_secs(10),
        "sooner than the minute of a standing call: {:?}",
        since.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_makes_the_call_be_asked() {
    let bot = Bot::new();
    let call = bot.create().await;
    bot.tell("updated", json!({"state": "established"})).await;
    eventually("the state", call.established()).await.unwrap();
    bot.graph.describe(json!({"state": "hold"}));
    bot.tell("updated", json!({"@odata.type": "#microsoft.graph.call", "state": 7})).await;
    let since = Instant::now();
    let mut changes = call.changes();
    while eventually("the state", changes.next()).await.unwrap().state != CallState::Hold {}
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_roster_is_whole_or_changed_as_it_is_told() {
    let bot = Bot::new();
    let call = bot.create().await;
    let roster = |data| {
        let mut told = about("call-1", "updated", data);
        told["resourceUrl"] = json!("/communications/calls/call-1/participants");
        post_of(&[told]).to_string()
    };
    let ids = |call: &offhook_signaling::Call| -> Vec<String> {
        call.participants().iter().filter_map(|one| one.id.as_str().map(str::to_owned)).collect()
    };
    let mut changes = call.changes();
    eventually("the first", changes.next()).await.unwrap();
    for (told, expected) in [
        (json!([{"id": "a"}, {"id": "b"}]), vec!["a", "b"]),
        (json!([{"id": "b"}, {"id": "c"}]), vec!["b", "c"]),
        (
            json!([{"@odata.type": "#microsoft.graph.deltaParticipants", "sequenceNumber": 1, "participants":
                [{"id": "d"}, {"id": "b", "removedState": {"reason": "Removed"}}]}]),
            vec!["c", "d"],
        ),
    ] {
        assert_eq!(bot.post(roster(told)).await, 202);
        eventually("the roster", changes.next()).await.unwrap();
        assert_eq!(ids(&call), expected);
    }
}
