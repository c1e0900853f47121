//! Transfers: away from the bot, step by step, and back to it when they fail.

use std::time::SystemTime;

use offhook_signaling::model::action::TransferRequest;
use offhook_signaling::model::{
    Call, CallId, CallState, ChangeType, IdentitySet, Open, ParticipantId, ResultInfo,
};

use super::calls::Size;
use super::timers::Due;
use super::{Answer, CallService, Ended, GraphError, Request};
use crate::directory::PickingUp;

/// A transfer under way.
#[derive(Clone, Debug)]
pub(super) struct Transfer {
    succeeds: bool,
    /// Whose other call it goes to.
    replaces: Option<CallId>,
    /// Who leaves a group call; otherwise the whole call goes.
    transferee: Option<ParticipantId>,
    to_user: bool,
}

impl CallService {
    pub(super) fn transfer(
        &mut self,
        now: SystemTime,
        id: &CallId,
        request: &Request,
    ) -> Result<Answer, GraphError> {
        let body: TransferRequest = request.read()?;
        super::actions::check_context(&body.client_context)?;
        let record = self.record(id)?;
        if record.state() != CallState::Established {
            return Err(GraphError::bad_request("Only an established call can be transferred."));
        }
        let target = body.transfer_target.value().ok_or_else(|| GraphError::missing("transferTarget"))?;
        let identity = target.identity.value().filter(|identity| identity.first().is_some());
        let identity = identity.ok_or_else(|| GraphError::missing("transferTarget.identity"))?;
        let transferee = match record.size {
            Size::PeerToPeer => None,
            Size::Group | Size::Meeting => {
                let transferee = body.transferee.value().ok_or_else(|| GraphError::missing("transferee"))?;
                let by_id = || record.roster.by_id(&transferee.participant_id.as_str()?.into());
                let by_identity = || {
                    let identity = transferee.identity.value()?.first()?;
                    record.roster.find(identity.id.as_str()?)
                };
                let other = by_id().or_else(by_identity).filter(|seat| *seat.id() != record.me);
                let unknown = || GraphError::bad_request("The property transferee names nobody in the call.");
                Some(other.ok_or_else(unknown)?.id().clone())
            }
        };
        let replaces = target.replaces_call_id.value().cloned();
        let transfer = Transfer {
            succeeds: self.takes_over(identity)
                && replaces.as_ref().is_none_or(|call| self.calls.contains_key(call)),
            replaces,
            transferee,
            to_user: identity.user.is_value(),
        };
        let step = now + self.limits.transfer_step();
        let record = self.record_mut(id)?;
        record.transfer = Some(transfer);
        let transferring = record.enter(CallState::Transferring);
        self.timers.set(id, Due::TransferGoesOn, step);
        self.owe([transferring]);
        Ok(Answer::empty(202))
    }

    /// Whether whoever a call is transferred to picks up. Whom the directory does not know cannot be reached.
    fn takes_over(&self, identity: &IdentitySet) -> bool {
        let id = identity.first().and_then(|identity| identity.id.as_str());
        let user = id.and_then(|id| self.directory.users.get(id));
        user.is_some_and(|user| matches!(user.picking_up, PickingUp::After(_)))
    }

    /// The next step: it is accepted, and then over; or it has failed.
    pub(super) fn transfer_goes_on(&mut self, at: SystemTime, id: &CallId) {
        let step = at + self.limits.transfer_step();
        let Some(record) = self.calls.get_mut(id) else { return };
        let Some(transfer) = record.transfer.clone() else { return };
        if !transfer.succeeds {
            return self.transfer_fails(id);
        }
        if record.state() == CallState::Transferring {
            let accepted = record.enter(CallState::TransferAccepted);
            self.timers.set(id, Due::TransferGoesOn, step);
            return self.owe([accepted]);
        }
        record.transfer = None;
        match (transfer.transferee, transfer.replaces) {
            (Some(transferee), replaced) => {
                // The rest of the group stays with the bot.
                let back = record.establish();
                self.owe([back]);
                self.departs(id, &transferee);
                if let Some(replaced) = replaced {
                    self.end(&replaced, Ended::Replaced);
                }
            }
            (None, Some(replaced)) => {
                self.end(id, Ended::Replaced);
                self.end(&replaced, Ended::Replaced);
            }
            (None, None) => self.end(id, Ended::Transferred),
        }
    }

    /// The call is the bot's again. Codes and words as on the page of transfer.
    fn transfer_fails(&mut self, id: &CallId) {
        let Some(record) = self.calls.get_mut(id) else { return };
        let Some(transfer) = record.transfer.take() else { return };
        let (subcode, text) = match transfer.replaces {
            None => (7000, "The transfer target could not be reached"),
            Some(_) => (7700, "The transfer could not replace the call"),
        };
        let message = format!("{text}. DiagCode: 500#{subcode}.@").into();
        let result = ResultInfo { message, ..ResultInfo::with_codes(500, subcode) };
        record.call.state = Open::from(CallState::Established).into();
        let context = transfer.to_user.then(|| format!("replaces-{id}"));
        let changed = Call {
            state: Open::from(CallState::Established).into(),
            result_info: result.into(),
            replaces_context: context.map(Into::into).into(),
            ..record.outline()
        };
        let failed = record.post_call(ChangeType::Updated, changed);
        self.owe([failed]);
    }
}
