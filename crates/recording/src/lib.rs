//! Recordings that keep time: tracks on one timeline, safe against a crash.
//!
//! A [`TrackRecorder`] taps a session: one file for each participant, as it came from the wire, and a timeline that says what
//! happened and what is missing. What is done with such a recording afterwards is in [`folder`].
//!
//! A [`WavRecorder`] takes the frames of an audio socket. Where a frame stands on its stream's timeline decides where its
//! samples go: what was not read in time, and what was never there, is silence of the right length. A recording is
//! therefore as long as the call, whatever was lost.
//!
//! Neither opens without a [`RecordingGrant`].

mod disk;
mod error;
pub mod folder;
mod format;
mod gaps;
mod grant;
mod journal;
mod opus;
mod recorder;
mod timeline;
mod tracks;
mod writer;

pub use error::{Fault, RecordingError};
pub use gaps::{Gap, GapKind};
pub use grant::{RecordingAuthority, RecordingGrant, SpentGrant};
pub use journal::{Class, Entry, GrantEntry, Line, Placing, TimelineError};
pub use recorder::{RecordingReport, WavRecorder};
pub use tracks::{Note, NoteTaker, TrackEvent, TrackRecorder, TracksReport};
