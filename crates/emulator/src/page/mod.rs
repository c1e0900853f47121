//! The page that a person sits in, and what it asks for: [`files`], the state and its changes ([`live`]), and verbs ([`rooms`],
//! [`recording`]). [`guard`] stands in front of it.

mod files;
mod guard;
mod live;
mod recording;
mod rooms;
mod stages;
mod state;

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
pub(crate) use guard::{Guard, guard};
use live::Live;
use serde_json::{Value, json};
use stages::Stages;
pub(crate) use stages::may_scrape;
use tokio::task::JoinHandle;

use crate::exchange::Exchange;
use crate::far_end::{FarEndState, SeenPictures};
use crate::faults::Faults;

/// The page and its API, with what keeps it up to date.
pub(crate) struct Page {
    /// What is at `/` and under `/page`.
    pub(crate) files: Router,
    /// What is under `/emulator` beside the control of calls.
    pub(crate) api: Router,
    /// To be aborted in the end.
    pub(crate) upkeep: JoinHandle<()>,
}

impl Page {
    pub(crate) fn new(exchange: &Arc<Exchange>, faults: &Arc<Faults>) -> Self {
        let live = Arc::new(Live::new(Arc::clone(exchange), Arc::clone(faults)));
        let (shown, stages) = (Arc::clone(&live), Stages::new(exchange));
        let upkeep =
            tokio::spawn(
                async move { _ = tokio::join!(Arc::clone(&shown).keep_up(), shown.measure(stages)) },
            );
        let shown = Router::new()
            .route("/state", get(state))
            .route("/events", get(events))
            .with_state(live)
            .route("/timeline", get(timeline))
            .route("/media", get(media))
            .with_state(Arc::clone(exchange));
        let api = shown.merge(rooms::router(exchange)).merge(recording::router(exchange, faults));
        Self { files: files::router(), api, upkeep }
    }
}

async fn state(State(live): State<Arc<Live>>) -> Response {
    ([(CACHE_CONTROL, "no-store")], Json(live.snapshot())).into_response()
}

async fn events(State(live): State<Arc<Live>>, headers: HeaderMap) -> Response {
    live.events(headers.get("last-event-id").and_then(|id| id.to_str().ok()))
}

/// What the emulator's end of each call has counted.
async fn media(State(exchange): State<Arc<Exchange>>) -> Response {
    let legs = exchange.far_ends().into_iter().map(|(call, state, report)| {
        json!({
            "call": call, "state": words(state),
            "video": seen(&report.video), "screen": seen(&report.screen),
            "packetsReceived": report.packets_received, "packetsLost": report.packets_lost,
            "packetsRecovered": report.packets_recovered, "packetsSent": report.packets_sent,
        })
    });
    ([(CACHE_CONTROL, "no-store")], Json(legs.collect::<Vec<_>>())).into_response()
}

fn seen(pictures: &SeenPictures) -> Value {
    let SeenPictures { frames_received, key_frames_received, size, .. } = *pictures;
    let size = size.map(|size| format!("{} x {}", size.width, size.height));
    json!({"frames": frames_received, "keyFrames": key_frames_received, "size": size})
}

fn words(state: FarEndState) -> &'static str {
    match state {
        FarEndState::Connecting => "connecting",
        FarEndState::Connected | FarEndState::SpeechFinished => "connected",
        FarEndState::HungUp => "hung up",
        FarEndState::Closed => "closed",
    }
}

/// All of the timeline that is kept, as a file.
async fn timeline(State(exchange): State<Arc<Exchange>>) -> Response {
    let headers = [
        (CONTENT_TYPE, "application/x-ndjson"),
        (CONTENT_DISPOSITION, "attachment; filename=\"offhook-timeline.ndjson\""),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, exchange.timeline().lines()).into_response()
}
