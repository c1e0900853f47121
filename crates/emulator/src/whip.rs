//! [io] Joining a meeting from a browser, or with whatever speaks WHIP (RFC 9725).
//!
//! `POST /meetings/{joinMeetingId}/whip` with an SDP offer joins; the answer's `Location` is where to trickle to and to leave.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::header::{ALLOW, CONTENT_TYPE, ETAG, IF_MATCH, LOCATION};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{patch, post};
use serde::Deserialize;

use crate::bridge::PatchError;
use crate::exchange::Exchange;
use crate::far_end::PeerError;

const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// What can be posted, and patched (RFC 9725 section 4.2, RFC 5789 section 3.1).
const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

/// The longest name that is shown, in characters.
const LONGEST_NAME: usize = 100;

/// What is under `/meetings`. The page's check of origin and token stands in front of it.
pub(crate) fn router(exchange: Arc<Exchange>) -> Router {
    Router::new()
        .route("/meetings/{meeting}/whip", post(join).options(what_can_be_posted))
        .route("/meetings/{meeting}/whip/{person}", patch(trickle).delete(leave).options(what_can_be_patched))
        .with_state(exchange)
}

#[derive(Deserialize)]
struct Joining {
    /// What others see. Default `Guest`.
    name: Option<String>,
    /// The section, by its `a=mid`, in which a screen comes; without it the one that is marked with `a=content:slides`.
    screen: Option<String>,
}

async fn join(
    State(exchange): State<Arc<Exchange>>,
    Path(meeting): Path<String>,
    Query(joining): Query<Joining>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !is_content(&headers, SDP) {
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "The content type must be application/sdp.");
    }
    let Some(offer) = std::str::from_utf8(&body).ok().filter(|body| body.starts_with("v=0")) else {
        return refuse(StatusCode::BAD_REQUEST, "The body is no session description.");
    };
    let name = joining.name.filter(|name| !name.trim().is_empty());
    let name: String = name.as_deref().unwrap_or("Guest").trim().chars().take(LONGEST_NAME).collect();
    match exchange.join_meeting(&meeting, &name, offer, joining.screen.as_deref()).await {
        Ok((joined, _)) => {
            let location = format!("/meetings/{}/whip/{}", escaped(&meeting), joined.id);
            let etag = joined.person.etag().await;
            let headers =
                [(CONTENT_TYPE, SDP), (LOCATION, &location), (ETAG, &etag), (ACCEPT_PATCH, FRAGMENT)];
            (StatusCode::CREATED, headers, joined.answer).into_response()
        }
        Err(error @ (PeerError::Offer(_) | PeerError::NoCandidates)) => {
            refuse(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string())
        }
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

async fn trickle(
    State(exchange): State<Arc<Exchange>>,
    Path((meeting, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let room = exchange.room_of_meeting(&meeting);
    let Some(person) = room.and_then(|room| exchange.bridge().person(&room, &id)) else { return not_found() };
    if !is_content(&headers, FRAGMENT) {
        let message = "The content type must be application/trickle-ice-sdpfrag.";
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
    }
    let Ok(fragment) = std::str::from_utf8(&body) else {
        return refuse(StatusCode::BAD_REQUEST, "The body is no fragment of a session description.");
    };
    // RFC 9725 section 4.3.1: which round of ICE is meant has to be said; any, by who restarts it.
    let Some(round) = headers.get(IF_MATCH).and_then(|round| round.to_str().ok()) else {
        return refuse(StatusCode::PRECONDITION_REQUIRED, "If-Match is required.");
    };
    let is_any = round == "*";
    if !is_any && round != person.etag().await {
        return refuse(StatusCode::PRECONDITION_FAILED, "ICE was restarted since.");
    }
    match person.patch(fragment, is_any).await {
        Ok(None) => StatusCode::NO_CONTENT.into_response(),
        Ok(Some(answer)) => {
            let etag = person.etag().await;
            ([(CONTENT_TYPE, FRAGMENT), (ETAG, &etag)], answer).into_response()
        }
        Err(error @ PatchError::NoFragment) => refuse(StatusCode::BAD_REQUEST, &error.to_string()),
        Err(error @ PatchError::OtherRound) => refuse(StatusCode::PRECONDITION_FAILED, &error.to_string()),
        Err(error @ PatchError::Refused(_)) => refuse(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string()),
    }
}

async fn leave(
    State(exchange): State<Arc<Exchange>>,
    Path((meeting, id)): Path<(String, String)>,
) -> Response {
    let room = exchange.room_of_meeting(&meeting);
    let is_person = |room: &String| exchange.bridge().person(room, &id).is_some();
    match room.filter(is_person).is_some_and(|room| exchange.leave_meeting(&room, &id)) {
        true => StatusCode::OK.into_response(),
        false => not_found(),
    }
}

async fn what_can_be_posted() -> Response {
    (StatusCode::NO_CONTENT, [(ALLOW, "OPTIONS, POST"), (ACCEPT_POST, SDP)]).into_response()
}

async fn what_can_be_patched() -> Response {
    (StatusCode::NO_CONTENT, [(ALLOW, "DELETE, OPTIONS, PATCH"), (ACCEPT_PATCH, FRAGMENT)]).into_response()
}

fn is_content(headers: &HeaderMap, expected: &str) -> bool {
    let content = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    content.split(';').next().is_some_and(|content| content.trim().eq_ignore_ascii_case(expected))
}

fn not_found() -> Response {
    refuse(StatusCode::NOT_FOUND, "Nobody has joined this meeting under this address.")
}

fn refuse(status: StatusCode, message: &str) -> Response {
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    (status, [(CONTENT_TYPE, plain)], message.to_owned()).into_response()
}

/// A segment of a path: what a URL would read otherwise is escaped (RFC 3986 section 3.3).
fn escaped(segment: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:@".contains(&byte);
    let escape =
        |byte: u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    segment.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_id_fits_into_an_address() {
        assert_eq!(escaped("19:meeting_x@thread.v2"), "19:meeting_x@thread.v2");
        assert_eq!(escaped("a b/ä"), "a%20b%2F%C3%A4");
    }
}
