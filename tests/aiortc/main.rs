//! [io] The engine's own connection against another stack: aiortc, which shares no code with it, as a far end that was written from
//! `docs/blob-profile.md`.
//!
//! It runs under the interpreter that the variable `OFFHOOK_AIORTC_PYTHON` names; `script/test` installs it and sets that.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod far_end;
mod sound;

use std::sync::Arc;
use std::time::Duration;

use far_end::{FarEnd, Script};
use offhook::emulator::{Clip, Emulator, EmulatorSettings, FarEndScript, Meeting, User};
use offhook::media::{
    AudioSocketSettings, MediaPlatform, MediaPlatformSettings, MediaSession, MediaSessionSettings,
    MediaState, SampleRate, Sound,
};
use serde_json::{Value, json};
use sound::{FORMAT, share_of_tone, tone};

/// How long the end of a call may take to be seen.
const PATIENCE: Duration = Duration::from_secs(30);

/// aiortc sends two channels, and spreads a tone over them so that they are as loud together: 0.71 in each.
const OF_TWO: f64 = 0.6;

/// A session whose peer says tones, or `None` where there is no aiortc.
async fn call(audio: AudioSocketSettings, says: &[f64]) -> Option<(MediaPlatform, MediaSession, FarEnd)> {
    let mut far_end = FarEnd::start(says)?;
    let platform = MediaPlatform::start(MediaPlatformSettings::default().workers(1)).unwrap();
    let mut session = platform.create_session(&MediaSessionSettings::default().audio(audio)).unwrap();
    let answer = far_end.answer(session.blob());
    session.accept_answer(&answer).unwrap();
    session.connected().await.unwrap();
    Some((platform, session, far_end))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_hears_the_tone_of_the_other_and_who_leaves_is_missed() {
    let Some((_platform, mut session, mut far_end)) = call(AudioSocketSettings::default(), &[620.0]).await
    else {
        return;
    };
    let (mut listener, mut speaker) = session.take_audio_socket().unwrap().split();
    let speaking = tokio::spawn(async move {
        for frame in 0..250 {
            speaker.send(&tone(440.0, frame)).await.unwrap();
        }
    });
    let mut heard = Vec::new();
    while heard.len() < 3 * 16_000 {
        heard.extend_from_slice(listener.receive().await.unwrap().samples());
    }
    let heard = &heard[16_000..];
    let shares = [620.0, 440.0].map(|hertz| share_of_tone(heard, hertz));
    assert!(shares[0] > OF_TWO && shares[1] < 0.1, "the bot hears {shares:?}");
    let far = far_end.heard(&[440.0, 620.0]);
    assert!(far.seconds > 2.0 && far.shares[0] > 0.8 && far.shares[1] < 0.1, "the far end hears {far:?}");
    let stats = session.stats();
    assert_eq!((stats.counters.packets_lost, stats.counters.datagrams_rejected), (0, 0));
    let peer = stats.remote_inbound_rtp();
    assert!(peer.round_trip_time_measurements > 0.0 && peer.round_trip_time < 1.0, "{peer:?}");
    speaking.abort();
    far_end.leave();
    let ended = tokio::time::timeout(PATIENCE, session.ended()).await.unwrap();
    assert_eq!(ended, MediaState::Closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn speakers_on_sections_of_their_own_are_heard_by_themselves() {
    let audio = AudioSocketSettings::default().format(FORMAT).unmixed(3);
    // The mix, and two speakers; the third section is declined.
    let Some((_platform, mut session, _far_end)) = call(audio, &[500.0, 620.0, 880.0]).await else { return };
    let (mut listener, _) = session.take_audio_socket().unwrap().split();
    let (mut mix, mut speakers) = (Vec::new(), Vec::<(u32, Vec<i16>)>::new());
    while mix.len() < 3 * 16_000 || speakers.iter().any(|(_, heard)| heard.len() < 2 * 16_000) {
        let frame = listener.receive().await.unwrap();
        mix.extend_from_slice(frame.samples());
        for speaker in frame.unmixed() {
            let source = speaker.source().0;
            match speakers.iter_mut().find(|(known, _)| *known == source) {
                Some((_, heard)) => heard.extend_from_slice(speaker.samples()),
                None => speakers.push((source, speaker.samples().to_vec())),
            }
        }
    }
    assert_eq!(speakers.len(), 2);
    assert!(share_of_tone(&mix[16_000..], 500.0) > OF_TWO);
    for hertz in [620.0, 880.0] {
        let hums = |(_, heard): &&(u32, Vec<i16>)| share_of_tone(&heard[16_000..], hertz) > OF_TWO;
        assert_eq!(speakers.iter().filter(hums).count(), 1, "{hertz} Hz");
    }
}

const MEETING: (&str, &str) = ("1234567", "psw123");

/// The other way round: a bot that shares nothing with offhook but the page that describes the profile.
#[tokio::test(flavor = "multi_thread")]
async fn a_bot_in_python_joins_a_meeting_says_and_hears_and_leaves() {
    let emulator = Emulator::start(EmulatorSettings::default()).await.unwrap();
    let hums = (0..30 * 50).flat_map(|frame| tone(620.0, frame).samples().to_vec()).collect();
    let clip = Arc::new(Clip::new(Sound::new(SampleRate::HZ_16000, hums)).unwrap());
    let ada = User::new("Ada", FarEndScript::new().say(clip).keep_what_it_hears());
    emulator.add_meeting(MEETING.0, Meeting::new(ada).passcode(MEETING.1));
    let tenant = json!({
        "graph": emulator.graph_url(),
        "authority": emulator.authority_url(),
        "id": emulator.tenant_id(),
        "clientId": emulator.client_id(),
        "clientSecret": emulator.client_secret(),
        "meeting": MEETING.0,
        "passcode": MEETING.1,
        "says": 440.0,
        "hears": [620.0, 440.0],
        "seconds": 3.0,
    });
    let Some(mut bot) = Script::start("bot.py", &tenant.to_string()) else { return };
    let (bot, call) = tokio::task::spawn_blocking(move || {
        let call = bot.reply();
        (bot, call)
    })
    .await
    .unwrap();
    let far_end = emulator.far_end(call.trim_end()).await.unwrap();
    let heard = tokio::task::spawn_blocking(move || {
        let mut bot = bot;
        bot.reply()
    });
    let heard: Value = serde_json::from_str(&heard.await.unwrap()).unwrap();
    let share = |nth: usize| heard["shares"][nth].as_f64().unwrap();
    assert!(share(0) > 0.8 && share(1) < 0.1, "the bot hears {heard}");
    let said = far_end.heard();
    let said = said.samples();
    assert!(said.len() > 2 * 16_000 && share_of_tone(&said[16_000..32_000], 440.0) > OF_TWO);
    assert_eq!(emulator.calls(), [], "it has hung up");
}
