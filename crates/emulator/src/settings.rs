//! What can be set, with defaults.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// The application permissions that a calling bot can be granted, as Graph names them.
pub const ALL_PERMISSIONS: [&str; 5] = [
    "Calls.Initiate.All",
    "Calls.InitiateGroupCall.All",
    "Calls.JoinGroupCall.All",
    "Calls.JoinGroupCallAsGuest.All",
    "Calls.AccessMedia.All",
];

/// Settings of an [`Emulator`](crate::Emulator).
#[derive(Clone)]
pub struct EmulatorSettings {
    pub(crate) listen: SocketAddr,
    pub(crate) tenant_id: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) permissions: Vec<String>,
    pub(crate) issuer: String,
    pub(crate) media_timeout: Duration,
    pub(crate) token_lifetime: Duration,
    pub(crate) callbacks_beyond_loopback: bool,
}

impl Default for EmulatorSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tenant_id: "11111111-aaaa-4aaa-8aaa-111111111111".to_owned(),
            client_id: "22222222-bbbb-4bbb-8bbb-222222222222".to_owned(),
            client_secret: "emulator-secret".to_owned(),
            permissions: ALL_PERMISSIONS.map(str::to_owned).into(),
            issuer: "https://api.botframework.com".to_owned(),
            media_timeout: Duration::from_secs(20),
            token_lifetime: Duration::from_secs(3600),
            callbacks_beyond_loopback: false,
        }
    }
}

impl EmulatorSettings {
    /// Where to listen. Default 127.0.0.1 and any free port.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// The application that may call: its id and secret. Defaults are fixed and known to everybody.
    #[must_use]
    pub fn application(mut self, client_id: impl Into<String>, client_secret: impl Into<String>) -> Self {
        self.client_id = client_id.into();
        self.client_secret = client_secret.into();
        self
    }

    /// The tenant. Default a fixed id.
    #[must_use]
    pub fn tenant(mut self, tenant_id: impl Into<String>) -> Self {
        self.tenant_id = tenant_id.into();
        self
    }

    /// The application permissions that the tenant has granted. Default [`ALL_PERMISSIONS`].
    #[must_use]
    pub fn permissions<P: Into<String>>(mut self, granted: impl IntoIterator<Item = P>) -> Self {
        self.permissions = granted.into_iter().map(Into::into).collect();
        self
    }

    /// Who signs callbacks. Default `https://api.botframework.com`, as Graph's do.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = issuer.into();
        self
    }

    /// How long media may take to connect before the call ends with 410/301005. Default 20 s.
    #[must_use]
    pub fn media_timeout(mut self, timeout: Duration) -> Self {
        self.media_timeout = timeout;
        self
    }

    /// How long access tokens last. Default one hour.
    #[must_use]
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.token_lifetime = lifetime;
        self
    }

    /// Lets bots be called back at any address. Default off: only on loopback, so that the emulator cannot be used to
    /// reach other machines.
    #[must_use]
    pub fn allow_callbacks_beyond_loopback(mut self, allow: bool) -> Self {
        self.callbacks_beyond_loopback = allow;
        self
    }
}

impl fmt::Debug for EmulatorSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmulatorSettings")
            .field("listen", &self.listen)
            .field("tenant_id", &self.tenant_id)
            .field("client_id", &self.client_id)
            .field("permissions", &self.permissions)
            .finish_non_exhaustive()
    }
}
