//! H.264 (ITU-T H.264, baseline profile) through OpenH264. The only file that names the binding.
//!
//! The library is built from its source. Cisco pays the patent fees for its own binaries only: whoever ships this codec sees to
//! the licence.

use openh264::formats::{YUVSlices, YUVSource};
use openh264::{OpenH264API, Timestamp, decoder, encoder};

use super::{CodecError, MOST_PIXELS, VideoDecode, VideoEncode, VideoEncoderSettings};
use crate::video::bandwidth::BitRate;
use crate::video::picture::{PixelFormat, Plane, VideoFrame};
use crate::video::{EncodedVideoFrame, VideoCodec, VideoSize};

/// The longest and the shorter side of the largest picture that the library encodes.
const LARGEST: (u16, u16) = (3840, 2160);

/// Decodes one stream: all of the high profile that has one field a picture and 8 bits a sample.
pub(super) struct Decoder(decoder::Decoder);

impl Decoder {
    pub(super) fn new() -> Result<Self, CodecError> {
        let decoder =
            decoder::Decoder::with_api_config(OpenH264API::from_source(), decoder::DecoderConfig::new());
        decoder.map(Self).map_err(|error| refused("decoder set-up", &error))
    }
}

impl VideoDecode for Decoder {
    fn decode(&mut self, frame: &EncodedVideoFrame, picture: &mut VideoFrame) -> Result<bool, CodecError> {
        let data = frame.data();
        let damaged =
            |reason: String| CodecError::Damaged { codec: VideoCodec::H264, len: data.len(), reason };
        // To the library, no bytes are the end of the stream.
        if data.is_empty() {
            return Err(damaged("it is empty".to_owned()));
        }
        let decoded = self.0.decode(data).map_err(|error| damaged(error.to_string()))?;
        let Some(decoded) = decoded else {
            // A frame that came whole shows something.
            return Err(damaged("there is no picture in it".to_owned()));
        };
        let (width, height) = decoded.dimensions();
        let side = |pixels: usize| u16::try_from(pixels).map_err(|_| damaged("it is too large".to_owned()));
        let size = VideoSize { width: side(width)?, height: side(height)? };
        if size.pixels() > MOST_PIXELS {
            return Err(CodecError::TooLarge { codec: VideoCodec::H264, size });
        }
        let (y, u, v) = decoded.strides();
        let planes = [(decoded.y(), y), (decoded.u(), u), (decoded.v(), v)];
        picture.copy_planes(size, planes.map(|(data, stride)| Plane { data, stride }))?;
        Ok(true)
    }
}

/// Encodes one stream.
pub(super) struct Encoder {
    encoder: encoder::Encoder,
    /// What it was made for: it takes its size from the pictures, and with each size this rate.
    made_for: u32,
    rate: u32,
    size: Option<VideoSize>,
    /// The library takes I420 only.
    planar: VideoFrame,
}

impl Encoder {
    pub(super) fn new(settings: &VideoEncoderSettings) -> Result<Self, CodecError> {
        let rate = bits(settings.bit_rate);
        let config = encoder::EncoderConfig::new()
            .usage_type(encoder::UsageType::CameraVideoRealTime)
            .rate_control_mode(encoder::RateControlMode::Bitrate)
            .bitrate(encoder::BitRate::from_bps(rate))
            .max_frame_rate(encoder::FrameRate::from_hz(settings.frames_per_second as f32))
            .skip_frames(true)
            // Key frames come when they are asked for.
            .scene_change_detect(false)
            // One thread: a machine has more streams than cores.
            .num_threads(1);
        let encoder = encoder::Encoder::with_api_config(OpenH264API::from_source(), config)
            .map_err(|error| refused("encoder set-up", &error))?;
        let planar = VideoFrame::empty(PixelFormat::I420);
        Ok(Self { encoder, made_for: rate, rate, size: None, planar })
    }
}

impl VideoEncode for Encoder {
    fn encode(&mut self, picture: &VideoFrame, frame: &mut EncodedVideoFrame) -> Result<bool, CodecError> {
        let size = picture.size().checked()?;
        let (long, short) = (size.width.max(size.height), size.width.min(size.height));
        if long > LARGEST.0 || short > LARGEST.1 {
            return Err(CodecError::TooLarge { codec: VideoCodec::H264, size });
        }
        let picture = self.planar.planar(picture)?;
        frame.begin(VideoCodec::H264, picture);
        let (u, v) = picture.chroma();
        let v = v.expect("an I420 picture has two planes of colour");
        let (width, height) = (usize::from(size.width), usize::from(size.height));
        let planes = YUVSlices::new(
            (picture.luma().data, u.data, v.data),
            (width, height),
            (width, width / 2, width / 2),
        );
        let millis = picture.capture_time().as_nanos() / 1_000_000;
        let encoded = self.encoder.encode_at(&planes, Timestamp::from_millis(millis));
        let encoded = encoded.map_err(|error| refused("encoding", &error))?;
        encoded.write_vec(&mut frame.data);
        frame.is_key = encoded.frame_type() == encoder::FrameType::IDR;
        if self.size.replace(size) != Some(size) && self.rate != self.made_for {
            self.set_bit_rate(BitRate::from_bits_per_second(self.rate.into()))?;
        }
        Ok(!frame.data.is_empty())
    }

    fn request_key_frame(&mut self) {
        // Before its first picture, which is one, the library has nothing to ask.
        if self.size.is_some() {
            self.encoder.force_intra_frame();
        }
    }

    fn set_bit_rate(&mut self, rate: BitRate) -> Result<(), CodecError> {
        self.rate = bits(rate);
        // It has no rate to change before it has a size; then the one of now is set.
        if self.size.is_some() {
            library::set_bit_rate(&mut self.encoder, self.rate).map_err(|reason| CodecError::Refused {
                codec: VideoCodec::H264,
                task: "setting the bit rate",
                reason,
            })?;
        }
        Ok(())
    }
}

/// The library counts bits in signed 32-bit numbers, and takes no rate below one a frame.
fn bits(rate: BitRate) -> u32 {
    rate.bits_per_second().clamp(10_000, 200_000_000) as u32
}

fn refused(task: &'static str, error: &openh264::Error) -> CodecError {
    CodecError::Refused { codec: VideoCodec::H264, task, reason: error.to_string() }
}

/// What the safe binding does not pass on.
#[expect(unsafe_code, reason = "the safe binding has no way to change the bit rate of a stream")]
mod library {
    use std::ffi::c_int;

    use openh264::encoder::Encoder;
    use openh264_sys2::{
        ENCODER_OPTION, ENCODER_OPTION_BITRATE, ENCODER_OPTION_MAX_BITRATE, SBitrateInfo, SPATIAL_LAYER_0,
    };

    /// Sets the rate of the one layer, and lets it go over that by a quarter for a moment. Not before the first picture.
    pub(super) fn set_bit_rate(encoder: &mut Encoder, bits: u32) -> Result<(), String> {
        let most = bits / 4 * 5;
        let present = get(encoder, ENCODER_OPTION_BITRATE)?;
        // The library refuses a rate above the highest.
        if bits.cast_signed() > present {
            set(encoder, ENCODER_OPTION_MAX_BITRATE, most)?;
            set(encoder, ENCODER_OPTION_BITRATE, bits)
        } else {
            set(encoder, ENCODER_OPTION_BITRATE, bits)?;
            set(encoder, ENCODER_OPTION_MAX_BITRATE, most)
        }
    }

    fn set(encoder: &mut Encoder, option: ENCODER_OPTION, bits: u32) -> Result<(), String> {
        let mut info = SBitrateInfo { iLayer: SPATIAL_LAYER_0, iBitrate: bits.cast_signed() };
        // SAFETY: both options take this structure, which is valid for the call; the encoder was initialised with its first
        // picture, and the binding keeps no rate of its own but for another size.
        let result = unsafe { encoder.raw_api().set_option(option, (&raw mut info).cast()) };
        check(result)
    }

    fn get(encoder: &mut Encoder, option: ENCODER_OPTION) -> Result<c_int, String> {
        let mut info = SBitrateInfo { iLayer: SPATIAL_LAYER_0, iBitrate: 0 };
        // SAFETY: the option fills this structure, which is valid for the call.
        let result = unsafe { encoder.raw_api().get_option(option, (&raw mut info).cast()) };
        check(result)?;
        Ok(info.iBitrate)
    }

    fn check(result: c_int) -> Result<(), String> {
        if result == 0 { Ok(()) } else { Err(format!("OpenH264 error {result}")) }
    }
}
