//! What happens to a post: who sent it, whether it is whole, whether it is new, and whose it is.
//!
//! `[io]` Reads bodies and the clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{ALLOW, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use tracing::Instrument;

use super::ReceiverStats;
use super::body::{self, Posted};
use super::joining::{self, JoiningHook};
use super::replay::{Fingerprint, ReplayMemory};
use crate::auth::{CallbackVerifier, Caller, Verified, VerifyError};
use crate::model::{CommsNotification, ParticipantJoiningResponse};
use crate::registry::Registry;

/// The sender's id of a message, the same when it sends it again.
const MESSAGE_ID: &str = "x-microsoft-skype-message-id";

/// All that a receiver's clones share.
pub(super) struct Inner {
    pub(super) verifier: CallbackVerifier,
    pub(super) registry: Arc<Registry>,
    pub(super) body_limit: usize,
    pub(super) body_timeout: Duration,
    pub(super) close_connections: bool,
    pub(super) joining: JoiningHook,
    pub(super) taken: Mutex<ReplayMemory>,
    pub(super) counters: Counters,
}

#[derive(Default)]
pub(super) struct Counters {
    accepted: AtomicU64,
    unauthorized: AtomicU64,
    keys_unavailable: AtomicU64,
    wrong_content_type: AtomicU64,
    too_large: AtomicU64,
    incomplete: AtomicU64,
    unparsable: AtomicU64,
    replayed: AtomicU64,
    legacy: AtomicU64,
}

/// What was taken.
enum Taken {
    /// Notifications, and the answer if they ask for one.
    Notifications(Option<ParticipantJoiningResponse>),
    /// Nothing yet: it will come again in Graph's form.
    Legacy,
}

/// Why a post is not taken.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    Caller(#[from] VerifyError),
    #[error("content type is not JSON")]
    ContentType,
    #[error("body above the limit")]
    TooLarge,
    #[error("body broke off or came too slowly")]
    Incomplete,
    #[error("body cannot be parsed: {0:?} error at line {1} column {2}")]
    Unparsable(serde_json::error::Category, usize, usize),
    #[error("taken already")]
    Replayed,
}

impl Inner {
    /// Answers a request, whatever it is.
    pub(super) async fn answer(&self, request: Request) -> Response {
        let version = request.version();
        let mut response = if request.method() == Method::POST {
            let span = tracing::info_span!("callback", message_id = tracing::field::Empty);
            self.answer_post(request).instrument(span).await
        } else {
            (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "POST")]).into_response()
        };
        // Later versions have no such header: many requests share their connection.
        if self.close_connections && version < Version::HTTP_2 {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    async fn answer_post(&self, request: Request) -> Response {
        let (counter, response) = match self.take(request).await {
            Ok(Taken::Notifications(None)) => (&self.counters.accepted, StatusCode::ACCEPTED.into_response()),
            Ok(Taken::Notifications(Some(answer))) => (&self.counters.accepted, Json(answer).into_response()),
            Ok(Taken::Legacy) => (&self.counters.legacy, StatusCode::NO_CONTENT.into_response()),
            Err(refusal) => return self.refuse(&refusal),
        };
        counter.fetch_add(1, Ordering::Relaxed);
        response
    }

    /// Takes a post, or says why not.
    async fn take(&self, request: Request) -> Result<Taken, Refusal> {
        let (head, body) = request.into_parts();
        let authorization = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let caller = self.verifier.verify_caller(authorization).await?;
        // Only now, since it is believed: a stranger writes nothing into the log.
        let message_id = head.headers.get(MESSAGE_ID);
        if let Some(id) = message_id {
            tracing::Span::current().record("message_id", tracing::field::debug(id));
        }
        if !is_json(&head.headers) {
            return Err(Refusal::ContentType);
        }
        let body = self.read_body(&head.headers, body).await?;
        let posted = body::read(&body)
            .map_err(|error| Refusal::Unparsable(error.classify(), error.line(), error.column()))?;
        let Posted::Notifications(notifications) = posted else { return Ok(Taken::Legacy) };
        let joining = joining::all(&notifications);
        // A question is answered again: without the answer, the participant would wait.
        if let (Some(id), Some(token), true) = (message_id, authorization, joining.is_empty()) {
            self.take_once(&caller, Fingerprint::of(token, id.as_bytes(), &body))?;
        }
        let each = body.len() / notifications.value.items().len().max(1);
        for notification in caller.vouch(notifications).into_notifications() {
            self.deliver(notification, each);
        }
        // Last, since the application's hook may panic, and what was taken would be lost: again, it is refused.
        Ok(Taken::Notifications(joining::answer(&caller, joining, &self.joining)))
    }

    /// Refuses what was taken already. Without a message id nothing is called a replay: muted, unmuted and muted again are
    /// honest posts of which two look the same.
    fn take_once(&self, caller: &Caller, post: Fingerprint) -> Result<(), Refusal> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // A panic elsewhere leaves at worst one post remembered in one of two places.
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.take(post, now, caller.believed_until()) { Ok(()) } else { Err(Refusal::Replayed) }
    }

    fn deliver(&self, notification: Verified<CommsNotification>, bytes: usize) {
        let call = notification.get().call_id();
        let span = tracing::info_span!("notification", call = call.as_ref().map(tracing::field::display));
        span.in_scope(|| self.registry.deliver(notification, bytes));
    }

    async fn read_body(&self, headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Refusal> {
        let announced =
            headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > self.body_limit as u64) {
            return Err(Refusal::TooLarge);
        }
        let reading = read_up_to(body, self.body_limit);
        tokio::time::timeout(self.body_timeout, reading).await.unwrap_or(Err(Refusal::Incomplete))
    }

    fn refuse(&self, refusal: &Refusal) -> Response {
        let (counter, status) = match refusal {
            Refusal::Caller(VerifyError::KeysUnavailable) => {
                (&self.counters.keys_unavailable, StatusCode::SERVICE_UNAVAILABLE)
            }
            Refusal::Caller(_) => (&self.counters.unauthorized, StatusCode::UNAUTHORIZED),
            Refusal::ContentType => (&self.counters.wrong_content_type, StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Refusal::TooLarge => (&self.counters.too_large, StatusCode::PAYLOAD_TOO_LARGE),
            Refusal::Incomplete => (&self.counters.incomplete, StatusCode::REQUEST_TIMEOUT),
            Refusal::Unparsable(..) => (&self.counters.unparsable, StatusCode::BAD_REQUEST),
            Refusal::Replayed => (&self.counters.replayed, StatusCode::CONFLICT),
        };
        counter.fetch_add(1, Ordering::Relaxed);
        // Anybody can post without a token, or again what was posted, and must not set the pace of the log; the counters
        // tell of it.
        match refusal {
            Refusal::Caller(_) | Refusal::Replayed => {
                tracing::debug!(%refusal, status = status.as_u16(), "callback refused");
            }
            _ => tracing::warn!(%refusal, status = status.as_u16(), "callback refused"),
        }
        let mut response = status.into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }

    pub(super) fn stats(&self) -> ReceiverStats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ReceiverStats {
            accepted: count(&self.counters.accepted),
            unauthorized: count(&self.counters.unauthorized),
            keys_unavailable: count(&self.counters.keys_unavailable),
            wrong_content_type: count(&self.counters.wrong_content_type),
            too_large: count(&self.counters.too_large),
            incomplete: count(&self.counters.incomplete),
            unparsable: count(&self.counters.unparsable),
            replayed: count(&self.counters.replayed),
            legacy: count(&self.counters.legacy),
            notifications: self.registry.stats(),
        }
    }
}

async fn read_up_to(body: Body, limit: usize) -> Result<Vec<u8>, Refusal> {
    let mut chunks = body.into_data_stream();
    let mut read = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Refusal::Incomplete)?;
        if read.len() + chunk.len() > limit {
            return Err(Refusal::TooLarge);
        }
        read.extend_from_slice(&chunk);
    }
    Ok(read)
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}
