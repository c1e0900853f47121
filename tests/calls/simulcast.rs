//! One picture in several sizes at once, at a far end of another stack: it tells the layers apart by what their packets say, and asks
//! each for what it lacks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use offhook::media::blob::{MediaBlob, SocketId};
use offhook::media::video::simulcast::{LayerRates, LayerSet, SimulcastLayer};
use offhook::media::video::{BandwidthLimits, BitRate, VideoCodec};
use offhook::media::{
    MediaEvent, MediaEvents, MediaPlatform, MediaPlatformSettings, MediaSession, MediaSessionSettings,
    VideoSendError, VideoSocketSettings,
};
use rtc::interceptor::Packet;
use rtc::rtcp;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::sender_report::SenderReport;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::{NackPair, TransportLayerNack};
use tokio::sync::watch;

use crate::clip::clip;
use crate::far_end::FarEnd;

/// Ends a hang. Far above what the slowest machine needs for anything here.
const LONG: Duration = Duration::from_secs(60);

/// The offer's payload types of H.264 and its retransmissions.
const PICTURES: u8 = 102;
const REPAIRS: u8 = 103;

/// The numbers of the offer: what a packet says of its section, its layer, and the layer that it repairs.
const NAMES: [u8; 3] = [4, 7, 8];
const EXTENSIONS: [&str; 3] = [
    "urn:ietf:params:rtp-hdrext:sdes:mid",
    "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
    "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
];

/// What a packet of video says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SeenPacket {
    names: [Option<String>; 3],
    ssrc: u32,
    sequence_number: u16,
    timestamp: u32,
    payload: Vec<u8>,
}

/// What the far end has of the bot.
#[derive(Clone, Default)]
struct Seen {
    packets: Vec<SeenPacket>,
    /// Sources that have reported.
    reported: BTreeSet<u32>,
}

impl Seen {
    fn take(&mut self, packet: &Packet) {
        match packet {
            Packet::Rtp(packet) if [PICTURES, REPAIRS].contains(&packet.header.payload_type) => {
                let name = |id| {
                    let name = packet.header.get_extension(id)?;
                    Some(String::from_utf8(name.to_vec()).unwrap())
                };
                self.packets.push(SeenPacket {
                    names: NAMES.map(name),
                    ssrc: packet.header.ssrc,
                    sequence_number: packet.header.sequence_number,
                    timestamp: packet.header.timestamp,
                    payload: packet.payload.to_vec(),
                });
            }
            Packet::Rtcp(packets) => {
                let reports =
                    packets.iter().filter_map(|packet| packet.as_any().downcast_ref::<SenderReport>());
                self.reported.extend(reports.map(|report| report.ssrc));
            }
            _ => {}
        }
    }

    /// The packets of a layer, without those that are sent again.
    fn of_layer(&self, layer: usize) -> impl Iterator<Item = &SeenPacket> {
        self.packets.iter().filter(move |packet| packet.names[1] == Some(layer.to_string()))
    }

    fn source(&self, layer: usize) -> Option<u32> {
        self.of_layer(layer).next().map(|packet| packet.ssrc)
    }
}

/// The far end, and what it sees.
struct Viewer {
    far_end: FarEnd,
    seen: watch::Receiver<Seen>,
}

impl Viewer {
    async fn answering(offer: &MediaBlob) -> (Self, MediaBlob) {
        let (sees, seen) = watch::channel(Seen::default());
        let look = move |packet: &_| sees.send_modify(|seen| seen.take(packet));
        let (far_end, answer) = soon(FarEnd::answering(offer, &EXTENSIONS, look)).await;
        (Self { far_end, seen }, answer)
    }

    /// Says it until `is_heard`: what is asked for just after it was sent is on its way.
    async fn ask(&mut self, packet: impl Fn() -> Box<dyn rtcp::Packet>, is_heard: impl Future) {
        let track = soon(self.far_end.track.wait_for(Option::is_some)).await.unwrap().clone().unwrap();
        let asks = async {
            loop {
                track.write_rtcp(vec![packet()]).await.unwrap();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::select! {
            () = asks => unreachable!(),
            _ = soon(is_heard) => {}
        }
    }
}

async fn soon<F: Future>(happens: F) -> F::Output {
    tokio::time::timeout(LONG, happens).await.expect("it happens")
}

/// Trusts the path with all layers from the beginning.
fn settings() -> MediaSessionSettings {
    let most = BitRate::from_kilobits_per_second(20_000);
    let rates = LayerRates { min: BitRate::from_kilobits_per_second(50), max: most };
    let layers = [4, 2, 1].map(|part| SimulcastLayer::new(part, rates));
    let video = VideoSocketSettings::default().codecs([VideoCodec::H264]).simulcast(layers);
    let limits = BandwidthLimits {
        start: BitRate::from_kilobits_per_second(60_000),
        max: BitRate::from_kilobits_per_second(60_000),
        ..BandwidthLimits::default()
    };
    MediaSessionSettings::default().video(video).video_bandwidth(limits)
}

/// What happens to a description on its way.
type Change = fn(String) -> String;

/// A call to a far end, with what is changed in the descriptions on their way.
async fn calling(
    change_offer: Change,
    change_answer: Change,
) -> (MediaPlatform, MediaSession, Viewer, MediaEvents) {
    let changed = |blob: &MediaBlob, change: Change| MediaBlob::parse(&change(blob.to_string())).unwrap();
    let platform = MediaPlatform::start(MediaPlatformSettings::default().workers(1)).unwrap();
    let mut session = platform.create_session(&settings()).unwrap();
    let events = session.take_events().unwrap();
    let (viewer, answer) = Viewer::answering(&changed(session.blob(), change_offer)).await;
    session.accept_answer(&changed(&answer, change_answer)).unwrap();
    session.connected().await.unwrap();
    (platform, session, viewer, events)
}

async fn event<R>(events: &mut MediaEvents, wanted: impl Fn(&MediaEvent) -> Option<R>) -> R {
    loop {
        if let Some(found) = wanted(&soon(events.next()).await.unwrap()) {
            return found;
        }
    }
}

/// Waits until each of these layers may be sent, whatever else is told.
async fn rates(events: &mut MediaEvents, layers: impl IntoIterator<Item = usize>) {
    let mut waiting: BTreeSet<usize> = layers.into_iter().collect();
    while !waiting.is_empty() {
        let on = event(events, |event| match event {
            MediaEvent::VideoTargetRateChanged { layer, rate, .. } if *rate > BitRate::default() => {
                Some(*layer)
            }
            _ => None,
        });
        waiting.remove(&on.await);
    }
}

fn agreed(event: &MediaEvent) -> Option<LayerSet> {
    match event {
        MediaEvent::VideoSendStatusChanged { socket, layers, .. } if *socket == SocketId(1) => Some(*layers),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_far_end_that_takes_three_sizes_tells_them_apart_and_asks_each_for_what_it_lacks() {
    let (platform, mut session, mut viewer, mut events) = calling(|offer| offer, |answer| answer).await;
    let (_, mut shows) = session.take_video_sockets().remove(0).split();
    let all: LayerSet = (0..3).collect();
    assert_eq!(event(&mut events, agreed).await, all);
    assert_eq!(shows.layers(), all);
    rates(&mut events, 0..3).await;
    assert!((0..3).all(|layer| shows.layer_is_on(layer)));
    assert_eq!(
        shows.try_send_layer(3, &[1], platform.now()),
        Err(VideoSendError::NoLayer { layer: 3, layers: 3 })
    );

    let frames = clip(VideoCodec::H264);
    let times =
        |seen: &Seen, layer| seen.of_layer(layer).map(|packet| packet.timestamp).collect::<BTreeSet<_>>();
    // By one clock: else no two layers had a time in common.
    let has_all = |seen: &Seen| {
        let [small, middle, large] = [0, 1, 2].map(|layer| times(seen, layer));
        let whole = small.iter().filter(|time| middle.contains(time) && large.contains(time));
        let reports = |layer| seen.source(layer).is_some_and(|source| seen.reported.contains(&source));
        whole.count() >= 3 && (0..3).all(reports)
    };
    // The far end may not be ready for the first of them.
    let showing = async {
        for frame in frames[..3].iter().cycle() {
            let captured = platform.now();
            for layer in 0..3 {
                shows.send_layer(layer, frame, captured).await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    };
    let seen = tokio::select! {
        () = showing => unreachable!("it shows for ever"),
        seen = soon(viewer.seen.wait_for(has_all)) => seen.unwrap().clone(),
    };
    let sources: BTreeMap<u32, usize> = (0..3).map(|layer| (seen.source(layer).unwrap(), layer)).collect();
    assert_eq!(sources.len(), 3, "each layer has a source of its own");
    for packet in &seen.packets {
        let layer = packet.names[1].as_ref().or(packet.names[2].as_ref());
        assert!(layer.is_some() && packet.names[0].as_deref() == Some("1"), "{:?}", packet.names);
    }

    let source = seen.source(1).unwrap();
    let picture_loss = || -> Box<dyn rtcp::Packet> {
        Box::new(PictureLossIndication { sender_ssrc: 1, media_ssrc: source })
    };
    let needed = event(&mut events, |event| match event {
        MediaEvent::KeyFrameNeeded { layer, .. } => {
            assert_eq!(*layer, 1, "the others were not asked");
            Some(())
        }
        _ => None,
    });
    viewer.ask(picture_loss, needed).await;
    assert_eq!([0, 1, 2].map(|layer| shows.take_layer_key_frame_needed(layer)), [false, true, false]);

    // Of what was sent long ago nothing is kept: so it lacks the latest, whatever that is.
    let clock = platform.clone();
    let showing = tokio::spawn(async move {
        for frame in frames[25..].iter().cycle() {
            shows.send_layer(2, frame, clock.now()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    });
    let (mut looks, latest) = (viewer.seen.clone(), viewer.seen.clone());
    let nack = || -> Box<dyn rtcp::Packet> {
        let seen = latest.borrow();
        let lost = seen.of_layer(2).last().unwrap();
        let nacks = vec![NackPair { packet_id: lost.sequence_number, lost_packets: 0 }];
        Box::new(TransportLayerNack { sender_ssrc: 1, media_ssrc: lost.ssrc, nacks })
    };
    let repaired = |seen: &Seen, again: &SeenPacket| {
        let (number, payload) = again.payload.split_at_checked(2)?;
        let is_it =
            |lost: &&SeenPacket| lost.sequence_number.to_be_bytes() == number && lost.payload == payload;
        let layer = again.names[2].as_ref()?.parse().unwrap();
        seen.of_layer(layer).find(is_it).map(|lost| (layer, lost.timestamp == again.timestamp))
    };
    let has_again = |seen: &Seen| seen.packets.iter().any(|again| repaired(seen, again).is_some());
    viewer.ask(nack, looks.wait_for(has_again)).await;
    showing.abort();
    let seen = viewer.seen.borrow().clone();
    for again in seen.packets.iter().filter(|packet| packet.names[2].is_some()) {
        assert_eq!(repaired(&seen, again), Some((2, true)));
        assert!(!sources.contains_key(&again.ssrc), "a stream of its own");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_far_end_that_takes_some_sizes_or_none_is_sent_those_or_the_largest() {
    // One that has paused a size, and one that knows nothing of sizes.
    let pause = |answer: String| {
        assert!(answer.contains("a=simulcast:recv 0;1;2"), "{answer}");
        answer.replace("a=simulcast:recv 0;1;2", "a=simulcast:recv 0;~1;2")
    };
    let forget = |offer: String| {
        let lines =
            offer.split("\\r\\n").filter(|line| !["a=rid", "a=sim"].iter().any(|of| line.starts_with(of)));
        lines.collect::<Vec<_>>().join("\\r\\n")
    };
    let changes: [(Change, Change, &[usize]); 2] =
        [(|offer| offer, pause, &[0, 2]), (forget, |answer| answer, &[2])];
    for (change_offer, change_answer, expected) in changes {
        let (platform, mut session, mut viewer, mut events) = calling(change_offer, change_answer).await;
        let (_, mut shows) = session.take_video_sockets().remove(0).split();
        let layers: LayerSet = expected.iter().copied().collect();
        assert_eq!(event(&mut events, agreed).await, layers);
        rates(&mut events, layers.iter()).await;
        assert_eq!(
            [0, 1, 2].map(|layer| shows.layer_is_on(layer)),
            [0, 1, 2].map(|layer| layers.contains(layer))
        );
        let key = &clip(VideoCodec::H264)[0];
        for layer in [1, 0, 2] {
            shows.send_layer(layer, key, platform.now()).await.unwrap();
        }
        // The last is of the largest, which always is sent.
        let last =
            soon(viewer.seen.wait_for(|seen| !seen.packets.is_empty())).await.unwrap().packets[0].clone();
        if layers.len() == 1 {
            assert_eq!(last.names, [None, None, None], "there is nothing to tell apart");
        } else {
            let is_named = |seen: &Seen| layers.iter().all(|layer| seen.of_layer(layer).next().is_some());
            soon(viewer.seen.wait_for(is_named)).await.unwrap();
            assert!(viewer.seen.borrow().of_layer(1).next().is_none(), "what is paused is not sent");
        }
        let withheld = session.stats().counters.video_frames_withheld;
        assert_eq!(withheld, 3 - layers.len() as u64);
        // Who does not name a layer sends the largest.
        shows.send(key, platform.now()).await.unwrap();
    }
}
