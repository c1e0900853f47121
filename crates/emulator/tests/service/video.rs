//! Video of bots: what they see of scripts, people and other bots, and who sees theirs. The bots here are ends of `webrtc`'s own, with offers
//! as the profile has them.

use std::time::Duration;

use offhook_emulator::{EmulatorSettings, FarEnd, FarEndScript, Film, ScriptKind};
use offhook_media::video::{VideoCodec, VideoSize};
use serde_json::{Value, json};

use crate::person::{Codecs, Person, until};
use crate::rooms::{PICTURE, joining, member, named, roster, whip};
use crate::support::Bot;

/// The blob of an end that offers: audio, then video, with the section `screen` for a screen.
async fn blob(end: &Person, screen: Option<usize>) -> String {
    let sdp = end.offer().await;
    let sockets = sdp.split("m=").skip(1).enumerate().map(|(id, section)| {
        let direction = if section.contains("a=sendrecv") { "sendReceive" } else { "receiveOnly" };
        let modality = match (id, screen) {
            (0, _) => "audio",
            (id, Some(screen)) if id == screen => "videoBasedScreenSharing",
            _ => "video",
        };
        json!({"id": id, "modality": modality, "direction": direction})
    });
    let blob = json!({
        "profile": "offhook/1", "mediaSessionId": "11111111-2222-4333-8444-555555555555",
        "sockets": sockets.collect::<Vec<_>>(), "description": {"type": "offer", "sdp": sdp},
    });
    blob.to_string()
}

/// Makes the call of `body`, and connects `end` to it.
async fn call(bot: &Bot, body: Value, end: &Person) -> (String, FarEnd) {
    let response = bot.post(body.to_string()).await;
    let status = response.status();
    let call: Value = response.json().await.unwrap();
    assert_eq!(status, 201, "{call}");
    let blob: Value = serde_json::from_str(call["mediaConfig"]["blob"].as_str().unwrap()).unwrap();
    end.accept(blob["description"]["sdp"].as_str().unwrap().to_owned()).await;
    end.connected().await;
    let id = call["id"].as_str().unwrap().to_owned();
    let far_end = bot.emulator.far_end(&id).await.unwrap();
    (id, far_end)
}

/// For each packet that has come: whether a key frame begins with it, and whether a frame ends.
fn frames(end: &Person) -> Vec<(bool, bool)> {
    let kept = end.kept.lock().unwrap();
    let begins_key = |payload: &[u8]| match payload {
        // VP8 whose first byte has no lowest bit; H.264 with parameter sets.
        [0x10, first, ..] => first & 1 == 0,
        [first, _, _, unit, ..] => first & 0x1f == 24 && unit & 0x1f == 7,
        _ => false,
    };
    kept.pictures.iter().map(|packet| (begins_key(&packet.payload), packet.header.marker)).collect()
}

fn count(end: &Person) -> usize {
    frames(end).iter().filter(|(_, ends)| *ends).count()
}

fn sources(end: &Person) -> Vec<u32> {
    let kept = end.kept.lock().unwrap();
    kept.pictures.iter().map(|packet| packet.header.csrc.first().copied().unwrap_or_default()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_sees_the_film_of_whoever_it_calls_and_a_key_frame_where_it_asks_for_one() {
    for codecs in [Codecs::H264, Codecs::Vp8, Codecs::H264First] {
        let bot = Bot::start(EmulatorSettings::default(), FarEndScript::new().show(Film::pattern())).await;
        let end = Person::bot(codecs, 0).await;
        let body = bot.body(&blob(&end, None).await);
        let (id, far_end) = call(&bot, body, &end).await;
        until(|| count(&end) >= 10).await;
        assert!(frames(&end)[0].0, "{codecs:?}: it begins with a key frame");
        {
            let kept = end.kept.lock().unwrap();
            let expected = if codecs == Codecs::Vp8 { 120 } else { 125 };
            let types = kept.pictures.iter().map(|packet| packet.header.payload_type);
            assert!(types.into_iter().all(|number| number == expected), "{codecs:?}");
            let numbers: Vec<u16> =
                kept.pictures.iter().map(|packet| packet.header.sequence_number).collect();
            assert!(numbers.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)), "{numbers:?}");
        }
        let keys = || frames(&end).iter().filter(|(begins, _)| *begins).count();
        let before = keys();
        end.asks_for_key_frame().await;
        until(|| keys() > before).await;
        let seen = frames(&end);
        let after = seen.iter().rposition(|(begins, _)| *begins).unwrap();
        let gop = seen[..after].iter().rev().take_while(|(begins, _)| !begins);
        assert!(gop.filter(|(_, ends)| *ends).count() < 24, "{codecs:?}: the film has jumped to it");
        // What is seen is who the roster says, which the bot of a call between two has to ask for.
        let people = bot.http.get(format!("{}/{id}/participants", bot.calls_url())).bearer_auth(&bot.token);
        let people: Value = people.send().await.unwrap().json().await.unwrap();
        let people = people["value"].as_array().unwrap();
        let streams = &named(people, "Ada").unwrap()["mediaStreams"];
        assert_eq!(
            (&streams[1]["mediaType"], &streams[1]["direction"]),
            (&json!("video"), &json!("sendOnly"))
        );
        let source: u32 = streams[1]["sourceId"].as_str().unwrap().parse().unwrap();
        assert!(sources(&end).iter().all(|seen| *seen == source), "{source}: {:?}", sources(&end));
        assert_eq!(far_end.report().video.frames_received, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_bot_shows_is_counted_and_sent_back_by_an_echo() {
    let bot = Bot::start(EmulatorSettings::default(), FarEndScript::new().echo()).await;
    let end = Person::bot(Codecs::Vp8, 0).await;
    let body = bot.body(&blob(&end, None).await);
    let (_, far_end) = call(&bot, body, &end).await;
    // Before both are in the call, nothing is sent back: it goes on until something is.
    for number in 0..2_000 {
        end.shows(number, b"\x10\0\0\0\x9d\x01\x2a\x40\x01\xb4\0rest").await;
        if count(&end) >= 10 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(count(&end) >= 10);
    far_end.has_seen(10).await;
    let seen = far_end.report().video;
    assert_eq!((seen.size, seen.codec), (Some(VideoSize { width: 320, height: 180 }), Some(VideoCodec::Vp8)));
    assert!(seen.key_frames_received >= 10 && seen.sender_time.is_some());
    assert_eq!(far_end.report().screen.packets_received, 0);
    assert!(*end.asked.lock().unwrap() > 0, "whoever is shown is asked for a key frame");
}

#[tokio::test(flavor = "multi_thread")]
async fn bots_and_people_see_each_other_in_a_meeting_by_the_sources_of_the_roster() {
    let mut bot = Bot::start(EmulatorSettings::default(), FarEndScript::new()).await;
    let ada = Person::new(3).await;
    let ada_is = ada.join(&whip(&bot, "films", "?name=Ada")).await;
    let (one, other) = (Person::bot(Codecs::Vp8, 2).await, Person::bot(Codecs::Vp8, 1).await);
    let body = joining(&bot, "films", &blob(&one, Some(3)).await);
    let (_, seen_of_one) = call(&bot, body, &one).await;
    let showing = async {
        for number in 0_u16.. {
            ada.shows(number, PICTURE).await;
            one.shows(number, PICTURE).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let checking = async {
        until(|| count(&one) >= 10 && count(&ada) >= 10).await;
        let ada_shows = member(&bot, "films", "Ada").unwrap().source_ids.video.unwrap();
        assert!(sources(&one).iter().all(|source| *source == ada_shows));
        let body = joining(&bot, "films", &blob(&other, None).await);
        call(&bot, body, &other).await;
        // Another bot sees both, and its roster says who they are.
        until(|| {
            let seen = sources(&other);
            seen.contains(&ada_shows) && seen.iter().any(|source| *source != ada_shows)
        })
        .await;
        let bot_shows = sources(&other).into_iter().find(|source| *source != ada_shows).unwrap();
        roster(&mut bot, |roster| {
            let streams = roster.iter().flat_map(|person| person["mediaStreams"].as_array().unwrap());
            let videos: Vec<&Value> = streams.filter(|stream| stream["mediaType"] == "video").collect();
            let has = |source: u32| {
                let source = source.to_string();
                videos.iter().any(|stream| stream["sourceId"] == source)
            };
            has(ada_shows) && has(bot_shows)
        })
        .await;
        // Key frames that are needed are asked for where the picture comes from.
        let asked = *one.asked.lock().unwrap();
        tokio::time::sleep(Duration::from_millis(400)).await;
        ada.asks_for_key_frame().await;
        until(|| *one.asked.lock().unwrap() > asked).await;
        assert!(seen_of_one.report().video.frames_received > 0);
        let seen_by_ada = bot.emulator.rooms()[0].members.iter().find(|one| one.id == ada_is.id).cloned();
        assert!(seen_by_ada.unwrap().slots.iter().all(|slot| !slot.sharing));
    };
    tokio::select! {
        () = showing => unreachable!("it shows for ever"),
        () = checking => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_film_that_joins_is_seen_beside_the_first_and_one_that_leaves_no_more() {
    let bot = Bot::start(EmulatorSettings::default(), FarEndScript::new().show(Film::pattern())).await;
    let end = Person::bot(Codecs::H264First, 1).await;
    let body = joining(&bot, "19:meeting_x@thread.v2", &blob(&end, None).await);
    call(&bot, body, &end).await;
    until(|| count(&end) >= 5).await;
    let room = bot.emulator.rooms()[0].id.clone();
    let pattern = bot.emulator.add_script(&room, ScriptKind::Pattern, "Pattern").unwrap();
    let distinct = || {
        let mut sources = sources(&end);
        sources.sort_unstable();
        sources.dedup();
        sources
    };
    until(|| distinct().len() == 2).await;
    bot.emulator.remove_member(&room, &pattern).unwrap();
    let gone = |rooms: &[offhook_emulator::RoomView]| rooms[0].members.iter().all(|one| one.id != pattern);
    bot.emulator.rooms_are(gone).await;
    let before = sources(&end).len();
    until(|| sources(&end).len() > before + 50).await;
    let late = sources(&end)[before + 20..].to_vec();
    assert!(late.windows(2).all(|pair| pair[0] == pair[1]), "{late:?}");
}
