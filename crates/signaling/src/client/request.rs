//! One request and its answer: token, attempts, what a refusal means, reading what came.
//!
//! `[io]` Through the transport.

use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tracing::Instrument;
use url::Url;
use uuid::Uuid;

use super::CallsClient;
use super::operations::OperationKind;
use crate::cloud::CloudFeature;
use crate::error::CallsError;
use crate::http::retry;
use crate::http::send::send_repeated;
use crate::http::{GraphError, Request, Response, TransportError};
use crate::model::{CallPart, Collection, Operation, ResourcePath};
use crate::permissions::{self, Requirement};
use crate::redacted::Redacted;

/// Header with the client's own id of a request, which Graph puts into its logs and answers.
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");
/// Pages of a collection that are read at most. A roster has one; more is a service that goes round in circles.
const MOST_PAGES: usize = 100;

/// A request in the making.
pub(super) struct Ask<'a> {
    kind: OperationKind,
    ids: &'a [&'a str],
    needs: Requirement,
    body: Option<Vec<u8>>,
}

impl<'a> Ask<'a> {
    /// A request about what these ids name, in the order of its path.
    pub(super) fn new(kind: OperationKind, ids: &'a [&'a str]) -> Self {
        Self { kind, ids, needs: kind.permissions(false), body: None }
    }

    /// What it needs, where that is known better than for all of its kind.
    pub(super) fn needs(self, needs: Requirement) -> Self {
        Self { needs, ..self }
    }

    /// With this body.
    pub(super) fn body(self, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("a model has text keys and plain values");
        Self { body: Some(body), ..self }
    }
}

/// An answer of success.
pub(super) struct Answered {
    kind: OperationKind,
    response: Response,
    client_request_id: String,
}

impl Answered {
    /// What the body describes.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, CallsError> {
        serde_json::from_slice(&self.response.body).map_err(|error| self.unreadable(&error))
    }

    /// The operation that the body describes. Its id may stand in `Location` only.
    pub(super) fn operation<T: Operation + DeserializeOwned>(&self) -> Result<T, CallsError> {
        let mut object = match (self.read::<Map<String, Value>>(), self.location_of_operation()) {
            (Ok(object), _) => object,
            (Err(error), Some(_)) => {
                // It was begun, and the notification of its end will name it.
                tracing::warn!(%error, "only its address tells about the operation");
                Map::new()
            }
            (Err(error), None) => return Err(error),
        };
        if object.get("id").and_then(Value::as_str).is_none_or(str::is_empty)
            && let Some(id) = self.location_of_operation()
        {
            object.insert("id".to_owned(), Value::String(id));
        }
        let operation: T =
            serde_json::from_value(Value::Object(object)).map_err(|error| self.unreadable(&error))?;
        // What follows about one that is not over could not be told to be about it.
        let is_nameless = operation.common().id.is_none_or(|id| id.as_str().is_empty());
        if is_nameless && !operation.is_over() {
            return Err(self.without("neither `id` nor `Location`, and the operation is not over"));
        }
        Ok(operation)
    }

    /// Where the service says that the thing is.
    pub(super) fn location(&self) -> Option<ResourcePath> {
        self.response.header("location").and_then(ResourcePath::parse)
    }

    fn location_of_operation(&self) -> Option<String> {
        match self.location()?.part {
            CallPart::Operation(id) => Some(id.to_string()),
            _ => None,
        }
    }

    fn unreadable(&self, error: &serde_json::Error) -> CallsError {
        // Where and of what kind, not the text: the body may hold a blob.
        let reason =
            format!("{:?} error at line {} column {}", error.classify(), error.line(), error.column());
        self.without(reason)
    }

    /// The error for an answer that has not what it should have.
    pub(super) fn without(&self, reason: impl Into<String>) -> CallsError {
        CallsError::Unreadable {
            operation: self.kind.name(),
            reason: reason.into(),
            client_request_id: self.client_request_id.clone(),
        }
    }
}

impl CallsClient {
    /// Refuses what the client's cloud lacks, if the request uses it.
    pub(super) fn check_cloud(&self, feature: CloudFeature, is_used: bool) -> Result<(), CallsError> {
        if is_used { self.inner.cloud.supports(feature) } else { Ok(()) }
    }

    /// Sends a request and returns an answer of success.
    pub(super) async fn send(&self, ask: Ask<'_>) -> Result<Answered, CallsError> {
        let url = ask.kind.row().url(&self.inner.graph, ask.ids)?;
        self.send_to(url, ask).await
    }

    /// Reads a whole collection, page by page.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        kind: OperationKind,
        ids: &[&str],
    ) -> Result<Vec<T>, CallsError> {
        let mut url = kind.row().url(&self.inner.graph, ids)?;
        let mut elements = Vec::new();
        let mut pages = 0;
        loop {
            let answer = self.send_to(url, Ask::new(kind, ids)).await?;
            let page: Collection<T> = answer.read()?;
            elements.extend(page.value.into_value().unwrap_or_default());
            let Some(next) = page.next_link.into_value() else { return Ok(elements) };
            pages += 1;
            if pages == MOST_PAGES {
                return Err(answer.without(format!("more than {MOST_PAGES} pages")));
            }
            // The token goes nowhere but to Graph.
            let next = Url::parse(&next).ok().filter(|next| next.origin() == self.inner.graph.origin());
            url = next.ok_or_else(|| answer.without("the next page is not at Graph's address"))?;
        }
    }

    async fn send_to(&self, url: Url, ask: Ask<'_>) -> Result<Answered, CallsError> {
        self.check_cloud(ask.kind.cloud_feature(), true)?;
        let client_request_id = Uuid::new_v4().to_string();
        let span = tracing::info_span!(
            "graph_request",
            operation = ask.kind.name(),
            call = ask.ids.first().copied(),
            client_request_id
        );
        self.exchange(url, ask, client_request_id).instrument(span).await
    }

    async fn exchange(&self, url: Url, ask: Ask<'_>, id: String) -> Result<Answered, CallsError> {
        let row = ask.kind.row();
        let mut request = Request::new(row.method(), url, self.inner.timeout);
        request.headers = headers(&id);
        if let Some(body) = ask.body {
            request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            request.body = body;
        } else if request.method == Method::POST {
            // Said nowhere else, and front ends answer 411 to a POST that does not say how long it is.
            request.headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let mut token = self.inner.tokens.token().await?;
        let mut response = self.attempt(ask.kind, request.clone(), &token, &id).await?;
        if response.status == 401 {
            // Refused at the door, so not processed: the token was revoked, or the clocks differ. Once more with a
            // new one.
            self.inner.tokens.discard(&token);
            token = self.inner.tokens.token().await?;
            response = self.attempt(ask.kind, request, &token, &id).await?;
        }
        let status = response.status;
        tracing::debug!(ids = ?ask.ids, status, documented = row.success, "answered");
        if response.is_success() {
            Ok(Answered { kind: ask.kind, response, client_request_id: id })
        } else {
            Err(refused(ask.kind, ask.needs, &response, &token, id))
        }
    }

    async fn attempt(
        &self,
        kind: OperationKind,
        mut request: Request,
        token: &Redacted<String>,
        client_request_id: &str,
    ) -> Result<Response, CallsError> {
        request.bearer(token);
        let repeat = kind.row().repeat;
        let answer = send_repeated(&*self.inner.transport, &self.inner.retry, repeat, &request).await;
        let client_request_id = client_request_id.to_owned();
        answer.map_err(|source| match source {
            TransportError::TooLarge { .. } => CallsError::Unreadable {
                operation: kind.name(),
                reason: source.to_string(),
                client_request_id,
            },
            source => CallsError::NoAnswer { operation: kind.name(), client_request_id, source },
        })
    }
}

fn headers(client_request_id: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let id = HeaderValue::from_str(client_request_id).expect("a UUID is a legal header value");
    headers.insert(CLIENT_REQUEST_ID, id);
    headers
}

fn refused(
    kind: OperationKind,
    needs: Requirement,
    answer: &Response,
    token: &Redacted<String>,
    client_request_id: String,
) -> CallsError {
    let granted = if answer.status == 403 { permissions::granted_by(token.expose()) } else { None };
    CallsError::Refused {
        operation: kind.name(),
        status: answer.status,
        error: Box::new(GraphError::read(answer)),
        client_request_id,
        retry_after: retry::retry_after(answer.header("retry-after")),
        needs,
        missing: granted.map(|granted| needs.missing_from(&granted)),
    }
}
