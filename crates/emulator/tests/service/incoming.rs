//! Calls to the bot, over HTTP and with real media; and what only HTTP shows.

use std::time::Duration;

use offhook_emulator::{Clip, Emulator, EmulatorSettings, FarEndScript, Happening, IncomingCall, User};
use offhook_media::blob::MediaBlob;
use offhook_media::{FrameOrigin, SampleRate, Sound};
use offhook_signaling::model::ParticipantJoiningResponse;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::caller::Caller;
use crate::support::{Bot, tone};

#[tokio::test(flavor = "multi_thread")]
async fn an_incoming_call_is_answered_with_media_and_heard() {
    let mut bot = Bot::start(EmulatorSettings::default(), FarEndScript::new().say(tone())).await;
    let id = bot.emulator.call_bot(IncomingCall::new(&bot.callback_uri, "ada")).await.unwrap();
    let incoming = bot.next().await;
    assert_eq!(incoming.state(), Some("incoming"));
    assert_eq!(incoming.notification()["resource"], format!("/app/calls/{id}"));

    let mut session = bot.session();
    let mut socket = session.take_audio_socket().unwrap();
    let body = json!({
        "callbackUri": bot.callback_uri, "acceptedModalities": ["audio"],
        "mediaConfig": {"@odata.type": "#microsoft.graph.appHostedMediaConfig", "blob": session.blob().to_string()},
    });
    let request =
        bot.http.post(format!("{}/{id}/microsoft.graph.answer", bot.calls_url())).bearer_auth(&bot.token);
    let response = request.json(&body).send().await.unwrap();
    assert_eq!(response.status(), 202);
    assert!(response.bytes().await.unwrap().is_empty());

    let establishing = bot.next().await;
    let blob = &establishing.notification()["resourceData"]["mediaConfig"]["blob"];
    let answer = MediaBlob::parse(blob.as_str().unwrap()).unwrap();
    session.accept_answer(&answer).unwrap();
    assert_eq!(bot.next().await.state(), Some("established"));
    while socket.receive().await.unwrap().origin() != FrameOrigin::Media {}

    bot.emulator.happen(id.as_str(), Happening::HangUp).await.unwrap();
    assert_eq!(bot.next().await.state(), Some("terminated"));
    session.ended().await;
    assert!(bot.emulator.calls().is_empty());
}

async fn start(settings: EmulatorSettings) -> Caller {
    Caller::in_emulator(Emulator::start(settings).await.unwrap()).await
}

/// A bot in a call to Ada, who says one second of something, with media that the service hosts. Times pass ten times faster.
async fn service_hosted() -> (Caller, String) {
    let mut caller = start(EmulatorSettings::default().time_scale(0.1)).await;
    let sound = Sound::new(SampleRate::HZ_16000, vec![1234; 16_000]);
    let script = FarEndScript::new().say(std::sync::Arc::new(Clip::new(sound).unwrap()));
    caller.emulator.add_user("ada", User::new("Ada", script));
    let call = caller.created(caller.create()).await;
    assert_eq!(caller.next().await.state(), "establishing");
    assert_eq!(caller.next().await.state(), "established");
    (caller, call["id"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_recording_is_fetched_with_its_token() {
    let (mut caller, call) = service_hosted().await;
    let url = caller.url(&format!("/v1.0/app/calls('{call}')/recordResponse"));
    let body = json!({"maxRecordDurationInSeconds": 2, "clientContext": "c"});
    let response = caller.http.post(url).bearer_auth(&caller.token).json(&body).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    assert!(location.starts_with(&caller.url(&format!("/v1.0/communications/calls/{call}/operations/"))));
    let over = caller.next().await;
    let [at, token] =
        ["recordingLocation", "recordingAccessToken"].map(|name| over.data()[name].as_str().unwrap());
    let fetch = |token: &str| caller.http.get(at).bearer_auth(token).send();
    assert_eq!(fetch("another").await.unwrap().status(), 401);
    let recording = fetch(token).await.unwrap();
    assert_eq!(recording.headers()["content-type"], "audio/wav");
    let recording = Sound::read_wav(recording.bytes().await.unwrap().as_ref()).unwrap();
    assert_eq!(recording.duration(), Duration::from_secs(2));
    assert_eq!((recording.samples()[15_999], recording.samples()[16_000]), (1234, 0));
    let operation: Value =
        caller.http.get(location).bearer_auth(&caller.token).send().await.unwrap().json().await.unwrap();
    assert_eq!(operation["status"], "completed");
}

#[tokio::test]
async fn time_goes_on_by_itself() {
    let mut caller = start(EmulatorSettings::default().time_scale(0.01)).await;
    let call = caller.emulator.call_bot(IncomingCall::new(&caller.callback_uri, "ada")).await.unwrap();
    assert_eq!(caller.next().await.state(), "incoming");
    assert_eq!(caller.next().await.state(), "terminated", "15 s are 150 ms here");
    let url = caller.url(&format!("/v1.0/communications/calls/{call}/answer"));
    let late = caller.http.post(url).bearer_auth(&caller.token).json(&json!({})).send().await.unwrap();
    assert_eq!(late.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_a_recorder_answers_in_its_http_answer_counts() {
    let mut caller = Caller::start().await;
    let incoming = IncomingCall::new(&caller.callback_uri, "ada").by_recording_policy();
    let call = caller.emulator.call_bot(incoming).await.unwrap();
    assert_eq!(caller.next().await.state(), "incoming");
    let url = caller.url(&format!("/v1.0/communications/calls/{call}/answer"));
    let body = json!({
        "callbackUri": caller.callback_uri, "acceptedModalities": ["audio"], "participantCapacity": 10,
        "mediaConfig": {"@odata.type": "#microsoft.graph.serviceHostedMediaConfig"},
    });
    caller.http.post(url).bearer_auth(&caller.token).json(&body).send().await.unwrap();
    for expected in ["establishing", "established", "participants"] {
        assert_eq!(caller.next().await.state(), expected);
    }
    let accepted = serde_json::to_string(&ParticipantJoiningResponse::accept()).unwrap();
    caller.answer_with(&[(StatusCode::OK, &accepted)]);
    caller.emulator.happen(call.as_str(), Happening::PolicyUserJoin("grace".into())).await.unwrap();
    let asked = caller.next().await;
    assert_eq!(asked.data()["@odata.type"], "#microsoft.graph.participantJoiningNotification");
    let roster = caller.next().await;
    assert_eq!(roster.data().as_array().unwrap().len(), 3, "Grace has joined");
}
