//! Both codec threads between two ends of a channel, with real codecs.
#![cfg(all(feature = "openh264", feature = "libvpx"))]

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::session::audio_socket::SocketClosed;
use crate::time::MediaInstant;
use crate::video::pattern::{draw_pattern, read_clock};
use crate::video::simulcast::SimulcastLayer;
use crate::video::{
    BitRate, EncodedVideoFrame, PixelFormat, VideoCodec, VideoEncoderSettings, VideoFrame, VideoSize,
};

const LONG: Duration = Duration::from_secs(20);
const SIZE: VideoSize = VideoSize { width: 320, height: 180 };

/// What the far end asks for.
#[derive(Clone)]
struct Wishes(Arc<Mutex<SinkState>>);

impl Wishes {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(SinkState { codec: None, key_frame: false, bit_rate: None, size: None })))
    }

    fn ask(&self, change: impl FnOnce(&mut SinkState)) {
        change(&mut self.0.lock().unwrap());
    }
}

struct Out(Sender<EncodedVideoFrame>, Wishes);

impl EncodedVideoSink for Out {
    fn state(&mut self) -> SinkState {
        let mut state = self.1.0.lock().unwrap();
        let asked = *state;
        state.key_frame = false;
        asked
    }

    fn send_frame(
        &mut self,
        frame: &EncodedVideoFrame,
        capture_time: MediaInstant,
    ) -> Result<bool, SocketClosed> {
        let mut frame = frame.clone();
        frame.last_arrival = capture_time;
        self.0.send(frame).map(|()| true).map_err(|_| SocketClosed)
    }
}

struct In {
    frames: Receiver<EncodedVideoFrame>,
    lent: Option<EncodedVideoFrame>,
    asked: Sender<()>,
}

impl EncodedVideoSource for In {
    fn next_frame(&mut self, timeout: Duration) -> Result<Option<&EncodedVideoFrame>, SocketClosed> {
        self.lent = match self.frames.recv_timeout(timeout) {
            Ok(frame) => Some(frame),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return Err(SocketClosed),
        };
        Ok(self.lent.as_ref())
    }

    fn request_key_frame(&mut self) {
        let _ = self.asked.send(());
    }
}

fn source(frames: Receiver<EncodedVideoFrame>) -> (In, Receiver<()>) {
    let (asked, asks) = channel();
    (In { frames, lent: None, asked }, asks)
}

fn picture(number: u32) -> VideoFrame {
    let at = Duration::from_millis(33) * number;
    let mut picture = VideoFrame::new(PixelFormat::Nv12, SIZE).unwrap();
    draw_pattern(&mut picture, at);
    picture.set_capture_time(MediaInstant::ZERO + at);
    picture
}

/// A sender that loses nothing, and what comes out of it.
fn sending(codec: VideoCodec) -> (RawVideoSender, Receiver<EncodedVideoFrame>, Wishes) {
    let ((to, from), wishes) = (channel(), Wishes::new());
    wishes.ask(|state| state.codec = Some(codec));
    let sink = Out(to, wishes.clone());
    let sender = RawVideoSender::start(sink, &VideoEncoderSettings::new(codec), WhenFull::Wait).unwrap();
    (sender, from, wishes)
}

#[tokio::test]
async fn pictures_go_from_one_end_to_the_other_in_order_with_their_times() {
    for codec in [VideoCodec::H264, VideoCodec::Vp8] {
        let (mut sender, frames, _) = sending(codec);
        let settings = RawVideoReceiverSettings::default().when_full(WhenFull::Wait);
        let mut receiver = RawVideoReceiver::start(source(frames).0, &settings).unwrap();
        let sends = tokio::spawn(async move {
            for number in 0..30 {
                sender.send(&picture(number)).await.unwrap();
            }
            // What waits is encoded before the thread ends.
            drop(sender);
        });
        let mut seen = 0;
        while let Ok(received) = receiver.receive().await {
            let sent = picture(seen);
            assert_eq!(read_clock(received), read_clock(&sent));
            assert_eq!((received.capture_time(), received.size()), (sent.capture_time(), SIZE));
            seen += 1;
        }
        sends.await.unwrap();
        assert_eq!(seen, 30);
        let stats = receiver.stats();
        assert_eq!((stats.frames_decoded, stats.key_frames_decoded, stats.frames_dropped), (30, 1, 0));
        assert!(stats.total_decode_time > Duration::ZERO);
    }
}

#[test]
fn who_sees_slowly_sees_the_newest_picture() {
    let (mut sender, frames, _) = sending(VideoCodec::Vp8);
    let (to, from) = channel();
    let (mut receiver, asks) = {
        let (source, asks) = source(from);
        (RawVideoReceiver::start(source, &RawVideoReceiverSettings::default()).unwrap(), asks)
    };
    for number in 0..20 {
        while sender.try_send(&picture(number)) == Err(PictureSendError::Full) {
            std::thread::yield_now();
        }
        to.send(frames.recv_timeout(LONG).unwrap()).unwrap();
    }
    // The thread ends when it has decoded all.
    drop(to);
    while asks.recv_timeout(LONG) != Err(RecvTimeoutError::Disconnected) {}
    assert_eq!((receiver.queued(), receiver.stats().frames_dropped), (2, 18));
    for number in [18, 19] {
        let seen = receiver.receive_blocking(LONG).unwrap().unwrap();
        assert_eq!(read_clock(seen), read_clock(&picture(number)));
    }
    assert!(receiver.receive_blocking(LONG).is_err());
}

#[test]
fn a_frame_that_cannot_be_decoded_makes_a_key_frame_be_asked_for() {
    let (mut sender, frames, wishes) = sending(VideoCodec::H264);
    let (to, from) = channel();
    let (source, asks) = source(from);
    let settings = RawVideoReceiverSettings::default().when_full(WhenFull::Wait);
    let mut receiver = RawVideoReceiver::start(source, &settings).unwrap();
    let mut pass = |number: u32, damage: bool| {
        sender.try_send(&picture(number)).unwrap();
        let mut frame = frames.recv_timeout(LONG).unwrap();
        if damage {
            frame.data.truncate(2);
        }
        to.send(frame).unwrap();
    };
    pass(0, false);
    assert!(receiver.receive_blocking(LONG).unwrap().is_some());
    pass(1, true);
    asks.recv_timeout(LONG).unwrap();
    wishes.ask(|state| state.key_frame = true);
    pass(2, false);
    let seen = receiver.receive_blocking(LONG).unwrap().unwrap();
    assert_eq!(read_clock(seen), read_clock(&picture(2)));
    assert_eq!(receiver.stats().frames_damaged, 1);
}

#[test]
fn the_encoder_does_what_the_far_end_and_the_network_ask_for() {
    let (mut sender, frames, wishes) = sending(VideoCodec::Vp8);
    let mut next = |number: u32| {
        sender.try_send(&picture(number)).unwrap();
        frames.recv_timeout(LONG).unwrap()
    };
    assert_eq!([next(0), next(1)].map(|frame| frame.is_key()), [true, false]);
    wishes.ask(|state| state.key_frame = true);
    assert_eq!([next(2), next(3)].map(|frame| frame.is_key()), [true, false], "asked once, and given once");
    let most = VideoSize { width: 160, height: 200 };
    wishes.ask(|state| {
        (state.size, state.bit_rate) = (Some(most), Some(BitRate::from_kilobits_per_second(100)))
    });
    let small = next(4);
    assert_eq!((small.is_key(), small.size()), (true, Some(VideoSize { width: 160, height: 90 })));
    wishes.ask(|state| state.size = None);
    assert_eq!(next(5).size(), Some(SIZE));
}

#[test]
fn what_nobody_sees_is_not_encoded_and_who_looks_again_gets_a_key_frame() {
    let (mut sender, frames, wishes) = sending(VideoCodec::Vp8);
    sender.try_send(&picture(0)).unwrap();
    assert!(frames.recv_timeout(LONG).unwrap().is_key());
    wishes.ask(|state| state.codec = None);
    sender.try_send(&picture(1)).unwrap();
    while sender.stats().frames_skipped == 0 {
        std::thread::yield_now();
    }
    wishes.ask(|state| state.codec = Some(VideoCodec::Vp8));
    sender.try_send(&picture(2)).unwrap();
    assert!(frames.recv_timeout(LONG).unwrap().is_key());
    assert_eq!((sender.stats().frames_encoded, sender.stats().key_frames_encoded), (2, 2));
}

#[test]
fn a_sender_whose_session_is_over_says_so() {
    let (mut sender, frames, _) = sending(VideoCodec::Vp8);
    drop(frames);
    // The thread learns of it when it sends.
    let sent = (0..10).map(|number| sender.send_blocking(&picture(number), LONG));
    assert_eq!(sent.collect::<Result<Vec<_>, _>>(), Err(PictureSendError::Closed));
}

#[test]
fn a_far_end_that_knows_another_codec_gets_that() {
    let (mut sender, frames, wishes) = sending(VideoCodec::H264);
    wishes.ask(|state| state.codec = Some(VideoCodec::Vp8));
    sender.try_send(&picture(0)).unwrap();
    let frame = frames.recv_timeout(LONG).unwrap();
    assert_eq!((frame.codec(), frame.is_key()), (VideoCodec::Vp8, true));
}

/// A sink of several sizes: what each asks for, and what came of each.
struct Layered(Sender<(usize, EncodedVideoFrame)>, [Wishes; 3]);

impl EncodedVideoSink for Layered {
    fn state(&mut self) -> SinkState {
        unreachable!("it is asked by layer")
    }

    fn send_frame(&mut self, _: &EncodedVideoFrame, _: MediaInstant) -> Result<bool, SocketClosed> {
        unreachable!("it is given by layer")
    }

    fn simulcast(&self) -> Vec<SimulcastLayer> {
        vec![SimulcastLayer::QUARTER, SimulcastLayer::HALF, SimulcastLayer::FULL]
    }

    fn layer_state(&mut self, layer: usize) -> SinkState {
        let mut state = self.1[layer].0.lock().unwrap();
        let asked = *state;
        state.key_frame = false;
        asked
    }

    fn send_layer(
        &mut self,
        layer: usize,
        frame: &EncodedVideoFrame,
        capture_time: MediaInstant,
    ) -> Result<bool, SocketClosed> {
        let mut frame = frame.clone();
        frame.last_arrival = capture_time;
        self.0.send((layer, frame)).map(|()| true).map_err(|_| SocketClosed)
    }
}

#[test]
fn a_picture_is_encoded_in_each_size_that_is_on_with_key_frames_for_each() {
    let quarter = VideoSize { width: 80, height: 44 };
    let half = VideoSize { width: 160, height: 90 };
    for codec in [VideoCodec::Vp8, VideoCodec::H264] {
        let ((to, frames), wishes) = (channel(), [(); 3].map(|()| Wishes::new()));
        wishes.iter().for_each(|wishes| wishes.ask(|state| state.codec = Some(codec)));
        // In another codec than it is started with, which each layer follows.
        let begins = VideoEncoderSettings::new(VideoCodec::Vp8);
        let mut sender = RawVideoSender::start(Layered(to, wishes.clone()), &begins, WhenFull::Wait).unwrap();
        let next = |sender: &mut RawVideoSender, number: u32, layers: usize| {
            sender.try_send(&picture(number)).unwrap();
            let frames: Vec<_> = (0..layers).map(|_| frames.recv_timeout(LONG).unwrap()).collect();
            assert!(frames.iter().all(|(_, frame)| frame.last_arrival == picture(number).capture_time()));
            assert!(frames.iter().all(|(_, frame)| frame.codec() == codec));
            frames
        };
        let is_key = |frames: Vec<(usize, EncodedVideoFrame)>| {
            frames.into_iter().map(|(layer, frame)| (layer, frame.is_key())).collect::<Vec<_>>()
        };
        let sizes = next(&mut sender, 0, 3);
        let sizes: Vec<_> =
            sizes.iter().map(|(layer, frame)| (*layer, frame.is_key(), frame.size().unwrap())).collect();
        assert_eq!(sizes, [(0, true, quarter), (1, true, half), (2, true, SIZE)]);
        wishes[1].ask(|state| state.key_frame = true);
        assert_eq!(is_key(next(&mut sender, 1, 3)), [(0, false), (1, true), (2, false)]);
        wishes[2].ask(|state| state.codec = None);
        assert_eq!(is_key(next(&mut sender, 2, 2)), [(0, false), (1, false)]);
        while sender.stats().frames_skipped == 0 {
            std::thread::yield_now();
        }
        wishes[2].ask(|state| state.codec = Some(codec));
        let came_on = is_key(next(&mut sender, 3, 3));
        assert_eq!(came_on, [(0, false), (1, false), (2, true)], "who comes on begins anew");
        wishes[2].ask(|state| state.bit_rate = Some(BitRate::from_kilobits_per_second(300)));
        assert_eq!(is_key(next(&mut sender, 4, 3)), [(0, false), (1, false), (2, false)]);
        let stats = sender.stats();
        assert_eq!((stats.frames_encoded, stats.key_frames_encoded, stats.frames_skipped), (14, 5, 1));
    }
}

#[test]
fn a_picture_is_made_smaller_where_the_network_takes_few_bits_and_what_has_to_be_read_is_not() {
    let half = VideoSize { width: 160, height: 90 };
    let low = BitRate::from_kilobits_per_second(20);
    for (shrinks, expected) in [(true, half), (false, SIZE)] {
        let ((to, frames), wishes) = (channel(), Wishes::new());
        wishes.ask(|state| (state.codec, state.bit_rate) = (Some(VideoCodec::Vp8), Some(low)));
        let settings = VideoEncoderSettings::new(VideoCodec::Vp8).shrinks(shrinks);
        let mut sender = RawVideoSender::start(Out(to, wishes), &settings, WhenFull::Wait).unwrap();
        sender.try_send(&picture(0)).unwrap();
        assert_eq!(frames.recv_timeout(LONG).unwrap().size(), Some(expected));
    }
}
