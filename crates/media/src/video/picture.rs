//! A raw picture, as an application sees it: its planes, and what is known of it.

use std::fmt;

use super::VideoSize;
use crate::time::{MediaInstant, RtpTime};
use crate::units::MediaSourceId;

/// The longest side of a raw picture: at 8192 by 8192 pixels it is 101 MB.
const LONGEST_SIDE: u16 = 8192;

/// Black, in studio range (ITU-R BT.601 section 2.5.3): brightness 16, no colour.
const BLACK: (u8, u8) = (16, 128);

/// How the pixels of a raw picture lie in memory. Both have 8 bits a sample and one pair of colour samples for two by two
/// pixels (4:2:0), in studio range; there is no padding, neither behind a row nor between planes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PixelFormat {
    /// Brightness; then U and V in turn.
    #[default]
    Nv12,
    /// Brightness; then all U; then all V.
    I420,
}

/// A size that no raw picture can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a raw picture cannot have {size} pixels: each side must be even, and between 2 and {LONGEST_SIDE}")]
pub struct PictureSizeError {
    /// The size asked for.
    pub size: VideoSize,
}

/// Bytes that are not a whole picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// No picture has this size.
    #[error(transparent)]
    Size(#[from] PictureSizeError),
    /// Too many bytes, or too few.
    #[error("a picture of {size} pixels has {} bytes, not {len}", bytes_of(*size))]
    Length {
        /// The size of the picture.
        size: VideoSize,
        /// How many bytes were given.
        len: usize,
    },
}

impl fmt::Display for VideoSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl VideoSize {
    /// The size, if a raw picture can have it.
    ///
    /// # Errors
    /// When a side is odd, zero, or longer than 8192 pixels: colour is kept for two by two pixels.
    pub fn checked(self) -> Result<Self, PictureSizeError> {
        let Self { width, height } = self;
        let fits = |side: u16| side.is_multiple_of(2) && side > 0 && side <= LONGEST_SIDE;
        if fits(width) && fits(height) { Ok(self) } else { Err(PictureSizeError { size: self }) }
    }

    /// The largest size of a raw picture that is not larger: an odd row or column goes.
    pub(crate) const fn evened(self) -> Self {
        Self { width: self.width & !1, height: self.height & !1 }
    }

    /// How many pixels there are.
    pub fn pixels(self) -> usize {
        usize::from(self.width) * usize::from(self.height)
    }
}

/// One raw picture with its times.
///
/// One that is received belongs to its socket and is lent until the next one is asked for; `clone` keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoFrame {
    format: PixelFormat,
    size: VideoSize,
    data: Vec<u8>,
    capture_time: MediaInstant,
    pub(crate) sender_time: Option<RtpTime>,
    pub(crate) source: Option<MediaSourceId>,
    pub(crate) original_size: VideoSize,
}

/// One plane of a picture: rows of bytes, the next one `stride` bytes behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plane<'a> {
    /// From the first byte of the first row to the last of the last.
    pub data: &'a [u8],
    /// Bytes from the beginning of a row to that of the next.
    pub stride: usize,
}

impl<'a> Plane<'a> {
    /// Its rows, each with what stands behind it.
    pub fn rows(self) -> impl Iterator<Item = &'a [u8]> {
        self.data.chunks(self.stride)
    }
}

impl VideoFrame {
    /// A black picture.
    ///
    /// # Errors
    /// When no picture has this size.
    pub fn new(format: PixelFormat, size: VideoSize) -> Result<Self, PictureSizeError> {
        let mut frame = Self {
            format,
            size: size.checked()?,
            data: Vec::new(),
            capture_time: MediaInstant::ZERO,
            sender_time: None,
            source: None,
            original_size: size,
        };
        frame.data.resize(bytes_of(size), 0);
        frame.blacken();
        Ok(frame)
    }

    /// A picture from its bytes, plane after plane, as [`PixelFormat`] says.
    ///
    /// # Errors
    /// When no picture has this size, or it has another number of bytes.
    pub fn from_data(format: PixelFormat, size: VideoSize, data: Vec<u8>) -> Result<Self, PictureError> {
        let len = data.len();
        if len != bytes_of(size.checked()?) {
            return Err(PictureError::Length { size, len });
        }
        Ok(Self { data, ..Self::without_memory(format, size) })
    }

    /// A picture that gets its memory, and its size, when it is first filled.
    pub(crate) fn empty(format: PixelFormat) -> Self {
        Self::without_memory(format, VideoSize { width: 0, height: 0 })
    }

    fn without_memory(format: PixelFormat, size: VideoSize) -> Self {
        Self {
            format,
            size,
            data: Vec::new(),
            capture_time: MediaInstant::ZERO,
            sender_time: None,
            source: None,
            original_size: size,
        }
    }

    /// How its pixels lie in memory.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// Its size.
    pub fn size(&self) -> VideoSize {
        self.size
    }

    /// All its bytes, plane after plane.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// All its bytes, to be changed in place.
    pub fn data_mut(&mut self) -> &mut [u8] {
        &mut self.data
    }

    /// Brightness: a byte for each pixel.
    pub fn luma(&self) -> Plane<'_> {
        Plane { data: &self.data[..self.size.pixels()], stride: self.size.width.into() }
    }

    /// Colour: the one plane of NV12, or the two of I420, U first.
    pub fn chroma(&self) -> (Plane<'_>, Option<Plane<'_>>) {
        let chroma = &self.data[self.size.pixels()..];
        let width = usize::from(self.size.width);
        match self.format {
            PixelFormat::Nv12 => (Plane { data: chroma, stride: width }, None),
            PixelFormat::I420 => {
                let (u, v) = chroma.split_at(chroma.len() / 2);
                (Plane { data: u, stride: width / 2 }, Some(Plane { data: v, stride: width / 2 }))
            }
        }
    }

    /// When it was captured, on the platform's clock; what is sent carries it to the far end. For a received picture: when
    /// the last packet of it arrived.
    pub fn capture_time(&self) -> MediaInstant {
        self.capture_time
    }

    /// Says when it was captured.
    pub fn set_capture_time(&mut self, capture_time: MediaInstant) {
        self.capture_time = capture_time;
    }

    /// The sender's clock when a received picture was taken, 90 kHz.
    pub fn sender_time(&self) -> Option<RtpTime> {
        self.sender_time
    }

    /// Whose picture it is, if the far end says so.
    pub fn source(&self) -> Option<MediaSourceId> {
        self.source
    }

    /// The size that the picture had before it was brought to the size asked for.
    pub fn original_size(&self) -> VideoSize {
        self.original_size
    }

    /// Becomes black.
    pub fn blacken(&mut self) {
        let (luma, chroma) = self.data.split_at_mut(self.size.pixels());
        luma.fill(BLACK.0);
        chroma.fill(BLACK.1);
    }

    /// Takes another format; what is in it is of no meaning then.
    pub(crate) fn set_format(&mut self, format: PixelFormat) {
        self.format = format;
    }

    /// Takes another size; what is in it is of no meaning then. Allocates only for more than it ever held.
    pub(crate) fn resize(&mut self, size: VideoSize) -> Result<(), PictureSizeError> {
        if size != self.size {
            self.size = size.checked()?;
            self.data.resize(bytes_of(size), 0);
        }
        self.original_size = size;
        Ok(())
    }

    /// Becomes `other`'s picture, in its own format.
    pub(crate) fn copy_from(&mut self, other: &Self) -> Result<(), PictureSizeError> {
        self.resize(other.size)?;
        self.describe_as(other);
        if self.format == other.format {
            self.data.copy_from_slice(&other.data);
            return Ok(());
        }
        let pixels = self.size.pixels();
        let (luma, chroma) = self.data.split_at_mut(pixels);
        luma.copy_from_slice(&other.data[..pixels]);
        let from = &other.data[pixels..];
        match self.format {
            PixelFormat::Nv12 => {
                let (u, v) = from.split_at(from.len() / 2);
                interleave(u, v, chroma);
            }
            PixelFormat::I420 => {
                let (u, v) = chroma.split_at_mut(from.len() / 2);
                for ((pair, u), v) in from.chunks_exact(2).zip(u).zip(v) {
                    (*u, *v) = (pair[0], pair[1]);
                }
            }
        }
        Ok(())
    }

    /// `picture` itself, if it is I420 as most encoders want it; otherwise this one, that becomes it.
    #[cfg(any(feature = "openh264", feature = "libvpx"))]
    pub(crate) fn planar<'a>(&'a mut self, picture: &'a Self) -> Result<&'a Self, PictureSizeError> {
        if picture.format == PixelFormat::I420 {
            return Ok(picture);
        }
        self.format = PixelFormat::I420;
        self.copy_from(picture)?;
        Ok(self)
    }

    /// Becomes the picture of `size` in three planes, brightness, U and V, of somebody else's. An odd row or column is left out.
    ///
    /// # Errors
    /// When no picture has this size.
    ///
    /// # Panics
    /// When a plane is shorter than its part of the picture.
    pub fn copy_planes(
        &mut self,
        size: VideoSize,
        [y, u, v]: [Plane<'_>; 3],
    ) -> Result<(), PictureSizeError> {
        self.resize(size.evened())?;
        self.original_size = size;
        let width = usize::from(self.size.width);
        let (luma, chroma) = self.data.split_at_mut(self.size.pixels());
        copy_rows(y, width, luma);
        match self.format {
            PixelFormat::Nv12 => {
                for ((u, v), row) in u.rows().zip(v.rows()).zip(chroma.chunks_exact_mut(width)) {
                    interleave(&u[..width / 2], &v[..width / 2], row);
                }
            }
            PixelFormat::I420 => {
                let (to_u, to_v) = chroma.split_at_mut(chroma.len() / 2);
                copy_rows(u, width / 2, to_u);
                copy_rows(v, width / 2, to_v);
            }
        }
        Ok(())
    }

    /// Takes everything of `other` that is not pixels.
    pub(crate) fn describe_as(&mut self, other: &Self) {
        self.capture_time = other.capture_time;
        self.sender_time = other.sender_time;
        self.source = other.source;
        self.original_size = other.original_size;
    }
}

/// How far two pictures of one size are apart: the peak signal-to-noise ratio of their brightness, in decibels. Infinite for
/// equal ones, none for pictures of two sizes.
pub fn psnr(a: &VideoFrame, b: &VideoFrame) -> Option<f64> {
    if a.size != b.size {
        return None;
    }
    let pairs = a.luma().data.iter().zip(b.luma().data);
    let squares: u64 = pairs.map(|(&a, &b)| u64::from(a.abs_diff(b)).pow(2)).sum();
    let mean = squares as f64 / a.size.pixels() as f64;
    Some(10.0 * (255.0 * 255.0 / mean).log10())
}

fn copy_rows(from: Plane<'_>, width: usize, to: &mut [u8]) {
    for (from, to) in from.rows().zip(to.chunks_exact_mut(width)) {
        to.copy_from_slice(&from[..width]);
    }
}

fn interleave(u: &[u8], v: &[u8], to: &mut [u8]) {
    for ((pair, u), v) in to.chunks_exact_mut(2).zip(u).zip(v) {
        (pair[0], pair[1]) = (*u, *v);
    }
}

const fn bytes_of(size: VideoSize) -> usize {
    size.width as usize * size.height as usize / 2 * 3
}

#[cfg(test)]
mod tests;
