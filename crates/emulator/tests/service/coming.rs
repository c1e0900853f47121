//! Who comes to a call that goes on, and who goes: they are heard in it, and no longer; and what was done on the page happens again.

use std::sync::Arc;

use offhook_emulator::{
    AfterSpeech, Clip, Emulator, EmulatorSettings, FarEndScript, Happening, Meeting, Scenario, User,
};
use offhook_media::blob::MediaBlob;
use offhook_media::{AudioSocketReceiver, MediaSession};
use serde_json::{Value, json};

use crate::person::share_of_tone;
use crate::rooms::{hears_tone, is_so, joining, named, roster};
use crate::support::{Bot, tone};

const MEETING: &str = "7654321";

/// A bot in a tenant with a meeting in which Ada is silent.
async fn start() -> Bot {
    let bot = Bot::start(EmulatorSettings::default(), FarEndScript::new()).await;
    bot.emulator.add_meeting(MEETING, Meeting::new(User::new("Ada", FarEndScript::new())));
    bot
}

/// Joins the meeting; gives the call's id, its session and who listens there.
async fn join(bot: &Bot) -> (String, MediaSession, AudioSocketReceiver) {
    let mut session = bot.session();
    let call = bot.call(joining(bot, MEETING, &session.blob().to_string()), &mut session).await;
    let (listener, _) = session.take_audio_socket().unwrap().split();
    (call["id"].as_str().unwrap().to_owned(), session, listener)
}

/// Half a second of what is heard now, once a fifth of a second has passed.
async fn hears_now(listener: &mut AudioSocketReceiver) -> Vec<i16> {
    let mut heard = Vec::new();
    while heard.len() < 11_200 {
        heard.extend_from_slice(listener.receive().await.unwrap().samples());
    }
    heard.split_off(3_200)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_joins_or_is_invited_says_what_their_script_says_until_they_are_removed() {
    let mut bot = start().await;
    let hums = |clip: Arc<Clip>| FarEndScript::new().say(clip).then(AfterSpeech::Repeat);
    bot.emulator.add_user("hum", User::new("Hum", hums(tone())));
    bot.emulator.add_user("high", User::new("High", hums(Arc::new(Clip::tone(700.0)))));
    let (call, _session, mut listener) = join(&bot).await;
    is_so(&bot, MEETING, |room| room.members.len() == 2).await;
    // It may still be on its way to being established.
    while bot.emulator.happen(&call, Happening::Join("hum".to_owned())).await.is_err() {
        tokio::task::yield_now().await;
    }
    let sources = hears_tone(&mut listener, 440.0).await;
    let people = roster(&mut bot, |roster| named(roster, "Hum").is_some()).await;
    let hum = named(&people, "Hum").unwrap().clone();
    let source: u32 = hum["mediaStreams"][0]["sourceId"].as_str().unwrap().parse().unwrap();
    assert!(!sources.is_empty() && sources.iter().all(|heard| *heard == source), "under the roster's id");
    let participants = format!("{}/{call}/participants", bot.calls_url());
    let remove = async |person: &Value| {
        let url = format!("{participants}/{}", person["id"].as_str().unwrap());
        let removed = bot.http.delete(url).bearer_auth(&bot.token).send().await.unwrap();
        assert_eq!(removed.status(), 204);
    };
    remove(&hum).await;
    assert!(share_of_tone(&hears_now(&mut listener).await, 440.0) < 0.02, "at once");
    let invited = json!({"participants": [{
        "@odata.type": "#microsoft.graph.invitationParticipantInfo",
        "identity": {"@odata.type": "#microsoft.graph.identitySet", "user": {"id": "high"}},
    }], "clientContext": "1"});
    let invite = bot.http.post(format!("{participants}/invite")).bearer_auth(&bot.token).json(&invited);
    assert_eq!(invite.send().await.unwrap().status(), 200);
    hears_tone(&mut listener, 700.0).await;
    // The bot mutes them, which is all that it may: nobody can be unmuted by somebody else.
    let listed = bot.http.get(&participants).bearer_auth(&bot.token).send().await.unwrap();
    let listed: Value = listed.json().await.unwrap();
    let mut people = listed["value"].as_array().unwrap().iter();
    let high = people.find(|person| person["info"]["identity"]["user"]["id"] == "high").unwrap();
    let high = high["id"].as_str().unwrap();
    let mute = bot.http.post(format!("{participants}/{high}/mute")).bearer_auth(&bot.token).json(&json!({}));
    assert_eq!(mute.send().await.unwrap().status(), 200);
    assert!(share_of_tone(&hears_now(&mut listener).await, 700.0) < 0.02, "whoever has muted them");
    bot.emulator.happen(&call, Happening::Leave("high".to_owned())).await.unwrap();
    assert!(share_of_tone(&hears_now(&mut listener).await, 700.0) < 0.02);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_recorded_happens_to_another_bot_in_another_emulator() {
    let bot = start().await;
    let url = format!("{}/emulator", bot.emulator.graph_url());
    let (call, _session, mut listener) = join(&bot).await;
    let post = async |path: &str, body: Value| {
        let response = bot.http.post(format!("{url}{path}")).json(&body).send().await.unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.status());
        response
    };
    post("/recording", json!({})).await;
    let members = format!("/rooms/{MEETING}/members");
    let added = post(&members, json!({"script": {"tone": 700}, "name": "Hum", "picture": true})).await;
    let hum: Value = added.json().await.unwrap();
    // For longer than the other bot will take to connect.
    for _ in 0..4 {
        hears_tone(&mut listener, 700.0).await;
    }
    let link = format!("{url}{members}/{call}/link");
    let disturbed = bot.http.put(&link).json(&json!({"loss": 0.25, "delayMs": 30})).send().await.unwrap();
    assert_eq!(disturbed.status(), 204);
    post(&format!("{members}/{}/mute", hum["id"].as_str().unwrap()), json!({})).await;
    let text = bot.http.get(format!("{url}/recording")).send().await.unwrap().text().await.unwrap();
    assert!(text.contains("shows = \"pattern\"") && text.contains("loss = 0.25"), "{text}");

    // The recording began within the call, which is the first of those to come.
    let scenario =
        Scenario::from_toml(&text, "recorded.toml").unwrap_or_else(|error| panic!("{error}\n{text}"));
    let emulator = Emulator::start_scenario(EmulatorSettings::default(), scenario).await.unwrap();
    let again = Bot::in_emulator(emulator).await;
    let (call, _session, mut listener) = join(&again).await;
    hears_tone(&mut listener, 700.0).await;
    is_so(&again, MEETING, |room| {
        let bot = room.members.iter().find(|member| member.id == call);
        let hum = room.members.iter().find(|member| member.name == "Hum");
        bot.and_then(|bot| bot.link).is_some_and(|link| link.loss == 0.25 && link.delay_ms == 30)
            && hum.is_some_and(|hum| hum.muted && hum.video)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_recorded_before_a_call_was_established_happens_to_another_bot() {
    let bot = start().await;
    let url = format!("{}/emulator", bot.emulator.graph_url());
    let post = async |path: &str, body: Value| {
        let response = bot.http.post(format!("{url}{path}")).json(&body).send().await.unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.status());
        response.json::<Value>().await.unwrap_or_default()["id"].as_str().unwrap_or_default().to_owned()
    };
    post("/recording", json!({})).await;
    let mut session = bot.session();
    let created = bot.post(joining(&bot, MEETING, &session.blob().to_string()).to_string()).await;
    let call: Value = created.json().await.unwrap();
    // Before its media can connect, three come, one of whom has left again when the call is established.
    let members = format!("/rooms/{MEETING}/members");
    let gone = post(&members, json!({"script": {"tone": 440}, "name": "Gone"})).await;
    let hum = post(&members, json!({"script": {"tone": 700}, "name": "Hum"})).await;
    let high = post(&members, json!({"script": {"tone": 1900}, "name": "High"})).await;
    let left = bot.http.delete(format!("{url}{members}/{gone}")).send().await.unwrap();
    assert_eq!(left.status(), 204);
    post(&format!("{members}/{high}/mute"), json!({})).await;
    let answer = MediaBlob::parse(call["mediaConfig"]["blob"].as_str().unwrap()).unwrap();
    session.accept_answer(&answer).unwrap();
    let (mut listener, _) = session.take_audio_socket().unwrap().split();
    hears_tone(&mut listener, 700.0).await;
    let text = bot.http.get(format!("{url}/recording")).send().await.unwrap().text().await.unwrap();

    let scenario =
        Scenario::from_toml(&text, "recorded.toml").unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert!(!text.contains(&gone), "{text}");
    let emulator = Emulator::start_scenario(EmulatorSettings::default(), scenario).await.unwrap();
    let again = Bot::in_emulator(emulator).await;
    let (_call, _session, mut listener) = join(&again).await;
    hears_tone(&mut listener, 700.0).await;
    is_so(&again, MEETING, |room| {
        let is = |id: &str, muted| room.members.iter().any(|member| member.id == id && member.muted == muted);
        is(&hum, false) && is(&high, true)
    })
    .await;
}
