//! The codecs against our own pictures, against ffmpeg, and against garbage.
#![cfg(all(feature = "openh264", feature = "libvpx"))]

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::time::{MediaInstant, RtpTime};
use crate::video::pattern::{draw_pattern, read_clock};
use crate::video::picture::{PixelFormat, psnr};

const CODECS: [VideoCodec; 2] = [VideoCodec::H264, VideoCodec::Vp8];

const SMALL: VideoSize = VideoSize { width: 320, height: 180 };

/// Picture `number` of the pattern, 30 a second.
fn picture(format: PixelFormat, size: VideoSize, number: u32) -> VideoFrame {
    let at = Duration::from_secs(1) * number / 30;
    let mut picture = VideoFrame::new(format, size).unwrap();
    draw_pattern(&mut picture, at);
    picture.set_capture_time(MediaInstant::ZERO + at);
    picture
}

fn settings(codec: VideoCodec, kilobits: u64) -> VideoEncoderSettings {
    VideoEncoderSettings::new(codec).bit_rate(BitRate::from_kilobits_per_second(kilobits))
}

/// Encodes pictures of the pattern.
fn encoded(codec: VideoCodec, size: VideoSize, count: u32) -> Vec<EncodedVideoFrame> {
    let mut encoder = VideoEncoder::new(&settings(codec, 1000)).unwrap();
    let mut frame = EncodedVideoFrame::empty();
    let encoded = (0..count).map(|number| {
        assert!(encoder.encode(&picture(PixelFormat::Nv12, size, number), &mut frame).unwrap());
        frame.clone()
    });
    encoded.collect()
}

#[test]
fn a_moving_picture_comes_back_with_its_clock_in_either_format() {
    for codec in CODECS {
        for format in [PixelFormat::Nv12, PixelFormat::I420] {
            let mut encoder = VideoEncoder::new(&settings(codec, 800)).unwrap();
            let mut decoder = VideoDecoder::new(format, None).unwrap();
            let (mut frame, mut decoded) = (EncodedVideoFrame::empty(), decoder.picture());
            for number in 0..60 {
                let sent = picture(format, SMALL, number);
                assert!(encoder.encode(&sent, &mut frame).unwrap(), "{codec} {number}");
                assert_eq!((frame.codec(), frame.is_key(), frame.size()), (codec, number == 0, Some(SMALL)));
                assert!(decoder.decode(&frame, &mut decoded).unwrap());
                assert_eq!((decoded.size(), decoded.format()), (SMALL, format));
                let noise = psnr(&sent, &decoded).unwrap();
                assert!(noise > 30.0, "{codec} {format:?}, picture {number}: {noise} dB");
                assert_eq!(read_clock(&decoded), read_clock(&sent), "{codec} {number}");
                let last = |picture: &VideoFrame| *picture.data().last().unwrap();
                assert!(last(&sent).abs_diff(last(&decoded)) < 6, "colour");
            }
        }
    }
}

#[test]
fn a_key_frame_comes_when_it_is_asked_for_and_at_another_size_only() {
    let large = VideoSize { width: 640, height: 360 };
    for codec in CODECS {
        let mut encoder = VideoEncoder::new(&settings(codec, 1000)).unwrap();
        let mut decoder = VideoDecoder::new(PixelFormat::Nv12, None).unwrap();
        let (mut frame, mut decoded) = (EncodedVideoFrame::empty(), decoder.picture());
        let mut keys = Vec::new();
        for number in 0..60 {
            if number == 20 {
                encoder.request_key_frame();
            }
            let size = if (30..40).contains(&number) { large } else { SMALL };
            assert!(encoder.encode(&picture(PixelFormat::I420, size, number), &mut frame).unwrap());
            keys.extend(frame.is_key().then_some(number));
            assert!(decoder.decode(&frame, &mut decoded).unwrap());
            assert_eq!(decoded.size(), size, "{codec} {number}");
            assert!(read_clock(&decoded).is_some(), "{codec} {number}");
        }
        assert_eq!(keys, [0, 20, 30, 40], "{codec}");
    }
}

#[test]
fn pictures_are_brought_to_the_size_asked_for_at_either_end() {
    let large = VideoSize { width: 640, height: 360 };
    for codec in CODECS {
        let mut encoder = VideoEncoder::new(&settings(codec, 1000).size(SMALL)).unwrap();
        let mut decoder = VideoDecoder::new(PixelFormat::Nv12, Some(large)).unwrap();
        let (mut frame, mut decoded) = (EncodedVideoFrame::empty(), decoder.picture());
        for number in 0..10 {
            let sent = picture(PixelFormat::Nv12, large, number);
            assert!(encoder.encode(&sent, &mut frame).unwrap());
            assert_eq!(frame.size(), Some(SMALL));
            assert!(decoder.decode(&frame, &mut decoded).unwrap());
            assert_eq!((decoded.size(), decoded.original_size()), (large, SMALL));
            assert_eq!(read_clock(&decoded), read_clock(&sent));
        }
        let refused = VideoSize { width: 641, height: 360 };
        assert!(matches!(encoder.set_size(Some(refused)), Err(CodecError::Size(_))));
    }
}

/// More bits at a higher rate, and about as many as it says: neither encoder is exact over two seconds.
#[test]
fn the_encoder_follows_its_bit_rate() {
    let size = VideoSize { width: 640, height: 360 };
    for codec in CODECS {
        let mut encoder = VideoEncoder::new(&settings(codec, 1500)).unwrap();
        let mut frame = EncodedVideoFrame::empty();
        let mut bits_at = |encoder: &mut VideoEncoder, from: u32| -> usize {
            let sizes = (from..from + 60).map(|number| {
                encoder.encode(&noisy(picture(PixelFormat::I420, size, number), number), &mut frame).unwrap();
                frame.data().len()
            });
            sizes.sum::<usize>() * 8 / 2
        };
        bits_at(&mut encoder, 0);
        let high = bits_at(&mut encoder, 60);
        encoder.set_bit_rate(BitRate::from_kilobits_per_second(400)).unwrap();
        bits_at(&mut encoder, 120);
        let low = bits_at(&mut encoder, 180);
        assert!((900_000..2_100_000).contains(&high), "{codec}: {high} bits a second");
        assert!((200_000..600_000).contains(&low), "{codec}: {low} bits a second");
    }
}

/// What a camera adds to a picture: it takes any number of bits.
fn noisy(mut picture: VideoFrame, seed: u32) -> VideoFrame {
    let mut state = u64::from(seed) + 1;
    for pixel in picture.data_mut() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        *pixel = pixel.saturating_add((state >> 60) as u8);
    }
    picture
}

#[test]
fn nothing_is_decoded_before_a_key_frame_and_after_a_damaged_frame() {
    for codec in CODECS {
        let frames = encoded(codec, SMALL, 30);
        let mut decoder = VideoDecoder::new(PixelFormat::Nv12, None).unwrap();
        let mut decoded = decoder.picture();
        assert!(!decoder.decode(&frames[1], &mut decoded).unwrap(), "{codec}");
        assert!(decoder.needs_key_frame());
        assert!(decoder.decode(&frames[0], &mut decoded).unwrap(), "{codec}");
        assert!(decoder.decode(&frames[1], &mut decoded).unwrap(), "{codec}");
        decoder.skip_to_key_frame();
        assert!(!decoder.decode(&frames[3], &mut decoded).unwrap(), "{codec}");
        let mut damaged = frames[0].clone();
        damaged.data.truncate(3);
        let error = decoder.decode(&damaged, &mut decoded).unwrap_err();
        assert!(matches!(error, CodecError::Damaged { len: 3, .. }), "{codec}: {error}");
        assert!(decoder.needs_key_frame());
        assert!(decoder.decode(&frames[0], &mut decoded).unwrap(), "{codec}: a key frame mends it");
    }
}

#[test]
fn a_stream_may_go_on_in_the_other_codec() {
    let mut decoder = VideoDecoder::new(PixelFormat::Nv12, None).unwrap();
    let mut decoded = decoder.picture();
    let (h264, vp8) = (encoded(VideoCodec::H264, SMALL, 3), encoded(VideoCodec::Vp8, SMALL, 3));
    for frame in h264.iter().chain(&vp8).chain(&h264) {
        assert!(decoder.decode(frame, &mut decoded).unwrap());
    }
}

#[test]
fn a_picture_has_the_times_and_the_source_of_its_frame() {
    let mut frame = encoded(VideoCodec::Vp8, SMALL, 1).remove(0);
    frame.sender_time = RtpTime(4711);
    frame.last_arrival = MediaInstant::from_nanos(5);
    frame.source = Some(crate::units::MediaSourceId(7));
    let mut decoder = VideoDecoder::new(PixelFormat::Nv12, None).unwrap();
    let mut decoded = decoder.picture();
    assert!(decoder.decode(&frame, &mut decoded).unwrap());
    assert_eq!(decoded.sender_time(), Some(RtpTime(4711)));
    assert_eq!((decoded.capture_time(), decoded.source()), (frame.last_arrival, frame.source));
}

#[test]
fn a_header_that_promises_a_huge_picture_is_refused_before_it_costs_memory() {
    // A VP8 key frame of 16383 by 16383 pixels (RFC 6386 section 9.1).
    let mut frame = EncodedVideoFrame::empty();
    frame.is_key = true;
    frame.data = [0x10, 0, 0, 0x9d, 0x01, 0x2a, 0xff, 0x3f, 0xff, 0x3f, 0, 0, 0, 0, 0, 0].to_vec();
    let mut decoder = decoder(VideoCodec::Vp8).unwrap();
    let error = decoder.decode(&frame, &mut VideoFrame::empty(PixelFormat::Nv12)).unwrap_err();
    assert!(matches!(error, CodecError::TooLarge { .. }), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Frames of which a part is something else, in any order: pictures or errors, no panics, and the next key frame is decoded.
    #[test]
    fn damaged_frames_are_errors_or_pictures(
        changes in proptest::collection::vec((0_usize..12, any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 1..12),
    ) {
        for codec in CODECS {
            let frames = encoded(codec, VideoSize { width: 64, height: 48 }, 12);
            let mut codec = decoder(codec).unwrap();
            let mut picture = VideoFrame::empty(PixelFormat::Nv12);
            for (number, at, byte, cut) in &changes {
                let mut frame = frames[*number].clone();
                let at = at.index(frame.data.len());
                frame.data[at] = *byte;
                if *cut {
                    frame.data.truncate(at);
                }
                let _ = codec.decode(&frame, &mut picture);
            }
            let mut fresh = VideoDecoder::new(PixelFormat::Nv12, None).unwrap();
            prop_assert!(fresh.decode(&frames[0], &mut picture).unwrap());
        }
    }

    #[test]
    fn garbage_is_no_picture(data in proptest::collection::vec(any::<u8>(), 0..400)) {
        for codec in CODECS {
            let mut frame = EncodedVideoFrame::empty();
            (frame.codec, frame.is_key, frame.data) = (codec, true, data.clone());
            let _ = decoder(codec).unwrap().decode(&frame, &mut VideoFrame::empty(PixelFormat::Nv12));
        }
    }
}
