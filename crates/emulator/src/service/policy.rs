//! Recording policies: further people whom the policy covers join a call that a recorder is in, and leave it.

use std::time::SystemTime;

use offhook_signaling::model::{
    Call, CallId, ChangeType, ParticipantId, ParticipantInfo, ParticipantJoiningNotification,
    ParticipantJoiningResponse, ParticipantLeftNotification, ResourceData,
};

use super::calls::Record;
use super::roster::new_seat;
use super::{CallService, HappeningError, Question};
use crate::scenario::IncomingCall;

/// The policy that has brought the bot into a call.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    /// How the bot was called, to call another instance of it.
    incoming: IncomingCall,
    /// How many people the bot takes in this call. `None` until it answers, and when it does not say: then one.
    pub(super) capacity: Option<i64>,
}

impl Policy {
    pub(super) fn new(incoming: &IncomingCall) -> Self {
        Self { incoming: incoming.clone(), capacity: None }
    }
}

/// Somebody whom a recorder was asked about.
#[derive(Clone, Debug)]
pub(super) struct Joining {
    pub(super) call: CallId,
    who: String,
    seat: ParticipantId,
}

impl CallService {
    /// Somebody whom the policy covers is about to join. While the bot has room, it is asked; otherwise another instance is
    /// called.
    pub(super) fn policy_user_joins(
        &mut self,
        now: SystemTime,
        id: &CallId,
        who: &str,
    ) -> Result<(), HappeningError> {
        let record = self.calls.get(id).ok_or(HappeningError::CallNotFound)?;
        let policy = record.policy.as_ref().ok_or(HappeningError::NotUnderPolicy)?;
        let waiting = self.questions.values().filter(|joining| joining.call == *id).count();
        let taken = recorded(record) + waiting;
        let has_room = usize::try_from(policy.capacity.unwrap_or(1)).is_ok_and(|capacity| taken < capacity);
        if !has_room {
            let another = IncomingCall { from: who.to_owned(), ..policy.incoming.clone() };
            return self.call_bot(now, &another).map(drop);
        }
        let seat = new_seat();
        let mut call = Call {
            id: record.id.clone().into(),
            call_chain_id: record.chain().into(),
            tenant_id: record.call.tenant_id.clone(),
            incoming_context: record.call.incoming_context.clone(),
            application_metadata: record.call.application_metadata.clone(),
            ..Call::new()
        };
        if let Some(context) = call.incoming_context.value_mut() {
            context.source_participant_id = seat.clone().into();
            context.observed_participant_id = seat.clone().into();
        }
        let info = ParticipantInfo {
            id: seat.clone().into(),
            identity: self.directory.identity(who).into(),
            ..ParticipantInfo::new()
        };
        call.source = Box::new(info).into();
        let joining = ParticipantJoiningNotification {
            call: Box::new(call).into(),
            ..ParticipantJoiningNotification::new()
        };
        let data = ResourceData::ParticipantJoining(Box::new(joining));
        let mut post = record.post(ChangeType::Updated, "", Some(data));
        self.asked += 1;
        let question = Question(self.asked);
        post.asks = Some(question);
        self.questions.insert(question, Joining { call: id.clone(), who: who.to_owned(), seat });
        self.owe([post]);
        Ok(())
    }

    /// What a bot has answered to a post that [asks](super::Post::asks) something: its HTTP body, or `None` when it has not
    /// answered. Then, and when the body is no answer, another instance is called, as when the bot has no room.
    pub fn joining_answered(&mut self, now: SystemTime, question: Question, body: Option<&[u8]>) {
        let Some(Joining { call, who, seat }) = self.questions.remove(&question) else { return };
        let answer = body.and_then(|body| serde_json::from_slice::<ParticipantJoiningResponse>(body).ok());
        let Some(record) = self.calls.get_mut(&call) else { return };
        let Some(policy) = &record.policy else { return };
        let mut another = IncomingCall { from: who.clone(), ..policy.incoming.clone() };
        match answer {
            Some(ParticipantJoiningResponse::AcceptJoin(_)) => {
                let identity = self.directory.identity(&who);
                record.roster.seat(seat.clone(), identity).is_recorded = true;
                let joined = record.post_changed(&seat);
                return self.owe(joined);
            }
            Some(ParticipantJoiningResponse::RejectJoin(_)) => return,
            Some(ParticipantJoiningResponse::InviteNewBot(invitation)) => {
                another.callback_uri = invitation.invite_uri.into_value().unwrap_or(another.callback_uri);
            }
            _ => {}
        }
        // Nobody waits for this call; an address that may not be called is as one where nobody answers.
        let _ = self.call_bot(now, &another);
    }

    /// Somebody whom the policy covers has left.
    pub(super) fn policy_user_leaves(&mut self, id: &CallId, who: &str) -> Result<(), HappeningError> {
        let record = self.calls.get_mut(id).ok_or(HappeningError::CallNotFound)?;
        if record.policy.is_none() {
            return Err(HappeningError::NotUnderPolicy);
        }
        let seat = record.roster.find(who).filter(|seat| seat.is_recorded);
        let seat = seat.ok_or(HappeningError::ParticipantNotFound)?.id().clone();
        let outline = record.outline();
        let left = ParticipantLeftNotification {
            call: Box::new(outline).into(),
            participant_id: seat.clone().into(),
            ..ParticipantLeftNotification::new()
        };
        let data = ResourceData::ParticipantLeft(Box::new(left));
        let told = record.post(ChangeType::Updated, "", Some(data));
        self.owe([told]);
        self.departs(id, &seat);
        Ok(())
    }
}

/// How many people of a call its recorder takes already.
fn recorded(record: &Record) -> usize {
    record.roster.seats().iter().filter(|seat| seat.is_recorded).count()
}
