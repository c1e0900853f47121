//! An identity that Azure gives to the machine or the app service that the bot runs on. Nothing secret has to be kept.
//!
//! Sources: <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>,
//! <https://learn.microsoft.com/azure/app-service/overview-managed-identity>.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue};
use url::Url;

use crate::error::CallsError;
use crate::http::{Request, is_protected_from_host};
use crate::redacted::Redacted;

/// The metadata service of a machine in Azure: link-local, so that only the machine itself reaches it.
const MACHINE: &str = "http://169.254.169.254/metadata/identity/oauth2/token";
/// Set by App Service and what is built on it: where tokens are, and what to prove with that the asker is the app.
const ENDPOINT_VARIABLE: &str = "IDENTITY_ENDPOINT";
const HEADER_VARIABLE: &str = "IDENTITY_HEADER";

/// Where Azure gives out tokens, and for which of the identities there.
///
/// It is asked over plain HTTP, on this machine or its link. Where a proxy is set in the environment, `NO_PROXY` has to except
/// `169.254.169.254`: through a proxy there is no answer, and a token does not belong there.
#[derive(Clone, Debug)]
pub struct ManagedIdentity {
    endpoint: String,
    host: Host,
    client_id: Option<String>,
}

#[derive(Clone, Debug)]
enum Host {
    Machine,
    AppService { header: Redacted<String> },
}

impl ManagedIdentity {
    /// The identity of a virtual machine, a scale set or a node.
    pub fn of_machine() -> Self {
        Self { endpoint: MACHINE.to_owned(), host: Host::Machine, client_id: None }
    }

    /// The identity of an app in App Service, Functions or Container Apps: the values of `IDENTITY_ENDPOINT` and
    /// `IDENTITY_HEADER`.
    pub fn of_app_service(endpoint: impl Into<String>, header: impl Into<Redacted<String>>) -> Self {
        let host = Host::AppService { header: header.into() };
        Self { endpoint: endpoint.into(), host, client_id: None }
    }

    /// Whichever of the two the environment speaks of: App Service's where its variables are set, else the machine's.
    ///
    /// # Errors
    /// [`CallsError::InvalidSetting`] when one variable is set without the other, as Azure Arc does, which is not supported.
    pub fn from_environment() -> Result<Self, CallsError> {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self::from_variables(variable(ENDPOINT_VARIABLE), variable(HEADER_VARIABLE))
    }

    fn from_variables(endpoint: Option<String>, header: Option<String>) -> Result<Self, CallsError> {
        match (endpoint, header) {
            (Some(endpoint), Some(header)) => Ok(Self::of_app_service(endpoint, header)),
            (None, None) => Ok(Self::of_machine()),
            (Some(_), None) => Err(CallsError::InvalidSetting {
                setting: HEADER_VARIABLE,
                rule: "must be set where IDENTITY_ENDPOINT is; the form of Azure Arc is not supported",
            }),
            (None, Some(_)) => Err(CallsError::InvalidSetting {
                setting: ENDPOINT_VARIABLE,
                rule: "must be set where IDENTITY_HEADER is",
            }),
        }
    }

    /// The user-assigned identity with this client id. Default: the system-assigned one, or the only one there is.
    #[must_use]
    pub fn user_assigned(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = Some(client_id.into());
        self
    }

    /// Another address that speaks the same protocol.
    #[must_use]
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.endpoint = url.into();
        self
    }

    /// The request for a token for `resource`. The same each time.
    pub(crate) fn request(&self, resource: &str, allow_plain_http: bool) -> Result<Request, CallsError> {
        let invalid = |rule| CallsError::InvalidSetting { setting: "managed identity", rule };
        let mut url = Url::parse(&self.endpoint).map_err(|_| invalid("its endpoint must be a URL"))?;
        if !is_protected_from_host(&url, allow_plain_http) {
            return Err(invalid("its endpoint must be https, or http on this machine or its link"));
        }
        let (version, name, value) = match &self.host {
            Host::Machine => ("2018-02-01", HeaderName::from_static("metadata"), "true"),
            Host::AppService { header } => {
                ("2019-08-01", HeaderName::from_static("x-identity-header"), header.expose().as_str())
            }
        };
        url.query_pairs_mut().append_pair("api-version", version).append_pair("resource", resource);
        if let Some(client_id) = &self.client_id {
            url.query_pairs_mut().append_pair("client_id", client_id);
        }
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| invalid("its header must consist of visible ASCII characters"))?;
        value.set_sensitive(true);
        // The time that an exchange may take is set by whoever sends it.
        let mut request = Request::new(Method::GET, url, Duration::ZERO);
        request.headers.insert(name, value);
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRAPH: &str = "https://graph.microsoft.com";

    #[test]
    fn a_machine_is_asked_by_its_metadata_service() {
        let request = ManagedIdentity::of_machine().request(GRAPH, false).unwrap();
        let url = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01\
                   &resource=https%3A%2F%2Fgraph.microsoft.com";
        assert_eq!((request.method, request.url.as_str()), (Method::GET, url));
        assert_eq!(request.headers["Metadata"], "true");
    }

    #[test]
    fn an_app_service_is_asked_with_its_header_which_is_not_shown() {
        let identity = ManagedIdentity::of_app_service("http://127.0.0.1:41741/msi/token/", "s3cret");
        let identity = identity.user_assigned("client 7");
        let request = identity.request(GRAPH, false).unwrap();
        let url = "http://127.0.0.1:41741/msi/token/?api-version=2019-08-01\
                   &resource=https%3A%2F%2Fgraph.microsoft.com&client_id=client+7";
        assert_eq!(request.url.as_str(), url);
        assert_eq!(request.headers["X-IDENTITY-HEADER"], "s3cret");
        assert!(!format!("{identity:?} {:?} {request:?}", request.headers).contains("s3cret"));
    }

    #[test]
    fn the_environment_says_which_and_half_of_it_is_refused() {
        let of = |endpoint: Option<&str>, header: Option<&str>| {
            ManagedIdentity::from_variables(endpoint.map(str::to_owned), header.map(str::to_owned))
        };
        assert!(matches!(of(None, None).unwrap().host, Host::Machine));
        let service = of(Some("http://127.0.0.1:1/"), Some("x")).unwrap();
        assert!(matches!(service.host, Host::AppService { .. }));
        for (endpoint, header, named) in
            [(Some("x"), None, "IDENTITY_HEADER"), (None, Some("x"), "IDENTITY_ENDPOINT")]
        {
            let error = of(endpoint, header).unwrap_err();
            assert!(
                matches!(error, CallsError::InvalidSetting { setting, .. } if setting == named),
                "{error}"
            );
        }
    }

    #[test]
    fn tokens_do_not_come_over_the_open_network() {
        let ask =
            |url: &str, allow| ManagedIdentity::of_machine().endpoint(url).request(GRAPH, allow).map(|_| ());
        assert!(ask("http://10.0.0.1/token", false).is_err());
        assert!(ask("token", false).is_err());
        assert!(ask("http://10.0.0.1/token", true).is_ok());
        assert!(ManagedIdentity::of_app_service("http://127.0.0.1/", "a\nb").request(GRAPH, false).is_err());
    }
}
