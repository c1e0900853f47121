//! Whole calls: a bot, the calls API over HTTP, and media over real UDP, DTLS-SRTP and Opus, against the emulator.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod barge_in;
mod bridge;
#[path = "../../crates/media/tests/support/clip.rs"]
mod clip;
mod far_end;
mod hostile;
mod incoming;
mod life;
mod lip_sync;
mod player;
mod redundancy;
mod rooms;
mod simulcast;
mod speakers;
mod support;
mod tones;
mod video;
#[path = "../../crates/emulator/tests/support/watching.rs"]
mod watching;
mod without_media;
