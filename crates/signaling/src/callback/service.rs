//! The receiver as a service that HTTP servers call.
//!
//! `[io]` Answers requests.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::{Request, Response};
use futures_util::future::BoxFuture;
use tower::Service;

use super::receive::Inner;

/// Answers posts for a [`CallbackReceiver`](super::CallbackReceiver), whatever their path: for axum, for hyper, for whatever is
/// built of [`tower::Service`]. Always ready; never fails, for a post that is refused is answered too. Cheap to clone.
#[derive(Clone)]
pub struct CallbackService {
    inner: Arc<Inner>,
}

impl CallbackService {
    pub(super) fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }
}

impl<B> Service<Request<B>> for CallbackService
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { Ok(inner.answer(request.map(Body::new)).await) })
    }
}

impl fmt::Debug for CallbackService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackService").field("stats", &self.inner.stats()).finish_non_exhaustive()
    }
}
