//! [io] Recording what is done to the emulator as a scenario.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::post;

use crate::exchange::Exchange;
use crate::faults::Faults;
use crate::service::GraphError;

type Held = (Arc<Exchange>, Arc<Faults>);

pub(super) fn router(exchange: &Arc<Exchange>, faults: &Arc<Faults>) -> Router {
    Router::new()
        .route("/recording", post(start).get(read).delete(stop))
        .with_state((Arc::clone(exchange), Arc::clone(faults)))
}

/// Begins anew. What is armed already is a part of it.
async fn start(State((exchange, faults)): State<Held>) -> StatusCode {
    exchange.recorder().start(Instant::now(), &faults.armed());
    exchange.stir();
    StatusCode::NO_CONTENT
}

/// The scenario so far.
async fn read(State((exchange, _)): State<Held>) -> Result<Response, GraphError> {
    let scenario = exchange.look(|service| exchange.recorder().scenario(service.directory()));
    let scenario = scenario.ok_or_else(|| GraphError::not_found("Nothing is being recorded."))?;
    let headers = [
        (CONTENT_TYPE, "application/toml"),
        (CONTENT_DISPOSITION, "attachment; filename=\"scenario.toml\""),
        (CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, scenario).into_response())
}

async fn stop(State((exchange, _)): State<Held>) -> StatusCode {
    exchange.recorder().stop();
    exchange.stir();
    StatusCode::NO_CONTENT
}
