//! What only the service can settle, and what it was asked.

use crate::model::{Call, CallPart, CommsOperation, ContentSharingSession, Field, OperationId, Participant};

/// A question to the service.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ask {
    /// `GET` the call.
    Call,
    /// `GET` its participants.
    Participants,
    /// `GET` its content sharing sessions.
    ContentSharing,
    /// `GET` one of its operations.
    Operation(OperationId),
}

/// What the service said when asked.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Reading {
    /// The call.
    Call(Box<Call>),
    /// All of its participants.
    Participants(Vec<Participant>),
    /// All of its content sharing sessions.
    ContentSharing(Vec<ContentSharingSession>),
    /// An operation.
    Operation(OperationId, Box<CommsOperation>),
    /// The service does not answer this, for want of a permission or because it does not know how: it need not be asked again.
    NotAnswered(Ask),
}

/// How often each part of a call was heard of. A reading that began before says nothing about what was heard since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    pub(super) call: u64,
    pub(super) roster: u64,
    pub(super) sharing: u64,
}

impl Marks {
    pub(super) fn heard(&mut self, part: &CallPart) {
        match part {
            CallPart::Participants | CallPart::Participant(_) => self.roster += 1,
            CallPart::ContentSharingSessions | CallPart::ContentSharingSession(_) => self.sharing += 1,
            // An operation only ever ends: an older word about it is known to be older.
            CallPart::Operations | CallPart::Operation(_) => {}
            _ => self.call += 1,
        }
    }
}

/// Which parts are in doubt, which are there at all, and which can be asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doubts {
    pub(super) call: bool,
    pub(super) roster: bool,
    pub(super) sharing: bool,
    has_roster: bool,
    has_sharing: bool,
    roster_askable: bool,
    sharing_askable: bool,
}

impl Doubts {
    /// A call as it was created: meetings and group calls have a roster; content sharing is told when it was asked for.
    pub(super) fn about(call: &Call) -> Self {
        let has_sharing = call
            .call_options
            .value()
            .is_some_and(|options| options.is_content_sharing_notification_enabled == Field::Value(true));
        Self {
            call: false,
            roster: false,
            sharing: false,
            has_roster: call.meeting_info.is_value() || call.targets.items().len() > 1,
            has_sharing,
            roster_askable: true,
            sharing_askable: true,
        }
    }

    pub(super) const fn any(&self) -> bool {
        self.call || (self.roster && self.roster_askable) || (self.sharing && self.sharing_askable)
    }

    /// What to ask: what is in doubt when `only_doubts`, else all that the call has.
    pub(super) fn asks(&self, only_doubts: bool) -> Vec<Ask> {
        let wanted = [
            (Ask::Call, true, self.call),
            (Ask::Participants, self.has_roster && self.roster_askable, self.roster),
            (Ask::ContentSharing, self.has_sharing && self.sharing_askable, self.sharing),
        ];
        let asked = wanted.into_iter().filter(|(_, there, doubted)| *there && (*doubted || !only_doubts));
        asked.map(|(ask, ..)| ask).collect()
    }

    pub(super) fn expect_roster(&mut self) {
        self.has_roster = true;
    }

    /// The call belongs to a meeting. If it did not before, people have joined a call between two: who, has to be asked.
    pub(super) fn is_meeting(&mut self) {
        self.roster |= !self.has_roster;
        self.has_roster = true;
    }

    pub(super) fn expect_sharing(&mut self) {
        self.has_sharing = true;
    }

    pub(super) fn doubt(&mut self, ask: &Ask) {
        match ask {
            Ask::Call => self.call = true,
            Ask::Participants => self.roster = true,
            Ask::ContentSharing => self.sharing = true,
            Ask::Operation(_) => {}
        }
    }

    pub(super) fn doubt_part(&mut self, part: &CallPart) {
        match part {
            CallPart::Participants | CallPart::Participant(_) => {
                (self.has_roster, self.roster) = (true, true)
            }
            CallPart::ContentSharingSessions | CallPart::ContentSharingSession(_) => {
                (self.has_sharing, self.sharing) = (true, true);
            }
            _ => self.call = true,
        }
    }

    pub(super) fn doubt_all(&mut self) {
        (self.call, self.roster, self.sharing) = (true, self.has_roster, self.has_sharing);
    }

    /// What the service refused to say about a call that was not established yet, it may say now.
    pub(super) fn established(&mut self) {
        (self.roster_askable, self.sharing_askable) = (true, true);
    }

    pub(super) fn not_askable(&mut self, ask: &Ask) {
        match ask {
            Ask::Participants => (self.roster, self.roster_askable) = (false, false),
            Ask::ContentSharing => (self.sharing, self.sharing_askable) = (false, false),
            // Asked again with the next regular poll, and no sooner: who may read a call can change.
            Ask::Call => self.call = false,
            Ask::Operation(_) => {}
        }
    }
}
