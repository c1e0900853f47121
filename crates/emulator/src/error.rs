//! Why an emulator could not start.

use std::io;
use std::net::SocketAddr;

use crate::scenario::ScenarioError;

/// Why an emulator could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmulatorError {
    /// The address cannot be listened at.
    #[error("cannot listen at {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The scenario cannot be played with these settings.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The system gives no randomness for the signing key.
    #[error("cannot make the key that callbacks are signed with")]
    Key,
    /// The HTTP client for callbacks could not be set up.
    #[error("cannot set up the client for callbacks: {0}")]
    Client(#[from] reqwest::Error),
}
