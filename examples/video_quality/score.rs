//! What sights of a picture come to: freezes, latency, and how near to what was shown they are.

use std::collections::VecDeque;
use std::time::Duration;

use offhook::media::video::pattern::draw_pattern;
use offhook::media::video::{PixelFormat, VideoFrame, VideoSize, psnr};
use serde::Serialize;

use crate::browser::Kept;

/// Gaps that make the mean, and the least that a freeze is longer, in milliseconds (W3C webrtc-stats, `freezeCount`).
const GAPS: usize = 30;
const LEAST_EXCESS: f64 = 150.0;

/// How long a picture stood each time that it was frozen, in milliseconds: a gap of more than three times the mean of the 30 before,
/// and of more than 150 ms on top of it. `times` is when each picture was there; freezes that end within `window` count.
pub(crate) fn freezes(times: &[f64], window: (f64, f64)) -> Vec<f64> {
    let (mut gaps, mut found) = (VecDeque::with_capacity(GAPS), Vec::new());
    for pair in times.windows(2) {
        let gap = pair[1] - pair[0];
        let mean = gaps.iter().sum::<f64>() / gaps.len().max(1) as f64;
        if gaps.len() >= 5
            && gap > (3.0 * mean).max(mean + LEAST_EXCESS)
            && (window.0..window.1).contains(&pair[1])
        {
            found.push(gap);
        }
        if gaps.len() == GAPS {
            gaps.pop_front();
        }
        gaps.push_back(gap);
    }
    found
}

/// Of latencies in milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
}

impl Percentiles {
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = ((values.len() as f64 * share).ceil() as usize).saturating_sub(1);
            values.get(place).copied().unwrap_or_default()
        };
        Self { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
    }
}

/// How near pictures are to the pattern of their clock.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Likeness {
    /// Mean PSNR of brightness, in decibels; the lowest; and mean SSIM.
    pub(crate) psnr: f64,
    pub(crate) least_psnr: f64,
    pub(crate) ssim: f64,
    pub(crate) pictures: usize,
}

impl Likeness {
    /// Of pictures of `size`; those of another are left out.
    pub(crate) fn of(kept: &[Kept], size: VideoSize) -> Self {
        let Ok(mut original) = VideoFrame::new(PixelFormat::I420, size) else { return Self::default() };
        let mut scores = Vec::new();
        for (clock, picture) in kept.iter().filter(|(_, picture)| picture.size() == size) {
            draw_pattern(&mut original, Duration::from_millis((*clock).into()));
            // Equal ones are infinitely near, which no mean bears.
            let near = psnr(&original, picture).unwrap_or_default().min(100.0);
            scores.push((near, ssim(&original, picture)));
        }
        let count = scores.len().max(1) as f64;
        Self {
            psnr: scores.iter().map(|(psnr, _)| psnr).sum::<f64>() / count,
            least_psnr: scores.iter().map(|(psnr, _)| *psnr).reduce(f64::min).unwrap_or_default(),
            ssim: scores.iter().map(|(_, ssim)| ssim).sum::<f64>() / count,
            pictures: scores.len(),
        }
    }
}

/// Structural similarity of brightness (Wang et al. 2004), mean over squares of 8 pixels, each 4 from the next.
fn ssim(a: &VideoFrame, b: &VideoFrame) -> f64 {
    const SIDE: usize = 8;
    const STEP: usize = 4;
    const C1: f64 = (0.01 * 255.0) * (0.01 * 255.0);
    const C2: f64 = (0.03 * 255.0) * (0.03 * 255.0);
    let (width, height) = (usize::from(a.size().width), usize::from(a.size().height));
    let (a, b) = (a.luma(), b.luma());
    let (mut sum, mut squares) = (0.0, 0_u32);
    for top in (0..=height.saturating_sub(SIDE)).step_by(STEP) {
        for left in (0..=width.saturating_sub(SIDE)).step_by(STEP) {
            let (mut sa, mut sb, mut saa, mut sbb, mut sab) = (0_u32, 0_u32, 0_u32, 0_u32, 0_u32);
            for y in top..top + SIDE {
                let row = y * a.stride + left;
                for (&a, &b) in a.data[row..row + SIDE].iter().zip(&b.data[row..row + SIDE]) {
                    let (a, b) = (u32::from(a), u32::from(b));
                    sa += a;
                    sb += b;
                    saa += a * a;
                    sbb += b * b;
                    sab += a * b;
                }
            }
            let count = (SIDE * SIDE) as f64;
            let (ma, mb) = (f64::from(sa) / count, f64::from(sb) / count);
            let (va, vb) = (f64::from(saa) / count - ma * ma, f64::from(sbb) / count - mb * mb);
            let covariance = f64::from(sab) / count - ma * mb;
            sum +=
                (2.0 * ma * mb + C1) * (2.0 * covariance + C2) / ((ma * ma + mb * mb + C1) * (va + vb + C2));
            squares += 1;
        }
    }
    sum / f64::from(squares.max(1))
}
