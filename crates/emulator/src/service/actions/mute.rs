//! The bot, or somebody else, is muted.

use offhook_signaling::model::action::ClientContextRequest;
use offhook_signaling::model::{CallId, MuteParticipantOperation, ParticipantId, UnmuteParticipantOperation};

use super::check_context;
use crate::service::operations::{Outline, answered};
use crate::service::{Answer, CallService, GraphError, Owed, Request};

impl CallService {
    pub(in crate::service) fn mute(
        &mut self,
        call: &CallId,
        request: &Request,
    ) -> Result<Answer, GraphError> {
        let me = self.record(call)?.me.clone();
        self.mute_participant(call, &me, request)
    }

    pub(in crate::service) fn mute_participant(
        &mut self,
        call: &CallId,
        who: &ParticipantId,
        request: &Request,
    ) -> Result<Answer, GraphError> {
        let outline = self.set_muted(call, who, true, request)?;
        let operation = answered!(MuteParticipantOperation, outline, Completed);
        self.done(call, outline, operation)
    }

    pub(in crate::service) fn unmute(
        &mut self,
        call: &CallId,
        request: &Request,
    ) -> Result<Answer, GraphError> {
        let me = self.record(call)?.me.clone();
        let outline = self.set_muted(call, &me, false, request)?;
        let operation = answered!(UnmuteParticipantOperation, outline, Completed);
        self.done(call, outline, operation)
    }

    fn set_muted(
        &mut self,
        call: &CallId,
        who: &ParticipantId,
        muted: bool,
        request: &Request,
    ) -> Result<Outline, GraphError> {
        let body: ClientContextRequest = request.read()?;
        check_context(&body.client_context)?;
        let record = self.record_mut(call)?;
        record.need_group()?;
        let unknown = || GraphError::participant_not_found(who);
        let seat = record.roster.by_id_mut(who).ok_or_else(unknown)?;
        seat.participant.is_muted = muted.into();
        // A bot is called as its call is.
        let name = seat.name().map(str::to_owned);
        let name = if *who == record.me { Some(call.to_string()) } else { name };
        let changed = record.post_changed(who);
        let outline = Outline::new(&record.id, body.client_context);
        self.owe(changed);
        self.owed.extend(name.map(|name| Owed::Mutes(call.clone(), name, muted)));
        Ok(outline)
    }
}
