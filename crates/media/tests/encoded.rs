//! Opus packets through a session without a codec, over real UDP, ICE and DTLS-SRTP on loopback.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use offhook_media::{
    AudioSocketSettings, MediaError, MediaPlatform, MediaPlatformSettings, MediaSession,
    MediaSessionSettings, MediaSourceId, SendError, SocketClosed, Sound, Stage,
};

/// An Opus packet of SILK wideband, 20 ms (RFC 6716 table 2), whose bytes nobody looks at but a decoder.
const SILK: &[u8] = &[9 << 3, 1, 2, 3, 4];

/// Sets up both ends with these settings.
async fn connect(settings: [AudioSocketSettings; 2]) -> (MediaPlatform, [MediaSession; 2]) {
    let platform = || MediaPlatform::start(MediaPlatformSettings::default().workers(1)).unwrap();
    let (bot, peer) = (platform(), platform());
    let [one, two] = settings.map(|audio| MediaSessionSettings::default().audio(audio));
    let mut offering = bot.create_session(&one).unwrap();
    let mut answering = peer.answer_session(&two, offering.blob()).unwrap();
    offering.accept_answer(answering.blob()).unwrap();
    offering.connected().await.unwrap();
    answering.connected().await.unwrap();
    (bot, [offering, answering])
}

#[tokio::test(flavor = "multi_thread")]
async fn packets_pass_as_they_are_and_come_back_as_they_went() {
    let encoded = || AudioSocketSettings::default().encoded(true);
    let (_bot, [mut offering, mut answering]) = connect([encoded(), encoded()]).await;
    assert!(offering.take_audio_socket().is_none(), "there is one socket or the other");
    let near = offering.take_encoded_audio_socket().unwrap();
    let mut far = answering.take_encoded_audio_socket().unwrap();
    let echo = tokio::spawn(async move {
        for _ in 0..50 {
            let payload = far.receive().await.unwrap().payload().to_vec();
            far.send(&payload, None).await.unwrap();
        }
        far
    });
    // SILK wideband, 20 ms: the first byte says so, and nobody looks at the others.
    let packets: Vec<Vec<u8>> = (0..50).map(|number| vec![9 << 3, number, 1, 2, 3]).collect();
    let (mut listener, mut speaker) = near.split();
    let speaking = tokio::spawn(async move {
        for packet in &packets {
            speaker.send(packet, None).await.unwrap();
        }
        assert_eq!(speaker.try_send(&[0b0100_1011, 48], None), Err(SendError::NotOpus { len: 2 }));
    });
    for number in 0..50 {
        let frame = listener.receive().await.unwrap();
        assert_eq!(frame.payload(), [9 << 3, number, 1, 2, 3]);
    }
    speaking.await.unwrap();
    let far = echo.await.unwrap();
    let stats = offering.stats();
    assert_eq!((stats.counters.packets_sent, stats.counters.packets_received), (50, 50));
    assert_eq!(stats.stage(Stage::Decode).count() + stats.stage(Stage::Encode).count(), 0, "no codec ran");
    drop(answering);
    assert_eq!(listener.receive().await.err(), Some(SocketClosed));
    drop(far);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_in_packets_is_heard_as_sound_by_one_that_decodes() {
    let settings = [AudioSocketSettings::default(), AudioSocketSettings::default().encoded(true)];
    let (_bot, [mut decoding, mut forwarding]) = connect(settings).await;
    let speech =
        std::fs::File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/speech.wav")).unwrap();
    let mut speech = Sound::read_wav(speech).unwrap().frames(offhook_media::AudioFormat::Pcm16K).unwrap();
    speech.truncate(100);
    let (mut listener, mut speaker) = decoding.take_audio_socket().unwrap().split();
    let mut forwarder = forwarding.take_encoded_audio_socket().unwrap();
    // The far end sends back what it hears, so that one side encodes and decodes and the other does neither.
    let forward = tokio::spawn(async move {
        while let Ok(frame) = forwarder.receive().await {
            let (payload, level) = (frame.payload().to_vec(), frame.level());
            if forwarder.send(&payload, level).await.is_err() {
                return;
            }
        }
    });
    let speaking = tokio::spawn(async move {
        for frame in &speech {
            speaker.send(frame).await.unwrap();
        }
        speaker
    });
    let mut loudest = 0;
    for _ in 0..100 {
        let frame = listener.receive().await.unwrap();
        loudest = loudest.max(frame.samples().iter().map(|sample| sample.unsigned_abs()).max().unwrap());
    }
    assert!(loudest > 2000, "speech came back at {loudest}");
    speaking.await.unwrap();
    drop(decoding);
    forward.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn speakers_on_sections_of_their_own_reach_one_that_decodes_and_one_that_does_not() {
    for decodes in [true, false] {
        let hears = AudioSocketSettings::default().unmixed(3).encoded(!decodes);
        let sends = AudioSocketSettings::default().encoded(true).sends_unmixed(2);
        let (_bot, [mut near, mut far]) = connect([hears, sends]).await;
        let mut mixer = far.take_encoded_audio_socket().unwrap();
        let speakers = mixer.take_speakers();
        assert_eq!((speakers.len(), mixer.take_speakers().len()), (2, 0), "once, and no more than are sent");
        let speaking: Vec<_> = (31..)
            .zip(speakers)
            .map(|(source, mut speaker)| {
                speaker.set_speakers([MediaSourceId(source)]);
                tokio::spawn(async move {
                    for _ in 0..40 {
                        speaker.send(SILK, None).await.unwrap();
                    }
                })
            })
            .collect();
        let mut heard = [0; 2];
        if decodes {
            let (mut listener, _) = near.take_audio_socket().unwrap().split();
            while heard.iter().any(|frames| *frames < 20) {
                for speaker in listener.receive().await.unwrap().unmixed() {
                    heard[speaker.source().0 as usize - 31] += 1;
                }
            }
        } else {
            let (mut listener, _) = near.take_encoded_audio_socket().unwrap().split();
            while heard.iter().any(|packets| *packets < 20) {
                let packet = listener.receive().await.unwrap();
                assert_eq!(packet.source(), Some(MediaSourceId(30 + packet.section() as u32)));
                heard[packet.section() - 1] += 1;
            }
        }
        for speaking in speaking {
            speaking.await.unwrap();
        }
    }
}

#[test]
fn who_has_no_packets_to_send_cannot_send_speakers_packets() {
    let platform = MediaPlatform::start(MediaPlatformSettings::default().workers(1)).unwrap();
    for audio in [
        AudioSocketSettings::default().sends_unmixed(1),
        AudioSocketSettings::default().encoded(true).sends_unmixed(11),
    ] {
        let refused = platform.create_session(&MediaSessionSettings::default().audio(audio)).err().unwrap();
        assert!(matches!(refused, MediaError::InvalidSetting { setting: "sends_unmixed", .. }), "{refused}");
    }
}
