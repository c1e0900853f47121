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
pub(crate) use decoder::OpusDecoder;
/// What a packet says of itself.
pub(crate) use decoder::{has_copy, packet_samples};

/// The decoder through libopus' own interface: the safe binding has no way to set its complexity, to reset it, or to ask
/// a packet for its in-band FEC.
#[expect(unsafe_code, reason = "libopus is C; this module is the only one that calls it")]
mod decoder {
    use std::ffi::c_int;
    use std::ptr::{self, NonNull};

    use opusic_sys as ffi;

    use super::OpusError;
    use crate::units::SampleRate;

    /// A decoder of its own memory, freed when it is dropped.
    pub(crate) struct OpusDecoder(NonNull<ffi::OpusDecoder>);

    // SAFETY: libopus keeps all of a decoder's state in its own memory, without locks, thread-locals or globals that
    // change; who owns the pointer may use it from whatever thread.
    unsafe impl Send for OpusDecoder {}

    impl Drop for OpusDecoder {
        fn drop(&mut self) {
            // SAFETY: it came from `opus_decoder_create`, and nothing uses it after this.
            unsafe { ffi::opus_decoder_destroy(self.0.as_ptr()) }
        }
    }

    impl OpusDecoder {
        pub(crate) fn new(rate: SampleRate) -> Result<Self, OpusError> {
            let hz = rate.get().cast_signed();
            let mut error = ffi::OPUS_OK;
            // SAFETY: `error` is valid for the call; libopus checks the rate itself.
            let decoder = unsafe { ffi::opus_decoder_create(hz, 1, &mut error) };
            let refused = || OpusError { task: "decoder set-up", reason: format!("libopus error {error}") };
            NonNull::new(decoder).filter(|_| error == ffi::OPUS_OK).map(Self).ok_or_else(refused)
        }

        /// Decodes a packet into the front of `pcm`; returns how many samples it gave, or `None` when it is no Opus.
        pub(crate) fn decode(&mut self, packet: &[u8], pcm: &mut [i16]) -> Option<usize> {
            self.run(packet, pcm, false)
        }

        /// Fills `pcm` with what the copy inside `next` (in-band FEC) says was lost just before it. Where `next`
        /// holds no copy, libopus conceals.
        pub(crate) fn recover(&mut self, next: &[u8], pcm: &mut [i16]) -> Option<usize> {
            self.run(next, pcm, true)
        }

        /// Fills `pcm`, a multiple of 2.5 ms, with a guess at what was lost, or with comfort noise while the speaker
        /// is silent.
        pub(crate) fn conceal(&mut self, pcm: &mut [i16]) -> Option<usize> {
            self.run(&[], pcm, false)
        }

        /// Forgets the stream: another begins.
        pub(crate) fn reset(&mut self) {
            // SAFETY: the decoder is alive; this request takes no argument.
            let done = unsafe { ffi::opus_decoder_ctl(self.0.as_ptr(), ffi::OPUS_RESET_STATE) };
            debug_assert_eq!(done, ffi::OPUS_OK, "a decoder can always be reset");
        }

        fn run(&mut self, packet: &[u8], pcm: &mut [i16], copy: bool) -> Option<usize> {
            // No packet at all is what libopus conceals.
            let data = if packet.is_empty() { ptr::null() } else { packet.as_ptr() };
            let (len, room) = (c_int::try_from(packet.len()).ok()?, c_int::try_from(pcm.len()).ok()?);
            // SAFETY: `data` is null or valid for `len` bytes, `pcm` for `room` samples of the one channel that the
            // decoder was made for, and libopus writes no more than that.
            let samples =
                unsafe { ffi::opus_decode(self.0.as_ptr(), data, len, pcm.as_mut_ptr(), room, copy.into()) };
            usize::try_from(samples).ok()
        }
    }

    /// Samples that a packet will decode to at `rate`; `None` when it is no Opus.
    pub(crate) fn packet_samples(packet: &[u8], rate: SampleRate) -> Option<usize> {
        let len = i32::try_from(packet.len()).ok()?;
        // SAFETY: the packet is valid for `len` bytes, and libopus reads none of it when that is zero.
        let samples =
            unsafe { ffi::opus_packet_get_nb_samples(packet.as_ptr(), len, rate.get().cast_signed()) };
        usize::try_from(samples).ok()
    }

    /// Whether a packet holds a copy of the one before it (in-band FEC).
    pub(crate) fn has_copy(packet: &[u8]) -> bool {
        let Ok(len @ 1..) = i32::try_from(packet.len()) else { return false };
        // SAFETY: the packet is valid for `len` bytes, of which there is the one that libopus reads first.
        unsafe { ffi::opus_packet_has_lbrr(packet.as_ptr(), len) == 1 }
    }
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
            encoder.set_dtx(settings.discontinuous_transmission)?;
            Ok(Self(encoder))
        };
        configure().map_err(|error| OpusError::new("encoder set-up", error))
    }

    /// Makes the copies that packets carry fit for a loss of `percent`.
    pub(crate) fn expect_loss(&mut self, percent: u8) {
        // Only a share above 100 is refused, and then the one before stands.
        let _ = self.0.set_packet_loss_perc(percent.into());
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
