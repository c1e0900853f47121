//! One trait with one method, and its HTTP implementation.
//!
//! `[io]` Tests and unusual networks put their own [`Transport`] here.

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, redirect};
use tracing::Instrument;
use url::Url;

use crate::redacted::Redacted;

/// Bytes of an answer that are read before it is given up as too large: a roster of a thousand is well below.
const ANSWER_LIMIT: usize = 8 << 20;

/// How long reaching the other end may take, which is part of the time for the whole exchange.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection that has silently gone would make each request on it wait for its timeout. While requests wait on it, it is
/// asked this often whether it is alive...
const PING_INTERVAL: Duration = Duration::from_secs(10);
/// ...and given up when it has not answered after this.
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// A request that is ready to go.
#[derive(Clone)]
pub struct Request {
    /// The verb.
    pub method: Method,
    /// The address.
    pub url: Url,
    /// The headers. `Authorization` is marked sensitive.
    pub headers: HeaderMap,
    /// The body; empty for none.
    pub body: Vec<u8>,
    /// How long the whole exchange may take.
    pub timeout: Duration,
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: Method, url: Url, timeout: Duration) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: Vec::new(), timeout }
    }

    /// Adds a bearer token. One that is no legal header value is left out, and the service will refuse the request.
    pub(crate) fn bearer(&mut self, token: &Redacted<String>) {
        if let Ok(mut value) = HeaderValue::try_from(format!("Bearer {}", token.expose())) {
            value.set_sensitive(true);
            self.headers.insert(AUTHORIZATION, value);
        }
    }
}

/// Shows verb and address; headers and body may hold secrets.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url)
    }
}

/// An answer.
#[derive(Clone)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// A header that is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether the status is 2xx.
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {} bytes", self.status, self.body.len())
    }
}

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// Nobody was reached: the request has not been processed.
    #[error("not sent: {0}")]
    NotSent(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The time was up. Whether the request has been processed is unknown.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// The exchange broke off. Whether the request has been processed is unknown.
    #[error("broken off: {0}")]
    BrokenOff(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The answer is larger than any the API gives.
    #[error("answer of more than {limit} bytes")]
    TooLarge {
        /// Bytes that are read at most.
        limit: usize,
    },
}

/// Sends a request and returns the answer, whatever its status.
pub trait Transport: Send + Sync + 'static {
    /// Sends `request`. Does not follow redirects and does not try again: that is decided above.
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>>;
}

/// HTTP by reqwest: TLS by rustls, connections reused, redirects not followed. Proxies as the environment says.
#[derive(Clone, Debug)]
pub struct HttpTransport {
    client: reqwest::Client,
}

impl HttpTransport {
    /// A transport with its own connection pool.
    ///
    /// # Errors
    /// When TLS cannot be set up, for want of root certificates for instance.
    pub fn new() -> Result<Self, TransportError> {
        let builder = reqwest::Client::builder()
            // A token must not follow where an answer points.
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(PING_INTERVAL)
            .http2_keep_alive_timeout(PING_TIMEOUT);
        builder.build().map(|client| Self { client }).map_err(|error| TransportError::NotSent(error.into()))
    }

    /// A transport on an HTTP client of one's own, with its proxies, certificates and pools. Let it not follow redirects.
    pub fn with_client(client: reqwest::Client) -> Self {
        Self { client }
    }

    async fn exchange(&self, request: Request) -> Result<Response, TransportError> {
        let timeout = request.timeout;
        let broken = |error: reqwest::Error| {
            // reqwest calls a connect that took too long both: nobody was reached, so the request was not processed.
            if error.is_connect() || error.is_builder() {
                TransportError::NotSent(error.into())
            } else if error.is_timeout() {
                TransportError::TimedOut(timeout)
            } else {
                TransportError::BrokenOff(error.into())
            }
        };
        let sending = self.client.request(request.method, request.url).headers(request.headers);
        let mut answer = sending.timeout(timeout).body(request.body).send().await.map_err(broken)?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(broken)? {
            if body.len() + chunk.len() > ANSWER_LIMIT {
                return Err(TransportError::TooLarge { limit: ANSWER_LIMIT });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response { status, headers, body })
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        let span = tracing::debug_span!(
            "http",
            method = %request.method,
            host = request.url.host_str(),
            // Without the query.
            path = request.url.path(),
        );
        Box::pin(self.exchange(request).instrument(span))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// Answers each request on this connection, which stays open.
    async fn answer(mut stream: TcpStream) {
        let mut read = Vec::new();
        while stream.read_buf(&mut read).await.is_ok_and(|read| read > 0) {
            if read.ends_with(b"\r\n\r\n") {
                read.clear();
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").await.unwrap();
            }
        }
    }

    #[tokio::test]
    async fn requests_share_a_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/x", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            answer(listener.accept().await.unwrap().0).await;
        });
        // Nobody answers a second connection, so a request on one would time out.
        let transport = HttpTransport::new().unwrap();
        for _ in 0..3 {
            let request = Request::new(Method::GET, Url::parse(&url).unwrap(), Duration::from_secs(5));
            let answer = transport.send(request).await.unwrap();
            assert_eq!((answer.status, answer.body.as_slice()), (200, b"hi".as_slice()));
        }
        server.abort();
    }
}
