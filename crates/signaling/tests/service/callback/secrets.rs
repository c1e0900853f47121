//! What must not be seen: tokens, secrets, blobs, names, numbers.

use axum::http::StatusCode;
use serde_json::json;

use crate::support::{
    Ask, Bot, Signer, about, claims, eventually, header, heard, listen, new_call, post_of, refusal, timed_out,
};

/// Words that are in what passes through the bot below, and must be in nothing that it shows.
const SECRETS: [&str; 7] = ["s3cret", "5550100", "token-1", "token-2", "eyJ", "Bearer", "Megan"];

fn assert_hidden(what: &str, shown: &str) {
    for secret in SECRETS {
        assert!(!shown.contains(secret), "{what} shows {secret}: {shown}");
    }
}

/// Data of a call that has a secret in each place where one may be.
fn told(state: &str) -> serde_json::Value {
    json!({
        "@odata.type": "#microsoft.graph.call", "state": state, "subject": "s3cret subject",
        "mediaConfig": {"@odata.type": "#microsoft.graph.appHostedMediaConfig", "blob": "s3cret answer"},
        "meetingInfo": {"@odata.type": "#microsoft.graph.tokenMeetingInfo", "token": "s3cret meeting"},
        "source": {"identity": {"phone": {"id": "+15550100", "displayName": "Megan Bowen"}}},
        "novelty": "s3cret novelty",
    })
}

#[tokio::test(start_paused = true)]
async fn the_log_of_a_whole_call_shows_no_secret() {
    listen();
    let bot = Bot::new();
    bot.graph.next(Ask::Token, timed_out());
    bot.graph.next(Ask::Create, refusal(401, "InvalidAuthenticationToken", "Access token has expired."));
    bot.graph.next(Ask::Delete, refusal(503, "9999", "Unknown internal server error."));
    let call = bot.create().await;
    let service = Signer::service();
    let expired = service.sign(&header(service.id()), &claims(json!({"exp": -3600})));
    for authorization in [format!("Bearer {expired}"), "Bearer s3cret".to_owned()] {
        assert_eq!(bot.post_as(&authorization, "s3cret body").await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(bot.post("{\"s3cret\":").await, StatusCode::BAD_REQUEST);
    let post = post_of(&[
        about("call-1", "updated", told("established")),
        json!({"resourceUrl": "/users/7", "resourceData": told("established")}),
        about("call-2", "updated", told("established")),
    ]);
    assert_eq!(bot.post(post.to_string()).await, StatusCode::ACCEPTED);
    eventually("the state", call.established()).await.unwrap();
    call.hang_up().await.unwrap();
    bot.tell("deleted", told("terminated")).await;
    eventually("the end", call.terminated()).await;

    let shown = heard();
    for line in ["callback refused", "will be tried again", "answered", "about no call", "nobody follows"] {
        assert!(shown.contains(line), "the log lacks `{line}`, so it proves little: {shown}");
    }
    assert_hidden("the log", &shown);
}

#[tokio::test(start_paused = true)]
async fn nothing_that_a_bot_holds_shows_a_secret() {
    let bot = Bot::new();
    let call = bot.create().await;
    bot.tell("updated", told("established")).await;
    let snapshot = eventually("the state", call.established()).await.unwrap();
    assert_eq!(snapshot.call.media_blob().unwrap().expose(), "s3cret answer");
    bot.tell("deleted", told("terminated")).await;
    let ended = eventually("the end", call.terminated()).await;
    for (what, shown) in [
        ("calls", format!("{:?}", bot.calls)),
        ("receiver", format!("{:?}", bot.receiver)),
        ("call", format!("{call:?}")),
        ("snapshot", format!("{snapshot:?}")),
        ("blob", format!("{:?}", call.media_blob())),
        ("end", format!("{ended:?} {ended}")),
        ("requests", format!("{:?}", bot.graph.requests(Ask::Create))),
        ("headers", format!("{:?}", bot.graph.requests(Ask::Create)[0].headers)),
        ("new call", format!("{:?}", new_call().subject("s3cret subject"))),
    ] {
        assert_hidden(what, &shown);
    }
}
