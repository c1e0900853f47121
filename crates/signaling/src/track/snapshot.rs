//! What is known of a call at a moment.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use super::{ContentSharing, EventLog, Operations, Roster, Source, Tones};
use crate::model::{Call, CallId, CallState, MediaState, ResultInfo};

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
    /// Who shares content. Told only when the call's options ask for it.
    pub content_sharing: ContentSharing,
    /// Tones that were pressed. Told only after the bot has subscribed to them.
    pub tones: Tones,
    /// Operations that the bot began, and how they went.
    pub operations: Operations,
    /// What happened of late, in order.
    pub events: EventLog,
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

    /// Whether audio flows, as the service sees it. `None` when it has not said.
    pub fn media_state(&self) -> Option<MediaState> {
        self.call.media_state.value()?.audio.known()
    }
}
