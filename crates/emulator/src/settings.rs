//! What can be set, with defaults.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use url::{Host, Url};

use crate::service::Certificate;

/// The application permissions that a calling bot can be granted, as Graph names them.
pub const ALL_PERMISSIONS: [&str; 5] = [
    "Calls.Initiate.All",
    "Calls.InitiateGroupCall.All",
    "Calls.JoinGroupCall.All",
    "Calls.JoinGroupCallAsGuest.All",
    "Calls.AccessMedia.All",
];

/// Permissions that a meeting's chat can grant (resource-specific consent).
const CHAT_PERMISSIONS: [&str; 2] = ["Calls.JoinGroupCalls.Chat", "Calls.AccessMedia.Chat"];

/// Names that documentation uses for permissions that have another one.
const SYNONYMS: [(&str, &str); 4] = [
    ("Calls.JoinGroupCall.Chat", "Calls.JoinGroupCalls.Chat"),
    ("Calls.JoinGroupCalls.All", "Calls.JoinGroupCall.All"),
    ("Calls.InitiateGroupCalls.All", "Calls.InitiateGroupCall.All"),
    ("Calls.JoinGroupCallasGuest.All", "Calls.JoinGroupCallAsGuest.All"),
];

/// The real name of a permission that somebody has typed. `None` when there is no such permission.
pub(crate) fn permission(typed: &str) -> Option<&'static str> {
    let named = |name: &&str| name.eq_ignore_ascii_case(typed);
    let synonym = SYNONYMS.iter().find(|(synonym, _)| named(synonym)).map(|(_, real)| *real);
    ALL_PERMISSIONS.into_iter().chain(CHAT_PERMISSIONS).find(named).or(synonym)
}

/// Scales beyond these would leave nothing of the limits, or more than a clock can count.
const SMALLEST_SCALE: f64 = 0.000_001;
const LARGEST_SCALE: f64 = 1_000_000.0;

/// How long a bot may take to answer a call, and under a recording policy. As documented for Graph.
const ANSWER_LIMIT: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(5));

/// How long a call lasts after its bot was last heard of. As documented for Graph.
const KEEP_ALIVE_LIMIT: Duration = Duration::from_secs(45 * 60);

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
    pub(crate) certificate: Option<Certificate>,
    pub(crate) time_scale: f64,
    pub(crate) check_every_action: bool,
    pub(crate) calling_enabled: bool,
    pub(crate) exposure: Option<Exposure>,
    pub(crate) bot_metrics: Option<String>,
}

/// What lets an emulator listen beyond loopback.
#[derive(Clone)]
pub(crate) struct Exposure {
    /// What the page, its API and WHIP ask for.
    pub(crate) token: String,
    /// Names by which others reach this machine.
    pub(crate) names: Vec<String>,
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
            certificate: None,
            time_scale: 1.0,
            check_every_action: false,
            calling_enabled: true,
            exposure: None,
            bot_metrics: None,
        }
    }
}

impl EmulatorSettings {
    /// Where to listen. Default 127.0.0.1 and any free port. Beyond loopback it has to be [exposed](Self::expose) as well.
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

    /// The tenant's id.
    pub fn tenant_id(&self) -> &str {
        &self.tenant_id
    }

    /// The application that may call.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Its secret.
    pub fn client_secret(&self) -> &str {
        &self.client_secret
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

    /// Where the bot's media engine tells its numbers in the text format of Prometheus, as `offhook::metrics_router` does. They are read
    /// each second while a page is open, which draws how long frames take in each of the engine's stages. On loopback only, unless
    /// bots may be [called back](Self::allow_callbacks_beyond_loopback) anywhere. Default nowhere.
    #[must_use]
    pub fn bot_metrics(mut self, address: impl Into<String>) -> Self {
        self.bot_metrics = Some(address.into());
        self
    }

    /// Lets it listen beyond loopback, where everybody who reaches this machine can see and join its calls: so the page, what is
    /// under `/emulator`, and WHIP then ask for `token`. Bots bring tokens of their own, which whoever knows the application's
    /// secret can get. `names` are those by which others reach this machine; its addresses are known. Default not exposed.
    #[must_use]
    pub fn expose<N: Into<String>>(
        mut self,
        token: impl Into<String>,
        names: impl IntoIterator<Item = N>,
    ) -> Self {
        let names = names.into_iter().map(Into::into).collect();
        self.exposure = Some(Exposure { token: token.into(), names });
        self
    }

    /// Whether calling is enabled on the bot's registration. Default on; off, every call that it makes or answers is refused
    /// with 403/7503.
    #[must_use]
    pub fn calling_enabled(mut self, enabled: bool) -> Self {
        self.calling_enabled = enabled;
        self
    }

    /// Checks permissions at every action, as pages list them. Default off: Graph checks them when a call is created or
    /// answered, and not later.
    #[must_use]
    pub fn check_every_action(mut self, check: bool) -> Self {
        self.check_every_action = check;
        self
    }

    /// The certificate that the application has registered: a client assertion must be signed with its key. Default none;
    /// then the signature of an assertion is not looked at.
    #[must_use]
    pub fn certificate(mut self, certificate: Certificate) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// Shortens or lengthens the times of the emulator, such as the limits that Graph documents: 15 s to answer a call, 5 s
    /// under a recording policy, 45 min between signs of life; and ringing, prompts, recordings. Default 1; 0.01 makes 27 s of the 45 min. Zero and less, and what is no number, count as the
    /// smallest scale there is, 0.000001.
    #[must_use]
    pub fn time_scale(mut self, scale: f64) -> Self {
        self.time_scale = scale.clamp(SMALLEST_SCALE, LARGEST_SCALE);
        if self.time_scale.is_nan() {
            self.time_scale = SMALLEST_SCALE;
        }
        self
    }

    /// How long a bot may take to answer a call.
    pub fn answer_limit(&self) -> Duration {
        ANSWER_LIMIT.0.mul_f64(self.time_scale)
    }

    /// How long a bot may take to answer a call that it gets by a recording policy.
    pub fn policy_answer_limit(&self) -> Duration {
        ANSWER_LIMIT.1.mul_f64(self.time_scale)
    }

    /// How long a call lasts after its bot was last heard of.
    pub fn keep_alive_limit(&self) -> Duration {
        KEEP_ALIVE_LIMIT.mul_f64(self.time_scale)
    }

    /// Whether a bot may be called back at `url`.
    pub(crate) fn may_call_back(&self, url: &Url) -> bool {
        self.callbacks_beyond_loopback
            || match url.host() {
                Some(Host::Ipv4(address)) => address.is_loopback(),
                Some(Host::Ipv6(address)) => address.is_loopback(),
                Some(Host::Domain(name)) => name == "localhost",
                None => false,
            }
    }
}

/// What is said of an address that [`may_call_back`](EmulatorSettings::may_call_back) refuses.
pub(crate) const BEYOND_LOOPBACK: &str =
    "The emulator calls back on loopback only, unless it is told otherwise.";

/// The address of a bot's callbacks; else what is wrong with it, in words.
pub(crate) fn callback_uri(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("callbackUri is not an address: {error}."))?;
    if matches!(url.scheme(), "http" | "https") {
        Ok(url)
    } else {
        Err("callbackUri must be an http or https address.".to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_scaled_and_no_scale_panics() {
        let limits = |scale| {
            let settings = EmulatorSettings::default().time_scale(scale);
            [settings.answer_limit(), settings.policy_answer_limit(), settings.keep_alive_limit()]
        };
        assert_eq!(limits(1.0).map(|limit| limit.as_secs()), [15, 5, 2700]);
        assert_eq!(limits(0.01).map(|limit| limit.as_millis()), [150, 50, 27_000]);
        for scale in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(limits(scale).iter().all(|limit| !limit.is_zero()), "{scale}");
        }
    }

    #[test]
    fn permissions_are_known_by_the_names_that_documentation_uses() {
        assert_eq!(permission("Calls.AccessMedia.All"), Some("Calls.AccessMedia.All"));
        assert_eq!(permission("Calls.JoinGroupCalls.All"), Some("Calls.JoinGroupCall.All"));
        assert_eq!(permission("calls.initiate.all"), Some("Calls.Initiate.All"));
        assert_eq!(permission("Calls.All"), None);
    }

    #[test]
    fn only_loopback_is_called_back_unless_told_otherwise() {
        let may = |settings: &EmulatorSettings, url: &str| settings.may_call_back(&Url::parse(url).unwrap());
        let settings = EmulatorSettings::default();
        for (url, expected) in [
            ("http://127.0.0.1/x", true),
            ("http://[::1]:80/", true),
            ("http://localhost/", true),
            ("http://localhost.contoso.com/", false),
            ("https://bot.contoso.com/", false),
            ("http://10.0.0.1/", false),
            ("file:///x", false),
        ] {
            assert_eq!(may(&settings, url), expected, "{url}");
        }
        assert!(may(&settings.allow_callbacks_beyond_loopback(true), "https://bot.contoso.com/"));
    }
}
