//! Checks who posts to the callback, before anything that they say is read.
//!
//! `[io]` Reads the service's keys and the clock; what is believed is decided in `claims` and `keys`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use reqwest::Method;
use serde::Deserialize;
use url::Url;

use super::claims::Claims;
use super::keys::{self, KeyCache, KeyPlan};
use super::{CallerSettings, VerifyError};
use crate::http::{Request, Transport};
use crate::model::{CommsNotification, CommsNotifications};

/// Longest token that is looked at. Graph's are below 2 KiB.
const LONGEST_TOKEN: usize = 16 << 10;
/// How long reading metadata or keys may take; a callback waits for it.
const KEYS_TIMEOUT: Duration = Duration::from_secs(10);

/// Something that a verified caller said. Nothing but a check makes one.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// Takes the word of a check that was made elsewhere, such as by a gateway in front of the bot, or by a test or
    /// benchmark that speaks for itself. Whoever calls this answers for the sender.
    pub const fn checked_elsewhere(value: T) -> Self {
        Self(value)
    }

    /// What was said.
    pub const fn get(&self) -> &T {
        &self.0
    }

    /// What was said, for good.
    pub fn into_inner(self) -> T {
        self.0
    }

    /// The same, borrowed.
    pub const fn as_ref(&self) -> Verified<&T> {
        Verified(&self.0)
    }
}

impl Verified<CommsNotifications> {
    /// Each notification on its own, in order.
    pub fn into_notifications(self) -> impl Iterator<Item = Verified<CommsNotification>> {
        self.0.value.into_value().unwrap_or_default().into_iter().map(Verified)
    }
}

/// A caller whose token was checked. Vouches for what it posted.
#[derive(Debug)]
pub struct Caller {
    tenant: String,
    believed_until: Duration,
}

impl Caller {
    /// The tenant that the token names.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// Until when its token is believed, since 1970.
    pub(crate) fn believed_until(&self) -> Duration {
        self.believed_until
    }

    /// Marks what the caller posted as said by it.
    pub fn vouch<T>(&self, said: T) -> Verified<T> {
        Verified(said)
    }
}

/// Checks callback tokens against the service's keys.
pub struct CallbackVerifier {
    settings: CallerSettings,
    keys: Arc<ServiceKeys>,
}

/// The service's keys, and how they are read.
struct ServiceKeys {
    metadata_url: Url,
    transport: Arc<dyn Transport>,
    cache: Mutex<KeyCache>,
    /// Held while the keys are read, so that a burst of callbacks reads them once.
    reading: Arc<tokio::sync::Mutex<()>>,
}

impl CallbackVerifier {
    /// A verifier that has read no keys yet; the first callback makes it.
    pub fn new(settings: CallerSettings, transport: Arc<dyn Transport>) -> Self {
        let metadata_url = settings.metadata_url.clone();
        let keys = ServiceKeys { metadata_url, transport, cache: Mutex::default(), reading: Arc::default() };
        Self { settings, keys: Arc::new(keys) }
    }

    /// Checks the value of an `Authorization` header. To be called inside a tokio runtime.
    ///
    /// # Errors
    /// Why the sender is not believed. The token itself is in no error.
    pub async fn verify_caller(&self, authorization: Option<&str>) -> Result<Caller, VerifyError> {
        let token = bearer(authorization).ok_or(VerifyError::Missing)?;
        let kid = key_id(token)?;
        let key = self.key(&kid).await?;
        let claims = claims(token, &key)?;
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.settings.check(&claims, since_1970.as_secs())?;
        let believed_until = self.settings.believed_until(&claims, since_1970);
        Ok(Caller { tenant: claims.tid.unwrap_or_default(), believed_until })
    }

    async fn key(&self, kid: &str) -> Result<Arc<DecodingKey>, VerifyError> {
        if let Some(decided) = decided(self.plan(kid)) {
            return decided;
        }
        let turn = Arc::clone(&self.keys.reading).lock_owned().await;
        // Whoever had the turn before may have read them.
        if let Some(decided) = decided(self.plan(kid)) {
            return decided;
        }
        self.keys.cache().trying(now());
        let keys = Arc::clone(&self.keys);
        // On a task of its own: a caller who hangs up must not break off the reading that others wait for, and by hanging up
        // again and again nobody makes it begin anew.
        let reading = tokio::spawn(async move {
            keys.renew().await;
            drop(turn);
        });
        // It fails only by a panic of the transport or the end of the runtime; then there are no new keys.
        let _ = reading.await;
        decided(self.keys.cache().settled(kid)).unwrap_or(Err(VerifyError::KeysUnavailable))
    }

    fn plan(&self, kid: &str) -> KeyPlan {
        let CallerSettings { shortest_key_age, longest_key_age, .. } = self.settings;
        self.keys.cache().plan(kid, now(), shortest_key_age, longest_key_age)
    }
}

impl ServiceKeys {
    fn cache(&self) -> std::sync::MutexGuard<'_, KeyCache> {
        // A panic elsewhere cannot leave the cache half changed: each of its methods ends before anything can fail.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn renew(&self) {
        match self.read_keys().await {
            Ok(keys) => self.cache().replace(keys, now()),
            Err(reason) => {
                tracing::warn!(metadata_url = %self.metadata_url, reason, "keys not read");
                self.cache().failed(now());
            }
        }
    }

    async fn read_keys(&self) -> Result<std::collections::HashMap<String, Arc<DecodingKey>>, &'static str> {
        #[derive(Deserialize)]
        struct Metadata {
            jwks_uri: String,
        }
        let metadata = self.get(self.metadata_url.clone()).await?;
        let metadata: Metadata =
            serde_json::from_slice(&metadata).map_err(|_| "metadata without jwks_uri")?;
        let address = Url::parse(&metadata.jwks_uri).map_err(|_| "jwks_uri is no URL")?;
        // Keys that came over a plain connection could be anybody's.
        if address.scheme() != "https" && self.metadata_url.scheme() == "https" {
            return Err("jwks_uri is not https");
        }
        keys::read_key_set(&self.get(address).await?).ok_or("no usable keys")
    }

    async fn get(&self, url: Url) -> Result<Vec<u8>, &'static str> {
        let request = Request::new(Method::GET, url, KEYS_TIMEOUT);
        let answer = self.transport.send(request).await.map_err(|_| "no answer")?;
        if answer.is_success() { Ok(answer.body) } else { Err("refused") }
    }
}

/// The runtime's clock, which a test may own.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

fn decided(plan: KeyPlan) -> Option<Result<Arc<DecodingKey>, VerifyError>> {
    match plan {
        KeyPlan::Use(key) => Some(Ok(key)),
        KeyPlan::Unknown => Some(Err(VerifyError::UnknownKey)),
        KeyPlan::Unavailable => Some(Err(VerifyError::KeysUnavailable)),
        KeyPlan::Fetch | KeyPlan::Wait => None,
    }
}

/// The token of a bearer header (RFC 6750 section 2.1; the scheme's case does not matter).
fn bearer(authorization: Option<&str>) -> Option<&str> {
    let (scheme, token) = authorization?.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// The key id of a token whose header we accept. A plain `cty: JWT` is harmless: the payload is read as claims anyway.
fn key_id(token: &str) -> Result<String, VerifyError> {
    if token.len() > LONGEST_TOKEN {
        return Err(VerifyError::Malformed("too long"));
    }
    // `alg: none` is no algorithm that the library knows, so it ends here.
    let header =
        jsonwebtoken::decode_header(token).map_err(|_| VerifyError::Malformed("no readable header"))?;
    if header.alg != Algorithm::RS256 {
        return Err(VerifyError::Malformed("algorithm is not RS256"));
    }
    if header.crit.is_some() || header.enc.is_some() {
        return Err(VerifyError::Malformed("header asks for something that we do not do"));
    }
    header.kid.ok_or(VerifyError::Malformed("no key id"))
}

fn claims(token: &str, key: &DecodingKey) -> Result<Claims, VerifyError> {
    let mut validation = Validation::new(Algorithm::RS256);
    // The claims are checked by `CallerSettings::check`, which takes the time as an argument.
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    jsonwebtoken::decode::<Claims>(token, key, &validation).map(|token| token.claims).map_err(|error| {
        match error.kind() {
            jsonwebtoken::errors::ErrorKind::Json(_) => VerifyError::Malformed("claims are not readable"),
            _ => VerifyError::Signature,
        }
    })
}
