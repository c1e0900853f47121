//! Who is believed.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use futures_util::stream;
use offhook_signaling::DeliveryStats;
use offhook_signaling::model::CallState;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::posts;
use crate::support::{
    Bot, Graph, Line, Server, Signer, about, claims, header, post_of, receiver, said, soon,
};

#[tokio::test]
async fn a_well_signed_post_is_taken_and_reaches_its_call() {
    let bot = Bot::new();
    let call = bot.create().await;
    let server = Server::start(&bot.receiver).await;
    let body = post_of(&[about("call-1", "updated", json!({"state": "established"}))]).to_string();
    assert_eq!(server.post_signed(&body).await, 202);
    soon("the state", call.established()).await.unwrap();
    assert_eq!(posts(&bot.receiver), [1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bot.receiver.stats().notifications.delivered, 1);
}

/// What a stranger, or a service gone wrong, may put into `Authorization`.
fn disbelieved() -> Vec<(&'static str, Option<String>)> {
    let service = Signer::service();
    let good = header(service.id());
    let bearer = |token: String| Some(format!("Bearer {token}"));
    let claiming = |changes| bearer(service.sign(&good, &claims(changes)));
    let headed = |changes: Value| {
        let mut header = good.clone();
        header.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        bearer(service.sign(&header, &claims(json!({}))))
    };
    let token = service.token();
    let (unsigned_good, signature) = token.rsplit_once('.').unwrap();
    let (_, other_said) = token.split_once('.').unwrap();
    let stranger = Signer::stranger();
    vec![
        ("no header", None),
        ("empty", Some(String::new())),
        ("no token", Some("Bearer ".to_owned())),
        ("another scheme", Some(format!("Basic {token}"))),
        ("no scheme", Some(token.clone())),
        ("garbage", bearer("garbage".to_owned())),
        ("three parts of garbage", bearer("a.b.c".to_owned())),
        ("alg none, no signature", bearer(unsigned())),
        ("alg none, a signature", headed(json!({"alg": "none"}))),
        ("HS256 by the public key", bearer(service.sign_with_public_half(&claims(json!({}))))),
        ("PS256", headed(json!({"alg": "PS256"}))),
        ("no key id", headed(json!({"kid": null}))),
        ("something critical", headed(json!({"crit": ["exp"]}))),
        ("no signature", bearer(format!("{unsigned_good}."))),
        ("a signature cut short", bearer(format!("{unsigned_good}.{}", &signature[..signature.len() - 4]))),
        (
            "another token's signature",
            bearer(format!("{}.{signature}", said(&good, &claims(json!({"tid": "other"}))))),
        ),
        ("a header that was exchanged", bearer(format!("e30.{other_said}"))),
        ("a stranger's key", bearer(stranger.token())),
        ("a stranger's key by the service's id", bearer(stranger.sign(&good, &claims(json!({}))))),
        ("a stranger's key, enclosed", {
            let mut header = good.clone();
            header["jwk"] = stranger.jwk();
            bearer(stranger.sign(&header, &claims(json!({}))))
        }),
        ("expired", claiming(json!({"exp": -3600}))),
        ("without end", claiming(json!({"exp": null}))),
        ("not yet valid", claiming(json!({"nbf": 3600}))),
        ("another audience", claiming(json!({"aud": "8d4d5a2e-0000-0000-0000-000000000000"}))),
        ("no audience", claiming(json!({"aud": null}))),
        ("another issuer", claiming(json!({"iss": "https://api.botframework.com.example"}))),
        ("no issuer", claiming(json!({"iss": null}))),
        ("no tenant", claiming(json!({"tid": null}))),
        ("an empty tenant", claiming(json!({"tid": ""}))),
        ("claims that are no object", bearer(service.sign(&good, &json!(["claims"])))),
        ("a token without end", bearer(service.sign(&good, &claims(json!({"x": "x".repeat(17_000)}))))),
    ]
}

/// A token that says the right things and is signed by nobody.
fn unsigned() -> String {
    format!("{}.", said(&json!({"typ": "JWT", "alg": "none"}), &claims(json!({}))))
}

#[tokio::test]
async fn a_caller_who_is_not_believed_changes_nothing() {
    let bot = Bot::new();
    let call = bot.create().await;
    let server = Server::start(&bot.receiver).await;
    let body = post_of(&[about("call-1", "deleted", json!({"state": "terminated"}))]).to_string();
    let mut refused = 0;
    for (what, authorization) in disbelieved() {
        let head = server.post(authorization.as_deref(), &body).await;
        assert!(
            head.starts_with("http/1.1 401 ") && head.contains("www-authenticate: bearer"),
            "{what}: {head}"
        );
        refused += 1;
        assert_eq!(posts(&bot.receiver), [0, refused, 0, 0, 0, 0, 0], "{what}");
        assert_eq!(bot.receiver.stats().notifications, DeliveryStats::default(), "{what}");
        assert_eq!(call.state(), CallState::Establishing, "{what}");
    }
    // The same body from someone who is believed does end the call, so the above could have shown.
    assert_eq!(server.post_signed(&body).await, 202);
    soon("the end", call.terminated()).await;
}

#[tokio::test]
async fn a_caller_without_a_token_is_answered_before_the_body_comes() {
    // Were the body awaited first, this timeout would answer 408.
    let receiver = receiver(&Graph::new()).body_timeout(Duration::from_millis(20)).build().unwrap();
    let server = Server::start(&receiver).await;
    for body in
        ["Content-Length: 1000000000000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\nffff\r\n{\"value\":["]
    {
        let mut line = Line::to(&server).await;
        line.say(body).await;
        assert_eq!(line.status().await, 401, "{body}");
    }
}

#[tokio::test]
async fn a_body_of_a_caller_who_is_not_believed_is_never_touched() {
    let receiver = receiver(&Graph::new()).build().unwrap();
    let untouchable = stream::poll_fn(|_| -> std::task::Poll<Option<Result<Vec<u8>, std::io::Error>>> {
        panic!("the body was read")
    });
    let request = Request::post("/callback")
        .header("Content-Type", "application/json")
        .header("Authorization", format!("Bearer {}", Signer::stranger().token()))
        .body(Body::from_stream(untouchable))
        .unwrap();
    let answer = receiver.router("/callback").oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn issuer_and_clock_difference_are_what_the_settings_say() {
    let graph = Graph::new();
    let receiver =
        receiver(&graph).issuers(["https://login.example/"]).leeway(Duration::ZERO).build().unwrap();
    let server = Server::start(&receiver).await;
    let service = Signer::service();
    for (changes, status) in [
        (json!({"iss": "https://login.example"}), "202"),
        (json!({}), "401"),
        // Within the five minutes that are the default.
        (json!({"iss": "https://login.example", "exp": -60}), "401"),
        (json!({"iss": "https://login.example", "nbf": 120}), "401"),
    ] {
        let token = service.sign(&header(service.id()), &claims(changes.clone()));
        let head = server.post(Some(&format!("bearer {token}")), r#"{"value":[]}"#).await;
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{changes}: {head}");
    }
}
