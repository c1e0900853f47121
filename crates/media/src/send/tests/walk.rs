//! What an application may do in any order, for the properties of the sender and of its player.

use proptest::prelude::*;

use crate::send::control::SendControl;

#[derive(Clone, Copy, Debug)]
pub(in crate::send) enum Step {
    /// Enqueues a span of so many samples.
    Enqueue(usize),
    /// Says a frame through the socket.
    Say,
    Clear,
    Pause,
    Resume,
    Tick,
}

/// Up to so many steps, with spans up to a length.
pub(in crate::send) fn steps(most: usize, longest: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..longest).prop_map(Step::Enqueue),
        3 => Just(Step::Say),
        1 => Just(Step::Clear),
        1 => Just(Step::Pause),
        1 => Just(Step::Resume),
        6 => Just(Step::Tick),
    ];
    proptest::collection::vec(step, 0..most)
}

impl Step {
    /// Does what is done through `control`.
    pub(in crate::send) fn apply(self, control: &SendControl) {
        match self {
            Self::Clear => control.clear(),
            Self::Pause => control.set_paused(true),
            Self::Resume => control.set_paused(false),
            Self::Enqueue(_) | Self::Say | Self::Tick => {}
        }
    }
}
