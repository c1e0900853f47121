//! Telephone events (RFC 4733): keys that a far end presses, and those that it hears, by code of its own.

use std::time::Duration;

use offhook_media::Tone;

use super::voices::{FRAME, TICKS_PER_FRAME};

/// RTP ticks per second.
const CLOCK: u128 = 48_000;

/// The longest that one segment of an event can say (RFC 4733 section 2.5.1.3).
const SEGMENT: u16 = u16::MAX;

/// Between a tone and the next.
const GAP: Duration = Duration::from_millis(100);

/// Times that the end of a tone is said, as it may get lost (RFC 4733 section 2.5.1.4).
const ENDS: usize = 3;

/// A tone that was heard to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeardTone {
    /// Which key.
    pub tone: Tone,
    /// How long it was held, as its packets say, rounded down to a nanosecond.
    pub duration: Duration,
}

/// One packet of a tone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TonePacket {
    /// The frame of the plan in which its tone began.
    pub(crate) since: u32,
    pub(crate) is_first: bool,
    pub(crate) payload: [u8; 4],
}

/// What is sent in each frame of 20 ms while `tones` are pressed, each for its time: nothing in the gaps.
pub(crate) fn plan(tones: &[(Tone, Duration)]) -> Vec<Vec<TonePacket>> {
    let mut frames = Vec::new();
    for &(tone, duration) in tones {
        let ticks = u16::try_from(duration.as_nanos() * CLOCK / 1_000_000_000).unwrap_or(SEGMENT);
        let since = frames.len() as u32;
        let count = u32::from(ticks).div_ceil(TICKS_PER_FRAME).max(1);
        for frame in 1..=count {
            let (is_last, so_far) = (frame == count, (frame * TICKS_PER_FRAME).min(ticks.into()));
            let [high, low] = (so_far as u16).to_be_bytes();
            // The volume is one that exchanges send: -10 dBm0.
            let packet = |is_first| TonePacket {
                since,
                is_first,
                payload: [tone.code(), u8::from(is_last) << 7 | 10, high, low],
            };
            let mut packets = vec![packet(frame == 1)];
            packets.resize(if is_last { ENDS } else { 1 }, packet(false));
            frames.push(packets);
        }
        frames.resize(frames.len() + GAP.as_millis().div_ceil(FRAME.as_millis()) as usize, Vec::new());
    }
    frames
}

/// Takes the packets of tones apart.
#[derive(Debug, Default)]
pub(crate) struct ToneListener {
    held: Option<Held>,
    /// When the last segment that is over began.
    last: Option<u32>,
    pub(crate) heard: Vec<HeardTone>,
}

#[derive(Debug)]
struct Held {
    tone: Tone,
    since: u32,
    /// Ticks in the segments before.
    before: u64,
    ticks: u16,
}

impl ToneListener {
    /// Takes in a packet whose tone began at the RTP time `since`.
    pub(crate) fn receive(&mut self, since: u32, payload: &[u8]) {
        let [code, end_and_volume, high, low, ..] = *payload else { return };
        let Some(tone) = Tone::from_code(code) else { return };
        let newest = self.held.as_ref().map(|held| held.since).or(self.last);
        let step = newest.map_or(1, |newest| since.wrapping_sub(newest).cast_signed());
        // Late, or the end once more.
        if step < 0 || step == 0 && self.held.is_none() {
            return;
        }
        let ticks = u16::from_be_bytes([high, low]);
        match &mut self.held {
            Some(held) if step == 0 => held.ticks = held.ticks.max(ticks),
            Some(held) if step == i32::from(SEGMENT) && held.tone == tone => {
                (held.since, held.before, held.ticks) = (since, held.before + u64::from(SEGMENT), ticks);
            }
            _ => {
                self.end();
                self.held = Some(Held { tone, since, before: 0, ticks });
            }
        }
        if end_and_volume & 0x80 != 0 {
            self.end();
        }
    }

    fn end(&mut self) {
        let Some(Held { tone, since, before, ticks }) = self.held.take() else { return };
        self.last = Some(since);
        let nanoseconds = u128::from(before + u64::from(ticks)) * 1_000_000_000 / CLOCK;
        self.heard.push(HeardTone { tone, duration: Duration::from_nanos(nanoseconds as u64) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_lasts_to_the_tick_and_its_end_is_said_three_times() {
        let plan = plan(&[(Tone::Star, Duration::from_millis(50)), (Tone::A, Duration::from_millis(40))]);
        assert_eq!(
            plan.iter().map(Vec::len).collect::<Vec<_>>(),
            [1, 1, 3, 0, 0, 0, 0, 0, 1, 3, 0, 0, 0, 0, 0]
        );
        let [first, ..] = plan[0][..] else { panic!("it begins at once") };
        assert_eq!(first, TonePacket { since: 0, is_first: true, payload: [10, 10, 0x03, 0xc0] });
        let [high, low] = 2400_u16.to_be_bytes();
        assert!(plan[2].iter().all(|packet| packet.payload == [10, 0x8a, high, low] && !packet.is_first));
        assert_eq!(plan[8][0].since, 8);
    }

    #[test]
    fn tones_are_heard_once_with_lost_ends_and_in_segments() {
        let mut listener = ToneListener::default();
        let mut hear = |since: u32, code, end, ticks: u16| {
            let [high, low] = ticks.to_be_bytes();
            listener.receive(since, &[code, u8::from(end) << 7, high, low]);
        };
        // Over the wrap of the clock; the end twice.
        for (end, ticks) in [(false, 960), (true, 2400), (true, 2400)] {
            hear(u32::MAX - 5, 1, end, ticks);
        }
        // Its end is lost.
        hear(9_000, 2, false, 960);
        hear(30_000, 3, false, 65_535);
        hear(30_000 + 65_535, 3, true, 465);
        hear(9_000, 2, true, 1_200);
        let heard = listener.heard.iter().map(|heard| (heard.tone.code(), heard.duration.as_micros()));
        assert_eq!(heard.collect::<Vec<_>>(), [(1, 50_000), (2, 20_000), (3, 1_375_000)]);
    }
}
