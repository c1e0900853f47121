//! What a user of the calls API can meet, and whose fault it is.

use std::time::Duration;

use crate::auth::TokenError;
use crate::http::retry::MONTHLY_LIMIT;
use crate::http::{GraphError, TransportError};

/// Whose fault an error is. The same four words in every crate of offhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The other end of a call, or whoever posts to the callback.
    Peer,
    /// Graph, or the authority that issues tokens. Trying again later may help.
    Service,
    /// The application: its request, its settings, its permissions. Trying the same again does not help.
    Caller,
    /// What lies between: network, name service, certificates, this machine.
    Environment,
}

/// Why a request about a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallsError {
    /// Graph answered and refused. `error` has its code, message and request id.
    #[error("{operation}: Graph answered {status}: {error} (client-request-id {client_request_id})")]
    Refused {
        /// What was asked.
        operation: &'static str,
        /// HTTP status.
        status: u16,
        /// What Graph said.
        error: Box<GraphError>,
        /// The id that this client gave the request.
        client_request_id: String,
        /// How long Graph asks to wait before the next attempt.
        retry_after: Option<Duration>,
    },
    /// No answer came: not sent, broken off, or too late. A call that was to be created may exist nevertheless.
    #[error("{operation}: no answer from Graph (client-request-id {client_request_id})")]
    NoAnswer {
        /// What was asked.
        operation: &'static str,
        /// The id that this client gave the request.
        client_request_id: String,
        /// What happened on the way.
        source: TransportError,
    },
    /// Graph answered with a body that is not what the API promises. A call that was to be created may exist nevertheless.
    #[error("{operation}: Graph's answer is not readable: {reason} (client-request-id {client_request_id})")]
    Unreadable {
        /// What was asked.
        operation: &'static str,
        /// What is wrong with it.
        reason: String,
        /// The id that this client gave the request.
        client_request_id: String,
    },
    /// There is no access token to ask with.
    #[error("no access token")]
    Token(#[from] TokenError),
    /// The request breaks a rule of the API; nothing was sent.
    #[error("not sent: {rule}")]
    InvalidRequest {
        /// The rule.
        rule: &'static str,
    },
    /// A setting cannot be used.
    #[error("setting `{setting}`: {rule}")]
    InvalidSetting {
        /// The setting.
        setting: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// The HTTP client could not be built, for want of root certificates for instance.
    #[error("the HTTP client cannot be built")]
    HttpClient(#[source] TransportError),
}

impl CallsError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            // Waiting cures throttling, but not a limit of the month.
            Self::Refused { status: 429, error, .. } if error.code != MONTHLY_LIMIT => Fault::Service,
            Self::Refused { status, .. } if *status >= 500 || *status == 408 => Fault::Service,
            Self::Refused { .. } | Self::InvalidRequest { .. } | Self::InvalidSetting { .. } => Fault::Caller,
            Self::Unreadable { .. } => Fault::Service,
            Self::NoAnswer { .. } | Self::HttpClient(_) => Fault::Environment,
            Self::Token(error) => error.fault(),
        }
    }

    /// What Graph said, if it answered.
    pub fn graph(&self) -> Option<&GraphError> {
        match self {
            Self::Refused { error, .. } => Some(error),
            _ => None,
        }
    }

    /// Whether the call is not there, or no longer (HTTP 404, Graph's code 8522).
    pub fn is_call_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
            || self.graph().is_some_and(|error| error.code == "8522")
    }
}
