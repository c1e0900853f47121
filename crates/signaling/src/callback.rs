//! [`CallbackReceiver`]: what Graph posts to a call's `callbackUri`.
//!
//! `[io]` The caller's token is checked before the body is read. What passes is handed to its call in the order in which it
//! came, and the answer (202) goes out at once; calls work through theirs behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures_util::StreamExt;
use url::Url;

use crate::auth::{CallbackVerifier, CallerSettings, VerifyError};
use crate::client::is_protected;
use crate::error::CallsError;
use crate::http::{HttpTransport, Transport};
use crate::model::CommsNotifications;
use crate::registry::{DeliveryStats, Registry};

/// What became of posts and notifications, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceiverStats {
    /// Posts that were taken (202).
    pub accepted: u64,
    /// Posts without a token that we believe (401).
    pub unauthorized: u64,
    /// Posts refused because the service's keys were not available (503).
    pub keys_unavailable: u64,
    /// Posts that were not JSON by their content type (415).
    pub wrong_content_type: u64,
    /// Posts above the limit (413).
    pub too_large: u64,
    /// Posts whose body broke off or did not arrive in time (408).
    pub incomplete: u64,
    /// Posts whose body could not be parsed (400).
    pub unparsable: u64,
    /// What became of the notifications in the accepted posts.
    pub notifications: DeliveryStats,
}

/// Receives Graph's notifications for any number of calls. Cheap to clone; clones are one receiver.
#[derive(Clone)]
pub struct CallbackReceiver {
    inner: Arc<Inner>,
}

struct Inner {
    verifier: CallbackVerifier,
    registry: Arc<Registry>,
    body_limit: usize,
    body_timeout: Duration,
    close_connections: bool,
    counters: Counters,
}

#[derive(Default)]
struct Counters {
    accepted: AtomicU64,
    unauthorized: AtomicU64,
    keys_unavailable: AtomicU64,
    wrong_content_type: AtomicU64,
    too_large: AtomicU64,
    incomplete: AtomicU64,
    unparsable: AtomicU64,
}

impl CallbackReceiver {
    /// A receiver for the application with this id: the audience of Graph's tokens.
    ///
    /// ```
    /// use offhook_signaling::CallbackReceiver;
    ///
    /// let receiver = CallbackReceiver::builder("app id").build()?;
    /// let app: axum::Router = axum::Router::new().merge(receiver.router("/callback"));
    /// # Ok::<(), offhook_signaling::CallsError>(())
    /// ```
    pub fn builder(client_id: impl Into<String>) -> CallbackReceiverBuilder {
        CallbackReceiverBuilder {
            settings: CallerSettings::for_application(client_id),
            metadata_url: None,
            transport: None,
            body_limit: 4 << 20,
            body_timeout: Duration::from_secs(10),
            close_connections: false,
            allow_plain_http: false,
        }
    }

    /// A router that takes posts at `path`, such as `/callback`. To be merged into the bot's own server.
    ///
    /// # Panics
    /// When `path` does not begin with a slash.
    pub fn router(&self, path: &str) -> Router {
        Router::new().route(path, post(receive)).with_state(Arc::clone(&self.inner))
    }

    /// What became of posts and notifications, since the start.
    pub fn stats(&self) -> ReceiverStats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.inner.counters;
        ReceiverStats {
            accepted: count(&counters.accepted),
            unauthorized: count(&counters.unauthorized),
            keys_unavailable: count(&counters.keys_unavailable),
            wrong_content_type: count(&counters.wrong_content_type),
            too_large: count(&counters.too_large),
            incomplete: count(&counters.incomplete),
            unparsable: count(&counters.unparsable),
            notifications: self.inner.registry.stats(),
        }
    }

    pub(crate) fn registry(&self) -> &Arc<Registry> {
        &self.inner.registry
    }
}

impl std::fmt::Debug for CallbackReceiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallbackReceiver").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// Settings of a receiver. Defaults are the global cloud's.
#[must_use = "a receiver is made by `build`"]
pub struct CallbackReceiverBuilder {
    settings: CallerSettings,
    metadata_url: Option<String>,
    transport: Option<Arc<dyn Transport>>,
    body_limit: usize,
    body_timeout: Duration,
    close_connections: bool,
    allow_plain_http: bool,
}

impl CallbackReceiverBuilder {
    /// Issuers to believe. Default: the two of Graph's documentation and samples.
    pub fn issuers(mut self, issuers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.settings.issuers = issuers.into_iter().map(Into::into).collect();
        self
    }

    /// Where the OpenID metadata is that names the keys. Default: the calling service's.
    pub fn metadata_url(mut self, url: impl Into<String>) -> Self {
        self.metadata_url = Some(url.into());
        self
    }

    /// By how much the clocks may differ. Default 5 minutes.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.settings.leeway = leeway;
        self
    }

    /// How often an unknown key id may make the keys be read again. Default every 30 s.
    pub fn shortest_key_age(mut self, age: Duration) -> Self {
        self.settings.shortest_key_age = age;
        self
    }

    /// Longest body, in bytes. Default 4 MiB, some three thousand participants. Above: 413.
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// How long a body may take to arrive. Default 10 s. After: 408.
    pub fn body_timeout(mut self, timeout: Duration) -> Self {
        self.body_timeout = timeout;
        self
    }

    /// Closes the connection after each answer, so that a load balancer spreads the next ones. Default off; costs a
    /// connection per post.
    pub fn close_connections(mut self, close: bool) -> Self {
        self.close_connections = close;
        self
    }

    /// What fetches the keys. Default [`HttpTransport`].
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Lets keys be fetched unencrypted from other machines, which is to let them be forged. Default: https, or this machine.
    pub fn allow_plain_http(mut self, allow: bool) -> Self {
        self.allow_plain_http = allow;
        self
    }

    /// Checks the settings and makes the receiver.
    ///
    /// # Errors
    /// [`CallsError::InvalidSetting`] with the rule; [`CallsError::HttpClient`] when TLS cannot be set up.
    pub fn build(mut self) -> Result<CallbackReceiver, CallsError> {
        let invalid = |setting, rule| CallsError::InvalidSetting { setting, rule };
        if let Some(url) = &self.metadata_url {
            self.settings.metadata_url =
                Url::parse(url).map_err(|_| invalid("metadata_url", "must be a URL"))?;
        }
        if !is_protected(&self.settings.metadata_url, self.allow_plain_http) {
            return Err(invalid("metadata_url", "must be https, or http on this machine"));
        }
        if self.settings.audience.is_empty() {
            return Err(invalid("client_id", "must not be empty"));
        }
        let transport = match self.transport {
            Some(transport) => transport,
            None => Arc::new(HttpTransport::new().map_err(CallsError::HttpClient)?),
        };
        let inner = Inner {
            verifier: CallbackVerifier::new(self.settings, transport),
            registry: Arc::default(),
            body_limit: self.body_limit,
            body_timeout: self.body_timeout,
            close_connections: self.close_connections,
            counters: Counters::default(),
        };
        Ok(CallbackReceiver { inner: Arc::new(inner) })
    }
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
}

async fn receive(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let mut response = match inner.take(request).await {
        Ok(()) => {
            inner.counters.accepted.fetch_add(1, Ordering::Relaxed);
            StatusCode::ACCEPTED.into_response()
        }
        Err(refusal) => inner.refuse(&refusal),
    };
    if inner.close_connections {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

impl Inner {
    async fn take(&self, request: Request) -> Result<(), Refusal> {
        let (head, body) = request.into_parts();
        let authorization = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let caller = self.verifier.verify_caller(authorization).await?;
        if !is_json(&head.headers) {
            return Err(Refusal::ContentType);
        }
        let body = self.read_body(&head.headers, body).await?;
        let notifications = CommsNotifications::from_slice(&body)
            .map_err(|error| Refusal::Unparsable(error.classify(), error.line(), error.column()))?;
        for notification in caller.vouch(notifications).into_notifications() {
            self.registry.deliver(notification);
        }
        Ok(())
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
        };
        counter.fetch_add(1, Ordering::Relaxed);
        // Anybody can post without a token, and must not set the pace of the log; the counters tell of it.
        match refusal {
            Refusal::Caller(_) => tracing::debug!(%refusal, status = status.as_u16(), "callback refused"),
            _ => tracing::warn!(%refusal, status = status.as_u16(), "callback refused"),
        }
        let mut response = status.into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
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
