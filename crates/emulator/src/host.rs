//! [io] The HTTP face of the service.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::{DefaultBodyLimit, Form, Path, Query, Request, State};
use axum::http::header::{AUTHORIZATION, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use serde_json::json;
use uuid::Uuid;

use crate::exchange::Exchange;
use crate::faults::{self, Faults, Struck, Wrapped};
use crate::page::{self, Guard};
use crate::routes;
use crate::service::{GraphError, TokenError};
use crate::timeline;

/// The most a request may weigh: a call resource with its blob is a tenth of it.
const MAX_BODY: usize = 1 << 20;

/// What people are served, whom no faults strike.
pub(crate) struct ForPeople {
    /// At `/` and below.
    pub(crate) page: Router,
    /// Below `/emulator`.
    pub(crate) api: Router,
    /// Joining from a browser.
    pub(crate) whip: Router,
}

/// Every address that the emulator answers at. All of it but what is `for_people` suffers from `faults`.
pub(crate) fn router(
    exchange: Arc<Exchange>,
    faults: Arc<Faults>,
    guard: Guard,
    for_people: ForPeople,
) -> Router {
    let timeline = exchange.shared_timeline();
    let calls = || {
        Router::new()
            .route("/{*rest}", any(routes::calls))
            .layer(middleware::from_fn_with_state(Arc::clone(&exchange), authorize))
    };
    Router::new()
        .route("/{tenant}/oauth2/v2.0/token", post(token))
        .route("/metadata/identity/oauth2/token", get(managed_identity_token))
        .route("/v1/.well-known/OpenIdConfiguration", get(openid))
        .route("/v1/.well-known/keys", get(keys))
        .route("/recordings/{name}", get(routes::recording))
        .nest("/v1.0/communications", calls())
        .nest("/v1.0/app", calls())
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .with_state(exchange)
        .layer(middleware::from_fn_with_state(faults, faults::strike))
        .merge(for_people.page)
        .merge(for_people.whip)
        .nest("/emulator", for_people.api)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(Arc::new(guard), page::guard))
        .layer(middleware::from_fn(name_request))
        .layer(middleware::from_fn_with_state((timeline, MAX_BODY), timeline::observe))
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
    let too_large = (response.status() == StatusCode::PAYLOAD_TOO_LARGE)
        .then(|| GraphError::new(413, "RequestEntityTooLarge", "The request is too large."));
    if let Some(error) = error.or(too_large) {
        let wrapped = response.extensions().get::<Wrapped>().is_some();
        let error = if wrapped { error.wrapped() } else { error };
        let date = humantime(SystemTime::now());
        let body = error.body(date, &ids.request, ids.client.as_deref());
        let retry_after = response.headers_mut().remove(RETRY_AFTER);
        let struck = response.extensions_mut().remove::<Struck>();
        response = (response.status(), Json(body)).into_response();
        if let Some(struck) = struck {
            response.extensions_mut().insert(struck);
        }
        response.headers_mut().extend(retry_after.map(|wait| (RETRY_AFTER, wait)));
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
        Err(refused) => refused.into_response(),
    }
}

async fn token(
    State(exchange): State<Arc<Exchange>>,
    Path(tenant): Path<String>,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    match exchange.issue_token(SystemTime::now(), &tenant, &form) {
        Ok((token, lifetime)) => Json(json!({
            "token_type": "Bearer", "expires_in": lifetime.as_secs(),
            "ext_expires_in": lifetime.as_secs(), "access_token": token,
        }))
        .into_response(),
        Err(refused) => refused.into_response(),
    }
}

impl IntoResponse for TokenError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        (status, Json(json!({"error": self.error, "error_description": self.description}))).into_response()
    }
}

/// As the metadata service of a virtual machine answers. The header keeps out who can only make others send requests.
async fn managed_identity_token(
    State(exchange): State<Arc<Exchange>>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, TokenError> {
    let asked_for =
        headers.get("metadata").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
    if !asked_for || headers.contains_key("x-forwarded-for") {
        let description = "Required metadata header not specified, or the request was forwarded.";
        return Err(TokenError { status: 400, error: "invalid_request", description });
    }
    let given = exchange.with_tokens(|tokens| tokens.issue_to_managed_identity(SystemTime::now(), &query))?;
    let text = |seconds: u64| seconds.to_string();
    // Numbers are text here, unlike at the token endpoint.
    Ok(Json(json!({
        "access_token": given.token, "client_id": given.client_id, "token_type": "Bearer",
        "expires_in": text(given.lifetime.as_secs()), "expires_on": text(given.expires_on.as_secs()),
        "resource": query.get("resource"),
    }))
    .into_response())
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
    Json(json!({"keys": exchange.keys().public_keys()})).into_response()
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
