//! What RTP says of an audio packet beside its payload: what the payload is, how loud it is, and who is heard in it.

use std::fmt;

use crate::units::MediaSourceId;

/// What a payload is. Payload types are agreed on for each session; this is what they stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// One Opus packet (RFC 7587).
    #[default]
    Opus,
    /// An Opus packet behind copies of those before it (RFC 2198).
    Red,
    /// A telephone event at 48 kHz: a DTMF tone (RFC 4733).
    TelephoneEvent,
}

/// How loud a frame is: from 0, full scale, down to 127, silence, in -dBov (RFC 6464 section 3). Louder is greater.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AudioLevel(u8);

impl AudioLevel {
    /// As loud as samples can be.
    pub const LOUDEST: Self = Self(0);
    /// Nothing is heard.
    pub const SILENCE: Self = Self(127);

    /// A level from the seven bits of the wire; whatever is above them is cut off.
    pub const fn from_minus_dbov(level: u8) -> Self {
        Self(level & 0x7f)
    }

    /// The seven bits of the wire: how many dB below full scale.
    pub const fn minus_dbov(self) -> u8 {
        self.0
    }

    /// The level of `samples`, by their root mean square.
    pub fn of(samples: &[i16]) -> Self {
        let energy: u64 = samples.iter().map(|&sample| u64::from(sample.unsigned_abs()).pow(2)).sum();
        if energy == 0 {
            return Self::SILENCE;
        }
        let full_scale = f64::from(i16::MAX).powi(2) * samples.len() as f64;
        let dbov = 10.0 * (energy as f64 / full_scale).log10();
        Self((-dbov).round().clamp(0.0, 127.0) as u8)
    }
}

impl Ord for AudioLevel {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.0.cmp(&self.0)
    }
}

impl PartialOrd for AudioLevel {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for AudioLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "-{} dBov", self.0)
    }
}

/// Somebody who is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveSpeaker {
    /// Who.
    pub source: MediaSourceId,
    /// How loud, when the far end says so (RFC 6465, or RFC 6464 for a stream of one speaker).
    pub level: Option<AudioLevel>,
}

/// The most contributing sources that an RTP packet can name (RFC 3550 section 5.1).
const MOST_SPEAKERS: usize = 15;

/// Who is heard in a packet or a frame, in the far end's order: the RTP contributing sources with their levels.
///
/// Plain data of a fixed size, so that it moves with a frame and nothing is allocated. Derefs to a slice.
#[derive(Clone, Copy)]
pub struct ActiveSpeakers {
    speakers: [ActiveSpeaker; MOST_SPEAKERS],
    len: u8,
}

impl ActiveSpeakers {
    /// Nobody.
    pub const NONE: Self =
        Self { speakers: [ActiveSpeaker { source: MediaSourceId(0), level: None }; MOST_SPEAKERS], len: 0 };

    /// Adds one more behind the others; one beyond the fifteenth is left out.
    pub fn push(&mut self, speaker: ActiveSpeaker) {
        if let Some(place) = self.speakers.get_mut(usize::from(self.len)) {
            *place = speaker;
            self.len += 1;
        }
    }

    /// The loudest; the first of them where no level is known.
    pub fn loudest(&self) -> Option<ActiveSpeaker> {
        // `max_by_key` would take the last of equals.
        self.iter().rev().copied().max_by_key(|speaker| speaker.level)
    }
}

impl Default for ActiveSpeakers {
    fn default() -> Self {
        Self::NONE
    }
}

impl std::ops::Deref for ActiveSpeakers {
    type Target = [ActiveSpeaker];

    fn deref(&self) -> &[ActiveSpeaker] {
        &self.speakers[..usize::from(self.len)]
    }
}

impl std::ops::DerefMut for ActiveSpeakers {
    fn deref_mut(&mut self) -> &mut [ActiveSpeaker] {
        &mut self.speakers[..usize::from(self.len)]
    }
}

impl PartialEq for ActiveSpeakers {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

impl Eq for ActiveSpeakers {}

impl fmt::Debug for ActiveSpeakers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self[..].fmt(f)
    }
}

impl FromIterator<ActiveSpeaker> for ActiveSpeakers {
    fn from_iter<I: IntoIterator<Item = ActiveSpeaker>>(speakers: I) -> Self {
        let mut these = Self::NONE;
        speakers.into_iter().for_each(|speaker| these.push(speaker));
        these
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_decibels_below_full_scale_and_louder_is_greater() {
        let square = |peak: i16| AudioLevel::of(&[peak, -peak].repeat(160));
        assert_eq!(square(i16::MAX), AudioLevel::LOUDEST);
        assert_eq!(square(3277).minus_dbov(), 20, "a tenth of the amplitude");
        assert_eq!(square(0), AudioLevel::SILENCE);
        assert_eq!(AudioLevel::of(&[]), AudioLevel::SILENCE);
        assert!(square(3277) > square(327));
        assert_eq!(AudioLevel::from_minus_dbov(0xff), AudioLevel::SILENCE);
    }

    #[test]
    fn a_list_of_speakers_holds_as_many_as_a_packet_and_knows_the_loudest() {
        let speaker = |source, level: Option<u8>| ActiveSpeaker {
            source: MediaSourceId(source),
            level: level.map(AudioLevel::from_minus_dbov),
        };
        let many: ActiveSpeakers = (0..20).map(|source| speaker(source, None)).collect();
        assert_eq!(many.len(), MOST_SPEAKERS);
        assert_eq!(many.loudest(), Some(speaker(0, None)));
        let three = [speaker(1, Some(40)), speaker(2, Some(20)), speaker(3, None)];
        assert_eq!(three.into_iter().collect::<ActiveSpeakers>().loudest(), Some(three[1]));
        assert_eq!(ActiveSpeakers::NONE.loudest(), None);
    }
}
