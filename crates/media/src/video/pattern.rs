//! A moving picture with a running clock in it that a machine can read: what a bot shows that has no film, and how long a
//! picture took from one end to the other.

use std::ops::Range;
use std::time::Duration;

use super::VideoSize;
use super::picture::VideoFrame;

/// Blocks beside each other, in each of the clock's two rows. As many bits are a millisecond counter and its checksum.
const COLUMNS: usize = 20;

/// The bits of the counter: it wraps after 49 days.
const COUNTER_BITS: usize = 32;

/// Brightness of a one: white in studio range.
const WHITE: u8 = 235;

/// Brightness of a zero: black.
const BLACK: u8 = 16;

/// Fills `frame` with the pattern as it is at `at`, and burns that time into it.
pub fn draw_pattern(frame: &mut VideoFrame, at: Duration) {
    let millis = at.as_millis() as usize;
    let VideoSize { width, height } = frame.size();
    let (width, height) = (usize::from(width), usize::from(height));
    let (luma, chroma) = frame.data_mut().split_at_mut(width * height);
    // Stripes that drift to the left, a picture's width in four seconds, and are brighter below.
    let drift = millis * width / 4000;
    let (first, below) = luma.split_at_mut(width);
    for (x, pixel) in first.iter_mut().enumerate() {
        let wave = ((x + drift) * 512 / width) % 256;
        *pixel = (40 + wave.min(255 - wave)) as u8;
    }
    for (y, row) in below.chunks_exact_mut(width).enumerate() {
        let brighter = (y * 60 / height) as u8;
        for (pixel, first) in row.iter_mut().zip(&*first) {
            *pixel = first + brighter;
        }
    }
    // Colour changes with time only, so that it lies in either format's planes alike.
    chroma.fill((96 + millis / 40 % 64) as u8);
    // A ball, square, that crosses the picture in three seconds and bounces.
    let side = (height / 6).max(2);
    let bounce = |period: usize, room: usize| {
        let phase = millis % (2 * period);
        phase.min(2 * period - phase) * room / period
    };
    let (left, top) = (bounce(3000, width.saturating_sub(side)), bounce(1700, height.saturating_sub(side)));
    fill(frame, left..left + side, top..top + side, 220);
    burn_clock(frame, at);
}

/// Writes `at` into the top of a picture: milliseconds in blocks of black and white, two rows of twenty.
pub fn burn_clock(frame: &mut VideoFrame, at: Duration) {
    let bits = with_checksum(at.as_millis() as u32);
    for (place, block) in blocks(frame.size()).enumerate() {
        let is_one = bits >> place & 1 == 1;
        fill(frame, block.columns, block.rows, if is_one { WHITE } else { BLACK });
    }
}

/// Reads what [`burn_clock`] wrote, also after the picture was encoded, or brought to another size of the same shape; `None`
/// where there is none, or it cannot be read for sure.
pub fn read_clock(frame: &VideoFrame) -> Option<Duration> {
    let luma = frame.luma();
    let bits = blocks(frame.size()).enumerate().try_fold(0_u64, |bits, (place, block)| {
        // The middle of the block, away from what compression smears over its edges.
        let (columns, rows) = (middle(&block.columns), middle(&block.rows));
        let pixels = (columns.len() * rows.len()) as u64;
        let sum: u64 = rows
            .map(|y| luma.data.get(y * luma.stride..).and_then(|row| row.get(columns.clone())))
            .map(|part| part.map(|part| part.iter().map(|&pixel| u64::from(pixel)).sum::<u64>()))
            .sum::<Option<u64>>()?;
        let is_one = sum > pixels * u64::from(WHITE.midpoint(BLACK));
        Some(bits | u64::from(is_one) << place)
    })?;
    let millis = bits as u32;
    (with_checksum(millis) == bits).then(|| Duration::from_millis(millis.into()))
}

/// Where a bit stands.
struct Block {
    columns: Range<usize>,
    rows: Range<usize>,
}

/// The blocks of a picture, in the order of their bits: squares, as long as the picture is high enough.
fn blocks(size: VideoSize) -> impl Iterator<Item = Block> {
    let (width, height) = (usize::from(size.width), usize::from(size.height));
    let side = (width / COLUMNS).min(height / 2);
    (0..2).flat_map(move |row| {
        (0..COLUMNS).map(move |column| Block {
            columns: column * width / COLUMNS..(column + 1) * width / COLUMNS,
            rows: row * side..(row + 1) * side,
        })
    })
}

/// The middle half of `range`; one place at least.
fn middle(range: &Range<usize>) -> Range<usize> {
    let quarter = range.len() / 4;
    range.start + quarter..(range.end - quarter).max(range.start + quarter + 1)
}

/// The counter with eight bits behind it that are right by chance once in 256 pictures, and never in a black one.
fn with_checksum(millis: u32) -> u64 {
    let checksum = millis.to_le_bytes().into_iter().fold(0xff_u8, |crc, byte| {
        (0..8).fold(crc ^ byte, |crc, _| if crc & 0x80 == 0 { crc << 1 } else { crc << 1 ^ 0x07 })
    });
    u64::from(millis) | u64::from(checksum) << COUNTER_BITS
}

/// Fills a rectangle of brightness, as far as it lies within the picture.
fn fill(frame: &mut VideoFrame, columns: Range<usize>, rows: Range<usize>, luma: u8) {
    let VideoSize { width, height } = frame.size();
    let (width, height) = (usize::from(width), usize::from(height));
    let columns = columns.start.min(width)..columns.end.min(width);
    let data = frame.data_mut();
    for y in rows.start.min(height)..rows.end.min(height) {
        data[y * width..][columns.clone()].fill(luma);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::video::picture::PixelFormat;
    use crate::video::scale::Scaler;

    fn pattern(size: VideoSize, at: Duration) -> VideoFrame {
        let mut frame = VideoFrame::new(PixelFormat::Nv12, size).unwrap();
        draw_pattern(&mut frame, at);
        frame
    }

    #[test]
    fn the_clock_is_read_at_every_size_and_after_scaling() {
        let at = Duration::from_millis(0x1234_5678);
        for (width, height) in [(1920, 1080), (1280, 720), (320, 180), (180, 320), (160, 90), (50, 40)] {
            let frame = pattern(VideoSize { width, height }, at);
            assert_eq!(read_clock(&frame), Some(at), "{width}x{height}");
        }
        let mut small = VideoFrame::new(PixelFormat::Nv12, VideoSize { width: 320, height: 180 }).unwrap();
        Scaler::new().scale(&pattern(VideoSize { width: 1280, height: 720 }, at), &mut small);
        assert_eq!(read_clock(&small), Some(at));
    }

    #[test]
    fn where_there_is_no_clock_none_is_read() {
        let size = VideoSize { width: 320, height: 180 };
        let mut frame = VideoFrame::new(PixelFormat::I420, size).unwrap();
        assert_eq!(read_clock(&frame), None, "black");
        frame.data_mut().fill(235);
        assert_eq!(read_clock(&frame), None, "white");
        assert_eq!(
            read_clock(&VideoFrame::new(PixelFormat::Nv12, VideoSize { width: 2, height: 2 }).unwrap()),
            None
        );
        assert_eq!(read_clock(&VideoFrame::empty(PixelFormat::Nv12)), None);
    }

    #[test]
    fn the_pattern_moves() {
        let size = VideoSize { width: 320, height: 180 };
        let frames: Vec<_> = (0..10).map(|i| pattern(size, Duration::from_millis(i * 33))).collect();
        assert!(frames.windows(2).all(|pair| pair[0].data() != pair[1].data()));
    }

    proptest! {
        #[test]
        fn a_picture_with_noise_is_read_right_or_not_at_all(millis: u32, seed: u64, noise in 0_u64..90) {
            let at = Duration::from_millis(millis.into());
            let mut frame = pattern(VideoSize { width: 320, height: 180 }, at);
            let mut state = seed | 1;
            for pixel in frame.data_mut() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                *pixel = pixel.saturating_add((state >> 40) as u8 % (noise as u8 + 1));
            }
            prop_assert_eq!(read_clock(&frame), Some(at));
        }
    }
}
