//! The service's keys: read once, read again when they roll over, and not at a stranger's pace.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use futures_util::FutureExt;
use futures_util::future::join_all;
use offhook_signaling::auth::{CallbackVerifier, CallerSettings, VerifyError};
use serde_json::{Value, json};

use super::posts;
use crate::support::{
    APP, Ask, Bot, Graph, Server, Signer, answer, claims, header, not_sent, receiver, soon, timed_out,
};

/// Posts with a token of this key, and gives the answer's status line.
async fn post_by(server: &Server, signer: &Signer) -> String {
    let head = server.post(Some(&format!("Bearer {}", signer.token())), r#"{"value":[]}"#).await;
    head.lines().next().unwrap_or_default().to_owned()
}

fn verifier(graph: &Arc<Graph>, shortest_key_age: Duration, longest_key_age: Duration) -> CallbackVerifier {
    let settings =
        CallerSettings { shortest_key_age, longest_key_age, ..CallerSettings::for_application(APP) };
    CallbackVerifier::new(settings, Arc::clone(graph) as _)
}

fn bearer(signer: &Signer) -> String {
    format!("Bearer {}", signer.token())
}

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn keys_that_cannot_be_read_are_not_the_callers_fault() {
    for (ask, unusable) in [
        (Ask::Metadata, not_sent as fn() -> _),
        (Ask::Metadata, timed_out),
        (Ask::Metadata, || answer(500, Value::Null)),
        (Ask::Metadata, || answer(200, json!({"issuer": "https://elsewhere.example"}))),
        (Ask::Metadata, || answer(200, json!({"jwks_uri": "keys"}))),
        // Keys that came over a plain connection could be anybody's.
        (Ask::Metadata, || answer(200, json!({"jwks_uri": "http://keys.example/keys"}))),
        (Ask::Keys, not_sent),
        (Ask::Keys, || answer(404, Value::Null)),
        (Ask::Keys, || answer(302, json!({"keys": [Signer::service().jwk()]}))),
        (Ask::Keys, || answer(200, json!({"keys": []}))),
        (Ask::Keys, || answer(200, json!("keys"))),
    ] {
        let graph = Graph::new();
        graph.always(ask, unusable);
        let receiver = receiver(&graph).build().unwrap();
        let server = Server::start(&receiver).await;
        assert_eq!(post_by(&server, Signer::service()).await, "http/1.1 503 service unavailable");
        assert_eq!(posts(&receiver), [0, 0, 1, 0, 0, 0, 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_could_not_be_read_are_asked_for_again_soon_but_not_at_a_strangers_pace() {
    let bot = Bot::new();
    bot.graph.next(Ask::Metadata, timed_out());
    bot.graph.next(Ask::Keys, answer(500, Value::Null));
    let post = || bot.post(r#"{"value":[]}"#);
    assert_eq!(post().await, StatusCode::SERVICE_UNAVAILABLE);
    let (first, second) = (Duration::from_secs(1), Duration::from_secs(2));
    for (pause, status) in [(first, StatusCode::SERVICE_UNAVAILABLE), (second, StatusCode::ACCEPTED)] {
        let asked = bot.graph.count(Ask::Metadata);
        tokio::time::advance(pause - Duration::from_millis(1)).await;
        let stranger = bearer(Signer::stranger());
        for _ in 0..20 {
            assert_eq!(bot.post_as(&stranger, "{}").await, StatusCode::SERVICE_UNAVAILABLE);
        }
        assert_eq!(bot.graph.count(Ask::Metadata), asked, "before {pause:?} are over");
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(post().await, status, "after {pause:?}");
    }
    assert_eq!((bot.graph.count(Ask::Metadata), bot.graph.count(Ask::Keys)), (3, 2));
}

#[tokio::test]
async fn callbacks_that_come_while_the_keys_are_read_wait_for_them() {
    let graph = Graph::new();
    let verifier = verifier(&graph, HOUR, HOUR);
    let reading = graph.hold(Ask::Metadata);
    let (good, strange) = (bearer(Signer::service()), bearer(Signer::stranger()));
    let mut first = Box::pin(verifier.verify_caller(Some(&good)));
    assert!((&mut first).now_or_never().is_none());
    graph.asked(Ask::Metadata, 1).await;
    let mut burst = Box::pin(join_all((0..20).map(|_| verifier.verify_caller(Some(&good)))));
    let mut stranger = Box::pin(verifier.verify_caller(Some(&strange)));
    assert!((&mut burst).now_or_never().is_none() && (&mut stranger).now_or_never().is_none());
    drop(reading);
    assert!(soon("the first", first).await.is_ok());
    let burst = soon("the burst", burst).await;
    assert!(burst.iter().all(Result::is_ok), "{burst:?}");
    assert_eq!(soon("the stranger", stranger).await.unwrap_err(), VerifyError::UnknownKey);
    assert_eq!((graph.count(Ask::Metadata), graph.count(Ask::Keys)), (1, 1));
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_break_off_the_reading_of_the_keys() {
    let graph = Graph::new();
    let verifier = verifier(&graph, HOUR, HOUR);
    let reading = graph.hold(Ask::Metadata);
    let strange = bearer(Signer::stranger());
    let mut stranger = Box::pin(verifier.verify_caller(Some(&strange)));
    assert!((&mut stranger).now_or_never().is_none());
    graph.asked(Ask::Metadata, 1).await;
    drop(stranger);
    let good = bearer(Signer::service());
    let mut other = Box::pin(verifier.verify_caller(Some(&good)));
    assert!((&mut other).now_or_never().is_none());
    drop(reading);
    assert!(soon("the other", other).await.is_ok());
    assert_eq!((graph.count(Ask::Metadata), graph.count(Ask::Keys)), (1, 1));
}

#[tokio::test]
async fn a_key_that_rolls_over_is_read_once_and_its_predecessor_no_longer_believed() {
    let graph = Graph::new();
    let receiver = receiver(&graph).shortest_key_age(Duration::ZERO).build().unwrap();
    let server = Server::start(&receiver).await;
    for _ in 0..3 {
        assert!(post_by(&server, Signer::service()).await.contains(" 202 "));
    }
    assert_eq!(graph.count(Ask::Keys), 1);
    graph.list_keys(&[Signer::successor()]);
    for _ in 0..3 {
        assert!(post_by(&server, Signer::successor()).await.contains(" 202 "));
    }
    assert_eq!(graph.count(Ask::Keys), 2);
    assert!(post_by(&server, Signer::service()).await.contains(" 401 "));
    assert_eq!(posts(&receiver), [6, 1, 0, 0, 0, 0, 0]);
}

#[tokio::test]
async fn strangers_do_not_set_the_pace_at_which_keys_are_read() {
    let graph = Graph::new();
    let receiver = receiver(&graph).shortest_key_age(HOUR).build().unwrap();
    let server = Server::start(&receiver).await;
    assert!(post_by(&server, Signer::service()).await.contains(" 202 "));
    for n in 0..50 {
        let token = Signer::stranger().sign(&header(&format!("made-up-{n}")), &claims(json!({})));
        let head = server.post(Some(&format!("Bearer {token}")), "{}").await;
        assert!(head.starts_with("http/1.1 401 "), "{head}");
    }
    assert_eq!((graph.count(Ask::Metadata), graph.count(Ask::Keys)), (1, 1));
    assert!(post_by(&server, Signer::service()).await.contains(" 202 "));
}

#[tokio::test]
async fn old_keys_serve_on_while_they_are_read_again_and_when_that_fails() {
    let graph = Graph::new();
    let verifier = verifier(&graph, Duration::ZERO, Duration::ZERO);
    let good = bearer(Signer::service());
    assert!(verifier.verify_caller(Some(&good)).await.is_ok());
    let reading = graph.hold(Ask::Metadata);
    let mut renewing = Box::pin(verifier.verify_caller(Some(&good)));
    assert!((&mut renewing).now_or_never().is_none());
    graph.asked(Ask::Metadata, 2).await;
    assert!(verifier.verify_caller(Some(&good)).now_or_never().is_some_and(|caller| caller.is_ok()));
    graph.always(Ask::Metadata, timed_out);
    drop(reading);
    assert!(soon("the renewal", renewing).await.is_ok());
    assert_eq!((graph.count(Ask::Metadata), graph.count(Ask::Keys)), (2, 1));
}

#[tokio::test]
async fn a_caller_is_known_by_the_tenant_of_its_token() {
    let verifier = verifier(&Graph::new(), HOUR, HOUR);
    let token = Signer::service().sign(&header(Signer::service().id()), &claims(json!({"tid": "contoso"})));
    let caller = verifier.verify_caller(Some(&format!("Bearer {token}"))).await.unwrap();
    assert_eq!(caller.tenant(), "contoso");
}
