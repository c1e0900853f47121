//! Two platforms over real UDP, ICE and DTLS-SRTP on loopback.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may panic and starts threads")]

use std::time::Duration;

use offhook_media::{
    AudioFormat, AudioFrame, AudioSocketSettings, FrameOrigin, MediaPlatform, MediaPlatformSettings,
    MediaSession, MediaSessionSettings, MediaState, SendError, Stage,
};

const FORMAT: AudioFormat = AudioFormat::Pcm16K;

fn platform() -> MediaPlatform {
    MediaPlatform::start(MediaPlatformSettings::default().workers(1)).unwrap()
}

/// A session on each platform, connected to each other.
async fn connect(bot: &MediaPlatform, peer: &MediaPlatform) -> (MediaSession, MediaSession) {
    let settings = MediaSessionSettings::default();
    let mut offering = bot.create_session(&settings).unwrap();
    let mut answering = peer.answer_session(&settings, offering.blob()).unwrap();
    offering.accept_answer(answering.blob()).unwrap();
    offering.connected().await.unwrap();
    answering.connected().await.unwrap();
    (offering, answering)
}

/// Whole periods of a tone.
fn tone_at(rate: f64, samples: usize) -> Vec<i16> {
    let step = std::f64::consts::TAU * 500.0 / rate;
    (0..samples).map(|i| ((step * i as f64).sin() * 8000.0) as i16).collect()
}

fn tone(frame: usize) -> AudioFrame {
    let len = FORMAT.samples_per_frame();
    let step = std::f64::consts::TAU * 440.0 / 16_000.0;
    let samples: Vec<i16> =
        (0..len).map(|i| ((step * (frame * len + i) as f64).sin() * 8000.0) as i16).collect();
    AudioFrame::new(FORMAT, offhook_media::MediaInstant::ZERO, &samples).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_says_the_other_hears() {
    let (bot, peer) = (platform(), platform());
    let (mut offering, mut answering) = connect(&bot, &peer).await;
    let (mut speaker, mut listener) =
        (offering.take_audio_socket().unwrap(), answering.take_audio_socket().unwrap());
    assert!(offering.take_audio_socket().is_none(), "a socket has one owner");
    let speaking = tokio::spawn(async move {
        for frame in 0..100 {
            speaker.send(&tone(frame)).await.unwrap();
        }
        speaker
    });
    let mut heard = Vec::new();
    while heard.len() < 100 {
        heard.push(listener.receive().await.unwrap().clone());
    }
    speaking.await.unwrap();
    assert!(heard.iter().all(|frame| frame.origin() == FrameOrigin::Media), "nothing is lost on loopback");
    assert!(heard.windows(2).all(|pair| pair[1].first_sample() - pair[0].first_sample() == 320));
    let loud = heard.iter().filter(|frame| frame.samples().iter().any(|sample| *sample > 4000)).count();
    assert!(loud >= 98, "{loud} of 100 frames hold the tone");
    let (sent, received) = (offering.stats(), answering.stats());
    assert_eq!(sent.counters.packets_sent, 100);
    assert_eq!(received.counters.packets_received, 100);
    assert_eq!(received.counters.packets_lost + received.counters.concealed_samples, 0);
    for stage in [Stage::JitterBuffer, Stage::Decode, Stage::RingIn, Stage::AppOut] {
        assert!(received.stage(stage).count() >= 100, "{stage} is in the ledger");
    }
    for stage in [Stage::AppIn, Stage::Encode, Stage::WireOut] {
        assert_eq!(sent.stage(stage).count(), 100, "{stage} is in the ledger");
    }
}

/// As one does that has lost its call without a word: both ends have one port, and the first session is still there.
#[tokio::test(flavor = "multi_thread")]
async fn who_calls_again_from_the_same_port_is_heard_while_the_old_session_lives() {
    let (bot, peer) = (platform(), platform());
    let (first, _first) = connect(&bot, &peer).await;
    let (mut offering, mut answering) = connect(&bot, &peer).await;
    let (mut speaker, mut listener) =
        (answering.take_audio_socket().unwrap(), offering.take_audio_socket().unwrap());
    let speaking = tokio::spawn(async move {
        for frame in 0..50 {
            speaker.send(&tone(frame)).await.unwrap();
        }
        speaker
    });
    for _ in 0..50 {
        listener.receive().await.unwrap();
    }
    speaking.await.unwrap();
    assert_eq!(offering.stats().counters.packets_received, 50);
    assert_eq!(first.state(), MediaState::Connected, "it does not know yet");
}

/// Opus has no 44.1 kHz: the ends of the socket resample, and nobody notices.
#[tokio::test(flavor = "multi_thread")]
async fn a_bot_at_44_100_hz_says_and_hears_what_one_at_16_000_does() {
    let (bot, peer) = (platform(), platform());
    let discs = AudioSocketSettings::default().format(AudioFormat::Pcm44K);
    let mut offering = bot.create_session(&MediaSessionSettings::default().audio(discs)).unwrap();
    let mut answering = peer.answer_session(&MediaSessionSettings::default(), offering.blob()).unwrap();
    offering.accept_answer(answering.blob()).unwrap();
    let (mut one, mut other) =
        (offering.take_audio_socket().unwrap(), answering.take_audio_socket().unwrap());
    let loud = AudioFrame::new(AudioFormat::Pcm44K, bot.now(), &tone_at(44_100.0, 882)).unwrap();
    let mut heard = (Vec::new(), Vec::new());
    for frame in 0..60 {
        one.send(&loud).await.unwrap();
        other.send(&tone(frame)).await.unwrap();
        if frame >= 20 {
            heard.0.push(one.receive().await.unwrap().clone());
            heard.1.push(other.receive().await.unwrap().clone());
        }
    }
    assert!(heard.0.iter().all(|frame| frame.format() == AudioFormat::Pcm44K));
    for pair in heard.0.windows(2) {
        assert_eq!((pair[1].first_sample() - pair[0].first_sample()) % 882, 0);
    }
    for frame in [&heard.0[30], &heard.1[30]] {
        // A tone of 8000 is 15 dB below full scale.
        assert!((13..18).contains(&frame.level().minus_dbov()), "{:?}: {:?}", frame.format(), frame.level());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_dropped_ends_at_both_ends() {
    let (bot, peer) = (platform(), platform());
    let (offering, mut answering) = connect(&bot, &peer).await;
    let mut socket = answering.take_audio_socket().unwrap();
    drop(offering);
    assert_eq!(answering.ended().await, MediaState::Closed);
    assert!(socket.receive().await.is_err());
    assert_eq!(socket.send(&tone(0)).await, Err(SendError::Closed));
    assert_eq!((bot.stats().sessions, peer.stats().sessions), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_can_be_ended_from_elsewhere() {
    let (bot, peer) = (platform(), platform());
    let (mut offering, mut answering) = connect(&bot, &peer).await;
    let (closer, socket) = (offering.closer(), offering.take_audio_socket().unwrap());
    let listening = tokio::spawn(async move {
        let mut socket = socket;
        socket.receive().await.map(|_| ())
    });
    closer.close();
    assert_eq!(listening.await.unwrap(), Err(offhook_media::SocketClosed));
    assert_eq!((offering.ended().await, answering.ended().await), (MediaState::Closed, MediaState::Closed));
    let mut late = bot.create_session(&MediaSessionSettings::default()).unwrap();
    late.closer().close();
    let answer = peer.answer_session(&MediaSessionSettings::default(), late.blob()).unwrap();
    assert!(late.accept_answer(answer.blob()).is_err(), "what was ended does not begin");
    drop(offering);
    closer.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_shuts_down_ends_its_sessions() {
    let (bot, peer) = (platform(), platform());
    let (mut offering, _answering) = connect(&bot, &peer).await;
    bot.shut_down();
    assert_eq!(offering.ended().await, MediaState::Closed);
    assert!(bot.create_session(&MediaSessionSettings::default()).is_ok_and(|mut session| {
        let answering = peer.answer_session(&MediaSessionSettings::default(), session.blob()).unwrap();
        session.accept_answer(answering.blob()).is_err()
    }));
}

#[test]
fn a_thread_of_its_own_can_wait_too() {
    let (bot, peer) = (platform(), platform());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (mut offering, mut answering) = runtime.block_on(connect(&bot, &peer));
    let (_, mut speaker) = offering.take_audio_socket().unwrap().split();
    let (mut listener, _) = answering.take_audio_socket().unwrap().split();
    assert_eq!(listener.receive_blocking(Duration::from_millis(1)), Ok(None), "nothing has been said");
    let speaking = std::thread::spawn(move || {
        for frame in 0..20 {
            speaker.send_blocking(&tone(frame), Duration::from_secs(5)).unwrap();
        }
        speaker
    });
    for _ in 0..20 {
        assert!(listener.receive_blocking(Duration::from_secs(5)).unwrap().is_some());
    }
    let mut speaker = speaking.join().unwrap();
    while speaker.try_send(&tone(0)) != Err(SendError::Full) {}
    assert_eq!(speaker.send_blocking(&tone(0), Duration::ZERO), Err(SendError::TimedOut(Duration::ZERO)),);
    let other = AudioFrame::silent(AudioFormat::Pcm48K, bot.now());
    assert!(matches!(speaker.try_send(&other), Err(SendError::WrongFormat { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_too_slow_loses_its_own_frames_and_sees_the_gap() {
    let (bot, peer) = (platform(), platform());
    let short = AudioSocketSettings::default().receive_queue(Duration::from_millis(100));
    let mut offering = bot.create_session(&MediaSessionSettings::default()).unwrap();
    let mut answering =
        peer.answer_session(&MediaSessionSettings::default().audio(short), offering.blob()).unwrap();
    offering.accept_answer(answering.blob()).unwrap();
    let (mut speaker, mut listener) =
        (offering.take_audio_socket().unwrap(), answering.take_audio_socket().unwrap());
    for frame in 0..50 {
        speaker.send(&tone(frame)).await.unwrap();
    }
    let first = listener.receive().await.unwrap().first_sample();
    let mut last = first;
    let mut step = 320;
    while step == 320 {
        let next = listener.receive().await.unwrap().first_sample();
        (step, last) = (next - last, next);
    }
    assert_eq!(step % 320, 0, "the timeline jumps by whole frames");
    assert!(answering.stats().counters.frames_dropped >= step / 320 - 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_far_end_without_speakers_streams_declines_them_and_the_mix_is_heard() {
    let (bot, peer) = (platform(), platform());
    let asking = MediaSessionSettings::default().audio(AudioSocketSettings::default().unmixed(3));
    let mut offering = bot.create_session(&asking).unwrap();
    assert!(offering.blob().to_string().contains("a=mid:0.3"));
    let mut answering = peer.answer_session(&MediaSessionSettings::default(), offering.blob()).unwrap();
    offering.accept_answer(answering.blob()).unwrap();
    offering.connected().await.unwrap();
    let mut speaker = answering.take_audio_socket().unwrap();
    let mut listener = offering.take_audio_socket().unwrap();
    speaker.send(&tone(0)).await.unwrap();
    listener.receive().await.unwrap();
    let too_many = MediaSessionSettings::default().audio(AudioSocketSettings::default().unmixed(11));
    assert!(bot.create_session(&too_many).is_err());
}
