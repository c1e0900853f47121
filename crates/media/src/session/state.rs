//! Where a session stands, shared between the worker and the application.

use crate::sync::{AtomicU8, Ordering::AcqRel, Ordering::Acquire};

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

    /// Moves to `state`, unless the session is over; says whether that is a change. In one step, as both ends set it: what the
    /// application has ended must not come back to life by what the worker sets meanwhile.
    pub(crate) fn set(&self, state: MediaState) -> bool {
        let moves = |before: u8| {
            let is_over = before >= MediaState::Failed as u8;
            (!is_over && before != state as u8).then_some(state as u8)
        };
        self.0.fetch_update(AcqRel, Acquire, moves).is_ok()
    }
}
