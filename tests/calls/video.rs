//! Pictures over a lossy network, between two engines.

use std::time::Duration;

use offhook::emulator::link::{Impairment, Link, Loss, UdpRelay};
use offhook::media::blob::MediaBlob;
use offhook::media::video::VideoCodec;
use offhook::media::{
    MediaEvent, MediaPlatform, MediaPlatformSettings, MediaSession, MediaSessionSettings, RtpTime,
    VideoSocketSettings,
};
use tokio::time::{MissedTickBehavior, interval};

use crate::clip::clip;

/// Frames between two key frames of the clip.
const KEY_EVERY: usize = 25;

fn platform() -> MediaPlatform {
    MediaPlatform::start(MediaPlatformSettings::default().workers(1)).unwrap()
}

/// The blob with another port in its candidate.
fn at_port(blob: &MediaBlob, from: u16, to: u16) -> MediaBlob {
    let (text, candidate) = (blob.to_string(), format!("127.0.0.1 {from} typ host"));
    assert!(text.contains(&candidate), "{text}");
    MediaBlob::parse(&text.replace(&candidate, &format!("127.0.0.1 {to} typ host"))).unwrap()
}

/// One that offers and shows, and one that answers and sees, with a network between them that loses packets of RTP.
async fn over(link: Link, codec: VideoCodec) -> (MediaSession, MediaSession, UdpRelay, [MediaPlatform; 2]) {
    let (bot, peer) = (platform(), platform());
    let [sender, receiver] = [&bot, &peer].map(|platform| platform.media_addresses()[0]);
    let relay = UdpRelay::in_front_of(sender, Impairment::Link(link)).unwrap();
    let settings = MediaSessionSettings::default().video(VideoSocketSettings::default().codecs([codec]));
    let mut offering = bot.create_session(&settings).unwrap();
    let offer = at_port(offering.blob(), sender.port(), relay.address().port());
    let mut answering = peer.answer_session(&settings, &offer).unwrap();
    // Without the receiver's address, the only way to it is back through the relay.
    offering.accept_answer(&at_port(answering.blob(), receiver.port(), 9)).unwrap();
    offering.connected().await.unwrap();
    answering.connected().await.unwrap();
    (offering, answering, relay, [bot, peer])
}

#[tokio::test(flavor = "multi_thread")]
async fn every_picture_that_arrives_over_a_lossy_network_can_be_decoded_and_it_comes_back() {
    for codec in [VideoCodec::H264, VideoCodec::Vp8] {
        let lossy = Link::seeded(5).delay(Duration::from_millis(20)).loss(Loss::random(0.1));
        let (mut offering, mut answering, relay, [bot, _peer]) = over(lossy, codec).await;
        let mut events = offering.take_events().unwrap();
        let mut shows = offering.take_video_sockets().remove(0);
        let mut sees = answering.take_video_sockets().remove(0);
        let frames = clip(codec);
        let showing = tokio::spawn(async move {
            let (mut at, mut sent) = (0_usize, Vec::new());
            let mut pace = interval(Duration::from_millis(40));
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            for _ in 0..250 {
                pace.tick().await;
                while let Some(event) = events.try_next() {
                    if matches!(event, MediaEvent::KeyFrameNeeded { .. }) {
                        at = at.next_multiple_of(KEY_EVERY);
                    }
                }
                let frame = &frames[at % frames.len()];
                shows.send(frame, bot.now()).await.unwrap();
                sent.push((at, frame.clone()));
                at += 1;
            }
            (shows, sent)
        });
        let mut seen: Vec<(RtpTime, bool, Vec<u8>)> = Vec::new();
        while let Ok(Ok(frame)) = tokio::time::timeout(Duration::from_secs(2), sees.receive()).await {
            seen.push((frame.sender_time(), frame.is_key(), frame.data().to_vec()));
        }
        let (_shows, sent) = showing.await.unwrap();
        // Frames of the clip differ, so that each is known by its bytes.
        let mut next = 0;
        let mut places = Vec::new();
        for (_, is_key, data) in &seen {
            let place = next + sent[next..].iter().position(|(_, sent)| sent == data).expect("it was sent");
            let follows =
                place > 0 && places.last() == Some(&(place - 1)) && sent[place].0 == sent[place - 1].0 + 1;
            assert!(*is_key || follows, "{codec:?}: frame {place} without what it refers to");
            places.push(place);
            next = place + 1;
        }
        assert!(seen.windows(2).all(|pair| pair[1].0.since(pair[0].0) > 0), "in order");
        let (counters, lost) = (answering.stats().counters, relay.counters().lost);
        assert!(lost > 20, "{lost}");
        assert!(
            seen.len() * 100 >= sent.len() * 90,
            "{codec:?}: {} of {}: {counters:?}",
            seen.len(),
            sent.len()
        );
        assert!(places.last().is_some_and(|last| *last >= 240), "{places:?}");
        assert!(counters.video_nack_count > 0 && counters.video_retransmitted_packets_received > 0);
    }
}
