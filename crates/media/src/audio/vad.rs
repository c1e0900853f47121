//! Voice activity: how likely it is that somebody speaks in a frame. The only file that names the detector.

use earshot::Detector;

use super::resample::FrameResampler;
use crate::frame::AudioFormat;

/// What the detector hears: 16 ms at 16 kHz.
const WINDOW: usize = 256;

/// The format whose rate the detector hears.
const HEARS: AudioFormat = AudioFormat::Pcm16K;

/// Samples of a frame at that rate.
const FRAME: usize = HEARS.samples_per_frame();

/// Tells speech from everything else, one stream of 20 ms frames of any format at a time. Allocates when it is made
/// (some 10 KiB), and never after.
pub struct VoiceDetector {
    detector: Box<Detector>,
    resampler: FrameResampler,
    /// Heard and not yet judged: less than a window, and a frame.
    samples: [i16; WINDOW + FRAME],
    len: usize,
    last: f32,
}

impl VoiceDetector {
    /// A detector for frames of `format`. Other rates than 16 kHz are brought to it first: 2.5 to 5 ms of delay.
    pub fn new(format: AudioFormat) -> Self {
        Self {
            detector: Detector::default_boxed(),
            resampler: FrameResampler::new(format, HEARS),
            samples: [0; WINDOW + FRAME],
            len: 0,
            last: 0.0,
        }
    }

    /// How likely it is that there is speech in the next frame: 0 to 1; from 0.5 on it probably is.
    ///
    /// The detector judges 16 ms at a time, so that four frames give five judgements; the highest of those that a frame
    /// completes is its own.
    pub fn probability(&mut self, samples: &[i16]) -> f32 {
        self.resampler.convert(samples, &mut self.samples[self.len..self.len + FRAME]);
        self.len += FRAME;
        let mut windows = self.samples[..self.len].chunks_exact(WINDOW);
        // A frame is longer than a window, so that there is at least one.
        let highest = windows.by_ref().map(|window| self.detector.predict_i16(window)).fold(0.0, f32::max);
        let judged = self.len - windows.remainder().len();
        self.samples.copy_within(judged..self.len, 0);
        self.len -= judged;
        self.last = highest.clamp(0.0, 1.0);
        self.last
    }

    /// What [`probability`](Self::probability) said last.
    pub fn last(&self) -> f32 {
        self.last
    }

    /// Forgets the stream, for another one.
    pub fn reset(&mut self) {
        self.detector.reset();
        (self.len, self.last) = (0, 0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::source::Sound;

    const SPEECH: &[u8] = include_bytes!("../../../../assets/speech.wav");

    #[test]
    fn speech_is_told_from_silence_and_from_a_tone_at_every_rate() {
        for format in AudioFormat::ALL {
            let frames = Sound::read_wav(SPEECH).unwrap().frames(format).unwrap();
            let mut detector = VoiceDetector::new(format);
            let spoken = frames.iter().filter(|frame| detector.probability(frame.samples()) >= 0.5).count();
            // The two sentences have pauses of about a fifth.
            assert!(spoken * 10 >= frames.len() * 6, "{format:?}: {spoken} of {} frames", frames.len());

            detector.reset();
            let silence = vec![0; format.samples_per_frame()];
            assert!((0..100).all(|_| detector.probability(&silence) < 0.5), "{format:?}: silence");

            detector.reset();
            let step = std::f64::consts::TAU * 1000.0 / f64::from(format.sample_rate().get());
            let tone: Vec<i16> = (0..format.samples_per_frame() * 100)
                .map(|i| ((step * i as f64).sin() * 8000.0) as i16)
                .collect();
            let frames = tone.chunks_exact(format.samples_per_frame());
            let spoken = frames.filter(|frame| detector.probability(frame) >= 0.5).count();
            assert!(spoken <= 10, "{format:?}: a tone is speech in {spoken} of 100 frames");
        }
    }
}
