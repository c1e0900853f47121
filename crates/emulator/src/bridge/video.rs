//! Video and screens: who sees whom. Packets are passed on as they come, with the numbers of the stream that they then belong to.

use std::time::Duration;

use rtc::rtp::Packet;
use tokio::sync::mpsc::Sender;

use super::ear::Outgoing;
use super::offer::Section;
use super::view::SlotView;

/// A camera or a screen is off when so long no packet has come: a screen on which nothing moves sends one each second or so.
const OFF: Duration = Duration::from_secs(5);

/// A key frame is asked for once in so long at the most: it takes about as long to come, and is large.
const ASKING: Duration = Duration::from_millis(300);

/// The clock of video (RFC 7741 section 4.1, RFC 6184 section 5.1).
const CLOCK: u128 = 90_000;

/// A codec that is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Vp8,
    H264,
}

/// By which payload types a section has the codecs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Numbers {
    vp8: Option<u8>,
    h264: Option<u8>,
}

impl Numbers {
    /// Those of a section of an answer.
    pub(super) fn of(section: &Section) -> Self {
        Self { vp8: section.number("VP8/90000"), h264: section.number("H264/90000") }
    }

    pub(super) fn codec(self, number: u8) -> Option<Codec> {
        if self.vp8 == Some(number) {
            Some(Codec::Vp8)
        } else {
            (self.h264 == Some(number)).then_some(Codec::H264)
        }
    }

    fn number(self, codec: Codec) -> Option<u8> {
        match codec {
            Codec::Vp8 => self.vp8,
            Codec::H264 => self.h264,
        }
    }
}

/// A camera or a screen: of whom, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Feed {
    pub(super) member: String,
    pub(super) is_screen: bool,
}

/// A feed that is on.
#[derive(Debug)]
struct Shown {
    feed: Feed,
    latest: Duration,
    asked: Option<Duration>,
}

/// A section in which somebody sees a feed.
#[derive(Debug)]
pub(super) struct Slot {
    mid: String,
    numbers: Numbers,
    ssrc: u32,
    shows: Option<Feed>,
    stream: Stream,
}

impl Slot {
    pub(super) fn new(mid: &str, numbers: Numbers, ssrc: u32) -> Self {
        Self { mid: mid.to_owned(), numbers, ssrc, shows: None, stream: Stream::default() }
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

struct Viewer {
    member: String,
    slots: Vec<Slot>,
    outbox: Sender<Outgoing>,
}

/// The feeds of a room, and those who see them.
#[derive(Default)]
pub(super) struct Videos {
    shown: Vec<Shown>,
    viewers: Vec<Viewer>,
}

impl Videos {
    /// Somebody sees what is shown, in `slots`. Gives the feeds of which a key frame is to be asked for.
    pub(super) fn watch(
        &mut self,
        now: Duration,
        member: &str,
        slots: Vec<Slot>,
        outbox: Sender<Outgoing>,
    ) -> Vec<Feed> {
        let mut viewer = Viewer { member: member.to_owned(), slots, outbox };
        let seen: Vec<Feed> =
            self.shown.iter().map(|shown| shown.feed.clone()).filter(|feed| viewer.shows(feed)).collect();
        self.viewers.push(viewer);
        seen.into_iter().filter(|feed| self.asks(now, feed)).collect()
    }

    /// A packet of a feed: it goes to all who see it. Says whether the feed is on from now on; then a key frame is to be asked
    /// for, too.
    pub(super) fn show(&mut self, now: Duration, feed: &Feed, codec: Codec, packet: &Packet) -> bool {
        let is_new = match self.shown.iter_mut().find(|shown| shown.feed == *feed) {
            Some(shown) => {
                // Nothing but padding is a browser that probes what the path carries: with a track that it no longer sends, too.
                if !packet.payload.is_empty() {
                    shown.latest = now;
                }
                false
            }
            None if packet.payload.is_empty() => return false,
            None => {
                self.shown.push(Shown { feed: feed.clone(), latest: now, asked: Some(now) });
                self.viewers.iter_mut().for_each(|viewer| _ = viewer.shows(feed));
                true
            }
        };
        for viewer in &mut self.viewers {
            viewer.see(now, feed, codec, packet);
        }
        is_new
    }

    /// Whoever sees the slot of this source needs a key frame. Gives the feed, where it is to be asked for.
    pub(super) fn needs_key_frame(&mut self, now: Duration, viewer: &str, ssrc: u32) -> Option<Feed> {
        let viewer = self.viewers.iter().find(|held| held.member == viewer)?;
        let feed = viewer.slots.iter().find(|slot| slot.ssrc == ssrc)?.shows.clone()?;
        self.asks(now, &feed).then_some(feed)
    }

    fn asks(&mut self, now: Duration, feed: &Feed) -> bool {
        let Some(shown) = self.shown.iter_mut().find(|shown| shown.feed == *feed) else { return false };
        let may = shown.asked.is_none_or(|asked| now.saturating_sub(asked) >= ASKING);
        if may {
            shown.asked = Some(now);
        }
        may
    }

    /// Gives the feeds that are off now.
    pub(super) fn off(&mut self, now: Duration) -> Vec<Feed> {
        self.end(|shown| now.saturating_sub(shown.latest) >= OFF)
    }

    /// Somebody leaves: they see and show nothing any more.
    pub(super) fn leave(&mut self, member: &str) -> Vec<Feed> {
        self.viewers.retain(|viewer| viewer.member != member);
        self.end(|shown| shown.feed.member == member)
    }

    fn end(&mut self, is_over: impl Fn(&Shown) -> bool) -> Vec<Feed> {
        let over: Vec<Feed> =
            self.shown.iter().filter(|shown| is_over(shown)).map(|shown| shown.feed.clone()).collect();
        self.shown.retain(|shown| !over.contains(&shown.feed));
        for slot in self.viewers.iter_mut().flat_map(|viewer| &mut viewer.slots) {
            if slot.shows.as_ref().is_some_and(|feed| over.contains(feed)) {
                slot.shows = None;
            }
        }
        // A slot that has become free shows somebody for whom there was none.
        let waiting: Vec<Feed> = self.shown.iter().map(|shown| shown.feed.clone()).collect();
        for viewer in self.viewers.iter_mut().filter(|_| !over.is_empty()) {
            waiting.iter().for_each(|feed| _ = viewer.shows(feed));
        }
        over
    }

    /// Which feeds of `member` are on: camera, screen.
    pub(super) fn is_on(&self, member: &str) -> [bool; 2] {
        [false, true].map(|is_screen| {
            self.shown.iter().any(|shown| shown.feed == Feed { member: member.to_owned(), is_screen })
        })
    }

    /// Whom the slots of `member` show.
    pub(super) fn slots(&self, member: &str) -> Vec<SlotView> {
        let slots =
            self.viewers.iter().filter(|viewer| viewer.member == member).flat_map(|viewer| &viewer.slots);
        let shown = slots.filter_map(|slot| {
            let Feed { member, is_screen } = slot.shows.clone()?;
            Some(SlotView { mid: slot.mid.clone(), member, sharing: is_screen })
        });
        shown.collect()
    }
}

impl Viewer {
    /// Shows a feed in the first slot that shows nobody; says whether it is shown.
    fn shows(&mut self, feed: &Feed) -> bool {
        if feed.member == self.member {
            return false;
        }
        if self.slots.iter().any(|slot| slot.shows.as_ref() == Some(feed)) {
            return true;
        }
        let Some(slot) = self.slots.iter_mut().find(|slot| slot.shows.is_none()) else { return false };
        (slot.shows, slot.stream.offsets) = (Some(feed.clone()), None);
        true
    }

    fn see(&mut self, now: Duration, feed: &Feed, codec: Codec, packet: &Packet) {
        let slots = self.slots.iter_mut().enumerate();
        for (place, slot) in slots.filter(|(_, slot)| slot.shows.as_ref() == Some(feed)) {
            // Who cannot read the codec sees nothing of it.
            let Some(number) = slot.numbers.number(codec) else { continue };
            let mut packet = Box::new(packet.clone());
            let header = &mut packet.header;
            let stream = &mut slot.stream;
            (header.sequence_number, header.timestamp) =
                stream.rewrite(now, header.sequence_number, header.timestamp);
            (header.ssrc, header.payload_type) = (slot.ssrc, number);
            header.csrc.clear();
            // Extensions have other numbers in each connection, and say nothing that matters here.
            (header.extension, header.extension_profile) = (false, 0);
            header.extensions.clear();
            // What does not fit is lost, as on any path: it is asked for again.
            let _ = self.outbox.try_send(Outgoing::Video { slot: place, packet });
        }
    }
}

#[cfg(test)]
mod tests {
    use rtc::rtp::header::Header;
    use tokio::sync::mpsc::{Receiver, channel};

    use super::*;

    const NUMBERS: Numbers = Numbers { vp8: Some(96), h264: None };

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn packet(number: u16, time: u32) -> Packet {
        let header = Header {
            sequence_number: number,
            timestamp: time,
            payload_type: 120,
            ssrc: 5,
            ..Header::default()
        };
        Packet { header, payload: bytes::Bytes::from_static(b"picture") }
    }

    fn feed(member: &str, is_screen: bool) -> Feed {
        Feed { member: member.to_owned(), is_screen }
    }

    fn watch(videos: &mut Videos, member: &str, count: u32) -> Receiver<Outgoing> {
        let (outbox, seen) = channel(100);
        let slots = (0..count).map(|place| Slot::new(&format!("v{place}"), NUMBERS, 70 + place)).collect();
        videos.watch(at(0), member, slots, outbox);
        seen
    }

    fn seen(receiver: &mut Receiver<Outgoing>) -> Vec<(usize, u16, u32)> {
        let mut seen = Vec::new();
        while let Ok(Outgoing::Video { slot, packet }) = receiver.try_recv() {
            assert_eq!((packet.header.payload_type, packet.header.ssrc), (96, 70 + slot as u32));
            assert_eq!(&packet.payload[..], b"picture");
            seen.push((slot, packet.header.sequence_number, packet.header.timestamp));
        }
        seen
    }

    #[test]
    fn everybody_sees_the_others_in_stable_slots() {
        let mut videos = Videos::default();
        let (mut ada, mut ben) = (watch(&mut videos, "ada", 2), watch(&mut videos, "ben", 2));
        assert!(videos.show(at(0), &feed("ada", false), Codec::Vp8, &packet(10, 0)));
        assert!(videos.show(at(0), &feed("eve", false), Codec::Vp8, &packet(10, 0)));
        assert!(!videos.show(at(10), &feed("ada", false), Codec::Vp8, &packet(11, 0)));
        assert_eq!(seen(&mut ada).iter().map(|(slot, ..)| *slot).collect::<Vec<_>>(), [0], "not themselves");
        assert_eq!(seen(&mut ben).iter().map(|(slot, ..)| *slot).collect::<Vec<_>>(), [0, 1, 0]);
        let slots = videos.slots("ben");
        assert_eq!((slots[1].member.as_str(), slots[1].mid.as_str()), ("eve", "v1"));
        assert_eq!(videos.leave("ada"), [feed("ada", false)]);
        videos.show(at(20), &feed("eve", false), Codec::Vp8, &packet(11, 0));
        assert_eq!(seen(&mut ben)[0].0, 1, "it is not moved");
        assert_eq!(videos.is_on("eve"), [true, false]);
    }

    #[test]
    fn numbers_go_on_evenly_when_somebody_else_is_shown() {
        let mut videos = Videos::default();
        let mut ben = watch(&mut videos, "ben", 1);
        for (number, time) in [(65_535, u32::MAX), (1, 2_999), (0, 2_999)] {
            videos.show(at(0), &feed("ada", false), Codec::Vp8, &packet(number, time));
        }
        videos.show(at(0), &feed("eve", true), Codec::Vp8, &packet(500, 7));
        assert_eq!(seen(&mut ben), [(0, 1, u32::MAX), (0, 3, 2_999), (0, 2, 2_999)], "a loss stays one");
        videos.leave("ada");
        videos.show(at(1_000), &feed("eve", true), Codec::Vp8, &packet(501, 3_007));
        assert_eq!(seen(&mut ben), [(0, 4, 2_999 + 90_000)], "a slot was free for the screen");
    }

    #[test]
    fn key_frames_are_asked_for_where_they_are_needed_and_not_too_often() {
        let mut videos = Videos::default();
        watch(&mut videos, "ben", 1);
        videos.show(at(0), &feed("ada", true), Codec::Vp8, &packet(1, 0));
        assert_eq!(videos.needs_key_frame(at(100), "ben", 70), None, "it was asked for just now");
        assert_eq!(videos.needs_key_frame(at(400), "ben", 70), Some(feed("ada", true)));
        assert_eq!(videos.needs_key_frame(at(500), "ben", 70), None);
        assert_eq!(videos.needs_key_frame(at(900), "ben", 71), None, "it has no such slot");
        let (outbox, _seen) = channel(10);
        let asked = videos.watch(at(1_000), "eve", vec![Slot::new("v0", NUMBERS, 90)], outbox);
        assert_eq!(asked, [feed("ada", true)], "whoever comes later");
    }

    #[test]
    fn a_feed_ends_without_packets_and_another_codec_is_not_shown() {
        let mut videos = Videos::default();
        let mut ben = watch(&mut videos, "ben", 1);
        videos.show(at(0), &feed("ada", false), Codec::H264, &packet(1, 0));
        assert!(seen(&mut ben).is_empty());
        assert!(videos.off(at(4_999)).is_empty());
        assert_eq!(videos.off(at(5_000)), [feed("ada", false)]);
        assert!(videos.slots("ben").is_empty());
    }
}
