//! People who join by WHIP: they hear and see each other and the bots, and bots see them in the roster.

use std::time::Duration;

use offhook_emulator::{
    EmulatorSettings, FarEndScript, IncomingCall, LinkSettings, MemberKind, MemberView, RoomView, ScriptKind,
};
use offhook_media::blob::MediaBlob;
use offhook_media::{AudioFormat, AudioFrame, AudioSocketReceiver, MediaInstant};
use serde_json::{Value, json};

use crate::person::{Person, post, share_of_tone, until};
use crate::support::Bot;

/// A whole key frame of VP8, as far as anybody looks who passes it on.
pub(crate) const PICTURE: &[u8] = b"\x10\0picture";

async fn start() -> Bot {
    Bot::start(EmulatorSettings::default(), FarEndScript::new()).await
}

pub(crate) fn whip(bot: &Bot, meeting: &str, query: &str) -> String {
    format!("{}/meetings/{meeting}/whip{query}", bot.emulator.graph_url())
}

fn room(bot: &Bot, id: &str) -> Option<RoomView> {
    bot.emulator.rooms().into_iter().find(|room| room.id == id)
}

/// Waits until the room `id` is so.
pub(crate) async fn is_so(bot: &Bot, id: &str, so: impl Fn(&RoomView) -> bool) {
    let here = |rooms: &[RoomView]| rooms.iter().find(|room| room.id == id).is_some_and(&so);
    tokio::time::timeout(Duration::from_secs(30), bot.emulator.rooms_are(here)).await.unwrap();
}

/// Waits until nobody is in the room `id`.
async fn is_gone(bot: &Bot, id: &str) {
    let gone = |rooms: &[RoomView]| rooms.iter().all(|room| room.id != id);
    tokio::time::timeout(Duration::from_secs(30), bot.emulator.rooms_are(gone)).await.unwrap();
}

pub(crate) fn member(bot: &Bot, id: &str, name: &str) -> Option<MemberView> {
    room(bot, id)?.members.into_iter().find(|member| member.name == name)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_hear_each_other_and_not_themselves_until_one_is_muted() {
    let bot = start().await;
    let (ada, ben) = (Person::new(0).await, Person::new(0).await);
    let ada_is = ada.join(&whip(&bot, "new", "?name=Ada")).await;
    ben.join(&whip(&bot, "new", "?name=Ben")).await;
    let _humming = (ada.hums(440.0), ben.hums(620.0));
    is_so(&bot, "new", |room| room.members.iter().all(|member| member.speaking)).await;
    let (ada_hears, ben_hears) = tokio::join!(ada.hears_tone(620.0), ben.hears_tone(440.0));
    for (heard, own) in [(&ada_hears, 440.0), (&ben_hears, 620.0)] {
        let own = share_of_tone(heard, own);
        assert!(own < 0.02, "{own:.3} of themselves");
    }
    bot.emulator.mute_member("new", &ada_is.id, true).unwrap();
    let muted = member(&bot, "new", "Ada").unwrap();
    assert!(muted.muted && muted.kind == MemberKind::Person);
    ben.hears(0.5).await;
    assert!(share_of_tone(&ben.hears(1.0).await, 440.0) < 0.02);
    assert!(bot.emulator.mute_member("new", "nobody", true).is_err());
    assert!(bot.emulator.mute_member("old", "nobody", true).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_reach_the_others_and_key_frames_are_asked_for_where_they_come_from() {
    let bot = start().await;
    let (ada, ben) = (Person::new(2).await, Person::new(2).await);
    let ada_is = ada.join(&whip(&bot, "films", "?name=Ada")).await;
    ben.join(&whip(&bot, "films", "?name=Ben")).await;
    for number in 0..20 {
        ada.shows(number, PICTURE).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    until(|| ben.kept.lock().unwrap().pictures.len() == 20).await;
    {
        let kept = ben.kept.lock().unwrap();
        assert!(kept.pictures.iter().all(|packet| &packet.payload[..] == PICTURE));
        let steps = kept.pictures.windows(2).map(|pair| {
            let [one, other] = pair else { unreachable!("a window of two") };
            (
                other.header.sequence_number.wrapping_sub(one.header.sequence_number),
                other.header.timestamp.wrapping_sub(one.header.timestamp),
            )
        });
        assert!(steps.into_iter().all(|step| step == (1, 3_000)), "they keep their distance");
    }
    assert!(ada.kept.lock().unwrap().pictures.is_empty(), "nobody sees themselves");
    let sees = member(&bot, "films", "Ben").unwrap();
    assert_eq!((sees.slots.len(), sees.slots[0].member.as_str()), (1, ada_is.id.as_str()));
    let shown = member(&bot, "films", "Ada").unwrap();
    assert!(shown.video && !shown.sharing && shown.source_ids.video.is_some());
    let asked = *ada.asked.lock().unwrap();
    assert!(asked > 0, "whoever begins to show is asked for a key frame");
    // Requests soon after another are one with it: he asks until she hears of one more.
    let mut asks = tokio::time::interval(Duration::from_millis(50));
    while *ada.asked.lock().unwrap() == asked {
        asks.tick().await;
        ben.asks_for_key_frame().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_shows_a_pattern() {
    let bot = start().await;
    let ada = Person::new(1).await;
    ada.join(&whip(&bot, "films", "?name=Ada")).await;
    let pattern = bot.emulator.add_script("films", ScriptKind::Pattern, "Pattern").unwrap();
    until(|| ada.kept.lock().unwrap().pictures.len() > 40).await;
    let shown = member(&bot, "films", "Pattern").unwrap();
    assert!(shown.video && shown.id == pattern && shown.source_ids.video.is_some() && !shown.speaking);
    let kept = ada.kept.lock().unwrap();
    let marks = kept.pictures.iter().filter(|packet| packet.header.marker).count();
    assert!(marks > 10, "frames end: {marks}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_or_falls_silent_is_in_the_room_no_longer() {
    let bot = Bot::start(
        EmulatorSettings::default().media_timeout(Duration::from_millis(300)),
        FarEndScript::new(),
    )
    .await;
    let (ada, ben) = (Person::new(0).await, Person::new(0).await);
    let ada_is = ada.join(&whip(&bot, "new", "")).await;
    ben.join(&whip(&bot, "new", "?name=Ben")).await;
    assert_eq!(room(&bot, "new").unwrap().members.len(), 2);
    assert_eq!(member(&bot, "new", "Guest").unwrap().id, ada_is.id);
    let http = reqwest::Client::new();
    assert_eq!(http.delete(&ada_is.url).send().await.unwrap().status(), 200);
    assert_eq!(http.delete(&ada_is.url).send().await.unwrap().status(), 404);
    assert_eq!(room(&bot, "new").unwrap().members.len(), 1);
    ben.close().await;
    is_gone(&bot, "new").await;
    // Somebody whose media never comes.
    let eve = Person::new(0).await;
    assert_eq!(post(&whip(&bot, "new", "?name=Eve"), eve.offer().await).await.status(), 201);
    assert!(member(&bot, "new", "Eve").is_some());
    is_gone(&bot, "new").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn statuses_are_those_of_whip() {
    let bot = start().await;
    let http = reqwest::Client::new();
    let url = whip(&bot, "new", "");
    let sdp = |request: reqwest::RequestBuilder| request.header("content-type", "application/sdp");
    let status = |request: reqwest::RequestBuilder| async { request.send().await.unwrap().status().as_u16() };
    assert_eq!(status(http.get(&url)).await, 405);
    assert_eq!(status(http.put(&url)).await, 405);
    assert_eq!(status(http.post(&url).body("v=0")).await, 415);
    assert_eq!(status(sdp(http.post(&url)).body("hello")).await, 400);
    assert_eq!(status(sdp(http.post(&url)).body("v=0\r\ns=-\r\n")).await, 422);
    let options = http.request(reqwest::Method::OPTIONS, &url).send().await.unwrap();
    assert_eq!(
        (options.status().as_u16(), &options.headers()["accept-post"]),
        (204, &"application/sdp".parse().unwrap())
    );
    assert!(room(&bot, "new").is_none(), "nobody has joined");
    let ada = Person::new(1).await;
    let offer = ada.offer().await;
    let response = post(&url, offer.clone()).await;
    assert_eq!(
        (response.status().as_u16(), response.headers()["content-type"].to_str().unwrap()),
        (201, "application/sdp")
    );
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let etag = response.headers()["etag"].to_str().unwrap().to_owned();
    ada.accept(response.text().await.unwrap()).await;
    ada.connected().await;
    let session = format!("{}{location}", bot.emulator.graph_url());
    assert_eq!(status(http.get(&session)).await, 405);
    let patch = |url: &str, etag: Option<&str>, body: &str| {
        let request =
            http.patch(url).header("content-type", "application/trickle-ice-sdpfrag").body(body.to_owned());
        match etag {
            Some(etag) => request.header("if-match", etag),
            None => request,
        }
    };
    let candidate = "m=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1 1 udp 5 127.0.0.1 9 typ host\r\n";
    assert_eq!(status(patch(&session, Some(&etag), candidate)).await, 204);
    assert_eq!(status(patch(&session, None, candidate)).await, 428);
    assert_eq!(status(patch(&session, Some("\"old\""), candidate)).await, 412);
    assert_eq!(status(patch(&session, Some(&etag), "nonsense")).await, 400);
    assert_eq!(status(http.patch(&session).body(candidate)).await, 415);
    assert_eq!(status(patch(&whip(&bot, "new", "/nobody"), Some(&etag), candidate)).await, 404);
    // Other credentials begin ICE anew.
    let restart = format!("a=ice-ufrag:abcdefgh\r\na=ice-pwd:0123456789012345678901234567\r\n{candidate}");
    assert_eq!(status(patch(&session, Some(&etag), &restart)).await, 412);
    let response = patch(&session, Some("*"), &restart).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_ne!(response.headers()["etag"].to_str().unwrap(), etag);
    let fragment = response.text().await.unwrap();
    assert!(fragment.contains("a=ice-ufrag:") && fragment.contains("a=candidate:"), "{fragment}");
    assert_eq!(status(patch(&session, Some(&etag), candidate)).await, 412, "it is the old round");
}

/// Waits until the bot hears half a second of a tone; gives whom it has heard until then.
pub(crate) async fn hears_tone(listener: &mut AudioSocketReceiver, hertz: f64) -> Vec<u32> {
    let hearing = async {
        let (mut heard, mut sources) = (Vec::new(), Vec::new());
        while heard.len() < 8_000 || share_of_tone(&heard[heard.len() - 8_000..], hertz) < 0.7 {
            let frame = listener.receive().await.unwrap();
            heard.extend_from_slice(frame.samples());
            sources.extend(frame.active_speakers().iter().map(|speaker| speaker.source.0));
        }
        sources
    };
    tokio::time::timeout(Duration::from_secs(30), hearing).await.expect("it is heard")
}

/// The body that joins the meeting `key` with `blob`.
pub(crate) fn joining(bot: &Bot, key: &str, blob: &str) -> Value {
    let mut body = bot.body(blob);
    let fields = body.as_object_mut().unwrap();
    fields.remove("targets");
    fields.insert("tenantId".to_owned(), json!(bot.emulator.tenant_id()));
    let odata_type = "#microsoft.graph.joinMeetingIdMeetingInfo";
    fields.insert(
        "meetingInfo".to_owned(),
        json!({"@odata.type": odata_type, "joinMeetingId": key, "passcode": null}),
    );
    body
}

/// The roster of the next notification that has one for which `is_it` holds.
pub(crate) async fn roster(bot: &mut Bot, is_it: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    loop {
        let callback = bot.next().await;
        let data = &callback.notification()["resourceData"];
        if let Some(roster) = data.as_array().filter(|roster| is_it(roster)) {
            return roster.clone();
        }
    }
}

pub(crate) fn named<'a>(roster: &'a [Value], name: &str) -> Option<&'a Value> {
    roster.iter().find(|person| person["info"]["identity"]["user"]["displayName"] == name)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_and_a_person_hear_each_other_in_a_meeting_and_the_roster_knows_the_person() {
    let mut bot = start().await;
    let ada = Person::new(0).await;
    let ada_is = ada.join(&whip(&bot, "standup", "?name=Ada")).await;
    let mut session = bot.session();
    let call = bot.call(joining(&bot, "standup", &session.blob().to_string()), &mut session).await;
    let people = roster(&mut bot, |roster| named(roster, "Ada").is_some()).await;
    let audio = member(&bot, "standup", "Ada").unwrap().source_ids.audio;
    let streams = &named(&people, "Ada").unwrap()["mediaStreams"];
    assert_eq!(streams[0]["sourceId"], audio.to_string());
    assert_eq!(streams[1]["mediaType"], "video");
    let (mut listener, mut speaker) = session.take_audio_socket().unwrap().split();
    let _humming = ada.hums(440.0);
    let says = async {
        let step = std::f64::consts::TAU * 880.0 / 16_000.0;
        for number in 0_u32.. {
            let sample = |at: u32| ((step * f64::from(number * 320 + at)).sin() * 8_000.0) as i16;
            let samples: Vec<i16> = (0..320).map(sample).collect();
            speaker
                .send(&AudioFrame::new(AudioFormat::Pcm16K, MediaInstant::ZERO, &samples).unwrap())
                .await
                .unwrap();
        }
    };
    let hear = async {
        let sources = hears_tone(&mut listener, 440.0).await;
        ada.hears_tone(880.0).await;
        sources
    };
    let sources = tokio::select! {
        sources = hear => sources,
        () = says => unreachable!("it says the same for ever"),
    };
    assert!(!sources.is_empty() && sources.iter().all(|source| *source == audio), "under the roster's id");
    // A key that the person presses is one that the bot hears.
    ada.presses(5).await;
    is_so(&bot, "standup", |room| room.members[0].tones == "5").await;
    reqwest::Client::new().delete(&ada_is.url).send().await.unwrap();
    let ended = loop {
        let callback = bot.next().await;
        if callback.state() == Some("terminated") {
            break callback;
        }
    };
    assert_eq!(ended.notification()["resourceData"]["resultInfo"]["subcode"], 5_010, "it is alone");
    assert!(ended.notification()["resourceUrl"].as_str().unwrap().contains(call["id"].as_str().unwrap()));
    is_gone(&bot, "standup").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_calls_the_bot_and_it_is_their_room_that_they_speak_in() {
    let mut bot = start().await;
    let ada = Person::new(0).await;
    let ada_is = ada.join(&whip(&bot, "desk", "?name=Ada")).await;
    let incoming = IncomingCall::new(bot.callback_uri.clone(), ada_is.id.clone());
    let call = bot.emulator.call_bot(incoming).await.unwrap();
    let told = bot.next().await;
    let source = &told.notification()["resourceData"]["source"]["identity"]["user"];
    assert_eq!((told.state(), source["id"].as_str()), (Some("incoming"), Some(ada_is.id.as_str())));
    let mut session = bot.session();
    let url = format!("{}/{call}/answer", bot.calls_url());
    let body = json!({
        "callbackUri": bot.callback_uri, "acceptedModalities": ["audio"],
        "mediaConfig": {"@odata.type": "#microsoft.graph.appHostedMediaConfig", "blob": session.blob().to_string()},
    });
    let answered = bot.http.post(url).bearer_auth(&bot.token).json(&body).send().await.unwrap();
    assert_eq!(answered.status(), 202);
    let establishing = bot.next().await;
    let blob =
        establishing.notification()["resourceData"]["mediaConfig"]["blob"].as_str().unwrap().to_owned();
    session.accept_answer(&MediaBlob::parse(&blob).unwrap()).unwrap();
    let _humming = ada.hums(440.0);
    let (mut listener, _) = session.take_audio_socket().unwrap().split();
    hears_tone(&mut listener, 440.0).await;
    assert_eq!(room(&bot, "desk").unwrap().members.len(), 2);
    bot.emulator.remove_member("desk", &ada_is.id).unwrap();
    let ended = loop {
        let callback = bot.next().await;
        if callback.state() == Some("terminated") {
            break callback;
        }
    };
    assert_eq!(ended.notification()["resourceData"]["resultInfo"]["subcode"], 4_521, "she has hung up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_is_heard_until_it_is_removed_and_loss_is_what_a_member_has_asked_for() {
    let bot = start().await;
    let (ada, ben) = (Person::new(0).await, Person::new(0).await);
    let ada_is = ada.join(&whip(&bot, "new", "?name=Ada")).await;
    ben.join(&whip(&bot, "new", "?name=Ben")).await;
    assert!(bot.emulator.add_script("new", ScriptKind::Tone(5.0), "Hum").is_err());
    let hum = bot.emulator.add_script("new", ScriptKind::Tone(700.0), "Hum").unwrap();
    is_so(&bot, "new", |room| room.dominant.as_ref() == Some(&hum)).await;
    ada.hears_tone(700.0).await;
    let mut all = LinkSettings::default();
    all.loss = 1.0;
    bot.emulator.set_member_link("new", &ada_is.id, Some(all)).unwrap();
    assert_eq!(member(&bot, "new", "Ada").unwrap().link, Some(all));
    assert!(bot.emulator.set_member_link("new", &hum, Some(all)).is_err(), "a script has no network");
    // What was on its way before may still come; and of what comes to others then, nothing does.
    ben.hears(0.2).await;
    let before = ada.kept.lock().unwrap().sound.len();
    ben.hears(0.5).await;
    assert_eq!(ada.kept.lock().unwrap().sound.len(), before, "nothing comes any more");
    bot.emulator.set_member_link("new", &ada_is.id, None).unwrap();
    ada.hears_tone(700.0).await;
    bot.emulator.remove_member("new", &hum).unwrap();
    ada.hears(0.5).await;
    assert!(share_of_tone(&ada.hears(1.0).await, 700.0) < 0.02);
}
