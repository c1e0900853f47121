//! A bot of the barest kind: HTTP requests by hand, a callback listener, and the media engine.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Json, Router};
use offhook_emulator::{Clip, Emulator, EmulatorSettings, FarEndScript, Meeting, User};
use offhook_media::blob::MediaBlob;
use offhook_media::{
    MediaPlatform, MediaPlatformSettings, MediaSession, MediaSessionSettings, SampleRate, Sound,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A post to the bot: its token, and its only notification.
pub(crate) struct Callback {
    pub(crate) token: String,
    pub(crate) body: Value,
}

impl Callback {
    pub(crate) fn notification(&self) -> &Value {
        &self.body["value"][0]
    }

    pub(crate) fn state(&self) -> Option<&str> {
        self.notification()["resourceData"]["state"].as_str()
    }
}

pub(crate) struct Bot {
    pub(crate) emulator: Emulator,
    pub(crate) http: reqwest::Client,
    pub(crate) token: String,
    pub(crate) callback_uri: String,
    pub(crate) callbacks: UnboundedReceiver<Callback>,
    pub(crate) platform: MediaPlatform,
}

/// 2 s of a tone of 440 Hz.
pub(crate) fn tone() -> Arc<Clip> {
    let step = std::f64::consts::TAU * 440.0 / 16_000.0;
    let samples = (0..32_000).map(|i| ((step * f64::from(i)).sin() * 8000.0) as i16).collect();
    Arc::new(Clip::new(Sound::new(SampleRate::HZ_16000, samples)).unwrap())
}

/// A fifth of a second of silence.
pub(crate) fn word() -> Arc<Clip> {
    Arc::new(Clip::new(Sound::new(SampleRate::HZ_16000, vec![0; 3_200])).unwrap())
}

impl Bot {
    pub(crate) async fn start(settings: EmulatorSettings, script: FarEndScript) -> Self {
        let emulator = Emulator::start(settings).await.unwrap();
        let user = || User::new("Ada", script.clone());
        emulator.add_user("ada", user());
        emulator.add_meeting("1234567", Meeting::new(user()).passcode("psw123"));
        emulator.add_meeting("19:meeting_x@thread.v2", Meeting::new(user()));
        Self::in_emulator(emulator).await
    }

    pub(crate) async fn in_emulator(emulator: Emulator) -> Self {
        let (callback_uri, callbacks) = listen().await;
        let http = reqwest::Client::new();
        let mut bot = Self {
            emulator,
            http,
            token: String::new(),
            callback_uri,
            callbacks,
            platform: MediaPlatform::start(MediaPlatformSettings::default().workers(1)).unwrap(),
        };
        let answer = bot.request_token(bot.emulator.client_secret()).await;
        answer.1["access_token"].as_str().unwrap().clone_into(&mut bot.token);
        bot
    }

    pub(crate) async fn request_token(&self, secret: &str) -> (u16, Value) {
        let scope = format!("{}/.default", self.emulator.graph_url());
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", self.emulator.client_id()),
            ("client_secret", secret),
            ("scope", &scope),
        ];
        let address =
            format!("{}/{}/oauth2/v2.0/token", self.emulator.authority_url(), self.emulator.tenant_id());
        let answer = self.http.post(address).form(&form).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    pub(crate) fn calls_url(&self) -> String {
        format!("{}/v1.0/communications/calls", self.emulator.graph_url())
    }

    pub(crate) fn session(&self) -> MediaSession {
        self.platform.create_session(&MediaSessionSettings::default()).unwrap()
    }

    /// The body that calls Ada with `blob`.
    pub(crate) fn body(&self, blob: &str) -> Value {
        json!({
            "@odata.type": "#microsoft.graph.call",
            "callbackUri": self.callback_uri,
            "targets": [{
                "@odata.type": "#microsoft.graph.invitationParticipantInfo",
                "identity": {
                    "@odata.type": "#microsoft.graph.identitySet",
                    "user": {"@odata.type": "#microsoft.graph.identity", "displayName": "Ada", "id": "ada"},
                },
            }],
            "requestedModalities": ["audio"],
            "mediaConfig": {"@odata.type": "#microsoft.graph.appHostedMediaConfig", "blob": blob},
        })
    }

    pub(crate) async fn post(&self, body: impl Into<reqwest::Body>) -> reqwest::Response {
        let request = self.http.post(self.calls_url()).bearer_auth(&self.token);
        request.header("content-type", "application/json").body(body).send().await.unwrap()
    }

    /// Makes the call of `body` and connects `session` to it.
    pub(crate) async fn call(&self, body: Value, session: &mut MediaSession) -> Value {
        let response = self.post(body.to_string()).await;
        assert_eq!(response.status(), 201);
        let location = response.headers()["location"].to_str().unwrap().to_owned();
        let call: Value = response.json().await.unwrap();
        assert!(location.ends_with(call["id"].as_str().unwrap()));
        let answer = MediaBlob::parse(call["mediaConfig"]["blob"].as_str().unwrap()).unwrap();
        session.accept_answer(&answer).unwrap();
        call
    }

    pub(crate) async fn next(&mut self) -> Callback {
        self.callbacks.recv().await.unwrap()
    }
}

async fn listen() -> (String, UnboundedReceiver<Callback>) {
    let (sender, receiver) = unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/callback", listener.local_addr().unwrap());
    let router = Router::new().route("/callback", post(take)).with_state(sender);
    tokio::spawn(async move { axum::serve(listener, router).await });
    (uri, receiver)
}

async fn take(State(sender): State<UnboundedSender<Callback>>, headers: HeaderMap, Json(body): Json<Value>) {
    let token = headers["authorization"].to_str().unwrap().trim_start_matches("Bearer ").to_owned();
    sender.send(Callback { token, body }).unwrap();
}
