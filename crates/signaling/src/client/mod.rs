//! [`CallsClient`]: requests to the calls API, one method each.

mod builder;
mod new_call;
mod operations;

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::de::DeserializeOwned;
use url::Url;
use uuid::Uuid;

use self::operations::{CREATE_CALL, DELETE_CALL, GET_CALL, Operation};
use crate::auth::TokenSource;
use crate::error::CallsError;
use crate::http::retry::{self, RetryPolicy};
use crate::http::send::send_repeated;
use crate::http::{GraphError, Request, Response, Transport, TransportError};
use crate::model::{Call, CallId, Field, ResourcePath};
use crate::redacted::Redacted;

pub use builder::CallsClientBuilder;
pub(crate) use builder::is_protected;
pub use new_call::NewCall;

/// Header with the client's own id of a request, which Graph puts into its logs and answers.
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");

/// A client of Graph's calls API. Cheap to clone; clones share connections and access token.
#[derive(Clone)]
pub struct CallsClient {
    inner: Arc<Inner>,
}

struct Inner {
    graph: Url,
    tokens: TokenSource,
    transport: Arc<dyn Transport>,
    retry: RetryPolicy,
    timeout: Duration,
    allow_plain_http: bool,
}

impl CallsClient {
    /// Creates a call: `POST /communications/calls`. Returns the call as Graph describes it, in state `establishing`.
    ///
    /// Tried again only when Graph certainly did not process it (429, or nobody reached): a second attempt after a
    /// timeout could be a second call. To follow the call, use [`Calls::create`](crate::Calls::create).
    ///
    /// # Errors
    /// [`CallsError::InvalidRequest`] before anything is sent; else what Graph or the network said.
    pub async fn create_call(&self, new_call: NewCall) -> Result<Call, CallsError> {
        let call = new_call.into_call(self.inner.allow_plain_http)?;
        let body = serde_json::to_vec(&call).expect("a model has text keys and plain values");
        let (answer, request_id) = self.send(&CREATE_CALL, &[], Some(body)).await?;
        let mut created: Call = read(&CREATE_CALL, &answer, &request_id)?;
        if created.id.as_str().is_none_or(str::is_empty) {
            // The page's answers have the id in both places; one is enough.
            let location = answer.header("location").and_then(ResourcePath::parse).map(|path| path.call);
            let reason = "neither `id` nor `Location`".to_owned();
            let unreadable =
                CallsError::Unreadable { operation: CREATE_CALL.name, reason, client_request_id: request_id };
            created.id = Field::Value(location.ok_or(unreadable)?);
        }
        Ok(created)
    }

    /// Reads a call: `GET /communications/calls/{id}`.
    ///
    /// # Errors
    /// What Graph or the network said. [`CallsError::is_call_not_found`] when the call is over.
    pub async fn get_call(&self, id: &CallId) -> Result<Call, CallsError> {
        let (answer, request_id) = self.send(&GET_CALL, &[id.as_str()], None).await?;
        read(&GET_CALL, &answer, &request_id)
    }

    /// Hangs up: `DELETE /communications/calls/{id}`. Ends the bot's own leg.
    ///
    /// # Errors
    /// What Graph or the network said. [`CallsError::is_call_not_found`] when the call was over already.
    pub async fn delete_call(&self, id: &CallId) -> Result<(), CallsError> {
        self.send(&DELETE_CALL, &[id.as_str()], None).await.map(|_| ())
    }

    /// Sends a request and returns an answer of success, with the id of the request.
    async fn send(
        &self,
        operation: &'static Operation,
        ids: &[&str],
        body: Option<Vec<u8>>,
    ) -> Result<(Response, String), CallsError> {
        let client_request_id = Uuid::new_v4().to_string();
        let mut request =
            Request::new(operation.method(), operation.url(&self.inner.graph, ids)?, self.inner.timeout);
        request.headers = headers(&client_request_id);
        if let Some(body) = body {
            request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            request.body = body;
        }
        let token = self.inner.tokens.token().await?;
        let mut answer = self.attempt(operation, request.clone(), &token, &client_request_id).await?;
        if answer.status == 401 {
            // Refused at the door, so not processed: the token was revoked, or the clocks differ. Once more with a new one.
            self.inner.tokens.discard(&token);
            let token = self.inner.tokens.token().await?;
            answer = self.attempt(operation, request, &token, &client_request_id).await?;
        }
        tracing::debug!(
            operation = operation.name,
            ?ids,
            client_request_id,
            status = answer.status,
            "answered"
        );
        if answer.is_success() {
            Ok((answer, client_request_id))
        } else {
            Err(refused(operation, &answer, client_request_id))
        }
    }

    async fn attempt(
        &self,
        operation: &'static Operation,
        mut request: Request,
        token: &Redacted<String>,
        client_request_id: &str,
    ) -> Result<Response, CallsError> {
        request.bearer(token);
        let answer =
            send_repeated(&*self.inner.transport, &self.inner.retry, operation.repeat, &request).await;
        let client_request_id = client_request_id.to_owned();
        answer.map_err(|source| match source {
            TransportError::TooLarge { .. } => CallsError::Unreadable {
                operation: operation.name,
                reason: source.to_string(),
                client_request_id,
            },
            source => CallsError::NoAnswer { operation: operation.name, client_request_id, source },
        })
    }
}

impl std::fmt::Debug for CallsClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallsClient").field("graph", &self.inner.graph.as_str()).finish_non_exhaustive()
    }
}

fn headers(client_request_id: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let id = HeaderValue::from_str(client_request_id).expect("a UUID is a legal header value");
    headers.insert(CLIENT_REQUEST_ID, id);
    headers
}

fn read<T: DeserializeOwned>(
    operation: &Operation,
    answer: &Response,
    request_id: &str,
) -> Result<T, CallsError> {
    serde_json::from_slice(&answer.body).map_err(|error| CallsError::Unreadable {
        operation: operation.name,
        // Where and of what kind, not the text: the body may hold a blob.
        reason: format!("{:?} error at line {} column {}", error.classify(), error.line(), error.column()),
        client_request_id: request_id.to_owned(),
    })
}

fn refused(operation: &Operation, answer: &Response, client_request_id: String) -> CallsError {
    CallsError::Refused {
        operation: operation.name,
        status: answer.status,
        error: Box::new(GraphError::read(answer)),
        client_request_id,
        retry_after: retry::retry_after(answer.header("retry-after")),
    }
}
