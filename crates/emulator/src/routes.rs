//! [io] Where HTTP meets the calls service: requests of the calls API, and recordings that can be fetched.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, HeaderValue, Method as HttpMethod, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::exchange::Exchange;
use crate::service::{GraphError, Method, Request};

/// A request of the calls API, with the part of its address after `/communications` or `/app`.
pub(crate) async fn calls(
    State(exchange): State<Arc<Exchange>>,
    method: HttpMethod,
    Path(rest): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, GraphError> {
    let known = match method {
        HttpMethod::GET => Method::Get,
        HttpMethod::POST => Method::Post,
        HttpMethod::PATCH => Method::Patch,
        HttpMethod::DELETE => Method::Delete,
        other => return Err(GraphError::not_found(format!("The emulator has no {other} {rest}."))),
    };
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !body.is_empty() && !content_type.to_ascii_lowercase().starts_with("application/json") {
        return Err(GraphError::bad_request("The content type must be application/json."));
    }
    let request = Request::new(known, format!("/communications/{rest}"), body);
    let answer = exchange.handle(request).await?;
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = match answer.body {
        Some(body) => (status, Json(body)).into_response(),
        None => status.into_response(),
    };
    let location = answer.location.map(|location| format!("{}/v1.0{location}", exchange.url()));
    if let Some(location) = location.and_then(|location| HeaderValue::try_from(location).ok()) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

/// A recording, for whoever has its token.
pub(crate) async fn recording(
    State(exchange): State<Arc<Exchange>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, GraphError> {
    let header = headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    let token = header.and_then(|header| header.strip_prefix("Bearer "));
    let found = exchange.recording(&name, token);
    let found = found.ok_or_else(|| GraphError::not_found("There is no such recording."))?;
    let wav = found.ok_or_else(|| GraphError::unauthorized("The token is not that of the recording."))?;
    Ok(([(CONTENT_TYPE, "audio/wav")], wav).into_response())
}
