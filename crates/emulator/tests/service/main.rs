//! The emulator as a bot meets it: over HTTP and real media.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod calls;
mod errors;
mod support;
