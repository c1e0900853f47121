//! [io] Writes requests and their answers into the timeline.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::{StreamExt, stream};
use offhook_signaling::model::CallId;
use serde_json::Value;

use super::redact::address;
use super::{Happened, Timeline, milliseconds, shown};
use crate::faults::Struck;

/// A middleware outside of all others. Requests that only look at the emulator are no part of any call, and are left out; so are
/// those that are too large to be taken.
pub(crate) async fn observe(
    State((timeline, max)): State<(Arc<Timeline>, usize)>,
    request: Request,
    next: Next,
) -> Response {
    if !is_of_interest(request.method(), request.uri().path()) {
        return next.run(request).await;
    }
    let (at, begun) = (SystemTime::now(), Instant::now());
    let method = request.method().to_string();
    let path = address(request.uri().path_and_query().map_or("/", |path| path.as_str()));
    let call = call_in(request.uri().path());
    let (parts, body) = request.into_parts();
    let body = match read(body, max).await {
        Ok(body) => body,
        Err(rest) => return next.run(Request::from_parts(parts, rest)).await,
    };
    let sent = shown(content_type(&parts.headers), &body);
    let mut response = next.run(Request::from_parts(parts, Body::from(body))).await;
    let struck = response.extensions_mut().remove::<Struck>();
    let (response, answer) = answered(response).await;
    let call = call.or_else(|| created(&method, &path, answer.as_ref()));
    let happened = Happened::Request {
        method,
        path,
        body: sent,
        status: struck.as_ref().is_none_or(|struck| !struck.cut).then(|| response.status().as_u16()),
        answer,
        took_ms: milliseconds(begun.elapsed()),
        fault: struck.map(|struck| struck.effects),
    };
    timeline.add(at, call.as_ref(), &happened);
    response
}

/// The whole of a body. One that is longer than `max`, or breaks off, is given back as it was: others see to it.
async fn read(body: Body, max: usize) -> Result<Bytes, Body> {
    let mut rest = body.into_data_stream();
    let mut whole = Vec::new();
    while let Some(part) = rest.next().await {
        match part {
            Ok(part) if whole.len() + part.len() <= max => whole.extend_from_slice(&part),
            part => {
                let read = [Ok(Bytes::from(whole)), part];
                return Err(Body::from_stream(stream::iter(read).chain(rest)));
            }
        }
    }
    Ok(whole.into())
}

/// What bots ask for, what browsers negotiate, and what somebody does to the emulator.
fn is_of_interest(method: &Method, path: &str) -> bool {
    let is_page = path == "/" || path.starts_with("/page/") || path == "/favicon.ico";
    !is_page && (!path.starts_with("/emulator/") || *method != Method::GET)
}

fn content_type(headers: &HeaderMap) -> &str {
    headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The answer, and of its body what may be shown: of JSON and SDP all, and nothing of what may be long.
async fn answered(response: Response) -> (Response, Option<Value>) {
    let kind = content_type(response.headers()).to_ascii_lowercase();
    if !["application/json", "application/sdp", "application/trickle"]
        .iter()
        .any(|known| kind.starts_with(known))
    {
        return (response, None);
    }
    let (parts, body) = response.into_parts();
    // Our own answers end, and lie in memory already.
    let body = to_bytes(body, usize::MAX).await.unwrap_or_else(|_| Bytes::new());
    let answer = shown(&kind, &body);
    (Response::from_parts(parts, Body::from(body)), answer)
}

/// The call that an address names: `.../calls/ID/...`, or `.../calls('ID')`.
fn call_in(path: &str) -> Option<CallId> {
    let (_, after) = path.split_once("/calls")?;
    let id = after.trim_start_matches(['/', '(', '\'']);
    let id = id.split(['/', '\'', ')']).next().filter(|id| !id.is_empty())?;
    Some(id.into())
}

/// The call that a request has begun.
fn created(method: &str, path: &str, answer: Option<&Value>) -> Option<CallId> {
    let begins = method == "POST" && path.ends_with("/calls");
    answer.filter(|_| begins)?.get("id")?.as_str().map(CallId::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_filed_under_its_call() {
        let call = |path| call_in(path).map(|call| call.as_str().to_owned());
        assert_eq!(call("/v1.0/communications/calls/7/mute").as_deref(), Some("7"));
        assert_eq!(call("/v1.0/app/calls('7')/microsoft.graph.mute").as_deref(), Some("7"));
        assert_eq!(call("/emulator/calls/7/tones").as_deref(), Some("7"));
        assert_eq!(call("/v1.0/communications/calls"), None);
        assert_eq!(call("/tenant/oauth2/v2.0/token"), None);
        let answer = serde_json::json!({"id": "8"});
        assert_eq!(created("POST", "/v1.0/app/calls", Some(&answer)).unwrap().as_str(), "8");
        assert_eq!(created("GET", "/v1.0/app/calls", Some(&answer)), None);
    }

    #[test]
    fn what_only_looks_is_left_out() {
        for (method, path, expected) in [
            (Method::GET, "/", false),
            (Method::GET, "/page/page.css", false),
            (Method::GET, "/emulator/events", false),
            (Method::POST, "/emulator/calls", true),
            (Method::GET, "/v1.0/communications/calls/7", true),
            (Method::POST, "/meetings/7/whip", true),
        ] {
            assert_eq!(is_of_interest(&method, path), expected, "{method} {path}");
        }
    }
}
