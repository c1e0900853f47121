//! A sound file read from front to back: an hour of it is never an hour in memory.

use std::io::{Cursor, Read};

use super::container::Container;
use super::ogg_opus::OggOpus;
use super::rate::StreamResampler;
use super::{Blocks, SoundError, checked_rate, to_pcm};
use crate::units::SampleRate;

/// How an Ogg file begins (RFC 3533 section 6).
const OGG: &[u8; 4] = b"OggS";

/// Reads WAV, MP3, FLAC (as such) and Opus (in Ogg, RFC 7845), told apart by what they hold. Channels are mixed to one.
///
/// It holds one block of the file at a time and blocks while the file does: it is for a thread that may wait, not for a runtime.
///
/// ```no_run
/// use offhook_media::{SampleRate, SoundReader};
///
/// let file = std::fs::File::open("music-on-hold.mp3")?;
/// let mut music = SoundReader::new(file)?.at_rate(SampleRate::HZ_16000)?;
/// let mut second = vec![0; 16_000];
/// while music.read(&mut second)? > 0 {
///     // Hand it to the player.
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SoundReader {
    blocks: Box<dyn Blocks>,
    resampler: Option<StreamResampler>,
    rate: SampleRate,
    /// Decoded and not resampled yet.
    decoded: Vec<f32>,
    /// To be given out, from `at` on.
    ready: Vec<f32>,
    at: usize,
    ended: bool,
}

impl SoundReader {
    /// Opens a sound, and reads as much of it as says what it is.
    ///
    /// # Errors
    /// When it cannot be read, is none of the known kinds, or has a rate or channels that nobody records with.
    pub fn new(mut file: impl Read + Send + Sync + 'static) -> Result<Self, SoundError> {
        let mut beginning = Vec::with_capacity(OGG.len());
        file.by_ref().take(OGG.len() as u64).read_to_end(&mut beginning).map_err(SoundError::Io)?;
        let is_ogg = beginning == OGG;
        let whole = Cursor::new(beginning).chain(file);
        let blocks: Box<dyn Blocks> =
            if is_ogg { Box::new(OggOpus::open(whole)?) } else { Box::new(Container::open(whole)?) };
        let rate = blocks.rate();
        Ok(Self {
            blocks,
            resampler: None,
            rate,
            decoded: Vec::new(),
            ready: Vec::new(),
            at: 0,
            ended: false,
        })
    }

    /// The same sound at another rate. To be called before anything is read.
    ///
    /// # Errors
    /// When the rate is one that nobody records at.
    pub fn at_rate(mut self, rate: SampleRate) -> Result<Self, SoundError> {
        let rate = checked_rate(rate.get())?;
        let from = self.blocks.rate();
        self.resampler = (from != rate).then(|| StreamResampler::new(from, rate)).transpose()?;
        self.rate = rate;
        Ok(self)
    }

    /// Samples per second of what is read.
    pub fn sample_rate(&self) -> SampleRate {
        self.rate
    }

    /// Packets that could not be decoded so far. What they held is left out, or made up where the codec can.
    pub fn damaged_packets(&self) -> u64 {
        self.blocks.damaged()
    }

    /// Fills `samples` with what comes next, mono, and returns how many there are: fewer than asked for at the end only, and
    /// none behind it.
    ///
    /// # Errors
    /// When the file cannot be read on. What was read before stays good.
    pub fn read(&mut self, samples: &mut [i16]) -> Result<usize, SoundError> {
        let mut given = 0;
        while given < samples.len() {
            if self.at == self.ready.len() && !self.make_ready()? {
                break;
            }
            let ready = &self.ready[self.at..];
            let count = ready.len().min(samples.len() - given);
            for (sample, &ready) in samples[given..].iter_mut().zip(&ready[..count]) {
                *sample = to_pcm(ready);
            }
            self.at += count;
            given += count;
        }
        Ok(given)
    }

    /// Decodes until there is something to give; `false` when there is nothing any more.
    fn make_ready(&mut self) -> Result<bool, SoundError> {
        self.ready.clear();
        self.at = 0;
        while self.ready.is_empty() {
            if self.ended {
                return Ok(false);
            }
            match &mut self.resampler {
                None => self.ended = !self.blocks.next(&mut self.ready)?,
                Some(resampler) => {
                    self.ended = !self.blocks.next(&mut self.decoded)?;
                    resampler.resample(&mut self.decoded, self.ended, &mut self.ready)?;
                }
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
