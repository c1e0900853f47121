//! Where a session stands, shared between the worker and the application.

use std::sync::atomic::{AtomicU8, Ordering::AcqRel, Ordering::Acquire};

/// Where the media of a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum MediaState {
    /// ICE and DTLS are not done yet.
    Connecting,
    /// Media flows.
    Connected,
    /// The path has fallen silent. It may come back.
    Disconnected,
    /// The path is gone for good; the call has to be made again.
    Failed,
    /// The peer or the application has ended the session.
    Closed,
}

impl MediaState {
    /// Nothing will flow any more.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Failed | Self::Closed)
    }
}

/// The state, written by the worker and read by the application.
#[derive(Debug)]
pub(crate) struct SharedState(AtomicU8);

impl SharedState {
    pub(crate) fn new() -> Self {
        Self(AtomicU8::new(MediaState::Connecting as u8))
    }

    pub(crate) fn get(&self) -> MediaState {
        const STATES: [MediaState; 5] = [
            MediaState::Connecting,
            MediaState::Connected,
            MediaState::Disconnected,
            MediaState::Failed,
            MediaState::Closed,
        ];
        STATES[usize::from(self.0.load(Acquire))]
    }

    /// Moves to `state`, unless the session is over; says whether that is a change.
    pub(crate) fn set(&self, state: MediaState) -> bool {
        let before = self.get();
        !before.is_over() && self.0.swap(state as u8, AcqRel) != state as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_stays_over() {
        let state = SharedState::new();
        assert!(state.set(MediaState::Connected));
        assert!(!state.set(MediaState::Connected), "no change");
        assert!(state.set(MediaState::Failed));
        assert!(!state.set(MediaState::Connected));
        assert_eq!(state.get(), MediaState::Failed);
    }
}
