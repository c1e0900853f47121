//! A post that was taken is not taken again.

use axum::http::{Request, StatusCode, header as names};
use offhook_signaling::model::CallState;
use serde_json::json;

use super::posts;
use crate::support::{Bot, Signer, about, claims, eventually, header, post_of};

/// Posts with this token and message id.
async fn post(bot: &Bot, token: &str, message_id: Option<&str>, body: &str) -> StatusCode {
    let mut request = Request::post("/callback")
        .header(names::AUTHORIZATION, format!("Bearer {token}"))
        .header(names::CONTENT_TYPE, "application/json");
    if let Some(id) = message_id {
        request = request.header("X-Microsoft-Skype-Message-ID", id);
    }
    bot.send(request.body(body.to_owned().into()).unwrap()).await.status()
}

fn told(state: &str) -> String {
    post_of(&[about("call-1", "updated", json!({"state": state}))]).to_string()
}

#[tokio::test(start_paused = true)]
async fn the_same_post_again_is_refused_and_changes_nothing() {
    let bot = Bot::new();
    let call = bot.create().await;
    let token = Signer::service().token();
    assert_eq!(post(&bot, &token, Some("m-1"), &told("established")).await, StatusCode::ACCEPTED);
    assert_eq!(post(&bot, &token, Some("m-2"), &told("hold")).await, StatusCode::ACCEPTED);
    let held = |call: &offhook_signaling::Call| call.state() == CallState::Hold;
    let mut changes = call.changes();
    while !held(&call) {
        eventually("the change", changes.next()).await;
    }
    for _ in 0..3 {
        assert_eq!(post(&bot, &token, Some("m-1"), &told("established")).await, StatusCode::CONFLICT);
    }
    // What comes behind is applied after it, had it been taken.
    assert_eq!(post(&bot, &token, Some("m-3"), r#"{"value":[]}"#).await, StatusCode::ACCEPTED);
    tokio::task::yield_now().await;
    assert!(held(&call));
    let stats = bot.receiver.stats();
    assert_eq!((posts(&bot.receiver), stats.replayed), ([3, 0, 0, 0, 0, 0, 0], 3));
    assert_eq!(stats.notifications.delivered, 2);
}

#[tokio::test(start_paused = true)]
async fn what_differs_in_token_id_or_body_is_another_post() {
    let bot = Bot::new();
    let (token, body) = (Signer::service().token(), told("established"));
    let other = Signer::service().sign(&header("service-1"), &claims(json!({"exp": 3000})));
    for (token, id, body) in [
        (&token, "m-1", body.clone()),
        (&other, "m-1", body.clone()),
        (&token, "m-2", body.clone()),
        (&token, "m-1", told("hold")),
    ] {
        assert_eq!(post(&bot, token, Some(id), &body).await, StatusCode::ACCEPTED);
        assert_eq!(post(&bot, token, Some(id), &body).await, StatusCode::CONFLICT);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_message_id_nothing_is_a_replay() {
    let bot = Bot::new();
    let token = Signer::service().token();
    for _ in 0..3 {
        assert_eq!(post(&bot, &token, None, &told("established")).await, StatusCode::ACCEPTED);
    }
    assert_eq!(bot.receiver.stats().replayed, 0);
}

#[tokio::test(start_paused = true)]
async fn a_post_that_was_not_taken_may_be_sent_again() {
    let bot = Bot::new();
    let token = Signer::service().token();
    assert_eq!(post(&bot, &token, Some("m-1"), "{").await, StatusCode::BAD_REQUEST);
    assert_eq!(post(&bot, &token, Some("m-1"), "{").await, StatusCode::BAD_REQUEST);
    assert_eq!(post(&bot, &token, Some("m-1"), &told("established")).await, StatusCode::ACCEPTED);
}
