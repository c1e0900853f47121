//! Why there is no token, and why a caller is not believed.

use std::sync::Arc;
use std::time::Duration;

use crate::error::Fault;
use crate::http::TransportError;

/// Why the authority, or Azure for a managed identity, gave no access token. Cheap to clone: all who waited for the same attempt get the same error.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The authority refused.
    #[error("the authority answered {status} {code}: {description}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// OAuth error, such as `invalid_client` (RFC 6749 section 5.2).
        code: String,
        /// What it says in words.
        description: String,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// No answer came from the authority.
    #[error("no answer from the authority: {0}")]
    NoAnswer(#[source] Arc<TransportError>),
    /// The client assertion could not be signed with the certificate's key.
    #[error("the client assertion could not be signed")]
    NotSigned,
    /// The authority answered something else than a token.
    #[error("the authority's answer is no token: {0}")]
    Unreadable(&'static str),
}

impl TokenError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Refused { status, .. } if *status >= 500 || *status == 429 => Fault::Service,
            Self::Refused { .. } | Self::NotSigned => Fault::Caller,
            Self::NoAnswer(_) => Fault::Environment,
            Self::Unreadable(_) => Fault::Service,
        }
    }
}

/// Why a callback's sender is not believed. None of them shows the token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// No `Authorization` header with a bearer token.
    #[error("no bearer token")]
    Missing,
    /// The token is no JWT with a header that we accept: RS256 with a key id, nothing critical, not encrypted.
    #[error("token refused: {0}")]
    Malformed(&'static str),
    /// The token's key is none of the service's.
    #[error("signed with a key that the service does not list")]
    UnknownKey,
    /// The signature does not fit.
    #[error("signature does not fit")]
    Signature,
    /// A claim is missing or wrong.
    #[error("claim `{0}` is missing or wrong")]
    Claim(&'static str),
    /// The token's time is over.
    #[error("expired")]
    Expired,
    /// The token's time has not come.
    #[error("not valid yet")]
    NotYetValid,
    /// The service's keys cannot be read, so nobody can be believed at the moment. Not the caller's fault.
    #[error("the service's keys are not available")]
    KeysUnavailable,
}

impl VerifyError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::KeysUnavailable => Fault::Environment,
            _ => Fault::Peer,
        }
    }
}
