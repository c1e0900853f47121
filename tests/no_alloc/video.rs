//! Pictures over UDP, there and back.

#[path = "../../crates/media/tests/support/clip.rs"]
mod clip;

use std::sync::Arc;
use std::thread::Builder;
use std::time::Duration;

use clip::clip;
use offhook_media::blob::MediaBlob;
use offhook_media::video::simulcast::{LayerRates, SimulcastLayer};
use offhook_media::video::{BandwidthLimits, VideoCodec};
use offhook_media::{MediaSessionSettings, VideoSocketSettings};

use crate::counting::take_turn;
use crate::whole_path::{Progress, Running, count, platform, reads_tap};

/// Between two pictures. What was sent is kept for a second, and the warm-up has to be longer.
const PACE: Duration = Duration::from_millis(15);

/// How often a thread that sees nothing looks whether the call goes on.
const LOOK: Duration = Duration::from_millis(100);

/// The answer as of one that takes the middle one of three layers, by its name.
fn taking_the_middle(answer: &MediaBlob) -> MediaBlob {
    let lines = "a=mid:1\\r\\na=extmap:7 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\\r\\n\
        a=extmap:8 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\\r\\na=rid:1 recv\\r\\na=simulcast:recv 1\\r\\n";
    MediaBlob::parse(&answer.to_string().replace("a=mid:1\\r\\n", lines)).unwrap()
}

#[test]
fn pictures_that_are_shown_and_sent_back_allocate_nothing() {
    let turn = take_turn();
    for (codec, is_layered) in [(VideoCodec::H264, false), (VideoCodec::Vp8, false), (VideoCodec::H264, true)]
    {
        let (one, other) = (platform(), platform());
        let plain = VideoSocketSettings::default().codecs([codec]).receive_queue(3);
        let BandwidthLimits { min, max, .. } = BandwidthLimits::default();
        let layers = [4, 2, 1].map(|part| SimulcastLayer::new(part, LayerRates { min, max }));
        let video = if is_layered { plain.clone().simulcast(layers) } else { plain.clone() };
        let settings = |video| MediaSessionSettings::default().video(video).tapped(true);
        let mut offering = one.create_session(&settings(video)).unwrap();
        let mut answering = other.answer_session(&settings(plain), offering.blob()).unwrap();
        let answer = if is_layered { &taking_the_middle(answering.blob()) } else { answering.blob() };
        offering.accept_answer(answer).unwrap();
        let (mut sees, mut shows) = offering.take_video_sockets().remove(0).split();
        let (mut hears, mut echoes) = answering.take_video_sockets().remove(0).split();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            offering.connected().await.unwrap();
            answering.connected().await.unwrap();
        });
        let progress = Progress::of(2);
        let running = || Running(Arc::clone(&progress));
        let (showing, seeing, echoing) = (running(), running(), running());
        let frames = clip(codec);
        let thread = |name: &str, work: Box<dyn FnOnce() + Send>| {
            Builder::new().name(name.to_owned()).spawn(work).unwrap()
        };
        let shown = thread(
            "app-shows",
            Box::new(move || {
                for frame in frames.iter().cycle().take_while(|_| showing.0.goes_on()) {
                    // A worker that is late is waited for by the next one. Without a name it is of the layer that is taken.
                    let _ = shows.try_send(frame, one.now());
                    if is_layered {
                        let _ = shows.try_send_layer(2, frame, one.now());
                    }
                    std::thread::sleep(PACE);
                }
            }),
        );
        let seen = thread(
            "app-sees",
            Box::new(move || {
                while seeing.0.goes_on() {
                    if sees.receive_blocking(LOOK).unwrap().is_some() {
                        seeing.0.hear(0);
                    }
                }
            }),
        );
        let echo = thread(
            "app-echoes",
            Box::new(move || {
                while echoing.0.goes_on() {
                    let Some(frame) = hears.receive_blocking(LOOK).unwrap() else { continue };
                    let _ = echoes.try_send(frame.data(), frame.last_arrival());
                    echoing.0.hear(1);
                }
            }),
        );
        let taps = [&mut offering, &mut answering].map(|session| reads_tap(session, &progress));
        let counted = count(&turn, &progress, || {
            let counters = [&offering, &answering].map(|session| session.stats().counters);
            let sum = |of: fn(&offhook_media::SessionCounters) -> u64| counters.iter().map(of).sum();
            (sum(|counters| counters.video_packets_sent), sum(|counters| counters.video_packets_received))
        });
        [shown, seen, echo].into_iter().chain(taps).for_each(|thread| thread.join().unwrap());
        counted.assert_none_is_ours();
    }
}
