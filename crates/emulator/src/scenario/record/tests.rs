//! What is recorded can be played.

use super::*;
use crate::directory::{Meeting, User};
use crate::far_end::{AfterSpeech, Clip, FarEndScript};
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
    recorder.comes_to(begun, &"second".into(), "room");
    let now = begun + Duration::from_millis(1_504);
    let second = CallId::from("second");
    let tone: Happening = serde_json::from_str(r#"{"pressTone": "*"}"#).unwrap();
    happens(&recorder, now, Some(&second), &tone);
    happens(&recorder, now, Some(&second), &Happening::Join("echo".to_owned()));
    recorder.far_end_added(now, "room", "far-1", "Hum", &ScriptKind::Tone(440.0), true);
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

/// The happenings of what was recorded.
fn happenings(recorder: &Recorder) -> String {
    let text = recorder.scenario(&Directory::default()).unwrap();
    Scenario::from_toml(&text, "recorded.toml").unwrap_or_else(|error| panic!("{error}\n{text}"));
    let lines = text.lines().skip_while(|line| *line != "[[happenings]]");
    let lines: Vec<_> = lines.filter(|line| !line.is_empty() && *line != "[[happenings]]").collect();
    lines.join("\n")
}

#[test]
fn whoever_is_there_before_a_call_is_established_joins_it_when_it_is() {
    let recorder = Recorder::default();
    let begun = Instant::now();
    let later = |millis| begun + Duration::from_millis(millis);
    let add =
        |at, room: &str, id: &str| recorder.far_end_added(at, room, id, id, &ScriptKind::Tone(440.0), false);
    add(begun, "room", "before");
    recorder.start(begun, &json!({}));
    add(begun, "another", "elsewhere");
    recorder.reached(later(100), &reached("call", CallState::Establishing));
    recorder.comes_to(later(100), &"call".into(), "room");
    for id in ["gone", "hum"] {
        add(later(200), "room", id);
        recorder.far_end_muted(later(300), id, true);
    }
    recorder.far_end_leaves(later(400), "gone");
    // The service is a step ahead of what it has told.
    let tone: Happening = serde_json::from_str(r#"{"pressTone": "1"}"#).unwrap();
    happens(&recorder, later(500), Some(&"call".into()), &tone);
    recorder.reached(later(500), &reached("call", CallState::Established));
    recorder.far_end_muted(later(600), "hum", false);
    // Another call, of which nobody is let in twice.
    recorder.reached(later(700), &reached("next", CallState::Incoming));
    recorder.comes_to(later(800), &"next".into(), "room");
    recorder.reached(later(900), &reached("next", CallState::Established));
    recorder.reached(later(900), &reached("next", CallState::Established));
    let happening = |call: u32, delay: &str, what: &str| {
        format!("after = \"established\"\ncall = {call}\ndelay = \"{delay}\"\ndo = {{ {what} }}")
    };
    let expected = [
        happening(1, "0ms", "pressTone = \"tone1\""),
        happening(1, "0ms", "join = \"before\""),
        happening(1, "0ms", "join = \"hum\""),
        happening(1, "0ms", "mute = \"hum\""),
        happening(1, "100ms", "unmute = \"hum\""),
        happening(2, "0ms", "join = \"before\""),
        happening(2, "0ms", "join = \"hum\""),
    ];
    assert_eq!(happenings(&recorder), expected.join("\n"));
}

#[test]
fn what_comes_after_a_hold_goes_by_the_hold_and_whoever_comes_meanwhile_joins_after_it() {
    let recorder = Recorder::default();
    let begun = Instant::now();
    let later = |millis| begun + Duration::from_millis(millis);
    recorder.start(begun, &json!({}));
    let call = CallId::from("call");
    recorder.reached(begun, &reached("call", CallState::Establishing));
    recorder.comes_to(begun, &call, "room");
    recorder.reached(begun, &reached("call", CallState::Established));
    happens(&recorder, later(100), Some(&call), &Happening::Hold);
    recorder.reached(later(100), &reached("call", CallState::Hold));
    recorder.far_end_added(later(200), "room", "hum", "Hum", &ScriptKind::Tone(440.0), false);
    happens(&recorder, later(300), Some(&call), &Happening::Resume);
    recorder.reached(later(300), &reached("call", CallState::Established));
    happens(&recorder, later(400), Some(&call), &Happening::HangUp);
    let happening = |after: &str, delay: &str, what: &str| {
        format!("after = \"{after}\"\ncall = 1\ndelay = \"{delay}\"\ndo = {what}")
    };
    let expected = [
        happening("established", "100ms", "\"hold\""),
        happening("hold", "200ms", "\"resume\""),
        happening("hold", "210ms", "{ join = \"hum\" }"),
        happening("hold", "310ms", "\"hangUp\""),
    ];
    assert_eq!(happenings(&recorder), expected.join("\n"));
}
