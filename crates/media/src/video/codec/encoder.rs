//! Encodes pictures of any size and format as one stream.

use super::{CodecError, VideoEncode, encoder};
use crate::video::bandwidth::BitRate;
use crate::video::picture::{PixelFormat, VideoFrame};
use crate::video::scale::{Scaler, fitted};
use crate::video::{EncodedVideoFrame, VideoCodec, VideoSize};

/// How pictures are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VideoEncoderSettings {
    pub(crate) codec: VideoCodec,
    pub(crate) size: Option<VideoSize>,
    pub(crate) bit_rate: BitRate,
    pub(crate) frames_per_second: u32,
    pub(crate) shrinks: bool,
}

impl VideoEncoderSettings {
    /// Frames of `codec`.
    #[must_use]
    pub const fn new(codec: VideoCodec) -> Self {
        let bit_rate = BitRate::from_kilobits_per_second(1000);
        Self { codec, size: None, bit_rate, frames_per_second: 30, shrinks: true }
    }

    /// The size that pictures are encoded at, whatever they come in. Default: their own. Costs the scaling where it differs.
    #[must_use]
    pub const fn size(mut self, size: VideoSize) -> Self {
        self.size = Some(size);
        self
    }

    /// Bits a second. Default 1 Mb/s; a socket's encoder follows what the network takes.
    #[must_use]
    pub const fn bit_rate(mut self, rate: BitRate) -> Self {
        self.bit_rate = rate;
        self
    }

    /// How many pictures come in a second, for sharing the bits out. Default 30, at least 1.
    #[must_use]
    pub const fn frames_per_second(mut self, frames: u32) -> Self {
        self.frames_per_second = if frames == 0 { 1 } else { frames };
        self
    }

    /// Whether a [`RawVideoSender`](crate::raw_video::RawVideoSender) makes its picture smaller, to half or a quarter of each side,
    /// while the network takes too few bits for all of it: less than 550 kb/s for 1280 by 720, 30 times a second. Default `true`;
    /// `false` for what has to be read, such as a screen. With simulcast the layers do that.
    #[must_use]
    pub const fn shrinks(mut self, shrinks: bool) -> Self {
        self.shrinks = shrinks;
        self
    }
}

/// Turns pictures into the frames of one stream, which begins with a key frame and has no more of them than are asked for.
pub struct VideoEncoder {
    encoder: Box<dyn VideoEncode>,
    size: Option<VideoSize>,
    most: Option<VideoSize>,
    scaler: Scaler,
    /// A picture brought to the size asked for, in either format.
    scaled: [VideoFrame; 2],
}

impl VideoEncoder {
    /// An encoder.
    ///
    /// # Errors
    /// When the codec is not built in, no picture has the size asked for, or the library refuses.
    pub fn new(settings: &VideoEncoderSettings) -> Result<Self, CodecError> {
        Ok(Self {
            encoder: encoder(settings)?,
            size: settings.size.map(VideoSize::checked).transpose()?,
            most: None,
            scaler: Scaler::new(),
            scaled: [PixelFormat::Nv12, PixelFormat::I420].map(VideoFrame::empty),
        })
    }

    /// Encodes a picture into `frame`. `false`: the encoder left it out to keep to its bit rate, and `frame` is empty.
    ///
    /// # Errors
    /// When the library takes no such picture.
    pub fn encode(
        &mut self,
        picture: &VideoFrame,
        frame: &mut EncodedVideoFrame,
    ) -> Result<bool, CodecError> {
        let size = self.size_for(picture.size());
        if size == picture.size() {
            return self.encoder.encode(picture, frame);
        }
        let [nv12, i420] = &mut self.scaled;
        let scaled = if picture.format() == PixelFormat::Nv12 { nv12 } else { i420 };
        scaled.resize(size)?;
        self.scaler.scale(picture, scaled);
        self.encoder.encode(scaled, frame)
    }

    /// The size that a picture of `size` is encoded at.
    fn size_for(&self, size: VideoSize) -> VideoSize {
        let size = self.size.unwrap_or(size);
        let is_larger = |most: &VideoSize| size.width > most.width || size.height > most.height;
        self.most.filter(is_larger).map_or(size, |most| fitted(size, most))
    }

    /// Makes the next frame a key frame.
    pub fn request_key_frame(&mut self) {
        self.encoder.request_key_frame();
    }

    /// How many bits a second the frames may take from now on.
    ///
    /// # Errors
    /// When the library takes no such rate.
    pub fn set_bit_rate(&mut self, rate: BitRate) -> Result<(), CodecError> {
        self.encoder.set_bit_rate(rate)
    }

    /// The size that pictures are encoded at from the next one on, which is a key frame if it differs; `None` is their own.
    ///
    /// # Errors
    /// When no picture has this size.
    pub fn set_size(&mut self, size: Option<VideoSize>) -> Result<(), CodecError> {
        self.size = size.map(VideoSize::checked).transpose()?;
        Ok(())
    }

    /// The largest picture that anybody wants: what is larger is made smaller, and keeps its shape. `None` is no limit.
    ///
    /// # Errors
    /// When no picture has this size.
    pub fn set_most(&mut self, most: Option<VideoSize>) -> Result<(), CodecError> {
        self.most = most.map(VideoSize::checked).transpose()?;
        Ok(())
    }
}
