//! What viewers see of a feed that comes in several sizes.

use bytes::Bytes;
use rtc::rtp::header::Header;
use tokio::sync::mpsc::{Receiver, channel};

use super::*;
use crate::bridge::offer::sections;

const WIDTHS: [u16; 3] = [320, 640, 1_280];

fn at(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn size(width: u16) -> VideoSize {
    VideoSize { width, height: width / 16 * 9 }
}

fn camera() -> Feed {
    Feed::new("ada", false)
}

fn key(layer: usize) -> KeyFrame {
    KeyFrame { feed: camera(), layer }
}

/// Ada's camera in three sizes: streams with numbers of their own, of which each frame is one packet.
struct Scene {
    videos: Videos,
    bot: Receiver<Outgoing>,
    /// The next number of each layer.
    numbers: [u16; 3],
    now: u64,
    /// Bytes in a packet of each layer.
    lens: [usize; 3],
    /// What was asked for since the last look.
    asked: Vec<KeyFrame>,
}

impl Scene {
    fn new(slots: u32) -> Self {
        let numbers = Numbers::of(&sections("m=video 9 X\na=rtpmap:96 VP8/90000\n")[0]);
        let slots = (0..slots)
            .map(|place| Slot::new(&format!("v{place}"), numbers.clone(), 70 + place, Choice::Source(9)));
        let (outbox, bot) = channel(10_000);
        let mut videos = Videos::default();
        videos.watch(at(0), "bot", slots.collect(), outbox);
        let (numbers, lens) = ([100, 20_000, 65_530], [11; 3]);
        Self { videos, bot, numbers, now: 0, lens, asked: Vec::new() }
    }

    /// A frame of a layer.
    fn frame(&mut self, layer: usize, is_key: bool) {
        let number = self.numbers[layer];
        self.numbers[layer] = number.wrapping_add(1);
        self.packet(layer, number, is_key);
    }

    fn packet(&mut self, layer: usize, number: u16, is_key: bool) {
        let VideoSize { width, height } = size(WIDTHS[layer]);
        let mut payload = vec![0x10, u8::from(!is_key), 0, 0, 0x9d, 0x01, 0x2a];
        payload.extend([width.to_le_bytes(), height.to_le_bytes()].concat());
        payload.resize(self.lens[layer].max(11), layer as u8);
        let header = Header {
            sequence_number: number,
            timestamp: 1_000_000 * (layer as u32 + 1) + self.now as u32 * 90,
            marker: true,
            ..Header::default()
        };
        let packet = Packet { header, payload: Bytes::from(payload) };
        let arrival = Arrival::of(&Codec::Vp8, layer, &packet);
        if !self.videos.has(&camera()) {
            self.videos.begin(at(self.now), &camera(), MediaSourceId(9), arrival);
        }
        let asked = self.videos.show(at(self.now), &camera(), arrival);
        self.asked.extend(asked);
    }

    /// Time passes in which these layers send 25 frames a second; a key frame once one was asked for.
    fn pass(&mut self, milliseconds: u64, layers: &[usize]) {
        let end = self.now + milliseconds;
        while self.now < end {
            self.now += 40;
            let due: Vec<KeyFrame> = std::mem::take(&mut self.asked);
            for layer in layers {
                self.frame(*layer, due.contains(&key(*layer)));
            }
            if self.now.is_multiple_of(200) {
                let missed = self.videos.missed(at(self.now));
                self.asked.extend(missed);
            }
        }
    }

    /// Wants this size in the first slot.
    fn subscribe(&mut self, at_most: Option<VideoSize>) {
        let asked = self.videos.choose(at(self.now), "bot", "v0", (Choice::Source(9), at_most)).unwrap();
        self.asked.extend(asked);
    }

    fn limit(&mut self, kilobits: u64) {
        let asked = self.videos.limit(at(self.now), "bot", Some(kilobits * 1_000));
        self.asked.extend(asked);
    }

    /// What each slot has been given since the last look: whether a key frame begins with it, and the width of its layer.
    fn seen(&mut self) -> Vec<(usize, Packet)> {
        let mut seen = Vec::new();
        while let Ok(Outgoing::Video { slot, packet }) = self.bot.try_recv() {
            seen.push((slot, *packet));
        }
        seen
    }

    /// The layers that the first slot was shown, without repetition.
    fn layers(&mut self) -> Vec<u8> {
        let seen = self.seen();
        let of_first = seen.iter().filter(|(slot, _)| *slot == 0);
        let mut layers: Vec<u8> = of_first.map(|(_, packet)| layer_of(packet)).collect();
        layers.dedup();
        layers
    }
}

/// By the width that stands in each frame here, key frame or not.
fn layer_of(packet: &Packet) -> u8 {
    let width = u16::from_le_bytes([packet.payload[7], packet.payload[8]]);
    WIDTHS.iter().position(|known| *known == width).unwrap() as u8
}

fn is_key(packet: &Packet) -> bool {
    packet.payload[1] & 1 == 0
}

#[test]
fn a_viewer_sees_the_size_it_asks_for_and_each_begins_with_a_key_frame_of_its_own() {
    let mut scene = Scene::new(1);
    scene.subscribe(Some(size(320)));
    for layer in 0..3 {
        scene.frame(layer, true);
    }
    scene.pass(1_000, &[0, 1, 2]);
    assert_eq!(scene.layers(), [0]);
    for (wanted, layer) in [(Some(size(1_280)), 2), (Some(size(1_000)), 1), (Some(size(64)), 0), (None, 2)] {
        scene.subscribe(wanted);
        assert_eq!(scene.asked, [key(layer.into())]);
        scene.asked.clear();
        scene.pass(120, &[0, 1, 2]);
        let before = scene.layers();
        assert!(before.len() == 1 && before[0] != layer, "it goes on until the other begins: {before:?}");
        scene.asked.push(key(layer.into()));
        scene.pass(400, &[0, 1, 2]);
        assert_eq!(scene.layers().last(), Some(&layer));
    }
}

#[test]
fn one_stream_is_seen_whichever_layer_is_shown() {
    let mut scene = Scene::new(1);
    scene.subscribe(Some(size(320)));
    for layer in [0, 2, 1] {
        scene.frame(layer, true);
    }
    scene.pass(1_000, &[0, 1, 2]);
    scene.subscribe(Some(size(1_280)));
    scene.pass(1_000, &[0, 1, 2]);
    scene.subscribe(Some(size(640)));
    scene.pass(1_000, &[0, 1, 2]);
    let seen: Vec<Packet> = scene.seen().into_iter().map(|(_, packet)| packet).collect();
    for pair in seen.windows(2) {
        let [one, next] = pair else { unreachable!() };
        assert_eq!(next.header.sequence_number, one.header.sequence_number.wrapping_add(1));
        let passed = next.header.timestamp.wrapping_sub(one.header.timestamp);
        assert!((1..=3_600).contains(&passed), "{passed}");
        assert!(layer_of(one) == layer_of(next) || is_key(next), "a layer begins with a key frame");
        assert_eq!((next.header.ssrc, &next.header.csrc[..]), (70, &[9][..]));
    }
    let mut layers: Vec<u8> = seen.iter().map(layer_of).collect();
    layers.dedup();
    assert_eq!(layers, [0, 2, 1]);
}

#[test]
fn what_comes_late_from_before_the_beginning_is_not_passed_on() {
    let mut scene = Scene::new(1);
    scene.subscribe(Some(size(320)));
    scene.frame(0, true);
    scene.frame(1, true);
    scene.pass(400, &[0, 1]);
    scene.subscribe(None);
    scene.asked.clear();
    let lost = scene.numbers[1];
    scene.numbers[1] += 1;
    scene.frame(1, true);
    scene.seen();
    scene.packet(1, lost, false);
    assert!(scene.seen().is_empty(), "its number would be that of another packet");
    let lost = scene.numbers[1];
    scene.numbers[1] += 1;
    scene.frame(1, false);
    scene.packet(1, lost, false);
    let numbers: Vec<u16> = scene.seen().iter().map(|(_, packet)| packet.header.sequence_number).collect();
    assert_eq!(numbers.len(), 2);
    assert_eq!(numbers[1].wrapping_add(1), numbers[0], "one from behind it is repaired");
    // Long after it, numbers have wrapped, and nothing is late.
    for _ in 0..40_000 {
        scene.frame(1, false);
        assert_eq!(scene.seen().len(), 1);
    }
}

#[test]
fn a_key_frame_that_comes_behind_what_refers_to_it_is_no_beginning() {
    let mut scene = Scene::new(1);
    scene.subscribe(Some(size(320)));
    scene.frame(0, true);
    scene.frame(1, true);
    scene.pass(400, &[0, 1]);
    scene.subscribe(None);
    scene.asked.clear();
    let lost = scene.numbers[1];
    scene.numbers[1] += 1;
    scene.frame(1, false);
    scene.seen();
    scene.packet(1, lost, true);
    assert!(scene.seen().is_empty(), "of what it begins, the rest is gone");
    scene.frame(0, false);
    assert_eq!(scene.layers(), [0], "the other goes on");
    scene.pass(1_000, &[0, 1]);
    assert_eq!(scene.layers(), [0, 1], "another was asked for");
}

#[test]
fn a_layer_that_comes_no_more_is_left_for_the_next_smaller_one() {
    let mut scene = Scene::new(1);
    (0..3).for_each(|layer| scene.frame(layer, true));
    scene.pass(1_000, &[0, 1, 2]);
    assert_eq!(scene.layers().last(), Some(&2));
    scene.pass(2_000, &[0, 1]);
    assert_eq!(scene.layers().last(), Some(&1));
    scene.pass(2_000, &[0]);
    assert_eq!(scene.layers().last(), Some(&0));
    // All stop, as when a camera is covered: nothing is smaller than that.
    scene.pass(3_000, &[]);
    scene.pass(400, &[0]);
    assert_eq!(scene.layers(), [0]);
    scene.pass(1_000, &[0, 1, 2]);
    assert_eq!(scene.layers().last(), Some(&2), "it is back");
}

#[test]
fn a_picture_of_no_known_size_is_asked_for_one() {
    let mut scene = Scene::new(1);
    scene.subscribe(Some(size(1_280)));
    // Whoever comes late has missed the first key frames.
    (0..3).for_each(|layer| scene.frame(layer, false));
    scene.pass(200, &[0, 1, 2]);
    let mut asked = scene.asked.clone();
    asked.sort_by_key(|key| key.layer);
    asked.dedup();
    assert!([1, 2].iter().all(|layer| asked.contains(&key(*layer))), "{asked:?}");
    scene.pass(1_000, &[0, 1, 2]);
    assert_eq!(scene.layers().last(), Some(&2));
}

#[test]
fn all_that_is_seen_stays_within_the_bandwidth_by_what_is_measured() {
    let mut scene = Scene::new(2);
    scene.lens = [500, 2_000, 8_000];
    (0..3).for_each(|layer| scene.frame(layer, true));
    // 100, 400 and 1,600 kbit/s in each of two sections.
    scene.pass(3_000, &[0, 1, 2]);
    let spent = |scene: &mut Scene| {
        scene.seen();
        scene.pass(2_000, &[0, 1, 2]);
        let bytes: usize = scene.seen().iter().map(|(_, packet)| packet.payload.len()).sum();
        bytes * 8 / 2 / 1_000
    };
    assert_eq!(spent(&mut scene), 3_200);
    for (limit, expected) in [(2_500, 2_000), (900, 800), (600, 500), (150, 200), (5_000, 3_200)] {
        scene.limit(limit);
        scene.pass(1_000, &[0, 1, 2]);
        assert_eq!(spent(&mut scene), expected, "{limit} kbit/s");
    }
}

#[test]
fn whoever_sees_a_layer_needs_a_key_frame_of_that_one() {
    let mut scene = Scene::new(1);
    scene.subscribe(Some(size(640)));
    (0..3).for_each(|layer| scene.frame(layer, true));
    scene.pass(1_000, &[0, 1, 2]);
    let now = at(scene.now + 300);
    assert_eq!(scene.videos.needs_key_frame(now, "bot", 70), Some(key(1)));
    assert_eq!(scene.videos.needs_key_frame(now, "bot", 70), None, "it was asked for just now");
}
