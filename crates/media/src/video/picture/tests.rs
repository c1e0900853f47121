//! Formats, sizes and memory of raw pictures.

use super::*;

const SIZE: VideoSize = VideoSize { width: 6, height: 4 };

/// Brightness 0 to 23, U from 100 on, V from 200 on.
fn i420() -> VideoFrame {
    let data = (0..24).chain(100..106).chain(200..206).collect();
    VideoFrame::from_data(PixelFormat::I420, SIZE, data).unwrap()
}

#[test]
fn colour_moves_between_the_formats_and_nothing_is_lost() {
    let mut nv12 = VideoFrame::empty(PixelFormat::Nv12);
    nv12.copy_from(&i420()).unwrap();
    assert_eq!(nv12.data()[24..], [100, 200, 101, 201, 102, 202, 103, 203, 104, 204, 105, 205]);
    let mut back = VideoFrame::empty(PixelFormat::I420);
    back.copy_from(&nv12).unwrap();
    assert_eq!(back, i420());
    let (u, v) = back.chroma();
    assert_eq!((u.data[0], u.stride, v.unwrap().data[0]), (100, 3, 200));
}

/// A decoder's rows are longer than the picture, and its picture may be odd.
#[test]
fn planes_with_padding_become_a_picture_without_and_an_odd_edge_goes() {
    let odd = VideoSize { width: 7, height: 5 };
    // 5 rows of 7 in 10; colour is 4 by 3, in rows of 6.
    let plane = |stride: usize, rows: usize, width: usize, first: u8| {
        let mut data = vec![255; stride * (rows - 1) + width];
        for row in 0..rows {
            for column in 0..width {
                data[row * stride + column] = first + (row * 10 + column) as u8;
            }
        }
        data
    };
    let (y, u, v) = (plane(10, 5, 7, 0), plane(6, 3, 4, 100), plane(6, 3, 4, 200));
    let planes = [(&y, 10), (&u, 6), (&v, 6)].map(|(data, stride)| Plane { data, stride });
    for format in [PixelFormat::I420, PixelFormat::Nv12] {
        let mut frame = VideoFrame::empty(format);
        frame.copy_planes(odd, planes).unwrap();
        assert_eq!((frame.size(), frame.original_size()), (SIZE, odd));
        assert_eq!(frame.luma().data[..12], [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15]);
        let mut planar = VideoFrame::empty(PixelFormat::I420);
        planar.copy_from(&frame).unwrap();
        assert_eq!(planar.data()[24..], [100, 101, 102, 110, 111, 112, 200, 201, 202, 210, 211, 212]);
    }
}

#[test]
fn sizes_without_whole_colour_samples_are_refused() {
    for (width, height) in [(0, 2), (2, 0), (3, 2), (2, 3), (8194, 2), (2, u16::MAX)] {
        let size = VideoSize { width, height };
        assert_eq!(VideoFrame::new(PixelFormat::Nv12, size), Err(PictureSizeError { size }));
    }
    let error = VideoFrame::from_data(PixelFormat::I420, SIZE, vec![0; 35]).unwrap_err();
    assert_eq!(error.to_string(), "a picture of 6x4 pixels has 36 bytes, not 35");
    let error = PictureSizeError { size: VideoSize { width: 3, height: 2 } }.to_string();
    assert!(error.contains("3x2"), "{error}");
}

#[test]
fn a_smaller_picture_takes_no_new_memory() {
    let mut frame = VideoFrame::new(PixelFormat::Nv12, SIZE).unwrap();
    let memory = frame.data().as_ptr();
    for size in [VideoSize { width: 2, height: 2 }, SIZE] {
        frame.resize(size).unwrap();
        assert_eq!((frame.data().as_ptr(), frame.data().len()), (memory, size.pixels() * 3 / 2));
    }
}

#[test]
fn noise_is_measured_against_the_peak() {
    let black = VideoFrame::new(PixelFormat::Nv12, SIZE).unwrap();
    let mut off_by_one = black.clone();
    off_by_one.data_mut()[..24].fill(17);
    // 20 log10 of 255.
    assert!((psnr(&black, &off_by_one).unwrap() - 48.13).abs() < 0.01);
    assert_eq!(psnr(&black, &black), Some(f64::INFINITY));
    assert_eq!(psnr(&black, &VideoFrame::empty(PixelFormat::Nv12)), None);
}
