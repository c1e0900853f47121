//! Calls to the bot: how they come, and what the bot does with them.

use std::time::{Duration, SystemTime};

use offhook_signaling::model::action::{AnswerRequest, RedirectRequest, RejectRequest};
use offhook_signaling::model::{
    ApplicationMetadata, BotData, BotDataUser, Call, CallDirection, CallId, CallState, ChangeType,
    EndpointType, Field, Identity, IdentitySet, IncomingContext, Integer, InvitationParticipantInfo,
    MediaConfig, Modality, Open, ParticipantId, ParticipantInfo, ParticipationMethod,
};
use uuid::Uuid;

use super::calls::{Record, Size, bot_identity};
use super::create::OWN_BLOB;
use super::policy::Policy;
use super::rooms::Occupant;
use super::roster::new_seat;
use super::timers::Due;
use super::{Answer, CallService, Ended, FAR_END_SOURCE, GraphError, HappeningError, Request};
use crate::directory::{Meeting, PickingUp, is_phone_number};
use crate::scenario::IncomingCall;

/// The most people that can be redirected to (call-redirect page).
const MAX_REDIRECT_TARGETS: usize = 25;

/// How long one, and several, ring by default (call-redirect page).
const REDIRECT_RINGING: [i64; 2] = [55, 60];

/// The name of the tenant's recording policy.
const POLICY: &str = "Recording Policy";

/// A call that is being redirected: who picks up, if anybody does.
#[derive(Clone, Debug)]
pub(super) struct Redirection {
    answered_by: Option<IdentitySet>,
}

impl CallService {
    /// Somebody calls the bot: it is told at its callback address.
    ///
    /// # Errors
    /// When that address is one that the emulator may not post to.
    pub fn call_bot(&mut self, now: SystemTime, incoming: &IncomingCall) -> Result<CallId, HappeningError> {
        self.check_callback_uri(Some(&incoming.callback_uri))
            .map_err(|error| HappeningError::CallbackUri { reason: error.message })?;
        let meeting = match &incoming.meeting {
            Some(key) => {
                Some(self.directory.meetings.get(key).cloned().ok_or(HappeningError::MeetingNotFound)?)
            }
            // A recorder sits in a meeting of its own with those whom it records.
            None => incoming.policy_recording.then(Meeting::empty),
        };
        let caller_seat = new_seat();
        let call = self.incoming(incoming, &caller_seat);
        let size = if meeting.is_some() { Size::Meeting } else { Size::PeerToPeer };
        let mut record = Record::new(now, call, size, self.directory.user_or_stranger(&incoming.from));
        let id = record.id.clone();
        record.roster.seat_bot(record.me.clone(), bot_identity(&self.settings));
        let told = record.call.source.value().and_then(|source| source.identity.value().cloned());
        // Whoever sits in a room calls from there, and is heard under the source id that they have in it.
        let occupant = self.occupant(&incoming.from);
        let told = told.unwrap_or_default();
        let caller = match &occupant {
            Some((room, occupant)) => {
                record.room.clone_from(room);
                record.roster.seat_as(caller_seat.clone(), told, occupant.audio)
            }
            None => record.roster.seat_far_end(caller_seat.clone(), told),
        };
        caller.known_as = Some(incoming.from.clone());
        caller.is_recorded = incoming.policy_recording;
        record.far_end_id = Some(caller_seat);
        record.is_picked_up = true;
        record.policy = incoming.policy_recording.then(|| Policy::new(incoming));
        let source = match &occupant {
            Some((_, occupant)) => Some(occupant.audio),
            None => meeting.is_some().then_some(FAR_END_SOURCE),
        };
        record.people.push(Self::scripted(incoming.from.clone(), &record.far_end, source));
        if let Some(mut meeting) = meeting {
            record.room.clone_from(&meeting.key);
            for (person, user) in &meeting.participants {
                if person.as_deref() != Some(incoming.from.as_str()) {
                    let identity = person.as_ref().map(|id| self.directory.identity(id));
                    let identity = identity.unwrap_or_else(|| self.nameless(&meeting, user));
                    let id = person.as_ref().unwrap_or(&meeting.nameless).clone();
                    let source = record.roster.next_source();
                    record.roster.seat_as(new_seat(), identity, source);
                    record.people.push(Self::scripted(id, user, Some(source)));
                }
            }
            self.seat_occupants(&mut record, Some(&incoming.from));
            // The caller is in the meeting that the bot can join again, and carries its media.
            meeting.participants.retain(|(person, _)| person.as_deref() != Some(incoming.from.as_str()));
            meeting.participants.insert(0, (Some(incoming.from.clone()), record.far_end.clone()));
            record.call.chat_info = meeting.chat().into();
            record.call.meeting_info = Field::Value(self.token_for(meeting).into());
        }
        let outline = record.outline();
        let told = Call { odata_id: outline.odata_id, odata_etag: outline.odata_etag, ..record.call.clone() };
        let post = record.post_call(ChangeType::Created, told);
        let limit = if incoming.policy_recording {
            self.settings.policy_answer_limit()
        } else {
            self.settings.answer_limit()
        };
        self.timers.set(&id, Due::UnansweredEnds, now + limit);
        self.calls.insert(id.clone(), record);
        self.owe([post]);
        Ok(id)
    }

    /// The room that a user sits in, and who they are there.
    fn occupant(&self, id: &str) -> Option<(String, Occupant)> {
        let room = self.rooms_of_users.get(id)?;
        let occupant = self.occupants.get(room)?.iter().find(|occupant| occupant.id == id)?;
        Some((room.clone(), occupant.clone()))
    }

    /// The resource of a call to the bot.
    fn incoming(&self, incoming: &IncomingCall, caller_seat: &ParticipantId) -> Call {
        let tenant = self.settings.tenant_id.as_str();
        let mut caller = self.directory.identity(&incoming.from);
        for user in [&mut caller.user, &mut caller.phone] {
            if let Some(identity) = user.value_mut() {
                identity.tenant_id = tenant.into();
            }
        }
        if !self.permissions.may_know_callers() {
            let hidden =
                Identity { tenant_id: tenant.into(), ..Identity::with_id(Uuid::new_v4().to_string()) };
            caller = IdentitySet { encrypted: Box::new(hidden).into(), ..IdentitySet::new() };
        }
        let source = ParticipantInfo {
            id: caller_seat.clone().into(),
            identity: caller.into(),
            endpoint_type: Open::from(EndpointType::Default).into(),
            region: "amer".into(),
            language_id: "en-US".into(),
            ..ParticipantInfo::new()
        };
        let called = match &incoming.to_application_instance {
            Some(instance) => {
                let identity = Identity { tenant_id: tenant.into(), ..Identity::with_id(instance.as_str()) };
                IdentitySet { application_instance: Box::new(identity).into(), ..IdentitySet::new() }
            }
            None => bot_identity(&self.settings),
        };
        let target = InvitationParticipantInfo {
            endpoint_type: Open::from(EndpointType::Default).into(),
            id: new_seat().into(),
            region: Field::Null,
            language_id: Field::Null,
            ..InvitationParticipantInfo::with_identity(called)
        };
        let context = IncomingContext {
            source_participant_id: caller_seat.clone().into(),
            observed_participant_id: incoming.policy_recording.then(|| caller_seat.clone()).into(),
            ..IncomingContext::new()
        };
        let metadata = incoming.policy_recording.then(|| Box::new(metadata(&incoming.from)));
        Call {
            state: Open::from(CallState::Incoming).into(),
            direction: Open::from(CallDirection::Incoming).into(),
            callback_uri: incoming.callback_uri.as_str().into(),
            source: Box::new(source).into(),
            targets: vec![target].into(),
            requested_modalities: vec![Open::from(Modality::Audio)].into(),
            tenant_id: tenant.into(),
            incoming_context: context.into(),
            application_metadata: metadata.into(),
            ..Call::new()
        }
    }

    /// Whether `answer` may be asked for on this call, and what it asks.
    pub(super) fn plan_answer(
        &self,
        id: &CallId,
        request: &Request,
    ) -> Result<(&Record, AnswerRequest), GraphError> {
        let record = self.record(id)?;
        need_incoming(record)?;
        let body: AnswerRequest = request.read()?;
        if let Some(callback_uri) = body.callback_uri.as_str() {
            self.check_callback_uri(Some(callback_uri))?;
        }
        match body.media_config.value() {
            Some(MediaConfig::ServiceHosted(_)) => {}
            Some(MediaConfig::AppHosted(config)) if config.blob.is_value() => {}
            _ => return Err(GraphError::missing_media_config()),
        }
        if body.accepted_modalities.items().is_empty() {
            return Err(GraphError::missing("acceptedModalities"));
        }
        if body
            .participant_capacity
            .value()
            .is_some_and(|capacity| capacity.get().is_none_or(|capacity| capacity < 1))
        {
            return Err(GraphError::bad_request("The property participantCapacity must be at least 1."));
        }
        self.permissions.check_answer(body.media_config.value(), record.size != Size::PeerToPeer)?;
        Ok((record, body))
    }

    pub(super) fn answer(
        &mut self,
        now: SystemTime,
        id: &CallId,
        request: &Request,
    ) -> Result<Answer, GraphError> {
        let (_, body) = self.plan_answer(id, request)?;
        let keep_alive = now + self.settings.keep_alive_limit();
        let record = self.record_mut(id)?;
        if let Some(callback_uri) = body.callback_uri.as_str() {
            record.callback_uri = callback_uri.to_owned();
            record.call.callback_uri = callback_uri.into();
        }
        if let Some(policy) = &mut record.policy {
            policy.capacity = body.participant_capacity.value().and_then(Integer::get);
        }
        record.call.requested_modalities = body.accepted_modalities;
        record.call.call_options = body.call_options;
        record.call.media_config = body.media_config;
        record.is_media_up = record.is_service_hosted();
        record.put_media_answer(request.media_answer.as_deref().unwrap_or(OWN_BLOB));
        record.call.state = Open::from(CallState::Establishing).into();
        let media_config = record.call.media_config.value().cloned();
        let changed = Call {
            state: Open::from(CallState::Establishing).into(),
            media_config: media_config.filter(|config| matches!(config, MediaConfig::AppHosted(_))).into(),
            ..record.outline()
        };
        let establishing = record.post_call(ChangeType::Updated, changed);
        self.timers.cancel(id, &Due::UnansweredEnds);
        self.timers.set(id, Due::KeepAliveEnds, keep_alive);
        self.owe([establishing]);
        self.establish_if_ready(id);
        Ok(Answer::empty(202))
    }

    pub(super) fn reject(&mut self, id: &CallId, request: &Request) -> Result<Answer, GraphError> {
        need_incoming(self.record(id)?)?;
        let body: RejectRequest = request.read()?;
        if let Some(reason) = body.reason.value()
            && reason.known().is_none()
        {
            return Err(GraphError::bad_request("The property reason must be none, busy or forbidden."));
        }
        self.move_callback(id, body.callback_uri.as_str())?;
        self.end(id, Ended::Rejected);
        Ok(Answer::empty(202))
    }

    pub(super) fn redirect(
        &mut self,
        now: SystemTime,
        id: &CallId,
        request: &Request,
    ) -> Result<Answer, GraphError> {
        need_incoming(self.record(id)?)?;
        let body: RedirectRequest = request.read()?;
        let targets = body.targets.items();
        if targets.is_empty() {
            return Err(GraphError::missing("targets"));
        }
        if targets.len() > MAX_REDIRECT_TARGETS {
            let message = format!("The property targets holds more than {MAX_REDIRECT_TARGETS}.");
            return Err(GraphError::bad_request(message));
        }
        let [for_one, for_several] = REDIRECT_RINGING;
        let seconds = match body.timeout.value() {
            None if targets.len() == 1 => for_one,
            None => for_several,
            Some(timeout) => timeout
                .get()
                .filter(|seconds| (15..=90).contains(seconds))
                .ok_or_else(|| GraphError::bad_request("The property timeout must be from 15 to 90."))?,
        };
        self.move_callback(id, body.callback_uri.as_str())?;
        // Whoever picks up first; applications pick up at once.
        let picking_up = |target: &InvitationParticipantInfo| {
            let identity = target.identity.value()?;
            let user = self.directory.users.get(identity.first()?.id.as_str()?);
            match user.map_or(PickingUp::After(Duration::ZERO), |user| user.picking_up) {
                PickingUp::After(ringing) => Some((ringing, identity.clone())),
                PickingUp::Never | PickingUp::Declines => None,
            }
        };
        let limit = Duration::from_secs(seconds.unsigned_abs());
        let picked_up = targets.iter().filter_map(picking_up).min_by_key(|(ringing, _)| *ringing);
        let picked_up = picked_up.filter(|(ringing, _)| *ringing <= limit);
        let ringing = picked_up.as_ref().map_or(limit, |(ringing, _)| *ringing);
        let at = now + self.limits.scaled(ringing);
        let record = self.record_mut(id)?;
        record.redirection = Some(Redirection { answered_by: picked_up.map(|(_, identity)| identity) });
        record.call.state = Open::from(CallState::Redirecting).into();
        self.timers.cancel(id, &Due::UnansweredEnds);
        self.timers.set(id, Due::RedirectEnds, at);
        Ok(Answer::empty(202))
    }

    /// Somebody has picked up a redirected call, or nobody has.
    pub(super) fn redirect_ends(&mut self, id: &CallId) {
        let Some(record) = self.calls.get_mut(id) else { return };
        let Some(redirection) = record.redirection.take() else { return };
        let Some(identity) = redirection.answered_by else { return self.end(id, Ended::NotReached) };
        if identity.phone.is_value() {
            // The page shows who has picked up a phone, and not by number.
            let hidden = Identity::with_id(Uuid::new_v4().to_string());
            let hidden = IdentitySet { encrypted: Box::new(hidden).into(), ..IdentitySet::new() };
            let info = ParticipantInfo { identity: hidden.into(), ..ParticipantInfo::new() };
            record.call.answered_by = Box::new(info).into();
        }
        self.end(id, Ended::Redirected);
    }

    /// The last notifications of a call go to an address that its bot names.
    fn move_callback(&mut self, id: &CallId, callback_uri: Option<&str>) -> Result<(), GraphError> {
        let Some(callback_uri) = callback_uri else { return Ok(()) };
        self.check_callback_uri(Some(callback_uri))?;
        let record = self.record_mut(id)?;
        record.callback_uri = callback_uri.to_owned();
        record.call.callback_uri = callback_uri.into();
        Ok(())
    }
}

fn need_incoming(record: &Record) -> Result<(), GraphError> {
    match record.state() {
        CallState::Incoming => Ok(()),
        _ => Err(GraphError::bad_request("The call is not an incoming call that waits for its answer.")),
    }
}

/// Why a recorder is called, as the page of answer shows it.
fn metadata(from: &str) -> ApplicationMetadata {
    // Numbers carry a prefix in captures.
    let id = if is_phone_number(from) { format!("4:{from}") } else { from.to_owned() };
    let user = BotDataUser {
        id: id.as_str().into(),
        participation_method: Open::from(ParticipationMethod::Caller).into(),
        client_location: "US".into(),
        ..BotDataUser::default()
    };
    let data = BotData {
        media_hosted_region: "USEA".into(),
        user: user.into(),
        invite_reasons: vec!["PolicyBasedRecording".to_owned()].into(),
        policy_identifier: POLICY.into(),
        paired_recorders: Vec::new().into(),
        other_recorders: Vec::new().into(),
        ..BotData::default()
    };
    ApplicationMetadata { bot_data: data.into(), ..ApplicationMetadata::default() }
}
