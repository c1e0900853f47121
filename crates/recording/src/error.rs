//! What failed, and what is safe on disk.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use offhook_media::AudioFormat;

/// Whose fault an error is, and so who can mend it. The same words in every crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The application asked for what cannot be.
    Caller,
    /// The machine does not give what is needed.
    Environment,
}

/// Why a recording could not be made or go on. What was written before stays readable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// The file could not be made or written.
    #[error("{task} {path}: {source}; {safe:?} are safe on disk")]
    Disk {
        /// What was being done.
        task: &'static str,
        /// The file.
        path: PathBuf,
        /// How much of the recording its header vouches for.
        safe: Duration,
        /// What the system says.
        source: io::Error,
    },
    /// The frame has another format than the recording.
    #[error("the recording holds {recording:?}, the frame is {frame:?}")]
    WrongFormat {
        /// The recording's format.
        recording: AudioFormat,
        /// The frame's.
        frame: AudioFormat,
    },
    /// A WAV file holds less than 4 GiB: 37 hours at 16 kHz.
    #[error("{path} is full: a WAV file holds less than 4 GiB")]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// The session is not tapped, or is recorded already.
    #[error("the media is not tapped, or is recorded already: MediaSessionSettings::tapped")]
    NotTapped,
    /// The recorder is over already.
    #[error("the recording is over")]
    Stopped,
    /// The codec refused to work.
    #[error("libopus: {problem}")]
    Codec {
        /// What it said.
        problem: String,
    },
    /// The directory holds no recording that can be read.
    #[error("{path}: {problem}")]
    NotARecording {
        /// The directory, or the file in it.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

impl RecordingError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::WrongFormat { .. } | Self::NotTapped | Self::Stopped | Self::NotARecording { .. } => {
                Fault::Caller
            }
            Self::Disk { .. } | Self::Full { .. } | Self::Codec { .. } => Fault::Environment,
        }
    }
}
