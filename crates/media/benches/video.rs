//! CPU time a picture of 720p: what encoding and decoding cost here beside the libraries alone, and what scaling adds.
//!
//! ```sh
//! cargo bench --workspace --features offhook/video-codecs --bench video
//! ```
//!
//! `benches/video_wire.rs` has what a stream costs that is passed on as it comes.
#![expect(unsafe_code, reason = "libvpx alone is C")]

use std::ptr;
use std::time::Duration;

use offhook_media::video::pattern::draw_pattern;
use offhook_media::video::{
    BitRate, EncodedVideoFrame, PixelFormat, VideoCodec, VideoDecoder, VideoEncoder, VideoEncoderSettings,
    VideoFrame, VideoSize,
};
use offhook_media::{MediaInstant, RtpTime};
use openh264::OpenH264API;
use openh264::decoder::{Decoder, DecoderConfig};
use openh264::formats::YUVSlices;
use rustix::time::{ClockId, clock_gettime};

const SIZE: VideoSize = VideoSize { width: 1280, height: 720 };
const HALF: VideoSize = VideoSize { width: 640, height: 360 };
const PICTURES: u32 = 300;

fn main() {
    println!("{PICTURES} pictures of {SIZE}, 30 a second, 1.5 Mb/s; CPU time of one core, a picture\n");
    println!("| what | H.264 | streams a core | VP8 | streams a core |");
    println!("|---|---:|---:|---:|---:|");
    let codecs = [VideoCodec::H264, VideoCodec::Vp8];
    let frames = codecs.map(|codec| encode(codec, PixelFormat::Nv12, None).1);
    row("encode from NV12", codecs.map(|codec| encode(codec, PixelFormat::Nv12, None).0));
    row("encode from I420", codecs.map(|codec| encode(codec, PixelFormat::I420, None).0));
    row(
        "scale to 640x360 and encode from NV12",
        codecs.map(|codec| encode(codec, PixelFormat::Nv12, Some(HALF)).0),
    );
    row("decode to NV12", [0, 1].map(|codec| decode(&frames[codec], PixelFormat::Nv12, None)));
    row("decode to I420", [0, 1].map(|codec| decode(&frames[codec], PixelFormat::I420, None)));
    row(
        "decode to NV12 and scale to 640x360",
        [0, 1].map(|codec| decode(&frames[codec], PixelFormat::Nv12, Some(HALF))),
    );
    row("the library alone: decode", [openh264_alone(&frames[0]), libvpx_alone(&frames[1])]);
    row("the library alone: encode from I420", [openh264_encodes_alone(), libvpx_encodes_alone()]);
}

fn row(what: &str, times: [Duration; 2]) {
    let cells = times.map(|time| {
        let each = time.as_secs_f64() / f64::from(PICTURES);
        format!("{:.3} ms | {:.1}", each * 1000.0, 1.0 / 30.0 / each)
    });
    println!("| {what} | {} | {} |", cells[0], cells[1]);
}

/// CPU time of this thread that `work` takes.
fn cpu<R>(work: impl FnOnce() -> R) -> (Duration, R) {
    let now = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).expect("it counts from zero");
    let began = now();
    let result = work();
    (now() - began, result)
}

fn pictures(format: PixelFormat) -> impl Iterator<Item = VideoFrame> {
    (0..PICTURES).map(move |number| {
        let at = Duration::from_secs(1) * number / 30;
        let mut picture = VideoFrame::new(format, SIZE).expect("a size that is checked");
        draw_pattern(&mut picture, at);
        picture.set_capture_time(MediaInstant::from_duration(at));
        picture
    })
}

fn encode(
    codec: VideoCodec,
    format: PixelFormat,
    size: Option<VideoSize>,
) -> (Duration, Vec<EncodedVideoFrame>) {
    let settings = VideoEncoderSettings::new(codec).bit_rate(BitRate::from_kilobits_per_second(1500));
    let settings = size.map_or(settings, |size| settings.size(size));
    let mut encoder = VideoEncoder::new(&settings).expect("the codec is built in");
    let mut frame = EncodedVideoFrame::new(codec, false, RtpTime(0), Vec::new());
    let (mut total, mut frames) = (Duration::ZERO, Vec::new());
    for picture in pictures(format) {
        let (took, encoded) = cpu(|| encoder.encode(&picture, &mut frame).expect("pictures are encoded"));
        total += took;
        frames.extend(encoded.then(|| frame.clone()));
    }
    (total, frames)
}

fn decode(frames: &[EncodedVideoFrame], format: PixelFormat, size: Option<VideoSize>) -> Duration {
    let mut decoder = VideoDecoder::new(format, size).expect("a size that is checked");
    let mut picture = decoder.picture();
    let decode = || {
        for frame in frames {
            assert!(decoder.decode(frame, &mut picture).expect("frames are decoded"));
        }
    };
    cpu(decode).0
}

fn openh264_alone(frames: &[EncodedVideoFrame]) -> Duration {
    let decoder = Decoder::with_api_config(OpenH264API::from_source(), DecoderConfig::new());
    let mut decoder = decoder.expect("the library is there");
    let decode = || {
        for frame in frames {
            assert!(decoder.decode(frame.data()).expect("frames are decoded").is_some());
        }
    };
    cpu(decode).0
}

fn openh264_encodes_alone() -> Duration {
    use openh264::encoder::{BitRate, Encoder, EncoderConfig, FrameRate, RateControlMode};
    let config = EncoderConfig::new()
        .rate_control_mode(RateControlMode::Bitrate)
        .bitrate(BitRate::from_bps(1_500_000))
        .max_frame_rate(FrameRate::from_hz(30.0))
        .scene_change_detect(false)
        .num_threads(1);
    let mut encoder =
        Encoder::with_api_config(OpenH264API::from_source(), config).expect("the library is there");
    let (width, height) = (usize::from(SIZE.width), usize::from(SIZE.height));
    let encode = |picture: VideoFrame| {
        let (u, v) = picture.chroma();
        let planes = (picture.luma().data, u.data, v.expect("I420").data);
        let planes = YUVSlices::new(planes, (width, height), (width, width / 2, width / 2));
        let time = openh264::Timestamp::from_millis(picture.capture_time().as_nanos() / 1_000_000);
        cpu(|| encoder.encode_at(&planes, time).expect("pictures are encoded").num_layers()).0
    };
    pictures(PixelFormat::I420).map(encode).sum()
}

fn libvpx_alone(frames: &[EncodedVideoFrame]) -> Duration {
    let config = vpx_sys::vpx_codec_dec_cfg_t { threads: 1, w: 0, h: 0 };
    let mut context = vpx_sys::vpx_codec_ctx_t::default();
    let version = vpx_sys::VPX_DECODER_ABI_VERSION.cast_signed();
    // SAFETY: the context outlives its use here, is initialised first and destroyed last; the frames are valid for the calls.
    unsafe {
        let vp8 = vpx_sys::vpx_codec_vp8_dx();
        let made = vpx_sys::vpx_codec_dec_init_ver(&raw mut context, vp8, &raw const config, 0, version);
        assert_eq!(made, vpx_sys::VPX_CODEC_OK);
        let (took, ()) = cpu(|| {
            for data in frames.iter().map(EncodedVideoFrame::data) {
                let len = data.len().try_into().expect("a frame is short");
                let context = &raw mut context;
                vpx_sys::vpx_codec_decode(context, data.as_ptr(), len, ptr::null_mut(), 0);
                let mut iterator = ptr::null();
                assert!(!vpx_sys::vpx_codec_get_frame(context, &raw mut iterator).is_null());
            }
        });
        vpx_sys::vpx_codec_destroy(&raw mut context);
        took
    }
}

/// With the settings that the encoder here has.
fn libvpx_encodes_alone() -> Duration {
    let mut context = vpx_sys::vpx_codec_ctx_t::default();
    let version = vpx_sys::VPX_ENCODER_ABI_VERSION.cast_signed();
    let (width, height) = (u32::from(SIZE.width), u32::from(SIZE.height));
    // SAFETY: the configuration is filled by the library before it is read.
    let mut config = unsafe {
        let mut config = std::mem::MaybeUninit::zeroed();
        let filled =
            vpx_sys::vpx_codec_enc_config_default(vpx_sys::vpx_codec_vp8_cx(), config.as_mut_ptr(), 0);
        assert_eq!(filled, vpx_sys::VPX_CODEC_OK);
        config.assume_init()
    };
    (config.g_w, config.g_h, config.g_threads, config.g_lag_in_frames) = (width, height, 1, 0);
    config.g_timebase = vpx_sys::vpx_rational { num: 1, den: 90_000 };
    config.g_pass = vpx_sys::vpx_enc_pass::VPX_RC_ONE_PASS;
    config.rc_end_usage = vpx_sys::vpx_rc_mode::VPX_CBR;
    (config.rc_target_bitrate, config.rc_dropframe_thresh) = (1500, 30);
    (config.rc_min_quantizer, config.rc_max_quantizer) = (2, 56);
    (config.rc_undershoot_pct, config.rc_overshoot_pct) = (100, 15);
    (config.rc_buf_initial_sz, config.rc_buf_optimal_sz, config.rc_buf_sz) = (500, 600, 1000);
    config.kf_mode = vpx_sys::vpx_kf_mode::VPX_KF_DISABLED;
    // SAFETY: the context is initialised first and destroyed last, each control takes a number of its type, and the picture, which
    // the library only reads, holds three planes without padding.
    unsafe {
        use vpx_sys::vp8e_enc_control_id::{
            VP8E_SET_CPUUSED, VP8E_SET_MAX_INTRA_BITRATE_PCT, VP8E_SET_STATIC_THRESHOLD,
        };
        let (vp8, context) = (vpx_sys::vpx_codec_vp8_cx(), &raw mut context);
        let made = vpx_sys::vpx_codec_enc_init_ver(context, vp8, &raw const config, 0, version);
        assert_eq!(made, vpx_sys::VPX_CODEC_OK);
        vpx_sys::vpx_codec_control_(context, VP8E_SET_CPUUSED as i32, -6_i32);
        vpx_sys::vpx_codec_control_(context, VP8E_SET_STATIC_THRESHOLD as i32, 1_u32);
        vpx_sys::vpx_codec_control_(context, VP8E_SET_MAX_INTRA_BITRATE_PCT as i32, 450_u32);
        let encode = |picture: VideoFrame| {
            let mut image = vpx_sys::vpx_image_t::default();
            let (format, data) = (vpx_sys::vpx_img_fmt::VPX_IMG_FMT_I420, picture.data().as_ptr().cast_mut());
            assert!(!vpx_sys::vpx_img_wrap(&raw mut image, format, width, height, 1, data).is_null());
            let time = (picture.capture_time().as_nanos() * 9 / 100_000).cast_signed();
            let deadline = vpx_sys::VPX_DL_REALTIME.into();
            let encode = || {
                let encoded = vpx_sys::vpx_codec_encode(context, &raw const image, time, 3000, 0, deadline);
                assert_eq!(encoded, vpx_sys::VPX_CODEC_OK);
                let mut iterator = ptr::null();
                while !vpx_sys::vpx_codec_get_cx_data(context, &raw mut iterator).is_null() {}
            };
            cpu(encode).0
        };
        let took = pictures(PixelFormat::I420).map(encode).sum();
        vpx_sys::vpx_codec_destroy(context);
        took
    }
}
