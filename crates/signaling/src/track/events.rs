//! What happened in a call, numbered, so that a reader who comes late knows how much it missed.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use super::StateChange;
use crate::model::{
    Call, CommsOperation, ContentSharingSession, MediaState, Open, Operation, OperationId, Participant,
    ParticipantId, ToneInfo,
};

/// Events kept for readers who are behind. Whoever is further behind is told how many it missed, and finds what they led to
/// in the snapshot.
const KEPT: usize = 256;

/// Something that happened in a call.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CallEvent {
    /// The call is in another state.
    State(StateChange),
    /// Audio began or ceased to flow, as the service sees it.
    MediaState(Open<MediaState>),
    /// Someone is in the roster who was not.
    ParticipantJoined(Arc<Participant>),
    /// Someone in the roster was muted, began to share, was let in from the lobby. As it is now.
    ParticipantChanged(Arc<Participant>),
    /// Someone has left. As it was last; `removedState` has the reason if one was told.
    ParticipantLeft(Arc<Participant>),
    /// A tone was pressed.
    Tone(Arc<ToneInfo>),
    /// Someone began to share content.
    ContentSharingStarted(ContentSharingSession),
    /// Something about shared content changed, such as who presents.
    ContentSharingUpdated(ContentSharingSession),
    /// Content is no longer shared.
    ContentSharingEnded(ContentSharingSession),
    /// An operation is over; [`Operation::is_failure`](crate::model::Operation::is_failure) says how it went.
    OperationEnded(Arc<CommsOperation>),
    /// Someone under the recording policy is about to join. The answer was given when it came
    /// ([`on_participant_joining`](crate::CallbackReceiverBuilder::on_participant_joining)).
    PolicyParticipantJoining(Option<Arc<Call>>),
    /// Someone under the recording policy has left.
    PolicyParticipantLeft(Option<ParticipantId>),
}

/// In a few words, without names.
impl fmt::Display for CallEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, which) = match self {
            Self::State(change) => return write!(f, "{}", change.state),
            Self::MediaState(audio) => ("audio", audio.as_str()),
            Self::ParticipantJoined(one) => ("participant joined:", one.id.as_str().unwrap_or("?")),
            Self::ParticipantChanged(one) => ("participant changed:", one.id.as_str().unwrap_or("?")),
            Self::ParticipantLeft(one) => ("participant left:", one.id.as_str().unwrap_or("?")),
            Self::Tone(tone) => ("tone", tone.tone.value().map_or("?", Open::as_str)),
            Self::ContentSharingStarted(session) => {
                ("content is shared:", session.id.as_str().unwrap_or("?"))
            }
            Self::ContentSharingUpdated(session) => {
                ("shared content changed:", session.id.as_str().unwrap_or("?"))
            }
            Self::ContentSharingEnded(session) => {
                ("content is no longer shared:", session.id.as_str().unwrap_or("?"))
            }
            Self::OperationEnded(operation) => {
                let how = if operation.is_failure() { "operation failed:" } else { "operation done:" };
                (how, operation.common().id.map_or("?", OperationId::as_str))
            }
            Self::PolicyParticipantJoining(_) => {
                return f.write_str("someone under the policy is about to join");
            }
            Self::PolicyParticipantLeft(who) => {
                ("someone under the policy left:", who.as_ref().map_or("?", ParticipantId::as_str))
            }
        };
        write!(f, "{what} {which}")
    }
}

/// An event, and when it was learnt here.
#[derive(Clone, Debug, PartialEq)]
pub struct TimedEvent {
    /// Its position in the call's events, from 0.
    pub number: u64,
    /// When it was learnt here, not when it came about.
    pub at: SystemTime,
    /// What happened.
    pub event: CallEvent,
}

/// The latest events of a call. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventLog {
    events: Arc<VecDeque<Arc<TimedEvent>>>,
    next: u64,
}

impl EventLog {
    /// The number that the next event will have: how many there were.
    pub fn next_number(&self) -> u64 {
        self.next
    }

    /// The events from `number` on, oldest first, and how many from there on are no longer kept.
    pub fn since(&self, number: u64) -> (u64, impl Iterator<Item = &Arc<TimedEvent>>) {
        let first = self.next - self.events.len() as u64;
        let missed = first.saturating_sub(number);
        let skip = number.saturating_sub(first).min(self.events.len() as u64);
        // At most as long as the queue.
        (missed, self.events.iter().skip(skip as usize))
    }

    pub(super) fn push(&mut self, at: SystemTime, event: CallEvent) {
        let events = Arc::make_mut(&mut self.events);
        if events.len() == KEPT {
            events.pop_front();
        }
        events.push_back(Arc::new(TimedEvent { number: self.next, at, event }));
        self.next += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_who_is_behind_is_told_by_how_much() {
        let mut log = EventLog::default();
        let sharing = || CallEvent::ContentSharingStarted(ContentSharingSession::new());
        (0..KEPT + 3).for_each(|_| log.push(SystemTime::UNIX_EPOCH, sharing()));
        let numbers = |from| {
            let (missed, events) = log.since(from);
            (missed, events.map(|event| event.number).collect::<Vec<_>>())
        };
        let (missed, all) = numbers(0);
        assert_eq!((missed, all.len(), all[0]), (3, KEPT, 3));
        assert_eq!(numbers(log.next_number() - 1), (0, vec![KEPT as u64 + 2]));
        assert_eq!(numbers(log.next_number()), (0, Vec::new()));
        assert_eq!(numbers(u64::MAX), (0, Vec::new()));
    }
}
