//! Those whom several calls see: people who have joined by WHIP, other bots, scripted people whom somebody has added.

use std::time::SystemTime;

use offhook_media::MediaSourceId;
use offhook_signaling::model::{CallId, CallState, Identity, IdentitySet, ParticipantId, Tone};

use super::CallService;
use super::calls::{Record, Size, bot_identity};
use super::roster::new_seat;
use crate::bridge::Scripted;
use crate::directory::{Meeting, User};
use crate::far_end::FarEndScript;

/// Somebody in a room, whoever else is.
#[derive(Clone, Debug)]
pub(crate) struct Occupant {
    /// The id that happenings know them by.
    pub(crate) id: String,
    /// The display name.
    pub(crate) name: String,
    pub(crate) identity: IdentitySet,
    pub(crate) audio: MediaSourceId,
    pub(crate) video: Option<MediaSourceId>,
}

impl Occupant {
    /// A user.
    pub(crate) fn user(id: &str, name: &str, audio: MediaSourceId, video: Option<MediaSourceId>) -> Self {
        let user = Identity { display_name: name.into(), ..Identity::with_id(id) };
        let identity = IdentitySet { user: Box::new(user).into(), ..IdentitySet::new() };
        Self { id: id.to_owned(), name: name.to_owned(), identity, audio, video }
    }
}

impl CallService {
    /// The meeting of this key, which is made where there is none. Gives the id of its room.
    pub(crate) fn open_meeting(&mut self, key: &str) -> String {
        if !self.directory.meetings.contains_key(key) {
            self.directory.add_meeting(key.to_owned(), Meeting::empty());
        }
        self.directory.meetings.get(key).map_or_else(|| key.to_owned(), |meeting| meeting.key.clone())
    }

    /// The room of the meeting of this key, if there is such a meeting.
    pub(crate) fn room_of_meeting(&self, key: &str) -> Option<String> {
        self.directory.meetings.get(key).map(|meeting| meeting.key.clone())
    }

    /// The room of a call that is not over.
    pub(crate) fn room_of(&self, call: &CallId) -> Option<String> {
        self.calls.get(call).map(|record| record.room.clone())
    }

    /// The calls of a room, in no order.
    fn calls_in(&self, room: &str) -> Vec<CallId> {
        let calls = self.calls.iter().filter(|(_, record)| record.room == room);
        calls.map(|(id, _)| id.clone()).collect()
    }

    /// The bot of a call, as others see it.
    pub(crate) fn bot_of(&self, call: &CallId, audio: MediaSourceId) -> Option<Occupant> {
        let record = self.calls.get(call)?;
        let seat = record.roster.by_id(&record.me)?;
        let identity = seat.participant.info.value().and_then(|info| info.identity.value().cloned());
        let identity = identity.unwrap_or_else(|| bot_identity(&self.settings));
        let name = identity.first().and_then(|identity| identity.display_name.value());
        let name = name.map_or("Bot", |name| name.expose()).to_owned();
        Some(Occupant { id: call.to_string(), name, identity, audio, video: None })
    }

    /// Somebody comes to a room: into every call there, and those to come. Users can call from then on.
    pub(crate) fn comes(&mut self, room: &str, occupant: Occupant) {
        if occupant.identity.user.is_value() {
            let user = User::new(&occupant.name, FarEndScript::new());
            self.directory.users.insert(occupant.id.clone(), user);
            self.rooms_of_users.insert(occupant.id.clone(), room.to_owned());
        }
        let occupants = self.occupants.entry(room.to_owned()).or_default();
        if occupants.iter().any(|held| held.id == occupant.id) {
            return;
        }
        occupants.push(occupant.clone());
        for call in self.calls_in(room) {
            if call.as_str() != occupant.id {
                self.seats_occupant(&call, &occupant);
            }
        }
    }

    fn seats_occupant(&mut self, call: &CallId, occupant: &Occupant) {
        let Some(record) = self.calls.get_mut(call) else { return };
        let id = record.seat_occupant(occupant);
        if record.size == Size::PeerToPeer {
            // Where it is not established yet, it becomes a group call by the next who comes.
            let _ = self.escalates(call);
            return;
        }
        let joined = record.post_changed(&id);
        self.owe(joined);
    }

    /// Seats those who are in the room of a new call already.
    pub(super) fn seat_occupants(&self, record: &mut Record, but: Option<&str>) {
        for occupant in self.occupants.get(&record.room).into_iter().flatten() {
            if Some(occupant.id.as_str()) != but {
                record.seat_occupant(occupant);
            }
        }
    }

    /// Somebody goes from a room: out of every call there.
    pub(crate) fn goes(&mut self, room: &str, id: &str) {
        if let Some(occupants) = self.occupants.get_mut(room) {
            let before = occupants.len();
            occupants.retain(|occupant| occupant.id != id);
            if occupants.len() < before && self.rooms_of_users.remove(id).is_some() {
                self.directory.users.remove(id);
            }
        }
        self.occupants.retain(|_, occupants| !occupants.is_empty());
        for call in self.calls_in(room) {
            let Some(record) = self.calls.get(&call) else { continue };
            let Some(seat) = record.roster.find(id).map(|seat| seat.id().clone()) else { continue };
            if seat == record.me {
                continue;
            }
            if record.size == Size::PeerToPeer {
                self.far_end_hangs_up(&call);
            } else {
                self.departs(&call, &seat);
            }
        }
    }

    /// Somebody in a room is muted, or heard again.
    pub(crate) fn mutes(&mut self, room: &str, id: &str, muted: bool) {
        for call in self.calls_in(room) {
            let Some(record) = self.calls.get_mut(&call) else { continue };
            // A bot's own call names it by its roster id.
            let me = record.me.clone();
            let seat = match call.as_str() == id {
                true => record.roster.by_id_mut(&me),
                false => record.roster.find_mut(id),
            };
            let Some(seat) = seat else { continue };
            if seat.participant.is_muted.value() == Some(&muted) {
                continue;
            }
            seat.participant.is_muted = muted.into();
            let who: ParticipantId = seat.id().clone();
            let told = record.post_changed(&who);
            self.owe(told);
        }
    }

    /// Somebody in a room shows their screen under a source of its own, or no longer.
    pub(crate) fn shares(&mut self, room: &str, id: &str, source: Option<MediaSourceId>) {
        for call in self.calls_in(room) {
            // Where they are not seen, there is nothing to tell.
            let _ = match source {
                Some(source) => self.starts_sharing_as(&call, id, source),
                None => self.stops_sharing(&call, id),
            };
        }
    }

    /// Somebody in a room presses a key, which its bots hear of.
    pub(crate) fn presses(&mut self, now: SystemTime, room: &str, id: &str, tone: Tone) {
        for call in self.calls_in(room) {
            if call.as_str() != id {
                self.tone_is_pressed(now, &call, tone);
            }
        }
    }

    /// Somebody in a room shows the pictures of their camera under a source of its own, or no longer.
    pub(crate) fn shows(&mut self, room: &str, id: &str, source: Option<MediaSourceId>) {
        let mut occupants = self.occupants.get_mut(room).into_iter().flatten();
        if let Some(occupant) = occupants.find(|occupant| occupant.id == id) {
            occupant.video = source;
        }
        for call in self.calls_in(room) {
            let Some(record) = self.calls.get_mut(&call) else { continue };
            // Before a call is established, its roster has not been told.
            let is_told = matches!(record.state(), CallState::Established | CallState::Hold);
            let Some(seat) = record.roster.find_mut(id).filter(|seat| seat.shows_camera() != source) else {
                continue;
            };
            seat.show_camera(source);
            let who = seat.id().clone();
            let told = record.post_changed(&who).filter(|_| is_told);
            self.owe(told);
        }
    }

    /// Somebody who is in a call, and follows a script: whoever does nothing is not there to be heard or seen.
    pub(crate) fn scripted_in(&self, call: &CallId, who: &ParticipantId) -> Option<(String, Scripted)> {
        let record = self.calls.get(call)?;
        let seat = record.roster.by_id(who)?;
        let (id, source) = (seat.name()?, seat.audio());
        let user = self.directory.users.get(id).filter(|user| user.script.does_anything())?;
        Some((record.room.clone(), Self::scripted(id.to_owned(), user, source)))
    }

    /// Those of a new call who follow scripts, the one who carries its media first.
    pub(super) fn scripted(id: String, user: &User, source: Option<MediaSourceId>) -> Scripted {
        Scripted { id, name: user.display_name.clone(), source, script: user.script.clone() }
    }
}

impl Record {
    fn seat_occupant(&mut self, occupant: &Occupant) -> ParticipantId {
        let seat = self.roster.seat_as(new_seat(), occupant.identity.clone(), occupant.audio);
        seat.known_as = Some(occupant.id.clone());
        seat.show_camera(occupant.video);
        seat.id().clone()
    }
}
