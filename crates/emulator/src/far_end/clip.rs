//! Speech for a far end: read from a WAV file, encoded once, ahead of the call.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use offhook_media::{SampleRate, Sound, SoundError};
use opus::{Application, Bitrate, Channels, Encoder, Signal};

/// Frames per second.
const FRAMES_PER_SECOND: usize = 50;

/// The longest packet at the bitrate used, with much room.
const PACKET_LEN: usize = 1500;

/// Rates that Opus encodes at (RFC 6716 section 2). Sound of another one is resampled to the last.
const OPUS_RATES: [u32; 5] = [8_000, 12_000, 16_000, 24_000, 48_000];

/// Somebody speaking; `assets/README.md` says who, and under which licence.
const SPEECH: &[u8] = include_bytes!("../../../../assets/speech.wav");

/// The highest sample of a tone: as loud as somebody who speaks up.
const TONE_LOUDNESS: f64 = 8_000.0;

/// Why a clip cannot be played.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClipError {
    /// The file cannot be opened.
    #[error("cannot open {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file holds no sound that can be used.
    #[error("{path}: {source}")]
    Sound {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: SoundError,
    },
    /// The sound has a rate that cannot be brought to one of Opus'.
    #[error(transparent)]
    Rate(#[from] SoundError),
    /// libopus refused.
    #[error("cannot encode: {0}")]
    Codec(#[from] opus::Error),
}

/// A span of speech, ready to be sent.
#[derive(Debug)]
pub struct Clip {
    sound: Sound,
    encoded: OnceLock<Encoded>,
}

/// A clip as Opus packets of 20 ms, and a packet of the silence that follows.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) speech: Vec<Bytes>,
    pub(super) silence: Bytes,
}

impl Clip {
    /// A clip of `sound`.
    ///
    /// # Errors
    /// When its rate is one that nobody records at.
    pub fn new(sound: Sound) -> Result<Self, ClipError> {
        let [.., widest] = OPUS_RATES;
        let rate = sound.sample_rate();
        let sound = match SampleRate::new(widest) {
            Some(widest) if !OPUS_RATES.contains(&rate.get()) => sound.resampled(widest)?,
            _ => sound,
        };
        Ok(Self { sound, encoded: OnceLock::new() })
    }

    /// A clip from a WAV file, of any rate and number of channels.
    ///
    /// # Errors
    /// When the file cannot be read, or holds no sound that can be used.
    pub fn from_wav(path: impl AsRef<Path>) -> Result<Self, ClipError> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|source| ClipError::File { path: path.to_owned(), source })?;
        let sound = Sound::read_wav(BufReader::new(file));
        Self::new(sound.map_err(|source| ClipError::Sound { path: path.to_owned(), source })?)
    }

    /// The speech that comes with the emulator: six seconds of a woman speaking English, 16 kHz.
    pub fn speech() -> Self {
        let sound = Sound::read_wav(SPEECH).expect("the asset is a WAV file");
        Self::new(sound).expect("the asset's rate is one of Opus'")
    }

    /// A second of a tone of so many whole hertz, of which the end fits the beginning.
    pub fn tone(hertz: f64) -> Self {
        let [.., widest] = OPUS_RATES;
        let step = std::f64::consts::TAU * hertz.round() / f64::from(widest);
        let samples = (0..widest).map(|i| ((step * f64::from(i)).sin() * TONE_LOUDNESS) as i16).collect();
        let rate = SampleRate::new(widest).expect("a rate of Opus' is one that sound can have");
        Self::new(Sound::new(rate, samples)).expect("the rate is one of Opus'")
    }

    /// How long it is.
    pub fn duration(&self) -> Duration {
        self.sound.duration()
    }

    /// What is heard of it.
    pub fn sound(&self) -> &Sound {
        &self.sound
    }

    /// The clip as packets. Takes some 150 us a packet the first time.
    pub(super) fn encoded(&self) -> Result<&Encoded, ClipError> {
        if let Some(encoded) = self.encoded.get() {
            return Ok(encoded);
        }
        let encoded = self.encode()?;
        Ok(self.encoded.get_or_init(|| encoded))
    }

    fn encode(&self) -> Result<Encoded, ClipError> {
        let rate = self.sound.sample_rate().get();
        let mut encoder = Encoder::new(rate, Channels::Mono, Application::Voip)?;
        encoder.set_bitrate(Bitrate::Bits(32_000))?;
        encoder.set_complexity(5)?;
        encoder.set_signal(Signal::Voice)?;
        encoder.set_inband_fec(true)?;
        encoder.set_packet_loss_perc(5)?;
        let len = rate as usize / FRAMES_PER_SECOND;
        let mut packet = [0; PACKET_LEN];
        let mut encode = |frame: &[i16]| {
            encoder.encode(frame, &mut packet).map(|len| Bytes::copy_from_slice(&packet[..len]))
        };
        let mut speech = Vec::with_capacity(self.sound.samples().len() / len + 1);
        for frame in self.sound.samples().chunks(len) {
            let mut frame = frame.to_vec();
            frame.resize(len, 0);
            speech.push(encode(&frame)?);
        }
        // The encoder's memory of the speech fades within a second; the packet after that is silence for good.
        let mut silence = Bytes::new();
        for _ in 0..FRAMES_PER_SECOND {
            silence = encode(&vec![0; len])?;
        }
        Ok(Encoded { speech, silence })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(rate: u32, samples: Vec<i16>) -> Result<Clip, ClipError> {
        Clip::new(Sound::new(SampleRate::new(rate).unwrap(), samples))
    }

    #[test]
    fn a_clip_becomes_a_packet_each_20_ms_with_the_last_filled_up() {
        let clip = clip(16_000, vec![1000; 16_100]).unwrap();
        assert_eq!(clip.encoded().unwrap().speech.len(), 51);
        assert_eq!(clip.duration(), Duration::from_micros(1_006_250));
    }

    #[test]
    fn rates_that_opus_lacks_are_resampled_and_what_is_no_sound_is_refused_by_name() {
        let resampled = clip(44_100, vec![0; 44_100]).unwrap();
        assert_eq!(
            (resampled.sound().sample_rate().get(), resampled.duration()),
            (48_000, Duration::from_secs(1))
        );
        assert!(matches!(clip(1, vec![0]), Err(ClipError::Rate(_))));
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("speech.wav");
        let said = |path: &Path| Clip::from_wav(path).unwrap_err().to_string();
        assert!(said(&path).contains("speech.wav"), "{}", said(&path));
        std::fs::write(&path, b"RIFF").unwrap();
        assert!(said(&path).contains("speech.wav: not a WAV file"), "{}", said(&path));
    }

    #[test]
    fn the_speech_that_comes_with_it_can_be_spoken() {
        let speech = Clip::speech();
        assert!(speech.duration() > Duration::from_secs(5));
        assert_eq!(
            speech.encoded().unwrap().speech.len(),
            speech.duration().as_millis().div_ceil(20) as usize
        );
    }
}
