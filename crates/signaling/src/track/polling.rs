//! When a call that says nothing is asked. Notifications may come an hour late or never.

use std::time::Duration;

use crate::model::CallState;

/// No call is asked more often than this, whatever the settings say: zero would be asking without pause.
const SHORTEST: Duration = Duration::from_millis(50);

/// How long to wait for news before asking. While something is due, each poll that brings none doubles the wait, up to the
/// longest. A wait of [`Duration::MAX`] is for ever.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PollCadence {
    /// While the call is being set up or ended, when something is due. Default 2 s; costs one `GET` each.
    pub while_changing: Duration,
    /// While the call stands and silence is normal. Default 60 s: a missed end is noticed within that.
    pub while_established: Duration,
    /// Longest wait while something is due. Default 15 s.
    pub longest: Duration,
}

impl Default for PollCadence {
    fn default() -> Self {
        Self {
            while_changing: Duration::from_secs(2),
            while_established: Duration::from_secs(60),
            longest: Duration::from_secs(15),
        }
    }
}

impl PollCadence {
    /// How long after the last news or poll to ask, in this state, after so many polls without news. `None`: never.
    pub fn next(&self, state: CallState, in_doubt: bool, polls_without_news: u32) -> Option<Duration> {
        let wait = match state {
            CallState::Terminated => return None,
            // Nothing is due before the time to decide is over, and then the end.
            CallState::Incoming => self.longest.max(self.while_changing),
            CallState::Established | CallState::Hold if !in_doubt => self.while_established,
            _ => {
                let doubled = self.while_changing.saturating_mul(1 << polls_without_news.min(16));
                doubled.min(self.longest.max(self.while_changing))
            }
        };
        Some(wait.max(SHORTEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_in_change_is_asked_soon_and_ever_more_patiently() {
        let cadence = PollCadence::default();
        let waits: Vec<u64> = (0..5)
            .map(|polls| cadence.next(CallState::Establishing, false, polls).unwrap().as_secs())
            .collect();
        assert_eq!(waits, [2, 4, 8, 15, 15]);
    }

    #[test]
    fn a_standing_call_is_asked_rarely_unless_in_doubt_and_an_ended_one_never() {
        let cadence = PollCadence::default();
        assert_eq!(cadence.next(CallState::Established, false, 0), Some(cadence.while_established));
        assert_eq!(cadence.next(CallState::Hold, true, 0), Some(cadence.while_changing));
        assert_eq!(cadence.next(CallState::Terminated, true, 0), None);
    }
}
