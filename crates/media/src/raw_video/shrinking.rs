//! How much smaller a picture is encoded where the path has room for too few bits: a small picture that is sharp shows more than a
//! large one of which the encoder has left blocks, or every other frame.

use std::time::Duration;

use crate::time::MediaInstant;
use crate::video::{BitRate, VideoSize};

/// Bits for each pixel of each frame below which the picture is made smaller: 550 kb/s for 1280 by 720, 30 times a second.
const LEAST_BITS: f64 = 0.02;
/// It is made larger again with so much to spare, so that it does not change with every change of the estimate.
const TO_SPARE: f64 = 1.5;
/// Nor more often than this: each change costs a key frame.
const PATIENCE: Duration = Duration::from_secs(2);
/// The most that a side is divided by, and what is left of the shorter one at least.
const MOST: u16 = 4;
const LEAST_SIDE: u16 = 90;

/// Follows one stream.
#[derive(Debug)]
pub(super) struct Shrinking {
    /// What each side is divided by: 1, 2 or 4.
    part: u16,
    /// Since when another part would be better; at first whatever fits is taken.
    since: Option<MediaInstant>,
    has_begun: bool,
}

impl Shrinking {
    pub(super) fn new() -> Self {
        Self { part: 1, since: None, has_begun: false }
    }

    /// The size at which a picture of `size`, captured at `now`, is encoded at this rate.
    pub(super) fn size_of(
        &mut self,
        size: VideoSize,
        rate: BitRate,
        frames_per_second: u32,
        now: MediaInstant,
    ) -> VideoSize {
        let mut better = self.better(size, rate, frames_per_second);
        while !self.has_begun && better != self.part {
            self.part = better;
            better = self.better(size, rate, frames_per_second);
        }
        self.has_begun = true;
        if better == self.part {
            self.since = None;
        } else if now.since(*self.since.get_or_insert(now)) >= PATIENCE {
            (self.part, self.since) = (better, None);
        }
        let side = |pixels: u16| if self.part == 1 { pixels } else { pixels / self.part / 2 * 2 };
        VideoSize { width: side(size.width), height: side(size.height) }
    }

    /// A step from what is now, if one is better.
    fn better(&self, size: VideoSize, rate: BitRate, frames_per_second: u32) -> u16 {
        let needs = |part: u16| {
            let pixels = size.pixels() as f64 / f64::from(part * part);
            pixels * f64::from(frames_per_second) * LEAST_BITS
        };
        let rate = rate.bits_per_second() as f64;
        let can_shrink = self.part < MOST && size.width.min(size.height) / (2 * self.part) >= LEAST_SIDE;
        if rate < needs(self.part) && can_shrink {
            self.part * 2
        } else if self.part > 1 && rate >= needs(self.part / 2) * TO_SPARE {
            self.part / 2
        } else {
            self.part
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HD: VideoSize = VideoSize { width: 1280, height: 720 };

    fn at(millis: u64) -> MediaInstant {
        MediaInstant::from_duration(Duration::from_millis(millis))
    }

    fn width(shrinking: &mut Shrinking, kilobits: u64, now: MediaInstant) -> u16 {
        shrinking.size_of(HD, BitRate::from_kilobits_per_second(kilobits), 30, now).width
    }

    #[test]
    fn the_first_picture_has_the_size_that_fits_its_rate() {
        for (kilobits, expected) in [(1000, 1280), (560, 1280), (500, 640), (150, 640), (100, 320), (1, 320)]
        {
            assert_eq!(width(&mut Shrinking::new(), kilobits, at(0)), expected, "{kilobits} kb/s");
        }
        let small = VideoSize { width: 320, height: 178 };
        let rate = BitRate::from_kilobits_per_second(1);
        assert_eq!(Shrinking::new().size_of(small, rate, 30, at(0)), small, "what is small stays as it is");
    }

    #[test]
    fn it_changes_only_for_what_lasts_and_grows_only_with_room_to_spare() {
        let mut shrinking = Shrinking::new();
        assert_eq!(width(&mut shrinking, 1000, at(0)), 1280);
        assert_eq!(width(&mut shrinking, 400, at(1000)), 1280);
        assert_eq!(width(&mut shrinking, 1000, at(2000)), 1280, "it was a moment");
        assert_eq!(width(&mut shrinking, 400, at(2500)), 1280);
        assert_eq!(width(&mut shrinking, 400, at(4499)), 1280);
        assert_eq!(width(&mut shrinking, 400, at(4500)), 640);
        // More than it was given up at, and not enough to be sure.
        assert_eq!(width(&mut shrinking, 800, at(5000)), 640);
        assert_eq!(width(&mut shrinking, 800, at(9000)), 640);
        assert_eq!(width(&mut shrinking, 850, at(9500)), 640);
        assert_eq!(width(&mut shrinking, 850, at(11_500)), 1280);
        // One step at a time.
        assert_eq!(width(&mut shrinking, 1, at(12_000)), 1280);
        assert_eq!(width(&mut shrinking, 1, at(14_000)), 640);
        assert_eq!(width(&mut shrinking, 1, at(15_000)), 640);
        assert_eq!(width(&mut shrinking, 1, at(17_000)), 320);
    }
}
