//! A bot on a scripted Graph.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use offhook_signaling::track::PollCadence;
use offhook_signaling::{
    Call, CallbackReceiver, CallbackReceiverBuilder, Calls, CallsClient, CallsClientBuilder, Credentials,
    NewCall,
};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{APP, Graph, Signer};

/// Client, receiver and calls of an application, on one scripted Graph.
pub(crate) struct Bot {
    pub(crate) graph: Arc<Graph>,
    pub(crate) receiver: CallbackReceiver,
    pub(crate) calls: Calls,
    router: Router,
    authorization: String,
}

impl Bot {
    /// A bot for which everything goes well.
    pub(crate) fn new() -> Self {
        Self::with_cadence(PollCadence::default())
    }

    /// A bot that asks its calls at this cadence.
    pub(crate) fn with_cadence(cadence: PollCadence) -> Self {
        let graph = Graph::new();
        let receiver = receiver(&graph).build().unwrap();
        let client = client(&graph).build().unwrap();
        let calls = Calls::new(client, &receiver).poll_cadence(cadence);
        let authorization = format!("Bearer {}", Signer::service().token());
        Self { graph, router: receiver.router("/callback"), receiver, calls, authorization }
    }

    /// Creates `call-1`.
    pub(crate) async fn create(&self) -> Call {
        self.calls.create(new_call()).await.unwrap()
    }

    /// Posts a body as Graph does, without a socket in between.
    pub(crate) async fn post(&self, body: impl Into<Body>) -> StatusCode {
        self.post_as(&self.authorization, body).await
    }

    /// The same with this `Authorization`.
    pub(crate) async fn post_as(&self, authorization: &str, body: impl Into<Body>) -> StatusCode {
        let request = Request::post("/callback")
            .header(header::AUTHORIZATION, authorization)
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.into())
            .unwrap();
        self.send(request).await.status()
    }

    /// Sends a request of any kind.
    pub(crate) async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Posts a notification about `call-1`, and sees it taken.
    pub(crate) async fn tell(&self, change: &str, data: Value) {
        self.tell_of("call-1", change, data).await;
    }

    /// Posts a notification about a call or a part of one, such as `call-1/participants`, and sees it taken.
    pub(crate) async fn tell_of(&self, path: &str, change: &str, data: Value) {
        let body = post_of(&[about(path, change, data)]);
        assert_eq!(self.post(body.to_string()).await, StatusCode::ACCEPTED);
    }
}

/// Settings of a client on this Graph.
pub(crate) fn client(graph: &Arc<Graph>) -> CallsClientBuilder {
    let credentials = Credentials::client_secret("contoso.onmicrosoft.com", APP, "s3cret-of-the-app");
    CallsClient::builder(credentials).transport(Arc::clone(graph) as _)
}

/// Settings of a receiver whose keys come from this Graph.
pub(crate) fn receiver(graph: &Arc<Graph>) -> CallbackReceiverBuilder {
    CallbackReceiver::builder(APP).transport(Arc::clone(graph) as _)
}

/// A call to a user.
pub(crate) fn new_call() -> NewCall {
    NewCall::to_user("112f7296-5fa4-42ca-bae8-6a692b15d4b8")
        .callback_uri("https://bot.contoso.com/callback")
        .app_hosted_media("s3cret-blob")
}

/// A notification about a call.
pub(crate) fn about(call: &str, change: &str, data: Value) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.commsNotification", "changeType": change,
        "resourceUrl": format!("/communications/calls/{call}"), "resourceData": data,
    })
}

/// The body that brings these notifications.
pub(crate) fn post_of(notifications: &[Value]) -> Value {
    json!({"@odata.type": "#microsoft.graph.commsNotifications", "value": notifications})
}
