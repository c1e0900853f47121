//! The far ends of calls, by call: all of those that go on, and the latest of those that are over, so that a test can ask what was heard.

use std::collections::{HashMap, VecDeque};

use offhook_signaling::model::CallId;

use crate::far_end::FarEnd;

/// Far ends of calls that are over; the oldest go.
const KEPT: usize = 100;

#[derive(Default)]
pub(super) struct FarEnds {
    by_call: HashMap<CallId, FarEnd>,
    /// Calls that are over, the oldest first.
    over: VecDeque<CallId>,
}

impl FarEnds {
    pub(super) fn of(&self, call: &CallId) -> Option<&FarEnd> {
        self.by_call.get(call)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &FarEnd> {
        self.by_call.values()
    }

    pub(super) fn add(&mut self, call: CallId, far_end: FarEnd) {
        self.by_call.insert(call, far_end);
    }

    /// A call is over; its far end is still known for a while.
    pub(super) fn end(&mut self, call: &CallId) {
        if self.by_call.contains_key(call) && !self.over.contains(call) {
            self.over.push_back(call.clone());
        }
        if self.over.len() > KEPT
            && let Some(oldest) = self.over.pop_front()
        {
            self.by_call.remove(&oldest);
        }
    }
}
