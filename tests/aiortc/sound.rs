//! Tones that tell who is heard.

use std::f64::consts::TAU;

use offhook::media::{AudioFormat, AudioFrame, MediaInstant};

pub(crate) const FORMAT: AudioFormat = AudioFormat::Pcm16K;

/// Loudness of every tone here, as its highest sample: that of the scripts, too.
const LOUDNESS: f64 = 8000.0;

/// A frame of a tone that goes on from frame to frame.
pub(crate) fn tone(hertz: f64, frame: usize) -> AudioFrame {
    let step = TAU * hertz / 16_000.0;
    let first = frame * FORMAT.samples_per_frame();
    let samples: Vec<i16> = (first..first + FORMAT.samples_per_frame())
        .map(|i| ((step * i as f64).sin() * LOUDNESS) as i16)
        .collect();
    AudioFrame::new(FORMAT, MediaInstant::ZERO, &samples).unwrap()
}

/// How much of `samples` is a tone of `hertz`: 1 for a tone as loud as [`tone`]'s (Goertzel), over spans of 50 ms.
pub(crate) fn share_of_tone(samples: &[i16], hertz: f64) -> f64 {
    let step = TAU * hertz / 16_000.0;
    let loudness = |span: &[i16]| {
        let (re, im) = span.iter().enumerate().fold((0.0, 0.0), |(re, im), (i, &sample)| {
            let (sin, cos) = (step * i as f64).sin_cos();
            (re + f64::from(sample) * cos, im + f64::from(sample) * sin)
        });
        f64::hypot(re, im) * 2.0 / span.len() as f64
    };
    let spans = samples.chunks_exact(800);
    let count = spans.len() as f64;
    spans.map(loudness).sum::<f64>() / count / LOUDNESS
}
