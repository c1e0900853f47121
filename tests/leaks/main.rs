//! What a bot logs, at the finest level, holds no secret: not of a whole call, not of one that is refused.
//!
//! A binary of its own, because the subscriber of a process is set once. It keeps what offhook's crates log, the
//! emulator's too. What the libraries below them log at TRACE is theirs, and whoever switches that on reads their pages.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod busy;
mod log;
mod observed;

use std::error::Error;
use std::fmt::Debug;

use log::Log;
use observed::Observed;
use offhook::emulator::{Clip, EmulatorSettings, FarEndScript, Meeting, User};
use offhook::prelude::*;
use serde_json::{Value, json};

const SECRET: &str = "the-secret-of-the-application";
const WRONG_SECRET: &str = "a-secret-that-is-not-the-one";
const NAME: &str = "Ada Lovelace";
const MEETING: &str = "1234567890";
const PASSCODE: &str = "passcode-of-the-meeting";

/// How the emulator's access tokens begin.
const TOKEN: &str = "emulated-";

/// How every JWT begins: `{"`, in base64url.
const JWT: &str = "eyJ";

/// One test, so that what is logged can be told to one scene after the other.
#[tokio::test(flavor = "multi_thread")]
async fn the_logs_of_calls_that_succeed_and_calls_that_fail_hold_no_secret() {
    let log = Log::install();
    let mut secrets = Secrets::new();
    for (what, text) in [
        ("client secret", SECRET),
        ("wrong client secret", WRONG_SECRET),
        ("access token", TOKEN),
        ("access token", busy::TOKEN),
        ("JWT", JWT),
        ("display name", NAME),
        ("passcode", PASSCODE),
        ("ICE password", "a=ice-pwd"),
        ("fingerprint", "a=fingerprint"),
    ] {
        secrets.add(what, text);
    }
    let emulator = emulator().await;
    assert_tokens_begin_as_known(&emulator).await;

    a_whole_call(&emulator, &log, &mut secrets).await;
    callbacks_that_are_refused_and_one_about_no_call(&emulator, &log, &mut secrets).await;
    a_wrong_secret(&emulator, &mut secrets).await;
    a_service_that_is_busy(&log, &mut secrets).await;

    emulator.shut_down().await;
    secrets.assert_none_in(&log.text());
}

async fn emulator() -> Emulator {
    let settings = EmulatorSettings::default().application("the-application", SECRET);
    let emulator = Emulator::start(settings).await.unwrap();
    let ada = User::new(NAME, FarEndScript::new().say(Clip::speech().into()));
    emulator.add_meeting(MEETING, Meeting::new(ada).passcode(PASSCODE));
    emulator
}

/// The bot's own token is nowhere to be had, so it is looked for by its beginning.
async fn assert_tokens_begin_as_known(emulator: &Emulator) {
    let address = format!("{}/{}/oauth2/v2.0/token", emulator.authority_url(), emulator.tenant_id());
    let scope = format!("{}/.default", emulator.graph_url());
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", emulator.client_id()),
        ("client_secret", emulator.client_secret()),
        ("scope", &scope),
    ];
    let answer = reqwest::Client::new().post(address).form(&form).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    let token = answer["access_token"].as_str().unwrap();
    assert!(token.starts_with(TOKEN), "{token}");
}

async fn a_whole_call(emulator: &Emulator, log: &Log, secrets: &mut Secrets) {
    let mut bot = Observed::start(emulator).await;
    let mut call = bot.join(emulator).await;
    secrets.look_for_media_secrets_of(&call);
    secrets.shown("call", &call);
    let mut audio = call.take_audio_socket().unwrap();
    for _ in 0..10 {
        let frame = audio.receive().await.unwrap().clone();
        audio.send(&frame).await.unwrap();
    }
    call.hang_up().await.unwrap();
    let ended = call.ended().await;
    secrets.shown("end", &ended);
    secrets.shown("report", &call.report());

    assert!(log.text().contains(call.id().as_str()), "the log tells of the call:\n{}", log.text());
    let posts = bot.posts_until(|post| post.body.contains("terminated")).await;
    assert!(posts.iter().any(|post| post.body.contains(NAME)), "the roster came, with the name in it");
    for post in &posts {
        secrets.add_token(&post.authorization);
    }
}

/// The sender of a callback controls its whole text: as much as it can of it is a name.
async fn callbacks_that_are_refused_and_one_about_no_call(
    emulator: &Emulator,
    log: &Log,
    secrets: &mut Secrets,
) {
    let mut bot = Observed::start(emulator).await;
    let call = bot.join(emulator).await;
    let posts = bot.posts_until(|post| post.body.contains(NAME)).await;
    let token = posts[0].authorization.clone();
    let forged = format!("{}AAAA", &token[..token.len() - 4]);
    secrets.add_token(&token);
    secrets.add_token(&forged);

    let about_nothing = notification("/communications/somewhere/else").to_string();
    for (authorization, expected) in [(None, 401), (Some(forged.as_str()), 401), (Some(&token), 202)] {
        assert_eq!(bot.post(authorization, about_nothing.clone()).await, expected, "{authorization:?}");
    }
    let about_another_call = notification("/communications/calls/of-nobody").to_string();
    assert_eq!(bot.post(Some(&token), about_another_call).await, 202);
    assert_eq!(bot.post(Some(&token), format!(r#"{{"value": "{NAME}"}}"#)).await, 400);

    for line in ["callback refused", "about no call", "call=of-nobody"] {
        assert!(log.text().contains(line), "nothing about {line:?} in\n{}", log.text());
    }
    call.hang_up().await.unwrap();
    call.ended().await;
}

/// A notification with the name wherever a name can be, known to the models or not.
fn notification(resource: &str) -> Value {
    let ada = json!({"user": {"id": "ada", "displayName": NAME}, "novelty": {"displayName": NAME}});
    json!({"value": [{
        "changeType": "updated",
        "resourceUrl": resource,
        "resourceData": {
            "@odata.type": "#microsoft.graph.call",
            "state": "established",
            "subject": NAME,
            "source": {"identity": ada},
            "targets": [{"identity": ada}],
            "mediaConfig": {
                "@odata.type": "#microsoft.graph.appHostedMediaConfig",
                "blob": "a=ice-pwd:x a=fingerprint:y",
            },
            "novelty": NAME,
        },
    }]})
}

async fn a_wrong_secret(emulator: &Emulator, secrets: &mut Secrets) {
    let credentials = Credentials::client_secret(emulator.tenant_id(), emulator.client_id(), WRONG_SECRET);
    let bot = Bot::builder(credentials).cloud(Cloud::at(emulator.graph_url())).start().await.unwrap();
    let refused = bot.call(NewCall::to_user("ada"), &MediaSessionSettings::default()).await.unwrap_err();
    secrets.shown("refusal", &refused);
    let refused = with_causes(&refused);
    assert!(refused.contains("AADSTS7000215"), "the secret was what it was refused for: {refused}");
    secrets.shown("refusal in words", &refused);
}

/// Requests that are to be tried again are logged, each with its token or its secret inside.
async fn a_service_that_is_busy(log: &Log, secrets: &mut Secrets) {
    let credentials = Credentials::client_secret("tenant", "application", SECRET);
    let bot = Bot::builder(credentials).cloud(Cloud::at(busy::start().await)).start().await.unwrap();
    let refused = bot.call(NewCall::to_user("ada"), &MediaSessionSettings::default()).await.unwrap_err();
    secrets.shown("refusal", &refused);
    let refused = with_causes(&refused);
    assert!(refused.contains("429"), "{refused}");
    secrets.shown("refusal in words", &refused);
    let lines = log.text();
    let tried_again =
        |path: &str| lines.lines().any(|line| line.contains("will be tried again") && line.contains(path));
    assert!(tried_again("/token") && tried_again("/calls"), "both requests were repeated:\n{lines}");
}

/// An error as an application would log it.
fn with_causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// What must not be seen, and where else it was looked for.
struct Secrets {
    secrets: Vec<(&'static str, String)>,
    /// What applications print: values for people to look at.
    shown: Vec<(&'static str, String)>,
}

impl Secrets {
    fn new() -> Self {
        Self { secrets: Vec::new(), shown: Vec::new() }
    }

    fn add(&mut self, what: &'static str, text: &str) {
        assert!(text.len() >= 3, "{what}: {text:?} would be found anywhere");
        self.secrets.push((what, text.to_owned()));
    }

    /// The token of a callback, by each of its parts.
    fn add_token(&mut self, token: &str) {
        assert!(token.starts_with(JWT), "a JWT, as looked for elsewhere: {token}");
        token.split('.').for_each(|part| self.add("part of a callback's token", part));
    }

    /// The secrets in what the service answered to the bot's offer.
    fn look_for_media_secrets_of(&mut self, call: &BotCall) {
        let blob = call.signaling().media_blob().unwrap();
        let blob: Value = serde_json::from_str(blob.expose()).unwrap();
        let sdp = blob["description"]["sdp"].as_str().unwrap();
        for (what, name) in [("ICE password", "a=ice-pwd:"), ("fingerprint", "a=fingerprint:sha-256 ")] {
            let value = sdp.lines().find_map(|line| line.strip_prefix(name));
            self.add(what, value.unwrap_or_else(|| panic!("{name} stands in the blob: {sdp}")));
        }
    }

    /// Notes how `value` looks to whoever prints it: what a call gives out is logged by its application.
    fn shown(&mut self, what: &'static str, value: &impl Debug) {
        self.shown.push((what, format!("{value:?} {value:#?}")));
    }

    fn assert_none_in(&self, log: &str) {
        let shown = self.shown.iter().flat_map(|(what, text)| text.lines().map(move |line| (*what, line)));
        let lines: Vec<_> = log.lines().map(|line| ("log", line)).chain(shown).collect();
        let found: Vec<_> = self
            .secrets
            .iter()
            .flat_map(|(what, secret)| {
                let holding = lines.iter().filter(move |(_, line)| line.contains(secret));
                holding.map(move |(place, line)| format!("{what} {secret:?} in the {place}: {line}"))
            })
            .collect();
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}
