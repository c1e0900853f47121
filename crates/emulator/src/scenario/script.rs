//! When the happenings of a scenario are due. Pure: it is told which calls reach which states.

use std::collections::HashMap;
use std::time::Duration;

use offhook_signaling::model::{CallId, CallState};

use super::file::{Scripted, When};
use super::happening::Happening;
use crate::callbacks::Reached;

/// The happenings, and the calls that there have been.
pub(super) struct Script {
    happenings: Vec<Scripted>,
    calls: HashMap<CallId, Followed>,
    seen: u32,
}

struct Followed {
    /// Counted from 1.
    number: u32,
    states: Vec<CallState>,
}

/// Something that happens after a while, in the call that brought it about.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Due {
    pub(super) after: Duration,
    pub(super) happening: Happening,
}

impl Script {
    pub(super) fn new(happenings: Vec<Scripted>) -> Self {
        Self { happenings, calls: HashMap::new(), seen: 0 }
    }

    /// What happens by the time alone, counted from the start.
    pub(super) fn timed(&self) -> Vec<Due> {
        let timed = self.happenings.iter().filter_map(|scripted| match scripted.when {
            When::At(after) => Some(Due { after, happening: scripted.happening.clone() }),
            When::After { .. } => None,
        });
        timed.collect()
    }

    /// What happens because a call has reached a state. Only the first time counts: calls are told to be established more
    /// than once.
    pub(super) fn reached(&mut self, reached: &Reached) -> Vec<Due> {
        let seen = &mut self.seen;
        let followed = self.calls.entry(reached.call.clone()).or_insert_with(|| {
            *seen += 1;
            Followed { number: *seen, states: Vec::new() }
        });
        if followed.states.contains(&reached.state) {
            return Vec::new();
        }
        followed.states.push(reached.state);
        let number = followed.number;
        if reached.state == CallState::Terminated {
            self.calls.remove(&reached.call);
        }
        let due = self.happenings.iter().filter_map(|scripted| match scripted.when {
            When::After { state, delay, call }
                if state == reached.state && call.is_none_or(|call| call == number) =>
            {
                Some(Due { after: delay, happening: scripted.happening.clone() })
            }
            _ => None,
        });
        due.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_happening_is_due_once_for_each_call_or_for_the_one_of_its_number() {
        let after = |state, call, happening| Scripted {
            when: When::After { state, delay: Duration::from_secs(1), call },
            happening,
        };
        let mut script = Script::new(vec![
            after(CallState::Established, None, Happening::Hold),
            after(CallState::Established, Some(2), Happening::HangUp),
            after(CallState::Terminated, Some(1), Happening::ExpireTokens),
            Scripted { when: When::At(Duration::from_secs(5)), happening: Happening::ExpireTokens },
        ]);
        let timed = script.timed();
        assert_eq!(timed, [Due { after: Duration::from_secs(5), happening: Happening::ExpireTokens }]);
        let mut reached = |call: &str, state| -> Vec<Happening> {
            let due = script.reached(&Reached { call: call.into(), state });
            due.into_iter().map(|due| due.happening).collect()
        };
        assert_eq!(reached("a", CallState::Establishing), []);
        assert_eq!(reached("b", CallState::Establishing), []);
        assert_eq!(reached("a", CallState::Established), [Happening::Hold]);
        assert_eq!(reached("a", CallState::Established), [], "it is said again");
        assert_eq!(reached("b", CallState::Established), [Happening::Hold, Happening::HangUp]);
        assert_eq!(reached("a", CallState::Terminated), [Happening::ExpireTokens]);
        assert_eq!(reached("b", CallState::Terminated), []);
    }
}
