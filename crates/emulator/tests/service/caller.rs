//! A bot without media, for what goes wrong on the way: it answers callbacks as it is told, and keeps their headers.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use offhook_emulator::{Emulator, EmulatorSettings, FarEndScript, Meeting, User};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A post to the bot.
pub(crate) struct Post {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    body: Value,
}

impl Post {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    pub(crate) fn message_id(&self) -> &str {
        self.header("X-Microsoft-Skype-Message-ID")
    }

    /// The state that it tells; of what has no state, the part of the call that it is about, such as `participants`.
    pub(crate) fn state(&self) -> &str {
        let notification = &self.body["value"][0];
        let part = || notification["resourceUrl"].as_str().unwrap().split('/').nth(4).unwrap();
        notification["resourceData"]["state"].as_str().unwrap_or_else(part)
    }

    pub(crate) fn data(&self) -> &Value {
        &self.body["value"][0]["resourceData"]
    }

    pub(crate) fn call_id(&self) -> &str {
        self.body["value"][0]["resourceData"]["id"].as_str().unwrap()
    }
}

/// How the bot answers posts: in turn, and when there is nothing left, with 202.
type Answers = Arc<Mutex<VecDeque<(StatusCode, String)>>>;

pub(crate) struct Caller {
    pub(crate) emulator: Emulator,
    pub(crate) http: reqwest::Client,
    pub(crate) token: String,
    pub(crate) callback_uri: String,
    posts: UnboundedReceiver<Post>,
    answers: Answers,
}

impl Caller {
    /// A bot in a tenant with Ada and her meeting.
    pub(crate) async fn start() -> Self {
        let emulator = Emulator::start(EmulatorSettings::default()).await.unwrap();
        let ada = || User::new("Ada", FarEndScript::new());
        emulator.add_user("ada", ada());
        emulator.add_meeting("1234567", Meeting::new(ada()));
        Self::in_emulator(emulator).await
    }

    pub(crate) async fn in_emulator(emulator: Emulator) -> Self {
        let (sender, posts) = unbounded_channel();
        let answers = Answers::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let callback_uri = format!("http://{}/callback", listener.local_addr().unwrap());
        let router = Router::new().fallback(post(take)).with_state((sender, Arc::clone(&answers)));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut caller = Self { emulator, http, token: String::new(), callback_uri, posts, answers };
        caller.sign_in().await;
        caller
    }

    /// Gets a token.
    pub(crate) async fn sign_in(&mut self) {
        let (status, answer) = self.request_token(&[("client_secret", self.emulator.client_secret())]).await;
        assert_eq!(status, 200, "{answer}");
        answer["access_token"].as_str().unwrap().clone_into(&mut self.token);
    }

    /// Asks for a token with `proof` of who asks.
    pub(crate) async fn request_token(&self, proof: &[(&str, &str)]) -> (u16, Value) {
        let scope = format!("{}/.default", self.emulator.graph_url());
        let mut form = HashMap::from([
            ("grant_type", "client_credentials"),
            ("client_id", self.emulator.client_id()),
            ("scope", &scope),
        ]);
        form.extend(proof.iter().copied());
        let answer = self.http.post(self.token_endpoint()).form(&form).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    pub(crate) fn token_endpoint(&self) -> String {
        format!("{}/{}/oauth2/v2.0/token", self.emulator.authority_url(), self.emulator.tenant_id())
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.emulator.graph_url())
    }

    /// The next callbacks are answered with these statuses, and `Location`s that are not empty, or JSON bodies.
    pub(crate) fn answer_with(&self, answers: &[(StatusCode, &str)]) {
        let answers = answers.iter().map(|(status, location)| (*status, (*location).to_owned()));
        self.answers.lock().unwrap().extend(answers);
    }

    /// Calls Ada and leaves the media to the service.
    pub(crate) fn create(&self) -> reqwest::RequestBuilder {
        self.create_with(json!({"targets": [{
            "@odata.type": "#microsoft.graph.invitationParticipantInfo",
            "identity": {"@odata.type": "#microsoft.graph.identitySet", "user": {"id": "ada"}},
        }]}))
    }

    /// Joins Ada's meeting and leaves the media to the service.
    pub(crate) fn join(&self) -> reqwest::RequestBuilder {
        let odata_type = "#microsoft.graph.joinMeetingIdMeetingInfo";
        self.create_with(json!({
            "tenantId": self.emulator.tenant_id(),
            "meetingInfo": {"@odata.type": odata_type, "joinMeetingId": "1234567", "passcode": null},
        }))
    }

    pub(crate) fn create_with(&self, more: Value) -> reqwest::RequestBuilder {
        let mut body = json!({
            "@odata.type": "#microsoft.graph.call",
            "callbackUri": self.callback_uri,
            "requestedModalities": ["audio"],
            "mediaConfig": {"@odata.type": "#microsoft.graph.serviceHostedMediaConfig"},
        });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.http.post(self.url("/v1.0/communications/calls")).bearer_auth(&self.token).json(&body)
    }

    /// Makes a call; gives its resource.
    pub(crate) async fn created(&self, request: reqwest::RequestBuilder) -> Value {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 201);
        response.json().await.unwrap()
    }

    pub(crate) async fn hang_up(&self, call: &Value) -> u16 {
        let url = self.url(&format!("/v1.0/communications/calls/{}", call["id"].as_str().unwrap()));
        self.http.delete(url).bearer_auth(&self.token).send().await.unwrap().status().as_u16()
    }

    /// The next post. One that does not come fails the test, and does not hold it up for ever.
    pub(crate) async fn next(&mut self) -> Post {
        tokio::time::timeout(PATIENCE, self.posts.recv()).await.unwrap().unwrap()
    }

    /// The states of the next posts.
    pub(crate) async fn states<const N: usize>(&mut self) -> [String; N] {
        let mut states = Vec::new();
        while states.len() < N {
            states.push(self.next().await.state().to_owned());
        }
        states.try_into().unwrap()
    }
}

async fn take(
    State((sender, answers)): State<(UnboundedSender<Post>, Answers)>,
    uri: Uri,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let answer = answers.lock().unwrap().pop_front();
    sender.send(Post { path: uri.path().to_owned(), headers, body }).unwrap();
    match answer {
        None => StatusCode::ACCEPTED.into_response(),
        Some((status, location)) if location.is_empty() => status.into_response(),
        Some((status, body)) if body.starts_with('{') => (status, body).into_response(),
        Some((status, location)) => (status, [(LOCATION, location)]).into_response(),
    }
}
