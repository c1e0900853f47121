//! What a user of the calls API can meet, and whose fault it is.

use std::time::Duration;

use crate::auth::TokenError;
use crate::client::OperationKind;
use crate::http::retry::MONTHLY_LIMIT;
use crate::http::{GraphError, TransportError};
use crate::permissions::{self, Requirement};

/// Graph's code for "Call not found."
const CALL_NOT_FOUND: &str = "8522";

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
    /// Graph answered and refused. `error` has its code, message and request id. Of a 403, the text also says what
    /// Graph's code means and which permissions to check.
    #[error(
        "{operation}: Graph answered {status}: {error} (client-request-id {client_request_id}){}",
        advice(*status, error, needs, missing.as_ref())
    )]
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
        /// The permissions that the request needs.
        needs: Requirement,
        /// What of them the access token lacks, after a 403. `None` when it does not say: access tokens may be
        /// opaque.
        missing: Option<Requirement>,
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
    /// Graph answered with a body that is not what the API promises. A call that was to be created may exist
    /// nevertheless.
    #[error("{operation}: Graph's answer is not readable: {reason} (client-request-id {client_request_id})")]
    Unreadable {
        /// What was asked.
        operation: &'static str,
        /// What is wrong with it.
        reason: String,
        /// The id that this client gave the request.
        client_request_id: String,
    },
    /// The service knows the incoming call no more: the time to decide was over, or the caller gave up.
    #[error("the incoming call is over; the time to decide ended {late_by:?} ago")]
    TooLate {
        /// How long the time to decide was over. Zero when it was not: then the caller gave up.
        late_by: Duration,
        /// What Graph said.
        source: Box<CallsError>,
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
            Self::TooLate { late_by, .. } if late_by.is_zero() => Fault::Peer,
            Self::TooLate { .. } => Fault::Caller,
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

    /// Whether the call is not there, or no longer: Graph's code 8522, or any HTTP 404 to a request about the call itself. A 404
    /// about a part of it, such as a participant, may mean that part.
    pub fn is_call_not_found(&self) -> bool {
        match self {
            Self::Refused { status: 404, operation, error, .. } => {
                error.code == CALL_NOT_FOUND || !OperationKind::is_about_a_part(operation)
            }
            Self::Refused { error, .. } => error.code == CALL_NOT_FOUND,
            _ => false,
        }
    }
}

/// What to do about a refusal for want of permission, as a sentence after the error's own.
fn advice(status: u16, error: &GraphError, needs: &Requirement, missing: Option<&Requirement>) -> String {
    if status == 403 {
        format!(". {}", permissions::advice(&error.code, needs, missing))
    } else {
        String::new()
    }
}
