//! Whole calls: a bot, the calls API over HTTP, and media over real UDP, DTLS-SRTP and Opus, against the emulator.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod hostile;
mod incoming;
mod life;
mod support;
mod without_media;
