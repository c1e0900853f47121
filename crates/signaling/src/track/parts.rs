//! What hangs under a call: its roster, its operations, who shares content.

use std::sync::Arc;
use std::time::SystemTime;

use super::content_sharing::Shared;
use super::operations::Told;
use super::roster::Moved;
use super::{Applied, CallEvent, CallTracker, Roster};
use crate::model::{
    CallPart, ChangeType, CommsOperation, ContentSharingSession, Operation, OperationId, Participant,
    ParticipantId, PolicyNotification, RemovedState, ResourceData,
};

impl CallTracker {
    /// Takes what is told of someone under the recording policy. It changes no roster: that is told apart.
    pub(super) fn hear_policy(&mut self, now: SystemTime, about: PolicyNotification<'_>) -> Applied {
        if self.snapshot.is_terminated() {
            return Applied::Stale;
        }
        let event = match about {
            PolicyNotification::Joining { call } => {
                CallEvent::PolicyParticipantJoining(call.map(|call| Arc::new(call.clone())))
            }
            PolicyNotification::Left { participant, .. } => {
                CallEvent::PolicyParticipantLeft(participant.cloned())
            }
        };
        self.happened(now, event);
        Applied::Changed
    }

    pub(super) fn hear_part(
        &mut self,
        now: SystemTime,
        data: &ResourceData,
        change: Option<ChangeType>,
        part: &CallPart,
    ) -> Applied {
        match data {
            ResourceData::Participants(everyone) => self.hear_roster(now, |roster| roster.replace(everyone)),
            ResourceData::Participant(one) => {
                let id = match part {
                    CallPart::Participant(id) => Some(id),
                    _ => one.id.value(),
                };
                match id.cloned() {
                    Some(id) if change == Some(ChangeType::Deleted) => self.hear_removed(now, &id),
                    id => {
                        let one = Participant { id: id.into(), ..Participant::clone(one) };
                        self.hear_roster(now, |roster| roster.update_one(&one).into_iter().collect())
                    }
                }
            }
            ResourceData::DeltaParticipants(deltas) => {
                self.hear_roster(now, |roster| deltas.iter().flat_map(|delta| roster.update(delta)).collect())
            }
            ResourceData::Operation(operation) => {
                let deleted = change == Some(ChangeType::Deleted);
                let id = match part {
                    CallPart::Operation(id) => Some(id.clone()),
                    _ => operation.common().id.cloned(),
                };
                id.map_or(Applied::NotTracked, |id| self.hear_operation(now, &id, operation, deleted))
            }
            ResourceData::ContentSharingSession(session) => {
                let id = match part {
                    CallPart::ContentSharingSession(id) => id.clone().into(),
                    _ => session.id.clone(),
                };
                self.hear_sharing(now, change, &[ContentSharingSession { id, ..session.clone() }])
            }
            ResourceData::ContentSharingSessions(sessions) => self.hear_sharing(now, change, sessions),
            ResourceData::Other(_) => {
                self.doubts.doubt_part(part);
                Applied::Unreadable
            }
            _ => Applied::NotTracked,
        }
    }

    /// Takes what a notification says of the roster. Whatever it changed is asked for again once things are quiet: a whole roster
    /// has no number, so that an old one that comes late looks like a new one; and how the numbers of deltas relate to what a
    /// reading brought is not documented.
    fn hear_roster(&mut self, now: SystemTime, change: impl FnOnce(&mut Roster) -> Vec<Moved>) -> Applied {
        self.doubts.expect_roster();
        let moved = change(&mut self.snapshot.roster);
        self.doubts.roster |= !moved.is_empty() || self.snapshot.roster.is_incomplete();
        self.tell_moves(now, moved)
    }

    /// One participant is gone.
    pub(super) fn hear_removed(&mut self, now: SystemTime, id: &ParticipantId) -> Applied {
        let removed_state = RemovedState::default().into();
        let gone = Participant { id: id.clone().into(), removed_state, ..Participant::default() };
        self.hear_roster(now, |roster| roster.update_one(&gone).into_iter().collect())
    }

    pub(super) fn tell_moves(&mut self, now: SystemTime, moved: Vec<Moved>) -> Applied {
        let any = !moved.is_empty();
        for moved in moved {
            let event = match moved {
                Moved::Joined(one) => CallEvent::ParticipantJoined(one),
                Moved::Changed(one) => CallEvent::ParticipantChanged(one),
                Moved::Left(one) => CallEvent::ParticipantLeft(one),
            };
            self.happened(now, event);
        }
        Applied::changed(any)
    }

    pub(super) fn hear_operation(
        &mut self,
        now: SystemTime,
        id: &OperationId,
        operation: &CommsOperation,
        deleted: bool,
    ) -> Applied {
        match self.snapshot.operations.take(id, operation, deleted) {
            Told::Ended(operation) => {
                self.happened(now, CallEvent::OperationEnded(operation));
                Applied::Changed
            }
            Told::Changed => {
                self.snapshot.revision += 1;
                Applied::Changed
            }
            Told::Known => Applied::Unchanged,
            Told::Stale => Applied::Stale,
        }
    }

    pub(super) fn hear_sharing(
        &mut self,
        now: SystemTime,
        change: Option<ChangeType>,
        sessions: &[ContentSharingSession],
    ) -> Applied {
        let mut changes = Vec::new();
        let mut nameless = sessions.is_empty();
        for session in sessions {
            match (session.id.value(), change) {
                (Some(id), Some(change)) => {
                    changes.push(self.snapshot.content_sharing.take(id, change, session))
                }
                _ => nameless = true,
            }
        }
        self.doubts.expect_sharing();
        // A session of which only the beginning is told may be over: that its end was lost is known to nobody but the service.
        self.doubts.sharing |= changes.iter().any(|change| matches!(change, Shared::Started(_)));
        let applied = self.tell_sharing(now, changes);
        if nameless {
            // It says that something changed, but not what.
            self.doubts.sharing = true;
            return Applied::Unreadable;
        }
        applied
    }

    pub(super) fn tell_sharing(&mut self, now: SystemTime, changes: Vec<Shared>) -> Applied {
        let before = self.snapshot.revision;
        for change in changes {
            let event = match change {
                Shared::Started(session) => CallEvent::ContentSharingStarted(session),
                Shared::Updated(session) => CallEvent::ContentSharingUpdated(session),
                Shared::Ended(session) => CallEvent::ContentSharingEnded(session),
                Shared::Nothing => continue,
            };
            self.happened(now, event);
        }
        Applied::changed(before != self.snapshot.revision)
    }
}
