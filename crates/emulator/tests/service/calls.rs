//! Whole calls.

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use offhook_emulator::{AfterSpeech, EmulatorSettings, FarEndScript, FarEndState, User};
use offhook_media::{AudioFormat, AudioFrame, AudioSocket, FrameOrigin, MediaInstant};
use serde_json::{Value, json};

use crate::support::{Bot, tone, word};

/// Loudness of a frequency among samples at 16 kHz (Goertzel).
fn strength(samples: &[i16], frequency: f64) -> f64 {
    let step = std::f64::consts::TAU * frequency / 16_000.0;
    let (mut re, mut im) = (0.0, 0.0);
    for (i, sample) in samples.iter().enumerate() {
        re += f64::from(*sample) * (step * i as f64).cos();
        im += f64::from(*sample) * (step * i as f64).sin();
    }
    (re.hypot(im)) * 2.0 / samples.len() as f64
}

async fn speak(socket: &mut AudioSocket, frames: usize, frequency: f64) {
    let step = std::f64::consts::TAU * frequency / 16_000.0;
    for frame in 0..frames {
        let samples: Vec<i16> =
            (0..320).map(|i| ((step * (frame * 320 + i) as f64).sin() * 6000.0) as i16).collect();
        let frame = AudioFrame::new(AudioFormat::Pcm16K, MediaInstant::ZERO, &samples).unwrap();
        socket.send(&frame).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_after_their_speech_does_not_do_so_while_the_phone_rings() {
    let script = FarEndScript::new().then(AfterSpeech::HangUp).say(word());
    let mut bot = Bot::start(EmulatorSettings::default(), script.clone()).await;
    let ringing = Duration::from_millis(700);
    bot.emulator.add_user("ada", User::new("Ada", script).picks_up_after(ringing));
    let mut session = bot.session();
    bot.call(bot.body(&session.blob().to_string()), &mut session).await;
    for expected in ["establishing", "established", "terminated"] {
        assert_eq!(bot.next().await.state(), Some(expected));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_heard_at_both_ends_and_its_notifications_come_in_order() {
    let script = FarEndScript::new().say(tone()).keep_what_it_hears();
    let mut bot = Bot::start(EmulatorSettings::default(), script).await;
    let mut session = bot.session();
    let mut socket = session.take_audio_socket().unwrap();
    let call = bot.call(bot.body(&session.blob().to_string()), &mut session).await;
    let id = call["id"].as_str().unwrap();

    assert_eq!(bot.next().await.state(), Some("establishing"));
    let established = bot.next().await;
    assert_eq!(established.state(), Some("established"));
    assert_eq!(established.notification()["resourceUrl"], format!("/communications/calls/{id}"));
    assert_eq!(established.notification()["resource"], format!("/app/calls/{id}"));
    check_token(&bot, &established.token).await;

    let mut heard = Vec::new();
    while heard.len() < 80 * 320 {
        let frame = socket.receive().await.unwrap();
        assert_eq!(frame.origin(), FrameOrigin::Media);
        heard.extend_from_slice(frame.samples());
    }
    assert!(strength(&heard[16_000..24_000], 440.0) > 6000.0, "the far end's tone is heard");

    speak(&mut socket, 60, 880.0).await;
    let far_end = bot.emulator.far_end(id).await.unwrap();
    far_end.has_heard(Duration::from_secs(1)).await;
    let heard = far_end.heard().samples().to_vec();
    assert!(strength(&heard[8_000..14_000], 880.0) > 4500.0, "the bot's tone is heard");
    assert_eq!(far_end.report().packets_lost, 0);

    let get = bot.http.get(format!("{}/{id}", bot.calls_url())).bearer_auth(&bot.token).send().await.unwrap();
    assert_eq!(get.json::<Value>().await.unwrap()["state"], "established");
    let delete = || bot.http.delete(format!("{}/{id}", bot.calls_url())).bearer_auth(&bot.token).send();
    assert_eq!(delete().await.unwrap().status(), 204);
    assert_eq!(delete().await.unwrap().status(), 404, "it is gone");
    assert_eq!(bot.next().await.state(), Some("terminating"));
    let terminated = bot.next().await;
    assert_eq!(terminated.notification()["changeType"], "deleted");
    assert_eq!(terminated.notification()["resourceData"]["resultInfo"]["subcode"], 10_550);
    assert_eq!(far_end.reached(FarEndState::Closed).await, FarEndState::Closed);
}

/// Checks a callback's token as a bot would, with another library.
async fn check_token(bot: &Bot, token: &str) {
    let get = |url: String| async { bot.http.get(url).send().await.unwrap().json::<Value>().await.unwrap() };
    let metadata = get(bot.emulator.openid_metadata_url()).await;
    assert_eq!(metadata["issuer"], bot.emulator.issuer());
    let keys = get(metadata["jwks_uri"].as_str().unwrap().to_owned()).await;
    let key = &keys["keys"][0];
    assert_eq!(decode_header(token).unwrap().kid.as_deref(), key["kid"].as_str());
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&[bot.emulator.client_id()]);
    validation.set_issuer(&[bot.emulator.issuer()]);
    validation.validate_nbf = true;
    let part = |name: &str| key[name].as_str().unwrap();
    let key = DecodingKey::from_rsa_components(part("n"), part("e")).unwrap();
    let claims = decode::<Value>(token, &key, &validation).unwrap().claims;
    assert_eq!(claims["tid"], bot.emulator.tenant_id());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meeting_has_a_roster_whose_source_ids_are_those_of_the_frames() {
    let mut bot = Bot::start(EmulatorSettings::default(), FarEndScript::new().say(tone())).await;
    let mut session = bot.session();
    let mut socket = session.take_audio_socket().unwrap();
    let mut body = bot.body(&session.blob().to_string());
    body.as_object_mut().unwrap().remove("targets");
    body["tenantId"] = json!(bot.emulator.tenant_id());
    body["meetingInfo"] = json!({
        "@odata.type": "#microsoft.graph.joinMeetingIdMeetingInfo",
        "joinMeetingId": "1234567", "passcode": "psw123",
    });
    let call = bot.call(body, &mut session).await;
    assert_eq!(bot.next().await.state(), Some("establishing"));
    assert_eq!(bot.next().await.state(), Some("established"));
    let roster = bot.next().await;
    let people = roster.notification()["resourceData"].as_array().unwrap().clone();
    assert_eq!(people.len(), 2, "the far end and the bot itself");
    assert_eq!(people[0]["info"]["identity"]["user"]["displayName"], "Ada");
    assert_eq!(people[1]["id"], call["myParticipantId"]);
    let source = people[0]["mediaStreams"][0]["sourceId"].as_str().unwrap();
    assert_eq!(socket.receive().await.unwrap().source().unwrap().to_string(), source);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_far_end_that_hangs_up_ends_the_call() {
    let script = FarEndScript::new().say(tone()).then(AfterSpeech::HangUp);
    let mut bot = Bot::start(EmulatorSettings::default(), script).await;
    let mut session = bot.session();
    bot.call(bot.body(&session.blob().to_string()), &mut session).await;
    let mut last = bot.next().await;
    while last.state() != Some("terminated") {
        last = bot.next().await;
    }
    let result = &last.notification()["resourceData"]["resultInfo"];
    assert_eq!((&result["code"], &result["subcode"]), (&json!(200), &json!(4521)));
    session.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn media_that_never_connects_ends_the_call() {
    let settings = EmulatorSettings::default().media_timeout(Duration::from_millis(300));
    let mut bot = Bot::start(settings, FarEndScript::new()).await;
    let session = bot.session();
    let response = bot.post(bot.body(&session.blob().to_string()).to_string()).await;
    assert_eq!(response.status(), 201, "the answer is never applied");
    assert_eq!(bot.next().await.state(), Some("establishing"));
    let terminated = bot.next().await;
    assert_eq!(terminated.notification()["resourceData"]["resultInfo"]["subcode"], 301_005);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_echo_sends_back_what_it_hears() {
    let mut bot = Bot::start(EmulatorSettings::default(), FarEndScript::new().echo()).await;
    let mut session = bot.session();
    let (mut listener, mut speaker) = session.take_audio_socket().unwrap().split();
    bot.call(bot.body(&session.blob().to_string()), &mut session).await;
    assert_eq!(bot.next().await.state(), Some("establishing"));
    let step = std::f64::consts::TAU * 660.0 / 16_000.0;
    let speaking = tokio::spawn(async move {
        for frame in 0..100 {
            let samples: Vec<i16> =
                (0..320).map(|i| ((step * f64::from(frame * 320 + i)).sin() * 6000.0) as i16).collect();
            let frame = AudioFrame::new(AudioFormat::Pcm16K, MediaInstant::ZERO, &samples).unwrap();
            speaker.send(&frame).await.unwrap();
        }
        speaker
    });
    let mut heard = Vec::new();
    while heard.len() < 70 * 320 {
        heard.extend_from_slice(listener.receive().await.unwrap().samples());
    }
    assert!(strength(&heard[10_000..20_000], 660.0) > 4500.0);
    speaking.await.unwrap();
}
