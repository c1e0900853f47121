//! Which state may follow which. Graph draws no state machine; this one is read off its examples.
//!
//! ```text
//! outgoing   establishing -> established
//! incoming   incoming -> establishing -> established;  incoming -> redirecting -> terminated
//! transfer   established -> transferring -> transferAccepted -> terminated
//!            transferring, transferAccepted -> established   (failed, resultInfo says why): the one way back
//! hold       established <-> hold
//! end        any -> terminating -> terminated, or straight to terminated
//! ```

use crate::model::CallState;

/// Where a state was learnt, which decides how far it is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// The answer to creating the call.
    Response,
    /// A notification: it may be old.
    Notification,
    /// A read of the call that began after the state last changed: it is the truth of that moment.
    Poll,
    /// What the bot did itself.
    Own,
}

/// What to do with a state that was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// Take it.
    Forward,
    /// Take it, but it may be an old notification that came late: ask the service to be sure.
    Doubtful,
    /// It is the state already.
    Same,
    /// It is older than the state: drop it.
    Stale,
}

/// Position in a call's life. Within one position, notifications cannot be told to be old.
const fn rank(state: CallState) -> u8 {
    match state {
        CallState::Incoming => 0,
        CallState::Establishing | CallState::Ringing | CallState::UnknownFutureValue => 1,
        CallState::Redirecting => 2,
        CallState::Established | CallState::Hold => 3,
        CallState::Transferring => 4,
        CallState::TransferAccepted => 5,
        CallState::Terminating => 6,
        CallState::Terminated => 7,
    }
}

/// Decides whether `heard` replaces `held`. `failure` says whether what was heard carries a failed result.
pub(super) fn decide(held: CallState, heard: CallState, source: Source, failure: bool) -> Move {
    use CallState::{Established, Hold, Terminated, Transferring};
    if held == heard {
        return Move::Same;
    }
    if held == Terminated || heard == CallState::UnknownFutureValue {
        return Move::Stale;
    }
    let live = rank(Established)..rank(CallState::Terminating);
    let both_live = live.contains(&rank(held)) && live.contains(&rank(heard));
    match (held, heard) {
        _ if both_live && source == Source::Poll => Move::Forward,
        // A second `established` after hold may be the first one, come late.
        (Hold, Established) | (Established, Hold) => Move::Doubtful,
        (Transferring | CallState::TransferAccepted, Established) if failure => Move::Forward,
        (Transferring | CallState::TransferAccepted, Established) => Move::Stale,
        // Rings and establishes in any order.
        _ if rank(heard) > rank(held) => Move::Forward,
        (CallState::Establishing, CallState::Ringing) => Move::Forward,
        _ => Move::Stale,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CallState::*;
    use crate::model::OpenEnum;

    #[test]
    fn documented_lives_go_forward() {
        for life in [
            &[Establishing, Established, Terminating, Terminated][..],
            &[Incoming, Establishing, Established, Hold, Terminated],
            &[Incoming, Redirecting, Terminated],
            &[Establishing, Terminated],
            &[Established, Transferring, TransferAccepted, Terminated],
        ] {
            for pair in life.windows(2) {
                let decision = decide(pair[0], pair[1], Source::Notification, false);
                assert!(matches!(decision, Move::Forward | Move::Doubtful), "{pair:?}: {decision:?}");
            }
        }
    }

    #[test]
    fn late_notifications_do_not_move_a_call_back() {
        for (held, heard) in [
            (Established, Establishing),
            (Established, Incoming),
            (Transferring, Established),
            (TransferAccepted, Transferring),
            (Terminating, Established),
            (Hold, Establishing),
        ] {
            assert_eq!(decide(held, heard, Source::Notification, false), Move::Stale, "{held:?} {heard:?}");
        }
    }

    #[test]
    fn a_failed_transfer_returns_to_established() {
        for held in [Transferring, TransferAccepted] {
            assert_eq!(decide(held, Established, Source::Notification, true), Move::Forward);
            assert_eq!(decide(held, Established, Source::Poll, false), Move::Forward);
        }
    }

    #[test]
    fn established_after_hold_is_taken_and_checked() {
        assert_eq!(decide(Hold, Established, Source::Notification, false), Move::Doubtful);
        assert_eq!(decide(Hold, Established, Source::Poll, false), Move::Forward);
    }

    #[test]
    fn terminated_is_final_whoever_says_otherwise() {
        for (_, heard) in CallState::MEMBERS {
            for source in [Source::Response, Source::Notification, Source::Poll, Source::Own] {
                for failure in [false, true] {
                    let decision = decide(Terminated, *heard, source, failure);
                    assert!(matches!(decision, Move::Same | Move::Stale), "{heard:?} {source:?}");
                }
            }
        }
    }

    #[test]
    fn nothing_returns_to_before_established() {
        for held in [Established, Hold, Transferring, TransferAccepted, Terminating] {
            for heard in [Incoming, Establishing, Ringing, Redirecting] {
                for source in [Source::Notification, Source::Poll] {
                    assert_eq!(decide(held, heard, source, true), Move::Stale, "{held:?} {heard:?}");
                }
            }
        }
    }
}
