//! What will happen by itself, and when.

use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

use offhook_signaling::model::{CallId, OperationId};

/// What a call waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Due {
    /// One of those who are called picks up: which of the targets.
    PickUp(usize),
    /// Nobody has picked up.
    RingingEnds,
    /// The bot has not answered.
    UnansweredEnds,
    /// The bot has not said for long that it is there.
    KeepAliveEnds,
    /// Nobody has let the bot in.
    LobbyEnds,
    /// A transfer goes on to its next step.
    TransferGoesOn,
    /// Whoever the call was redirected to picks up, or nobody does.
    RedirectEnds,
    /// An operation is over.
    OperationEnds(OperationId),
}

/// Place of a timer: its time, and a number that keeps those of one time in order.
type Place = (SystemTime, u64);

/// The timers of all calls. One of each kind for each call; setting it again moves it.
#[derive(Debug, Default)]
pub(super) struct Timers {
    in_order: BTreeMap<Place, (CallId, Due)>,
    by_call: HashMap<CallId, HashMap<Due, Place>>,
    count: u64,
}

impl Timers {
    pub(super) fn set(&mut self, call: &CallId, due: Due, at: SystemTime) {
        self.cancel(call, &due);
        self.count += 1;
        let place = (at, self.count);
        self.in_order.insert(place, (call.clone(), due.clone()));
        self.by_call.entry(call.clone()).or_default().insert(due, place);
    }

    pub(super) fn cancel(&mut self, call: &CallId, due: &Due) {
        if let Some(place) = self.by_call.get_mut(call).and_then(|timers| timers.remove(due)) {
            self.in_order.remove(&place);
        }
    }

    /// Forgets a call.
    pub(super) fn forget(&mut self, call: &CallId) {
        for place in self.by_call.remove(call).unwrap_or_default().values() {
            self.in_order.remove(place);
        }
    }

    /// When the next one goes off.
    pub(super) fn next(&self) -> Option<SystemTime> {
        self.in_order.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the first of those that are due at `now`, with the time that it was set for.
    pub(super) fn take(&mut self, now: SystemTime) -> Option<(SystemTime, CallId, Due)> {
        let first = self.in_order.first_entry().filter(|first| first.key().0 <= now)?;
        let ((at, _), (call, due)) = first.remove_entry();
        if let Some(timers) = self.by_call.get_mut(&call) {
            timers.remove(&due);
        }
        Some((at, call, due))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn timers_go_off_in_order_and_a_moved_one_only_once() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let (one, other) = (CallId::from("1"), CallId::from("2"));
        let mut timers = Timers::default();
        timers.set(&one, Due::KeepAliveEnds, at(1));
        timers.set(&one, Due::KeepAliveEnds, at(5));
        timers.set(&one, Due::PickUp(0), at(3));
        timers.set(&other, Due::PickUp(0), at(3));
        assert_eq!(timers.next(), Some(at(3)));
        assert_eq!(timers.take(at(2)), None);
        assert_eq!(timers.take(at(9)), Some((at(3), one.clone(), Due::PickUp(0))));
        timers.forget(&other);
        assert_eq!(timers.take(at(9)), Some((at(5), one, Due::KeepAliveEnds)));
        assert_eq!((timers.take(at(9)), timers.next()), (None, None));
    }
}
