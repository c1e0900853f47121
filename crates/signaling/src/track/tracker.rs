//! [`CallTracker`]: one call's state, moved forward by what is heard.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::state::{Move, decide};
use super::{PollCadence, Roster, Source};
use crate::auth::Verified;
use crate::model::{
    Call, CallId, CallPart, CallState, ChangeType, CommsNotification, Field, MediaConfig, Participant,
    ResourceData, ResultInfo,
};

/// State changes kept. A call has four or five; one that is put on hold again and again loses its oldest.
const HISTORY: usize = 256;

/// A state, and when and where it was learnt.
#[derive(Clone, Debug, PartialEq)]
pub struct StateChange {
    /// The state.
    pub state: CallState,
    /// When it was learnt here, not when it came about.
    pub at: SystemTime,
    /// Where it was learnt.
    pub source: Source,
}

/// What is known of a call at a moment. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CallSnapshot {
    /// The call.
    pub id: CallId,
    /// Where it is in its life.
    pub state: CallState,
    /// How it came there, oldest first.
    pub history: Arc<VecDeque<StateChange>>,
    /// Everything that was said of it, merged. Its `state` is the last that was taken, as the service spelt it.
    pub call: Arc<Call>,
    /// Who is in it. Peer-to-peer calls have no roster.
    pub roster: Roster,
    /// Why it ended, or why an action on it failed, as last told.
    pub result_info: Option<ResultInfo>,
    /// Whether the end was found rather than told: the service no longer knew the call.
    pub was_gone: bool,
    /// Grows with each change, so that a reader can tell how much it missed.
    pub revision: u64,
}

impl CallSnapshot {
    /// When a state was first reached.
    pub fn reached(&self, state: CallState) -> Option<SystemTime> {
        self.history.iter().find(|change| change.state == state).map(|change| change.at)
    }

    /// Whether the call is over.
    pub fn is_terminated(&self) -> bool {
        self.state == CallState::Terminated
    }
}

/// What became of something that was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Applied {
    /// The snapshot changed.
    Changed,
    /// It was known already.
    Unchanged,
    /// It is older than what is known, and was dropped.
    Stale,
    /// It is about another call, and was dropped.
    OtherCall,
    /// It is of a kind that is not tracked.
    NotTracked,
    /// It could not be read; the call should be polled.
    Unreadable,
}

/// Follows one call.
#[derive(Clone, Debug)]
pub struct CallTracker {
    snapshot: CallSnapshot,
    /// Set when something was taken or could not be read that only the service can settle.
    in_doubt: bool,
    polls_without_news: u32,
    /// Grows with each change of state: what a poll that began earlier cannot know.
    state_revision: u64,
}

impl CallTracker {
    /// A call of which only the id is known: it is being established, since `now`.
    pub fn new(id: impl Into<CallId>, now: SystemTime) -> Self {
        Self::start(id.into(), Call::default(), CallState::Establishing, now)
    }

    /// A call as the answer to creating it describes it. `None` when it has no id.
    pub fn created(created: Call, now: SystemTime) -> Option<Self> {
        let id = created.id.value()?.clone();
        let state = told_state(&created).unwrap_or(CallState::Establishing);
        Some(Self::start(id, created, state, now))
    }

    fn start(id: CallId, call: Call, state: CallState, now: SystemTime) -> Self {
        let first = StateChange { state, at: now, source: Source::Response };
        let snapshot = CallSnapshot {
            id,
            state,
            history: Arc::new(VecDeque::from([first])),
            result_info: call.result_info.value().cloned(),
            call: Arc::new(call),
            roster: Roster::default(),
            was_gone: false,
            revision: 0,
        };
        Self { snapshot, in_doubt: false, polls_without_news: 0, state_revision: 0 }
    }

    /// What is known.
    pub fn snapshot(&self) -> &CallSnapshot {
        &self.snapshot
    }

    /// To be remembered when a poll begins, and handed to [`CallTracker::polled`] with what it brought.
    pub fn state_revision(&self) -> u64 {
        self.state_revision
    }

    /// How long after the last news or poll the call should be read; `None` when it is over.
    pub fn poll_after(&self, cadence: &PollCadence) -> Option<Duration> {
        cadence.next(self.snapshot.state, self.in_doubt, self.polls_without_news)
    }

    /// Takes a notification.
    pub fn apply(&mut self, now: SystemTime, notification: Verified<&CommsNotification>) -> Applied {
        let notification = notification.into_inner();
        if notification.call_id().is_none_or(|id| id != self.snapshot.id) {
            return Applied::OtherCall;
        }
        let deleted = notification.change_type.known() == Some(ChangeType::Deleted);
        let about_call = notification.path().is_none_or(|path| path.part == CallPart::Call);
        let applied = match notification.resource_data.value() {
            Some(ResourceData::Call(call)) => self.hear(now, call, Source::Notification, deleted),
            // The end of a call may be told without saying more.
            None if deleted && about_call => self.hear(now, &Call::default(), Source::Notification, true),
            Some(data) => self.hear_part(data),
            None => Applied::NotTracked,
        };
        match applied {
            Applied::Changed => self.polls_without_news = 0,
            Applied::Unreadable => self.in_doubt = true,
            _ => {}
        }
        applied
    }

    /// Takes what a read of the call brought. `began` is [`CallTracker::state_revision`] of when it began: a read that a
    /// notification has overtaken is believed no more than a late notification.
    pub fn polled(&mut self, now: SystemTime, call: &Call, began: u64) -> Applied {
        let overtaken = began != self.state_revision;
        let source = if overtaken { Source::Notification } else { Source::Poll };
        if !overtaken {
            self.in_doubt = false;
        }
        let applied = self.hear(now, call, source, false);
        self.polls_without_news =
            if applied == Applied::Changed { 0 } else { self.polls_without_news.saturating_add(1) };
        applied
    }

    /// Something was lost on the way here: the call should be polled.
    pub fn doubt(&mut self) {
        self.in_doubt = true;
    }

    /// A poll brought nothing.
    pub fn poll_failed(&mut self) {
        self.polls_without_news = self.polls_without_news.saturating_add(1);
    }

    /// The bot has hung up and the service has agreed.
    pub fn hung_up(&mut self, now: SystemTime) -> Applied {
        self.polls_without_news = 0;
        self.change_state(now, CallState::Terminating, Source::Own, false)
    }

    /// The service does not know the call any more: it is over, whether its end was told or not.
    pub fn gone(&mut self, now: SystemTime) -> Applied {
        let applied = self.change_state(now, CallState::Terminated, Source::Poll, false);
        self.snapshot.was_gone |= applied == Applied::Changed;
        applied
    }

    fn hear(&mut self, now: SystemTime, call: &Call, source: Source, deleted: bool) -> Applied {
        // `deleted` is the end of a call whatever else the notification says.
        let state = if deleted { Some(CallState::Terminated) } else { told_state(call) };
        let failure = call.result_info.value().is_some_and(ResultInfo::is_failure);
        if self.snapshot.is_terminated() {
            return self.hear_reason(call, state);
        }
        let before = self.state_revision;
        let moved = state.map(|state| self.change_state(now, state, source, failure));
        if moved == Some(Applied::Stale) {
            return Applied::Stale;
        }
        let merged = self.merge(call);
        if merged || before != self.state_revision { Applied::Changed } else { Applied::Unchanged }
    }

    /// A call that is over changes no more; but its end may have been found before its reason was told.
    fn hear_reason(&mut self, call: &Call, state: Option<CallState>) -> Applied {
        match (call.result_info.value(), &self.snapshot.result_info, state) {
            (Some(reason), None, Some(CallState::Terminated)) => {
                self.snapshot.result_info = Some(reason.clone());
                self.snapshot.revision += 1;
                Applied::Changed
            }
            (_, _, Some(CallState::Terminated)) => Applied::Unchanged,
            _ => Applied::Stale,
        }
    }

    fn hear_part(&mut self, data: &ResourceData) -> Applied {
        let changed = match data {
            ResourceData::Participants(everyone) => self.snapshot.roster.replace(everyone),
            ResourceData::Participant(one) => self.snapshot.roster.update_one(one),
            ResourceData::DeltaParticipants(deltas) => {
                // Each is taken, whether or not one before it changed anything.
                deltas.iter().filter(|delta| self.snapshot.roster.update(delta)).count() > 0
            }
            ResourceData::Other(_) => return Applied::Unreadable,
            _ => return Applied::NotTracked,
        };
        self.snapshot.revision += u64::from(changed);
        if changed { Applied::Changed } else { Applied::Unchanged }
    }

    fn change_state(&mut self, now: SystemTime, state: CallState, source: Source, failure: bool) -> Applied {
        match decide(self.snapshot.state, state, source, failure) {
            Move::Same => return Applied::Unchanged,
            Move::Stale => return Applied::Stale,
            Move::Doubtful => self.in_doubt = true,
            Move::Forward => {}
        }
        let history = Arc::make_mut(&mut self.snapshot.history);
        if history.len() == HISTORY {
            history.pop_front();
        }
        history.push_back(StateChange { state, at: now, source });
        if is_ending(state) && !is_ending(self.snapshot.state) {
            // What was told of an earlier action, such as a transfer that failed, is not why the call ends.
            self.snapshot.result_info = None;
        }
        self.snapshot.state = state;
        self.snapshot.revision += 1;
        self.state_revision += 1;
        Applied::Changed
    }

    /// Takes over what `newer` says of the call. Returns whether it said anything new.
    fn merge(&mut self, newer: &Call) -> bool {
        let held = &self.snapshot.call;
        let mut merged = Call::clone(held);
        merged.update_from(newer);
        // A read of the call may describe the media without the blob that the answer had.
        if merged.media_blob().is_none()
            && let Some(MediaConfig::AppHosted(_)) = held.media_config.value()
        {
            merged.media_config = held.media_config.clone();
        }
        if let Field::Value(reason) = &newer.result_info {
            self.snapshot.result_info = Some(reason.clone());
        }
        let changed = merged != **held;
        if changed {
            self.snapshot.call = Arc::new(merged);
            self.snapshot.revision += 1;
        }
        changed
    }

    /// Takes a whole roster that was read from the service.
    pub fn listed(&mut self, everyone: &[Participant]) -> Applied {
        let changed = self.snapshot.roster.replace(everyone);
        self.snapshot.revision += u64::from(changed);
        if changed { Applied::Changed } else { Applied::Unchanged }
    }
}

const fn is_ending(state: CallState) -> bool {
    matches!(state, CallState::Terminating | CallState::Terminated)
}

/// The state that a resource tells, if it tells one that means something.
fn told_state(call: &Call) -> Option<CallState> {
    call.state.known().filter(|state| *state != CallState::UnknownFutureValue)
}
