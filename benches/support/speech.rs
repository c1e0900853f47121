//! Real speech for the benchmarks, and libopus with the settings that the engine gives it.

use offhook_media::{AudioFormat, AudioFrame, MediaInstant, Sound};
use opus::{Application, Bitrate, Channels, Encoder, Signal};

/// `assets/README.md` says who speaks, and under which licence.
const SPEECH: &[u8] = include_bytes!("../../assets/speech.wav");

/// Six seconds of a woman speaking, as frames of `format`.
pub(crate) fn frames(format: AudioFormat) -> Vec<AudioFrame> {
    let sound = Sound::read_wav(SPEECH).expect("the asset is a WAV file");
    let sound = sound.resampled(format.sample_rate()).expect("the asset's rate is an ordinary one");
    let whole = sound.samples().chunks_exact(format.samples_per_frame());
    whole
        .map(|samples| AudioFrame::new(format, MediaInstant::ZERO, samples))
        .collect::<Result<_, _>>()
        .expect("each chunk is a frame")
}

/// The encoder as the engine sets it up by default, but for its complexity.
pub(crate) fn encoder(format: AudioFormat, complexity: u8) -> opus::Result<Encoder> {
    let mut encoder = Encoder::new(format.sample_rate().get(), Channels::Mono, Application::Voip)?;
    encoder.set_bitrate(Bitrate::Bits(32_000))?;
    encoder.set_complexity(complexity.into())?;
    encoder.set_signal(Signal::Voice)?;
    encoder.set_inband_fec(true)?;
    encoder.set_packet_loss_perc(5)?;
    Ok(encoder)
}
