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
    /// The address is not on loopback, and the settings do not expose the emulator.
    #[error(
        "{address} can be reached from other machines, and the emulator is not told to be exposed to them"
    )]
    NotExposed {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The address of the bot's metrics cannot be read.
    #[error("the bot's metrics cannot be read at {address}: {reason}")]
    BotMetrics {
        /// The address.
        address: String,
        /// What is wrong with it.
        reason: String,
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
