//! A cloud that gives a token at the second asking and is always too busy to make a call.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::json;
use tokio::net::TcpListener;

/// The access token that it gives.
pub(crate) const TOKEN: &str = "token-of-the-busy-cloud";

/// Starts it; returns its address.
pub(crate) async fn start() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new()
        .route("/{tenant}/oauth2/v2.0/token", post(token))
        .route("/v1.0/communications/calls", post(async || busy()));
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

async fn token() -> Response {
    static ASKED: AtomicBool = AtomicBool::new(false);
    if ASKED.swap(true, SeqCst) {
        Json(json!({"token_type": "Bearer", "expires_in": 3600, "access_token": TOKEN})).into_response()
    } else {
        busy()
    }
}

fn busy() -> Response {
    let error = json!({"error": {"code": "TooManyRequests", "message": "Later, please."}});
    (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "0")], Json(error)).into_response()
}
