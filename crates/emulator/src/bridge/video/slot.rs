//! A section in which somebody sees others: whom it shows, in which codec, and the numbers of its packets.

use std::time::Duration;

use offhook_media::video::VideoSize;
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
    /// Pictures are to be no larger, where there are some that are not.
    pub(super) at_most: Option<VideoSize>,
    pub(super) shows: Option<Feed>,
    numbers: Numbers,
    codec: Option<Codec>,
    /// The layer that is shown; `None`: what it shows has not begun yet.
    pub(super) layer: Option<usize>,
    /// The layer that is to be shown. Nothing but a key frame of it can be the beginning, and until then the other goes on.
    pub(super) wanted: Option<usize>,
    /// Pictures of the wanted layer come, but none that could be the beginning.
    pub(super) misses_key_frame: bool,
    /// The highest number of their packets.
    missed: Option<u16>,
    stream: Stream,
}

impl Slot {
    pub(crate) fn new(mid: &str, numbers: Numbers, ssrc: u32, choice: Choice) -> Self {
        Self {
            mid: mid.to_owned(),
            ssrc,
            choice,
            at_most: None,
            shows: None,
            numbers,
            codec: None,
            layer: None,
            wanted: None,
            misses_key_frame: false,
            missed: None,
            stream: Stream::default(),
        }
    }

    /// Shows a feed from its next key frame on, or nothing.
    pub(super) fn turn_to(&mut self, feed: Option<Feed>) {
        self.shows = feed;
        self.wanted = None;
        self.begins();
    }

    fn begins(&mut self) {
        (self.codec, self.layer) = (None, None);
        self.misses_nothing();
    }

    fn misses_nothing(&mut self) {
        (self.misses_key_frame, self.missed) = (false, None);
    }

    /// Shows a layer from its next key frame on. Says whether that is news.
    pub(super) fn turn_to_layer(&mut self, layer: usize) -> bool {
        let is_other = self.wanted.replace(layer) != Some(layer);
        if is_other {
            self.misses_nothing();
        }
        is_other
    }

    /// The layer of which a key frame is needed for it to begin.
    pub(super) fn awaited(&self) -> Option<usize> {
        self.wanted.filter(|wanted| self.layer != Some(*wanted))
    }

    /// The packet as it is in this section, where it belongs there: whoever cannot read the codec sees nothing of it, and what comes
    /// in several is seen in one.
    pub(super) fn see(
        &mut self,
        now: Duration,
        shown: &Shown,
        (codec, layer): (Codec, usize),
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
        if self.layer != Some(layer) {
            if self.wanted != Some(layer) {
                return None;
            }
            let number = packet.header.sequence_number;
            // What is behind a late beginning was not passed on, and does not come again.
            let is_late = self.missed.is_some_and(|missed| missed.wrapping_sub(number) < LATE);
            if is_late || !begins_key_frame(codec, &packet.payload) {
                self.misses_key_frame |= !packet.payload.is_empty();
                self.missed = if is_late { self.missed } else { Some(number) };
                return None;
            }
            self.layer = Some(layer);
            self.misses_nothing();
            self.stream.begin();
        }
        let came = &packet.header;
        let (sequence_number, timestamp) = self.stream.rewrite(now, packet)?;
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
    /// What is added to those of what is shown. `None` before its first packet.
    offsets: Option<(u16, u32)>,
    /// The number of the first packet of what is shown, while packets from before it may still come.
    first: Option<u16>,
    /// The latest packet is in the middle of a picture.
    is_within: bool,
}

/// Whoever sends a packet once more does not go back so far.
const LATE: u16 = 4_096;

impl Stream {
    /// Another stream goes on with the numbers.
    fn begin(&mut self) {
        (self.offsets, self.first) = (None, None);
    }

    /// The numbers of a packet. `None` where it comes from before the beginning: its number is that of another packet.
    fn rewrite(&mut self, now: Duration, packet: &Packet) -> Option<(u16, u32)> {
        let Header { sequence_number: number, timestamp: time, marker, .. } = packet.header;
        if self.offsets.is_none() {
            self.first = Some(number);
        }
        if let Some(behind) = self.first.map(|first| number.wrapping_sub(first).cast_signed()) {
            if behind < 0 {
                return None;
            }
            self.first = self.first.filter(|_| behind.cast_unsigned() < LATE);
        }
        let (by_number, by_time) = *self.offsets.get_or_insert_with(|| match self.latest {
            // The first number of all stays below 2^15 (RFC 3711 section 3.3.1).
            None => (number.wrapping_neg().wrapping_add(1), 0),
            Some((last_number, last_time, at)) => {
                let passed = now.saturating_sub(at).as_nanos() * CLOCK / 1_000_000_000;
                let time_now = last_time.wrapping_add((passed as u32).max(1));
                // A picture that is cut off lacks a packet, else it would pass for a whole one.
                let next = last_number.wrapping_add(1 + u16::from(self.is_within));
                (next.wrapping_sub(number), time_now.wrapping_sub(time))
            }
        });
        let (number, time) = (number.wrapping_add(by_number), time.wrapping_add(by_time));
        let is_newer = self.latest.is_none_or(|(latest, ..)| number.wrapping_sub(latest).cast_signed() > 0);
        if is_newer {
            self.latest = Some((number, time, now));
            // Padding is of no picture.
            self.is_within = !marker && (self.is_within || !packet.payload.is_empty());
        }
        Some((number, time))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    /// The number that a packet goes out with.
    fn number(stream: &mut Stream, came: u16, marker: bool, payload: &'static [u8]) -> u16 {
        let header = Header { sequence_number: came, marker, ..Header::default() };
        let packet = Packet { header, payload: Bytes::from_static(payload) };
        stream.rewrite(Duration::ZERO, &packet).unwrap().0
    }

    #[test]
    fn a_picture_that_is_cut_off_by_another_stream_lacks_a_packet() {
        let mut stream = Stream::default();
        assert_eq!([(7, false), (8, true)].map(|(came, last)| number(&mut stream, came, last, b"x")), [1, 2]);
        stream.begin();
        assert_eq!(number(&mut stream, 700, false, b"x"), 3, "the one before was whole");
        stream.begin();
        assert_eq!(number(&mut stream, 30, false, b"x"), 5, "3 would seem to be all of it");
        assert_eq!(number(&mut stream, 32, true, b"x"), 7);
        assert_eq!(number(&mut stream, 31, false, b"x"), 6, "late");
        assert_eq!(number(&mut stream, 33, false, b""), 8, "padding");
        stream.begin();
        assert_eq!(number(&mut stream, 0, false, b"x"), 9, "nothing was cut off");
        assert_eq!(number(&mut stream, 1, false, b""), 10);
        stream.begin();
        assert_eq!(number(&mut stream, 50, true, b"x"), 12, "padding ends no picture");
    }
}
