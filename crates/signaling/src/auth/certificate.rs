//! A certificate that an application signs in with, and the assertions that are signed with its key.
//!
//! Sources: RFC 7523 section 2.2; <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{KeyPair as _, RSA_PSS_SHA256};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

/// How long an assertion holds: long enough for clocks that differ and an authority that is slow, and Entra's advice.
const ASSERTION_LIFE: Duration = Duration::from_secs(600);

/// A certificate with its private key. Cheap to clone; `Debug` shows the certificate's thumbprint and nothing of the key.
#[derive(Clone)]
pub struct ClientCertificate {
    key: Arc<KeyPair>,
    /// SHA-256 of the certificate, as `x5t#S256` has it (RFC 7515 section 4.1.8).
    thumbprint: String,
}

/// Why a certificate cannot be used. Found when it is read, not when it is first needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// No `CERTIFICATE` in the PEM text.
    #[error("the PEM text holds no certificate")]
    NoCertificate,
    /// No `PRIVATE KEY` in the PEM text.
    #[error("the PEM text holds no private key")]
    NoPrivateKey,
    /// The private key is protected by a password. It has to be given without.
    #[error("the private key is encrypted")]
    EncryptedKey,
    /// What stands between the lines of PEM is no base64.
    #[error("the {0} is damaged: it is no base64")]
    Damaged(&'static str),
    /// The private key is no RSA key of 2048 to 8192 bits.
    #[error("the private key is no RSA key of 2048 to 8192 bits")]
    UnsuitableKey,
    /// The certificate is about another key.
    #[error("the private key does not belong to the certificate")]
    Mismatch,
}

impl ClientCertificate {
    /// Reads the certificate and its RSA key, PKCS#8 or PKCS#1, from PEM text. Both may stand in the same text. Of several
    /// certificates the first is taken: in a chain that is the application's own.
    ///
    /// Whether the certificate has expired is not looked at; the authority says so.
    ///
    /// # Errors
    /// What is missing or does not fit.
    pub fn from_pem(certificate: &str, private_key: &str) -> Result<Self, CertificateError> {
        let certificate = pem_block(certificate, "CERTIFICATE").ok_or(CertificateError::NoCertificate)?;
        let certificate = decoded(certificate, "certificate")?;
        let key = read_key(private_key)?;
        // The certificate holds the public key in the very bytes of PKCS#1. Found anywhere is enough: this is a guard against
        // files that were mixed up, not against forgery.
        let public = key.public_key().as_ref();
        if !certificate.windows(public.len()).any(|bytes| bytes == public) {
            return Err(CertificateError::Mismatch);
        }
        let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, &certificate));
        Ok(Self { key: Arc::new(key), thumbprint })
    }

    /// A signed statement that the bearer is `client_id`, made for the token endpoint `audience` at `now`. `id` must not
    /// repeat. `None` when the signature fails, which a key that was checked does not.
    pub(crate) fn assertion(
        &self,
        client_id: &str,
        audience: &str,
        id: &str,
        now: SystemTime,
    ) -> Option<String> {
        let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint});
        let claims = json!({
            "aud": audience, "iss": client_id, "sub": client_id, "jti": id,
            "iat": seconds, "nbf": seconds, "exp": seconds + ASSERTION_LIFE.as_secs(),
        });
        let part = |json: &serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let said = format!("{}.{}", part(&header), part(&claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PSS_SHA256, &SystemRandom::new(), said.as_bytes(), &mut signature).ok()?;
        Some(format!("{said}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate").field("thumbprint", &self.thumbprint).finish_non_exhaustive()
    }
}

fn read_key(pem: &str) -> Result<KeyPair, CertificateError> {
    let unsuitable = |_| CertificateError::UnsuitableKey;
    if let Some(block) = pem_block(pem, "PRIVATE KEY") {
        return KeyPair::from_pkcs8(&decoded(block, "private key")?).map_err(unsuitable);
    }
    if let Some(block) = pem_block(pem, "RSA PRIVATE KEY") {
        // The old way of encrypting announces itself in headers, which the new ways have no room for.
        if block.contains("ENCRYPTED") {
            return Err(CertificateError::EncryptedKey);
        }
        return KeyPair::from_der(&decoded(block, "private key")?).map_err(unsuitable);
    }
    let has = |label| pem_block(pem, label).is_some();
    Err(match () {
        () if has("ENCRYPTED PRIVATE KEY") => CertificateError::EncryptedKey,
        () if has("EC PRIVATE KEY") => CertificateError::UnsuitableKey,
        () => CertificateError::NoPrivateKey,
    })
}

/// What stands between the lines of the first block with this label (RFC 7468 section 2).
fn pem_block<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    let (_, after) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    after.split_once(&format!("-----END {label}-----")).map(|(block, _)| block)
}

fn decoded(block: &str, what: &'static str) -> Result<Vec<u8>, CertificateError> {
    let digits: String = block.chars().filter(|character| !character.is_ascii_whitespace()).collect();
    STANDARD.decode(digits).map_err(|_| CertificateError::Damaged(what))
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Algorithm, DecodingKey, Validation};
    use serde_json::Value;

    use super::*;

    const CERTIFICATE: &str = include_str!("../../tests/fixtures/certificate/certificate.pem");
    const OTHER: &str = include_str!("../../tests/fixtures/certificate/other-certificate.pem");
    const KEY: &str = include_str!("../../tests/fixtures/certificate/key.pem");
    const KEY_PKCS1: &str = include_str!("../../tests/fixtures/certificate/key-pkcs1.pem");
    const KEY_ENCRYPTED: &str = include_str!("../../tests/fixtures/certificate/key-encrypted.pem");
    const KEY_ELLIPTIC: &str = include_str!("../../tests/fixtures/certificate/key-elliptic.pem");
    /// By `openssl x509 -outform der | openssl dgst -sha256 -binary`, in base64url.
    const THUMBPRINT: &str = "1vM4FpIUT_-Ema5HC8v7ghV9uSkedNh7bGiH3XGEyx4";

    #[test]
    fn an_assertion_says_who_for_whom_and_until_when() {
        let both_in_one = format!("{KEY}\n{CERTIFICATE}\n{OTHER}");
        for (certificate, key) in [(CERTIFICATE, KEY), (CERTIFICATE, KEY_PKCS1), (&both_in_one, &both_in_one)]
        {
            let certificate = ClientCertificate::from_pem(certificate, key).unwrap();
            let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
            let assertion = certificate.assertion("app", "https://login.example/token", "id-1", now).unwrap();
            let part = |index: usize| -> Value {
                let part = assertion.split('.').nth(index).unwrap();
                serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
            };
            assert_eq!(part(0), json!({"alg": "PS256", "typ": "JWT", "x5t#S256": THUMBPRINT}));
            assert_eq!(
                part(1),
                json!({
                    "aud": "https://login.example/token", "iss": "app", "sub": "app", "jti": "id-1",
                    "iat": 1_700_000_000, "nbf": 1_700_000_000, "exp": 1_700_000_600,
                })
            );
            // By a verifier that is not ours.
            let public = DecodingKey::from_rsa_der(certificate.key.public_key().as_ref());
            let mut validation = Validation::new(Algorithm::PS256);
            validation.set_audience(&["https://login.example/token"]);
            validation.validate_exp = false;
            jsonwebtoken::decode::<Value>(&assertion, &public, &validation).unwrap();
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let damaged = CERTIFICATE.replacen("MII", "M!I", 1);
        let old_encryption = KEY_PKCS1.replacen("KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\n\n", 1);
        let cut = KEY.replacen("-----END", "----END", 1);
        for (certificate, key, error) in [
            (KEY, KEY, CertificateError::NoCertificate),
            ("", KEY, CertificateError::NoCertificate),
            (CERTIFICATE, CERTIFICATE, CertificateError::NoPrivateKey),
            (CERTIFICATE, &cut, CertificateError::NoPrivateKey),
            (CERTIFICATE, KEY_ENCRYPTED, CertificateError::EncryptedKey),
            (CERTIFICATE, &old_encryption, CertificateError::EncryptedKey),
            (CERTIFICATE, KEY_ELLIPTIC, CertificateError::UnsuitableKey),
            (&damaged, KEY, CertificateError::Damaged("certificate")),
            (OTHER, KEY, CertificateError::Mismatch),
        ] {
            assert_eq!(ClientCertificate::from_pem(certificate, key).unwrap_err(), error);
        }
    }

    #[test]
    fn nothing_of_the_key_is_shown() {
        let shown = format!("{:?}", ClientCertificate::from_pem(CERTIFICATE, KEY).unwrap());
        assert_eq!(shown, format!("ClientCertificate {{ thumbprint: {THUMBPRINT:?}, .. }}"));
    }
}
