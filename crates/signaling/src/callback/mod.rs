//! [`CallbackReceiver`]: what Graph posts to a call's `callbackUri`.
//!
//! `receive` checks the caller's token before it reads the body, and `body` says what that is. What passes is handed to its call in the order in which it
//! came, and the answer (202) goes out at once; calls work through theirs behind. `replay` remembers what was taken, `joining`
//! answers for a recording policy, `service` is what an HTTP server calls.

mod body;
mod joining;
mod receive;
mod replay;
mod service;
mod settings;

use std::sync::Arc;

use axum::Router;

use self::receive::Inner;
use crate::registry::{DeliveryStats, Registry};

pub use service::CallbackService;
pub use settings::CallbackReceiverBuilder;

/// What became of posts and notifications, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceiverStats {
    /// Posts that were taken (202, or 200 with the answer to one who is about to join).
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
    /// Posts that had been taken already: same token, same message id, same body (409).
    pub replayed: u64,
    /// Incoming calls in the form from before Graph (204): they come again in Graph's.
    pub legacy: u64,
    /// What became of the notifications in the accepted posts.
    pub notifications: DeliveryStats,
}

/// Receives Graph's notifications for any number of calls. Cheap to clone; clones are one receiver.
#[derive(Clone)]
pub struct CallbackReceiver {
    inner: Arc<Inner>,
}

impl CallbackReceiver {
    /// A router that takes posts at `path`, such as `/callback`. To be merged into the bot's own server.
    ///
    /// # Panics
    /// When `path` does not begin with a slash.
    pub fn router(&self, path: &str) -> Router {
        Router::new().route_service(path, self.service())
    }

    /// The same as a [`tower::Service`], for any server that is built of those. The server says at which path.
    ///
    /// ```
    /// use offhook_signaling::CallbackReceiver;
    ///
    /// let receiver = CallbackReceiver::builder("app id").build()?;
    /// let app: axum::Router = axum::Router::new().route_service("/callback", receiver.service());
    /// # Ok::<(), offhook_signaling::CallsError>(())
    /// ```
    pub fn service(&self) -> CallbackService {
        CallbackService::new(Arc::clone(&self.inner))
    }

    /// What became of posts and notifications, since the start.
    pub fn stats(&self) -> ReceiverStats {
        self.inner.stats()
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
