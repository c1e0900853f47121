//! What an application proves its identity with.

use url::form_urlencoded;

use crate::error::CallsError;
use crate::redacted::Redacted;

/// How the application signs in: an Entra application in one tenant.
///
/// `Debug` shows tenant and client id, never the secret.
#[derive(Clone, Debug)]
pub struct Credentials {
    tenant: String,
    client_id: String,
    proof: Proof,
}

#[derive(Clone, Debug)]
enum Proof {
    ClientSecret(Redacted<String>),
}

impl Credentials {
    /// An application with a client secret.
    ///
    /// `tenant` is the tenant whose calls the application makes, as id or domain name, not `common`: with `common`,
    /// Graph refuses calls of other tenants (7505).
    pub fn client_secret(
        tenant: impl Into<String>,
        client_id: impl Into<String>,
        secret: impl Into<Redacted<String>>,
    ) -> Self {
        Self { tenant: tenant.into(), client_id: client_id.into(), proof: Proof::ClientSecret(secret.into()) }
    }

    /// The tenant.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The application's id: also the audience of the callbacks that it gets.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Refuses what cannot sign in.
    pub(crate) fn check(&self) -> Result<(), CallsError> {
        let shared = ["common", "organizations", "consumers"];
        if shared.iter().any(|name| self.tenant.eq_ignore_ascii_case(name)) {
            let rule =
                "must be the tenant of the calls; `common` and its like get tokens that Graph refuses (7505)";
            return Err(CallsError::InvalidSetting { setting: "tenant", rule });
        }
        if self.tenant.is_empty() || self.tenant.chars().all(|c| c == '.') {
            return Err(CallsError::InvalidSetting {
                setting: "tenant",
                rule: "must be a tenant's id or domain name",
            });
        }
        if self.client_id.is_empty() {
            return Err(CallsError::InvalidSetting { setting: "client_id", rule: "must not be empty" });
        }
        Ok(())
    }

    /// The form that asks for a token with this scope (OAuth 2.0 client credentials, RFC 6749 section 4.4).
    pub(crate) fn token_form(&self, scope: &str) -> Vec<u8> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        form.append_pair("client_id", &self.client_id);
        form.append_pair("scope", scope);
        match &self.proof {
            Proof::ClientSecret(secret) => form.append_pair("client_secret", secret.expose()),
        };
        form.finish().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_in_the_form_and_in_no_debug_output() {
        let credentials = Credentials::client_secret("tenant", "app", "s&cret");
        assert!(!format!("{credentials:?}").contains("s&cret"));
        let form = String::from_utf8(credentials.token_form("https://graph.microsoft.com/.default")).unwrap();
        assert!(form.contains("client_secret=s%26cret"), "{form}");
        assert!(form.contains("grant_type=client_credentials"), "{form}");
    }

    #[test]
    fn a_shared_tenant_is_refused() {
        for tenant in ["common", "Organizations", "", ".."] {
            assert!(Credentials::client_secret(tenant, "app", "x").check().is_err(), "{tenant}");
        }
        assert!(Credentials::client_secret("contoso.onmicrosoft.com", "app", "x").check().is_ok());
    }
}
