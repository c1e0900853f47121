//! The rate of an application that the codec does not speak: resampled at the socket's end, on the application's thread, so
//! that it costs a media thread nothing.

use crate::audio::resample::FrameResampler;
use crate::frame::{AudioFormat, AudioFrame};

/// Turns the frames of a ring into the application's, or the other way round.
pub(crate) struct FrameConverter {
    mix: FrameResampler,
    unmixed: Box<[FrameResampler]>,
    frame: AudioFrame,
}

impl FrameConverter {
    /// A converter between the format of the application and that of the codec; `None` where they are the same.
    pub(crate) fn to_application(format: AudioFormat, speakers: usize) -> Option<Self> {
        let codec = format.codec_format();
        (codec != format).then(|| Self::new(codec, format, speakers))
    }

    /// The other way round.
    pub(crate) fn to_codec(format: AudioFormat) -> Option<Self> {
        let codec = format.codec_format();
        (codec != format).then(|| Self::new(format, codec, 0))
    }

    fn new(from: AudioFormat, to: AudioFormat, speakers: usize) -> Self {
        let resampler = || FrameResampler::new(from, to);
        Self {
            mix: resampler(),
            unmixed: std::iter::repeat_with(resampler).take(speakers).collect(),
            frame: AudioFrame::with_unmixed(to, speakers),
        }
    }

    /// The frame in the other format. Its place is the application's already, in the ring as well.
    pub(crate) fn convert(&mut self, from: &AudioFrame) -> &AudioFrame {
        let Self { mix, unmixed, frame } = self;
        frame.describe_as(from);
        mix.convert(from.samples(), frame.samples_mut());
        frame.unmixed.copy_with(&from.unmixed, |speaker, samples| {
            if let Some(resampler) = unmixed.get_mut(speaker.stream) {
                resampler.convert(&speaker.samples, samples);
            }
        });
        frame
    }
}
