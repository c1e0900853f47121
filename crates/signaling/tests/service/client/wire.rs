//! The client over real connections: redirects, long answers, nobody at home.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use offhook_signaling::http::{HttpTransport, Request, RetryPolicy, Transport, TransportError};
use offhook_signaling::model::CallId;
use offhook_signaling::{CallsClient, CallsError, Credentials, Fault};
use tokio::net::{TcpListener, TcpSocket};
use url::Url;

use crate::support::{new_call, soon};

/// Serves a router on loopback until the runtime ends.
async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

/// An authority that gives a token.
fn authority() -> Router {
    let token = || async { r#"{"access_token":"token-of-ours","expires_in":3599}"# };
    Router::new().route("/{tenant}/oauth2/v2.0/token", post(token))
}

fn client(authority: SocketAddr, graph: SocketAddr) -> CallsClient {
    CallsClient::builder(Credentials::client_secret("contoso.onmicrosoft.com", "app", "s3cret"))
        .authority(format!("http://{authority}"))
        .graph_url(format!("http://{graph}"))
        .retry(RetryPolicy { attempts: 1, ..RetryPolicy::default() })
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_token_does_not_follow_where_an_answer_points() {
    let visits = Arc::new(AtomicUsize::new(0));
    let visited = Arc::clone(&visits);
    let elsewhere = serve(Router::new().fallback(move || {
        visited.fetch_add(1, Ordering::SeqCst);
        async { r#"{"id":"call-1","access_token":"x","expires_in":3599}"# }
    }))
    .await;
    for status in [StatusCode::FOUND, StatusCode::TEMPORARY_REDIRECT, StatusCode::PERMANENT_REDIRECT] {
        let away = move || async move {
            (status, [(header::LOCATION, format!("http://{elsewhere}/"))]).into_response()
        };
        let moved = serve(Router::new().fallback(away)).await;
        let authority = serve(authority()).await;
        let error =
            soon("the answer", client(authority, moved).get_call(&CallId::from("call-1"))).await.unwrap_err();
        assert!(matches!(error, CallsError::Refused { status: s, .. } if s == status.as_u16()), "{error:?}");
        let error = soon("the answer", client(moved, authority).create_call(new_call())).await.unwrap_err();
        assert!(matches!(error, CallsError::Token(_)), "{error:?}");
    }
    assert_eq!(visits.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_answer_beyond_all_measure_is_given_up_and_not_asked_for_again() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let graph = serve(authority().route(
        "/v1.0/communications/calls/{id}",
        get(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            async { vec![b' '; (8 << 20) + 1] }
        }),
    ))
    .await;
    let credentials = Credentials::client_secret("contoso.onmicrosoft.com", "app", "s3cret");
    let address = format!("http://{graph}");
    let client = CallsClient::builder(credentials).authority(&address).graph_url(&address).build().unwrap();
    let error = soon("the answer", client.get_call(&CallId::from("call-1"))).await.unwrap_err();
    assert!(matches!(error, CallsError::Unreadable { .. }), "{error:?}");
    assert!(error.to_string().contains("more than 8388608 bytes"), "{error}");
    assert_eq!((error.fault(), asked.load(Ordering::SeqCst)), (Fault::Service, 1));
}

#[tokio::test]
async fn an_answer_of_a_megabyte_is_read() {
    let long = format!(r#"{{"id":"call-1","novelty":"{}"}}"#, "x".repeat(1 << 20));
    let graph = serve(authority().route("/v1.0/communications/calls/{id}", get(|| async { long }))).await;
    let call = soon("the answer", client(graph, graph).get_call(&CallId::from("call-1"))).await.unwrap();
    assert_eq!(call.other["novelty"].as_str().map(str::len), Some(1 << 20));
}

#[tokio::test]
async fn a_request_carries_token_ids_and_json_and_nothing_is_lost_on_the_way() {
    let echo = |headers: HeaderMap, body: String| async move {
        let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        let sent = serde_json::json!({
            "id": "call-1", "sent": {
                "authorization": header("authorization"), "accept": header("accept"),
                "content-type": header("content-type"), "length": body.len(),
                "blob": serde_json::from_str::<serde_json::Value>(&body).unwrap()["mediaConfig"]["blob"],
                "traced": header("client-request-id").is_some_and(|id| id.len() == 36),
            }
        });
        (StatusCode::CREATED, sent.to_string())
    };
    let graph = serve(authority().route("/v1.0/communications/calls", post(echo))).await;
    let blob = "x".repeat(100_000);
    let call = soon("the answer", client(graph, graph).create_call(new_call().app_hosted_media(&*blob)))
        .await
        .unwrap();
    let sent = &call.other["sent"];
    assert_eq!(sent["authorization"], "Bearer token-of-ours");
    assert_eq!(
        (&sent["accept"], &sent["content-type"]),
        (&"application/json".into(), &"application/json".into())
    );
    assert_eq!(sent["blob"].as_str(), Some(&*blob));
    assert_eq!(sent["traced"], true);
}

#[tokio::test]
async fn a_post_without_a_body_says_that_it_has_none() {
    // Some front ends answer 411 to a POST that does not say how long it is.
    let keep = |headers: HeaderMap| async move {
        let length = headers.get(header::CONTENT_LENGTH).is_some_and(|length| length == "0");
        if length && !headers.contains_key(header::CONTENT_TYPE) {
            StatusCode::OK
        } else {
            StatusCode::LENGTH_REQUIRED
        }
    };
    let graph = serve(authority().route("/v1.0/communications/calls/{id}/keepAlive", post(keep))).await;
    assert!(soon("the answer", client(graph, graph).keep_alive(&CallId::from("call-1"))).await.unwrap());
}

#[tokio::test]
async fn nobody_at_home_no_answer_and_a_broken_line_are_told_apart() {
    // Bound and not listening: the port is nobody else's, and connecting to it is refused.
    let closed = TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let rude = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hanging_up = rude.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            drop(rude.accept().await.unwrap());
        }
    });
    let transport = HttpTransport::new().unwrap();
    let ask = |address: SocketAddr, timeout| {
        let url = Url::parse(&format!("http://{address}/")).unwrap();
        transport.send(Request::new(reqwest::Method::GET, url, timeout))
    };
    let patient = Duration::from_secs(50);
    let refused = soon("the refusal", ask(closed.local_addr().unwrap(), patient)).await;
    assert!(matches!(refused, Err(TransportError::NotSent(_))), "{refused:?}");
    let unanswered = soon("the timeout", ask(silent.local_addr().unwrap(), Duration::from_millis(20))).await;
    assert!(matches!(unanswered, Err(TransportError::TimedOut(_))), "{unanswered:?}");
    let broken = soon("the break", ask(hanging_up, patient)).await;
    assert!(matches!(broken, Err(TransportError::BrokenOff(_))), "{broken:?}");
}
