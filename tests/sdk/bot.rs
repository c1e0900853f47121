//! [io] The bot's own server: takes callbacks, follows calls with offhook's tracker, and compares what it knows with what the
//! SDK has read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{post, put};
use axum::{Json, Router};
use offhook::emulator::Emulator;
use offhook::media::blob::MediaBlob;
use offhook::media::{MediaPlatform, MediaPlatformSettings, MediaSession, MediaSessionSettings};
use offhook::signaling::model::CallId;
use offhook::signaling::track::PollCadence;
use offhook::signaling::{Call, CallbackReceiver, Calls, CallsClient, Cloud, Credentials};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::agreement::{Expected, difference};

/// How long a notification, and media, may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The tracker asks for nothing, so that what it knows it has heard.
const NEVER: PollCadence =
    PollCadence { while_changing: Duration::MAX, while_established: Duration::MAX, longest: Duration::MAX };

/// What the server shares with the test.
pub(crate) struct Bot {
    pub(crate) address: String,
    calls: Calls,
    receiver: CallbackReceiver,
    platform: MediaPlatform,
    followed: Mutex<Vec<Call>>,
    sessions: Mutex<HashMap<String, MediaSession>>,
    asked: Mutex<Vec<String>>,
}

/// A refusal that the script shows.
type Refusal = (StatusCode, String);

fn failed(error: impl ToString) -> Refusal {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

impl Bot {
    /// A bot in `emulator`'s tenant, whose server listens.
    pub(crate) async fn start(emulator: &Emulator) -> Arc<Self> {
        let cloud = Cloud::at(emulator.graph_url())
            .authority_url(emulator.authority_url())
            .callback_issuers([emulator.issuer()])
            .openid_metadata_url(emulator.openid_metadata_url());
        let credentials =
            Credentials::client_secret(emulator.tenant_id(), emulator.client_id(), emulator.client_secret());
        let client = CallsClient::builder(credentials).cloud(cloud.clone()).build().unwrap();
        let receiver = CallbackReceiver::builder(emulator.client_id()).cloud(&cloud).build().unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let bot = Arc::new(Self {
            address: format!("http://{}", listener.local_addr().unwrap()),
            calls: Calls::new(client, &receiver).poll_cadence(NEVER),
            receiver: receiver.clone(),
            platform: MediaPlatform::start(MediaPlatformSettings::default()).unwrap(),
            followed: Mutex::default(),
            sessions: Mutex::default(),
            asked: Mutex::default(),
        });
        let router = Router::new()
            .route("/calls/{id}", post(follow).put(compare))
            .route("/media", post(offer))
            .route("/media/{id}", put(connect))
            .route("/asked", put(asked))
            .with_state(Arc::clone(&bot))
            .merge(receiver.router("/callback"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        bot
    }

    /// What the script has asked the SDK for.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// Every call is over, for the tracker too, and every post was believed and understood.
    pub(crate) async fn assert_all_is_over(&self) {
        let followed = self.followed.lock().unwrap().clone();
        assert!(!followed.is_empty());
        for call in followed {
            let told = tokio::time::timeout(PATIENCE, call.terminated()).await;
            assert!(told.is_ok(), "the end of {} is not told: it is {}", call.id(), call.state());
            assert!(!call.snapshot().was_gone, "the end of {} was found, not told", call.id());
        }
        let stats = self.receiver.stats();
        let bad = [stats.unauthorized, stats.keys_unavailable, stats.wrong_content_type, stats.too_large];
        assert_eq!((bad, stats.incomplete, stats.unparsable, stats.replayed), ([0; 4], 0, 0, 0));
        assert_eq!((stats.notifications.dropped, stats.notifications.without_call), (0, 0));
    }
}

async fn follow(State(bot): State<Arc<Bot>>, Path(id): Path<String>) -> Result<StatusCode, Refusal> {
    let call = bot.calls.client().get_call(&CallId::from(id)).await.map_err(failed)?;
    let call = bot.calls.follow(call).map_err(failed)?;
    bot.followed.lock().unwrap().push(call);
    Ok(StatusCode::NO_CONTENT)
}

/// Waits until the tracker knows what the SDK has read.
async fn compare(
    State(bot): State<Arc<Bot>>,
    Path(id): Path<CallId>,
    Json(expected): Json<Expected>,
) -> Result<StatusCode, Refusal> {
    let call = bot.followed.lock().unwrap().iter().find(|call| *call.id() == id).cloned();
    let call = call.ok_or_else(|| failed("the call is not followed"))?;
    let agreement = async {
        let mut changes = call.changes();
        while let Some(snapshot) = changes.next().await {
            if difference(&expected, &snapshot).is_none() {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(PATIENCE, agreement).await;
    match difference(&expected, &call.snapshot()) {
        None => Ok(StatusCode::NO_CONTENT),
        Some(difference) => Err((StatusCode::CONFLICT, difference)),
    }
}

async fn offer(State(bot): State<Arc<Bot>>) -> Result<(StatusCode, Json<Value>), Refusal> {
    let session = bot.platform.create_session(&MediaSessionSettings::default()).map_err(failed)?;
    let (id, blob) = (session.id().to_string(), session.blob().to_string());
    bot.sessions.lock().unwrap().insert(id.clone(), session);
    Ok((StatusCode::CREATED, Json(json!({"id": id, "blob": blob}))))
}

#[derive(Deserialize)]
struct Answer {
    blob: String,
}

/// Takes the service's answer, and waits until media flows.
async fn connect(
    State(bot): State<Arc<Bot>>,
    Path(id): Path<String>,
    Json(answer): Json<Answer>,
) -> Result<StatusCode, Refusal> {
    let taken = bot.sessions.lock().unwrap().remove(&id);
    let mut session = taken.ok_or_else(|| failed("there is no such media session"))?;
    let answer = MediaBlob::parse(&answer.blob).map_err(failed)?;
    session.accept_answer(&answer).map_err(failed)?;
    let connected = tokio::time::timeout(PATIENCE, session.connected()).await;
    connected.map_err(failed)?.map_err(failed)?;
    // Kept: who drops it ends the media.
    bot.sessions.lock().unwrap().insert(id, session);
    Ok(StatusCode::NO_CONTENT)
}

async fn asked(State(bot): State<Arc<Bot>>, Json(asked): Json<Vec<String>>) -> StatusCode {
    *bot.asked.lock().unwrap() = asked;
    StatusCode::NO_CONTENT
}
