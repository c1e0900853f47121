//! VP8 (RFC 6386) through libvpx. The only file that names the binding.

use super::{CodecError, MOST_PIXELS, VideoDecode, VideoEncode, VideoEncoderSettings};
use crate::video::bandwidth::BitRate;
use crate::video::picture::{PixelFormat, Plane, VideoFrame};
use crate::video::{EncodedVideoFrame, VideoCodec, VideoSize};
use library::{Packet, VpxDecoder, VpxEncoder};

/// Ticks a second of the times that the encoder is told.
const CLOCK: u32 = 90_000;

/// Decodes one stream.
pub(super) struct Decoder(VpxDecoder);

impl Decoder {
    pub(super) fn new() -> Result<Self, CodecError> {
        VpxDecoder::new().map(Self).map_err(|reason| refused("decoder set-up", reason))
    }
}

impl VideoDecode for Decoder {
    fn decode(&mut self, frame: &EncodedVideoFrame, picture: &mut VideoFrame) -> Result<bool, CodecError> {
        let data = frame.data();
        let damaged =
            |reason: String| CodecError::Damaged { codec: VideoCodec::Vp8, len: data.len(), reason };
        // To the library, no bytes are a frame that was lost.
        if data.is_empty() {
            return Err(damaged("it is empty".to_owned()));
        }
        // It would take memory for whatever a header says.
        if let Some(size) = key_frame_size(data).filter(|size| size.pixels() > MOST_PIXELS) {
            return Err(CodecError::TooLarge { codec: VideoCodec::Vp8, size });
        }
        let image = self.0.decode(data).map_err(damaged)?;
        let Some((size, planes)) = image else { return Ok(false) };
        picture.copy_planes(size, planes)?;
        Ok(true)
    }
}

/// The size that a key frame says it has (RFC 6386 section 9.1).
fn key_frame_size(data: &[u8]) -> Option<VideoSize> {
    let &[tag, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] = data else { return None };
    let [width, height] = [[w0, w1], [h0, h1]].map(|bytes| u16::from_le_bytes(bytes) & 0x3fff);
    (tag & 1 == 0).then_some(VideoSize { width, height })
}

/// Encodes one stream. The library's encoder has one size: it is made anew for another.
pub(super) struct Encoder {
    encoder: Option<(VideoSize, VpxEncoder)>,
    kilobits: u32,
    frames_per_second: u32,
    key_frame: bool,
    /// The library takes NV12 in its newest versions only.
    planar: VideoFrame,
    /// When the picture before was taken, in [`CLOCK`]: times must grow.
    last: i64,
}

impl Encoder {
    pub(super) fn new(settings: &VideoEncoderSettings) -> Self {
        Self {
            encoder: None,
            kilobits: kilobits(settings.bit_rate),
            frames_per_second: settings.frames_per_second,
            key_frame: false,
            planar: VideoFrame::empty(PixelFormat::I420),
            last: i64::MIN,
        }
    }
}

/// The encoder for pictures of this size.
fn encoder(
    slot: &mut Option<(VideoSize, VpxEncoder)>,
    size: VideoSize,
    kilobits: u32,
) -> Result<&mut VpxEncoder, CodecError> {
    let encoder = match slot.take() {
        Some((present, encoder)) if present == size => encoder,
        _ if size.pixels() > MOST_PIXELS => {
            return Err(CodecError::TooLarge { codec: VideoCodec::Vp8, size });
        }
        _ => VpxEncoder::new(size, kilobits, CLOCK).map_err(|reason| refused("encoder set-up", reason))?,
    };
    Ok(&mut slot.insert((size, encoder)).1)
}

impl VideoEncode for Encoder {
    fn encode(&mut self, picture: &VideoFrame, frame: &mut EncodedVideoFrame) -> Result<bool, CodecError> {
        let encoder = encoder(&mut self.encoder, picture.size().checked()?, self.kilobits)?;
        let nanos = u128::from(picture.capture_time().as_nanos());
        let time = i64::try_from(nanos * u128::from(CLOCK) / 1_000_000_000).unwrap_or(i64::MAX);
        self.last = time.max(self.last.saturating_add(1));
        let lasts = u64::from(CLOCK / self.frames_per_second).max(1);
        let picture = self.planar.planar(picture)?;
        frame.begin(VideoCodec::Vp8, picture);
        let packet = encoder.encode(picture.data(), self.last, lasts, self.key_frame);
        let packet = packet.map_err(|reason| refused("encoding", reason))?;
        let Some(Packet { data, is_key }) = packet else { return Ok(false) };
        self.key_frame = false;
        frame.data.extend_from_slice(data);
        frame.is_key = is_key;
        Ok(true)
    }

    fn request_key_frame(&mut self) {
        self.key_frame = true;
    }

    fn set_bit_rate(&mut self, rate: BitRate) -> Result<(), CodecError> {
        self.kilobits = kilobits(rate);
        let Some((_, encoder)) = &mut self.encoder else { return Ok(()) };
        encoder.set_kilobits(self.kilobits).map_err(|reason| refused("setting the bit rate", reason))
    }
}

fn kilobits(rate: BitRate) -> u32 {
    // The library counts bits in 32-bit numbers.
    (rate.bits_per_second() / 1000).clamp(1, 1_000_000) as u32
}

fn refused(task: &'static str, reason: String) -> CodecError {
    CodecError::Refused { codec: VideoCodec::Vp8, task, reason }
}

/// libvpx behind functions that cannot be called wrong.
#[expect(unsafe_code, reason = "libvpx is C; this module is the only one that calls it")]
mod library {
    use std::ffi::{CStr, c_int, c_ulong};
    use std::mem::MaybeUninit;
    use std::ptr;

    use vpx_sys as ffi;
    use vpx_sys::vpx_codec_err_t::VPX_CODEC_OK;

    use super::{Plane, VideoSize};

    /// Effort of the encoder in real time, -16 to 16: the lower, the less. As WebRTC has it on a desktop.
    const CPU_USED: c_int = -6;

    /// Quantisers that the encoder may use, of 0 to 63: below, bits are spent on what nobody sees; above is mush.
    const QUANTIZERS: (u32, u32) = (2, 56);

    /// The largest key frame, in percent of the bits of a frame: one of 720p at 1.5 Mb/s takes 150 ms of the rate.
    const MOST_INTRA_PERCENT: u32 = 450;

    /// A context of the library, and its end. On the heap, because the library keeps pointers into it.
    struct Context(Box<ffi::vpx_codec_ctx_t>);

    // SAFETY: a context is the library's own memory, used by whoever owns it, one call at a time; what it shares with
    // others are tables that are made once, under a lock of its own.
    unsafe impl Send for Context {}

    impl Drop for Context {
        fn drop(&mut self) {
            // SAFETY: it was initialised before it got here, and nothing uses it after this.
            unsafe { ffi::vpx_codec_destroy(&mut *self.0) };
        }
    }

    impl Context {
        /// A context that `init` initialises.
        fn new(init: impl FnOnce(*mut ffi::vpx_codec_ctx_t) -> ffi::vpx_codec_err_t) -> Result<Self, String> {
            let mut context = Box::<ffi::vpx_codec_ctx_t>::default();
            match init(&mut *context) {
                VPX_CODEC_OK => Ok(Self(context)),
                // It has given back what it took.
                error => Err(words(error)),
            }
        }

        fn check(&self, result: ffi::vpx_codec_err_t) -> Result<(), String> {
            if result == VPX_CODEC_OK { Ok(()) } else { Err(words(result)) }
        }
    }

    /// What the library says of an error.
    fn words(error: ffi::vpx_codec_err_t) -> String {
        // SAFETY: it returns a text of its own for each number, also for those that are none of its errors.
        unsafe { CStr::from_ptr(ffi::vpx_codec_err_to_string(error)) }.to_string_lossy().into_owned()
    }

    pub(super) struct VpxDecoder(Context);

    impl VpxDecoder {
        pub(super) fn new() -> Result<Self, String> {
            // One thread: a machine has more streams than cores.
            let config = ffi::vpx_codec_dec_cfg_t { threads: 1, w: 0, h: 0 };
            let version = ffi::VPX_DECODER_ABI_VERSION as c_int;
            // SAFETY: the context and the settings are valid for the call; the interface is a constant of the library.
            Context::new(|context| unsafe {
                ffi::vpx_codec_dec_init_ver(context, ffi::vpx_codec_vp8_dx(), &config, 0, version)
            })
            .map(Self)
        }

        /// Decodes a frame; its picture, in three planes, is the library's until the next call.
        pub(super) fn decode(&mut self, data: &[u8]) -> Result<Option<(VideoSize, [Plane<'_>; 3])>, String> {
            let len = data.len().try_into().map_err(|_| "it is too long".to_owned())?;
            let context = &mut *self.0.0;
            // SAFETY: the data are valid for `len` bytes and only read.
            let result = unsafe { ffi::vpx_codec_decode(context, data.as_ptr(), len, ptr::null_mut(), 0) };
            let mut iterator = ptr::null();
            // SAFETY: the iterator begins as null; the picture is null or valid until the next call on this context.
            let image = unsafe { ffi::vpx_codec_get_frame(context, &mut iterator).as_ref() };
            self.0.check(result)?;
            let Some(image) = image else { return Ok(None) };
            if image.fmt != ffi::vpx_img_fmt::VPX_IMG_FMT_I420 {
                return Err("its pixels are not of 8 bits in 4:2:0".to_owned());
            }
            let side = |pixels: u32| u16::try_from(pixels).map_err(|_| "it is too large".to_owned());
            let size = VideoSize { width: side(image.d_w)?, height: side(image.d_h)? };
            let plane = |index: usize, step: usize| {
                let [width, height] = [size.width, size.height].map(|side| usize::from(side).div_ceil(step));
                let (pointer, stride) = (image.planes[index], usize::try_from(image.stride[index]).ok()?);
                if pointer.is_null() || stride < width || height == 0 {
                    return None;
                }
                // SAFETY: a plane has `height` rows `stride` bytes apart, the last of at least `width` bytes.
                let data = unsafe { std::slice::from_raw_parts(pointer, (height - 1) * stride + width) };
                Some(Plane { data, stride })
            };
            match (plane(0, 1), plane(1, 2), plane(2, 2)) {
                (Some(y), Some(u), Some(v)) => Ok(Some((size, [y, u, v]))),
                _ => Err("its picture has no planes".to_owned()),
            }
        }
    }

    /// A frame, in the library's memory.
    pub(super) struct Packet<'a> {
        pub(super) data: &'a [u8],
        pub(super) is_key: bool,
    }

    pub(super) struct VpxEncoder {
        context: Context,
        config: ffi::vpx_codec_enc_cfg_t,
        size: VideoSize,
    }

    // SAFETY: the settings hold pointers only for encoding in two passes, which are null here; see `Context`.
    unsafe impl Send for VpxEncoder {}

    impl VpxEncoder {
        /// An encoder that is told times in `clock` ticks a second.
        pub(super) fn new(size: VideoSize, kilobits: u32, clock: u32) -> Result<Self, String> {
            let mut config = MaybeUninit::<ffi::vpx_codec_enc_cfg_t>::zeroed();
            // SAFETY: the interface is a constant of the library, and the settings are valid for the call.
            let result =
                unsafe { ffi::vpx_codec_enc_config_default(ffi::vpx_codec_vp8_cx(), config.as_mut_ptr(), 0) };
            if result != VPX_CODEC_OK {
                return Err(words(result));
            }
            // SAFETY: the call has filled it.
            let mut config = unsafe { config.assume_init() };
            (config.g_w, config.g_h) = (size.width.into(), size.height.into());
            config.g_timebase = ffi::vpx_rational { num: 1, den: clock.cast_signed() };
            config.g_threads = 1;
            config.g_pass = ffi::vpx_enc_pass::VPX_RC_ONE_PASS;
            config.g_lag_in_frames = 0;
            config.g_error_resilient = 0;
            config.rc_end_usage = ffi::vpx_rc_mode::VPX_CBR;
            config.rc_target_bitrate = kilobits;
            config.rc_resize_allowed = 0;
            // It may leave pictures out where the rate is far too low.
            config.rc_dropframe_thresh = 30;
            (config.rc_min_quantizer, config.rc_max_quantizer) = QUANTIZERS;
            (config.rc_undershoot_pct, config.rc_overshoot_pct) = (100, 15);
            // Of how many milliseconds of the rate the encoder may be ahead or behind.
            (config.rc_buf_initial_sz, config.rc_buf_optimal_sz, config.rc_buf_sz) = (500, 600, 1000);
            config.kf_mode = ffi::vpx_kf_mode::VPX_KF_DISABLED;
            let version = ffi::VPX_ENCODER_ABI_VERSION as c_int;
            // SAFETY: the context and the settings are valid for the call; the interface is a constant of the library.
            let mut context = Context::new(|context| unsafe {
                ffi::vpx_codec_enc_init_ver(context, ffi::vpx_codec_vp8_cx(), &config, 0, version)
            })?;
            // What the eye cannot see moving is not sent again.
            let static_threshold: u32 = 1;
            // SAFETY: each control takes one number of this type, and the context is initialised.
            let results = unsafe {
                let context = &mut *context.0;
                [
                    ffi::vpx_codec_control_(
                        context,
                        ffi::vp8e_enc_control_id::VP8E_SET_CPUUSED as c_int,
                        CPU_USED,
                    ),
                    ffi::vpx_codec_control_(
                        context,
                        ffi::vp8e_enc_control_id::VP8E_SET_STATIC_THRESHOLD as c_int,
                        static_threshold,
                    ),
                    ffi::vpx_codec_control_(
                        context,
                        ffi::vp8e_enc_control_id::VP8E_SET_MAX_INTRA_BITRATE_PCT as c_int,
                        MOST_INTRA_PERCENT,
                    ),
                ]
            };
            results.into_iter().try_for_each(|result| context.check(result))?;
            Ok(Self { context, config, size })
        }

        pub(super) fn set_kilobits(&mut self, kilobits: u32) -> Result<(), String> {
            self.config.rc_target_bitrate = kilobits;
            // SAFETY: the context is initialised, and the settings are valid for the call.
            let result = unsafe { ffi::vpx_codec_enc_config_set(&mut *self.context.0, &self.config) };
            self.context.check(result)
        }

        /// Encodes an I420 picture of this encoder's size, without padding; `None` when it was left out.
        ///
        /// # Panics
        /// When it has another number of bytes.
        pub(super) fn encode(
            &mut self,
            picture: &[u8],
            time: i64,
            lasts: u64,
            key_frame: bool,
        ) -> Result<Option<Packet<'_>>, String> {
            assert_eq!(picture.len(), self.size.pixels() / 2 * 3, "a picture of this encoder's size");
            let flags = if key_frame { ffi::VPX_EFLAG_FORCE_KF as _ } else { 0 };
            let lasts = c_ulong::try_from(lasts).unwrap_or(c_ulong::MAX);
            let context = &mut *self.context.0;
            // SAFETY: the library only reads the picture, though its image type has pointers to write by; the picture holds the
            // three planes that an image of this size has without padding, as was asserted.
            let result = unsafe {
                let mut image = ffi::vpx_image_t::default();
                let (width, height) = (self.size.width.into(), self.size.height.into());
                let (format, data) = (ffi::vpx_img_fmt::VPX_IMG_FMT_I420, picture.as_ptr().cast_mut());
                if ffi::vpx_img_wrap(&raw mut image, format, width, height, 1, data).is_null() {
                    return Err("the picture was not taken".to_owned());
                }
                let deadline = ffi::VPX_DL_REALTIME as _;
                ffi::vpx_codec_encode(context, &raw const image, time, lasts, flags, deadline)
            };
            self.context.check(result)?;
            let mut iterator = ptr::null();
            loop {
                // SAFETY: the iterator begins as null; the packet is null or valid until the next call on this context.
                let packet =
                    unsafe { ffi::vpx_codec_get_cx_data(&mut *self.context.0, &mut iterator).as_ref() };
                let Some(packet) = packet else { return Ok(None) };
                if packet.kind != ffi::vpx_codec_cx_pkt_kind::VPX_CODEC_CX_FRAME_PKT {
                    continue;
                }
                // SAFETY: a packet of this kind holds a frame, whose bytes are the library's until the next call.
                let (frame, data) = unsafe {
                    let frame = packet.data.frame;
                    (frame, std::slice::from_raw_parts(frame.buf.cast::<u8>(), frame.sz as usize))
                };
                return Ok(Some(Packet { data, is_key: frame.flags & ffi::VPX_FRAME_IS_KEY != 0 }));
            }
        }
    }
}
