//! Video and screens: who sees whom. Packets are passed on as they come, with the numbers of the stream that they then belong to.

mod codec;
mod slot;

use std::time::Duration;

pub(crate) use codec::{Codec, Numbers};
use offhook_media::MediaSourceId;
use rtc::rtp::Packet;
pub(crate) use slot::{Choice, Slot};
use tokio::sync::mpsc::Sender;

use super::ear::Outgoing;
use super::view::SlotView;

/// A camera or a screen is off when so long no packet has come: a screen on which nothing moves sends one each second or so.
const OFF: Duration = Duration::from_secs(5);

/// A key frame is asked for once in so long at the most: it takes about as long to come, and is large.
const ASKING: Duration = Duration::from_millis(300);

/// A camera or a screen: of whom, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Feed {
    pub(super) member: String,
    pub(super) is_screen: bool,
}

impl Feed {
    pub(super) fn new(member: &str, is_screen: bool) -> Self {
        Self { member: member.to_owned(), is_screen }
    }
}

/// A feed that is on.
#[derive(Debug)]
struct Shown {
    feed: Feed,
    source: MediaSourceId,
    /// In which it comes, all at the same time.
    codecs: Vec<Codec>,
    /// Of one that is nothing but another sent back: which.
    echoes: Option<Feed>,
    latest: Duration,
    asked: Option<Duration>,
}

struct Viewer {
    member: String,
    slots: Vec<Slot>,
    outbox: Sender<Outgoing>,
    is_on_hold: bool,
}

/// A packet of a feed, and what is known of it.
#[derive(Clone, Copy)]
pub(super) struct Arrival<'a> {
    pub(super) codec: Codec,
    /// All codecs in which the same is shown at the same time.
    pub(super) codecs: &'a [Codec],
    /// Of a feed that is another, sent back: which.
    pub(super) echoes: Option<&'a Feed>,
    pub(super) packet: &'a Packet,
}

impl<'a> Arrival<'a> {
    /// A packet of a feed that comes in one codec.
    pub(super) fn of(codec: &'a Codec, packet: &'a Packet) -> Self {
        Self { codec: *codec, codecs: std::slice::from_ref(codec), echoes: None, packet }
    }
}

/// The feeds of a room, and those who see them.
#[derive(Default)]
pub(super) struct Videos {
    shown: Vec<Shown>,
    viewers: Vec<Viewer>,
    /// Members by when they spoke, the latest first.
    spoke: Vec<String>,
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
        self.viewers.push(Viewer { member: member.to_owned(), slots, outbox, is_on_hold: false });
        self.arrange(now)
    }

    /// Whether a feed is on.
    pub(super) fn has(&self, feed: &Feed) -> bool {
        self.shown.iter().any(|shown| shown.feed == *feed)
    }

    /// A feed is on from now on, under a source. Gives the feeds of which a key frame is to be asked for.
    pub(super) fn begin(
        &mut self,
        now: Duration,
        feed: &Feed,
        source: MediaSourceId,
        arrival: Arrival<'_>,
    ) -> Vec<Feed> {
        self.shown.push(Shown {
            feed: feed.clone(),
            source,
            codecs: arrival.codecs.to_vec(),
            echoes: arrival.echoes.cloned(),
            latest: now,
            asked: None,
        });
        self.arrange(now)
    }

    /// A packet of a feed that is on: it goes to all who see it.
    pub(super) fn show(&mut self, now: Duration, feed: &Feed, arrival: Arrival<'_>) {
        let Some(shown) = self.shown.iter_mut().find(|shown| shown.feed == *feed) else { return };
        // Nothing but padding is a browser that probes what the path carries: with a track that it no longer sends, too.
        if !arrival.packet.payload.is_empty() {
            shown.latest = now;
        }
        if shown.codecs != arrival.codecs {
            shown.codecs = arrival.codecs.to_vec();
        }
        for viewer in self.viewers.iter_mut().filter(|viewer| !viewer.is_on_hold) {
            let slots = viewer.slots.iter_mut().enumerate();
            for (place, slot) in slots.filter(|(_, slot)| slot.shows.as_ref() == Some(feed)) {
                if let Some(packet) = slot.see(now, shown, arrival.codec, arrival.packet) {
                    // What does not fit is lost, as on any path: it is asked for again.
                    let _ = viewer.outbox.try_send(Outgoing::Video { slot: place, packet });
                }
            }
        }
    }

    /// Whom an echo sends back.
    pub(super) fn echoed_by(&self, echo: &Feed) -> Option<Feed> {
        self.shown.iter().find(|shown| shown.feed == *echo)?.echoes.clone()
    }

    /// Members by when they spoke, the latest first. Gives the feeds of which a key frame is to be asked for.
    pub(super) fn heard(&mut self, now: Duration, spoke: Vec<String>) -> Vec<Feed> {
        if self.spoke == spoke {
            return Vec::new();
        }
        self.spoke = spoke;
        self.arrange(now)
    }

    /// What the section `mid` of a viewer shows is as they choose. Gives the feeds of which a key frame is to be asked for; `None`
    /// where there is no such section.
    pub(super) fn choose(
        &mut self,
        now: Duration,
        viewer: &str,
        mid: &str,
        choice: Choice,
    ) -> Option<Vec<Feed>> {
        let viewer = self.viewers.iter_mut().find(|held| held.member == viewer)?;
        viewer.slots.iter_mut().find(|slot| slot.mid == mid)?.choice = choice;
        Some(self.arrange(now))
    }

    /// A viewer sees nothing until they are off hold again. Gives the feeds of which a key frame is to be asked for.
    pub(super) fn hold(&mut self, now: Duration, viewer: &str, on_hold: bool) -> Vec<Feed> {
        if let Some(viewer) = self.viewers.iter_mut().find(|held| held.member == viewer) {
            viewer.is_on_hold = on_hold;
            viewer.slots.iter_mut().for_each(|slot| slot.turn_to(None));
        }
        self.arrange(now)
    }

    /// Lets each slot show what it has to. Gives the feeds of which a key frame is to be asked for.
    fn arrange(&mut self, now: Duration) -> Vec<Feed> {
        let mut begun = Vec::new();
        for viewer in &mut self.viewers {
            for place in 0..viewer.slots.len() {
                let wanted = wanted(&self.shown, &self.spoke, viewer, place);
                let slot = &mut viewer.slots[place];
                if slot.shows != wanted {
                    begun.extend(wanted.clone());
                    slot.turn_to(wanted);
                }
            }
        }
        begun.into_iter().filter(|feed| self.asks(now, feed)).collect()
    }

    /// Whoever sees the slot of this source needs a key frame. Gives the feed, where it is to be asked for.
    pub(super) fn needs_key_frame(&mut self, now: Duration, viewer: &str, ssrc: u32) -> Option<Feed> {
        let viewer = self.viewers.iter().find(|held| held.member == viewer)?;
        let feed = viewer.slots.iter().find(|slot| slot.ssrc == ssrc)?.shows.clone()?;
        self.asks(now, &feed).then_some(feed)
    }

    /// The feeds whose key frame was asked for and has not come: to be asked for once more.
    pub(super) fn missed(&mut self, now: Duration) -> Vec<Feed> {
        let slots = self.viewers.iter().flat_map(|viewer| &viewer.slots);
        let missed: Vec<Feed> =
            slots.filter(|slot| slot.misses_key_frame).filter_map(|slot| slot.shows.clone()).collect();
        missed.into_iter().filter(|feed| self.asks(now, feed)).collect()
    }

    fn asks(&mut self, now: Duration, feed: &Feed) -> bool {
        let Some(shown) = self.shown.iter_mut().find(|shown| shown.feed == *feed) else { return false };
        let may = shown.asked.is_none_or(|asked| now.saturating_sub(asked) >= ASKING);
        if may {
            shown.asked = Some(now);
        }
        may
    }

    /// Gives the feeds that are off now, and those of which a key frame is to be asked for.
    pub(super) fn off(&mut self, now: Duration) -> (Vec<Feed>, Vec<Feed>) {
        self.end(now, |shown| now.saturating_sub(shown.latest) >= OFF)
    }

    /// Somebody leaves: they see and show nothing any more.
    pub(super) fn leave(&mut self, now: Duration, member: &str) -> (Vec<Feed>, Vec<Feed>) {
        self.viewers.retain(|viewer| viewer.member != member);
        self.end(now, |shown| shown.feed.member == member)
    }

    fn end(&mut self, now: Duration, is_over: impl Fn(&Shown) -> bool) -> (Vec<Feed>, Vec<Feed>) {
        let over = |shown: &mut Shown| is_over(shown);
        let over: Vec<Feed> = self.shown.extract_if(.., over).map(|shown| shown.feed).collect();
        // A slot that has become free shows somebody for whom there was none.
        let asked = if over.is_empty() { Vec::new() } else { self.arrange(now) };
        (over, asked)
    }

    /// The sources that are on: cameras, screens.
    pub(super) fn sources(&self) -> [Vec<(String, MediaSourceId)>; 2] {
        [false, true].map(|is_screen| {
            let shown = self.shown.iter().filter(|shown| shown.feed.is_screen == is_screen);
            shown.map(|shown| (shown.feed.member.clone(), shown.source)).collect()
        })
    }

    /// Which feeds of `member` are on: camera, screen.
    pub(super) fn is_on(&self, member: &str) -> [bool; 2] {
        [false, true].map(|is_screen| self.has(&Feed::new(member, is_screen)))
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

/// What the slot at `place` of a viewer has to show. Nobody sees themselves.
fn wanted(shown: &[Shown], spoke: &[String], viewer: &Viewer, place: usize) -> Option<Feed> {
    let slot = viewer.slots.get(place)?;
    let others = || shown.iter().filter(|shown| shown.feed.member != viewer.member);
    let found = match slot.choice {
        Choice::Anybody => {
            let stays = others().find(|shown| slot.shows.as_ref() == Some(&shown.feed));
            let is_seen = |feed: &Feed| viewer.slots.iter().any(|slot| slot.shows.as_ref() == Some(feed));
            stays.or_else(|| others().find(|shown| !is_seen(&shown.feed)))
        }
        Choice::Speaker(rank) => {
            let mut cameras: Vec<&Shown> = others().filter(|shown| !shown.feed.is_screen).collect();
            // Whoever has not spoken yet comes behind, in the order in which they came.
            let rank_of = |shown: &&Shown| {
                spoke.iter().position(|member| *member == shown.feed.member).unwrap_or(usize::MAX)
            };
            cameras.sort_by_key(rank_of);
            cameras.get(rank).copied()
        }
        Choice::Screen => others().rfind(|shown| shown.feed.is_screen),
        Choice::Source(source) => others().find(|shown| shown.source.0 == source),
        Choice::Nobody => None,
    };
    found.map(|shown| shown.feed.clone())
}

#[cfg(test)]
mod tests;
