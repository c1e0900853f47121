//! The meeting bridge: rooms in which bots, people in browsers and scripted far ends hear and see each other.
//!
//! A room's inside is pure (`room`, `mix`, `speakers`, `queue`, `voice`, `ear`, `video/`); a hall has its connections and its clock.

mod control;
mod ear;
mod events;
mod hall;
mod incoming;
mod inside;
mod key_frames;
mod mix;
mod network;
mod offer;
mod passing;
mod path;
mod person;
mod projector;
mod queue;
mod rids;
mod room;
mod speakers;
mod stage;
mod streams;
mod video;
mod view;
mod voice;
mod wire;

use std::collections::HashMap;
use std::f64::consts::TAU;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use control::{LABEL as CONTROL_LABEL, serve as serve_control};
pub(crate) use ear::Outgoing;
use events::Listeners;
pub(crate) use events::RoomEvent;
use hall::{Expected, Gone, Hall};
pub(crate) use hall::{MeasuredMember, MeasuredRoom};
pub(crate) use key_frames::{KeyFrameNeeds, NEAREST_TO_APPLICATION};
pub(crate) use offer::{Section, sections};
use offhook_media::{MediaSourceId, SampleRate, Sound};
pub(crate) use passing::{Look, Passing};
pub(crate) use path::Path;
pub(crate) use person::{PatchError, Person};
pub(crate) use rids::receivable;
pub(crate) use stage::Stage;
pub(crate) use streams::{MID, REPAIRED_RID, RID, Streams};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;
use uuid::Uuid;
pub(crate) use video::{Choice, Codec, MOST_LAYERS, Numbers as VideoNumbers, Slot};
pub use view::{
    BridgeError, LinkSettings, MemberKind, MemberView, RoomView, ScriptKind, SlotView, SourceIds,
};
pub(crate) use voice::Inlet;

use crate::far_end::{AfterSpeech, Clip, FarEnd, FarEndScript, Film, PeerError};

/// The source ids of those whom rosters number alike in all calls of a room. Those that rosters number by themselves are below.
const FIRST_SOURCE: u32 = 1_001;

/// Gives source ids that nobody else has.
#[derive(Debug)]
struct Sources(AtomicU32);

impl Sources {
    fn next(&self) -> MediaSourceId {
        MediaSourceId(self.0.fetch_add(1, Relaxed))
    }
}

/// Somebody in a call who follows a script.
#[derive(Clone, Debug)]
pub(crate) struct Scripted {
    /// The id of the user.
    pub(crate) id: String,
    /// The display name.
    pub(crate) name: String,
    /// What rosters call their sound, where there is one.
    pub(crate) source: Option<MediaSourceId>,
    pub(crate) script: FarEndScript,
}

/// A bot that comes to a room.
pub(crate) struct BotSeat {
    pub(crate) call: String,
    pub(crate) name: String,
    pub(crate) source: MediaSourceId,
    pub(crate) far_end: FarEnd,
    /// Those of its call who follow scripts; the first one's is the far end's.
    pub(crate) people: Vec<Scripted>,
}

/// Somebody who has joined by WHIP.
pub(crate) struct Joined {
    pub(crate) person: Arc<Person>,
    pub(crate) id: String,
    pub(crate) sources: SourceIds,
    /// The answer to their offer.
    pub(crate) answer: String,
}

/// All rooms of an emulator.
pub(crate) struct Bridge {
    halls: Mutex<HashMap<String, Arc<Hall>>>,
    listeners: Listeners,
    sources: Arc<Sources>,
}

impl Bridge {
    /// A bridge without rooms, and what happens in them.
    pub(crate) fn new() -> (Self, UnboundedReceiver<RoomEvent>) {
        let (events, happening) = unbounded_channel();
        let listeners = Listeners { events, changed: watch::Sender::new(0) };
        let sources = Arc::new(Sources(AtomicU32::new(FIRST_SOURCE)));
        (Self { halls: Mutex::default(), listeners, sources }, happening)
    }

    fn halls(&self) -> MutexGuard<'_, HashMap<String, Arc<Hall>>> {
        self.halls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hall(&self, room: &str) -> Result<Arc<Hall>, BridgeError> {
        self.halls().get(room).cloned().ok_or_else(|| BridgeError::RoomNotFound(room.to_owned()))
    }

    /// The hall of a room that somebody is about to come to.
    fn hall_or_new(&self, room: &str) -> Expected {
        let new = || Hall::new(room, self.listeners.clone(), Arc::clone(&self.sources));
        self.halls().entry(room.to_owned()).or_insert_with(new).expect()
    }

    /// The rooms that somebody is in, and who that is, by their ids.
    pub(crate) fn rooms(&self) -> Vec<RoomView> {
        let halls: Vec<Arc<Hall>> = self.halls().values().cloned().collect();
        let mut rooms: Vec<RoomView> = halls.iter().map(|hall| hall.view()).collect();
        rooms.sort_by(|one, other| one.id.cmp(&other.id));
        rooms
    }

    /// What is measured of the rooms that somebody is in, by their ids.
    pub(crate) async fn measured(&self) -> Vec<MeasuredRoom> {
        let mut halls: Vec<Arc<Hall>> = self.halls().values().cloned().collect();
        halls.sort_by(|one, other| one.id.cmp(&other.id));
        let mut rooms = Vec::new();
        for hall in halls {
            rooms.push(hall.measured().await);
        }
        rooms
    }

    /// Changes whenever [`rooms`](Self::rooms) has: at once when somebody comes, goes, is muted or presses a key, and ten times a
    /// second while levels move.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.listeners.changed.subscribe()
    }

    /// A source id for somebody who is in several rosters.
    pub(crate) fn next_source(&self) -> MediaSourceId {
        self.sources.next()
    }

    /// A bot comes to a room, which is made where there is none.
    pub(crate) fn seat(&self, room: &str, seat: BotSeat) {
        self.hall_or_new(room).seat(seat);
    }

    /// The bot of this call, and the scripts that waited for it, are in from now on.
    pub(crate) fn let_in(&self, room: &str, call: &str) {
        if let Ok(hall) = self.hall(room) {
            hall.let_in(call);
        }
    }

    /// The bot of this call hears nobody, and is heard by nobody; or does and is again.
    pub(crate) fn hold(&self, room: &str, call: &str, on_hold: bool) {
        if let Ok(hall) = self.hall(room) {
            hall.hold(call, on_hold);
        }
    }

    /// Somebody joins a room by WHIP, which is made where there is none.
    pub(crate) async fn join(
        &self,
        room: &str,
        name: &str,
        offer: &str,
        screen: Option<&str>,
    ) -> Result<Joined, PeerError> {
        let (hall, id) = (self.hall_or_new(room), Uuid::new_v4().to_string());
        let answered = Person::answer(&id, offer, screen, &hall).await;
        let joined = answered.and_then(|answered| {
            let (person, answer) = (Arc::clone(&answered.person), answered.sdp.clone());
            let sources = hall.join(name, answered).map_err(|error| match error {
                BridgeError::Clip(error) => PeerError::Clip(error),
                _ => PeerError::Over,
            })?;
            Ok(Joined { person, id: id.clone(), sources, answer })
        });
        drop(hall);
        self.sweep(room);
        joined
    }

    /// Somebody who has joined by WHIP.
    pub(crate) fn person(&self, room: &str, id: &str) -> Option<Arc<Person>> {
        self.hall(room).ok()?.person(id)
    }

    /// Somebody goes. Says whether they were there.
    pub(crate) fn leave(&self, room: &str, id: &str) -> bool {
        let Ok(hall) = self.hall(room) else { return false };
        let gone = hall.leave(id);
        if let Some(Gone::Person(person)) = &gone {
            let person = Arc::clone(person);
            tokio::spawn(async move { person.close().await });
        }
        self.sweep(room);
        gone.is_some()
    }

    /// Forgets a room in which nobody is who has a connection.
    fn sweep(&self, room: &str) {
        let forgotten = {
            let mut halls = self.halls();
            let is_used = halls.get(room).is_none_or(|hall| hall.is_used());
            if is_used { None } else { halls.remove(room) }
        };
        if let Some(hall) = forgotten {
            hall.ends();
        }
        self.listeners.changed();
    }

    /// Everybody who has joined by WHIP goes.
    pub(crate) async fn close(&self) {
        let halls: Vec<Arc<Hall>> = self.halls().values().cloned().collect();
        for person in halls.iter().flat_map(|hall| hall.people()) {
            person.close().await;
        }
    }

    /// Whoever is at the far end of a call leaves its room, if they follow a script.
    pub(crate) fn carrier_leaves(&self, room: &str, call: &str) {
        let carrier = self.hall(room).ok().and_then(|hall| hall.carrier_of(call));
        if let Some(carrier) = carrier {
            self.leave(room, &carrier);
        }
    }

    /// A scripted member joins the room, with a moving pattern for a picture where that is asked for; gives its member id. Its roster
    /// entry follows.
    pub(crate) fn add_script(
        &self,
        room: &str,
        kind: ScriptKind,
        name: &str,
        picture: bool,
    ) -> Result<String, BridgeError> {
        let hall = self.hall(room)?;
        let script = FarEndScript::new().then(AfterSpeech::Repeat);
        let picture = picture || kind == ScriptKind::Pattern;
        let script = match kind {
            ScriptKind::Speech(Some(file)) => script.say(Arc::new(Clip::from_wav(file)?)),
            ScriptKind::Speech(None) => script.say(Arc::new(Clip::speech())),
            ScriptKind::Tone(hertz) => script.say(Arc::new(Clip::new(tone(hertz)?)?)),
            ScriptKind::Pattern => script,
        };
        let script = if picture { script.show(Film::pattern()) } else { script };
        let (id, audio) = (Uuid::new_v4().to_string(), self.next_source());
        let script = Scripted { id: id.clone(), name: name.to_owned(), source: Some(audio), script };
        let video = hall.add(&script);
        let (room, name) = (room.to_owned(), name.to_owned());
        self.listeners.tell(RoomEvent::Came { room, id: id.clone(), name, audio, video });
        Ok(id)
    }

    /// Somebody who is in rosters already comes to a room, and does what their script says.
    pub(crate) fn come(&self, room: &str, script: &Scripted) {
        if let Ok(hall) = self.hall(room) {
            hall.add(script);
        }
    }

    /// Somebody is in no roster any more: a script falls silent, a person's connection closes.
    pub(crate) fn depart(&self, room: &str, id: &str) {
        match self.hall(room).ok().and_then(|hall| hall.kind(id)) {
            Some(MemberKind::Script) => _ = self.leave(room, id),
            // Whoever is there by a connection of their own is told as if somebody had removed them here.
            Some(MemberKind::Person | MemberKind::Bot) => _ = self.remove(room, id),
            None => {}
        }
    }

    /// Mutes a member, or lets them be heard again. Rosters say so.
    pub(crate) fn mute(&self, room: &str, member: &str, muted: bool) -> Result<(), BridgeError> {
        let not_found = || BridgeError::MemberNotFound(member.to_owned());
        self.hall(room)?.mute(member, muted).ok_or_else(not_found)?;
        let (room, id) = (room.to_owned(), member.to_owned());
        self.listeners.tell(RoomEvent::Muted { room, id, muted });
        Ok(())
    }

    /// Whether somebody is in a room, or waits to be let in.
    pub(crate) fn is_in(&self, room: &str, member: &str) -> bool {
        self.hall(room).is_ok_and(|hall| hall.kind(member).is_some())
    }

    /// Lets a member leave: a person's connection closes, a bot's call ends as if it had been removed.
    pub(crate) fn remove(&self, room: &str, member: &str) -> Result<(), BridgeError> {
        let hall = self.hall(room)?;
        let (room, id) = (room.to_owned(), member.to_owned());
        match hall.kind(member) {
            None => Err(BridgeError::MemberNotFound(id)),
            Some(MemberKind::Bot) => {
                self.listeners.tell(RoomEvent::Removed { call: id });
                Ok(())
            }
            Some(_) => {
                for call in hall.carried_by(member) {
                    self.listeners.tell(RoomEvent::HangsUp { call });
                }
                self.leave(&room, member);
                self.listeners.tell(RoomEvent::Left { room, id });
                Ok(())
            }
        }
    }

    /// Does something to a member's packets from now on, both ways; `None`: nothing any more.
    pub(crate) fn set_link(
        &self,
        room: &str,
        member: &str,
        link: Option<LinkSettings>,
    ) -> Result<(), BridgeError> {
        let hall = self.hall(room)?;
        if hall.kind(member).is_none() {
            return Err(BridgeError::MemberNotFound(member.to_owned()));
        }
        let no_network = BridgeError::NotPossible("a scripted member has no network");
        hall.with_path(member, |path| path.set(link)).ok_or(no_network)?;
        self.listeners.changed();
        Ok(())
    }
}

/// A second of a tone, which ends where it begins.
fn tone(hertz: f64) -> Result<Sound, BridgeError> {
    if !(20.0..=20_000.0).contains(&hertz) {
        return Err(BridgeError::Tone);
    }
    let rate = SampleRate::HZ_48000;
    let step = TAU * hertz.round() / f64::from(rate.get());
    let sample = |at: u32| ((step * f64::from(at)).sin() * 8_000.0) as i16;
    Ok(Sound::new(rate, (0..rate.get()).map(sample).collect()))
}
