//! [`CallTracker`]: one call's state, moved forward by what is heard.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::state::{Move, decide};
use super::{Ask, CallEvent, CallSnapshot, Doubts, Marks, PollCadence, Reading, Source, StateChange};
use crate::auth::Verified;
use crate::model::{
    Call, CallId, CallPart, CallState, ChangeType, CommsNotification, CommsOperation, ContentSharingSession,
    Field, MediaConfig, OperationId, OtherOperation, ResourceData, ResultInfo,
};

/// State changes kept. A call has four or five; one that is put on hold again and again loses its oldest.
const HISTORY: usize = 256;

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
    /// It could not be read, or does not say what changed; the service should be asked.
    Unreadable,
}

impl Applied {
    pub(super) const fn changed(changed: bool) -> Self {
        if changed { Self::Changed } else { Self::Unchanged }
    }
}

/// Follows one call.
#[derive(Clone, Debug)]
pub struct CallTracker {
    pub(super) snapshot: CallSnapshot,
    pub(super) doubts: Doubts,
    /// Grows with whatever is heard of a part: what a reading that began earlier cannot know.
    pub(super) marks: Marks,
    polls_without_news: u32,
}

impl CallTracker {
    /// A call of which only the id is known: it is being established, since `now`.
    pub fn new(id: impl Into<CallId>, now: SystemTime) -> Self {
        Self::start(id.into(), Call::default(), CallState::Establishing, now)
    }

    /// A call as the answer to creating it, or the notification of its coming in, describes it. `None` when it has no id.
    pub fn created(created: Call, now: SystemTime) -> Option<Self> {
        let id = created.id.value()?.clone();
        let state = told_state(&created).unwrap_or(CallState::Establishing);
        Some(Self::start(id, created, state, now))
    }

    fn start(id: CallId, call: Call, state: CallState, now: SystemTime) -> Self {
        let first = StateChange { state, at: now, source: Source::Response };
        let mut snapshot = CallSnapshot {
            id,
            state,
            history: Arc::new(VecDeque::from([first.clone()])),
            result_info: call.result_info.value().cloned(),
            roster: Default::default(),
            content_sharing: Default::default(),
            tones: Default::default(),
            operations: Default::default(),
            events: Default::default(),
            was_gone: false,
            revision: 0,
            call: Arc::new(call),
        };
        snapshot.events.push(now, CallEvent::State(first));
        let doubts = Doubts::about(&snapshot.call);
        Self { snapshot, doubts, marks: Marks::default(), polls_without_news: 0 }
    }

    /// What is known.
    pub fn snapshot(&self) -> &CallSnapshot {
        &self.snapshot
    }

    /// To be remembered when a poll begins, and handed to [`CallTracker::read`] with what it brought.
    pub fn marks(&self) -> Marks {
        self.marks
    }

    /// How long after the last news or poll the service should be asked; `None` when the call is over.
    pub fn poll_after(&self, cadence: &PollCadence) -> Option<Duration> {
        cadence.next(self.snapshot.state, self.is_in_doubt(), self.polls_without_news)
    }

    /// Whether something was heard that only the service can settle, or an operation's end is owed.
    pub fn is_in_doubt(&self) -> bool {
        self.doubts.any() || self.snapshot.operations.owed().next().is_some()
    }

    /// What a poll should ask now: what is in doubt, else everything.
    pub fn asks(&self) -> Vec<Ask> {
        let stands = matches!(self.snapshot.state, CallState::Established | CallState::Hold);
        let mut asks = self.doubts.asks(stands && self.is_in_doubt());
        asks.extend(self.snapshot.operations.owed().cloned().map(Ask::Operation));
        asks
    }

    /// Takes a notification.
    pub fn apply(&mut self, now: SystemTime, notification: Verified<&CommsNotification>) -> Applied {
        let notification = notification.into_inner();
        if notification.call_id().is_none_or(|id| id != self.snapshot.id) {
            return Applied::OtherCall;
        }
        let change = notification.change_type.known();
        let deleted = change == Some(ChangeType::Deleted);
        if let Some(about) = notification.policy() {
            return self.hear_policy(now, about);
        }
        let part = notification.path().map_or(CallPart::Call, |path| path.part);
        // Whatever it says: what a reading that is under way brings may be older than it.
        self.marks.heard(&part);
        let applied = match (notification.resource_data.value(), &part) {
            (Some(ResourceData::Call(call)), _) => self.hear(now, call, Source::Notification, deleted),
            // The end of a call may be told without saying more.
            (None, CallPart::Call) if deleted => self.hear(now, &Call::default(), Source::Notification, true),
            _ if self.snapshot.is_terminated() => Applied::Stale,
            (Some(data), _) => self.hear_part(now, data, change, &part),
            (None, CallPart::Operation(id)) if deleted => {
                self.hear_operation(now, id, &OtherOperation::default().into(), true)
            }
            (None, CallPart::ContentSharingSession(id)) => self.hear_sharing(
                now,
                change,
                &[ContentSharingSession { id: id.clone().into(), ..Default::default() }],
            ),
            (None, CallPart::ContentSharingSessions) => self.hear_sharing(now, change, &[]),
            (None, CallPart::Participant(id)) if deleted => self.hear_removed(now, id),
            (None, part) => {
                self.doubts.doubt_part(part);
                Applied::Unreadable
            }
        };
        match applied {
            Applied::Changed => self.polls_without_news = 0,
            Applied::Unreadable if part == CallPart::Call => self.doubts.call = true,
            _ => {}
        }
        applied
    }

    /// Takes what a poll brought. `began` is [`CallTracker::marks`] of when it began: what a notification has overtaken is
    /// believed no more than a late notification, and asked again.
    pub fn read(&mut self, now: SystemTime, reading: &Reading, began: Marks) -> Applied {
        match reading {
            Reading::Call(call) => {
                let overtaken = began.call != self.marks.call;
                let source = if overtaken { Source::Notification } else { Source::Poll };
                self.doubts.call = overtaken;
                self.hear(now, call, source, false)
            }
            _ if self.snapshot.is_terminated() => Applied::Stale,
            Reading::Participants(_) if began.roster != self.marks.roster => {
                self.overtaken(Ask::Participants)
            }
            Reading::Participants(everyone) => {
                self.doubts.roster = false;
                let moved = self.snapshot.roster.replace(everyone);
                self.tell_moves(now, moved)
            }
            Reading::ContentSharing(_) if began.sharing != self.marks.sharing => {
                self.overtaken(Ask::ContentSharing)
            }
            Reading::ContentSharing(sessions) => {
                self.doubts.sharing = false;
                let changes = self.snapshot.content_sharing.replace(sessions);
                self.tell_sharing(now, changes)
            }
            Reading::Operation(id, operation) => self.hear_operation(now, id, operation, false),
            Reading::NotAnswered(Ask::Operation(id)) => {
                self.snapshot.operations.not_askable(id);
                Applied::Unchanged
            }
            Reading::NotAnswered(ask) => {
                self.doubts.not_askable(ask);
                Applied::Unchanged
            }
        }
    }

    fn overtaken(&mut self, ask: Ask) -> Applied {
        self.doubts.doubt(&ask);
        Applied::Stale
    }

    /// A poll is over, with or without news.
    pub fn poll_ended(&mut self, news: bool) {
        self.polls_without_news = if news { 0 } else { self.polls_without_news.saturating_add(1) };
    }

    /// Something was lost on the way here: everything should be asked.
    pub fn doubt(&mut self) {
        self.doubts.doubt_all();
    }

    /// The bot began an operation, or it ended at once: what the service answered.
    pub fn began(&mut self, now: SystemTime, id: &OperationId, operation: &CommsOperation) -> Applied {
        self.polls_without_news = 0;
        self.hear_operation(now, id, operation, false)
    }

    /// The bot has answered the call and the service has agreed.
    pub fn answered(&mut self, now: SystemTime) -> Applied {
        self.did(now, CallState::Establishing)
    }

    /// The bot has sent the call elsewhere and the service has agreed.
    pub fn redirected(&mut self, now: SystemTime) -> Applied {
        self.did(now, CallState::Redirecting)
    }

    /// The bot has hung up or rejected the call, and the service has agreed.
    pub fn hung_up(&mut self, now: SystemTime) -> Applied {
        self.did(now, CallState::Terminating)
    }

    fn did(&mut self, now: SystemTime, state: CallState) -> Applied {
        self.polls_without_news = 0;
        self.marks.heard(&CallPart::Call);
        self.change_state(now, state, Source::Own, false)
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
        // What came in a shape that nobody expects may be readable when asked for; once, so that asking ends.
        self.doubts.call |= source == Source::Notification && call.mistyped().next().is_some();
        if self.snapshot.is_terminated() {
            return self.hear_reason(call, state);
        }
        let before = self.snapshot.revision;
        // A tone is told once, with a state of that moment: it counts even when the state is old.
        self.hear_tone(now, call);
        let moved = state.map(|state| self.change_state(now, state, source, failure));
        if moved == Some(Applied::Stale) {
            self.fill_in(call);
            return if before == self.snapshot.revision { Applied::Stale } else { Applied::Changed };
        }
        self.merge(now, call, source);
        Applied::changed(before != self.snapshot.revision)
    }

    fn hear_tone(&mut self, now: SystemTime, call: &Call) {
        if let Some(tone) = call.tone_info.value().cloned().map(Arc::new)
            && self.snapshot.tones.take(&tone)
        {
            self.happened(now, CallEvent::Tone(tone));
        }
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

    fn change_state(&mut self, now: SystemTime, state: CallState, source: Source, failure: bool) -> Applied {
        match decide(self.snapshot.state, state, source, failure) {
            Move::Same => return Applied::Unchanged,
            Move::Stale => return Applied::Stale,
            Move::Doubtful => self.doubts.call = true,
            Move::Forward => {}
        }
        if state == CallState::Established {
            self.doubts.established();
        }
        let change = StateChange { state, at: now, source };
        let history = Arc::make_mut(&mut self.snapshot.history);
        if history.len() == HISTORY {
            history.pop_front();
        }
        history.push_back(change.clone());
        if is_ending(state) && !is_ending(self.snapshot.state) {
            // What was told of an earlier action, such as a transfer that failed, is not why the call ends.
            self.snapshot.result_info = None;
        }
        self.snapshot.state = state;
        self.happened(now, CallEvent::State(change));
        Applied::Changed
    }

    /// Takes from a notification that came late what nothing told so far: `establishing` alone may have carried the media.
    fn fill_in(&mut self, older: &Call) {
        let held = &self.snapshot.call;
        let mut filled = older.clone();
        filled.update_from(held);
        (filled.state, filled.tone_info) = (held.state.clone(), held.tone_info.clone());
        // It told of its own moment, not of this one.
        (filled.result_info, filled.media_state) = (held.result_info.clone(), held.media_state.clone());
        if filled != **held {
            self.snapshot.call = Arc::new(filled);
            self.snapshot.revision += 1;
        }
    }

    /// Takes over what `newer` says of the call.
    fn merge(&mut self, now: SystemTime, newer: &Call, source: Source) {
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
        if merged == **held {
            return;
        }
        let media_before = held.media_state.value().map(|media| media.audio.clone());
        let media = merged.media_state.value().map(|media| media.audio.clone());
        // What takes the place of something else may be old, come late.
        let replaces = |before: bool, changed: bool| before && changed && source == Source::Notification;
        let transcription = held.transcription != merged.transcription;
        self.doubts.call |= replaces(media_before.is_some(), media != media_before)
            || replaces(held.transcription.is_value(), transcription);
        if merged.meeting_info.is_value() {
            self.doubts.is_meeting();
        }
        self.snapshot.call = Arc::new(merged);
        self.snapshot.revision += 1;
        if media != media_before
            && let Some(Field::Value(media)) = media
        {
            self.happened(now, CallEvent::MediaState(media));
        }
    }

    pub(super) fn happened(&mut self, now: SystemTime, event: CallEvent) {
        self.snapshot.events.push(now, event);
        self.snapshot.revision += 1;
    }
}

const fn is_ending(state: CallState) -> bool {
    matches!(state, CallState::Terminating | CallState::Terminated)
}

/// The state that a resource tells, if it tells one that means something.
fn told_state(call: &Call) -> Option<CallState> {
    call.state.known().filter(|state| *state != CallState::UnknownFutureValue)
}
