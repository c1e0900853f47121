//! Microsoft Graph's calls API: models, client, call tracking, callback receiver, authentication.
//!
//! A bot creates a call with [`Calls::create`] and gets a [`Call`]; Graph posts what happens to the bot's
//! [`CallbackReceiver`]; the call's state follows both, and polls when nothing is posted. Media is none of this crate's
//! business: what passes between the two is the blob, an opaque string.
//!
//! ```no_run
//! use offhook_signaling::{CallbackReceiver, Calls, CallsClient, Credentials, NewCall};
//!
//! # async fn example(offer: String) -> Result<(), Box<dyn std::error::Error>> {
//! let credentials = Credentials::client_secret("tenant id", "app id", "client secret");
//! let receiver = CallbackReceiver::builder("app id").build()?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:9000").await?; // TLS in front of it, in real life
//! tokio::spawn(axum::serve(listener, receiver.router("/callback")).into_future());
//!
//! let calls = Calls::new(CallsClient::builder(credentials).build()?, &receiver);
//! let call = calls
//!     .create(NewCall::to_user("user id").callback_uri("https://bot.contoso.com/callback").app_hosted_media(offer))
//!     .await?;
//! call.established().await?;
//! call.hang_up().await?;
//! println!("{}", call.terminated().await);
//! # Ok(())
//! # }
//! ```
//!
//! | module | what it does | I/O and clocks |
//! |---|---|---|
//! | [`model`] | the API's resources; what is read is written back equal | none |
//! | `cloud` | [`Cloud`]: which addresses go together, and what of the API is not there | none |
//! | [`http`] | the seam to the network; when a request is tried again | `transport`, `send` |
//! | [`auth`] | our tokens for Graph, Graph's tokens for us | `source`, `verify` |
//! | `client` | [`CallsClient`]: one method per request | through `http` |
//! | [`permissions`] | which permissions each request needs, and what a token was granted | none |
//! | [`track`] | [`CallTracker`](track::CallTracker): state that only moves forward | none |
//! | `registry` | each notification to its call, in order; early ones are held | none |
//! | `callback` | [`CallbackReceiver`]: a tower service, an axum router | yes, but for `replay` |
//! | `call` | [`Calls`] and [`Call`]: handles, and the task behind each | yes |
//!
//! Arrows: `call`, `callback` -> {`client`, `track`, `registry`} -> `auth` -> `http`, `model`. `cloud`, `error`,
//! `permissions` and `redacted` may be used by all.
//!
//! Errors say whose fault they are ([`Fault`]) and keep Graph's code, message and request id ([`http::GraphError`]).
//! Secrets, blobs, names and phone numbers are in no `Debug`, error or log ([`Redacted`]).

pub mod auth;
mod call;
mod callback;
mod client;
mod cloud;
mod error;
pub mod http;
pub mod model;
pub mod permissions;
mod redacted;
mod registry;
pub mod track;

pub use auth::Credentials;
pub use call::{
    Call, CallChanges, CallEnded, CallEvents, Calls, Heard, IncomingCall, IncomingCalls, OperationError,
    OperationHandle,
};
pub use callback::{CallbackReceiver, CallbackReceiverBuilder, CallbackService, ReceiverStats};
pub use client::{
    Answer, CallsClient, CallsClientBuilder, MeetingLink, MeetingLinkError, NewCall, OperationKind,
    PlayPrompt, RecordResponse, Redirect, SendDtmfTones, Transfer,
};
pub use cloud::{Cloud, CloudFeature};
pub use error::{CallsError, Fault};
pub use redacted::Redacted;
pub use registry::DeliveryStats;
