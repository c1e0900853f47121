//! [io] Lets faults happen to requests, in front of everything that answers them.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::RETRY_AFTER;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{Connection, Faults, RequestEffect};
use crate::service::GraphError;

/// In an answer's extensions: a refusal in it is to be wrapped.
#[derive(Clone, Copy)]
pub(crate) struct Wrapped;

/// In an answer's extensions: what happened to it, for the timeline.
#[derive(Clone)]
pub(crate) struct Struck {
    pub(crate) effects: String,
    /// Whether the connection is closed in place of an answer.
    pub(crate) cut: bool,
}

impl Struck {
    /// What `effects` do, in the words of a scenario.
    fn by(effects: &[RequestEffect]) -> Option<Self> {
        let words = effects.iter().filter_map(|effect| serde_json::to_string(effect).ok());
        let cut =
            effects.iter().any(|effect| matches!(effect, RequestEffect::Drop | RequestEffect::LoseAnswer));
        let effects = words.collect::<Vec<_>>().join(", ");
        (!effects.is_empty()).then_some(Self { effects, cut })
    }
}

/// What happens to one request, put together from its effects.
#[derive(Default)]
struct Fate {
    delay: Duration,
    wrapped: bool,
    answer: Option<RequestEffect>,
}

impl Fate {
    fn of(effects: Vec<RequestEffect>) -> Self {
        let mut fate = Self::default();
        for effect in effects {
            match effect {
                RequestEffect::Delay(delay) => fate.delay += delay,
                RequestEffect::WrapErrors => fate.wrapped = true,
                answer => fate.answer = Some(answer),
            }
        }
        fate
    }
}

/// A middleware: asks `faults` about each request, and does what they say.
pub(crate) async fn strike(
    State(faults): State<Arc<Faults>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
    next: Next,
) -> Response {
    let effects = faults.of_request(request.method().as_str(), request.uri().path());
    if !effects.is_empty() {
        tracing::debug!(method = %request.method(), path = request.uri().path(), ?effects, "faults happen");
    }
    let struck = Struck::by(&effects);
    let fate = Fate::of(effects);
    if !fate.delay.is_zero() {
        tokio::time::sleep(fate.delay).await;
    }
    let mut response = match fate.answer {
        None | Some(RequestEffect::Delay(_) | RequestEffect::WrapErrors) => next.run(request).await,
        Some(RequestEffect::Throttle { retry_after }) => throttled(retry_after),
        Some(RequestEffect::Fail { status, code, message }) => {
            GraphError::failed(status, code, message).into_response()
        }
        Some(RequestEffect::Drop) => {
            connection.cut();
            ().into_response()
        }
        Some(RequestEffect::LoseAnswer) => {
            let answer = next.run(request).await;
            connection.cut();
            answer
        }
    };
    if let Some(struck) = struck {
        response.extensions_mut().insert(struck);
    }
    if fate.wrapped {
        response.extensions_mut().insert(Wrapped);
    }
    response
}

fn throttled(retry_after: Option<Duration>) -> Response {
    let mut response = GraphError::too_many_requests().into_response();
    // Whole seconds without a fraction, as clients expect that know no other.
    let seconds = retry_after.map(|wait| wait.as_secs_f64().to_string());
    if let Some(seconds) = seconds.and_then(|seconds| seconds.parse().ok()) {
        response.headers_mut().insert(RETRY_AFTER, seconds);
    }
    response
}
