//! Settings of a [`CallsClient`](super::CallsClient).

use std::sync::Arc;
use std::time::Duration;

use url::{Host, Url};

use super::{CallsClient, Inner};
use crate::auth::{Credentials, TokenSource};
use crate::error::CallsError;
use crate::http::{HttpTransport, RetryPolicy, Transport};

/// Graph's global cloud.
const GRAPH: &str = "https://graph.microsoft.com";
/// The authority of the global cloud.
const AUTHORITY: &str = "https://login.microsoftonline.com";

/// Settings of a client. Defaults are the global cloud's.
#[must_use = "a client is made by `build`"]
pub struct CallsClientBuilder {
    credentials: Credentials,
    graph: String,
    authority: String,
    timeout: Duration,
    retry: RetryPolicy,
    transport: Option<Arc<dyn Transport>>,
    allow_plain_http: bool,
}

impl CallsClient {
    /// A client that signs in with `credentials`.
    ///
    /// ```
    /// use offhook_signaling::{CallsClient, Credentials};
    ///
    /// let credentials = Credentials::client_secret("contoso.onmicrosoft.com", "app id", "secret");
    /// let client = CallsClient::builder(credentials).build()?;
    /// # Ok::<(), offhook_signaling::CallsError>(())
    /// ```
    pub fn builder(credentials: Credentials) -> CallsClientBuilder {
        CallsClientBuilder {
            credentials,
            graph: GRAPH.to_owned(),
            authority: AUTHORITY.to_owned(),
            timeout: Duration::from_secs(30),
            retry: RetryPolicy::default(),
            transport: None,
            allow_plain_http: false,
        }
    }
}

impl CallsClientBuilder {
    /// Graph's address, without version. Default `https://graph.microsoft.com`. Also the scope of the token, so that
    /// tokens do not cross clouds.
    pub fn graph_url(mut self, url: impl Into<String>) -> Self {
        self.graph = url.into();
        self
    }

    /// Address of the authority that issues tokens. Default `https://login.microsoftonline.com`.
    pub fn authority(mut self, url: impl Into<String>) -> Self {
        self.authority = url.into();
        self
    }

    /// How long one attempt of a request may take. Default 30 s. Creating a call that takes longer may leave a call that
    /// nobody follows.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How often and how patiently requests are repeated, those that may be.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// What carries the requests. Default [`HttpTransport`] with its own connection pool.
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Lets secrets and media keys travel unencrypted to other machines. Default: only over https, or to this machine.
    pub fn allow_plain_http(mut self, allow: bool) -> Self {
        self.allow_plain_http = allow;
        self
    }

    /// Checks the settings and makes the client. Sends nothing.
    ///
    /// # Errors
    /// [`CallsError::InvalidSetting`] with the rule; [`CallsError::HttpClient`] when TLS cannot be set up.
    pub fn build(self) -> Result<CallsClient, CallsError> {
        self.credentials.check()?;
        let graph = service_url("graph_url", &self.graph, self.allow_plain_http)?;
        let authority = service_url("authority", &self.authority, self.allow_plain_http)?;
        let transport = match self.transport {
            Some(transport) => transport,
            None => Arc::new(HttpTransport::new().map_err(CallsError::HttpClient)?),
        };
        let tokens =
            TokenSource::new(self.credentials, &authority, &graph, self.timeout, Arc::clone(&transport));
        Ok(CallsClient {
            inner: Arc::new(Inner {
                graph,
                tokens,
                transport,
                retry: self.retry,
                timeout: self.timeout,
                allow_plain_http: self.allow_plain_http,
            }),
        })
    }
}

fn service_url(setting: &'static str, text: &str, allow_plain_http: bool) -> Result<Url, CallsError> {
    let invalid = |rule| CallsError::InvalidSetting { setting, rule };
    let url = Url::parse(text).map_err(|_| invalid("must be a URL"))?;
    if url.query().is_some()
        || url.fragment().is_some()
        || !url.username().is_empty()
        || url.password().is_some()
    {
        return Err(invalid("must be a plain address, without user, query or fragment"));
    }
    if is_protected(&url, allow_plain_http) {
        Ok(url)
    } else {
        Err(invalid("must be https, or http on this machine"))
    }
}

/// Whether what is sent there stays secret: https, or http that does not leave this machine, unless told otherwise.
pub(crate) fn is_protected(url: &Url, allow_plain_http: bool) -> bool {
    let local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && (local || allow_plain_http))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_leave_the_machine_unencrypted_unless_told() {
        let build = |graph: &str, allow| {
            let credentials = Credentials::client_secret("tenant", "app", "secret");
            CallsClient::builder(credentials).graph_url(graph).allow_plain_http(allow).build().map(|_| ())
        };
        for graph in
            ["https://graph.microsoft.us", "http://127.0.0.1:9440", "http://localhost:1", "http://[::1]:1/x"]
        {
            assert!(build(graph, false).is_ok(), "{graph}");
        }
        for graph in
            ["http://emulator:9440", "http://10.0.0.1", "ftp://x", "graph", "https://u:p@x", "https://x?y"]
        {
            assert!(build(graph, false).is_err(), "{graph}");
        }
        assert!(build("http://emulator:9440", true).is_ok());
    }
}
