//! Graph's errors: status, code, and the body around them.

use std::fmt;

use offhook_signaling::model::{ErrorDetail, ErrorResponse, ParticipantId};
use serde_json::json;

/// A refusal, in Graph's shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphError {
    /// The HTTP status.
    pub status: u16,
    /// Graph's code: numeric text, such as `8522`, or a word.
    pub code: String,
    /// What it says in words.
    pub message: String,
    /// What only the emulator says: it goes into `innerError`.
    pub(crate) hint: Option<String>,
}

impl GraphError {
    /// A refusal of this status and code.
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), hint: None }
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

    /// A property that is needed and not there.
    pub(crate) fn missing(property: &str) -> Self {
        Self::bad_request(format!("The property {property} is required."))
    }

    /// 7503: calling is not enabled on the bot.
    pub(crate) fn not_registered() -> Self {
        Self::new(403, "7503", "Application is not registered in our store.")
    }

    /// 7504: the tenant has not granted what the request needs. Graph does not say what; the emulator does, beside it.
    pub(crate) fn missing_permission(permission: &str) -> Self {
        let message = "Insufficient enterprise tenant permissions, cannot access this API.";
        Self { hint: Some(format!("Missing: {permission}.")), ..Self::new(403, "7504", message) }
    }

    /// 8506: only a recorder that a policy has invited may tell that it records. Its status is not documented.
    pub(crate) fn not_policy_recording() -> Self {
        Self::new(400, "8506", "API call not allowed for non-Compliance Recording call")
    }

    /// 7505: the call's tenant is missing or another one.
    pub(crate) fn tenant_mismatch() -> Self {
        Self::new(403, "7505", "Request authorization tenant mismatch.")
    }

    /// 8522.
    pub(crate) fn call_not_found() -> Self {
        Self::new(404, "8522", "Call not found.")
    }

    /// Nobody of this id is in the call.
    pub(crate) fn participant_not_found(who: &ParticipantId) -> Self {
        Self::not_found(format!("The call has no participant {who}."))
    }

    /// Someone or something that the emulator does not know.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "NotFound", message)
    }

    /// The far end could not be made.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "9999", message)
    }

    /// Somebody who may not, whatever the token.
    pub(crate) fn forbidden(message: &str) -> Self {
        Self::new(403, "Forbidden", message)
    }

    /// 429, as the throttling page shows it.
    pub(crate) fn too_many_requests() -> Self {
        Self::new(429, "TooManyRequests", "Please retry again later.")
    }

    /// A refusal that only a fault gives.
    pub(crate) fn failed(status: u16, code: Option<String>, message: Option<String>) -> Self {
        let (usual, words) = match status {
            500 => ("9999", "Unknown internal server error."),
            503 => ("ServiceUnavailable", "The service is temporarily unavailable."),
            504 => ("GatewayTimeout", "The service did not answer in time."),
            _ => ("UnknownError", "The request has failed."),
        };
        let code = code.unwrap_or_else(|| usual.to_owned());
        Self::new(status, &code, message.unwrap_or_else(|| words.to_owned()))
    }

    /// The same refusal as Graph was seen to wrap it: the real code and message are JSON text in the message.
    pub(crate) fn wrapped(self) -> Self {
        let inside = json!({"errorCode": self.code, "message": self.message, "instanceAnnotations": []});
        Self { code: "UnknownError".to_owned(), message: inside.to_string(), ..self }
    }

    /// The body, with the ids of the request inside.
    pub fn body(&self, date: String, request_id: &str, client_request_id: Option<&str>) -> ErrorResponse {
        let inner = ErrorDetail {
            message: self.hint.clone().into(),
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

impl std::error::Error for GraphError {}
