//! What ARCHITECTURE.md and CONTRIBUTING.md say about the code, held against the code.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod crates;
mod dependencies;
mod files;
mod media;
mod readme;
mod source;
