//! How a call ended.

use std::fmt;

use crate::error::Fault;
use crate::model::{CallState, ResultInfo};
use crate::track::CallSnapshot;

/// A call that is over: why, and all that was known of it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CallEnded {
    /// What the service gave as reason. `None` when the end was found by a poll and never told.
    pub result_info: Option<ResultInfo>,
    /// The last that was known of the call, with its history.
    pub snapshot: Box<CallSnapshot>,
}

impl CallEnded {
    pub(crate) fn new(snapshot: CallSnapshot) -> Self {
        Self { result_info: snapshot.result_info.clone(), snapshot: Box::new(snapshot) }
    }

    /// Whether the call had been established.
    pub fn was_established(&self) -> bool {
        self.snapshot.reached(CallState::Established).is_some()
    }

    /// Whose doing it was: 5xx is the service's, everything else the other end's (or the bot's own hanging up).
    pub fn fault(&self) -> Fault {
        match self.result_info.as_ref().and_then(ResultInfo::code_number) {
            Some(code) if code >= 500 => Fault::Service,
            _ => Fault::Peer,
        }
    }
}

impl fmt::Display for CallEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let when = if self.was_established() { "ended" } else { "ended before it was established" };
        write!(f, "call {} {when}", self.snapshot.id)?;
        match &self.result_info {
            Some(result) => write!(f, ": {result}"),
            None if self.snapshot.was_gone => f.write_str(": the service no longer knows it"),
            None if !self.snapshot.is_terminated() => {
                f.write_str(" for this process: it is no longer followed")
            }
            None => f.write_str(" without a reason"),
        }
    }
}

impl std::error::Error for CallEnded {}
