//! [io] Cameras and screens of a hall: what comes goes to all who see it, and key frames are asked for where they come from.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use offhook_media::MediaSourceId;
use offhook_media::video::VideoSize;
use rtc::rtp::Packet;
use tokio::sync::mpsc::channel;
use tokio::sync::watch;

use super::Hall;
use crate::bridge::events::RoomEvent;
use crate::bridge::inside::{End, OUTBOX};
use crate::bridge::projector;
use crate::bridge::video::{Arrival, Choice, Codec, Feed, KeyFrame, Videos};
use crate::bridge::view::MemberKind;

/// Between two looks at who sees whom.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

impl Hall {
    pub(super) fn videos(&self) -> MutexGuard<'_, Videos> {
        self.videos.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A packet of a layer of somebody's camera or screen.
    pub(in crate::bridge) fn show(&self, feed: &Feed, layer: usize, codec: Codec, packet: &Packet) {
        self.arrives(feed, Arrival::of(&codec, layer, packet));
    }

    /// A packet of a feed. Whoever is not in, or on hold, is not seen; who echoes shows the first whom they see.
    pub(in crate::bridge) fn arrives(&self, feed: &Feed, arrival: Arrival<'_>) {
        let echoes = {
            let mut inside = self.inside();
            let Some(member) = inside.room.member(&feed.member) else { return };
            if !member.is_in || member.is_on_hold {
                return;
            }
            inside.ids(|end| matches!(end, End::Script(script) if script.script.echoes()))
        };
        self.passes_on(feed, arrival);
        for echo in echoes.iter().filter(|_| !echoes.contains(&feed.member)) {
            let back = Feed::new(echo, feed.is_screen);
            let echoed = self.videos().echoed_by(&back);
            if echoed.is_none_or(|echoed| echoed == *feed) {
                self.passes_on(&back, Arrival { echoes: Some(feed), ..arrival });
            }
        }
    }

    fn passes_on(&self, feed: &Feed, arrival: Arrival<'_>) {
        let (mut videos, now) = (self.videos(), self.now());
        if videos.has(feed) {
            let asked = videos.show(now, feed, arrival);
            drop(videos);
            return self.ask_for_key_frames(&asked);
        }
        if arrival.packet.payload.is_empty() {
            return;
        }
        // Whoever has just left has no source: what was on its way is late.
        let Some(source) = self.source_of(feed) else { return };
        videos.begin(now, feed, source, arrival);
        let asked = videos.show(now, feed, arrival);
        drop(videos);
        self.ask_for_key_frames(&asked);
        self.is_on(feed, source);
    }

    /// The number that rosters have for a feed, which is a new one where it has none.
    fn source_of(&self, feed: &Feed) -> Option<MediaSourceId> {
        let mut inside = self.inside();
        let sources = &mut inside.room.member(&feed.member)?.sources;
        let source = if feed.is_screen { &mut sources.sharing } else { &mut sources.video };
        Some(MediaSourceId(*source.get_or_insert_with(|| self.sources.next().0)))
    }

    fn is_on(&self, feed: &Feed, source: MediaSourceId) {
        self.tell_of(feed, Some(source));
        self.listeners.changed();
    }

    pub(super) fn are_off(&self, feeds: &[Feed]) {
        for feed in feeds {
            if feed.is_screen
                && let Some(member) = self.inside().room.member(&feed.member)
            {
                member.sources.sharing = None;
            }
            self.tell_of(feed, None);
        }
    }

    /// Rosters know what is on and what is not. A person's camera is in them from the beginning.
    fn tell_of(&self, feed: &Feed, source: Option<MediaSourceId>) {
        let (room, id) = (self.id.clone(), feed.member.clone());
        if feed.is_screen {
            self.listeners.tell(RoomEvent::Shares { room, id, source });
        } else if self.kind(&feed.member) != Some(MemberKind::Person) {
            self.listeners.tell(RoomEvent::Shows { room, id, source });
        }
    }

    /// The bot of this call is in: it sees others, in the sections that it has for that.
    pub(super) fn lets_see(&self, call: &str) {
        let far_end = match self.inside().ends.get(call) {
            Some(End::Bot { far_end, .. }) => far_end.clone(),
            _ => return,
        };
        let (outbox, outgoing) = channel(OUTBOX);
        let slots = far_end.watch(outgoing);
        if !slots.is_empty() {
            let asked = self.videos().watch(self.now(), call, slots, outbox);
            self.ask_for_key_frames(&asked);
        }
        // Its roster is younger than what is on.
        let [cameras, _] = self.videos().sources();
        for (member, source) in cameras {
            self.tell_of(&Feed::new(&member, false), Some(source));
        }
    }

    /// Somebody sees nothing while they are on hold.
    pub(super) fn lets_see_again(&self, id: &str, on_hold: bool) {
        let asked = self.videos().hold(self.now(), id, on_hold);
        self.ask_for_key_frames(&asked);
    }

    /// Whoever follows a script with a film shows it, once they are in.
    pub(super) fn begin_film(self: &Arc<Self>, id: &str) {
        let inside = self.inside();
        let Some(End::Script(script)) = inside.ends.get(id) else { return };
        let Some(film) = script.script.film.clone() else { return };
        let asked = Arc::clone(&script.asked_for_key_frame);
        drop(inside);
        tokio::spawn(projector::play(Arc::downgrade(self), id.to_owned(), film, asked));
    }

    /// Whoever sees the slot of this RTP source needs a key frame.
    pub(in crate::bridge) fn needs_key_frame(&self, viewer: &str, ssrc: u32) {
        let asked = self.videos().needs_key_frame(self.now(), viewer, ssrc);
        self.ask_for_key_frames(asked.as_slice());
    }

    pub(super) fn ask_for_key_frames(&self, asked: &[KeyFrame]) {
        for KeyFrame { feed, layer } in asked {
            // Of what is sent back, whoever it comes from is asked.
            let feed = self.videos().echoed_by(feed).unwrap_or_else(|| feed.clone());
            match self.inside().ends.get(&feed.member) {
                Some(End::Person(person)) => person.ask_for_key_frame(feed.is_screen, *layer),
                Some(End::Bot { far_end, .. }) => far_end.ask_for_key_frame(feed.is_screen, *layer),
                Some(End::Script(script)) => script.asked_for_key_frame.store(true, Relaxed),
                None => {}
            }
        }
    }

    /// What somebody sees in the section `mid` is as they choose, and no larger than they say. Says whether there is such a section.
    pub(in crate::bridge) fn choose(
        &self,
        viewer: &str,
        mid: &str,
        choice: (Choice, Option<VideoSize>),
    ) -> bool {
        let asked = self.videos().choose(self.now(), viewer, mid, choice);
        let Some(asked) = asked else { return false };
        self.ask_for_key_frames(&asked);
        self.listeners.changed();
        true
    }

    /// All that somebody sees has at most so many bits a second together.
    pub(in crate::bridge) fn limit(&self, viewer: &str, bits_per_second: Option<u64>) {
        let asked = self.videos().limit(self.now(), viewer, bits_per_second);
        self.ask_for_key_frames(&asked);
    }

    /// The sources of others that are on: cameras, screens.
    pub(in crate::bridge) fn sources(&self, but: &str) -> [Vec<MediaSourceId>; 2] {
        let others = |sources: Vec<(String, MediaSourceId)>| {
            sources.into_iter().filter(|(member, _)| member != but).map(|(_, source)| source).collect()
        };
        self.videos().sources().map(others)
    }

    /// Whether somebody has this source of a camera or a screen.
    pub(in crate::bridge) fn knows(&self, source: u32) -> bool {
        let has = |id: Option<u32>| id == Some(source);
        self.inside()
            .room
            .members()
            .iter()
            .any(|member| has(member.sources.video) || has(member.sources.sharing))
    }

    pub(in crate::bridge) fn dominant_speaker(&self) -> Option<MediaSourceId> {
        self.inside().room.dominant_source()
    }

    pub(in crate::bridge) fn changes(&self) -> watch::Receiver<u64> {
        self.listeners.changed.subscribe()
    }

    /// Looks after slots and feeds from now on, ten times a second, until the room is gone.
    pub(super) fn begin_pictures(self: &Arc<Self>) {
        if self.has_pictures.swap(true, Relaxed) {
            return;
        }
        let hall = Arc::downgrade(self);
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(BETWEEN_LOOKS);
            loop {
                ticks.tick().await;
                let Some(hall) = hall.upgrade() else { return };
                hall.look_at_pictures();
            }
        });
    }

    fn look_at_pictures(&self) {
        let (now, spoke) = (self.now(), self.inside().room.spoke());
        let (off, asked) = {
            let mut videos = self.videos();
            let mut asked = videos.heard(now, spoke);
            let (off, freed) = videos.off(now);
            asked.extend(freed);
            asked.extend(videos.missed(now));
            (off, asked)
        };
        self.ask_for_key_frames(&asked);
        self.are_off(&off);
        if !off.is_empty() {
            self.listeners.changed();
        }
    }
}
