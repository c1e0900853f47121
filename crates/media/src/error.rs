//! What a user of the platform can meet.

use std::io;
use std::net::SocketAddr;

use crate::audio::opus::OpusError;
use crate::blob::BlobError;
use crate::session::transport::TransportError;

/// Whose fault an error is, and so who can mend it. The same words in every crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The far end sent what it should not.
    Peer,
    /// The service answered what it should not, or refused.
    Service,
    /// The application asked for what cannot be.
    Caller,
    /// The machine or the network does not give what is needed.
    Environment,
}

/// Why the platform or a session could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// A setting is out of its range.
    #[error("setting {setting}: {problem}")]
    InvalidSetting {
        /// Its name.
        setting: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The media port could not be opened.
    #[error("cannot open UDP {address} for media: {source}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The system refused something else.
    #[error("{what}: {source}")]
    System {
        /// What was being done.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The media blob is malformed.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The blob is of a profile that this engine does not speak.
    #[error("the media blob is {kind}; this engine negotiates only its own profile, offhook/1")]
    ForeignBlob {
        /// What it is instead.
        kind: &'static str,
    },
    /// The blob answers another session's offer, or is no answer at all.
    #[error("the media blob {problem}")]
    MismatchedBlob {
        /// What does not fit.
        problem: String,
    },
    /// The connection cannot be made of the peer's description.
    #[error("the peer's session description was refused: {0}")]
    Description(#[source] TransportError),
    /// The connection could not be set up.
    #[error("the connection could not be set up: {0}")]
    Core(#[source] TransportError),
    /// The codec could not be set up.
    #[error(transparent)]
    Codec(#[from] OpusError),
    /// The session was asked for what it has done already.
    #[error("{0}")]
    Misuse(&'static str),
    /// As many sessions as the platform takes.
    #[error("the platform carries {sessions} sessions, as many as it takes")]
    Full {
        /// How many there are.
        sessions: usize,
    },
    /// The platform has too much to do to take another session.
    #[error("the media platform is overloaded: {health}")]
    Overloaded {
        /// How it stands.
        health: Box<crate::Health>,
    },
    /// The platform is being drained: it takes no more sessions.
    #[error("the media platform is being drained")]
    Draining,
    /// The platform was shut down.
    #[error("the media platform was shut down")]
    ShutDown,
    /// Media did not connect, or was lost.
    #[error("the media session ended in state {0:?}")]
    Ended(crate::MediaState),
}

impl MediaError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::InvalidSetting { .. }
            | Self::Misuse(_)
            | Self::Draining
            | Self::ShutDown
            | Self::Codec(_) => Fault::Caller,
            Self::Bind { .. }
            | Self::System { .. }
            | Self::Core(_)
            | Self::Full { .. }
            | Self::Overloaded { .. } => Fault::Environment,
            Self::Blob(_)
            | Self::ForeignBlob { .. }
            | Self::MismatchedBlob { .. }
            | Self::Description(_)
            | Self::Ended(_) => Fault::Peer,
        }
    }
}
