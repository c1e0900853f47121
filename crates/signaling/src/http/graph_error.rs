//! What Graph says when it refuses, in each of its shapes.

use std::fmt;

use serde_json::Value;

use super::Response;

/// Inner errors are followed this deep; Graph nests two or three.
const DEPTH: usize = 8;

/// Graph's own words about a refusal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GraphError {
    /// The most specific code: a calls code such as `7505` where there is one, else the outermost, else empty.
    pub code: String,
    /// The message that belongs to it, or to the error around it.
    pub message: String,
    /// All codes, from the outermost in.
    pub codes: Vec<String>,
    /// Graph's id of the request, for support.
    pub request_id: Option<String>,
    /// The client's id as Graph saw it.
    pub client_request_id: Option<String>,
    /// When it happened, as written.
    pub date: Option<String>,
}

impl GraphError {
    /// Reads an answer. Never fails: a body that is no error leaves the fields empty.
    pub(crate) fn read(answer: &Response) -> Self {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        let mut read = Self::default();
        read.take(body.get("error").unwrap_or(&Value::Null), 0);
        let header = |name: &str| answer.header(name).map(str::to_owned);
        read.request_id = read.request_id.or_else(|| header("request-id"));
        read.client_request_id = read.client_request_id.or_else(|| header("client-request-id"));
        read
    }

    /// Takes over one level and goes on with the errors inside it.
    fn take(&mut self, error: &Value, depth: usize) {
        if depth > DEPTH {
            return;
        }
        let text = |name: &str| error.get(name).and_then(Value::as_str);
        let code = text("code").or_else(|| text("errorCode"));
        if let Some(code) = code {
            self.codes.push(code.to_owned());
            if self.codes.len() == 1 || is_calls_code(code) {
                self.code = code.to_owned();
                // A code without words leaves those of the error around it.
                self.message = text("message").map_or(std::mem::take(&mut self.message), str::to_owned);
            }
        }
        for (name, kept) in [
            ("request-id", &mut self.request_id),
            ("client-request-id", &mut self.client_request_id),
            ("date", &mut self.date),
        ] {
            *kept = text(name).map(str::to_owned).or_else(|| kept.take());
        }
        // `UnknownError` may hold the real error as JSON text in its message.
        if let Some(inside) = text("message").and_then(|message| serde_json::from_str::<Value>(message).ok())
            && inside.is_object()
        {
            self.take(&inside, depth + 1);
        }
        if let Some(inner) = error.get("innerError").or_else(|| error.get("innererror")) {
            self.take(inner, depth + 1);
        }
    }
}

/// Codes of the calls service are numbers of four digits and more; `429` inside a throttling error is an HTTP status.
fn is_calls_code(code: &str) -> bool {
    code.len() >= 4 && code.bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Display for GraphError {
    /// `7505 Request authorization tenant mismatch. (request-id ...)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.code.is_empty() {
            f.write_str("no error body")?;
        } else {
            write!(f, "{} {}", self.code, self.message)?;
        }
        self.request_id.as_ref().map_or(Ok(()), |id| write!(f, " (request-id {id})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> GraphError {
        GraphError::read(&Response {
            status: 403,
            headers: Default::default(),
            body: body.as_bytes().to_vec(),
        })
    }

    #[test]
    fn code_message_and_ids_are_kept() {
        let error = read(
            r#"{"error":{"code":"7505","message":"Request authorization tenant mismatch.","innerError":
                {"date":"2025-09-30T05:03:57","request-id":"r-1","client-request-id":"c-1"}}}"#,
        );
        assert_eq!(
            (error.code.as_str(), error.message.as_str()),
            ("7505", "Request authorization tenant mismatch.")
        );
        assert_eq!(
            (error.request_id.as_deref(), error.client_request_id.as_deref()),
            (Some("r-1"), Some("c-1"))
        );
        assert_eq!(error.to_string(), "7505 Request authorization tenant mismatch. (request-id r-1)");
    }

    #[test]
    fn an_error_wrapped_in_a_message_is_unwrapped() {
        let error = read(
            r#"{"error":{"code":"UnknownError","message":"{\"errorCode\":\"7503\",\"message\":\"Application is not registered in our store.\",\"instanceAnnotations\":[]}",
                "innerError":{"request-id":"r-2"}}}"#,
        );
        assert_eq!(
            (error.code.as_str(), error.message.as_str()),
            ("7503", "Application is not registered in our store.")
        );
        assert_eq!(error.codes, ["UnknownError", "7503"]);
        assert_eq!(error.request_id.as_deref(), Some("r-2"));
    }

    #[test]
    fn a_code_inside_without_words_leaves_those_around_it() {
        let error = read(r#"{"error":{"code":"Forbidden","message":"No.","innerError":{"code":"7504"}}}"#);
        assert_eq!((error.code.as_str(), error.message.as_str()), ("7504", "No."));
    }

    #[test]
    fn an_http_status_inside_is_not_taken_for_the_error() {
        let error = read(
            r#"{"error":{"code":"TooManyRequests","innererror":{"code":"429","message":"Please retry after"},
                "message":"Please retry again later."}}"#,
        );
        assert_eq!(
            (error.code.as_str(), error.message.as_str()),
            ("TooManyRequests", "Please retry again later.")
        );
    }

    #[test]
    fn other_bodies_leave_it_empty() {
        for body in ["", "<html>", "[]", r#"{"error":7}"#, r#"{"error":{"code":7}}"#] {
            assert_eq!(read(body), GraphError::default(), "{body}");
        }
    }
}
