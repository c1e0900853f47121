//! A section in which somebody sees others: whom it shows, in which codec, and the numbers of its packets.

use std::time::Duration;

use rtc::rtp::{Packet, header::Header};

use super::codec::{Codec, Numbers, begins_key_frame};
use super::{Feed, Shown};

/// The clock of video (RFC 7741 section 4.1, RFC 6184 section 5.1).
const CLOCK: u128 = 90_000;

/// Whom a slot shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The first whom no other slot of the same viewer shows, camera or screen; who is shown stays.
    Anybody,
    /// The camera of whoever has this place among those who spoke last.
    Speaker(usize),
    /// The screen that was shared last.
    Screen,
    /// The source of this number in rosters.
    Source(u32),
    Nobody,
}

/// A section in which somebody sees a feed.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(super) mid: String,
    pub(super) ssrc: u32,
    pub(super) choice: Choice,
    pub(super) shows: Option<Feed>,
    numbers: Numbers,
    codec: Option<Codec>,
    /// What it shows has not begun yet: nothing but a key frame can be the beginning.
    awaits_key_frame: bool,
    /// Pictures come that it could show, but for the beginning.
    pub(super) misses_key_frame: bool,
    stream: Stream,
}

impl Slot {
    pub(crate) fn new(mid: &str, numbers: Numbers, ssrc: u32, choice: Choice) -> Self {
        Self {
            mid: mid.to_owned(),
            ssrc,
            choice,
            shows: None,
            numbers,
            codec: None,
            awaits_key_frame: true,
            misses_key_frame: false,
            stream: Stream::default(),
        }
    }

    /// Shows a feed from its next key frame on, or nothing.
    pub(super) fn turn_to(&mut self, feed: Option<Feed>) {
        self.shows = feed;
        self.begins();
    }

    fn begins(&mut self) {
        (self.codec, self.awaits_key_frame, self.misses_key_frame) = (None, true, false);
        self.stream.offsets = None;
    }

    /// The packet as it is in this section, where it belongs there: whoever cannot read the codec sees nothing of it, and what comes
    /// in several is seen in one.
    pub(super) fn see(
        &mut self,
        now: Duration,
        shown: &Shown,
        codec: Codec,
        packet: &Packet,
    ) -> Option<Box<Packet>> {
        if self.numbers.best_of(&shown.codecs) != Some(codec) {
            return None;
        }
        let number = self.numbers.number(codec)?;
        if self.codec != Some(codec) {
            self.begins();
            self.codec = Some(codec);
        }
        if self.awaits_key_frame {
            if !begins_key_frame(codec, &packet.payload) {
                self.misses_key_frame |= !packet.payload.is_empty();
                return None;
            }
            (self.awaits_key_frame, self.misses_key_frame) = (false, false);
        }
        let came = &packet.header;
        let (sequence_number, timestamp) = self.stream.rewrite(now, came.sequence_number, came.timestamp);
        // Nothing else of the header is passed on: extensions have other numbers in each connection, and say nothing that matters here.
        let header = Header {
            version: 2,
            marker: came.marker,
            payload_type: number,
            sequence_number,
            timestamp,
            ssrc: self.ssrc,
            csrc: vec![shown.source.0],
            ..Header::default()
        };
        Some(Box::new(Packet { header, payload: packet.payload.clone() }))
    }
}

/// The numbers of the packets in a slot, which go on evenly whoever is shown.
#[derive(Debug, Default)]
struct Stream {
    /// The latest sequence number and RTP time that went out, and when.
    latest: Option<(u16, u32, Duration)>,
    /// What is added to those of the feed. `None` before its first packet.
    offsets: Option<(u16, u32)>,
}

impl Stream {
    fn rewrite(&mut self, now: Duration, number: u16, time: u32) -> (u16, u32) {
        let (by_number, by_time) = *self.offsets.get_or_insert_with(|| match self.latest {
            // The first number of all stays below 2^15 (RFC 3711 section 3.3.1).
            None => (number.wrapping_neg().wrapping_add(1), 0),
            Some((last_number, last_time, at)) => {
                let passed = now.saturating_sub(at).as_nanos() * CLOCK / 1_000_000_000;
                let time_now = last_time.wrapping_add((passed as u32).max(1));
                (last_number.wrapping_add(1).wrapping_sub(number), time_now.wrapping_sub(time))
            }
        });
        let (number, time) = (number.wrapping_add(by_number), time.wrapping_add(by_time));
        let is_newer = self.latest.is_none_or(|(latest, ..)| number.wrapping_sub(latest).cast_signed() > 0);
        if is_newer {
            self.latest = Some((number, time, now));
        }
        (number, time)
    }
}
