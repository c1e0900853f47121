//! Settings of a [`CallsClient`](super::CallsClient).

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::{CallsClient, Inner};
use crate::auth::{Credentials, TokenAsk, TokenSource};
use crate::cloud::{Cloud, CloudFeature};
use crate::error::CallsError;
pub(crate) use crate::http::is_protected;
use crate::http::{HttpTransport, RetryPolicy, Transport};

/// Settings of a client. Defaults are the global cloud's.
#[must_use = "a client is made by `build`"]
pub struct CallsClientBuilder {
    credentials: Credentials,
    cloud: Cloud,
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
            cloud: Cloud::global(),
            timeout: Duration::from_secs(30),
            retry: RetryPolicy::default(),
            transport: None,
            allow_plain_http: false,
        }
    }
}

impl CallsClientBuilder {
    /// Which Graph and which authority. Default [`Cloud::global`]. Takes back what the two setters below said before.
    pub fn cloud(mut self, cloud: Cloud) -> Self {
        self.cloud = cloud;
        self
    }

    /// Graph's address, without version. Default: the cloud's. Also the scope of the token, so that tokens do not cross
    /// clouds.
    pub fn graph_url(mut self, url: impl Into<String>) -> Self {
        self.cloud = self.cloud.graph_url(url);
        self
    }

    /// Address of the authority that issues tokens. Default: the cloud's.
    pub fn authority(mut self, url: impl Into<String>) -> Self {
        self.cloud = self.cloud.authority_url(url);
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
    /// [`CallsError::InvalidSetting`] with the rule, also for a cloud without calls; [`CallsError::HttpClient`] when TLS
    /// cannot be set up.
    pub fn build(self) -> Result<CallsClient, CallsError> {
        if let Some(rule) = self.cloud.lacks(CloudFeature::Calls) {
            return Err(CallsError::InvalidSetting { setting: "cloud", rule });
        }
        let (graph, authority, ..) = self.cloud.addresses();
        let graph = service_url("graph_url", graph, self.allow_plain_http)?;
        let authority = service_url("authority", authority, self.allow_plain_http)?;
        let ask = TokenAsk::new(self.credentials, &authority, &graph, self.allow_plain_http)?;
        let transport = match self.transport {
            Some(transport) => transport,
            None => Arc::new(HttpTransport::new().map_err(CallsError::HttpClient)?),
        };
        let tokens = TokenSource::new(ask, self.timeout, Arc::clone(&transport));
        Ok(CallsClient {
            inner: Arc::new(Inner {
                cloud: self.cloud,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cloud_without_calls_is_refused_with_the_reason() {
        let build = |cloud| {
            CallsClient::builder(Credentials::client_secret("tenant", "app", "secret")).cloud(cloud).build()
        };
        let refused = build(Cloud::china()).map(|_| ());
        let Err(CallsError::InvalidSetting { setting: "cloud", rule }) = refused else {
            panic!("{refused:?}")
        };
        assert!(rule.contains("no calls API"), "{rule}");
        let client = build(Cloud::us_government_l5()).unwrap();
        assert_eq!(client.cloud(), &Cloud::us_government_l5());
        assert_eq!(client.inner.graph.as_str(), "https://dod-graph.microsoft.us/");
    }

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
