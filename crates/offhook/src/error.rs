//! Which part failed, with its own error inside.

use std::io;
use std::net::SocketAddr;

use offhook_media::MediaError;
use offhook_signaling::{CallEnded, CallsError, Fault, OperationError};

/// Why a bot could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BotError {
    /// The address for callbacks could not be listened at.
    #[error("cannot listen for callbacks at {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A request about a call failed, or a setting cannot be used.
    #[error(transparent)]
    Calls(#[from] CallsError),
    /// The media engine failed, or the service's media blob is not one that it speaks.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// The service created the call and gave no media blob to answer ours. The call was hung up.
    #[error("the service answered without a media blob; media cannot be negotiated")]
    NoMediaAnswer,
    /// The service did not agree that the call is recorded, or that it no longer is.
    #[error("the recording status was not taken: {0}")]
    RecordingRefused(#[source] OperationError),
    /// The call ended before it was established.
    #[error(transparent)]
    Ended(Box<CallEnded>),
}

impl BotError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Listen { .. } => Fault::Environment,
            Self::Calls(error) => error.fault(),
            Self::Media(error) => match error.fault() {
                offhook_media::Fault::Peer => Fault::Peer,
                offhook_media::Fault::Service => Fault::Service,
                offhook_media::Fault::Caller => Fault::Caller,
                _ => Fault::Environment,
            },
            Self::NoMediaAnswer => Fault::Service,
            Self::RecordingRefused(error) => error.fault(),
            Self::Ended(ended) => ended.fault(),
        }
    }
}

impl From<CallEnded> for BotError {
    fn from(ended: CallEnded) -> Self {
        Self::Ended(Box::new(ended))
    }
}
