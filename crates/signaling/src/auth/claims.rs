//! Whom a callback's token must name, and when it holds. Pure: time comes in as an argument.

use std::time::Duration;

use serde::Deserialize;
use url::Url;

use super::VerifyError;
use crate::cloud::Cloud;

/// Who may call the bot back. Defaults are the global cloud's; other clouds and emulators have their own.
#[derive(Clone, Debug)]
pub struct CallerSettings {
    /// The bot's application id: the token's audience.
    pub audience: String,
    /// Issuers to believe. A trailing slash makes no difference.
    pub issuers: Vec<String>,
    /// Where the OpenID metadata is, which names the address of the keys.
    pub metadata_url: Url,
    /// By how much the clocks may differ. Default 5 minutes, as in Microsoft's samples.
    pub leeway: Duration,
    /// Unknown key ids make the keys be read again, at most this often; sooner, from a second on, where reading them failed.
    /// Default 30 s.
    pub shortest_key_age: Duration,
    /// Keys are read again at this age. Default 2 h, as in Microsoft's samples.
    pub longest_key_age: Duration,
}

impl CallerSettings {
    /// Graph's global cloud calling the application with this id.
    pub fn for_application(client_id: impl Into<String>) -> Self {
        let cloud = Cloud::global();
        let (.., issuers, metadata_url) = cloud.addresses();
        Self {
            audience: client_id.into(),
            issuers: issuers.to_vec(),
            metadata_url: Url::parse(metadata_url).expect("the constant is a URL"),
            leeway: Duration::from_secs(300),
            shortest_key_age: Duration::from_secs(30),
            longest_key_age: Duration::from_secs(2 * 3600),
        }
    }

    /// Until when a token that says this is believed, since 1970, at most a day from `now`.
    pub(crate) fn believed_until(&self, claims: &Claims, now: Duration) -> Duration {
        let longest = now + Duration::from_secs(24 * 3600);
        let until = Duration::try_from_secs_f64(claims.exp.unwrap_or_default()).unwrap_or(longest);
        until.saturating_add(self.leeway).min(longest)
    }

    /// Checks what a token with a good signature says. `now` is seconds since 1970.
    pub(crate) fn check(&self, claims: &Claims, now: u64) -> Result<(), VerifyError> {
        let issuer = claims.iss.as_deref().unwrap_or_default().trim_end_matches('/');
        if issuer.is_empty() || !self.issuers.iter().any(|known| known.trim_end_matches('/') == issuer) {
            return Err(VerifyError::Claim("iss"));
        }
        if self.audience.is_empty() || !claims.aud.iter().any(|aud| aud.eq_ignore_ascii_case(&self.audience))
        {
            return Err(VerifyError::Claim("aud"));
        }
        if claims.tid.as_deref().is_none_or(str::is_empty) {
            return Err(VerifyError::Claim("tid"));
        }
        let leeway = self.leeway.as_secs_f64();
        let now = now as f64;
        match claims.exp {
            Some(exp) if now < exp + leeway => {}
            Some(_) => return Err(VerifyError::Expired),
            None => return Err(VerifyError::Claim("exp")),
        }
        match claims.nbf {
            Some(nbf) if now + leeway < nbf => Err(VerifyError::NotYetValid),
            _ => Ok(()),
        }
    }
}

/// What a callback's token says. Times are seconds since 1970, possibly with a fraction (RFC 7519 section 2).
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: Option<String>,
    #[serde(default)]
    pub(crate) aud: Audience,
    pub(crate) exp: Option<f64>,
    pub(crate) nbf: Option<f64>,
    pub(crate) tid: Option<String>,
}

/// One audience, or several (RFC 7519 section 4.1.3).
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Default for Audience {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl Audience {
    fn iter(&self) -> impl Iterator<Item = &String> {
        match self {
            Self::One(audience) => std::slice::from_ref(audience).iter(),
            Self::Several(audiences) => audiences.iter(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000;

    fn settings() -> CallerSettings {
        CallerSettings::for_application("0efc74f7-41c3-47a4-8775-7259bfef4241")
    }

    fn claims(change: serde_json::Value) -> Claims {
        let mut claims = serde_json::json!({
            "aud": "0efc74f7-41c3-47a4-8775-7259bfef4241", "iss": "https://api.botframework.com",
            "nbf": NOW - 60, "exp": NOW + 3600, "tid": "1fdd12d0-4620-44ed-baec-459b611f84b2"
        });
        for (name, value) in change.as_object().unwrap() {
            claims.as_object_mut().unwrap().insert(name.clone(), value.clone());
        }
        serde_json::from_value(claims).unwrap()
    }

    #[test]
    fn documented_claims_are_accepted() {
        for change in [
            serde_json::json!({}),
            serde_json::json!({"iss": "https://graph.microsoft.com"}),
            serde_json::json!({"iss": "https://api.botframework.com/"}),
            serde_json::json!({"aud": ["other", "0EFC74F7-41c3-47a4-8775-7259bfef4241"]}),
            serde_json::json!({"nbf": null}),
            serde_json::json!({"nbf": NOW + 299}),
            serde_json::json!({"exp": NOW - 299}),
            serde_json::json!({"exp": NOW as f64 + 0.5}),
        ] {
            assert_eq!(settings().check(&claims(change.clone()), NOW), Ok(()), "{change}");
        }
    }

    #[test]
    fn each_wrong_claim_is_named() {
        for (change, error) in [
            (
                serde_json::json!({"iss": "https://api.botframework.com.evil.example"}),
                VerifyError::Claim("iss"),
            ),
            (serde_json::json!({"iss": "/"}), VerifyError::Claim("iss")),
            (serde_json::json!({"iss": null}), VerifyError::Claim("iss")),
            (serde_json::json!({"aud": "someone-else"}), VerifyError::Claim("aud")),
            (serde_json::json!({"aud": []}), VerifyError::Claim("aud")),
            (serde_json::json!({"tid": null}), VerifyError::Claim("tid")),
            (serde_json::json!({"tid": ""}), VerifyError::Claim("tid")),
            (serde_json::json!({"exp": null}), VerifyError::Claim("exp")),
            (serde_json::json!({"exp": NOW - 301}), VerifyError::Expired),
            (serde_json::json!({"exp": -1e300}), VerifyError::Expired),
            (serde_json::json!({"nbf": NOW + 301}), VerifyError::NotYetValid),
        ] {
            assert_eq!(settings().check(&claims(change.clone()), NOW), Err(error), "{change}");
        }
    }
}
