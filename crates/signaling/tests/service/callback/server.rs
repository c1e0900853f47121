//! The receiver in servers of several kinds, and what its log says where.

use axum::http::{Method, Request, StatusCode, Version, header as names};
use serde_json::json;
use tower::ServiceExt;

use super::posts;
use crate::support::{Bot, Graph, Signer, about, heard, listen, post_of, receiver};

/// A post whose body is of a type that is not axum's.
fn honest(version: Version) -> Request<String> {
    Request::post("/anywhere")
        .version(version)
        .header(names::AUTHORIZATION, format!("Bearer {}", Signer::service().token()))
        .header(names::CONTENT_TYPE, "application/json")
        .body(r#"{"value":[]}"#.to_owned())
        .unwrap()
}

#[tokio::test]
async fn a_server_of_another_kind_calls_it_as_a_service() {
    let receiver = receiver(&Graph::new()).close_connections(true).build().unwrap();
    // One connection of HTTP/2 carries many requests, and has no header to close it by.
    for (version, closes) in [(Version::HTTP_11, true), (Version::HTTP_2, false)] {
        let answer = receiver.service().oneshot(honest(version)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        assert_eq!(answer.headers().contains_key(names::CONNECTION), closes, "{version:?}");
    }
    assert_eq!(posts(&receiver), [2, 0, 0, 0, 0, 0, 0]);
}

#[tokio::test]
async fn only_posts_are_answered() {
    let receiver = receiver(&Graph::new()).build().unwrap();
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let mut request = honest(Version::HTTP_11);
        *request.method_mut() = method;
        let answer = receiver.service().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.headers()[names::ALLOW], "POST");
    }
    assert_eq!(posts(&receiver), [0; 7]);
}

#[tokio::test(start_paused = true)]
async fn a_line_of_the_log_says_which_post_and_which_call() {
    listen();
    let bot = Bot::new();
    let body = post_of(&[about("call-7", "updated", json!({"state": "established"}))]).to_string();
    let post = |authorization: String| {
        let request = Request::post("/callback")
            .header(names::AUTHORIZATION, authorization)
            .header(names::CONTENT_TYPE, "application/json")
            .header("X-Microsoft-Skype-Message-ID", "m-1");
        bot.send(request.body(body.clone().into()).unwrap())
    };
    post("Bearer x".to_owned()).await;
    let refused = heard();
    assert!(
        refused.contains("callback: ") && !refused.contains("m-1"),
        "a stranger's id is not written: {refused}"
    );
    post(format!("Bearer {}", Signer::service().token())).await;
    let line = heard();
    let line = line.lines().find(|line| line.contains("nobody follows")).expect(&line);
    assert!(line.contains(r#"callback{message_id="m-1"}:notification{call=call-7}"#), "{line}");
}
