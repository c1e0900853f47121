//! DTMF tones as telephone events (RFC 4733): their names, their bytes, and how they are heard.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::time::{MediaInstant, RtpTime};
use crate::units::Ssrc;

/// RTP ticks per second of telephone events: those of the Opus stream that they are part of (RFC 4733 section 2.1).
const CLOCK: u64 = 48_000;

/// The longest duration that one segment of an event can say (RFC 4733 section 2.5.1.3).
pub(crate) const LONGEST_SEGMENT: u32 = 0xffff;

/// A tone whose packets stop without an end is over after this long: ten of its updates were lost, or it ended.
const SILENCE: Duration = Duration::from_millis(200);

/// What comes this long before the last tone is a late packet of it or of one before; what lies further off is a
/// sender that begins anew.
const LATE: i32 = 5 * CLOCK as i32;

/// A key of a telephone, under Graph's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Tone {
    /// A digit key; 0 to 9, and nothing above it.
    Digit(Digit),
    /// `*`
    Star,
    /// `#`
    Pound,
    /// The key A of the fourth column.
    A,
    /// B
    B,
    /// C
    C,
    /// D
    D,
    /// The hook is pressed for a moment.
    Flash,
}

/// A digit key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digit(u8);

impl Digit {
    /// The key with this number; `None` above 9.
    pub const fn new(number: u8) -> Option<Self> {
        if number <= 9 { Some(Self(number)) } else { None }
    }

    /// Its number, 0 to 9.
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl Tone {
    /// Every tone, in the order of its codes.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=16).filter_map(Self::from_code)
    }

    /// Its event code (RFC 4733 section 3.2, and RFC 4734 section 2.1 for the flash).
    pub const fn code(self) -> u8 {
        match self {
            Self::Digit(Digit(number)) => number,
            Self::Star => 10,
            Self::Pound => 11,
            Self::A => 12,
            Self::B => 13,
            Self::C => 14,
            Self::D => 15,
            Self::Flash => 16,
        }
    }

    /// The tone with this event code.
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0..=9 => Self::Digit(Digit(code)),
            10 => Self::Star,
            11 => Self::Pound,
            12 => Self::A,
            13 => Self::B,
            14 => Self::C,
            15 => Self::D,
            16 => Self::Flash,
            _ => return None,
        })
    }
}

/// No key has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no tone: 0 to 9, *, #, a to d, star, pound, flash")]
pub struct UnknownTone(String);

impl FromStr for Tone {
    type Err = UnknownTone;

    /// Reads what [`Display`](fmt::Display) writes, and Graph's names (`tone1`, `star`, `pound`), in either case.
    fn from_str(text: &str) -> Result<Self, UnknownTone> {
        let name = text.to_ascii_lowercase();
        Ok(match name.strip_prefix("tone").unwrap_or(&name) {
            "*" | "star" => Self::Star,
            "#" | "pound" => Self::Pound,
            "a" => Self::A,
            "b" => Self::B,
            "c" => Self::C,
            "d" => Self::D,
            "flash" => Self::Flash,
            digit => match digit.as_bytes() {
                [digit @ b'0'..=b'9'] => Self::Digit(Digit(digit - b'0')),
                _ => return Err(UnknownTone(text.to_owned())),
            },
        })
    }
}

impl fmt::Display for Tone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digit(Digit(number)) => write!(f, "{number}"),
            Self::Star => f.write_str("*"),
            Self::Pound => f.write_str("#"),
            Self::A => f.write_str("a"),
            Self::B => f.write_str("b"),
            Self::C => f.write_str("c"),
            Self::D => f.write_str("d"),
            Self::Flash => f.write_str("flash"),
        }
    }
}

/// How tones are sent. The defaults are those of W3C's `insertDTMF`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToneSettings {
    pub(crate) duration: Duration,
    pub(crate) gap: Duration,
    pub(crate) volume: u8,
}

impl Default for ToneSettings {
    fn default() -> Self {
        Self { duration: Duration::from_millis(100), gap: Duration::from_millis(70), volume: 10 }
    }
}

impl ToneSettings {
    /// How long each tone lasts, to a 48,000th of a second. Default 100 ms; at least 40 ms, which is what exchanges need
    /// to hear one (ITU-T Q.24), and at most 6 s.
    #[must_use]
    pub fn duration(mut self, duration: Duration) -> Self {
        self.duration = duration.clamp(Duration::from_millis(40), Duration::from_secs(6));
        self
    }

    /// How long it is silent after each tone, to a 48,000th of a second. Default 70 ms; at least 40 ms, in which the
    /// end of the tone is said three times, and at most 6 s.
    #[must_use]
    pub fn gap(mut self, gap: Duration) -> Self {
        self.gap = gap.clamp(Duration::from_millis(40), Duration::from_secs(6));
        self
    }

    /// How loud the tone is meant to be played, in -dBm0: 0 is loudest. Default 10; at most 63.
    #[must_use]
    pub fn volume(mut self, minus_dbm0: u8) -> Self {
        self.volume = minus_dbm0.min(63);
        self
    }
}

/// RTP ticks in `span`, rounded down.
pub(crate) fn ticks(span: Duration) -> u32 {
    u32::try_from(span.as_nanos() * u128::from(CLOCK) / 1_000_000_000).unwrap_or(u32::MAX)
}

/// What a telephone event packet says (RFC 4733 section 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TelephoneEvent {
    pub(crate) code: u8,
    /// The event is over, and `duration` is final.
    pub(crate) end: bool,
    pub(crate) volume: u8,
    /// RTP ticks since the packet's RTP time.
    pub(crate) duration: u16,
}

impl TelephoneEvent {
    /// How long a payload is.
    pub(crate) const LEN: usize = 4;

    /// Reads the front of a payload; what a profile puts behind it is left alone.
    pub(crate) fn read(payload: &[u8]) -> Option<Self> {
        let [code, end_and_volume, high, low, ..] = *payload else { return None };
        let duration = u16::from_be_bytes([high, low]);
        Some(Self { code, end: end_and_volume & 0x80 != 0, volume: end_and_volume & 0x3f, duration })
    }

    /// The payload.
    pub(crate) fn bytes(self) -> [u8; Self::LEN] {
        let [high, low] = self.duration.to_be_bytes();
        [self.code, u8::from(self.end) << 7 | self.volume & 0x3f, high, low]
    }
}

/// What stands in the place of a telephone event in a stream of speech: a frame of Opus without sound, as a pause has it (RFC 6716
/// section 3.1: SILK at wideband, 20 ms).
pub(crate) const SILENT_FRAME: &[u8] = &[9 << 3];

/// When that frame begins, of the event `payload` whose packets say `began`: each says how long it is by its end.
pub(crate) fn silent_frame_time(began: RtpTime, payload: &[u8]) -> RtpTime {
    let event = TelephoneEvent::read(payload);
    began.plus(event.map_or(0, |event| u32::from(event.duration).saturating_sub(CLOCK as u32 / 50)))
}

/// A tone that was heard, whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceivedTone {
    /// Which.
    pub tone: Tone,
    /// How long it was held down, as its sender says.
    pub duration: Duration,
}

/// Hears tones in the packets of one stream: each one once, with its duration, when it is over.
///
/// Packets may be lost, doubled and reordered: each says all of its tone that was so far. One whose end is lost is over
/// when the next begins, or after 200 ms without a packet.
#[derive(Debug, Default)]
pub struct ToneReceiver {
    ssrc: Option<Ssrc>,
    held: Option<Held>,
    /// When the last tone that is over began, and its last segment.
    last: Option<RtpTime>,
}

/// The tone that is held down.
#[derive(Clone, Copy, Debug)]
struct Held {
    tone: Tone,
    /// When its present segment began.
    segment: RtpTime,
    /// Ticks in the segments before.
    before: u64,
    /// Ticks in the present one, as far as is known.
    ticks: u16,
    last_arrival: MediaInstant,
}

impl Held {
    fn over(self) -> ReceivedTone {
        let ticks = self.before + u64::from(self.ticks);
        ReceivedTone { tone: self.tone, duration: Duration::from_nanos(ticks * 1_000_000_000 / CLOCK) }
    }
}

impl ToneReceiver {
    /// Takes in a packet that arrived at `arrival`; gives the tones that are over by it: at most two, the one whose end
    /// was lost before the one that the packet ends.
    pub fn receive(
        &mut self,
        ssrc: Ssrc,
        sender_time: RtpTime,
        payload: &[u8],
        arrival: MediaInstant,
    ) -> impl Iterator<Item = ReceivedTone> + use<> {
        let mut over = [None; 2];
        if self.ssrc.replace(ssrc) != Some(ssrc) {
            over[0] = self.held.take().map(Held::over);
            self.last = None;
        }
        let event = TelephoneEvent::read(payload);
        if let Some((event, tone)) = event.and_then(|event| Some((event, Tone::from_code(event.code)?))) {
            let [lost, ended] = self.take(tone, event, sender_time, arrival);
            over = [over[0].or(lost), ended];
        }
        over.into_iter().flatten()
    }

    fn take(
        &mut self,
        tone: Tone,
        event: TelephoneEvent,
        sender_time: RtpTime,
        arrival: MediaInstant,
    ) -> [Option<ReceivedTone>; 2] {
        let newest = self.held.map(|held| held.segment).or(self.last);
        let since = newest.map_or(i32::MAX, |newest| sender_time.since(newest));
        let mut lost = None;
        match &mut self.held {
            Some(held) if since == 0 => {
                held.ticks = held.ticks.max(event.duration);
                held.last_arrival = arrival;
            }
            None if since == 0 => return [None; 2],
            _ if (-LATE..0).contains(&since) => return [None; 2],
            // The same tone goes on in its next segment (RFC 4733 section 2.5.1.3).
            Some(held) if since == LONGEST_SEGMENT.cast_signed() && held.tone == tone => {
                held.before += u64::from(LONGEST_SEGMENT);
                (held.segment, held.ticks, held.last_arrival) = (sender_time, event.duration, arrival);
            }
            _ => {
                lost = self.held.take().map(Held::over);
                let (segment, ticks) = (sender_time, event.duration);
                self.held = Some(Held { tone, segment, before: 0, ticks, last_arrival: arrival });
            }
        }
        let ended = if event.end { self.end() } else { None };
        [lost, ended]
    }

    /// Ends a tone that has fallen silent. To be called from time to time: at each tick, say.
    pub fn handle_timeout(&mut self, now: MediaInstant) -> Option<ReceivedTone> {
        let silent = self.held.is_some_and(|held| now.since(held.last_arrival) >= SILENCE);
        if silent { self.end() } else { None }
    }

    fn end(&mut self) -> Option<ReceivedTone> {
        let held = self.held.take()?;
        self.last = Some(held.segment);
        Some(held.over())
    }
}

#[cfg(test)]
mod tests;
