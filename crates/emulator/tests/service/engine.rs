//! The engine's video against far ends on another stack: pictures arrive whole both ways, also where packets are lost.

#[path = "../../../media/tests/support/clip.rs"]
mod clip;

use std::time::Duration;

use clip::clip;
use offhook_emulator::link::{Link, Loss};
use offhook_emulator::{EmulatorSettings, FarEnd, FarEndScript, Film};
use offhook_media::video::{VideoCodec, VideoSize};
use offhook_media::{MediaSession, MediaSessionSettings, VideoSocket, VideoSocketSettings};

use crate::support::Bot;

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A bot of the engine's with a socket for video, in a call with Ada.
async fn in_call(script: FarEndScript, codec: VideoCodec) -> (Bot, MediaSession, VideoSocket, FarEnd) {
    let bot = Bot::start(EmulatorSettings::default(), script).await;
    let settings = MediaSessionSettings::default().video(VideoSocketSettings::default().codecs([codec]));
    let mut session = bot.platform.create_session(&settings).unwrap();
    let call = bot.call(bot.body(&session.blob().to_string()), &mut session).await;
    session.connected().await.unwrap();
    let socket = session.take_video_sockets().remove(0);
    let far_end = bot.emulator.far_end(call["id"].as_str().unwrap()).await.unwrap();
    (bot, session, socket, far_end)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_sees_a_film_from_a_key_frame_on_and_the_next_where_it_asks() {
    for codec in [VideoCodec::H264, VideoCodec::Vp8] {
        let (_bot, _session, mut socket, _) = in_call(FarEndScript::new().show(Film::pattern()), codec).await;
        let seeing = async {
            let (mut since_key, mut asked) = (0, false);
            for number in 0..60 {
                let frame = socket.receive().await.unwrap();
                assert_eq!(frame.codec(), codec);
                assert_eq!(frame.size(), Some(VideoSize { width: 640, height: 360 }));
                assert!(frame.source().is_some(), "the roster's source");
                assert!(number > 0 || frame.is_key(), "it begins with a key frame");
                if frame.is_key() {
                    if asked {
                        return since_key;
                    }
                    since_key = 0;
                }
                since_key += 1;
                if number == 10 {
                    socket.request_key_frame();
                    asked = true;
                }
            }
            60
        };
        let pictures = tokio::time::timeout(PATIENCE, seeing).await.unwrap();
        assert!(pictures < 25, "{codec:?}: the film has jumped, after {pictures} pictures");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_engine_shows_is_whole_at_another_stack_and_comes_back_as_it_was() {
    for codec in [VideoCodec::H264, VideoCodec::Vp8] {
        let (bot, session, mut socket, far_end) = in_call(FarEndScript::new().echo(), codec).await;
        let frames = clip(codec);
        // The other stack may be later in the call than the engine, and has not heard what came before.
        let shown = shown_until_seen(&bot, &mut socket, &far_end, &frames[0]).await;
        while socket.try_receive().is_some() {}
        let showing = async {
            // Nothing comes back before both are in the call, and then from a key frame on.
            let mut came = 0;
            for (number, sent) in frames.iter().cycle().enumerate().take(frames.len() * 4) {
                socket.send(sent, bot.platform.now()).await.unwrap();
                tokio::time::sleep(Duration::from_millis(20)).await;
                while let Some(frame) = socket.try_receive() {
                    assert!(frames.iter().any(|sent| sent == frame.data()), "{codec:?}: it is one of them");
                    came += 1;
                }
                if came >= 30 {
                    return number + 1;
                }
            }
            let counters = session.stats().counters;
            panic!("{codec:?}: {came} came back: {counters:?}, {:?}", far_end.report())
        };
        let sent = tokio::time::timeout(PATIENCE, showing).await.unwrap();
        let seen = tokio::time::timeout(PATIENCE, far_end.has_seen(sent as u64 + 1)).await;
        let report = far_end.report().video;
        assert!(seen.is_ok(), "{codec:?}: of {sent} all are seen: {report:?}");
        assert_eq!((report.size, report.codec), (Some(VideoSize { width: 320, height: 180 }), Some(codec)));
        let keys = sent.div_ceil(25) as u64;
        let is_all = |seen: u64, sent: u64| (sent + 1..=sent + shown).contains(&seen);
        assert!(is_all(report.frames_received, sent as u64) && is_all(report.key_frames_received, keys));
    }
}

/// Shows a key frame again and again until it is seen; gives how many times.
async fn shown_until_seen(bot: &Bot, socket: &mut VideoSocket, far_end: &FarEnd, key: &[u8]) -> u64 {
    let showing = async {
        for shown in 1.. {
            socket.send(key, bot.platform.now()).await.unwrap();
            if tokio::time::timeout(Duration::from_millis(200), far_end.has_seen(1)).await.is_ok() {
                return shown;
            }
        }
        unreachable!("it shows for ever")
    };
    tokio::time::timeout(PATIENCE, showing).await.expect("it is seen")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_lost_on_the_way_is_sent_once_more_in_both_directions() {
    for codec in [VideoCodec::H264, VideoCodec::Vp8] {
        let lossy = Link::seeded(7).delay(Duration::from_millis(10)).loss(Loss::random(0.05));
        let script = FarEndScript::new().show(Film::pattern()).link(lossy);
        let (bot, session, mut socket, far_end) = in_call(script, codec).await;
        let frames = clip(codec);
        let mut came = 0;
        for sent in frames.iter().take(100) {
            socket.send(sent, bot.platform.now()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(40)).await;
            while socket.try_receive().is_some() {
                came += 1;
            }
        }
        let seen = tokio::time::timeout(PATIENCE, far_end.has_seen(90)).await;
        let counters = session.stats().counters;
        assert!(seen.is_ok(), "{codec:?}: {:?}, {counters:?}", far_end.report());
        assert!(counters.video_retransmitted_packets_received > 0 && counters.video_nack_count > 0);
        assert!(counters.video_retransmitted_packets_sent > 0 && counters.video_nack_received_count > 0);
        assert!(came >= 80, "{codec:?}: {came} of about 100: {counters:?}");
    }
}
