//! The key that callbacks are signed with, and its public half for who checks them (RFC 7515, 7517, 7519).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use uuid::Uuid;

/// How long a callback's token lasts, as in Graph's documented example.
const LIFETIME: Duration = Duration::from_secs(65 * 60);

/// Clocks may differ by this much.
const LEEWAY: Duration = Duration::from_secs(5 * 60);

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
    pub(crate) fn jwk(&self) -> Value {
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
    pub(crate) fn token(
        &self,
        now: SystemTime,
        issuer: &str,
        audience: &str,
        tenant: &str,
    ) -> Option<String> {
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
