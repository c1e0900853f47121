//! Graph's errors: status, code, and the body around them.

use std::fmt;

use offhook_signaling::model::{ErrorDetail, ErrorResponse};

/// A refusal, in Graph's shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GraphError {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
}

impl GraphError {
    fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into() }
    }

    /// No token, or one that is worth nothing.
    pub(crate) fn unauthorized(message: &str) -> Self {
        Self::new(401, "InvalidAuthenticationToken", message)
    }

    /// A request that cannot be read, or lacks what it needs.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// 8523, as Graph answers when the blob is left out.
    pub(crate) fn missing_media_config() -> Self {
        Self::new(400, "8523", "Missing mediaConfig information.")
    }

    /// 7504: the tenant has not granted what the request needs.
    pub(crate) fn missing_permission(permission: &str) -> Self {
        let message = "Insufficient enterprise tenant permissions, cannot access this API.";
        Self::new(403, "7504", format!("{message} Missing: {permission}."))
    }

    /// 7505: the call's tenant is missing or another one.
    pub(crate) fn tenant_mismatch() -> Self {
        Self::new(403, "7505", "Request authorization tenant mismatch.")
    }

    /// 8522.
    pub(crate) fn call_not_found() -> Self {
        Self::new(404, "8522", "Call not found.")
    }

    /// Someone or something that the emulator does not know.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "NotFound", message)
    }

    /// The far end could not be made.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "9999", message)
    }

    /// The body, with the ids of the request inside.
    pub(crate) fn body(
        &self,
        date: String,
        request_id: &str,
        client_request_id: Option<&str>,
    ) -> ErrorResponse {
        let inner = ErrorDetail {
            date: date.into(),
            request_id: request_id.into(),
            client_request_id: client_request_id.unwrap_or(request_id).into(),
            ..ErrorDetail::default()
        };
        let error = ErrorDetail {
            code: self.code.clone().into(),
            message: self.message.clone().into(),
            inner_error: Box::new(inner).into(),
            ..ErrorDetail::default()
        };
        ErrorResponse { error, ..ErrorResponse::default() }
    }
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status, self.code, self.message)
    }
}
