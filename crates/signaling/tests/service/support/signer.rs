//! Keys that sign callback tokens, and the tokens.

use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// The bot's application id.
pub(crate) const APP: &str = "0efc74f7-41c3-47a4-8775-7259bfef4241";
/// The documented issuer.
pub(crate) const ISSUER: &str = "https://api.botframework.com";
/// A tenant.
pub(crate) const TENANT: &str = "1fdd12d0-4620-44ed-baec-459b611f84b2";

/// An RSA key with its id. Made once and shared, since making one takes a tenth of a second.
pub(crate) struct Signer {
    id: &'static str,
    pair: KeyPair,
}

static SERVICE: LazyLock<Signer> = LazyLock::new(|| Signer::generate("service-1"));
static SUCCESSOR: LazyLock<Signer> = LazyLock::new(|| Signer::generate("service-2"));
static STRANGER: LazyLock<Signer> = LazyLock::new(|| Signer::generate("stranger"));

impl Signer {
    /// The key that the service signs with.
    pub(crate) fn service() -> &'static Self {
        &SERVICE
    }

    /// The key that the service will sign with next.
    pub(crate) fn successor() -> &'static Self {
        &SUCCESSOR
    }

    /// A key that the service never lists.
    pub(crate) fn stranger() -> &'static Self {
        &STRANGER
    }

    fn generate(id: &'static str) -> Self {
        Self { id, pair: KeyPair::generate(KeySize::Rsa2048).unwrap() }
    }

    /// The key's id.
    pub(crate) fn id(&self) -> &'static str {
        self.id
    }

    /// The public half as a JSON Web Key.
    pub(crate) fn jwk(&self) -> Value {
        let public = self.pair.public_key();
        let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({
            "kty": "RSA", "use": "sig", "kid": self.id,
            "n": number(public.modulus().big_endian_without_leading_zero()),
            "e": number(public.exponent().big_endian_without_leading_zero()),
        })
    }

    /// A token that holds now, for the bot.
    pub(crate) fn token(&self) -> String {
        self.sign(&header(self.id), &claims(json!({})))
    }

    /// A token that says this, signed by RS256 whatever its header says.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let said = said(header, claims);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), said.as_bytes(), &mut signature).unwrap();
        format!("{said}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// A token whose HMAC key is this key's public half: who checks it with "the key", whatever the algorithm, is fooled.
    pub(crate) fn sign_with_public_half(&self, claims: &Value) -> String {
        let said = said(&json!({"typ": "JWT", "alg": "HS256", "kid": self.id}), claims);
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.pair.public_key().as_ref());
        format!("{said}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, said.as_bytes())))
    }
}

/// The header that the service writes.
pub(crate) fn header(id: &str) -> Value {
    json!({"typ": "JWT", "alg": "RS256", "kid": id, "x5t": id})
}

/// Claims that hold now, with changes: a null takes a claim out, and times are seconds from now.
pub(crate) fn claims(changes: Value) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let mut claims =
        json!({"iss": ISSUER, "aud": APP, "tid": TENANT, "iat": now, "nbf": now - 300, "exp": now + 3900});
    let members = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => members.remove(name),
            Value::Number(seconds) => members.insert(name.clone(), json!(now + seconds.as_i64().unwrap())),
            value => members.insert(name.clone(), value.clone()),
        };
    }
    claims
}

/// Header and claims as a token's first two parts: all that is signed.
pub(crate) fn said(header: &Value, claims: &Value) -> String {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    format!("{}.{}", part(header), part(claims))
}
