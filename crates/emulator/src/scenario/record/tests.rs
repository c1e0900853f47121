//! What is recorded can be played.

use super::*;
use crate::directory::Meeting;
use crate::far_end::{Clip, FarEndScript};
use crate::scenario::IncomingCall;
use crate::scenario::Scenario;
use crate::service::OldKey;

fn directory() -> Directory {
    let mut directory = Directory::default();
    let says = FarEndScript::new().say(Clip::speech().into()).then(AfterSpeech::Repeat);
    directory.users.insert("ada".to_owned(), User::new("Ada \"A\" \u{7f}\n", says));
    directory.users.insert("echo".to_owned(), User::new("Echo", FarEndScript::new().echo()));
    let ada = directory.users["ada"].clone();
    directory.add_meeting("123".to_owned(), Meeting::new(ada).passcode("psw"));
    directory
}

fn reached(call: &str, state: CallState) -> Reached {
    Reached { call: call.into(), state }
}

fn happens(recorder: &Recorder, now: Instant, call: Option<&CallId>, happening: &Happening) {
    let step = recorder.step(now, call, happening);
    recorder.happened(step);
}

#[test]
fn what_somebody_does_becomes_a_scenario_that_does_it_again() {
    let recorder = Recorder::default();
    let begun = Instant::now();
    recorder.reached(begun, &reached("before", CallState::Established));
    assert_eq!(recorder.scenario(&directory()), None);
    let fault = json!({"id": 7, "on": "create", "effect": {"throttle": {"retryAfter": "2.5s"}}, "next": 1});
    recorder.start(begun, &json!({"requests": [fault], "notifications": [], "media": []}));
    recorder.reached(begun, &reached("second", CallState::Establishing));
    recorder.reached(begun, &reached("second", CallState::Established));
    let now = begun + Duration::from_millis(1_504);
    let second = CallId::from("second");
    let tone: Happening = serde_json::from_str(r#"{"pressTone": "*"}"#).unwrap();
    happens(&recorder, now, Some(&second), &tone);
    happens(&recorder, now, Some(&second), &Happening::Join("echo".to_owned()));
    recorder.far_end_added(now, "far-1", "Hum", &ScriptKind::Tone(440.0), true);
    recorder.far_end_muted(now, "far-1", true);
    recorder.far_end_muted(now, "somebody else", true);
    happens(&recorder, now, None, &Happening::CallBot(IncomingCall::new("http://127.0.0.1:1/x", "person-1")));
    let late = serde_json::from_str(r#"{"on": "any", "effect": {"late": "2s"}}"#).unwrap();
    happens(&recorder, now, None, &Happening::NotificationFault(late));
    happens(&recorder, now, None, &Happening::RotateKey(OldKey::Keep));
    recorder.faults_left(now, &json!({"media": [{"id": 9, "on": "any", "effect": "portClosed"}]}));
    happens(&recorder, now, Some(&second), &Happening::HangUp);
    recorder.reached(begun, &reached("second", CallState::Terminated));
    happens(&recorder, now, Some(&second), &Happening::HangUp);

    let text = recorder.scenario(&directory()).unwrap();
    let scenario =
        Scenario::from_toml(&text, "recorded.toml").unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(scenario.user_ids().collect::<Vec<_>>(), ["ada", "echo", "far-1", "person-1"]);
    assert_eq!(scenario.join_ids().collect::<Vec<_>>(), [("123", Some("psw"))]);
    for part in [
        "participants = [\"ada\"]",
        "[[faults.requests]]\neffect = { throttle = { retryAfter = \"2.5s\" } }\nnext = 1\non = \"create\"\n",
        "after = \"established\"\ncall = 2\ndelay = \"1.5s\"\ndo = { pressTone = \"star\" }\n",
        "do = { join = \"far-1\" }",
        "do = { mute = \"far-1\" }",
        "do = { notificationFault = { effect = { late = \"2s\" }, on = \"any\" } }",
        "do = { mediaFault = { effect = \"portClosed\", on = \"any\" } }",
        "do = \"hangUp\"",
        "hums = 440.0",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert_eq!(text.matches("hangUp").count(), 1, "the call was over");
    assert!(!text.contains("somebody else"), "nobody was added under this name");
    recorder.stop();
    assert_eq!(recorder.scenario(&directory()), None);
}

#[test]
fn what_comes_before_any_call_goes_by_the_time() {
    let recorder = Recorder::default();
    let begun = Instant::now();
    recorder.start(begun, &json!({}));
    let now = begun + Duration::from_millis(250);
    happens(&recorder, now, None, &Happening::ExpireTokens);
    let text = recorder.scenario(&Directory::default()).unwrap();
    assert!(text.ends_with("\n[[happenings]]\nat = \"250ms\"\ndo = \"expireTokens\"\n"), "{text}");
    Scenario::from_toml(&text, "recorded.toml").unwrap();
}
