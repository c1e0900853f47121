//! Recordings that keep time: tracks on one timeline, safe against a crash.
//!
//! A [`WavRecorder`] takes the frames of an audio socket. Where a frame stands on its stream's timeline decides where its
//! samples go: what was not read in time, and what was never there, is silence of the right length. A recording is
//! therefore as long as the call, whatever was lost.

mod error;
mod format;
mod gaps;
mod recorder;
mod timeline;

pub use error::{Fault, RecordingError};
pub use gaps::{Gap, GapKind};
pub use recorder::{RecordingReport, WavRecorder};
