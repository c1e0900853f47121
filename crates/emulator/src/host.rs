//! [io] The HTTP face of the service.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Form, Path, Request, State};
use axum::http::header::{AUTHORIZATION, LOCATION};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use offhook_signaling::model::CallId;
use serde_json::json;
use uuid::Uuid;

use crate::exchange::Exchange;
use crate::service::GraphError;

/// The most a request may weigh: a call resource with its blob is a tenth of it.
const MAX_BODY: usize = 1 << 20;

/// Every address that the emulator answers at.
pub(crate) fn router(exchange: Arc<Exchange>) -> Router {
    let calls = || {
        Router::new()
            .route("/calls", post(create_call))
            .route("/calls/{id}", get(get_call).delete(delete_call))
            .layer(middleware::from_fn_with_state(Arc::clone(&exchange), authorize))
    };
    Router::new()
        .route("/{tenant}/oauth2/v2.0/token", post(token))
        .route("/v1/.well-known/OpenIdConfiguration", get(openid))
        .route("/v1/.well-known/keys", get(keys))
        .nest("/v1.0/communications", calls())
        .nest("/v1.0/app", calls())
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn(name_request))
        .with_state(exchange)
}

/// The ids of a request, which go into its answer and into the error in it.
#[derive(Clone)]
struct RequestIds {
    request: String,
    client: Option<String>,
}

const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// A refusal on its way out; it gets its body once the ids are known.
impl IntoResponse for GraphError {
    fn into_response(self) -> Response {
        let mut response =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Gives every answer the ids of its request, and every refusal its body.
async fn name_request(request: Request, next: Next) -> Response {
    let client = request.headers().get(&CLIENT_REQUEST_ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
    let ids = RequestIds { request: Uuid::new_v4().to_string(), client };
    let mut response = next.run(request).await;
    let error = response.extensions_mut().remove::<GraphError>();
    let too_large = (response.status() == StatusCode::PAYLOAD_TOO_LARGE).then(|| GraphError {
        status: 413,
        code: "RequestEntityTooLarge".to_owned(),
        message: "The request is too large.".to_owned(),
    });
    if let Some(error) = error.or(too_large) {
        let date = humantime(SystemTime::now());
        let body = error.body(date, &ids.request, ids.client.as_deref());
        response = (response.status(), Json(body)).into_response();
    }
    let mut name = |header: HeaderName, id: &str| {
        if let Ok(value) = HeaderValue::from_str(id) {
            response.headers_mut().insert(header, value);
        }
    };
    name(REQUEST_ID, &ids.request);
    name(CLIENT_REQUEST_ID, ids.client.as_deref().unwrap_or(&ids.request));
    response
}

/// `2026-11-23T20:08:22`, as Graph writes it.
fn humantime(at: SystemTime) -> String {
    let seconds = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", time / 3600, time / 60 % 60, time % 60)
}

/// The Gregorian date of a day since 1970-01-01.
fn civil(days: u64) -> (u64, u64, u64) {
    // Years are counted from March, so that the leap day is a year's last (Hinnant, "chrono-compatible date algorithms").
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

async fn authorize(State(exchange): State<Arc<Exchange>>, request: Request, next: Next) -> Response {
    let header = request.headers().get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    match exchange.check_token(SystemTime::now(), header) {
        Ok(()) => next.run(request).await,
        Err(message) => GraphError::unauthorized(message).into_response(),
    }
}

async fn token(State(exchange): State<Arc<Exchange>>, Form(form): Form<HashMap<String, String>>) -> Response {
    match exchange.issue_token(SystemTime::now(), &form) {
        Ok((token, lifetime)) => Json(json!({
            "token_type": "Bearer", "expires_in": lifetime.as_secs(),
            "ext_expires_in": lifetime.as_secs(), "access_token": token,
        }))
        .into_response(),
        Err(refused) => {
            let status = StatusCode::from_u16(refused.status).unwrap_or(StatusCode::BAD_REQUEST);
            let body = json!({"error": refused.error, "error_description": refused.description});
            (status, Json(body)).into_response()
        }
    }
}

async fn openid(State(exchange): State<Arc<Exchange>>) -> Response {
    Json(json!({
        "issuer": exchange.settings().issuer,
        "jwks_uri": format!("{}/v1/.well-known/keys", exchange.url()),
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
    }))
    .into_response()
}

async fn keys(State(exchange): State<Arc<Exchange>>) -> Response {
    Json(json!({"keys": [exchange.public_key()]})).into_response()
}

async fn create_call(
    State(exchange): State<Arc<Exchange>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, GraphError> {
    let content_type = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content_type.to_ascii_lowercase().starts_with("application/json") {
        return Err(GraphError::bad_request("The content type must be application/json."));
    }
    let (id, call) = exchange.create_call(&body).await?;
    let location = format!("{}/v1.0/communications/calls/{id}", exchange.url());
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(call)).into_response())
}

async fn get_call(
    State(exchange): State<Arc<Exchange>>,
    Path(id): Path<String>,
) -> Result<Response, GraphError> {
    let call = exchange.get_call(&CallId::from(id)).ok_or_else(GraphError::call_not_found)?;
    Ok(Json(call).into_response())
}

async fn delete_call(
    State(exchange): State<Arc<Exchange>>,
    Path(id): Path<String>,
) -> Result<StatusCode, GraphError> {
    if exchange.delete_call(&CallId::from(id)).await {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(GraphError::call_not_found())
    }
}

async fn unknown(request: Request) -> GraphError {
    GraphError::not_found(format!("The emulator has no {} {}.", request.method(), request.uri().path()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn dates_are_gregorian() {
        for (seconds, date) in [
            (0, "1970-01-01T00:00:00"),
            (951_782_400, "2000-02-29T00:00:00"),
            (1_795_464_502, "2026-11-23T20:08:22"),
        ] {
            assert_eq!(humantime(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)), date);
        }
    }
}
