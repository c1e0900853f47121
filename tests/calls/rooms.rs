//! A bot in a room with others: whom it hears, under which ids, and who hears it.

use std::sync::Arc;
use std::time::Duration;

use offhook::emulator::{
    AfterSpeech, Clip, EmulatorSettings, FarEndScript, Meeting, MemberKind, RoomView, ScriptKind, User,
};
use offhook::media::AudioSocketReceiver;
use offhook::prelude::*;
use offhook::signaling::model::JoinMeetingIdMeetingInfo;

use crate::support::{hear, say, share_of_tone, tone};

const MEETING: &str = "5550001";
const PASSCODE: &str = "psw123";

async fn join(emulator: &Emulator, bot: &Bot, unmixed: u8) -> BotCall {
    let audio = AudioSocketSettings::default().unmixed(unmixed);
    let media = MediaSessionSettings::default().audio(audio);
    let meeting = JoinMeetingIdMeetingInfo::with_passcode(MEETING, PASSCODE);
    let mut call = bot.call(NewCall::join_meeting(meeting, emulator.tenant_id()), &media).await.unwrap();
    call.established().await.unwrap();
    call
}

async fn rooms_are(emulator: &Emulator, so: impl Fn(&RoomView) -> bool) -> RoomView {
    let here = |rooms: &[RoomView]| rooms.iter().any(|room| room.id == MEETING && so(room));
    let rooms = tokio::time::timeout(Duration::from_secs(30), emulator.rooms_are(here)).await.unwrap();
    rooms.into_iter().find(|room| room.id == MEETING).unwrap()
}

/// What is heard in two seconds: the mix, and each speaker by themselves.
async fn speakers(listener: &mut AudioSocketReceiver) -> (Vec<i16>, Vec<(u32, Vec<i16>)>) {
    let (mut mix, mut speakers) = (Vec::new(), Vec::<(u32, Vec<i16>)>::new());
    while mix.len() < 32_000 {
        let frame = listener.receive().await.unwrap();
        mix.extend_from_slice(frame.samples());
        for speaker in frame.unmixed() {
            let source = speaker.source().0;
            let place = speakers.iter().position(|(held, _)| *held == source).unwrap_or_else(|| {
                speakers.push((source, Vec::new()));
                speakers.len() - 1
            });
            speakers[place].1.extend_from_slice(speaker.samples());
        }
    }
    (mix, speakers)
}

#[tokio::test(flavor = "multi_thread")]
async fn speakers_who_come_later_are_heard_mixed_and_by_themselves_under_the_ids_of_the_roster() {
    let emulator = Emulator::start(EmulatorSettings::default()).await.unwrap();
    // Somebody who hums to the bot directly at first, and is one voice of several then.
    let soft: Vec<i16> = tone(440.0, 4.0).samples().iter().map(|sample| sample / 2).collect();
    let clip = Clip::new(Sound::new(tone(440.0, 0.1).sample_rate(), soft)).unwrap();
    let script = FarEndScript::new().say(Arc::new(clip)).then(AfterSpeech::Repeat);
    emulator.add_meeting(
        MEETING,
        Meeting::empty().participant("ada", User::new("Ada", script)).passcode(PASSCODE),
    );
    let bot = Bot::in_emulator(&emulator).start().await.unwrap();
    let mut call = join(&emulator, &bot, 2).await;
    let (mut listener, _) = call.take_audio_socket().unwrap().split();
    let alone = hear(&mut listener, 1.5).await;
    assert!(share_of_tone(&alone[8_000..], 440.0) > 0.4, "she is heard directly");
    let hum = emulator.add_script(MEETING, ScriptKind::Tone(880.0), "Hum").unwrap();
    let room =
        rooms_are(&emulator, |room| room.members.iter().filter(|member| member.speaking).count() == 2).await;
    let source = |id: &str| room.members.iter().find(|member| member.id == id).unwrap().source_ids.audio;
    let expected = [(source("ada"), 440.0), (source(&hum), 880.0)];
    hear(&mut listener, 1.0).await;
    let (mix, heard) = speakers(&mut listener).await;
    for (source, hertz) in expected {
        assert!(share_of_tone(&mix, hertz) > 0.35, "{hertz} Hz are in the mix");
        let (_, samples) = heard.iter().find(|(held, _)| *held == source).expect("they have a section");
        assert!(share_of_tone(samples, hertz) > 0.35, "{hertz} Hz of {source}");
        let (_, other) = expected.into_iter().find(|(held, _)| *held != source).unwrap();
        assert!(share_of_tone(samples, other) < 0.05, "{other} Hz of {source}");
    }
    // The roster that the bot is told of names them by the same ids.
    let in_roster = |source: u32| {
        call.signaling().participants().iter().any(|participant| {
            let streams = participant.media_streams.items();
            streams.iter().any(|stream| stream.source_id.as_str() == Some(&source.to_string()))
        })
    };
    assert!(expected.into_iter().all(|(source, _)| in_roster(source)));
    call.hang_up().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_bots_in_one_meeting_hear_each_other_and_whoever_else_speaks() {
    let emulator = Emulator::start(EmulatorSettings::default()).await.unwrap();
    let speaks = |hertz| {
        let clip = Arc::new(Clip::new(tone(hertz, 2.0)).unwrap());
        FarEndScript::new().say(clip).then(AfterSpeech::Repeat)
    };
    let meeting = Meeting::empty()
        .participant("ada", User::new("Ada", speaks(440.0)))
        .participant("ben", User::new("Ben", FarEndScript::new()))
        .passcode(PASSCODE);
    emulator.add_meeting(MEETING, meeting);
    let bot = Bot::in_emulator(&emulator).start().await.unwrap();
    let (mut one, mut other) = (join(&emulator, &bot, 0).await, join(&emulator, &bot, 0).await);
    let room = rooms_are(&emulator, |room| room.members.len() == 4).await;
    assert_eq!(room.members.iter().filter(|member| member.kind == MemberKind::Bot).count(), 2);
    let (mut hears, mut says) =
        (other.take_audio_socket().unwrap().split().0, one.take_audio_socket().unwrap().split().1);
    let said = tone(880.0, 3.0);
    let (heard, ()) = tokio::join!(hear(&mut hears, 3.5), say(&mut says, &said));
    let loudest = |hertz: f64| {
        heard.chunks_exact(16_000).map(|second| share_of_tone(second, hertz)).fold(0.0, f64::max)
    };
    assert!(loudest(440.0) > 0.6 && loudest(880.0) > 0.6, "{:.3} {:.3}", loudest(440.0), loudest(880.0));
    emulator.remove_member(MEETING, other.id().as_str()).unwrap();
    other.ended().await;
    rooms_are(&emulator, |room| room.members.len() == 3).await;
    one.hang_up().await.unwrap();
}
