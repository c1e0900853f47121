//! `POST /communications/calls`: what the request asks for, or why it is refused.

use std::fmt;
use std::time::SystemTime;

use offhook_media::MediaSourceId;
use offhook_signaling::model::{
    AppHostedMediaConfig, Call, CallId, CallState, IdentitySet, Integer, InvitationParticipantInfo,
    MediaConfig, MeetingInfo,
};

use super::calls::{Record, Size, bot_identity, resource};
use super::request::{Action, OfCall, Target};
use super::roster::new_seat;
use super::timers::Due;
use super::{Answer, CallService, Ended, FAR_END_SOURCE, GraphError, Owed, Request};
use crate::bridge::Scripted;
use crate::directory::{PickingUp, User};
use crate::far_end::FarEndScript;
use crate::settings::{BEYOND_LOOPBACK, callback_uri};

/// The most people that a group call can call (create-call page).
const MAX_TARGETS: usize = 5;

/// The longest ringing of a call between two, in seconds (create-call page).
const MAX_RINGING: i64 = 115;

/// The blob that the service makes up when nobody has answered an offer.
pub(super) const OWN_BLOB: &str = "<Media Session Configuration>";

/// An offer that somebody at the far end has to answer before its request can be handled.
#[derive(Clone)]
#[non_exhaustive]
pub struct MediaOffer {
    /// The bot's blob.
    pub blob: String,
    /// What the far end then does.
    pub script: FarEndScript,
    /// What its sound is tagged with, where there is a roster that says whose sound it is.
    pub(crate) source: Option<MediaSourceId>,
    /// Those in the call who follow scripts, the one who carries its media first.
    pub(crate) people: Vec<Scripted>,
}

/// Without the blob, which holds keys and addresses.
impl fmt::Debug for MediaOffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaOffer").field("script", &self.script).finish_non_exhaustive()
    }
}

/// Somebody who is called, or is in the meeting already.
#[derive(Clone, Debug)]
struct Called {
    identity: IdentitySet,
    user: User,
}

/// A call that may be made.
#[derive(Debug)]
struct Plan {
    call: Call,
    size: Size,
    people: Vec<Called>,
    /// Which of them carries the media.
    carrier: usize,
    has_lobby: bool,
    /// That of the meeting; else the call has its own.
    room: Option<String>,
}

impl Plan {
    /// Those who follow scripts from the beginning, with the source ids that they will have.
    fn scripted(&self) -> Vec<Scripted> {
        let everybody = self.people.iter().enumerate();
        let others = everybody.clone().filter(|(place, _)| *place != self.carrier);
        let carrier = everybody.filter(|(place, _)| *place == self.carrier);
        let is_meeting = self.size == Size::Meeting;
        let is_told = self.size != Size::PeerToPeer;
        let sources = (FAR_END_SOURCE.0..).map(|source| is_told.then_some(MediaSourceId(source)));
        // Those of a group call come when they pick up.
        let count = if is_meeting { usize::MAX } else { 1 };
        let called = carrier.chain(others).take(count).zip(sources).map(|((_, called), source)| {
            let id = called.identity.first().and_then(|identity| identity.id.as_str());
            CallService::scripted(id.unwrap_or_default().to_owned(), &called.user, source)
        });
        called.collect()
    }

    fn far_end(&self) -> User {
        self.people
            .get(self.carrier)
            .map_or_else(|| User::new("", FarEndScript::new()), |called| called.user.clone())
    }
}

impl CallService {
    /// The offer that has to be answered before `request` can be handled, with [`Request::media_answer`].
    ///
    /// # Errors
    /// What the request is refused with in any case.
    pub fn media_offer(&self, request: &Request) -> Result<Option<MediaOffer>, GraphError> {
        let (media, script, source, people) = match self.target(request)? {
            Target::CreateCall => {
                let plan = self.plan(request)?;
                let (script, people) = (plan.far_end().script, plan.scripted());
                (plan.call.media_config, script, source_in(plan.size), people)
            }
            Target::OfCall(id, OfCall::Action(Action::Answer)) => {
                let (record, body) = self.plan_answer(&id, request)?;
                let source = record.people.first().and_then(|carrier| carrier.source);
                (body.media_config, record.far_end.script.clone(), source, record.people.clone())
            }
            _ => return Ok(None),
        };
        let Some(MediaConfig::AppHosted(config)) = media.into_value() else { return Ok(None) };
        let blob = config.blob.into_value();
        Ok(blob.map(|blob| MediaOffer { blob: blob.into_exposed(), script, source, people }))
    }

    fn plan(&self, request: &Request) -> Result<Plan, GraphError> {
        let mut call: Call = request.read()?;
        self.check_callback_uri(call.callback_uri.as_str())?;
        let is_meeting = call.meeting_info.is_value() || call.chat_info.is_value();
        let size = match call.targets.items().len() {
            _ if is_meeting => Size::Meeting,
            0 | 1 => Size::PeerToPeer,
            _ => Size::Group,
        };
        check_media(&call, size)?;
        self.permissions.check_creation(&call)?;
        if size == Size::Meeting {
            if call.tenant_id.as_str() != Some(&self.settings.tenant_id) {
                return Err(GraphError::tenant_mismatch());
            }
            let meeting = self.meeting(&call)?;
            if !call.chat_info.is_value() {
                call.chat_info = meeting.chat().into();
            }
            let people = meeting.participants.iter().map(|(id, user)| Called {
                identity: id
                    .as_ref()
                    .map_or_else(|| self.nameless(meeting, user), |id| self.directory.identity(id)),
                user: user.clone(),
            });
            let people = people.collect();
            let room = Some(meeting.key.clone());
            return Ok(Plan { call, size, people, carrier: 0, has_lobby: meeting.has_lobby, room });
        }
        check_ringing(&call, size)?;
        let people = self.called(&call)?;
        // Whoever picks up first carries the media: the call is established then, and not when somebody else is ready.
        let ringing = |(place, called): (usize, &Called)| match called.user.picking_up {
            PickingUp::After(ringing) => Some((ringing, place)),
            PickingUp::Never | PickingUp::Declines => None,
        };
        let first = people.iter().enumerate().filter_map(ringing).min();
        let carrier = first.map_or(0, |(_, place)| place);
        Ok(Plan { call, size, people, carrier, has_lobby: false, room: None })
    }

    /// Whom a call is for.
    fn called(&self, call: &Call) -> Result<Vec<Called>, GraphError> {
        match call.targets.items() {
            [] => return Err(GraphError::bad_request("The property targets or meetingInfo is required.")),
            targets if targets.len() > MAX_TARGETS => {
                return Err(GraphError::bad_request(format!(
                    "The property targets holds more than {MAX_TARGETS}."
                )));
            }
            _ => {}
        }
        let calls_from_instance = call
            .source
            .value()
            .and_then(|source| source.identity.value())
            .is_some_and(|identity| identity.application_instance.is_value());
        let find = |(place, target): (usize, &InvitationParticipantInfo)| {
            let identity = target.identity.value().cloned().unwrap_or_default();
            if identity.phone.is_value() && !calls_from_instance {
                return Err(GraphError::bad_request(
                    "The property source.identity.applicationInstance is required to call a phone.",
                ));
            }
            let id = identity.first().and_then(|identity| identity.id.as_str()).map(str::to_owned);
            let missing = || GraphError::bad_request(format!("targets[{place}].identity has no id."));
            let id = id.ok_or_else(missing)?;
            let unknown = || GraphError::not_found(format!("The emulator has no user {}.", shown(&id)));
            let user = self.directory.users.get(&id).cloned().ok_or_else(unknown)?;
            Ok(Called { identity, user })
        };
        call.targets.items().iter().enumerate().map(find).collect()
    }

    /// Makes a call.
    pub(super) fn create(&mut self, now: SystemTime, request: &Request) -> Result<Answer, GraphError> {
        let plan = self.plan(request)?;
        let (far_end, people) = (plan.far_end(), plan.scripted());
        let mut record = Record::new(now, resource(plan.call, &self.settings), plan.size, far_end);
        let bot = record.call.source.value().and_then(|source| source.identity.value().cloned());
        let me = record.me.clone();
        let seat = record.roster.seat_bot(me, bot.unwrap_or_else(|| bot_identity(&self.settings)));
        seat.participant.is_in_lobby = plan.has_lobby.into();
        record.carrier = plan.carrier;
        record.people = people;
        if let Some(room) = plan.room {
            record.room = room;
        }
        // A form of the page without an offer has nobody at the far end, so there is no media to wait for.
        record.is_media_up = record.call.media_blob().is_none();
        record.put_media_answer(request.media_answer.as_deref().unwrap_or(OWN_BLOB));
        let id = record.id.clone();
        if plan.size == Size::Meeting {
            record.is_picked_up = true;
            for (place, called) in plan.people.into_iter().enumerate() {
                if place == plan.carrier {
                    record.far_end_id =
                        Some(record.roster.seat_far_end(new_seat(), called.identity).id().clone());
                } else {
                    record.roster.seat(new_seat(), called.identity);
                }
            }
            self.seat_occupants(&mut record, None);
            if plan.has_lobby {
                self.timers.set(&id, Due::LobbyEnds, now + self.limits.lobby());
            }
        } else {
            self.ring(now, &record, &plan.people);
        }
        self.timers.set(&id, Due::KeepAliveEnds, now + self.settings.keep_alive_limit());
        let establishing = record.enter(CallState::Establishing);
        let answer = Answer::with_body(201, &record.call)?.at(format!("/communications/calls/{id}"));
        self.calls.insert(id.clone(), record);
        self.owe([establishing]);
        self.establish_if_ready(&id);
        Ok(answer)
    }

    /// Lets the phones of those who are called ring.
    fn ring(&mut self, now: SystemTime, record: &Record, people: &[Called]) {
        for (place, called) in people.iter().enumerate() {
            if let PickingUp::After(ringing) = called.user.picking_up {
                self.timers.set(&record.id, Due::PickUp(place), now + self.limits.scaled(ringing));
            }
        }
        let all_decline = people.iter().all(|called| called.user.picking_up == PickingUp::Declines);
        let asked = record.call.ringing_timeout_in_seconds.value().and_then(Integer::get);
        let ringing = if all_decline { self.limits.moment() } else { self.limits.ringing(asked) };
        self.timers.set(&record.id, Due::RingingEnds, now + ringing);
    }

    /// One of those who are called picks up.
    pub(super) fn picks_up(&mut self, id: &CallId, place: usize) {
        let Some(record) = self.calls.get_mut(id) else { return };
        let Some(target) = record.call.targets.items().get(place) else { return };
        let identity = target.identity.value().cloned().unwrap_or_default();
        let seat = new_seat();
        if place == record.carrier {
            record.roster.seat_far_end(seat.clone(), identity);
            record.far_end_id = Some(seat.clone());
            record.is_picked_up = true;
        } else {
            record.roster.seat(seat.clone(), identity);
        }
        let (joined, is_further) = (record.post_changed(&seat), place != record.carrier);
        self.owe(joined);
        if is_further {
            self.owed.push(Owed::Comes(id.clone(), seat));
        }
        self.establish_if_ready(id);
    }

    pub(super) fn ringing_ends(&mut self, id: &CallId) {
        let Some(record) = self.calls.get(id) else { return };
        if record.is_picked_up {
            return;
        }
        let declines = record.far_end.picking_up == PickingUp::Declines;
        self.end(id, if declines { Ended::Declined } else { Ended::NotReached });
    }

    /// Refuses addresses that the service may not post to.
    pub(super) fn check_callback_uri(&self, text: Option<&str>) -> Result<(), GraphError> {
        let text = text.ok_or_else(|| GraphError::missing("callbackUri"))?;
        let url = callback_uri(text).map_err(GraphError::bad_request)?;
        if !self.settings.may_call_back(&url) {
            return Err(GraphError::bad_request(BEYOND_LOOPBACK));
        }
        Ok(())
    }
}

/// What the far end of a call is called in it, where there is more than one.
fn source_in(size: Size) -> Option<MediaSourceId> {
    (size != Size::PeerToPeer).then_some(FAR_END_SOURCE)
}

/// An id for an error: a phone number is nobody else's business.
fn shown(id: &str) -> &str {
    if crate::directory::is_phone_number(id) { "of this number" } else { id }
}

/// A media configuration is needed, and a blob in it where the page shows one. Its examples 4 and 6, a group call and a meeting
/// through its organizer, show none.
fn check_media(call: &Call, size: Size) -> Result<(), GraphError> {
    match call.media_config.value() {
        Some(MediaConfig::ServiceHosted(_)) => Ok(()),
        Some(MediaConfig::AppHosted(AppHostedMediaConfig { blob, .. })) => {
            let may_lack = size == Size::Group
                || (size == Size::Meeting
                    && matches!(call.meeting_info.value(), Some(MeetingInfo::Organizer(_))));
            if blob.is_value() || may_lack { Ok(()) } else { Err(GraphError::missing_media_config()) }
        }
        _ => Err(GraphError::missing_media_config()),
    }
}

fn check_ringing(call: &Call, size: Size) -> Result<(), GraphError> {
    let Some(seconds) = call.ringing_timeout_in_seconds.value() else { return Ok(()) };
    match (size, seconds.get()) {
        (Size::PeerToPeer, Some(1..=MAX_RINGING)) => Ok(()),
        (Size::PeerToPeer, _) => Err(GraphError::bad_request(format!(
            "The property ringingTimeoutInSeconds must be from 1 to {MAX_RINGING}."
        ))),
        _ => Err(GraphError::bad_request(
            "The property ringingTimeoutInSeconds is only supported for peer-to-peer calls.",
        )),
    }
}
