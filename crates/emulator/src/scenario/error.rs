//! Why a scenario cannot be used.

use std::io;
use std::path::PathBuf;

use crate::far_end::{ClipError, FilmError};
use crate::service::CertificateError;

/// Why a scenario cannot be used. All of it is for whoever wrote the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// The file, or one that it names, cannot be read.
    #[error("cannot read {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is no TOML, or a key of it is unknown, missing, or holds what it cannot.
    #[error("{file}, line {line}, {key}: {problem}")]
    Written {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The key, as in `users[1].name`; `.` for the file as a whole.
        key: String,
        /// What is wrong, in words.
        problem: String,
    },
    /// Something is named that is not there, is there twice, or does not go together.
    #[error("{file}, line {line}, {key}: {problem}")]
    Meaning {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The key, as in `meetings[0].participants[1]`.
        key: String,
        /// What is wrong.
        problem: Contradiction,
    },
    /// What a user says cannot be said.
    #[error("{file}, line {line}, {key}: {source}")]
    Speech {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The key, as in `users[1].says`.
        key: String,
        /// What is wrong with the WAV file.
        source: ClipError,
    },
    /// What a user shows cannot be shown.
    #[error("{file}, line {line}, {key}: {source}")]
    Film {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The key, as in `users[1].shows`.
        key: String,
        /// What is wrong with the film.
        source: FilmError,
    },
    /// The application's certificate cannot be used.
    #[error("{file}, line {line}, {key}: {source}")]
    Certificate {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The key.
        key: String,
        /// What is wrong with the certificate.
        source: CertificateError,
    },
}

/// What does not hold together in a scenario that reads well.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Contradiction {
    /// Nobody has this id.
    #[error("there is no user `{0}`")]
    UnknownUser(String),
    /// Nobody who could be let in has this id.
    #[error("there is neither a user `{0}` nor a bot with this client id")]
    NobodyToAdmit(String),
    /// A bot cannot be called at this address.
    #[error("{0}")]
    CallbackUri(String),
    /// No meeting has this join id or thread id.
    #[error("there is no meeting `{0}`")]
    UnknownMeeting(String),
    /// Another has the same id.
    #[error("`{0}` is there already")]
    Twice(String),
    /// A user who echoes says and shows nothing.
    #[error("a user either says something or shows something, or is an echo")]
    SaysAndEchoes,
    /// A user who hums says nothing.
    #[error("a user either says something or hums")]
    SaysAndHums,
    /// A meeting that nobody can find.
    #[error("a meeting has a joinId, a threadId or both")]
    NoMeetingId,
}
