//! [io] The emulator's own addresses, under `/emulator`: what a test in another language needs of a tenant's people.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{FromRequest, Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, post};
use axum::{Json, Router};
use offhook_signaling::model::{CallId, Tone};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::apply::apply;
use super::happening::{Happening, IncomingCall, tone};
use crate::exchange::Exchange;
use crate::faults::{MediaFault, NotificationFault, RequestFault};
use crate::service::{GraphError, HappeningError, OldKey};

/// What is under `/emulator`.
pub(crate) fn router(exchange: Arc<Exchange>) -> Router {
    Router::new()
        .route("/calls", post(call_bot))
        .route("/calls/{id}/tones", post(press_tone))
        .route("/calls/{id}/participants", post(join))
        .route("/calls/{id}/participants/{user}", delete(leave))
        .route("/calls/{id}/participants/{user}/{action}", post(by_participant))
        .route("/calls/{id}/{action}", post(in_call))
        .route("/tokens/expire", post(expire_tokens))
        .route("/keys/rotate", post(rotate_key))
        .route("/faults", delete(clear_faults))
        .route("/faults/requests", post(add_request_fault))
        .route("/faults/notifications", post(add_notification_fault))
        .route("/faults/media", post(add_media_fault))
        .route("/faults/{id}", delete(remove_fault))
        .with_state(exchange)
}

/// A JSON body that is read strictly; an error names the key.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let bad = |problem: String| GraphError::bad_request(problem).into_response();
        let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !content_type.is_some_and(|value| value.to_ascii_lowercase().starts_with("application/json")) {
            return Err(bad("The content type must be application/json.".to_owned()));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(IntoResponse::into_response)?;
        let mut deserializer = serde_json::Deserializer::from_slice(&bytes);
        let read = serde_path_to_error::deserialize(&mut deserializer);
        read.map(Self).map_err(|error| bad(format!("{}: {}.", error.path(), error.inner())))
    }
}

type Answer = Result<StatusCode, GraphError>;

/// Lets something happen, in a call where it happens in one; recorded, where somebody records what they do.
async fn act(
    exchange: &Arc<Exchange>,
    call: Option<&CallId>,
    happening: &Happening,
) -> Result<Option<CallId>, GraphError> {
    let step = exchange.recorder().step(Instant::now(), call, happening);
    let begun = apply(exchange, call, happening).await?;
    exchange.recorder().happened(step);
    exchange.stir();
    Ok(begun)
}

/// Lets something happen in a call.
async fn happen(exchange: &Arc<Exchange>, id: String, happening: Happening) -> Answer {
    act(exchange, Some(&CallId::from(id)), &happening).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets something happen in the tenant.
async fn happen_to_all(exchange: &Arc<Exchange>, happening: Happening) -> Answer {
    act(exchange, None, &happening).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn call_bot(
    State(exchange): State<Arc<Exchange>>,
    Body(call): Body<IncomingCall>,
) -> Result<Response, GraphError> {
    let id = act(&exchange, None, &Happening::CallBot(call)).await?;
    Ok((StatusCode::CREATED, Json(json!({"id": id}))).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pressed {
    #[serde(deserialize_with = "tone")]
    tone: Tone,
}

async fn press_tone(
    State(exchange): State<Arc<Exchange>>,
    Path(id): Path<String>,
    Body(pressed): Body<Pressed>,
) -> Answer {
    happen(&exchange, id, Happening::PressTone(pressed.tone)).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Joining {
    user: String,
}

async fn join(
    State(exchange): State<Arc<Exchange>>,
    Path(id): Path<String>,
    Body(joining): Body<Joining>,
) -> Answer {
    happen(&exchange, id, Happening::Join(joining.user)).await
}

async fn leave(State(exchange): State<Arc<Exchange>>, Path((id, user)): Path<(String, String)>) -> Answer {
    happen(&exchange, id, Happening::Leave(user)).await
}

async fn by_participant(
    State(exchange): State<Arc<Exchange>>,
    Path((id, user, action)): Path<(String, String, String)>,
) -> Answer {
    let happening = match action.as_str() {
        "mute" => Happening::Mute(user),
        "unmute" => Happening::Unmute(user),
        "startSharing" => Happening::StartSharing(user),
        "changeSharing" => Happening::ChangeSharing(user),
        "stopSharing" => Happening::StopSharing(user),
        "waitInLobby" => Happening::WaitInLobby(user),
        "admit" => Happening::Admit(user),
        "policyUserJoin" => Happening::PolicyUserJoin(user),
        "policyUserLeave" => Happening::PolicyUserLeave(user),
        _ => return Err(unknown(&action)),
    };
    happen(&exchange, id, happening).await
}

async fn in_call(
    State(exchange): State<Arc<Exchange>>,
    Path((id, action)): Path<(String, String)>,
) -> Answer {
    let happening = match action.as_str() {
        "hold" => Happening::Hold,
        "resume" => Happening::Resume,
        "hangUp" => Happening::HangUp,
        "removeBot" => Happening::RemoveBot,
        "endMeeting" => Happening::EndMeeting,
        _ => return Err(unknown(&action)),
    };
    happen(&exchange, id, happening).await
}

fn unknown(action: &str) -> GraphError {
    GraphError::not_found(format!("The emulator knows no {action}."))
}

async fn expire_tokens(State(exchange): State<Arc<Exchange>>) -> Answer {
    happen_to_all(&exchange, Happening::ExpireTokens).await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rotation {
    old_key: OldKey,
}

async fn rotate_key(State(exchange): State<Arc<Exchange>>, Body(rotation): Body<Rotation>) -> Answer {
    happen_to_all(&exchange, Happening::RotateKey(rotation.old_key)).await
}

async fn add_request_fault(State(exchange): State<Arc<Exchange>>, Body(fault): Body<RequestFault>) -> Answer {
    happen_to_all(&exchange, Happening::RequestFault(fault)).await
}

async fn add_notification_fault(
    State(exchange): State<Arc<Exchange>>,
    Body(fault): Body<NotificationFault>,
) -> Answer {
    happen_to_all(&exchange, Happening::NotificationFault(fault)).await
}

async fn add_media_fault(State(exchange): State<Arc<Exchange>>, Body(fault): Body<MediaFault>) -> Answer {
    happen_to_all(&exchange, Happening::MediaFault(fault)).await
}

async fn remove_fault(State(exchange): State<Arc<Exchange>>, Path(id): Path<u64>) -> Answer {
    if !exchange.faults().remove(id) {
        return Err(GraphError::not_found("There is no such fault, or it is used up."));
    }
    exchange.recorder().faults_left(Instant::now(), &exchange.faults().armed());
    exchange.stir();
    Ok(StatusCode::NO_CONTENT)
}

async fn clear_faults(State(exchange): State<Arc<Exchange>>) -> Answer {
    happen_to_all(&exchange, Happening::ClearFaults).await
}

impl From<HappeningError> for GraphError {
    fn from(error: HappeningError) -> Self {
        match error {
            HappeningError::CallNotFound => Self::call_not_found(),
            HappeningError::ParticipantNotFound | HappeningError::MeetingNotFound => {
                Self::not_found(error.to_string())
            }
            HappeningError::Key => Self::internal(error.to_string()),
            _ => Self::bad_request(error.to_string()),
        }
    }
}
