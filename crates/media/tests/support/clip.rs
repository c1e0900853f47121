//! The moving pattern of `assets/`, frame by frame.

use offhook_media::video::VideoCodec;

/// The frames of the clip, encoded by `codec`; each 25th is a key frame.
pub(crate) fn clip(codec: VideoCodec) -> Vec<Vec<u8>> {
    let file: &[u8] = match codec {
        VideoCodec::H264 => include_bytes!("../../../../assets/motion.h264"),
        VideoCodec::Vp8 => include_bytes!("../../../../assets/motion.ivf"),
        other => panic!("no clip of {other:?}"),
    };
    frames(codec, file)
}

/// The frames of a file: H.264 in Annex B form, VP8 in IVF.
pub(crate) fn frames(codec: VideoCodec, file: &[u8]) -> Vec<Vec<u8>> {
    if codec == VideoCodec::H264 { annex_b(file) } else { ivf(file) }
}

/// Each with its units behind long start codes, as they are received. A picture here is one slice, and all that stands before it.
fn annex_b(stream: &[u8]) -> Vec<Vec<u8>> {
    let (mut frames, mut frame) = (Vec::new(), Vec::new());
    for unit in units(stream) {
        frame.extend_from_slice(&[0, 0, 0, 1]);
        frame.extend_from_slice(unit);
        if matches!(unit[0] & 0x1f, 1 | 5) {
            frames.push(std::mem::take(&mut frame));
        }
    }
    frames
}

fn units(stream: &[u8]) -> Vec<&[u8]> {
    let starts: Vec<usize> =
        (0..stream.len() - 3).filter(|&at| stream[at..at + 3] == [0, 0, 1]).map(|at| at + 3).collect();
    let ends = starts.iter().skip(1).map(|next| next - 3).chain([stream.len()]);
    let trim = |unit: &[u8]| unit.iter().rev().take_while(|byte| **byte == 0).count();
    starts.iter().zip(ends).map(|(&start, end)| &stream[start..end - trim(&stream[start..end])]).collect()
}

/// Behind a header of 32 bytes, each frame has one of 12 that begins with its length.
fn ivf(mut file: &[u8]) -> Vec<Vec<u8>> {
    file = &file[32..];
    let mut frames = Vec::new();
    while let Some((head, rest)) = file.split_first_chunk::<12>() {
        let len = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        frames.push(rest[..len].to_vec());
        file = &rest[len..];
    }
    frames
}
