//! Client assertions: an application signs in with a JWT that it signed itself (RFC 7523).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::TokenError;
use super::certificate::Certificate;

/// `client_assertion_type` of a JWT.
pub(super) const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Clocks may differ by this much.
const LEEWAY: Duration = Duration::from_secs(5 * 60);

/// What an assertion is held against.
pub(super) struct Expected<'a> {
    pub(super) client_id: &'a str,
    /// The token endpoint.
    pub(super) audience: &'a str,
    /// Whose key must have signed. Without one, the signature is not looked at.
    pub(super) certificate: Option<&'a Certificate>,
}

/// Checks an assertion.
pub(super) fn check(now: SystemTime, assertion: &str, expected: &Expected<'_>) -> Result<(), TokenError> {
    let (signed, signature) = assertion.rsplit_once('.').ok_or(MALFORMED)?;
    let (header, claims) = signed.split_once('.').ok_or(MALFORMED)?;
    let (header, claims) = (read(header)?, read(claims)?);
    let algorithm: &dyn VerificationAlgorithm = match header["alg"].as_str() {
        Some("RS256") => &RSA_PKCS1_2048_8192_SHA256,
        Some("PS256") => &RSA_PSS_2048_8192_SHA256,
        _ => return Err(refused("AADSTS5002738: The algorithm must be RS256 or PS256.")),
    };
    if [&claims["iss"], &claims["sub"]].iter().any(|claim| claim.as_str() != Some(expected.client_id)) {
        return Err(refused("AADSTS700021: iss and sub of the client assertion must be the client_id."));
    }
    if claims["aud"].as_str() != Some(expected.audience) {
        return Err(refused("AADSTS700023: aud of the client assertion must be the token endpoint."));
    }
    let expiry = claims["exp"].as_u64().ok_or(MALFORMED)?;
    let begin = claims["nbf"].as_u64().unwrap_or_default();
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    if now >= expiry || now.saturating_add(LEEWAY.as_secs()) < begin {
        return Err(refused("AADSTS700024: The client assertion is not within its valid time range."));
    }
    match expected.certificate {
        Some(certificate) => check_signature(algorithm, &header, signed, signature, certificate),
        None => Ok(()),
    }
}

fn check_signature(
    algorithm: &'static dyn VerificationAlgorithm,
    header: &Value,
    signed: &str,
    signature: &str,
    certificate: &Certificate,
) -> Result<(), TokenError> {
    let thumbprint = header["x5t#S256"].as_str();
    if thumbprint.is_some_and(|thumbprint| thumbprint != certificate.thumbprint()) {
        return Err(refused("AADSTS700027: The certificate of the client assertion is not registered."));
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| MALFORMED)?;
    let key = UnparsedPublicKey::new(algorithm, certificate.public_key());
    let wrong = || refused("AADSTS700027: The signature of the client assertion is wrong.");
    key.verify(signed.as_bytes(), &signature).map_err(|_| wrong())
}

const MALFORMED: TokenError =
    refused("AADSTS50027: The client assertion is not a JWT with iss, sub, aud and exp.");

const fn refused(description: &'static str) -> TokenError {
    TokenError { status: 401, error: "invalid_client", description }
}

fn read(part: &str) -> Result<Value, TokenError> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| MALFORMED)?;
    let value: Value = serde_json::from_slice(&json).map_err(|_| MALFORMED)?;
    if value.is_object() { Ok(value) } else { Err(MALFORMED) }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
    use serde_json::json;

    use super::*;

    const AUDIENCE: &str = "http://127.0.0.1:9440/tenant/oauth2/v2.0/token";
    const NOW: u64 = 1_800_000_000;

    fn certificate() -> Certificate {
        Certificate::from_pem(include_str!("../../tests/fixtures/certificate.pem")).unwrap()
    }

    /// An assertion whose claims are changed by `changes`; null takes one out.
    fn assertion(algorithm: Algorithm, thumbprint: Option<&str>, changes: &Value) -> String {
        let mut claims = json!({
            "iss": "bot", "sub": "bot", "aud": AUDIENCE, "jti": "1", "nbf": NOW - 10, "exp": NOW + 300,
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let header = Header { x5t_s256: thumbprint.map(str::to_owned), ..Header::new(algorithm) };
        let pem = include_str!("../../tests/fixtures/private_key.pem");
        let key: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let key = EncodingKey::from_rsa_der(&STANDARD.decode(key).unwrap());
        encode(&header, &claims, &key).unwrap()
    }

    fn checked(assertion: &str, certificate: Option<&Certificate>) -> Result<(), &'static str> {
        let expected = Expected { client_id: "bot", audience: AUDIENCE, certificate };
        let now = UNIX_EPOCH + Duration::from_secs(NOW);
        check(now, assertion, &expected).map_err(|refused| {
            assert_eq!((refused.status, refused.error), (401, "invalid_client"));
            refused.description
        })
    }

    #[test]
    fn an_assertion_of_the_registered_certificate_is_good() {
        let certificate = certificate();
        for algorithm in [Algorithm::RS256, Algorithm::PS256] {
            for thumbprint in [None, Some(certificate.thumbprint())] {
                let assertion = assertion(algorithm, thumbprint, &json!({}));
                assert_eq!(checked(&assertion, Some(&certificate)), Ok(()));
            }
        }
    }

    #[test]
    fn each_mistake_of_an_assertion_is_named() {
        let changed = |changes| assertion(Algorithm::RS256, None, &changes);
        let certificate = certificate();
        let good = changed(json!({}));
        let (signed, signature) = good.rsplit_once('.').unwrap();
        let first = if signature.starts_with('A') { "B" } else { "A" };
        let (header, claims) = signed.split_once('.').unwrap();
        let unsigned = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
        for (assertion, code) in [
            (changed(json!({"iss": "other"})), "AADSTS700021"),
            (changed(json!({"sub": null})), "AADSTS700021"),
            (changed(json!({"aud": "https://login.microsoftonline.com"})), "AADSTS700023"),
            (changed(json!({"exp": NOW})), "AADSTS700024"),
            (changed(json!({"nbf": NOW + 301})), "AADSTS700024"),
            (changed(json!({"exp": null})), "AADSTS50027"),
            (assertion(Algorithm::RS256, Some("other"), &json!({})), "AADSTS700027"),
            (format!("{signed}.{first}{}", &signature[1..]), "AADSTS700027"),
            (format!("{unsigned}.{claims}."), "AADSTS5002738"),
            (format!("{header}.{claims}"), "AADSTS50027"),
            ("x.y.z".to_owned(), "AADSTS50027"),
            (String::new(), "AADSTS50027"),
        ] {
            let said = checked(&assertion, Some(&certificate)).unwrap_err();
            assert!(said.starts_with(code), "{said} for {assertion}");
        }
        assert_eq!(
            checked(&format!("{signed}.{first}{}", &signature[1..]), None),
            Ok(()),
            "nobody's key is known"
        );
    }
}
