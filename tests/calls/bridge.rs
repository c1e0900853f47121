//! Pictures of one bot at another, through a meeting of the emulator: in which size they are passed on, and what becomes of them where
//! packets get lost.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use offhook::emulator::{EmulatorSettings, FarEndScript, LinkSettings, Meeting, User};
use offhook::media::blob::MediaDirection;
use offhook::media::film::{FilmPart, FilmReader};
use offhook::media::video::simulcast::{LayerRates, SimulcastLayer};
use offhook::media::video::{BandwidthLimits, BitRate, VideoCodec, VideoSize};
use offhook::media::{
    MediaClock, MediaEvent, MediaEvents, MediaSourceId, VideoResolution, VideoSocketReceiver,
    VideoSocketSender, VideoSocketSettings,
};
use offhook::prelude::*;
use offhook::signaling::model::JoinMeetingIdMeetingInfo;
use tokio::time::{MissedTickBehavior, interval};

use crate::clip::{clip, frames};

/// Ends a hang. Far above what the slowest machine needs for anything here.
const LONG: Duration = Duration::from_secs(60);

const MEETING: &str = "5550002";
const PASSCODE: &str = "psw123";

/// Encoded pictures of one size, that are shown over and over.
struct Clip {
    size: VideoSize,
    frames: Vec<Vec<u8>>,
    /// For each, whether it is a key frame. The first is.
    keys: Vec<bool>,
}

impl Clip {
    /// One of which each 25th frame is a key frame.
    fn new(width: u16, frames: Vec<Vec<u8>>) -> Self {
        let keys = (0..frames.len()).map(|place| place % 25 == 0).collect();
        Self { size: sized(width), frames, keys }
    }

    /// A film of 160 by 90.
    fn small(codec: VideoCodec) -> Self {
        let name = if codec == VideoCodec::H264 { "baseline.mp4" } else { "vp8.webm" };
        let path = format!("{}/crates/media/tests/fixtures/video/{name}", env!("CARGO_MANIFEST_DIR"));
        let mut film = FilmReader::open(File::open(path).unwrap(), None).unwrap();
        let (mut frames, mut keys) = (Vec::new(), Vec::new());
        while let Some(part) = film.next_part().unwrap() {
            if let FilmPart::Picture(picture) = part {
                keys.push(picture.is_key);
                frames.push(picture.data);
            }
        }
        Self { size: sized(160), frames, keys }
    }

    /// The pattern of 640 by 360.
    fn large(codec: VideoCodec) -> Self {
        let file: &[u8] = match codec {
            VideoCodec::H264 => include_bytes!("../../assets/pattern.h264"),
            _ => include_bytes!("../../assets/pattern.ivf"),
        };
        Self::new(640, frames(codec, file))
    }

    /// The same picture in three sizes, the smallest first.
    fn in_three_sizes(codec: VideoCodec) -> [Self; 3] {
        [Self::small(codec), Self::new(320, clip(codec)), Self::large(codec)]
    }

    /// The key frame at `place` or behind it.
    fn key_from(&self, place: usize) -> usize {
        (place..self.keys.len()).find(|place| self.keys[*place]).unwrap_or_default()
    }
}

fn sized(width: u16) -> VideoSize {
    VideoSize { width, height: width / 16 * 9 }
}

/// Somebody who shows, and another bot that sees it.
struct Scene {
    emulator: Emulator,
    shows: BotCall,
    sees: BotCall,
}

impl Scene {
    async fn new(shows: VideoSocketSettings) -> Self {
        let emulator = Emulator::start(EmulatorSettings::default()).await.unwrap();
        let ada = User::new("Ada", FarEndScript::new());
        emulator.add_meeting(MEETING, Meeting::empty().participant("ada", ada).passcode(PASSCODE));
        let bot = Bot::in_emulator(&emulator).start().await.unwrap();
        // Trusts the path with all that is shown from the beginning.
        let most = BitRate::from_kilobits_per_second(20_000);
        let limits = BandwidthLimits { start: most, max: most, ..BandwidthLimits::default() };
        let join = async |video| {
            let media = MediaSessionSettings::default().video(video).video_bandwidth(limits);
            let meeting = JoinMeetingIdMeetingInfo::with_passcode(MEETING, PASSCODE);
            let mut call =
                bot.call(NewCall::join_meeting(meeting, emulator.tenant_id()), &media).await.unwrap();
            call.established().await.unwrap();
            call
        };
        let (shows, sees) = (
            join(shows).await,
            join(VideoSocketSettings::default().direction(MediaDirection::ReceiveOnly)).await,
        );
        Self { emulator, shows, sees }
    }

    /// What goes between the meeting and either of them gets lost to this share.
    fn loses(&self, share: f64) {
        let mut lossy = LinkSettings::default();
        lossy.loss = share;
        for call in [&self.shows, &self.sees] {
            self.emulator.set_member_link(MEETING, call.id().as_str(), Some(lossy)).unwrap();
        }
    }

    /// What the one sees of the `clips` that the other shows until the call is over. `asked` counts the key frames that are needed.
    fn watch<const LAYERS: usize>(&mut self, clips: [Clip; LAYERS], asked: &Arc<AtomicU64>) -> Watch {
        let (_, socket) = self.shows.take_video_sockets().remove(0).split();
        let clips = Arc::new(Vec::from(clips));
        tokio::spawn(show(socket, Arc::clone(&clips), self.shows.media().clock(), Arc::clone(asked)));
        let (socket, _) = self.sees.take_video_sockets().remove(0).split();
        Watch { socket, clips, last: None }
    }
}

/// Shows each clip in its layer, and of one that needs it the next key frame.
async fn show(
    mut socket: VideoSocketSender,
    clips: Arc<Vec<Clip>>,
    clock: impl MediaClock,
    asked: Arc<AtomicU64>,
) {
    let mut places = vec![0; clips.len()];
    let mut pace = interval(Duration::from_millis(40));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        pace.tick().await;
        let captured = clock.now();
        for (layer, (clip, place)) in clips.iter().zip(&mut places).enumerate() {
            if socket.take_layer_key_frame_needed(layer) {
                asked.fetch_add(1, Relaxed);
                *place = clip.key_from(*place);
            }
            if socket.send_layer(layer, &clip.frames[*place], captured).await.is_err() {
                return;
            }
            *place = (*place + 1) % clip.frames.len();
        }
    }
}

/// What is seen of clips.
struct Watch {
    socket: VideoSocketReceiver,
    clips: Arc<Vec<Clip>>,
    /// Of which clip the last frame was, and which of it.
    last: Option<(usize, usize)>,
}

impl Watch {
    /// Sees a frame, which is as it was sent, and could be decoded behind the last. Gives its layer, and whether it is a key frame.
    async fn next(&mut self) -> (usize, bool) {
        let frame = self.socket.receive().await.unwrap();
        // Frames differ, so that each is known by its bytes.
        let mut layers = self.clips.iter().enumerate();
        let (layer, place) = layers
            .find_map(|(layer, clip)| {
                Some((layer, clip.frames.iter().position(|sent| sent == frame.data())?))
            })
            .expect("it is whole");
        let clip = &self.clips[layer];
        assert_eq!((frame.is_key(), frame.size()), (clip.keys[place], Some(clip.size)));
        let follows = place > 0 && self.last == Some((layer, place - 1));
        assert!(frame.is_key() || follows, "{place} of layer {layer} behind {:?}", self.last);
        self.last = Some((layer, place));
        (layer, frame.is_key())
    }

    /// Waits until that layer is seen, and sees some frames of it. Another goes on until then.
    async fn sees(&mut self, layer: usize) {
        let seeing = async {
            while self.next().await.0 != layer {}
            for _ in 0..10 {
                assert_eq!(self.next().await.0, layer);
            }
        };
        let seen = tokio::time::timeout(LONG, seeing).await;
        assert!(seen.is_ok(), "layer {layer} is not seen, but {:?}", self.last);
    }
}

async fn event<R>(events: &mut MediaEvents, wanted: impl Fn(&MediaEvent) -> Option<R>) -> R {
    let found = async {
        loop {
            if let Some(found) = wanted(&events.next().await.unwrap()) {
                return found;
            }
        }
    };
    tokio::time::timeout(LONG, found).await.expect("it happens")
}

/// Waits until somebody's camera can be seen.
async fn camera(events: &mut MediaEvents) -> MediaSourceId {
    let one = |event: &MediaEvent| match event {
        MediaEvent::VideoSourcesChanged { video, .. } => video.first().copied(),
        _ => None,
    };
    event(events, one).await
}

/// Sends a picture in three sizes, at whatever rate: little is enough for each of them to be on.
fn in_three_sizes(codec: VideoCodec) -> VideoSocketSettings {
    let [min, max] = [10, 100].map(BitRate::from_kilobits_per_second);
    let layers = [4, 2, 1].map(|part| SimulcastLayer::new(part, LayerRates { min, max }));
    VideoSocketSettings::default().codecs([codec]).simulcast(layers)
}

/// A scene in which the largest of three sizes is seen, and whose that is.
async fn seen_in_three_sizes(codec: VideoCodec) -> (Scene, Watch, MediaSourceId) {
    let mut scene = Scene::new(in_three_sizes(codec)).await;
    let mut events = scene.sees.take_media_events().unwrap();
    let mut watch = scene.watch(Clip::in_three_sizes(codec), &Arc::default());
    // Whoever asks for no size sees the largest.
    watch.sees(2).await;
    let source = camera(&mut events).await;
    (scene, watch, source)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_is_passed_on_the_size_that_it_asks_for_of_those_that_another_sends() {
    for codec in [VideoCodec::H264, VideoCodec::Vp8] {
        let (scene, mut watch, source) = seen_in_three_sizes(codec).await;
        for (resolution, layer) in [
            (VideoResolution::Sd180p, 1),
            (VideoResolution::Sd360p, 2),
            (VideoResolution::Sd240p, 1),
            (VideoResolution::Hd1080p, 2),
        ] {
            watch.socket.subscribe(resolution, source).unwrap();
            watch.sees(layer).await;
        }
        // Less than any layer has: the smallest is always shown.
        let limit = |rate| scene.sees.media().set_receive_bandwidth_limit(rate).unwrap();
        limit(BitRate::from_kilobits_per_second(1));
        watch.sees(0).await;
        limit(BitRate::default());
        watch.sees(2).await;
        scene.shows.hang_up().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_size_that_another_takes_the_place_of_is_whole_through_loss() {
    for codec in [VideoCodec::H264, VideoCodec::Vp8] {
        let (scene, mut watch, source) = seen_in_three_sizes(codec).await;
        scene.loses(0.05);
        // The parameter sets of the key frame with which a size begins are lost now and then.
        for _ in 0..8 {
            for (resolution, layer) in [(VideoResolution::Sd180p, 1), (VideoResolution::Sd360p, 2)] {
                watch.socket.subscribe(resolution, source).unwrap();
                watch.sees(layer).await;
            }
        }
        scene.shows.hang_up().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_meeting_loses_between_two_bots_is_sent_once_more() {
    for codec in [VideoCodec::H264, VideoCodec::Vp8] {
        let mut scene = Scene::new(VideoSocketSettings::default().codecs([codec])).await;
        let asked = Arc::new(AtomicU64::new(0));
        let mut watch = scene.watch([Clip::large(codec)], &asked);
        watch.sees(0).await;
        scene.loses(0.05);
        let before = asked.load(Relaxed);
        let seeing = async {
            for _ in 0..250 {
                watch.next().await;
            }
        };
        let seen = tokio::time::timeout(LONG, seeing).await;
        let needed = asked.load(Relaxed) - before;
        let [shows, sees] = [&scene.shows, &scene.sees].map(|call| call.media_stats().counters);
        assert!(seen.is_ok(), "{codec}: {shows:?} {sees:?}");
        // From the one bot to the meeting, and from there to the other.
        let repaired = [shows.video_retransmitted_packets_sent, sees.video_retransmitted_packets_received];
        assert!(
            repaired.into_iter().all(|packets| packets > 2 * needed),
            "{codec}: {repaired:?} packets, {needed} key frames"
        );
        scene.shows.hang_up().await.unwrap();
    }
}
