//! Settings of a [`CallbackReceiver`].

use std::sync::{Arc, Mutex};
use std::time::Duration;

use url::Url;

use super::CallbackReceiver;
use super::joining::JoiningHook;
use super::receive::{Counters, Inner};
use crate::auth::{CallbackVerifier, CallerSettings, Verified};
use crate::client::is_protected;
use crate::cloud::Cloud;
use crate::error::CallsError;
use crate::http::{HttpTransport, Transport};
use crate::model::{ParticipantJoiningNotification, ParticipantJoiningResponse};

/// Settings of a receiver. Defaults are the global cloud's.
#[must_use = "a receiver is made by `build`"]
pub struct CallbackReceiverBuilder {
    settings: CallerSettings,
    metadata_url: Option<String>,
    transport: Option<Arc<dyn Transport>>,
    body_limit: usize,
    body_timeout: Duration,
    close_connections: bool,
    joining: JoiningHook,
    allow_plain_http: bool,
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
            joining: Box::new(|_| ParticipantJoiningResponse::accept()),
            allow_plain_http: false,
        }
    }
}

impl CallbackReceiverBuilder {
    /// Which cloud calls back: its issuers and where its keys are described. Default [`Cloud::global`].
    pub fn cloud(mut self, cloud: &Cloud) -> Self {
        let (.., issuers, metadata_url) = cloud.addresses();
        self.settings.issuers = issuers.to_vec();
        self.metadata_url = Some(metadata_url.to_owned());
        self
    }

    /// Issuers to believe. Default: the cloud's, the two of Graph's documentation and samples.
    pub fn issuers(mut self, issuers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.settings.issuers = issuers.into_iter().map(Into::into).collect();
        self
    }

    /// Where the OpenID metadata is that names the keys. Default: the cloud's.
    pub fn metadata_url(mut self, url: impl Into<String>) -> Self {
        self.metadata_url = Some(url.into());
        self
    }

    /// By how much the clocks may differ. Default 5 minutes.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.settings.leeway = leeway;
        self
    }

    /// How often an unknown key id may make the keys be read again. Default every 30 s. Where reading them failed, the first
    /// further attempt may come after a second.
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

    /// Answers for a bot that records by policy when someone under the policy is about to join a call that it is in. Default:
    /// they may.
    ///
    /// Graph waits for the answer, and the participant with it: decide at once, do not wait for anything.
    ///
    /// ```
    /// use offhook_signaling::CallbackReceiver;
    /// use offhook_signaling::model::{ParticipantJoiningResponse, RejectReason};
    ///
    /// # let is_full = || true;
    /// let receiver = CallbackReceiver::builder("app id")
    ///     .on_participant_joining(move |_| match is_full() {
    ///         true => ParticipantJoiningResponse::reject(RejectReason::Busy),
    ///         false => ParticipantJoiningResponse::accept(),
    ///     })
    ///     .build()?;
    /// # Ok::<(), offhook_signaling::CallsError>(())
    /// ```
    pub fn on_participant_joining(
        mut self,
        answer: impl Fn(&Verified<ParticipantJoiningNotification>) -> ParticipantJoiningResponse
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.joining = Box::new(answer);
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
            joining: self.joining,
            taken: Mutex::default(),
            counters: Counters::default(),
        };
        Ok(CallbackReceiver { inner: Arc::new(inner) })
    }
}
