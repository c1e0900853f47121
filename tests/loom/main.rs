//! How media threads, bell threads and applications meet, in every order in which they can take their steps.
//!
//! The engine's own files are compiled here once more, against loom's atomics and threads in the place of the real ones
//! (`sync.rs`): the doorbell, the rings of frames and orders, the state of a session, the bell thread. Each model has a floor
//! under the number of orders that it tried, since one that tries a single order finds nothing; and siblings with a step
//! swapped, weakened or left out must be found out.
//!
//! What is not the engine's own: the storage of a ring (`sync.rs` says which lines), what the threads do with the parts, which
//! the models write down in few lines, and the queue of commands to a worker, which is `crossbeam`'s and an eventfd.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(unreachable_pub, dead_code, reason = "the engine uses more of its files than the models do")]
#![expect(clippy::allow_attributes, reason = "what is not fulfilled cannot be expected")]

mod doorbells;
mod explore;
mod frames;
mod orders_answered;
mod shutdown;
mod sync;
mod threads;

#[path = "../../crates/media/src/orders.rs"]
mod orders;
#[path = "../../crates/media/src/ring.rs"]
mod ring;

/// The engine's files at the paths by which they know each other.
#[path = "../../crates/media/src/session"]
mod session {
    pub(crate) mod doorbell;
    pub(crate) mod state;
}

#[path = "../../crates/media/src/worker"]
mod worker {
    #[allow(unfulfilled_lint_expectations, reason = "only the engine's crate bans threads")]
    pub(crate) mod bell;

    /// Nobody asks for the health here.
    pub(crate) mod load {
        #[derive(Default)]
        pub(crate) struct HealthBell;

        impl HealthBell {
            pub(crate) fn answer(&self) {}
        }
    }

    pub(crate) mod thread {
        pub(crate) const MAX_SESSIONS: usize = 1;
    }
}
