//! Everything a tenant would give: the Graph calls service and far ends over real WebRTC, in one process on loopback.
//!
//! An [`Emulator`] listens like Microsoft Graph and the login service beside it: tokens by client credentials, the calls
//! API with Graph's error shapes, signed callbacks. Whoever the bot calls is a [`FarEnd`] that follows a
//! [script](FarEndScript): it speaks a [`Clip`], echoes, or listens, over real ICE, DTLS-SRTP and Opus.
//!
//! In this version a meeting has one scripted participant besides the bot: there is no bridge yet.

mod callbacks;
mod directory;
mod error;
mod exchange;
mod far_end;
mod host;
mod service;
mod settings;

use std::net::SocketAddr;
use std::sync::Arc;

pub use directory::{Meeting, User};
pub use error::EmulatorError;
pub use far_end::{AfterSpeech, Clip, ClipError, FarEnd, FarEndReport, FarEndScript, FarEndState, PeerError};
pub use settings::{ALL_PERMISSIONS, EmulatorSettings};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::callbacks::Courier;
use crate::exchange::Exchange;
use crate::service::SigningKey;

/// A running emulator. Dropping it stops it.
pub struct Emulator {
    exchange: Arc<Exchange>,
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Emulator {
    /// Starts to listen. Its directory is empty: [`add_user`](Self::add_user), [`add_meeting`](Self::add_meeting).
    ///
    /// # Errors
    /// When the address is taken, or the system gives no randomness.
    pub async fn start(settings: EmulatorSettings) -> Result<Self, EmulatorError> {
        let refused = |source| EmulatorError::Listen { address: settings.listen, source };
        let listener = TcpListener::bind(settings.listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let key = SigningKey::generate().ok_or(EmulatorError::Key)?;
        let courier = Courier::new(key, &settings.issuer, &settings.client_id, &settings.tenant_id)?;
        let exchange = Arc::new(Exchange::new(settings, format!("http://{address}"), courier));
        let router = host::router(Arc::clone(&exchange));
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the emulator stopped listening");
            }
        });
        Ok(Self { exchange, address, server })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address to use in place of `https://graph.microsoft.com`.
    pub fn graph_url(&self) -> String {
        self.exchange.url().to_owned()
    }

    /// The address to use in place of `https://login.microsoftonline.com`.
    pub fn authority_url(&self) -> String {
        self.exchange.url().to_owned()
    }

    /// Where the keys that sign callbacks are described.
    pub fn openid_metadata_url(&self) -> String {
        format!("{}/v1/.well-known/OpenIdConfiguration", self.exchange.url())
    }

    /// Who signs callbacks.
    pub fn issuer(&self) -> &str {
        &self.exchange.settings().issuer
    }

    /// The tenant.
    pub fn tenant_id(&self) -> &str {
        &self.exchange.settings().tenant_id
    }

    /// The application that may call.
    pub fn client_id(&self) -> &str {
        &self.exchange.settings().client_id
    }

    /// Its secret.
    pub fn client_secret(&self) -> &str {
        &self.exchange.settings().client_secret
    }

    /// Adds a user, or replaces the one with this object id.
    pub fn add_user(&self, id: impl Into<String>, user: User) {
        let id = id.into();
        self.exchange.change_directory(|directory| drop(directory.users.insert(id, user)));
    }

    /// Adds a meeting under its join id, or under its thread id for joining through the organizer.
    pub fn add_meeting(&self, key: impl Into<String>, meeting: Meeting) {
        let key = key.into();
        self.exchange.change_directory(|directory| drop(directory.meetings.insert(key, meeting)));
    }

    /// The far end of the call `call_id`, waiting until there is one. It can be asked after the call, too.
    pub async fn far_end(&self, call_id: &str) -> Option<FarEnd> {
        self.exchange.far_end(&call_id.into()).await
    }

    /// Lets every far end leave and stops listening.
    pub async fn shut_down(self) {
        self.exchange.close().await;
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}
