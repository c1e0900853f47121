//! The media platform's numbers over HTTP, for Prometheus to fetch.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use offhook_media::MediaPlatform;

/// What Prometheus asks for, and then reads with units and exact counts.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers `GET /metrics` with all that `platform` counts ([`MediaPlatform::prometheus`]). Merge it into a server of your own;
/// no caller is checked, so mount it where only your monitoring gets.
pub fn metrics_router(platform: &MediaPlatform) -> Router {
    let platform = platform.clone();
    Router::new().route(
        "/metrics",
        get(move || {
            let platform = platform.clone();
            async move { ([(CONTENT_TYPE, OPEN_METRICS)], platform.prometheus()) }
        }),
    )
}
