//! Decodes the frames of a socket, whatever they are, to the pictures that its reader asked for.

use super::{CodecError, VideoDecode, decoder};
use crate::video::picture::{PictureSizeError, PixelFormat, VideoFrame};
use crate::video::scale::Scaler;
use crate::video::{EncodedVideoFrame, VideoCodec, VideoSize};

/// Turns encoded frames into pictures of one format and, if that is asked for, one size. The codec, the size and the sender may
/// change at any key frame.
pub struct VideoDecoder {
    format: PixelFormat,
    size: Option<VideoSize>,
    decoder: Option<(VideoCodec, Box<dyn VideoDecode>)>,
    /// Nothing can be decoded before the next key frame.
    needs_key_frame: bool,
    /// The picture at its own size, where another is asked for.
    whole: VideoFrame,
    scaler: Scaler,
}

impl VideoDecoder {
    /// A decoder to pictures of `format`; of `size`, where one is given, and otherwise of the size that they come in.
    ///
    /// What has another shape than `size` is shown whole, between black bars.
    ///
    /// # Errors
    /// When no picture has this size.
    pub fn new(format: PixelFormat, size: Option<VideoSize>) -> Result<Self, PictureSizeError> {
        Ok(Self {
            format,
            size: size.map(VideoSize::checked).transpose()?,
            decoder: None,
            needs_key_frame: true,
            whole: VideoFrame::empty(format),
            scaler: Scaler::new(),
        })
    }

    /// A picture to decode into.
    pub fn picture(&self) -> VideoFrame {
        let empty = VideoFrame::empty(self.format);
        self.size.and_then(|size| VideoFrame::new(self.format, size).ok()).unwrap_or(empty)
    }

    /// Whether nothing can be decoded before the next key frame: at the beginning, and after a frame that was damaged. The
    /// sender is to be asked for one.
    pub fn needs_key_frame(&self) -> bool {
        self.needs_key_frame
    }

    /// A frame was left out: those that follow refer to it, and are left out, too.
    pub fn skip_to_key_frame(&mut self) {
        self.needs_key_frame = true;
    }

    /// Decodes a frame into `picture`, which takes the format and the size of this decoder. `false`: there is nothing to show,
    /// such as before the first key frame.
    ///
    /// # Errors
    /// When the codec is not built in, or the frame cannot be decoded.
    pub fn decode(
        &mut self,
        frame: &EncodedVideoFrame,
        picture: &mut VideoFrame,
    ) -> Result<bool, CodecError> {
        if self.needs_key_frame && !frame.is_key() {
            return Ok(false);
        }
        let decoder = match self.decoder.take() {
            Some((codec, decoder)) if codec == frame.codec() => decoder,
            _ => decoder(frame.codec())?,
        };
        let (_, decoder) = self.decoder.insert((frame.codec(), decoder));
        // Until it is known that this one could be.
        self.needs_key_frame = true;
        picture.set_format(self.format);
        let scaled = self.size.is_some();
        let whole = if scaled { &mut self.whole } else { &mut *picture };
        if !decoder.decode(frame, whole)? {
            self.needs_key_frame = false;
            return Ok(false);
        }
        self.needs_key_frame = false;
        whole.set_capture_time(frame.last_arrival());
        whole.sender_time = Some(frame.sender_time());
        whole.source = frame.source();
        if let Some(size) = self.size {
            picture.resize(size)?;
            self.scaler.scale(&self.whole, picture);
        }
        Ok(true)
    }
}
