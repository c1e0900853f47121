//! What does signaling cost, beside doing no more than what the wire asks for?
//!
//! ```sh
//! cargo bench --bench signaling
//! ```
//!
//! - Creating a call: `CallsClient::create_call` beside bare `reqwest` that posts the same bytes and reads the answer's, to the same
//!   server on loopback, turn by turn.
//! - Notifications: a receiver that verifies, parses, delivers and has each applied, beside a bare check of the same token with
//!   `jsonwebtoken` and a parse of the same body with `serde_json`, on one thread.
//! - Calls in memory: resident bytes a call, once 10,000 are followed, and once each has a roster.

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Parser;
use futures_util::future::join_all;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use offhook_signaling::{Call, CallbackReceiver, Calls, CallsClient, Cloud, Credentials, NewCall, model};
use serde_json::{Value, json};
use tower::ServiceExt;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The application that the tokens are for.
const APP: &str = "22222222-bbbb-4bbb-8bbb-222222222222";
/// What Graph answers to a call between two (create-call page, example 2).
const CREATED: &str =
    include_str!("../crates/signaling/tests/fixtures/graph-examples/ex02-p2p-app-hosted.response.json");

/// What signaling costs
#[derive(Parser)]
struct Arguments {
    /// Calls to create, each way
    #[arg(long, default_value_t = 3000)]
    creations: usize,
    /// Notifications to send, each way
    #[arg(long, default_value_t = 30_000)]
    notifications: usize,
    /// Calls to follow at once
    #[arg(long, default_value_t = 10_000)]
    calls: usize,
    /// Passed by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
    /// A few of each, to see that it runs
    #[arg(long, hide = true)]
    test: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = Arguments::parse();
    if arguments.test || cfg!(debug_assertions) {
        (arguments.creations, arguments.notifications, arguments.calls) = (20, 200, 50);
    }
    let service = Service::start().await?;
    create_calls(&service, arguments.creations).await?;
    notify(&service, arguments.notifications).await?;
    follow_calls(&service, arguments.calls).await
}

/// Graph, authority and keys, on a thread of their own.
struct Service {
    url: String,
    keys: KeyPair,
}

impl Service {
    async fn start() -> Result<Self> {
        let keys = KeyPair::generate(KeySize::Rsa2048)?;
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let url = format!("http://{}", listener.local_addr()?);
        let (jwk, keys_url) = (jwk(&keys), format!("{url}/keys"));
        let router = Router::new()
            .route(
                "/{tenant}/oauth2/v2.0/token",
                post(|| async {
                    Json(json!({"token_type": "Bearer", "expires_in": 3599, "access_token": "t"}))
                }),
            )
            .route(
                "/v1/.well-known/OpenIdConfiguration",
                get(async move || Json(json!({"jwks_uri": keys_url}))),
            )
            .route("/keys", get(async move || Json(json!({"keys": [jwk]}))))
            .route(
                "/v1.0/communications/calls",
                post(|_: String| async { (StatusCode::CREATED, json_headers(), CREATED) }),
            );
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                axum::serve(listener, router).await.expect("it serves");
            });
        });
        Ok(Self { url, keys })
    }

    fn client(&self) -> Result<CallsClient> {
        let credentials = Credentials::client_secret("contoso.onmicrosoft.com", APP, "secret");
        Ok(CallsClient::builder(credentials).cloud(Cloud::at(&self.url)).build()?)
    }

    fn receiver(&self) -> Result<CallbackReceiver> {
        Ok(CallbackReceiver::builder(APP).cloud(&Cloud::at(&self.url)).build()?)
    }

    /// A token as Graph's callbacks carry it.
    fn token(&self) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": "k", "x5t": "k"});
        let claims = json!({
            "iss": "https://api.botframework.com", "aud": APP, "tid": "11111111-aaaa-4aaa-8aaa-111111111111",
            "iat": now, "nbf": now - 300, "exp": now + 3900
        });
        let part = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.keys.public_modulus_len()];
        let random = SystemRandom::new();
        self.keys.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).expect("it signs");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn json_headers() -> [(header::HeaderName, &'static str); 1] {
    [(header::CONTENT_TYPE, "application/json")]
}

fn jwk(keys: &KeyPair) -> Value {
    let public = keys.public_key();
    json!({
        "kty": "RSA", "use": "sig", "kid": "k",
        "n": URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
        "e": URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
    })
}

fn new_call() -> NewCall {
    NewCall::to_user("112f7296-5fa4-42ca-bae8-6a692b15d4b8")
        .callback_uri("https://bot.contoso.com/callback")
        .app_hosted_media("x".repeat(2000))
}

async fn create_calls(service: &Service, times: usize) -> Result<()> {
    let client = service.client()?;
    let bare = reqwest::Client::new();
    let url = format!("{}/v1.0/communications/calls", service.url);
    let body = serde_json::to_vec(&json!({
        "@odata.type": "#microsoft.graph.call", "direction": "outgoing",
        "callbackUri": "https://bot.contoso.com/callback",
        "targets": [{
            "@odata.type": "#microsoft.graph.invitationParticipantInfo",
            "identity": {
                "@odata.type": "#microsoft.graph.identitySet",
                "user": {"@odata.type": "#microsoft.graph.identity", "id": "112f7296-5fa4-42ca-bae8-6a692b15d4b8"}
            }
        }],
        "requestedModalities": ["audio"],
        "mediaConfig": {"@odata.type": "#microsoft.graph.appHostedMediaConfig", "blob": "x".repeat(2000)}
    }))?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // The first of each opens its connection.
    for turn in 0..=times {
        let began = Instant::now();
        black_box(client.create_call(new_call()).await?);
        let took = began.elapsed();
        let began = Instant::now();
        let post = bare.post(&url).bearer_auth("t").header(header::CONTENT_TYPE, "application/json");
        black_box(post.body(body.clone()).send().await?.bytes().await?);
        if turn > 0 {
            ours.push(took);
            theirs.push(began.elapsed());
        }
    }
    println!("create a call, {times} round trips each, turn by turn\n");
    println!("  {:<34}{:>12}{:>12}", "", "p50", "p99");
    line("offhook, typed and checked", &mut ours);
    line("bare reqwest, bytes to bytes", &mut theirs);
    println!();
    Ok(())
}

fn line(name: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!("  {name:<34}{:>12.1?}{:>12.1?}", at(0.5), at(0.99));
}

async fn notify(service: &Service, times: usize) -> Result<()> {
    let receiver = service.receiver()?;
    let calls = Calls::new(service.client()?, &receiver);
    let call = calls.follow(model::Call { id: "call-1".into(), ..serde_json::from_str(CREATED)? })?;
    let authorization = format!("Bearer {}", service.token());
    let bodies: Vec<String> = (0..=times).map(tone).collect();

    let warm_up = post_one(&receiver, &authorization, usize::MAX, bodies[times].clone()).await;
    assert_eq!(warm_up, StatusCode::ACCEPTED);
    let began = Instant::now();
    for (number, body) in bodies.iter().take(times).enumerate() {
        let status = post_one(&receiver, &authorization, number, body.clone()).await;
        assert_eq!(status, StatusCode::ACCEPTED);
        // The one thread has the call's task apply it.
        tokio::task::yield_now().await;
    }
    while call.snapshot().events.next_number() < times as u64 {
        tokio::task::yield_now().await;
    }
    let ours = began.elapsed();

    let public = jwk(&service.keys);
    let component = |name: &str| public[name].as_str().unwrap_or_default().to_owned();
    let key = DecodingKey::from_rsa_components(&component("n"), &component("e"))?;
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&[APP]);
    validation.set_issuer(&["https://api.botframework.com"]);
    let token = authorization.trim_start_matches("Bearer ");
    let began = Instant::now();
    for body in bodies.iter().take(times) {
        black_box(jsonwebtoken::decode::<Value>(token, &key, &validation)?);
        black_box(serde_json::from_slice::<Value>(body.as_bytes())?);
    }
    let theirs = began.elapsed();

    println!("notifications, {times} each, one thread\n");
    println!("  {:<34}{:>12}{:>12}", "", "each", "a second");
    for (name, took) in [("offhook, verified and applied", ours), ("bare token check and JSON parse", theirs)]
    {
        let rate = times as f64 / took.as_secs_f64();
        println!("  {name:<34}{:>12.1?}{rate:>12.0}", took / times as u32);
    }
    println!();
    Ok(())
}

async fn post_one(
    receiver: &CallbackReceiver,
    authorization: &str,
    number: usize,
    body: String,
) -> StatusCode {
    let request = Request::post("/callback")
        .header(header::AUTHORIZATION, authorization)
        .header(header::CONTENT_TYPE, "application/json")
        .header("x-microsoft-skype-message-id", number)
        .body(Body::from(body))
        .expect("a request");
    receiver.service().oneshot(request).await.expect("a receiver never fails").status()
}

fn tone(number: usize) -> String {
    json!({
        "@odata.type": "#microsoft.graph.commsNotifications",
        "value": [{
            "@odata.type": "#microsoft.graph.commsNotification", "changeType": "updated",
            "resource": "/app/calls/call-1", "resourceUrl": "/communications/calls/call-1",
            "resourceData": {
                "@odata.type": "#microsoft.graph.call", "state": "established",
                "toneInfo": {"@odata.type": "#microsoft.graph.toneInfo", "sequenceId": number, "tone": "tone1"}
            }
        }]
    })
    .to_string()
}

async fn follow_calls(service: &Service, count: usize) -> Result<()> {
    let receiver = service.receiver()?;
    let calls = Calls::new(service.client()?, &receiver);
    let before = resident_bytes()?;
    let created: model::Call = serde_json::from_str(CREATED)?;
    let mut followed: Vec<Call> = Vec::with_capacity(count);
    for number in 0..count {
        followed.push(
            calls.follow(model::Call { id: format!("call-{number}").as_str().into(), ..created.clone() })?,
        );
    }
    // Each task has begun.
    tokio::task::yield_now().await;
    let bare = resident_bytes()?.saturating_sub(before) / count;

    let authorization = format!("Bearer {}", service.token());
    let rosters = (0..count).map(|number| {
        let participants: Vec<Value> = (0..4)
            .map(|who| {
                json!({
                    "@odata.type": "#microsoft.graph.participant", "id": format!("{number}-{who}"), "isMuted": false,
                    "isInLobby": false,
                    "info": {"identity": {"user": {"id": format!("user-{who}"), "displayName": "Somebody"}}},
                    "mediaStreams": [{"mediaType": "audio", "sourceId": "1", "direction": "sendReceive", "serverMuted": false}]
                })
            })
            .collect();
        let body = json!({"value": [{
            "changeType": "updated", "resourceUrl": format!("/communications/calls/call-{number}/participants"),
            "resourceData": participants
        }]});
        post_one(&receiver, &authorization, number, body.to_string())
    });
    let statuses = join_all(rosters).await;
    assert!(statuses.iter().all(|status| *status == StatusCode::ACCEPTED), "a roster was not taken");
    while followed.iter().any(|call| call.participants().is_empty()) {
        tokio::task::yield_now().await;
    }
    let with_roster = resident_bytes()?.saturating_sub(before) / count;
    println!("{count} calls followed at once, resident bytes a call\n");
    println!("  {:<34}{bare:>12}", "as created");
    println!("  {:<34}{with_roster:>12}", "with a roster of four, and events");
    drop(followed);
    Ok(())
}

fn resident_bytes() -> Result<usize> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
    let kib: usize = line.split_whitespace().nth(1).ok_or("no number")?.parse()?;
    Ok(kib * 1024)
}
