//! Access tokens by client credentials (RFC 6749 section 4.4). They are opaque: a client must not read them.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use uuid::Uuid;

use crate::settings::EmulatorSettings;

/// What the token endpoint refuses with (RFC 6749 section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TokenError {
    pub(crate) status: u16,
    pub(crate) error: &'static str,
    pub(crate) description: &'static str,
}

/// The tokens that are out.
pub(crate) struct Tokens {
    client_id: String,
    client_secret: String,
    lifetime: Duration,
    expiries: HashMap<String, SystemTime>,
}

impl Tokens {
    pub(crate) fn new(settings: &EmulatorSettings) -> Self {
        Self {
            client_id: settings.client_id.clone(),
            client_secret: settings.client_secret.clone(),
            lifetime: settings.token_lifetime,
            expiries: HashMap::new(),
        }
    }

    /// Gives out a token for the form of a token request, and says how long it lasts.
    pub(crate) fn issue(
        &mut self,
        now: SystemTime,
        form: &HashMap<String, String>,
    ) -> Result<(String, Duration), TokenError> {
        let refuse = |status, error, description| Err(TokenError { status, error, description });
        let field = |name: &str| form.get(name).map(String::as_str);
        if field("grant_type") != Some("client_credentials") {
            return refuse(400, "unsupported_grant_type", "Only client_credentials is supported.");
        }
        if !field("scope").is_some_and(|scope| scope.ends_with("/.default")) {
            return refuse(400, "invalid_scope", "The scope must be the Graph address and /.default.");
        }
        if field("client_id") != Some(&self.client_id) {
            return refuse(
                400,
                "unauthorized_client",
                "AADSTS700016: The application was not found in the tenant.",
            );
        }
        if field("client_secret") != Some(&self.client_secret) {
            return refuse(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.");
        }
        self.expiries.retain(|_, expiry| *expiry > now);
        let token = format!("emulated-{}", Uuid::new_v4().simple());
        self.expiries.insert(token.clone(), now + self.lifetime);
        Ok((token, self.lifetime))
    }

    /// Whether `authorization` carries a token that is out and has not expired.
    pub(crate) fn check(&self, now: SystemTime, authorization: Option<&str>) -> Result<(), &'static str> {
        let header = authorization.ok_or("Access token is empty.")?;
        let (scheme, token) = header.split_once(' ').ok_or("Access token is empty.")?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err("The authorization scheme must be Bearer.");
        }
        match self.expiries.get(token.trim()) {
            Some(expiry) if *expiry > now => Ok(()),
            Some(_) => Err("Lifetime validation failed, the token is expired."),
            None => Err("Access token validation failure. Invalid token."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(changes: &[(&str, &str)]) -> HashMap<String, String> {
        let settings = EmulatorSettings::default();
        let fields = [
            ("grant_type", "client_credentials"),
            ("scope", "http://127.0.0.1/.default"),
            ("client_id", &settings.client_id),
            ("client_secret", &settings.client_secret),
        ];
        fields.iter().chain(changes).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_token_lasts_its_time_and_no_longer() {
        let mut tokens = Tokens::new(&EmulatorSettings::default());
        let now = SystemTime::UNIX_EPOCH;
        let (token, lifetime) = tokens.issue(now, &form(&[])).unwrap();
        let header = format!("Bearer {token}");
        assert_eq!(tokens.check(now, Some(&header)), Ok(()));
        assert!(tokens.check(now + lifetime, Some(&header)).unwrap_err().contains("expired"));
        for header in [None, Some("Bearer"), Some("Basic x"), Some("Bearer x")] {
            assert!(tokens.check(now, header).is_err(), "{header:?}");
        }
    }

    #[test]
    fn wrong_credentials_are_refused_in_oauths_words() {
        let mut tokens = Tokens::new(&EmulatorSettings::default());
        for (name, value, status, error) in [
            ("grant_type", "password", 400, "unsupported_grant_type"),
            ("scope", "x", 400, "invalid_scope"),
            ("client_id", "x", 400, "unauthorized_client"),
            ("client_secret", "x", 401, "invalid_client"),
        ] {
            let refused = tokens.issue(SystemTime::UNIX_EPOCH, &form(&[(name, value)])).unwrap_err();
            assert_eq!((refused.status, refused.error), (status, error));
        }
    }
}
