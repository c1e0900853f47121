//! How a token is asked for, and what the answer says. Pure: time comes in as an argument.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::Value;
use url::{Url, form_urlencoded};
use uuid::Uuid;

use super::credentials::{Proof, Way};
use super::{Credentials, TokenError};
use crate::error::CallsError;
use crate::http::retry::{self, Repeat};
use crate::http::{Request, Response};
use crate::redacted::Redacted;

/// Longest life that a token is believed to have. Entra's live for 60 to 90 minutes, those of managed identities for a day; a
/// larger number is a mistake.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);

/// Header with the client's own id of a request.
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");

/// What a client assertion is (RFC 7523 section 2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How one application asks for tokens for one Graph. Settings were checked when it was made.
pub(crate) enum TokenAsk {
    /// By the client credentials grant (RFC 6749 section 4.4).
    OfAuthority { client_id: String, proof: Proof, endpoint: Url, scope: String },
    /// Of Azure, by the same request each time.
    OfHost(Request),
}

impl TokenAsk {
    /// Asks with `credentials`, at `authority` unless it is Azure that answers, for tokens for `graph`.
    pub(crate) fn new(
        credentials: Credentials,
        authority: &Url,
        graph: &Url,
        allow_plain_http: bool,
    ) -> Result<Self, CallsError> {
        credentials.check()?;
        let resource = graph.as_str().trim_end_matches('/');
        let (client_id, way) = credentials.into_parts();
        let (tenant, proof) = match way {
            Way::Authority { tenant, proof } => (tenant, proof),
            Way::Azure(identity) => return identity.request(resource, allow_plain_http).map(Self::OfHost),
        };
        let mut endpoint = authority.clone();
        if let Ok(mut path) = endpoint.path_segments_mut() {
            path.pop_if_empty().extend([tenant.as_str(), "oauth2", "v2.0", "token"]);
        }
        let scope = format!("{resource}/.default");
        Ok(Self::OfAuthority { client_id, proof, endpoint, scope })
    }

    /// Whether asking twice is asking once. It is.
    pub(crate) fn repeat(&self) -> Repeat {
        match self {
            Self::OfAuthority { .. } => Repeat::Always,
            Self::OfHost(_) => Repeat::AlwaysOfMachine,
        }
    }

    /// The request to send at `now`.
    pub(crate) fn request(&self, now: SystemTime, timeout: Duration) -> Result<Request, TokenError> {
        let (client_id, proof, endpoint, scope) = match self {
            Self::OfAuthority { client_id, proof, endpoint, scope } => (client_id, proof, endpoint, scope),
            Self::OfHost(request) => return Ok(Request { timeout, ..request.clone() }),
        };
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        form.append_pair("client_id", client_id);
        form.append_pair("scope", scope);
        match proof {
            Proof::Secret(secret) => {
                form.append_pair("client_secret", secret.expose());
            }
            Proof::Certificate(certificate) => {
                let id = Uuid::new_v4().to_string();
                let assertion = certificate.assertion(client_id, endpoint.as_str(), &id, now);
                form.append_pair("client_assertion_type", ASSERTION_TYPE);
                form.append_pair("client_assertion", &assertion.ok_or(TokenError::NotSigned)?);
            }
        }
        let mut request = Request::new(Method::POST, endpoint.clone(), timeout);
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        // Entra calls it the correlation id, and repeats it in the words of a refusal.
        if let Ok(id) = HeaderValue::from_str(&Uuid::new_v4().to_string()) {
            request.headers.insert(CLIENT_REQUEST_ID, id);
        }
        request.body = form.finish().into_bytes();
        Ok(request)
    }
}

/// Reads the answer that came at `now`: a token, and for how long it is good.
pub(crate) fn read(answer: &Response, now: SystemTime) -> Result<(Redacted<String>, Duration), TokenError> {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    if !answer.is_success() {
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        return Err(TokenError::Refused {
            status: answer.status,
            code: text("error").unwrap_or_default().to_owned(),
            // App Service has no words of OAuth for it.
            description: text("error_description").or_else(|| text("message")).unwrap_or_default().to_owned(),
            retry_after: retry::retry_after(answer.header("retry-after")),
        });
    }
    let token = body.get("access_token").and_then(Value::as_str).filter(|token| !token.is_empty());
    let token = token.ok_or(TokenError::Unreadable("no access_token"))?;
    // Numbers by RFC 6749, text from some endpoints.
    let seconds = |name: &str| {
        let value = body.get(name)?;
        value.as_u64().or_else(|| value.as_str()?.parse().ok()).map(Duration::from_secs)
    };
    // App Service says when, not how long.
    let until = || {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        seconds("expires_on").map(|until| until.saturating_sub(now))
    };
    let lifetime = seconds("expires_in").or_else(until).ok_or(TokenError::Unreadable("no expires_in"))?;
    Ok((token.into(), lifetime.min(LONGEST_LIFE)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::auth::{ClientCertificate, ManagedIdentity};

    const NOW: SystemTime = UNIX_EPOCH;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn ask(credentials: Credentials) -> TokenAsk {
        TokenAsk::new(credentials, &url("https://login.example/x/"), &url("https://graph.example"), false)
            .unwrap()
    }

    fn form(request: &Request) -> Vec<(String, String)> {
        form_urlencoded::parse(&request.body).into_owned().collect()
    }

    #[test]
    fn a_secret_goes_into_the_form() {
        let request = ask(Credentials::client_secret("contoso", "app", "s&cret"));
        let request = request.request(NOW, Duration::from_secs(7)).unwrap();
        assert_eq!(request.url.as_str(), "https://login.example/x/contoso/oauth2/v2.0/token");
        assert_eq!(request.timeout, Duration::from_secs(7));
        assert!(Uuid::parse_str(request.headers["client-request-id"].to_str().unwrap()).is_ok());
        let expected = [
            ("grant_type", "client_credentials"),
            ("client_id", "app"),
            ("scope", "https://graph.example/.default"),
            ("client_secret", "s&cret"),
        ];
        assert_eq!(form(&request), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn a_certificate_signs_a_new_assertion_for_each_request() {
        let certificate = ClientCertificate::from_pem(
            include_str!("../../tests/fixtures/certificate/certificate.pem"),
            include_str!("../../tests/fixtures/certificate/key.pem"),
        );
        let ask = ask(Credentials::certificate("contoso", "app", certificate.unwrap()));
        let assertion = || {
            let form = form(&ask.request(NOW, Duration::ZERO).unwrap());
            assert!(form.contains(&("client_assertion_type".to_owned(), ASSERTION_TYPE.to_owned())));
            assert!(form.iter().all(|(name, _)| name != "client_secret"));
            form.into_iter().find(|(name, _)| name == "client_assertion").unwrap().1
        };
        let claims = |assertion: String| -> Value {
            let data = jsonwebtoken::dangerous::insecure_decode::<Value>(assertion).unwrap();
            data.claims
        };
        let (first, second) = (claims(assertion()), claims(assertion()));
        assert_eq!(first["aud"], "https://login.example/x/contoso/oauth2/v2.0/token");
        assert_eq!((&first["iss"], &first["sub"]), (&json!("app"), &json!("app")));
        assert_ne!(first["jti"], second["jti"]);
    }

    #[test]
    fn a_managed_identity_asks_its_host_and_not_the_authority() {
        let identity = ManagedIdentity::of_machine().endpoint("http://127.0.0.1:1/token");
        let ask = ask(Credentials::managed_identity("app", identity));
        let request = ask.request(NOW, Duration::from_secs(7)).unwrap();
        let expected = "http://127.0.0.1:1/token?api-version=2018-02-01&resource=https%3A%2F%2Fgraph.example";
        assert_eq!((request.url.as_str(), request.timeout), (expected, Duration::from_secs(7)));
        assert_eq!(ask.repeat(), Repeat::AlwaysOfMachine);
    }

    #[test]
    fn an_answer_says_how_long_or_until_when() {
        let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        for (body, lifetime) in [
            (json!({"access_token": "t", "expires_in": 3599}), Some(3599)),
            (json!({"access_token": "t", "expires_in": "3599", "expires_on": "1"}), Some(3599)),
            (json!({"access_token": "t", "expires_on": "1700000100"}), Some(100)),
            (json!({"access_token": "t", "expires_on": 1_700_000_100}), Some(100)),
            (json!({"access_token": "t", "expires_on": "1"}), Some(0)),
            (json!({"access_token": "t", "expires_in": u64::MAX}), Some(24 * 3600)),
            (json!({"access_token": "t"}), None),
            (json!({"access_token": "", "expires_in": 3599}), None),
        ] {
            let answer =
                Response { status: 200, headers: Default::default(), body: body.to_string().into_bytes() };
            let read = read(&answer, now).ok().map(|(_, lifetime)| lifetime.as_secs());
            assert_eq!(read, lifetime, "{body}");
        }
    }

    #[test]
    fn a_refusal_keeps_its_words() {
        for (body, words) in [
            (json!({"error": "invalid_client", "error_description": "No."}), ("invalid_client", "No.")),
            (json!({"statusCode": 400, "message": "No MSI found."}), ("", "No MSI found.")),
            (json!("x"), ("", "")),
        ] {
            let answer =
                Response { status: 400, headers: Default::default(), body: body.to_string().into_bytes() };
            let Err(TokenError::Refused { status: 400, code, description, .. }) = read(&answer, NOW) else {
                panic!("{body}")
            };
            assert_eq!((code.as_str(), description.as_str()), words);
        }
    }
}
