//! What can be asked of those in a call.

use std::time::SystemTime;

use offhook_media::MediaSourceId;
use offhook_signaling::model::action::{ClientContextRequest, InviteRequest, StartHoldMusicRequest};
use offhook_signaling::model::{
    CallId, Collection, Field, InvitationParticipantInfo, InviteParticipantsOperation, MediaDirection,
    MediaStream, Modality, Open, Participant, ParticipantId, StartHoldMusicOperation, StopHoldMusicOperation,
};

use super::actions::{check_context, check_prompts};
use super::operations::{Effect, Outline, Pending, answered, succeeded, told};
use super::roster::new_seat;
use super::{Answer, CallService, Ended, GraphError, Owed, Request};
use crate::directory::PickingUp;

/// A stream of a participant, as they see it.
pub(super) fn stream(modality: Modality, source: MediaSourceId, direction: MediaDirection) -> MediaStream {
    let label = match modality {
        Modality::Audio => Field::from("main-audio"),
        Modality::VideoBasedScreenSharing => Field::from("applicationsharing-video"),
        _ => Field::Absent,
    };
    MediaStream {
        media_type: Open::from(modality).into(),
        source_id: source.to_string().into(),
        direction: Open::from(direction).into(),
        server_muted: false.into(),
        label,
        ..MediaStream::new()
    }
}

impl CallService {
    pub(super) fn list_participants(&self, call: &CallId) -> Result<Answer, GraphError> {
        let people = self.record(call)?.roster.participants().into_iter().map(shown).collect();
        let context = context(call, "");
        Answer::with_body(200, &Collection { odata_context: context.into(), ..Collection::of(people) })
    }

    pub(super) fn get_participant(&self, call: &CallId, id: &ParticipantId) -> Result<Answer, GraphError> {
        let seat = self.record(call)?.roster.by_id(id);
        let participant = seat.ok_or_else(|| GraphError::participant_not_found(id))?.participant.clone();
        let context = context(call, "/$entity");
        Answer::with_body(200, &Participant { odata_context: context.into(), ..shown(participant) })
    }

    /// Removes somebody. The page says that they are not told; the bot itself cannot be removed like that.
    pub(super) fn remove_participant(
        &mut self,
        call: &CallId,
        id: &ParticipantId,
    ) -> Result<Answer, GraphError> {
        let record = self.record(call)?;
        record.need_group()?;
        if *id == record.me {
            return Err(GraphError::bad_request("A bot leaves a call by ending its own leg of it."));
        }
        record.roster.by_id(id).ok_or_else(|| GraphError::participant_not_found(id))?;
        self.departs(call, id);
        Ok(Answer::empty(204))
    }

    pub(super) fn invite(
        &mut self,
        now: SystemTime,
        call: &CallId,
        request: &Request,
    ) -> Result<Answer, GraphError> {
        let body: InviteRequest = request.read()?;
        check_context(&body.client_context)?;
        let record = self.record(call)?;
        record.need_group()?;
        if !record.call.chat_info.is_value() {
            return Err(GraphError::bad_request("The action needs a call with chatInfo."));
        }
        let mut people = body.participants.into_value().unwrap_or_default();
        if people.is_empty() {
            return Err(GraphError::missing("participants"));
        }
        if people.len() > MAX_INVITED {
            return Err(GraphError::bad_request(format!(
                "The property participants holds more than {MAX_INVITED}."
            )));
        }
        let nobody = |person: &InvitationParticipantInfo| {
            person.identity.value().is_none_or(|set| set.first().is_none())
        };
        if let Some(place) = people.iter().position(nobody) {
            return Err(GraphError::missing(&format!("participants[{place}].identity")));
        }
        if people.iter().any(|person| person.replaces_call_id.is_value()) {
            people.truncate(1);
        }
        let outline = Outline::new(&record.id, body.client_context);
        let shown = people.iter().cloned().map(invited).collect::<Vec<_>>();
        let running = answered!(InviteParticipantsOperation, outline, Running, participants: shown.into());
        let finished = told!(InviteParticipantsOperation, outline, Completed, succeeded(), participants: people.clone().into());
        let pending = Pending { finished, cancelled: None, stopped: None, effect: Effect::Join(people) };
        let lasts = self.limits.moment();
        self.start(now, call, outline, (200, running), pending, lasts)
    }

    /// Those who were invited join, if they pick up. Who comes from another call leaves it.
    pub(super) fn invited_join(&mut self, call: &CallId, people: &[InvitationParticipantInfo]) {
        for person in people {
            let identity = person.identity.value().cloned().unwrap_or_default();
            let id = identity.first().and_then(|identity| identity.id.as_str());
            let user = id.and_then(|id| self.directory.users.get(id));
            let comes = user.is_none_or(|user| matches!(user.picking_up, PickingUp::After(_)));
            let Some(record) = self.calls.get_mut(call).filter(|_| comes) else { continue };
            let seat = record.roster.seat(new_seat(), identity).id().clone();
            let joined = record.post_changed(&seat);
            self.owe(joined);
            self.owed.push(Owed::Comes(call.clone(), seat));
            if let Some(replaced) = person.replaces_call_id.value() {
                self.end(replaced, Ended::Replaced);
            }
        }
    }

    pub(super) fn start_hold_music(
        &mut self,
        now: SystemTime,
        call: &CallId,
        who: &ParticipantId,
        request: &Request,
    ) -> Result<Answer, GraphError> {
        let body: StartHoldMusicRequest = request.read()?;
        if let Some(prompt) = body.custom_prompt.value() {
            check_prompts(std::slice::from_ref(prompt), 1)
                .map_err(|_| GraphError::missing("customPrompt.mediaInfo.uri"))?;
        }
        let record = self.record(call)?;
        if record.roster.seats().iter().any(|seat| seat.hears_music && seat.id() != who) {
            return Err(GraphError::bad_request(
                "Somebody else in the call hears hold music: one at a time.",
            ));
        }
        let outline = self.hold_music(call, who, body.client_context)?;
        let running = answered!(StartHoldMusicOperation, outline, Running);
        let finished = told!(StartHoldMusicOperation, outline, Completed, succeeded());
        let effect = Effect::Music(who.clone(), true);
        let pending = Pending { finished, cancelled: None, stopped: None, effect };
        let lasts = self.limits.moment();
        self.start(now, call, outline, (202, running), pending, lasts)
    }

    pub(super) fn stop_hold_music(
        &mut self,
        now: SystemTime,
        call: &CallId,
        who: &ParticipantId,
        request: &Request,
    ) -> Result<Answer, GraphError> {
        let body: ClientContextRequest = request.read()?;
        let outline = self.hold_music(call, who, body.client_context)?;
        let running = answered!(StopHoldMusicOperation, outline, Running);
        let finished = told!(StopHoldMusicOperation, outline, Completed, succeeded());
        let effect = Effect::Music(who.clone(), false);
        let pending = Pending { finished, cancelled: None, stopped: None, effect };
        let lasts = self.limits.moment();
        self.start(now, call, outline, (202, running), pending, lasts)
    }

    fn hold_music(
        &self,
        call: &CallId,
        who: &ParticipantId,
        context: Field<String>,
    ) -> Result<Outline, GraphError> {
        check_context(&context)?;
        let record = self.record(call)?;
        record.need_group()?;
        record.roster.by_id(who).ok_or_else(|| GraphError::participant_not_found(who))?;
        Ok(Outline::new(&record.id, context))
    }

    pub(super) fn hears_music(&mut self, call: &CallId, who: &ParticipantId, hears: bool) {
        if let Some(seat) = self.calls.get_mut(call).and_then(|record| record.roster.by_id_mut(who)) {
            seat.hears_music = hears;
        }
    }
}

/// The most people of one invitation (participant-invite page).
const MAX_INVITED: usize = 5;

fn context(call: &CallId, rest: &str) -> String {
    format!("https://graph.microsoft.com/v1.0/$metadata#communications/calls('{call}')/participants{rest}")
}

/// Somebody who is invited, with the nulls of the page.
fn invited(mut person: InvitationParticipantInfo) -> InvitationParticipantInfo {
    null_if_absent(&mut person.endpoint_type);
    null_if_absent(&mut person.id);
    null_if_absent(&mut person.replaces_call_id);
    if let Some(identity) = person.identity.value_mut() {
        for kind in [
            &mut identity.user,
            &mut identity.guest,
            &mut identity.encrypted,
            &mut identity.on_premises,
            &mut identity.application_instance,
            &mut identity.application,
            &mut identity.device,
            &mut identity.phone,
        ] {
            null_if_absent(kind);
        }
    }
    person
}

/// A participant as `GET` shows one, with the nulls of the page.
pub(super) fn shown(mut participant: Participant) -> Participant {
    if let Some(info) = participant.info.value_mut()
        && let Some(identity) = info.identity.value_mut()
    {
        for kind in [&mut identity.application, &mut identity.user, &mut identity.device, &mut identity.phone]
        {
            null_if_absent(kind);
        }
    }
    for stream in participant.media_streams.value_mut().into_iter().flatten() {
        null_if_absent(&mut stream.label);
    }
    null_if_absent(&mut participant.metadata);
    participant
}

pub(super) fn null_if_absent<T>(field: &mut Field<T>) {
    if field.is_absent() {
        *field = Field::Null;
    }
}
