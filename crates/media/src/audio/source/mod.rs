//! Sound from files: as a whole, or block by block. Away from the media path, which knows frames only, and so free to allocate.
//! Pure: bytes come in from whoever opened the file.

mod container;
mod ogg_opus;
mod rate;
mod reader;
mod sound;
mod wav_head;

use std::time::Duration;

pub(crate) use rate::StreamResampler;
pub use reader::SoundReader;
pub use sound::Sound;

use crate::units::SampleRate;

/// Rates that are read. Below, there is no speech; above, a made-up header would cost gigabytes of filter.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=384_000;

/// The most channels that are mixed to one.
pub(crate) const MOST_CHANNELS: usize = 32;

/// The longest sound that is taken into memory as a whole: at 48 kHz it is 691 MB.
const LONGEST: Duration = Duration::from_secs(2 * 60 * 60);

/// Why a sound cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SoundError {
    /// No WAV file, or one that ends too early.
    #[error("not a WAV file that can be read: {0}")]
    Unreadable(#[from] hound::Error),
    /// The bytes could not be read.
    #[error("the sound cannot be read")]
    Io(#[source] std::io::Error),
    /// None of the kinds of file that are read, or a broken one.
    #[error("not a WAV, MP3, FLAC or Ogg Opus file that can be read: {problem}")]
    Format {
        /// What is wrong with it.
        problem: String,
    },
    /// An Ogg file whose Opus stream cannot be read (RFC 7845).
    #[error("not an Ogg Opus stream that can be read: {problem}")]
    OggOpus {
        /// What is wrong with it.
        problem: String,
    },
    /// A file of a kind of samples that is not read.
    #[error("{what} are not read: integers of 8 to 32 bits or floats of 32, in 1 to 255 channels, are")]
    Samples {
        /// What the file holds.
        what: String,
    },
    /// A rate that nobody records at.
    #[error("{hz} Hz is not between {} and {} Hz", RATES.start(), RATES.end())]
    Rate {
        /// The rate.
        hz: u32,
    },
    /// More channels than anybody records with, or none.
    #[error("{channels} channels are not between 1 and {MOST_CHANNELS}")]
    Channels {
        /// How many.
        channels: usize,
    },
    /// The file goes on at another rate than it began with.
    #[error("the sound changes its rate from {from} to {to}")]
    RateChanged {
        /// The rate that it began with.
        from: SampleRate,
        /// The rate that it goes on with.
        to: SampleRate,
    },
    /// Longer than what is taken into memory as a whole. A [`SoundReader`] reads it in parts.
    #[error("the sound is longer than {LONGEST:?}")]
    TooLong,
    /// The resampler refused.
    #[error("cannot resample from {from} to {to}")]
    Resample {
        /// The sound's rate.
        from: SampleRate,
        /// The rate asked for.
        to: SampleRate,
    },
}

/// A file that is decoded block by block.
trait Blocks: Send {
    /// Samples per second of what [`next`](Self::next) gives.
    fn rate(&self) -> SampleRate;
    /// Appends the next samples, mono, in units of 16-bit PCM; `false` when there are no more. May append none.
    fn next(&mut self, block: &mut Vec<f32>) -> Result<bool, SoundError>;
    /// Packets that could not be decoded.
    fn damaged(&self) -> u64;
}

/// A rate that is read.
pub(crate) fn checked_rate(hz: u32) -> Result<SampleRate, SoundError> {
    SampleRate::new(hz).filter(|rate| RATES.contains(&rate.get())).ok_or(SoundError::Rate { hz })
}

/// Rounds to 16 bits; what is louder is cut.
pub(crate) fn to_pcm(sample: f32) -> i16 {
    // A float that is no number becomes zero here.
    sample.round() as i16
}
