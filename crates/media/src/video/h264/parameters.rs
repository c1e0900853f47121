//! Parameter sets: that key frames have them, and what they say of the size of pictures (ITU-T H.264 section 7.3.2.1).

use super::{START_CODE, Units, kind, kind_of};
use crate::video::VideoSize;
use crate::video::bits::Bits;

/// The parameter sets that came last, so that each key frame can be decoded by itself: a sender may send them once only.
#[derive(Debug, Default)]
pub(crate) struct Parameters {
    /// In Annex B form.
    last: Vec<u8>,
}

impl Parameters {
    /// Puts the sets before a key frame that has none. `false` when none are known, and nothing can decode it.
    pub(crate) fn complete(&mut self, frame: &mut Vec<u8>) -> bool {
        let is_set =
            |unit: &&[u8]| matches!(kind_of(unit[0]), kind::SEQUENCE_PARAMETERS | kind::PICTURE_PARAMETERS);
        let mut sets = Units::of(frame).filter(is_set).peekable();
        if sets.peek().is_none() {
            frame.splice(..0, self.last.iter().copied());
            return !self.last.is_empty();
        }
        self.last.clear();
        for set in sets {
            self.last.extend_from_slice(&START_CODE);
            self.last.extend_from_slice(set);
        }
        true
    }

    pub(crate) fn forget(&mut self) {
        self.last.clear();
    }
}

/// A parameter set is short; this is far above what any encoder writes before what is read here.
const LONGEST: usize = 256;

/// The size of the pictures that `unit`, a sequence parameter set, describes. `None` when it is cut off or makes no sense.
pub(crate) fn size(unit: &[u8]) -> Option<VideoSize> {
    let mut without_escapes = [0; LONGEST];
    let bytes = unescape(unit.get(1..)?, &mut without_escapes);
    let mut bits = Bits::new(bytes);
    let profile = bits.bits(8)?;
    // Constraints and level.
    bits.bits(16)?;
    bits.unsigned()?;
    let chroma =
        if has_chroma(profile) { read_chroma(&mut bits)? } else { Chroma { format: 1, is_separate: false } };
    // Bits of a frame number.
    bits.unsigned()?;
    skip_picture_order(&mut bits)?;
    // Reference frames, and whether numbers may be left out.
    bits.unsigned()?;
    bits.bit()?;
    let width = bits.unsigned()?.checked_add(1)?;
    let height = bits.unsigned()?.checked_add(1)?;
    let is_progressive = bits.bit()?;
    if !is_progressive {
        bits.bit()?;
    }
    // Direct inference.
    bits.bit()?;
    let [left, right, top, bottom] = match bits.bit()? {
        true => [bits.unsigned()?, bits.unsigned()?, bits.unsigned()?, bits.unsigned()?],
        false => [0; 4],
    };
    let fields = if is_progressive { 1 } else { 2 };
    let (across, down) = chroma.crop_unit();
    let cut = |blocks: u32, first: u32, last: u32, unit: u32| {
        let cropped = first.checked_add(last)?.checked_mul(unit)?;
        blocks.checked_mul(16)?.checked_sub(cropped)
    };
    let width = cut(width, left, right, across)?;
    let height = cut(height.checked_mul(fields)?, top, bottom, down * fields)?;
    let side = |pixels: u32| u16::try_from(pixels).ok().filter(|pixels| *pixels > 0);
    Some(VideoSize { width: side(width)?, height: side(height)? })
}

/// Takes out the bytes that keep a start code from standing inside a unit (section 7.4.1).
fn unescape<'a>(unit: &[u8], out: &'a mut [u8; LONGEST]) -> &'a [u8] {
    let (mut len, mut zeros) = (0, 0);
    for &byte in unit {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        let Some(place) = out.get_mut(len) else { break };
        *place = byte;
        len += 1;
    }
    &out[..len]
}

/// The profiles whose sets say how colour is sampled; all others have 4:2:0.
fn has_chroma(profile: u32) -> bool {
    matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135)
}

/// How colour is sampled.
struct Chroma {
    format: u32,
    is_separate: bool,
}

impl Chroma {
    /// What one step of cropping takes away, across and down (table 6-1, equations 7-19 to 7-22).
    fn crop_unit(&self) -> (u32, u32) {
        match self.format {
            1 => (2, 2),
            2 if !self.is_separate => (2, 1),
            _ => (1, 1),
        }
    }
}

fn read_chroma(bits: &mut Bits<'_>) -> Option<Chroma> {
    let format = bits.unsigned()?;
    let is_separate = format == 3 && bits.bit()?;
    // Depths of luma and chroma, and whether to pass the transform by.
    bits.unsigned()?;
    bits.unsigned()?;
    bits.bit()?;
    if bits.bit()? {
        for list in 0..if format == 3 { 12 } else { 8 } {
            if bits.bit()? {
                skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some(Chroma { format, is_separate })
}

/// Section 7.3.2.1.1.1.
fn skip_scaling_list(bits: &mut Bits<'_>, len: usize) -> Option<()> {
    let (mut last, mut next) = (8_i32, 8_i32);
    for _ in 0..len {
        if next != 0 {
            next = last.wrapping_add(bits.signed()?).rem_euclid(256);
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

fn skip_picture_order(bits: &mut Bits<'_>) -> Option<()> {
    match bits.unsigned()? {
        0 => {
            bits.unsigned()?;
        }
        1 => {
            bits.bit()?;
            bits.signed()?;
            bits.signed()?;
            // A cycle is of up to 255 frames; what is longer ends at the end of the bits.
            for _ in 0..bits.unsigned()? {
                bits.signed()?;
            }
        }
        _ => {}
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parameter sets that x264 has written, with the sizes that `ffprobe` reads in them.
    #[test]
    fn sizes_are_those_that_encoders_mean() {
        for (unit, width, height) in [
            // High, 1280x720.
            (
                &[
                    0x67, 0x64, 0x00, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 0x01, 0x10, 0x00, 0x00, 0x03,
                    0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0xc0, 0xf1, 0x83, 0x19, 0x60,
                ][..],
                1280,
                720,
            ),
            // High, 1920x1080: cropped from 1088 lines.
            (
                &[
                    0x67, 0x64, 0x00, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x02, 0x27, 0xe5, 0xc0, 0x44, 0x00, 0x00,
                    0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x60, 0xc6, 0x58,
                ],
                1920,
                1080,
            ),
            // Constrained Baseline, 640x360: without a word on colour.
            (
                &[
                    0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x2f, 0xf9, 0x70, 0x11, 0x00, 0x00, 0x03, 0x00,
                    0x01, 0x00, 0x00, 0x03, 0x00, 0x3c, 0x0f, 0x16, 0x2e, 0x48,
                ],
                640,
                360,
            ),
            // Interlaced, 1920x1080: half as many lines a field.
            (
                &[
                    0x67, 0x64, 0x00, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x04, 0x4f, 0xde, 0x02, 0x20, 0x00, 0x00,
                    0x03, 0x00, 0x20, 0x00, 0x00, 0x07, 0x83, 0xe2, 0xc5, 0xb2, 0xc0,
                ],
                1920,
                1080,
            ),
            // 4:4:4, 321x181: cropped by single pixels.
            (
                &[
                    0x67, 0xf4, 0x00, 0x0d, 0x91, 0x9b, 0x28, 0x2a, 0x33, 0xc2, 0x11, 0x98, 0x08, 0x80, 0x00,
                    0x00, 0x03, 0x00, 0x80, 0x00, 0x00, 0x1e, 0x07, 0x8a, 0x14, 0xcb,
                ],
                321,
                181,
            ),
        ] {
            assert_eq!(size(unit), Some(VideoSize { width, height }));
        }
    }

    #[test]
    fn no_bytes_make_it_panic() {
        proptest::proptest!(|(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300))| {
            let _ = size(&bytes);
        });
    }
}
