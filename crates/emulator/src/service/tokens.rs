//! Access tokens: by client credentials (RFC 6749 section 4.4) with a secret or an assertion, and by managed identity. They
//! are opaque: a client must not read them.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uuid::Uuid;

use super::assertion::{self, Expected, JWT_BEARER};
use super::certificate::Certificate;
use super::error::GraphError;
use crate::settings::EmulatorSettings;

/// What stands for a tenant in an address and is none.
const SHARED: [&str; 2] = ["common", "organizations"];

/// What the token endpoint refuses with (RFC 6749 section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TokenError {
    pub(crate) status: u16,
    pub(crate) error: &'static str,
    pub(crate) description: &'static str,
}

/// A token as the endpoint for managed identities on a virtual machine gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ManagedIdentityToken {
    pub(crate) token: String,
    pub(crate) client_id: String,
    pub(crate) lifetime: Duration,
    /// Since 1970.
    pub(crate) expires_on: Duration,
}

/// The tokens that are out.
pub(crate) struct Tokens {
    client_id: String,
    client_secret: String,
    url: String,
    tenant_id: String,
    certificate: Option<Certificate>,
    lifetime: Duration,
    out: HashMap<String, Out>,
}

/// A token that is out.
struct Out {
    expiry: SystemTime,
    /// Whether it is one of the tenant's, and not one that was asked for without saying for which tenant.
    is_of_tenant: bool,
}

impl Tokens {
    /// For a service whose address is `url`.
    pub(crate) fn new(settings: &EmulatorSettings, url: &str) -> Self {
        Self {
            url: url.to_owned(),
            tenant_id: settings.tenant_id.clone(),
            certificate: settings.certificate.clone(),
            client_id: settings.client_id.clone(),
            client_secret: settings.client_secret.clone(),
            lifetime: settings.token_lifetime,
            out: HashMap::new(),
        }
    }

    /// Gives out a token for the form of a token request to `tenant`, and says how long it lasts.
    ///
    /// `common` gets a token too, as from the authority, but not one of the tenant: it cannot be used for the tenant's calls.
    pub(crate) fn issue(
        &mut self,
        now: SystemTime,
        tenant: &str,
        form: &HashMap<String, String>,
    ) -> Result<(String, Duration), TokenError> {
        let refuse = |status, error, description| Err(TokenError { status, error, description });
        let is_of_tenant = tenant.eq_ignore_ascii_case(&self.tenant_id);
        if !is_of_tenant && !SHARED.iter().any(|shared| shared.eq_ignore_ascii_case(tenant)) {
            return refuse(400, "invalid_request", "AADSTS90002: The tenant was not found.");
        }
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
        match (field("client_assertion_type"), field("client_assertion")) {
            (Some(JWT_BEARER), Some(assertion)) => {
                let (client_id, audience) =
                    (&self.client_id, &format!("{}/{tenant}/oauth2/v2.0/token", self.url));
                let certificate = self.certificate.as_ref();
                assertion::check(now, assertion, &Expected { client_id, audience, certificate })?;
            }
            (Some(_), _) | (None, Some(_)) => {
                return refuse(400, "invalid_request", "The client_assertion_type must be jwt-bearer.");
            }
            (None, None) if field("client_secret") == Some(&self.client_secret) => {}
            (None, None) => {
                return refuse(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.");
            }
        }
        Ok((self.give_out(now, is_of_tenant), self.lifetime))
    }

    /// Gives out a token for the query of a request for a managed identity's token. The request's header `Metadata` and
    /// whether it was forwarded are the caller's to check.
    pub(crate) fn issue_to_managed_identity(
        &mut self,
        now: SystemTime,
        query: &HashMap<String, String>,
    ) -> Result<ManagedIdentityToken, TokenError> {
        let refuse = |error, description| Err(TokenError { status: 400, error, description });
        let field = |name: &str| query.get(name).map(String::as_str).filter(|value| !value.is_empty());
        if field("api-version").is_none() {
            return refuse("bad_request_102", "Required query variable 'api-version' is missing.");
        }
        if field("resource").is_none() {
            return refuse("bad_request_102", "Required query variable 'resource' is missing.");
        }
        if field("client_id").is_some_and(|client_id| client_id != self.client_id) {
            return refuse("invalid_request", "Identity not found.");
        }
        let (token, client_id, lifetime) = (self.give_out(now, true), self.client_id.clone(), self.lifetime);
        let expires_on = (now + lifetime).duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(ManagedIdentityToken { token, client_id, lifetime, expires_on })
    }

    fn give_out(&mut self, now: SystemTime, is_of_tenant: bool) -> String {
        // What has just expired is still told from what never was.
        self.out.retain(|_, out| out.expiry + self.lifetime > now);
        let token = format!("emulated-{}", Uuid::new_v4().simple());
        self.out.insert(token.clone(), Out { expiry: now + self.lifetime, is_of_tenant });
        token
    }

    /// Every token that is out has expired.
    pub(crate) fn expire_all(&mut self, now: SystemTime) {
        for out in self.out.values_mut() {
            out.expiry = now.min(out.expiry);
        }
    }

    /// Whether `authorization` carries a token of the tenant that is out and has not expired.
    pub(crate) fn check(&self, now: SystemTime, authorization: Option<&str>) -> Result<(), GraphError> {
        let refuse = |message| Err(GraphError::unauthorized(message));
        let Some((scheme, token)) = authorization.and_then(|header| header.split_once(' ')) else {
            return refuse("Access token is empty.");
        };
        if !scheme.eq_ignore_ascii_case("bearer") {
            return refuse("The authorization scheme must be Bearer.");
        }
        match self.out.get(token.trim()) {
            Some(out) if out.expiry <= now => refuse("Lifetime validation failed, the token is expired."),
            Some(out) if !out.is_of_tenant => Err(GraphError::tenant_mismatch()),
            Some(_) => Ok(()),
            None => refuse("Access token validation failure. Invalid token."),
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

    fn tenant() -> String {
        EmulatorSettings::default().tenant_id
    }

    fn tokens() -> Tokens {
        Tokens::new(&EmulatorSettings::default(), "http://127.0.0.1")
    }

    #[test]
    fn a_token_lasts_its_time_and_no_longer() {
        let mut tokens = tokens();
        let now = SystemTime::UNIX_EPOCH;
        let (token, lifetime) = tokens.issue(now, &tenant(), &form(&[])).unwrap();
        let header = format!("Bearer {token}");
        assert_eq!(tokens.check(now, Some(&header)), Ok(()));
        assert!(tokens.check(now + lifetime, Some(&header)).unwrap_err().message.contains("expired"));
        for header in [None, Some("Bearer"), Some("Basic x"), Some("Bearer x")] {
            assert!(tokens.check(now, header).is_err(), "{header:?}");
        }
    }

    #[test]
    fn wrong_credentials_are_refused_in_oauths_words() {
        let mut tokens = tokens();
        for (name, value, status, error) in [
            ("grant_type", "password", 400, "unsupported_grant_type"),
            ("scope", "x", 400, "invalid_scope"),
            ("client_id", "x", 400, "unauthorized_client"),
            ("client_secret", "x", 401, "invalid_client"),
            ("client_assertion_type", "x", 400, "invalid_request"),
            ("client_assertion", "x", 400, "invalid_request"),
        ] {
            let refused =
                tokens.issue(SystemTime::UNIX_EPOCH, &tenant(), &form(&[(name, value)])).unwrap_err();
            assert_eq!((refused.status, refused.error), (status, error));
        }
    }

    #[test]
    fn who_asks_for_no_tenant_in_particular_gets_a_token_that_is_of_no_use_and_other_tenants_are_not_there() {
        let mut tokens = tokens();
        let now = SystemTime::UNIX_EPOCH;
        for shared in ["common", "Organizations"] {
            let (token, _) = tokens.issue(now, shared, &form(&[])).unwrap();
            let refused = tokens.check(now, Some(&format!("Bearer {token}"))).unwrap_err();
            assert_eq!((refused.status, refused.code.as_str()), (403, "7505"), "{shared}");
        }
        let refused = tokens.issue(now, "44444444-dddd-4ddd-8ddd-444444444444", &form(&[])).unwrap_err();
        assert!(refused.description.contains("AADSTS90002"), "{refused:?}");
        assert!(tokens.issue(now, &tenant().to_uppercase(), &form(&[])).is_ok());
    }

    #[test]
    fn all_tokens_can_expire_at_once_and_new_ones_are_good() {
        let mut tokens = tokens();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(10);
        let issue =
            |tokens: &mut Tokens| format!("Bearer {}", tokens.issue(now, &tenant(), &form(&[])).unwrap().0);
        let old = issue(&mut tokens);
        tokens.expire_all(now);
        assert!(tokens.check(now, Some(&old)).unwrap_err().message.contains("expired"));
        let new = issue(&mut tokens);
        assert_eq!(tokens.check(now, Some(&new)), Ok(()));
        assert!(tokens.check(now, Some(&old)).unwrap_err().message.contains("expired"), "it is still known");
    }

    #[test]
    fn a_managed_identity_gets_a_token_for_a_resource() {
        let mut tokens = tokens();
        let query = |fields: &[(&str, &str)]| -> HashMap<String, String> {
            fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        let good = [("api-version", "2018-02-01"), ("resource", "https://graph.microsoft.com/")];
        let given = tokens.issue_to_managed_identity(now, &query(&good)).unwrap();
        assert_eq!(given.expires_on, Duration::from_secs(100) + given.lifetime);
        assert_eq!(tokens.check(now, Some(&format!("Bearer {}", given.token))), Ok(()));
        for (fields, error) in [
            (&good[..1], "bad_request_102"),
            (&good[1..], "bad_request_102"),
            (&[good[0], good[1], ("client_id", "x")][..], "invalid_request"),
        ] {
            assert_eq!(tokens.issue_to_managed_identity(now, &query(fields)).unwrap_err().error, error);
        }
    }
}
