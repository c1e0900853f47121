//! When to tell the service that the bot is still there. A call that hears nothing for 45 minutes is ended by it (408/8537).

use std::time::Duration;

use crate::model::CallState;

/// How often a call is kept alive, unless told otherwise: as Graph's page recommends.
pub const KEEP_ALIVE: Duration = Duration::from_secs(15 * 60);

/// After a keep-alive that failed, the next try comes this soon: there is time for many before the service gives up.
const AFTER_FAILURE: Duration = Duration::from_secs(60);

/// How long after the last keep-alive, or after the call began, the next is due. `None`: never, because the call is over, has not
/// been answered, or is not to be kept alive ([`Duration::MAX`]).
pub fn keep_alive_after(interval: Duration, state: CallState, last_failed: bool) -> Option<Duration> {
    match state {
        // While a call is ending, too: the answer tells when it has, should nothing else.
        CallState::Incoming | CallState::Redirecting | CallState::Terminated => None,
        _ if interval == Duration::MAX => None,
        _ if last_failed => Some(interval.min(AFTER_FAILURE)),
        _ => Some(interval),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_lives_is_kept_alive_and_no_other() {
        let after = |state| keep_alive_after(KEEP_ALIVE, state, false);
        for lives in
            [CallState::Establishing, CallState::Established, CallState::Hold, CallState::Transferring]
        {
            assert_eq!(after(lives), Some(KEEP_ALIVE));
        }
        for does_not in [CallState::Incoming, CallState::Redirecting, CallState::Terminated] {
            assert_eq!(after(does_not), None);
        }
    }

    #[test]
    fn a_failure_is_followed_soon_by_another_try() {
        let after = |interval| keep_alive_after(interval, CallState::Established, true);
        assert_eq!(after(KEEP_ALIVE), Some(AFTER_FAILURE));
        assert_eq!(after(Duration::from_secs(5)), Some(Duration::from_secs(5)));
        assert_eq!(after(Duration::MAX), None);
    }
}
