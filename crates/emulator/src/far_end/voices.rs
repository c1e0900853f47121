//! What a far end says: one voice or several, their sum, and how loud each is.

use std::sync::Arc;
use std::time::Duration;

use offhook_media::{MediaSourceId, SampleRate, Sound};

use super::clip::{Clip, ClipError};

/// Between two packets.
pub(super) const FRAME: Duration = Duration::from_millis(20);

/// RTP ticks in [`FRAME`].
pub(super) const TICKS_PER_FRAME: u32 = 960;

/// Frames per second.
const FRAMES_PER_SECOND: usize = 50;

/// The level of silence, in -dBov (RFC 6465 section 3).
const SILENCE: u8 = 127;

/// Contributing sources of one packet (RFC 3550 section 5.1).
pub(crate) const MOST_VOICES: usize = 15;

/// Somebody who speaks, and under which id: in a call between two there is none.
#[derive(Clone, Debug)]
pub(crate) struct Voice {
    pub(crate) source: Option<MediaSourceId>,
    pub(crate) clip: Arc<Clip>,
}

/// All that is said: the sum, and each voice beside it, equally long.
pub(super) struct Speech {
    pub(super) mix: Arc<Clip>,
    pub(super) voices: Vec<Voice>,
    /// For each frame, that of each voice, in -dBov.
    levels: Vec<Vec<u8>>,
}

impl Speech {
    /// Encodes `voices` and their sum; one voice is its own. Takes some 150 us a packet.
    pub(super) fn of(voices: Vec<Voice>) -> Result<Option<Self>, ClipError> {
        let (mix, voices) = match &voices[..] {
            [] => return Ok(None),
            [only] => (Arc::clone(&only.clip), voices),
            several => sum(several)?,
        };
        for clip in voices.iter().map(|voice| &voice.clip).chain([&mix]) {
            clip.encoded()?;
        }
        let levels = voices.iter().map(|voice| levels(voice.clip.sound())).collect();
        Ok(Some(Self { mix, voices, levels }))
    }

    /// Frames of it.
    pub(super) fn len(&self) -> Result<usize, ClipError> {
        Ok(self.mix.encoded()?.speech.len())
    }

    /// Who speaks, and how loud each is in a frame; silent behind the last.
    pub(super) fn levels(&self, frame: usize) -> Vec<(MediaSourceId, u8)> {
        let voices = self.voices.iter().zip(&self.levels);
        let level = |levels: &Vec<u8>| levels.get(frame).copied().unwrap_or(SILENCE);
        voices.filter_map(|(voice, levels)| Some((voice.source?, level(levels)))).collect()
    }
}

/// The sum of `voices`, and the voices as long as it.
fn sum(voices: &[Voice]) -> Result<(Arc<Clip>, Vec<Voice>), ClipError> {
    let rates = || voices.iter().map(|voice| voice.clip.sound().sample_rate());
    let rate = rates().max_by_key(|rate| rate.get()).unwrap_or(SampleRate::HZ_16000);
    let sounds = voices.iter().map(|voice| voice.clip.sound().resampled(rate));
    let mut sounds: Vec<Vec<i16>> =
        sounds.map(|sound| Ok(sound?.samples().to_vec())).collect::<Result<_, ClipError>>()?;
    let len = sounds.iter().map(Vec::len).max().unwrap_or_default();
    sounds.iter_mut().for_each(|samples| samples.resize(len, 0));
    let at = |i: usize| sounds.iter().map(|samples| i32::from(samples[i])).sum::<i32>();
    let clamped = |sample: i32| sample.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
    let mix = (0..len).map(|i| clamped(at(i))).collect();
    let clip = |samples| Clip::new(Sound::new(rate, samples)).map(Arc::new);
    let mix = clip(mix)?;
    let voices = voices.iter().zip(sounds).map(|(voice, samples)| {
        let is_as_it_was = voice.clip.sound().samples().len() == samples.len();
        let clip = if is_as_it_was { Arc::clone(&voice.clip) } else { clip(samples)? };
        Ok(Voice { source: voice.source, clip })
    });
    Ok((mix, voices.collect::<Result<_, ClipError>>()?))
}

fn levels(sound: &Sound) -> Vec<u8> {
    let len = sound.sample_rate().get() as usize / FRAMES_PER_SECOND;
    sound.samples().chunks(len).map(level).collect()
}

/// How loud a frame is, in -dBov (RFC 6465 section 3).
pub(crate) fn level(frame: &[i16]) -> u8 {
    let power = frame.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / frame.len() as f64;
    let below_full = -10.0 * (power / 32_768.0_f64.powi(2)).log10();
    below_full.round().clamp(0.0, SILENCE.into()) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voice(source: u32, rate: u32, samples: Vec<i16>) -> Voice {
        let sound = Sound::new(SampleRate::new(rate).unwrap(), samples);
        Voice { source: Some(MediaSourceId(source)), clip: Arc::new(Clip::new(sound).unwrap()) }
    }

    #[test]
    fn the_sum_is_as_long_as_the_longest_voice_and_the_others_fall_silent() {
        let voices = vec![voice(1, 16_000, vec![20_000; 640]), voice(2, 16_000, vec![20_000; 320])];
        let speech = Speech::of(voices).unwrap().unwrap();
        assert_eq!(speech.mix.sound().samples()[319..321], [32_767, 20_000], "clipped, then one alone");
        assert!(speech.voices.iter().all(|voice| voice.clip.sound().samples().len() == 640));
        let levels = |frame| speech.levels(frame).iter().map(|(source, level)| (source.0, *level)).collect();
        let levels: [Vec<_>; 3] = [0, 1, 2].map(levels);
        assert_eq!(levels, [[(1, 4), (2, 4)], [(1, 4), (2, 127)], [(1, 127), (2, 127)]]);
        assert_eq!(speech.len().unwrap(), 2);
    }

    #[test]
    fn one_voice_is_its_own_sum_and_none_is_no_speech() {
        let one = voice(1, 48_000, vec![100; 960]);
        let clip = Arc::clone(&one.clip);
        assert!(Arc::ptr_eq(&Speech::of(vec![one]).unwrap().unwrap().mix, &clip));
        assert!(Speech::of(Vec::new()).unwrap().is_none());
    }

    #[test]
    fn voices_of_other_rates_meet_at_the_highest() {
        let voices = vec![voice(1, 8_000, vec![0; 800]), voice(2, 16_000, vec![0; 1_600])];
        let speech = Speech::of(voices).unwrap().unwrap();
        assert_eq!(speech.mix.sound().sample_rate().get(), 16_000);
        assert_eq!(speech.len().unwrap(), 5);
    }
}
