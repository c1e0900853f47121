//! Opus (RFC 6716) through libopus. The only file that names the binding.

use ::opus::{Application, Bitrate, Channels, Signal};

use crate::settings::OpusSettings;
use crate::units::SampleRate;

/// RTP ticks per second of every Opus stream, whatever its audio rate (RFC 7587 section 4.1).
pub(crate) const RTP_CLOCK: u32 = 48_000;

/// RTP ticks in a frame of 20 ms.
pub(crate) const RTP_TICKS_PER_FRAME: u32 = RTP_CLOCK / 50;

/// The longest an Opus packet can last: 120 ms (RFC 6716 section 3.2.5).
pub(crate) const MAX_PACKET_MILLIS: u32 = 120;

/// The most an Opus packet can weigh: RFC 6716 section 3.4 allows 1275 bytes a frame; one Ethernet packet holds less.
pub(crate) const MAX_PACKET_LEN: usize = 1500;

/// A payload of at most this many bytes says only that the speaker is silent (DTX).
pub(crate) const DTX_PAYLOAD_LEN: usize = 2;

/// What libopus refused to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Opus {task} failed: {reason}")]
#[non_exhaustive]
pub struct OpusError {
    /// What was being done.
    pub task: &'static str,
    /// What libopus says.
    pub reason: String,
}

impl OpusError {
    fn new(task: &'static str, error: ::opus::Error) -> Self {
        Self { task, reason: error.description().to_owned() }
    }
}

/// Turns one stream of packets into mono PCM.
pub(crate) struct OpusDecoder(::opus::Decoder);

impl OpusDecoder {
    pub(crate) fn new(rate: SampleRate) -> Result<Self, OpusError> {
        let decoder = ::opus::Decoder::new(rate.get(), Channels::Mono);
        decoder.map(Self).map_err(|error| OpusError::new("decoder set-up", error))
    }

    /// Decodes a packet into the front of `pcm`; returns how many samples it gave, or `None` when it is no Opus.
    pub(crate) fn decode(&mut self, packet: &[u8], pcm: &mut [i16]) -> Option<usize> {
        self.0.decode(packet, pcm, false).ok()
    }

    /// Fills `pcm` with what the copy inside `next` (in-band FEC) says was lost just before it. Where `next` holds
    /// no copy, libopus conceals.
    pub(crate) fn recover(&mut self, next: &[u8], pcm: &mut [i16]) -> Option<usize> {
        self.0.decode(next, pcm, true).ok()
    }

    /// Fills `pcm` with a guess at what was lost, or with comfort noise while the speaker is silent.
    pub(crate) fn conceal(&mut self, pcm: &mut [i16]) -> Option<usize> {
        self.0.decode(&[], pcm, false).ok()
    }
}

/// Samples that a packet will decode to at `rate`; `None` when it is no Opus.
pub(crate) fn packet_samples(packet: &[u8], rate: SampleRate) -> Option<usize> {
    ::opus::packet::get_nb_samples(packet, rate.get()).ok()
}

/// Turns mono PCM into packets.
pub(crate) struct OpusEncoder(::opus::Encoder);

impl OpusEncoder {
    pub(crate) fn new(rate: SampleRate, settings: &OpusSettings) -> Result<Self, OpusError> {
        let configure = || {
            let mut encoder = ::opus::Encoder::new(rate.get(), Channels::Mono, Application::Voip)?;
            encoder.set_bitrate(Bitrate::Bits(settings.bitrate.try_into().unwrap_or(i32::MAX)))?;
            encoder.set_complexity(settings.complexity.into())?;
            encoder.set_signal(Signal::Voice)?;
            encoder.set_inband_fec(settings.forward_error_correction)?;
            encoder.set_packet_loss_perc(settings.expected_loss.into())?;
            Ok(Self(encoder))
        };
        configure().map_err(|error| OpusError::new("encoder set-up", error))
    }

    /// Encodes one frame into the front of `packet`; returns the packet's length.
    pub(crate) fn encode(&mut self, pcm: &[i16], packet: &mut [u8]) -> Option<usize> {
        self.0.encode(pcm, packet).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate: SampleRate, frame: usize) -> Vec<i16> {
        let len = rate.get() as usize / 50;
        let step = std::f64::consts::TAU * 440.0 / f64::from(rate.get());
        (0..len).map(|i| ((step * (frame * len + i) as f64).sin() * 8000.0) as i16).collect()
    }

    #[test]
    fn a_tone_survives_at_every_rate() {
        for rate in [SampleRate::HZ_16000, SampleRate::HZ_24000, SampleRate::HZ_48000] {
            let mut encoder = OpusEncoder::new(rate, &OpusSettings::default()).unwrap();
            let mut decoder = OpusDecoder::new(rate).unwrap();
            let (mut packet, mut pcm) = ([0; MAX_PACKET_LEN], vec![0; rate.get() as usize / 50]);
            for frame in 0..20 {
                let len = encoder.encode(&tone(rate, frame), &mut packet).unwrap();
                assert_eq!(packet_samples(&packet[..len], rate), Some(pcm.len()));
                assert_eq!(decoder.decode(&packet[..len], &mut pcm), Some(pcm.len()));
            }
            let energy: f64 = pcm.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / pcm.len() as f64;
            assert!(
                (4000.0..8000.0).contains(&energy.sqrt()),
                "440 Hz at {rate} came back at {}",
                energy.sqrt()
            );
        }
    }

    #[test]
    fn what_is_no_opus_is_refused_without_panic() {
        let mut decoder = OpusDecoder::new(SampleRate::HZ_16000).unwrap();
        let mut pcm = [0; 1920];
        // A code 3 packet that promises 48 frames of 20 ms: more than 120 ms (RFC 6716 section 3.2.5, R5).
        assert_eq!(decoder.decode(&[0b0100_1011, 48], &mut pcm), None);
        assert_eq!(packet_samples(&[0b0100_1011, 48], SampleRate::HZ_16000), None);
    }
}
