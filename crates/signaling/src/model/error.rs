//! Graph's error body.

use serde::{Deserialize, Serialize};

use super::object::graph_object;
use super::{Integer, Other, UnknownProperties};

/// The body of an answer that refuses: `{"error": {...}}`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ErrorResponse {
    /// What went wrong.
    pub error: ErrorDetail,
    /// Properties that this version does not know.
    #[serde(flatten)]
    pub other: Other,
}

impl UnknownProperties for ErrorResponse {
    fn collect_unknown(&self, path: &str, found: &mut Vec<String>) {
        self.other.collect_unknown(path, found);
        self.error.collect_unknown(&format!("{path}/error"), found);
    }
}

graph_object! {
    /// What went wrong. Calls errors have numeric text as code; inner errors may nest and be more specific.
    pub struct ErrorDetail {
        /// The code, such as `7505` or `UnknownError`.
        "code" code: String,
        /// What it says in words. Under `UnknownError` it may be JSON text that holds the real error.
        "message" message: String,
        /// A more specific error, and the ids of the request. Also spelled `innererror`, then found in `other`.
        "innerError" inner_error: Box<ErrorDetail>,
        /// When it happened.
        "date" date: String,
        /// Graph's id of the request.
        "request-id" request_id: String,
        /// The client's id of the request.
        "client-request-id" client_request_id: String,
        /// The HTTP status again, in a documented inner error.
        "status" status: Integer,
    }
}
