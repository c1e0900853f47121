//! Graph's error body.

use serde::{Deserialize, Serialize};

use super::{Field, Other};

/// The body of an answer that refuses: `{"error": {...}}`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ErrorResponse {
    /// What went wrong.
    pub error: ErrorDetail,
    /// Properties that this version does not know.
    #[serde(flatten)]
    pub other: Other,
}

/// What went wrong. Calls errors have numeric text as code; inner errors may nest and be more specific.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ErrorDetail {
    /// The code, such as `7505` or `UnknownError`.
    #[serde(default, skip_serializing_if = "Field::is_absent")]
    pub code: Field<String>,
    /// What it says in words. Under `UnknownError` it may be JSON text that holds the real error.
    #[serde(default, skip_serializing_if = "Field::is_absent")]
    pub message: Field<String>,
    /// A more specific error, and the ids of the request. Also spelled `innererror`, then found in `other`.
    #[serde(rename = "innerError", default, skip_serializing_if = "Field::is_absent")]
    pub inner_error: Field<Box<ErrorDetail>>,
    /// When it happened.
    #[serde(default, skip_serializing_if = "Field::is_absent")]
    pub date: Field<String>,
    /// Graph's id of the request.
    #[serde(rename = "request-id", default, skip_serializing_if = "Field::is_absent")]
    pub request_id: Field<String>,
    /// The client's id of the request.
    #[serde(rename = "client-request-id", default, skip_serializing_if = "Field::is_absent")]
    pub client_request_id: Field<String>,
    /// Properties that this version does not know.
    #[serde(flatten)]
    pub other: Other,
}
