//! Brings pictures to the size asked for. The only file that names the library that does.

use fast_image_resize::images::{TypedCroppedImageMut, TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8, U8x2};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};

use super::VideoSize;
use super::picture::{PixelFormat, VideoFrame};

/// Scales pictures of one format, each to the size of the picture that it goes to. What has another shape is shown whole,
/// between black bars.
pub(crate) struct Scaler {
    resizer: Resizer,
    options: ResizeOptions,
}

/// Where a picture stands in another, in pixels; all even.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
}

impl Scaler {
    pub(crate) fn new() -> Self {
        // The mean of what a pixel covers, with soft edges; colour next to brightness is no transparency.
        let options =
            ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear)).use_alpha(false);
        Self { resizer: Resizer::new(), options }
    }

    /// Fills `to` with the picture of `from`. Both must have one format.
    pub(crate) fn scale(&mut self, from: &VideoFrame, to: &mut VideoFrame) {
        debug_assert_eq!(from.format(), to.format(), "a scaler does not convert");
        let (size, to_size) = (from.size(), to.size());
        to.describe_as(from);
        if size == to_size {
            to.data_mut().copy_from_slice(from.data());
            return;
        }
        let place = Place::of(size, to_size);
        if place.is_smaller_than(to_size) {
            to.blacken();
        }
        let (luma, chroma) = to.data_mut().split_at_mut(to_size.pixels());
        self.plane::<U8>(1, (size, from.luma().data), (to_size, luma), place);
        match (from.format(), from.chroma()) {
            (PixelFormat::I420, (u, Some(v))) => {
                let (to_u, to_v) = chroma.split_at_mut(chroma.len() / 2);
                self.plane::<U8>(2, (size, u.data), (to_size, to_u), place);
                self.plane::<U8>(2, (size, v.data), (to_size, to_v), place);
            }
            (_, (uv, _)) => self.plane::<U8x2>(2, (size, uv.data), (to_size, chroma), place),
        }
    }

    /// Scales one plane, which holds a sample for `step` by `step` pixels.
    fn plane<P: PixelTrait>(
        &mut self,
        step: u32,
        (size, from): (VideoSize, &[u8]),
        (to_size, to): (VideoSize, &mut [u8]),
        place: Place,
    ) {
        let samples = |side: u16| u32::from(side) / step;
        let from = TypedImageRef::<P>::from_buffer(samples(size.width), samples(size.height), from);
        let to = TypedImage::<P>::from_buffer(samples(to_size.width), samples(to_size.height), to);
        let (from, to) = from.ok().zip(to.ok()).expect("a plane has the bytes that its size makes");
        let [left, top, width, height] =
            [place.left, place.top, place.width, place.height].map(|pixels| pixels / step);
        let mut part = TypedCroppedImageMut::new(to, left, top, width, height)
            .expect("the place lies within the picture");
        // By its kind of sample: of the library, what is for others is not compiled.
        self.resizer
            .resize_typed(&from, &mut part, &self.options)
            .expect("the whole picture is within itself");
    }
}

/// The largest size of a picture of this shape that lies within `most`.
pub(crate) fn fitted(size: VideoSize, most: VideoSize) -> VideoSize {
    let Place { width, height, .. } = Place::of(size, most);
    // No longer than the sides of `most`.
    VideoSize { width: width as u16, height: height as u16 }
}

impl Place {
    /// The largest place in `to` that has the shape of `from`, in the middle.
    fn of(from: VideoSize, to: VideoSize) -> Self {
        let [from_width, from_height, width, height] =
            [from.width, from.height, to.width, to.height].map(u32::from);
        // Rounded to even numbers.
        let share = |side: u32, of: u32, whole: u32| ((side * of + whole) / (2 * whole) * 2).max(2);
        let (width, height) = if from_width * height >= from_height * width {
            (width, share(width, from_height, from_width).min(height))
        } else {
            (share(height, from_width, from_height).min(width), height)
        };
        let margin = |side: u16, part: u32| (u32::from(side) - part) / 4 * 2;
        Self { left: margin(to.width, width), top: margin(to.height, height), width, height }
    }

    fn is_smaller_than(self, size: VideoSize) -> bool {
        (self.width, self.height) != (size.width.into(), size.height.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::video::picture::psnr;

    const fn size(width: u16, height: u16) -> VideoSize {
        VideoSize { width, height }
    }

    /// Brightness grows to the right, colour downwards.
    fn slope(format: PixelFormat, size: VideoSize) -> VideoFrame {
        let (width, height) = (usize::from(size.width), usize::from(size.height));
        let luma = (0..width * height).map(|at| (at % width * 200 / width + 20) as u8);
        let (columns, rows) = (width / 2, height / 2);
        let u = (0..columns * rows).map(|at| (at / columns * 200 / rows + 20) as u8);
        let data = luma.chain(u.clone()).chain(u.map(|u| 240 - u)).collect();
        let planar = VideoFrame::from_data(PixelFormat::I420, size, data).unwrap();
        let mut frame = VideoFrame::empty(format);
        frame.copy_from(&planar).unwrap();
        frame
    }

    #[test]
    fn a_picture_of_the_same_shape_is_the_same_picture_at_every_size() {
        for format in [PixelFormat::Nv12, PixelFormat::I420] {
            for (from, to) in [
                (size(1280, 720), size(320, 180)),
                (size(320, 180), size(1280, 720)),
                (size(640, 360), size(640, 360)),
            ] {
                let mut scaled = VideoFrame::new(format, to).unwrap();
                Scaler::new().scale(&slope(format, from), &mut scaled);
                let expected = slope(format, to);
                assert!(psnr(&scaled, &expected).unwrap() > 45.0, "{from} to {to}");
                let colour = |frame: &VideoFrame| frame.data()[to.pixels()..].to_vec();
                let worst =
                    colour(&scaled).iter().zip(colour(&expected)).map(|(&a, b)| a.abs_diff(b)).max().unwrap();
                assert!(worst <= 3, "colour is off by {worst}, {from} to {to}");
                assert_eq!((scaled.size(), scaled.original_size()), (to, from));
            }
        }
    }

    #[test]
    fn a_picture_of_another_shape_is_shown_whole_between_black_bars() {
        for format in [PixelFormat::Nv12, PixelFormat::I420] {
            let mut scaled = VideoFrame::new(format, size(64, 64)).unwrap();
            scaled.data_mut().fill(99);
            Scaler::new().scale(&slope(format, size(64, 32)), &mut scaled);
            let rows: Vec<_> = scaled.luma().data.chunks(64).map(|row| row[63] > 200).collect();
            assert_eq!(rows, (0..64).map(|row| (16..48).contains(&row)).collect::<Vec<_>>());
            assert_eq!((scaled.luma().data[0], scaled.data()[64 * 64]), (16, 128), "the bar is black");
        }
    }

    #[test]
    fn places_are_even_and_within() {
        for (from, to, expected) in [
            (size(1280, 720), size(640, 360), (0, 0, 640, 360)),
            (size(720, 1280), size(640, 360), (218, 0, 202, 360)),
            (size(4, 3), size(1280, 720), (160, 0, 960, 720)),
            (size(8192, 2), size(2, 2), (0, 0, 2, 2)),
            (size(2, 8192), size(64, 64), (30, 0, 2, 64)),
        ] {
            let Place { left, top, width, height } = Place::of(from, to);
            assert_eq!((left, top, width, height), expected, "{from} in {to}");
        }
    }
}
