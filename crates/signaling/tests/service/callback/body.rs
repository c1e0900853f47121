//! What is taken from who is believed.

use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use futures_util::stream;
use offhook_signaling::model::Call;
use serde_json::{Value, json};

use super::posts;
use crate::support::{Bot, Graph, Line, Server, Signer, about, post_of, receiver, soon};

/// A body of exactly this length that holds no notification.
fn body_of(length: usize) -> String {
    let (head, tail) = (r#"{"value":[],"x":""#, r#""}"#);
    format!("{head}{}{tail}", "x".repeat(length - head.len() - tail.len()))
}

/// The same as one chunk, without a length announced ahead.
fn chunked(body: &str) -> String {
    format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
}

#[tokio::test]
async fn only_json_is_read() {
    let receiver = receiver(&Graph::new()).build().unwrap();
    let server = Server::start(&receiver).await;
    for (content_type, expected) in [
        ("Content-Type: application/json\r\n", 202),
        ("Content-Type: Application/JSON;charset=utf-8\r\n", 202),
        ("Content-Type: text/plain\r\n", 415),
        ("Content-Type: application/jsonp\r\n", 415),
        ("Content-Type: application/x-www-form-urlencoded\r\n", 415),
        ("", 415),
    ] {
        let mut line = Line::bare(&server).await.signed().await;
        line.say(&format!("{content_type}Content-Length: 12\r\n\r\n{{\"value\":[]}}")).await;
        assert_eq!(line.status().await, expected, "{content_type:?}");
    }
    assert_eq!(posts(&receiver), [2, 0, 0, 4, 0, 0, 0]);
}

#[tokio::test]
async fn a_body_at_the_limit_is_taken_and_one_above_it_is_not() {
    let receiver = receiver(&Graph::new()).body_limit(1000).build().unwrap();
    let server = Server::start(&receiver).await;
    for (length, expected) in [(1000, 202), (1001, 413)] {
        let body = body_of(length);
        assert_eq!(server.post_signed(&body).await, expected, "{length} bytes, announced");
        let mut line = Line::to(&server).await.signed().await;
        line.say(&chunked(&body)).await;
        assert_eq!(line.status().await, expected, "{length} bytes, not announced");
    }
    assert_eq!(posts(&receiver), [2, 0, 0, 0, 2, 0, 0]);
}

#[tokio::test]
async fn a_body_that_announces_too_much_is_refused_before_it_comes() {
    // Were it awaited, the short timeout would answer 408.
    let receiver = receiver(&Graph::new()).body_timeout(Duration::from_millis(20)).build().unwrap();
    let server = Server::start(&receiver).await;
    let mut line = Line::to(&server).await.signed().await;
    line.say(&format!("Content-Length: {}\r\n\r\n", (4 << 20) + 1)).await;
    assert_eq!(line.status().await, 413);
}

#[tokio::test]
async fn a_roster_of_thousands_is_within_the_default_limit() {
    // The web framework's own limit, half of ours, must not apply.
    let receiver = receiver(&Graph::new()).build().unwrap();
    let server = Server::start(&receiver).await;
    assert_eq!(server.post_signed(&body_of(4 << 20)).await, 202);
}

#[tokio::test]
async fn a_body_that_stalls_is_given_up() {
    let receiver = receiver(&Graph::new()).body_timeout(Duration::from_millis(20)).build().unwrap();
    let server = Server::start(&receiver).await;
    for beginning in
        ["Content-Length: 12\r\n\r\n{\"value\"", "Transfer-Encoding: chunked\r\n\r\nc\r\n{\"value\""]
    {
        let mut line = Line::to(&server).await.signed().await;
        line.say(beginning).await;
        assert_eq!(line.status().await, 408, "{beginning}");
    }
    assert_eq!(posts(&receiver), [0, 0, 0, 0, 0, 2, 0]);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_taken_for_a_whole_one() {
    let bot = Bot::new();
    let whole = post_of(&[about("call-1", "deleted", json!({"state": "terminated"}))]).to_string();
    let broken = stream::iter([Ok(whole), Err(io::Error::from(io::ErrorKind::ConnectionReset))]);
    assert_eq!(bot.post(Body::from_stream(broken)).await, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(posts(&bot.receiver), [0, 0, 0, 0, 0, 1, 0]);
    assert_eq!(bot.receiver.stats().notifications.held, 0);
}

#[tokio::test]
async fn a_strange_notification_takes_no_other_with_it() {
    let strange: [Value; 9] = [
        json!({}),
        json!({"value": 1}),
        json!({"resourceUrl": "/communications/calls/call-1", "resourceData": 7}),
        json!({"resourceUrl": "/communications/calls/call-1", "resourceData": {"state": {"state": 1}}}),
        json!({"resourceUrl": "/communications/calls/call-1", "changeType": 7, "resourceData": {"state": "hold"}}),
        json!({"resourceUrl": ["/communications/calls/call-1"], "changeType": "deleted"}),
        json!({"resourceUrl": "/users/7", "changeType": "levitated", "callbackUri": 7, "resource": {}}),
        json!({"@odata.type": 7, "changeType": null, "resourceUrl": null}),
        json!({"resourceUrl": "/communications/calls/call-1/participants", "resourceData": [null, 7]}),
    ];
    for strange in strange {
        let bot = Bot::new();
        let call = bot.create().await;
        let told = about("call-1", "updated", json!({"state": "established"}));
        let body = post_of(&[strange.clone(), told, strange.clone()]);
        assert_eq!(bot.post(body.to_string()).await, StatusCode::ACCEPTED, "{strange}");
        soon("the state", call.established()).await.unwrap();
    }
}

#[tokio::test]
async fn notifications_about_no_call_and_about_unknown_calls_are_counted() {
    let bot = Bot::new();
    let told = about("call-9", "updated", json!({"state": "established"}));
    let body = post_of(&[json!({"resourceUrl": "/users/7"}), told]);
    assert_eq!(bot.post(body.to_string()).await, StatusCode::ACCEPTED);
    let notifications = bot.receiver.stats().notifications;
    assert_eq!((notifications.without_call, notifications.held, notifications.unknown_calls), (1, 1, 1));
    // What was held is not lost: who follows the call later gets it.
    let call = bot.calls.follow(Call { id: "call-9".into(), ..Call::new() }).unwrap();
    soon("what was held", call.established()).await.unwrap();
}

#[tokio::test]
async fn an_incoming_call_in_the_old_form_is_asked_for_in_the_new_one() {
    let bot = Bot::new();
    let old =
        json!({"id": "1", "callState": "incoming", "participants": [{"originator": true}], "links": {}});
    assert_eq!(bot.post(old.to_string()).await, StatusCode::NO_CONTENT);
    assert_eq!((posts(&bot.receiver), bot.receiver.stats().legacy), ([0; 7], 1));
}

#[tokio::test]
async fn connections_stay_open_unless_they_are_to_be_spread() {
    for (close, expected) in [(false, false), (true, true)] {
        let receiver = receiver(&Graph::new()).close_connections(close).build().unwrap();
        let server = Server::start(&receiver).await;
        let token = format!("Bearer {}", Signer::service().token());
        for authorization in [Some(token.as_str()), None] {
            let head = server.post(authorization, r#"{"value":[]}"#).await;
            assert_eq!(head.contains("connection: close"), expected, "{head}");
        }
    }
}
