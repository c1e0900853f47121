//! [io] Where calls meet rooms: who comes to one by a call is in the other, and what happens in a room is told to its calls.

use std::sync::Arc;
use std::time::Instant;

use offhook_signaling::model::{CallId, OpenEnum, Tone};
use tokio::sync::mpsc::UnboundedReceiver;

use super::Exchange;
use crate::bridge::{BotSeat, Joined, LinkSettings, RoomEvent, Scripted};
use crate::far_end::{FarEnd, FarEndState, PeerError};
use crate::scenario::Happening;
use crate::service::{Occupant, Owed};

impl Exchange {
    /// A bot that has answered or made a call comes to the room of its call.
    pub(super) fn seat(&self, call: &CallId, far_end: &FarEnd, people: Vec<Scripted>) {
        let (room, bot) = {
            let inside = self.lock();
            let source = self.bridge.next_source();
            (inside.service.room_of(call), inside.service.bot_of(call, source))
        };
        // The call is over already.
        let (Some(room), Some(bot)) = (room, bot) else { return };
        let name = bot.name.clone();
        self.recorder().comes_to(Instant::now(), call, &room);
        let (call, far_end) = (call.to_string(), far_end.clone());
        self.rooms_of_bots().insert(call.clone(), (room.clone(), bot.clone()));
        self.bridge.seat(&room, BotSeat { call, name, source: bot.audio, far_end, people });
    }

    /// The bot of a call and whoever is at the far end are in it together: it is in its room from now on.
    pub(super) fn let_in(&self, call: &CallId) {
        let held = self.rooms_of_bots().get(call.as_str()).cloned();
        let Some((room, bot)) = held else { return };
        // What it shows is told of whoever is there already.
        self.with_service(|service, _| service.comes(&room, bot));
        self.bridge.let_in(&room, call.as_str());
    }

    /// Somebody comes to a call, or goes: so they do in its room.
    pub(super) fn moves(&self, owed: Owed) {
        match owed {
            Owed::Comes(call, who) => {
                let scripted = self.lock().service.scripted_in(&call, &who);
                if let Some((room, scripted)) = scripted {
                    self.bridge.come(&room, &scripted);
                }
            }
            Owed::Goes(call, who) => {
                self.recorder().far_end_gone(&who);
                let room = self.rooms_of_bots().get(call.as_str()).map(|(room, _)| room.clone());
                if let Some(room) = room {
                    self.bridge.depart(&room, &who);
                }
            }
            Owed::Mutes(call, who, muted) => {
                let room = self.rooms_of_bots().get(call.as_str()).map(|(room, _)| room.clone());
                if let Some(room) = room {
                    // Who is in the roster only is muted there only.
                    let _ = self.bridge.mute(&room, &who, muted);
                }
            }
            Owed::Post(_) | Owed::MediaBegins(_) | Owed::MediaEnds(_) => {}
        }
    }

    /// A call is over: its bot leaves its room.
    pub(super) fn leave(&self, call: &CallId) {
        let held = self.rooms_of_bots().remove(call.as_str());
        let Some((room, _)) = held else { return };
        self.bridge.leave(&room, call.as_str());
        self.with_service(|service, _| service.goes(&room, call.as_str()));
    }

    /// What people do in a call is heard in its room.
    pub(super) fn happens_in_room(&self, call: &CallId, happening: &Happening) {
        let held = self.rooms_of_bots().get(call.as_str()).cloned();
        let Some((room, _)) = held else { return };
        match happening {
            // Who is in the roster only is muted there only.
            Happening::Mute(who) => _ = self.bridge.mute(&room, who, true),
            Happening::Unmute(who) => _ = self.bridge.mute(&room, who, false),
            Happening::Hold => self.bridge.hold(&room, call.as_str(), true),
            Happening::Resume => self.bridge.hold(&room, call.as_str(), false),
            Happening::Link(link) => {
                let link = Some(*link).filter(|link| *link != LinkSettings::default());
                // Whoever has just left has no network any more.
                let _ = self.bridge.set_link(&room, call.as_str(), link);
            }
            Happening::Leave(who) => _ = self.bridge.leave(&room, who),
            // A call between two is over by it.
            Happening::HangUp => self.bridge.carrier_leaves(&room, call.as_str()),
            _ => {}
        }
    }

    /// Somebody joins a meeting by WHIP, which is made where there is none. Gives them, and the id of their room.
    pub(crate) async fn join_meeting(
        self: &Arc<Self>,
        key: &str,
        name: &str,
        offer: &str,
        screen: Option<&str>,
    ) -> Result<(Joined, String), PeerError> {
        let room = self.with_service(|service, _| service.open_meeting(key));
        let joined = self.bridge.join(&room, name, offer, screen).await?;
        let source = offhook_media::MediaSourceId;
        let video = joined.sources.video.map(source);
        let occupant = Occupant::user(&joined.id, name, source(joined.sources.audio), video);
        self.with_service(|service, _| service.comes(&room, occupant));
        tracing::info!(%room, "somebody has joined by WHIP");
        let (exchange, person, id, of) =
            (Arc::clone(self), Arc::clone(&joined.person), joined.id.clone(), room.clone());
        tokio::spawn(async move {
            let connecting = person.reached(FarEndState::Connected);
            if tokio::time::timeout(exchange.settings.media_timeout, connecting).await.is_ok() {
                person.reached(FarEndState::Closed).await;
            }
            exchange.leave_meeting(&of, &id);
        });
        Ok((joined, room))
    }

    /// Somebody who has joined by WHIP leaves. Says whether they were there.
    pub(crate) fn leave_meeting(&self, room: &str, id: &str) -> bool {
        let was_there = self.bridge.leave(room, id);
        if was_there {
            self.with_service(|service, _| service.goes(room, id));
        }
        was_there
    }

    /// The room of a meeting, if there is such a meeting.
    pub(crate) fn room_of_meeting(&self, key: &str) -> Option<String> {
        self.lock().service.room_of_meeting(key)
    }

    /// Tells calls what happens in their rooms, until the emulator stops.
    pub(crate) async fn follow_rooms(self: Arc<Self>, mut happening: UnboundedReceiver<RoomEvent>) {
        while let Some(event) = happening.recv().await {
            self.follow_room(event);
        }
    }

    fn follow_room(&self, event: RoomEvent) {
        match event {
            RoomEvent::Came { room, id, name, audio, video } => {
                let occupant = Occupant::user(&id, &name, audio, video);
                self.with_service(|service, _| service.comes(&room, occupant));
            }
            RoomEvent::Left { room, id } => {
                self.recorder().far_end_gone(&id);
                self.with_service(|service, _| service.goes(&room, &id));
            }
            RoomEvent::Muted { room, id, muted } => {
                self.with_service(|service, _| service.mutes(&room, &id, muted));
            }
            RoomEvent::Pressed { room, id, tone } => {
                if let Some(tone) = tone_of(tone) {
                    self.with_service(|service, now| service.presses(now, &room, &id, tone));
                }
            }
            RoomEvent::Shows { room, id, source } => {
                self.with_service(|service, _| service.shows(&room, &id, source));
            }
            RoomEvent::Shares { room, id, source } => {
                self.with_service(|service, _| service.shares(&room, &id, source));
            }
            RoomEvent::Removed { call } => {
                let call = CallId::from(call);
                // Nobody can be removed from a call between two: it is hung up.
                if self.happen(&call, &Happening::RemoveBot).is_err() {
                    self.with_service(|service, _| service.far_end_hangs_up(&call));
                }
            }
            RoomEvent::HangsUp { call } => {
                self.with_service(|service, _| service.far_end_hangs_up(&call.into()));
            }
        }
    }
}

/// A tone as Graph names it.
fn tone_of(tone: offhook_media::Tone) -> Option<Tone> {
    match tone.code() {
        digit @ 0..=9 => Tone::from_name(&format!("tone{digit}")),
        10 => Some(Tone::Star),
        11 => Some(Tone::Pound),
        12 => Some(Tone::A),
        13 => Some(Tone::B),
        14 => Some(Tone::C),
        15 => Some(Tone::D),
        _ => Some(Tone::Flash),
    }
}
