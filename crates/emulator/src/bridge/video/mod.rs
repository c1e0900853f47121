//! Video and screens: who sees whom. Packets are passed on as they come, with the numbers of the stream that they then belong to.

mod codec;
mod layers;
mod slot;

use std::time::Duration;

pub(crate) use codec::{Codec, Numbers};
pub(crate) use layers::MOST_LAYERS;
use layers::{Layers, Seen};
use offhook_media::MediaSourceId;
use offhook_media::video::VideoSize;
use rtc::rtp::Packet;
pub(crate) use slot::{Choice, Slot};
use tokio::sync::mpsc::Sender;

use super::ear::Outgoing;
use super::view::SlotView;

/// A camera or a screen is off when so long no packet has come: a screen on which nothing moves sends one each second or so.
const OFF: Duration = Duration::from_secs(5);

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

/// A key frame that is needed: of which layer of which feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyFrame {
    pub(super) feed: Feed,
    pub(super) layer: usize,
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
    layers: Layers,
}

struct Viewer {
    member: String,
    slots: Vec<Slot>,
    /// How many bits a second all that it sees may have together.
    limit: Option<u64>,
    outbox: Sender<Outgoing>,
    is_on_hold: bool,
}

/// A packet of a feed, and what is known of it.
#[derive(Clone, Copy)]
pub(super) struct Arrival<'a> {
    pub(super) codec: Codec,
    /// The layer of simulcast, from 0 on.
    pub(super) layer: usize,
    /// All codecs in which the same is shown at the same time.
    pub(super) codecs: &'a [Codec],
    /// Of a feed that is another, sent back: which.
    pub(super) echoes: Option<&'a Feed>,
    pub(super) packet: &'a Packet,
}

impl<'a> Arrival<'a> {
    /// A packet of a feed that comes in one codec.
    pub(super) fn of(codec: &'a Codec, layer: usize, packet: &'a Packet) -> Self {
        Self { codec: *codec, layer, codecs: std::slice::from_ref(codec), echoes: None, packet }
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
    /// Somebody sees what is shown, in `slots`. Gives the key frames that are to be asked for.
    pub(super) fn watch(
        &mut self,
        now: Duration,
        member: &str,
        slots: Vec<Slot>,
        outbox: Sender<Outgoing>,
    ) -> Vec<KeyFrame> {
        let member = member.to_owned();
        self.viewers.push(Viewer { member, slots, limit: None, outbox, is_on_hold: false });
        self.arrange(now)
    }

    /// Whether a feed is on.
    pub(super) fn has(&self, feed: &Feed) -> bool {
        self.shown.iter().any(|shown| shown.feed == *feed)
    }

    /// A feed is on from now on, under a source.
    pub(super) fn begin(&mut self, now: Duration, feed: &Feed, source: MediaSourceId, arrival: Arrival<'_>) {
        self.shown.push(Shown {
            feed: feed.clone(),
            source,
            codecs: arrival.codecs.to_vec(),
            echoes: arrival.echoes.cloned(),
            latest: now,
            layers: Layers::default(),
        });
        self.let_see();
    }

    /// A packet of a feed that is on: it goes to all who see its layer. Gives the key frames that are to be asked for.
    pub(super) fn show(&mut self, now: Duration, feed: &Feed, arrival: Arrival<'_>) -> Vec<KeyFrame> {
        let Some(shown) = self.shown.iter_mut().find(|shown| shown.feed == *feed) else { return Vec::new() };
        // Nothing but padding is a browser that probes what the path carries: with a track that it no longer sends, too.
        if !arrival.packet.payload.is_empty() {
            shown.latest = now;
        }
        if shown.codecs != arrival.codecs {
            shown.codecs = arrival.codecs.to_vec();
        }
        let Arrival { codec, layer, packet, .. } = arrival;
        // What comes in several codecs is the same in each: one is enough to know it.
        let is_first = arrival.codecs.first() == Some(&codec);
        let turned = if is_first && shown.layers.arrive(now, layer, codec, &packet.payload) {
            self.choose_layers()
        } else {
            Vec::new()
        };
        let Some(shown) = self.shown.iter().find(|shown| shown.feed == *feed) else { return Vec::new() };
        for viewer in self.viewers.iter_mut().filter(|viewer| !viewer.is_on_hold) {
            let slots = viewer.slots.iter_mut().enumerate();
            for (place, slot) in slots.filter(|(_, slot)| slot.shows.as_ref() == Some(feed)) {
                if let Some(packet) = slot.see(now, shown, (codec, layer), packet) {
                    // What does not fit is lost, as on any path: it is asked for again.
                    let _ = viewer.outbox.try_send(Outgoing::Video { slot: place, packet });
                }
            }
        }
        self.ask_for(now, turned)
    }

    /// Whom an echo sends back.
    pub(super) fn echoed_by(&self, echo: &Feed) -> Option<Feed> {
        self.shown.iter().find(|shown| shown.feed == *echo)?.echoes.clone()
    }

    /// Members by when they spoke, the latest first. Gives the key frames that are to be asked for.
    pub(super) fn heard(&mut self, now: Duration, spoke: Vec<String>) -> Vec<KeyFrame> {
        if self.spoke == spoke {
            return Vec::new();
        }
        self.spoke = spoke;
        self.arrange(now)
    }

    /// What the section `mid` of a viewer shows is as they choose, and how large it is. Gives the key frames that are to be asked for;
    /// `None` where there is no such section.
    pub(super) fn choose(
        &mut self,
        now: Duration,
        viewer: &str,
        mid: &str,
        (choice, at_most): (Choice, Option<VideoSize>),
    ) -> Option<Vec<KeyFrame>> {
        let viewer = self.viewers.iter_mut().find(|held| held.member == viewer)?;
        let slot = viewer.slots.iter_mut().find(|slot| slot.mid == mid)?;
        (slot.choice, slot.at_most) = (choice, at_most);
        Some(self.arrange(now))
    }

    /// All that a viewer sees has at most so many bits a second together. Gives the key frames that are to be asked for.
    pub(super) fn limit(&mut self, now: Duration, viewer: &str, limit: Option<u64>) -> Vec<KeyFrame> {
        if let Some(viewer) = self.viewers.iter_mut().find(|held| held.member == viewer) {
            viewer.limit = limit;
        }
        self.arrange(now)
    }

    /// A viewer sees nothing until they are off hold again. Gives the key frames that are to be asked for.
    pub(super) fn hold(&mut self, now: Duration, viewer: &str, on_hold: bool) -> Vec<KeyFrame> {
        if let Some(viewer) = self.viewers.iter_mut().find(|held| held.member == viewer) {
            viewer.is_on_hold = on_hold;
            viewer.slots.iter_mut().for_each(|slot| slot.turn_to(None));
        }
        self.arrange(now)
    }

    /// Lets each slot show what it has to. Gives the key frames that are to be asked for.
    fn arrange(&mut self, now: Duration) -> Vec<KeyFrame> {
        self.let_see();
        let turned = self.choose_layers();
        self.ask_for(now, turned)
    }

    /// Lets each slot show the feed that it has to.
    fn let_see(&mut self) {
        for viewer in &mut self.viewers {
            for place in 0..viewer.slots.len() {
                let wanted = wanted(&self.shown, &self.spoke, viewer, place);
                let slot = &mut viewer.slots[place];
                if slot.shows != wanted {
                    slot.turn_to(wanted);
                }
            }
        }
    }

    /// Lets each slot show the layer that it has to. Gives those that are new, of which a key frame is needed.
    fn choose_layers(&mut self) -> Vec<KeyFrame> {
        let mut turned = Vec::new();
        for viewer in &mut self.viewers {
            let (mut slots, mut seen) = (Vec::new(), Vec::new());
            for slot in &mut viewer.slots {
                let shown = self.shown.iter().find(|shown| slot.shows.as_ref() == Some(&shown.feed));
                // Before its first packet a feed has no layers.
                let Some(offered) = shown.map(|shown| shown.layers.offered()).filter(|all| !all.is_empty())
                else {
                    continue;
                };
                seen.push(Seen { offered, at_most: slot.at_most, shown: slot.layer });
                slots.push(slot);
            }
            for (slot, layer) in slots.into_iter().zip(layers::choose(&seen, viewer.limit)) {
                if slot.turn_to_layer(layer)
                    && let Some(feed) = slot.shows.clone()
                {
                    turned.push(KeyFrame { feed, layer });
                }
            }
        }
        turned
    }

    /// Those of them that are to be asked for, which is once in a while.
    fn ask_for(&mut self, now: Duration, keys: impl IntoIterator<Item = KeyFrame>) -> Vec<KeyFrame> {
        keys.into_iter().filter(|key| self.asks(now, key)).collect()
    }

    /// Whoever sees the slot of this source needs a key frame. Gives it, where it is to be asked for.
    pub(super) fn needs_key_frame(&mut self, now: Duration, viewer: &str, ssrc: u32) -> Option<KeyFrame> {
        let viewer = self.viewers.iter().find(|held| held.member == viewer)?;
        let slot = viewer.slots.iter().find(|slot| slot.ssrc == ssrc)?;
        let key = KeyFrame { feed: slot.shows.clone()?, layer: slot.layer.or(slot.wanted)? };
        self.asks(now, &key).then_some(key)
    }

    /// The key frames that were asked for and have not come, and those that tell how large a layer is: to be asked for (once more). What
    /// is shown follows the rates of layers, and leaves those that come no more.
    pub(super) fn missed(&mut self, now: Duration) -> Vec<KeyFrame> {
        let turned = self.choose_layers();
        let mut asked = self.ask_for(now, turned);
        let slots = self.viewers.iter().flat_map(|viewer| &viewer.slots).filter(|slot| slot.misses_key_frame);
        let missed =
            slots.filter_map(|slot| Some(KeyFrame { feed: slot.shows.clone()?, layer: slot.awaited()? }));
        let unknown = self.shown.iter().flat_map(|shown| {
            let layers = shown.layers.of_unknown_size().into_iter();
            layers.map(|layer| KeyFrame { feed: shown.feed.clone(), layer })
        });
        let missed: Vec<KeyFrame> = missed.chain(unknown).collect();
        asked.extend(self.ask_for(now, missed));
        asked
    }

    fn asks(&mut self, now: Duration, key: &KeyFrame) -> bool {
        let shown = self.shown.iter_mut().find(|shown| shown.feed == key.feed);
        shown.is_some_and(|shown| shown.layers.asks(now, key.layer))
    }

    /// Gives the feeds that are off now, and the key frames that are to be asked for.
    pub(super) fn off(&mut self, now: Duration) -> (Vec<Feed>, Vec<KeyFrame>) {
        self.end(now, |shown| now.saturating_sub(shown.latest) >= OFF)
    }

    /// Somebody leaves: they see and show nothing any more.
    pub(super) fn leave(&mut self, now: Duration, member: &str) -> (Vec<Feed>, Vec<KeyFrame>) {
        self.viewers.retain(|viewer| viewer.member != member);
        self.end(now, |shown| shown.feed.member == member)
    }

    fn end(&mut self, now: Duration, is_over: impl Fn(&Shown) -> bool) -> (Vec<Feed>, Vec<KeyFrame>) {
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
mod simulcast_tests;
#[cfg(test)]
mod tests;
