//! The parts that do I/O: callback receiver, tokens, client, and the task behind each call.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod callback;
mod calls;
mod client;
mod support;
