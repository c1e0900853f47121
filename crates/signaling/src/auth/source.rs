//! Fetches access tokens: one request for any number of callers.
//!
//! `[io]` Reads the clock and asks; `token` decides when, `ask` what.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;
use tracing::Instrument;

use super::TokenError;
use super::ask::{self, TokenAsk};
use super::token::{Plan, TokenCache};
use crate::http::retry::RetryPolicy;
use crate::http::send::send_repeated;
use crate::http::{Transport, TransportError};
use crate::redacted::Redacted;

/// What an attempt comes to. `None`: nothing, it was broken off.
type Outcome = Option<Result<Redacted<String>, TokenError>>;

/// Gives out access tokens for one application, tenant and Graph.
pub(crate) struct TokenSource {
    shared: Arc<Shared>,
}

struct Shared {
    ask: TokenAsk,
    timeout: Duration,
    transport: Arc<dyn Transport>,
    cache: Mutex<TokenCache>,
    /// How the latest attempt ended: those who waited for it share that.
    outcome: watch::Sender<Outcome>,
}

impl TokenSource {
    pub(crate) fn new(ask: TokenAsk, timeout: Duration, transport: Arc<dyn Transport>) -> Self {
        let (cache, outcome) = (Mutex::default(), watch::Sender::new(None));
        Self { shared: Arc::new(Shared { ask, timeout, transport, cache, outcome }) }
    }

    /// A token that is good now. To be called inside a tokio runtime.
    pub(crate) async fn token(&self) -> Result<Redacted<String>, TokenError> {
        loop {
            // Watched before planning, so that an attempt that ends in between is not missed.
            let mut outcome = self.shared.outcome.subscribe();
            outcome.mark_unchanged();
            let plan = self.shared.cache().plan(now());
            match plan {
                Plan::Use(token) => return Ok(token),
                Plan::UseAndFetch(token) => {
                    self.fetch();
                    return Ok(token);
                }
                Plan::Fetch => self.fetch(),
                Plan::Wait => {}
            }
            if outcome.changed().await.is_ok()
                && let Some(result) = outcome.borrow().clone()
            {
                return result;
            }
        }
    }

    /// Forgets a token that Graph refused.
    pub(crate) fn discard(&self, token: &Redacted<String>) {
        self.shared.cache().discard(token);
    }

    /// Fetches on a task of its own: a caller who goes away must not break off what others wait for.
    fn fetch(&self) {
        // Made here, so that an attempt whose task never runs is over too.
        let mut attempt = Attempt { shared: Arc::clone(&self.shared), outcome: None };
        let fetching = async move {
            let outcome = attempt.shared.ask().await;
            attempt.outcome = Some(outcome);
            drop(attempt);
        };
        tokio::spawn(fetching.instrument(tracing::debug_span!("access_token")));
    }
}

impl Shared {
    fn cache(&self) -> MutexGuard<'_, TokenCache> {
        // A panic elsewhere cannot leave the cache half changed: each of its methods ends before anything can fail.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(&self) -> Result<Redacted<String>, TokenError> {
        let request = self.ask.request(SystemTime::now(), self.timeout)?;
        let policy = RetryPolicy::default();
        let answer = send_repeated(&*self.transport, &policy, self.ask.repeat(), &request).await;
        let answer = answer.map_err(|error| match error {
            TransportError::TooLarge { .. } => TokenError::Unreadable("too long"),
            error => TokenError::NoAnswer(Arc::new(error)),
        });
        let (token, lifetime) = ask::read(&answer?, SystemTime::now())?;
        self.cache().fetched(now(), token.clone(), lifetime);
        Ok(token)
    }
}

/// An attempt under way. Its end is told however it ends, also when the runtime is shut down in the middle of it.
struct Attempt {
    shared: Arc<Shared>,
    outcome: Outcome,
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let outcome = self.outcome.take();
        if let Some(Err(error)) = &outcome {
            tracing::warn!(%error, "no access token");
        }
        if !matches!(outcome, Some(Ok(_))) {
            self.shared.cache().failed(now());
        }
        // Wakes whoever waits, whether it is another outcome or not.
        self.shared.outcome.send_replace(outcome);
    }
}

/// The runtime's clock, which a test may own.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
