//! [io] What somebody does in a room: adds far ends, mutes and removes members, disturbs their media.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use crate::bridge::{BridgeError, LinkSettings, ScriptKind};
use crate::exchange::Exchange;
use crate::scenario::{Body, Happening};
use crate::service::GraphError;

pub(super) fn router(exchange: &Arc<Exchange>) -> Router {
    Router::new()
        .route("/rooms/{room}/members", post(add))
        .route("/rooms/{room}/members/{member}", delete(remove))
        .route("/rooms/{room}/members/{member}/mute", post(mute))
        .route("/rooms/{room}/members/{member}/unmute", post(unmute))
        .route("/rooms/{room}/members/{member}/link", put(link).delete(unlink))
        .with_state(Arc::clone(exchange))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Adding {
    /// What it does: `{"tone": 440}`, `{"speech": null}` or a WAV file, `"pattern"`.
    script: ScriptKind,
    name: String,
    /// Whether it shows a moving pattern, too.
    #[serde(default)]
    picture: bool,
}

async fn add(
    State(exchange): State<Arc<Exchange>>,
    Path(room): Path<String>,
    Body(adding): Body<Adding>,
) -> Result<Response, GraphError> {
    let Adding { script, name, picture } = adding;
    let kind = script.clone();
    let id = exchange.bridge().add_script(&room, script, &name, picture)?;
    exchange.recorder().far_end_added(Instant::now(), &room, &id, &name, &kind, picture);
    Ok((StatusCode::CREATED, Json(json!({"id": id}))).into_response())
}

type Answer = Result<StatusCode, GraphError>;

async fn remove(
    State(exchange): State<Arc<Exchange>>,
    Path((room, member)): Path<(String, String)>,
) -> Answer {
    if exchange.bridge().is_in(&room, &member) {
        // Before they are gone: what is not there has no last step.
        exchange.recorder().far_end_leaves(Instant::now(), &member);
    }
    exchange.bridge().remove(&room, &member)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn mute(State(exchange): State<Arc<Exchange>>, Path((room, member)): Path<(String, String)>) -> Answer {
    set_muted(&exchange, &room, &member, true)
}

async fn unmute(
    State(exchange): State<Arc<Exchange>>,
    Path((room, member)): Path<(String, String)>,
) -> Answer {
    set_muted(&exchange, &room, &member, false)
}

fn set_muted(exchange: &Exchange, room: &str, member: &str, muted: bool) -> Answer {
    exchange.bridge().mute(room, member, muted)?;
    exchange.recorder().far_end_muted(Instant::now(), member, muted);
    Ok(StatusCode::NO_CONTENT)
}

async fn link(
    State(exchange): State<Arc<Exchange>>,
    Path((room, member)): Path<(String, String)>,
    Body(link): Body<LinkSettings>,
) -> Answer {
    exchange.bridge().set_link(&room, &member, Some(link))?;
    record_link(&exchange, member, link);
    Ok(StatusCode::NO_CONTENT)
}

async fn unlink(
    State(exchange): State<Arc<Exchange>>,
    Path((room, member)): Path<(String, String)>,
) -> Answer {
    exchange.bridge().set_link(&room, &member, None)?;
    record_link(&exchange, member, LinkSettings::default());
    Ok(StatusCode::NO_CONTENT)
}

/// Of a bot, whose id is its call's, its network is part of a scenario; people in browsers are not in one.
fn record_link(exchange: &Exchange, member: String, link: LinkSettings) {
    let recorder = exchange.recorder();
    recorder.happened(recorder.step(Instant::now(), Some(&member.into()), &Happening::Link(link)));
}

impl From<BridgeError> for GraphError {
    fn from(error: BridgeError) -> Self {
        match error {
            BridgeError::RoomNotFound(_) | BridgeError::MemberNotFound(_) => {
                Self::not_found(error.to_string())
            }
            _ => Self::bad_request(error.to_string()),
        }
    }
}
