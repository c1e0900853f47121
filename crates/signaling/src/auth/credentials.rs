//! What an application proves its identity with.

use super::{ClientCertificate, ManagedIdentity};
use crate::error::CallsError;
use crate::redacted::Redacted;

/// How the application signs in: an Entra application, with a secret, a certificate, or an identity that Azure manages.
///
/// `Debug` shows tenant and client id, never a secret.
#[derive(Clone, Debug)]
pub struct Credentials {
    client_id: String,
    way: Way,
}

/// Who gives tokens for it.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    Authority { tenant: String, proof: Proof },
    Azure(ManagedIdentity),
}

/// What the authority is shown.
#[derive(Clone, Debug)]
pub(crate) enum Proof {
    Secret(Redacted<String>),
    Certificate(ClientCertificate),
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
        let way = Way::Authority { tenant: tenant.into(), proof: Proof::Secret(secret.into()) };
        Self { client_id: client_id.into(), way }
    }

    /// An application with a certificate, whose key signs what it says and never leaves this machine. `tenant` as of
    /// [`Credentials::client_secret`].
    ///
    /// ```no_run
    /// use offhook_signaling::Credentials;
    /// use offhook_signaling::auth::ClientCertificate;
    ///
    /// # fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let (certificate, key) = (std::fs::read_to_string("bot.crt")?, std::fs::read_to_string("bot.key")?);
    /// let certificate = ClientCertificate::from_pem(&certificate, &key)?;
    /// let credentials = Credentials::certificate("contoso.onmicrosoft.com", "app id", certificate);
    /// # Ok(())
    /// # }
    /// ```
    pub fn certificate(
        tenant: impl Into<String>,
        client_id: impl Into<String>,
        certificate: ClientCertificate,
    ) -> Self {
        let way = Way::Authority { tenant: tenant.into(), proof: Proof::Certificate(certificate) };
        Self { client_id: client_id.into(), way }
    }

    /// An application whose identity Azure manages. Tokens are of the tenant that the identity is in.
    ///
    /// `client_id` is the application's id, which callbacks are addressed to; for a bot of the kind "user-assigned managed
    /// identity" it is the identity's, to be given to [`ManagedIdentity::user_assigned`] as well.
    pub fn managed_identity(client_id: impl Into<String>, identity: ManagedIdentity) -> Self {
        Self { client_id: client_id.into(), way: Way::Azure(identity) }
    }

    /// The tenant. `None` for a managed identity, whose tenant is known to Azure.
    pub fn tenant(&self) -> Option<&str> {
        match &self.way {
            Way::Authority { tenant, .. } => Some(tenant),
            Way::Azure(_) => None,
        }
    }

    /// The application's id: also the audience of the callbacks that it gets.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The application's id, and who gives tokens for it.
    pub(super) fn into_parts(self) -> (String, Way) {
        (self.client_id, self.way)
    }

    /// Refuses what cannot sign in.
    pub(super) fn check(&self) -> Result<(), CallsError> {
        if let Some(tenant) = self.tenant() {
            check_tenant(tenant)?;
        }
        if self.client_id.is_empty() {
            return Err(CallsError::InvalidSetting { setting: "client_id", rule: "must not be empty" });
        }
        Ok(())
    }
}

fn check_tenant(tenant: &str) -> Result<(), CallsError> {
    let invalid = |rule| Err(CallsError::InvalidSetting { setting: "tenant", rule });
    let shared = ["common", "organizations", "consumers"];
    if shared.iter().any(|name| tenant.eq_ignore_ascii_case(name)) {
        return invalid(
            "must be the tenant of the calls; `common` and its like get tokens that Graph refuses (7505)",
        );
    }
    if tenant.is_empty() || tenant.chars().all(|c| c == '.') {
        return invalid("must be a tenant's id or domain name");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_in_no_debug_output() {
        let credentials = Credentials::client_secret("tenant", "app", "s3cret");
        assert!(!format!("{credentials:?}").contains("s3cret"));
    }

    #[test]
    fn a_shared_tenant_is_refused() {
        for tenant in ["common", "Organizations", "", ".."] {
            assert!(Credentials::client_secret(tenant, "app", "x").check().is_err(), "{tenant}");
        }
        assert!(Credentials::client_secret("contoso.onmicrosoft.com", "app", "x").check().is_ok());
        let managed = Credentials::managed_identity("app", ManagedIdentity::of_machine());
        assert!(managed.check().is_ok() && managed.tenant().is_none());
    }
}
