//! The keys that callbacks are signed with, and their public halves for who checks them (RFC 7515, 7517, 7519).

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

/// How long a callback's token lasts, as in Graph's documented example.
const LIFETIME: Duration = Duration::from_secs(65 * 60);

/// Clocks may differ by this much.
const LEEWAY: Duration = Duration::from_secs(5 * 60);

/// What becomes of a signing key once another takes its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum OldKey {
    /// It is still published: callbacks that it signed can still be checked.
    Keep,
    /// It is published no longer, nor is any key before it.
    Withdraw,
}

/// The key that signs, and all keys that are published.
pub(crate) struct KeyRing(Mutex<Ring>);

struct Ring {
    signing: SigningKey,
    /// Keys that signed before, as they are published.
    kept: Vec<Value>,
}

impl KeyRing {
    pub(crate) fn new(signing: SigningKey) -> Self {
        Self(Mutex::new(Ring { signing, kept: Vec::new() }))
    }

    /// Nothing is left half changed by a panic.
    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Signs with `key` from now on.
    pub(crate) fn rotate(&self, key: SigningKey, old: OldKey) {
        let mut ring = self.lock();
        match old {
            OldKey::Keep => {
                let jwk = ring.signing.jwk();
                ring.kept.push(jwk);
            }
            OldKey::Withdraw => ring.kept.clear(),
        }
        ring.signing = key;
    }

    /// The public halves as JSON Web Keys, the one that signs first.
    pub(crate) fn public_keys(&self) -> Vec<Value> {
        let ring = self.lock();
        std::iter::once(ring.signing.jwk()).chain(ring.kept.iter().cloned()).collect()
    }

    /// [`SigningKey::token`] with the key that signs now.
    pub(crate) fn token(
        &self,
        now: SystemTime,
        issuer: &str,
        audience: &str,
        tenant: &str,
    ) -> Option<String> {
        self.lock().signing.token(now, issuer, audience, tenant)
    }
}

/// An RSA key with its id.
pub(crate) struct SigningKey {
    id: String,
    pair: KeyPair,
}

impl SigningKey {
    /// Makes a key of 2048 bits. `None` when the cryptographic library fails, which it does only without randomness.
    pub(crate) fn generate() -> Option<Self> {
        let pair = KeyPair::generate(KeySize::Rsa2048).ok()?;
        Some(Self { id: Uuid::new_v4().simple().to_string(), pair })
    }

    /// The public half as a JSON Web Key.
    fn jwk(&self) -> Value {
        let public = self.pair.public_key();
        let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.id,
            "n": number(public.modulus().big_endian_without_leading_zero()),
            "e": number(public.exponent().big_endian_without_leading_zero()),
            "endorsements": ["msteams"],
        })
    }

    /// A token that says that `issuer` calls the application `audience` of `tenant`. `None` as for
    /// [`generate`](Self::generate).
    fn token(&self, now: SystemTime, issuer: &str, audience: &str, tenant: &str) -> Option<String> {
        let seconds = |at: SystemTime| at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": self.id, "x5t": self.id});
        let claims = json!({
            "iss": issuer, "aud": audience, "tid": tenant,
            "iat": seconds(now), "nbf": seconds(now - LEEWAY), "exp": seconds(now + LIFETIME),
        });
        let part = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).ok()?;
        Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        SigningKey::generate().unwrap()
    }

    #[test]
    fn an_old_key_stays_published_until_it_is_withdrawn() {
        let ring = KeyRing::new(key());
        let ids = || ring.public_keys().iter().map(|key| key["kid"].clone()).collect::<Vec<_>>();
        let first = ids();
        ring.rotate(key(), OldKey::Keep);
        let second = ids();
        assert_eq!((second.len(), &second[1]), (2, &first[0]));
        ring.rotate(key(), OldKey::Withdraw);
        assert_eq!(ids().len(), 1);
        assert!(!second.contains(&ids()[0]));
    }
}
