//! The `offhook` command as scripts use it: what it prints where, and how it exits. The bots meet an emulator of this process.
#![cfg(feature = "emulator")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod running;
mod tracks;

use std::time::Duration;

use offhook::emulator::{
    AfterSpeech, Clip, Emulator, EmulatorSettings, FarEndScript, IncomingCall, Meeting, User,
};
use offhook::media::Sound;
use running::{Done, Running, offhook};

const MEETING: (&str, &str) = ("1234567890", "psw123");

/// An emulator with a listener, a speaker, somebody who declines, somebody who hangs up at once, and a meeting.
async fn emulator() -> Emulator {
    let emulator = Emulator::start(EmulatorSettings::default()).await.unwrap();
    let speaks = || FarEndScript::new().say(Clip::speech().into()).then(AfterSpeech::Repeat);
    let blink = Clip::new(Sound::new(Clip::speech().sound().sample_rate(), vec![0; 3200])).unwrap();
    let leaves = FarEndScript::new().say(blink.into()).then(AfterSpeech::HangUp);
    emulator.add_user("ada", User::new("Ada", speaks().keep_what_it_hears()));
    emulator.add_user("quiet", User::new("Quiet", FarEndScript::new().keep_what_it_hears()));
    emulator.add_user("busy", User::new("Busy", FarEndScript::new()).declines());
    emulator.add_user("hasty", User::new("Hasty", leaves));
    let speaks_once = FarEndScript::new().say(Clip::speech().into()).then(AfterSpeech::Silence);
    emulator.add_meeting(MEETING.0, Meeting::new(User::new("Ada", speaks_once)).passcode(MEETING.1));
    emulator
}

fn assets(name: &str) -> String {
    format!("{}/../../assets/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_is_as_long_as_asked_and_its_path_is_on_standard_output() {
    let emulator = emulator().await;
    let out = tempfile::tempdir().unwrap();
    let out = out.path().to_str().unwrap();
    let record = ["record", "--i-have-permission", "--user", "ada", "--seconds", "1.5", "--out", out];
    let Done { code, stdout, stderr } = offhook(&emulator, &record).end().await;
    assert_eq!(code, Some(0), "{stderr}");
    let file = std::fs::File::open(stdout.trim_end()).unwrap();
    let recorded = Sound::read_wav(file).unwrap();
    assert_eq!(recorded.duration(), Duration::from_millis(1500));
    assert!(recorded.samples().iter().any(|sample| sample.abs() > 1000), "Ada is heard");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_called_hears_the_whole_file() {
    let emulator = emulator().await;
    let file = assets("announcement.wav");
    let played = Sound::read_wav(std::fs::File::open(&file).unwrap()).unwrap();
    let Done { code, stderr, .. } = offhook(&emulator, &["play", &file, "--user", "quiet"]).end().await;
    assert_eq!(code, Some(0), "{stderr}");
    let call = stderr.lines().find_map(|line| line.strip_prefix("established: ")).unwrap();
    let far_end = emulator.far_end(call).await.unwrap();
    let heard = far_end.heard().duration();
    assert!(heard >= played.duration() - Duration::from_millis(20), "{heard:?} of {:?}", played.duration());
}

#[tokio::test(flavor = "multi_thread")]
async fn echo_answers_calls_until_it_is_interrupted() {
    let emulator = emulator().await;
    let mut echo = offhook(&emulator, &["echo", "--answer", "--listen", "127.0.0.1:0"]);
    let callback = echo.first_line().await;
    let call = emulator.call_bot(IncomingCall::new(&callback, "ada")).await.unwrap();
    let far_end = emulator.far_end(call.as_str()).await.unwrap();
    far_end.has_heard(Duration::from_secs(1)).await;
    assert!(far_end.heard().samples().iter().any(|sample| sample.abs() > 1000), "she hears herself");
    echo.interrupt();
    let Done { code, stderr, .. } = echo.end().await;
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("ended: "), "the call was hung up: {stderr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_recording_keeps_what_was_heard() {
    let emulator = emulator().await;
    let out = tempfile::tempdir().unwrap();
    let (join_id, passcode) = MEETING;
    let record = ["record", "--i-have-permission", "--meeting", join_id, "--passcode", passcode, "--out"];
    let record = [&record[..], &[out.path().to_str().unwrap()]].concat();
    let mut recording = offhook(&emulator, &record);
    recording.says("established: ").await;
    let far_end = emulator.far_end(emulator.calls()[0].as_str()).await.unwrap();
    far_end.speech_finished().await;
    recording.interrupt();
    let Done { code, stdout, stderr } = recording.end().await;
    assert_eq!(code, Some(0), "{stderr}");
    let recorded = Sound::read_wav(std::fs::File::open(stdout.trim_end()).unwrap()).unwrap();
    assert!(recorded.duration() >= Clip::speech().duration() / 2, "{:?}", recorded.duration());
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_say_whose_fault_it_was() {
    let emulator = emulator().await;
    let speech = assets("speech.wav");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let cases: [(i32, &[&str], &str); 8] = [
        (1, &["echo", "--meeting", MEETING.0, "--passcode", "wrong"], "passcode"),
        (1, &["play", "no-such-file.wav", "--user", "ada"], "no-such-file.wav"),
        (2, &["echo"], "--meeting"),
        (2, &["echo", "--user", "ada", "--answer"], "--answer"),
        (4, &["echo", "--user", "busy"], "ended"),
        (4, &["play", &speech, "--user", "hasty"], "before all was played"),
        (5, &["echo", "--user", "ada", "--listen", &taken], &taken),
        (5, &["echo", "--user", "ada", "--graph", "http://127.0.0.1:1"], "token"),
    ];
    for (expected, arguments, named) in cases {
        let Done { code, stderr, .. } = offhook(&emulator, arguments).end().await;
        assert_eq!(code, Some(expected), "{arguments:?}: {stderr}");
        assert!(stderr.contains(named), "{arguments:?}: {stderr}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_line_of_a_json_log_is_an_object() {
    let emulator = emulator().await;
    let arguments = ["--log", "json", "-v", "echo", "--user", "busy"];
    let Done { stderr, .. } = offhook(&emulator, &arguments).end().await;
    let logged: Vec<_> = stderr.lines().filter(|line| line.starts_with('{')).collect();
    assert!(!logged.is_empty(), "{stderr}");
    for line in logged {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}

#[tokio::test]
async fn every_verb_shows_an_example_and_every_shell_completes_it() {
    let verbs = ["emulator", "record", "recording", "play", "echo", "bench", "permissions", "completions"];
    for verb in verbs {
        let Done { code, stdout, .. } = Running::start(&[verb, "--help"]).end().await;
        assert_eq!(code, Some(0));
        assert!(stdout.contains("Example"), "{verb}: {stdout}");
        assert!(stdout.contains(&format!("    offhook {verb}")), "{verb}: {stdout}");
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let Done { stdout, .. } = Running::start(&["completions", shell]).end().await;
        for verb in verbs {
            assert!(stdout.contains(verb), "{shell} does not complete {verb}");
        }
    }
}
