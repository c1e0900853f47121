//! Fetches access tokens: one request for any number of callers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde_json::Value;
use tokio::sync::watch;
use url::Url;

use super::token::{Plan, TokenCache};
use super::{Credentials, TokenError};
use crate::http::retry::{self, Repeat, RetryPolicy};
use crate::http::send::send_repeated;
use crate::http::{Request, Response, Transport, TransportError};
use crate::redacted::Redacted;

/// Longest life that a token is believed to have. Entra's live for 60 to 90 minutes; a larger number is a mistake.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);

/// Gives out access tokens for one application, tenant and Graph.
pub(crate) struct TokenSource {
    credentials: Credentials,
    endpoint: Url,
    scope: String,
    timeout: Duration,
    transport: Arc<dyn Transport>,
    cache: Mutex<TokenCache>,
    /// How the latest attempt ended: those who waited for it share its failure.
    outcome: watch::Sender<Option<TokenError>>,
}

impl TokenSource {
    pub(crate) fn new(
        credentials: Credentials,
        authority: &Url,
        graph: &Url,
        timeout: Duration,
        transport: Arc<dyn Transport>,
    ) -> Self {
        let mut endpoint = authority.clone();
        if let Ok(mut path) = endpoint.path_segments_mut() {
            path.pop_if_empty().extend([credentials.tenant(), "oauth2", "v2.0", "token"]);
        }
        let scope = format!("{}/.default", graph.as_str().trim_end_matches('/'));
        let (cache, outcome) = (Mutex::default(), watch::Sender::new(None));
        Self { credentials, endpoint, scope, timeout, transport, cache, outcome }
    }

    /// A token that is good now.
    pub(crate) async fn token(&self) -> Result<Redacted<String>, TokenError> {
        loop {
            // Watched before planning, so that an attempt that ends in between is not missed.
            let mut outcome = self.outcome.subscribe();
            outcome.mark_unchanged();
            let plan = self.cache().plan(Instant::now());
            match plan {
                Plan::Use(token) => return Ok(token),
                Plan::Fetch => return self.fetch().await,
                Plan::Wait => {
                    if outcome.changed().await.is_ok()
                        && let Some(error) = &*outcome.borrow()
                    {
                        return Err(error.clone());
                    }
                }
            }
        }
    }

    /// Forgets a token that Graph refused.
    pub(crate) fn discard(&self, token: &Redacted<String>) {
        self.cache().discard(token);
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, TokenCache> {
        // A panic elsewhere cannot leave the cache half changed: each of its methods ends before anything can fail.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn fetch(&self) -> Result<Redacted<String>, TokenError> {
        let mut attempt = Attempt { source: self, result: None };
        let result = self.ask().await;
        attempt.result = Some(result.as_ref().map(|_| ()).map_err(Clone::clone));
        if let Ok((token, lifetime)) = &result {
            self.cache().fetched(Instant::now(), token.clone(), *lifetime);
        }
        drop(attempt);
        match result {
            Ok((token, _)) => Ok(token),
            // The renewal failed, but the old token may still be good.
            Err(error) => self.cache().usable(Instant::now()).ok_or(error),
        }
    }

    async fn ask(&self) -> Result<(Redacted<String>, Duration), TokenError> {
        // Asking for a token twice does no harm.
        let policy = RetryPolicy::default();
        let answer = send_repeated(&*self.transport, &policy, Repeat::Always, &self.request()).await;
        let answer = answer.map_err(|error| match error {
            TransportError::TooLarge { .. } => TokenError::Unreadable("too long"),
            error => TokenError::NoAnswer(Arc::new(error)),
        });
        read(&answer?)
    }

    fn request(&self) -> Request {
        let mut request = Request::new(Method::POST, self.endpoint.clone(), self.timeout);
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        request.body = self.credentials.token_form(&self.scope);
        request
    }
}

/// An attempt under way. When it is dropped before its end, because its caller went away, the others must not wait on.
struct Attempt<'a> {
    source: &'a TokenSource,
    result: Option<Result<(), TokenError>>,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let error = match self.result.take() {
            Some(Ok(())) => None,
            Some(Err(error)) => {
                self.source.cache().failed(Instant::now());
                Some(error)
            }
            None => {
                self.source.cache().failed(Instant::now());
                None
            }
        };
        // Wakes whoever waits, whether it is another outcome or not.
        self.source.outcome.send_replace(error);
    }
}

fn read(answer: &Response) -> Result<(Redacted<String>, Duration), TokenError> {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    if !answer.is_success() {
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        return Err(TokenError::Refused {
            status: answer.status,
            code: text("error"),
            description: text("error_description"),
            retry_after: retry::retry_after(answer.header("retry-after")),
        });
    }
    let token = body.get("access_token").and_then(Value::as_str).filter(|token| !token.is_empty());
    let token = token.ok_or(TokenError::Unreadable("no access_token"))?;
    // A number by RFC 6749, text from some endpoints.
    let lifetime =
        body.get("expires_in").and_then(|life| life.as_u64().or_else(|| life.as_str()?.parse().ok()));
    let lifetime = lifetime.ok_or(TokenError::Unreadable("no expires_in"))?;
    Ok((token.into(), Duration::from_secs(lifetime).min(LONGEST_LIFE)))
}
