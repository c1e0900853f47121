//! A service that makes the call and does not speak our media, as Microsoft's does today.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{delete, post};
use axum::{Json, Router};
use offhook::media::MediaError;
use offhook::prelude::*;
use offhook::signaling::CallsError;
use serde_json::{Value, json};

/// What the 201 holds, and the calls that were hung up.
struct Service {
    media_config: Value,
    hung_up: Mutex<u32>,
}

async fn create(State(service): State<Arc<Service>>) -> (StatusCode, Json<Value>) {
    let call = json!({
        "@odata.type": "#microsoft.graph.call", "id": "1", "state": "establishing",
        "mediaConfig": service.media_config,
    });
    (StatusCode::CREATED, Json(call))
}

/// What becomes of a call to a service that answers with `media_config`, and how many calls were hung up.
async fn call(media_config: Value) -> (BotError, u32) {
    let service = Arc::new(Service { media_config, hung_up: Mutex::new(0) });
    let token = || async { Json(json!({"access_token": "t", "expires_in": 3600})) };
    let hang_up = |State(service): State<Arc<Service>>| async move {
        *service.hung_up.lock().unwrap() += 1;
        StatusCode::NO_CONTENT
    };
    let router = Router::new()
        .route("/tenant/oauth2/v2.0/token", post(token))
        .route("/v1.0/communications/calls", post(create))
        .route("/v1.0/communications/calls/1", delete(hang_up))
        .with_state(Arc::clone(&service));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let cloud = Cloud::at(format!("http://{}", listener.local_addr().unwrap()));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let credentials = Credentials::client_secret("tenant", "app", "secret");
    let bot = Bot::builder(credentials).cloud(cloud).start().await.unwrap();
    let error = bot.call(NewCall::to_user("ada"), &MediaSessionSettings::default()).await.unwrap_err();
    assert_eq!(bot.platform().stats().sessions, 0);
    let hung_up = *service.hung_up.lock().unwrap();
    (error, hung_up)
}

fn app_hosted(blob: &str) -> Value {
    json!({"@odata.type": "#microsoft.graph.appHostedMediaConfig", "blob": blob})
}

#[tokio::test]
async fn a_call_whose_media_cannot_be_negotiated_is_hung_up_and_says_why() {
    let (error, hung_up) = call(Value::Null).await;
    assert!(matches!(error, BotError::NoMediaAnswer), "{error}");
    assert_eq!(hung_up, 1);
    let microsofts = include_str!("../../crates/media/tests/fixtures/blob/microsoft-1.11-audio.json");
    for (blob, said) in [
        (microsofts, "Microsoft's media platform's"),
        ("<something else>", "of an unknown kind"),
        (r#"{"profile":"offhook/1","#, "ends too early"),
    ] {
        let (error, hung_up) = call(app_hosted(blob)).await;
        assert!(matches!(error, BotError::Media(MediaError::ForeignBlob { .. } | MediaError::Blob(_))));
        assert!(error.to_string().contains(said), "{error}");
        assert_eq!(hung_up, 1, "{error}");
    }
}

#[tokio::test]
async fn a_callback_address_that_is_none_is_refused_before_anything_is_listened_for() {
    for uri in
        ["bot.contoso.com:443/callback", "localhost:8080/callback", "callback", "ftp://bot.contoso.com/"]
    {
        let credentials = Credentials::client_secret("tenant", "app", "secret");
        let refused = Bot::builder(credentials).callback_uri(uri).start().await.err();
        let setting = match refused {
            Some(BotError::Calls(CallsError::InvalidSetting { setting, .. })) => setting,
            other => panic!("{uri}: {other:?}"),
        };
        assert_eq!(setting, "callback_uri", "{uri}");
    }
}
