//! The models against documented JSON and against junk.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod examples;
mod junk;
mod metadata;
mod subtypes;
mod survival;
