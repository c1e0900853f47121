//! The list of attacks. Each gets its status, is logged without the token, changes nothing, and stands in nobody's way.

use std::io;

use axum::body::Body;
use axum::http::{Request, StatusCode, header as names};
use futures_util::stream;
use serde_json::json;

use crate::support::{Bot, Signer, about, claims, header, heard, listen, post_of, said};

/// A post, and what it deserves.
struct Attack {
    what: &'static str,
    token: Option<String>,
    content_type: &'static str,
    body: Body,
    status: StatusCode,
}

/// What would end the call, were it believed.
fn end() -> String {
    post_of(&[about("call-1", "deleted", json!({"state": "terminated"}))]).to_string()
}

/// By somebody who is not to be believed.
fn by(what: &'static str, token: impl Into<Option<String>>) -> Attack {
    let (token, body) = (token.into(), end().into());
    Attack { what, token, content_type: "application/json", body, status: StatusCode::UNAUTHORIZED }
}

/// By somebody who is believed and posts what is not to be taken.
fn posting(what: &'static str, body: impl Into<Body>, status: StatusCode) -> Attack {
    Attack {
        what,
        token: Some(Signer::service().token()),
        content_type: "application/json",
        body: body.into(),
        status,
    }
}

fn attacks() -> Vec<Attack> {
    let (service, stranger) = (Signer::service(), Signer::stranger());
    let good = header(service.id());
    let claiming = |changes| service.sign(&good, &claims(changes));
    let unsigned = said(&json!({"typ": "JWT", "alg": "none", "kid": service.id()}), &claims(json!({})));
    let deep = format!(r#"{{"value":[{}{}]}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let slow = stream::unfold((), async |()| {
        // A byte a second keeps a connection alive for ever.
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        Some((Ok::<_, io::Error>(" "), ()))
    });
    vec![
        by("no token", None),
        by("wrong issuer", claiming(json!({"iss": "https://login.example"}))),
        by("wrong audience", claiming(json!({"aud": "8d4d5a2e-0000-0000-0000-000000000000"}))),
        by("wrong key, its own id", stranger.token()),
        by("wrong key, the service's id", stranger.sign(&good, &claims(json!({})))),
        by("algorithm none", format!("{unsigned}.")),
        by("HS256 by the public key", service.sign_with_public_half(&claims(json!({})))),
        by("expired", claiming(json!({"exp": -3600}))),
        by("not yet valid", claiming(json!({"nbf": 3600}))),
        posting("replayed", told(), StatusCode::CONFLICT),
        posting("10 MB of body", vec![b' '; 10 << 20], StatusCode::PAYLOAD_TOO_LARGE),
        posting("deep JSON", deep, StatusCode::BAD_REQUEST),
        posting("slow body", Body::from_stream(slow), StatusCode::REQUEST_TIMEOUT),
        Attack {
            content_type: "text/plain",
            ..posting("wrong content type", end(), StatusCode::UNSUPPORTED_MEDIA_TYPE)
        },
    ]
}

/// The honest post that the replay repeats.
fn told() -> String {
    post_of(&[about("call-1", "updated", json!({"state": "established"}))]).to_string()
}

async fn send(bot: &Bot, token: Option<&str>, content_type: &str, body: Body) -> StatusCode {
    let mut request = Request::post("/callback")
        .header(names::CONTENT_TYPE, content_type)
        .header("X-Microsoft-Skype-Message-ID", "m-1");
    if let Some(token) = token {
        request = request.header(names::AUTHORIZATION, format!("Bearer {token}"));
    }
    bot.send(request.body(body).unwrap()).await.status()
}

#[tokio::test(start_paused = true)]
async fn each_attack_is_refused_and_the_next_honest_post_is_taken() {
    listen();
    for attack in attacks() {
        let what = attack.what;
        let bot = Bot::new();
        let call = bot.create().await;
        let token = attack.token.as_deref();
        if what == "replayed" {
            assert_eq!(send(&bot, token, "application/json", told().into()).await, StatusCode::ACCEPTED);
        }
        let before = bot.receiver.stats();
        heard();
        let status = send(&bot, token, attack.content_type, attack.body).await;
        assert_eq!(status, attack.status, "{what}");

        let log = heard();
        assert!(log.contains("callback refused"), "{what}: {log}");
        let parts = token.unwrap_or_default().split('.').filter(|part| !part.is_empty());
        assert!(parts.chain(["Bearer"]).all(|part| !log.contains(part)), "{what}: {log}");

        let after = bot.receiver.stats();
        assert_eq!((after.accepted, after.notifications), (before.accepted, before.notifications), "{what}");
        bot.tell("updated", json!({"state": "established"})).await;
        assert_eq!(
            bot.receiver.stats().notifications.delivered,
            before.notifications.delivered + 1,
            "{what}"
        );
        crate::support::eventually("the state", call.established()).await.unwrap();
    }
}
