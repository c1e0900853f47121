//! The emulator as a bot meets it: over HTTP and real media.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod alone;
mod caller;
mod calls;
mod coming;
mod control;
mod engine;
mod errors;
mod exposed;
mod faults;
mod incoming;
mod loss;
mod memory;
mod page;
mod person;
mod rooms;
mod scenario;
mod support;
mod tokens;
mod video;
#[path = "../support/watching.rs"]
mod watching;
