//! Who may ask for what: keeps foreign web pages out, and strangers from what an exposed emulator shows.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, COOKIE, HOST, LOCATION, ORIGIN, SET_COOKIE};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::service::GraphError;
use crate::settings::EmulatorSettings;

/// What is checked of every request.
pub(crate) struct Guard {
    address: SocketAddr,
    /// Names by which others reach this machine.
    names: Vec<String>,
    /// What the page, its API and WHIP ask for.
    token: Option<String>,
}

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Pass,
    /// The page was opened with the token: it becomes a cookie, and leaves the address.
    SignIn,
    /// It comes from a page that is not the emulator's own, or under a name that is not.
    Foreign(&'static str),
    /// The token is missing or wrong.
    Stranger,
}

impl Guard {
    pub(crate) fn new(settings: &EmulatorSettings, address: SocketAddr) -> Self {
        let exposure = settings.exposure.as_ref();
        Self {
            address,
            names: exposure.map(|exposure| exposure.names.clone()).unwrap_or_default(),
            token: exposure.map(|exposure| exposure.token.clone()),
        }
    }

    /// A page in somebody's browser could reach an emulator on loopback, and read what it answers once the page's own name leads
    /// there (DNS rebinding). So the name has to be one of ours, and what browsers say of where a request comes from as well.
    fn judge(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Verdict {
        let header = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        let Some(host) = header(HOST).filter(|host| self.is_ours(host)) else {
            return Verdict::Foreign("The emulator is not known by this Host.");
        };
        let is_own =
            |origin: &str| origin.split_once("://").is_some_and(|(_, name)| name.eq_ignore_ascii_case(host));
        let for_people = is_for_people(uri.path());
        match header(ORIGIN) {
            Some(_) if !for_people => return Verdict::Foreign("The emulator serves no web page here."),
            Some(origin) if !is_own(origin) => {
                return Verdict::Foreign("The emulator serves its own page only.");
            }
            _ => {}
        }
        // Links from elsewhere may lead to the page, and to nothing else.
        let is_opened = *method == Method::GET && uri.path() == "/";
        if !is_opened
            && let Some(site) = headers.get("sec-fetch-site").map(|site| site.to_str().unwrap_or_default())
            && !["same-origin", "none"].contains(&site)
        {
            return Verdict::Foreign("The emulator serves its own page only.");
        }
        let Some(token) = self.token.as_deref().filter(|_| for_people) else { return Verdict::Pass };
        if is_opened && query_token(uri).is_some_and(|given| is_same(given, token)) {
            return Verdict::SignIn;
        }
        let bearer = header(AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        let cookie = header(COOKIE).and_then(|cookies| self.cookie_in(cookies));
        if [bearer, cookie].into_iter().flatten().any(|given| is_same(given, token)) {
            Verdict::Pass
        } else {
            Verdict::Stranger
        }
    }

    /// Whether a `Host` names this emulator: as loopback, by the address that it listens at, or as it was told.
    fn is_ours(&self, host: &str) -> bool {
        let Some(authority) = host.parse::<Authority>().ok().filter(|_| !host.contains('@')) else {
            return false;
        };
        let name = authority.host().trim_start_matches('[').trim_end_matches(']');
        match name.parse::<IpAddr>() {
            // Only names can be made to lead elsewhere.
            Ok(ip) => ip.is_loopback() || ip == self.address.ip() || self.address.ip().is_unspecified(),
            Err(_) => {
                name.eq_ignore_ascii_case("localhost")
                    || self.names.iter().any(|known| known.eq_ignore_ascii_case(name))
            }
        }
    }

    /// Cookies know no ports, so that of each emulator has its own name.
    fn cookie_name(&self) -> String {
        format!("offhook_emulator_{}", self.address.port())
    }

    fn cookie_in<'a>(&self, cookies: &'a str) -> Option<&'a str> {
        let name = self.cookie_name();
        cookies.split(';').find_map(|cookie| cookie.trim().strip_prefix(&name)?.strip_prefix('='))
    }

    fn sign_in(&self) -> Response {
        let token = self.token.as_deref().unwrap_or_default();
        let cookie = format!("{}={token}; Path=/; HttpOnly; SameSite=Strict", self.cookie_name());
        let headers =
            [(LOCATION, "/".to_owned()), (SET_COOKIE, cookie), (CACHE_CONTROL, "no-store".to_owned())];
        (StatusCode::SEE_OTHER, headers).into_response()
    }
}

/// The page, its API, and WHIP. All else is for bots, who bring tokens of their own.
fn is_for_people(path: &str) -> bool {
    path == "/" || ["/page/", "/emulator/", "/meetings/"].iter().any(|start| path.starts_with(start))
}

fn query_token(uri: &Uri) -> Option<&str> {
    uri.query()?.split('&').find_map(|pair| pair.strip_prefix("token="))
}

/// Takes as long for a wrong token as for a right one.
fn is_same(given: &str, token: &str) -> bool {
    given.len() == token.len()
        && given.bytes().zip(token.bytes()).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

/// The middleware.
pub(crate) async fn guard(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    match guard.judge(request.method(), request.uri(), request.headers()) {
        Verdict::Pass => next.run(request).await,
        Verdict::SignIn => guard.sign_in(),
        Verdict::Foreign(why) => GraphError::forbidden(why).into_response(),
        Verdict::Stranger if request.uri().path() == "/" => {
            let say = "This emulator is open to other machines, so its page asks for a token.\n\
                       Open the address that `offhook emulator` has printed: it ends with ?token=...\n";
            (StatusCode::UNAUTHORIZED, say).into_response()
        }
        Verdict::Stranger => {
            GraphError::unauthorized("The emulator is exposed, and asks for the token that it has printed.")
                .into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(listen: &str, token: Option<&str>) -> Guard {
        let address = listen.parse().unwrap();
        Guard { address, names: vec!["bots.test".to_owned()], token: token.map(str::to_owned) }
    }

    fn judge(guard: &Guard, method: &str, path: &str, headers: &[(&'static str, &str)]) -> Verdict {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        guard.judge(&method.parse().unwrap(), &path.parse().unwrap(), &headers.collect())
    }

    #[test]
    fn only_its_own_page_may_ask_for_anything() {
        let guard = guard("127.0.0.1:9440", None);
        let host = ("host", "127.0.0.1:9440");
        let from = |origin| [host, ("origin", origin)];
        let passes = |path: &str, headers: &[(&'static str, &str)]| {
            judge(&guard, "POST", path, headers) == Verdict::Pass
        };
        assert!(
            passes("/emulator/calls", &[host]),
            "tests in other languages say nothing of where they come from"
        );
        assert!(passes("/v1.0/communications/calls", &[host]));
        for path in ["/emulator/calls", "/meetings/7/whip"] {
            assert!(passes(path, &from("http://127.0.0.1:9440")), "{path}");
            for foreign in ["http://127.0.0.1:9441", "http://localhost:9440", "http://page.test", "null", ""]
            {
                assert!(!passes(path, &from(foreign)), "{path} from {foreign}");
            }
            assert!(!passes(path, &[host, ("sec-fetch-site", "cross-site")]));
            assert!(!passes(path, &[host, ("sec-fetch-site", "same-site")]));
        }
        assert!(!passes("/v1.0/communications/calls", &from("http://127.0.0.1:9440")), "bots are no pages");
        assert!(!passes("/t/oauth2/v2.0/token", &from("http://127.0.0.1:9440")));
        let link = [host, ("sec-fetch-site", "cross-site")];
        assert_eq!(judge(&guard, "GET", "/", &link), Verdict::Pass, "a link may lead to the page");
        assert_ne!(judge(&guard, "GET", "/emulator/state", &link), Verdict::Pass);
    }

    #[test]
    fn a_name_that_is_not_its_own_is_refused_wherever_it_leads() {
        let passes = |listen: &str, host: &str| {
            judge(&guard(listen, None), "GET", "/", &[("host", host)]) == Verdict::Pass
        };
        for host in ["127.0.0.1:9440", "127.0.0.2", "localhost:1", "[::1]:9440", "bots.test", "BOTS.test:80"]
        {
            assert!(passes("127.0.0.1:9440", host), "{host}");
        }
        for host in ["page.test", "localhost.page.test:9440", "10.0.0.5:9440", "", "a b", "x@127.0.0.1"] {
            assert!(!passes("127.0.0.1:9440", host), "{host}");
        }
        assert!(passes("10.0.0.5:9440", "10.0.0.5:9440"));
        assert!(passes("0.0.0.0:9440", "10.0.0.5:9440"));
        assert!(!passes("0.0.0.0:9440", "page.test"));
        assert_ne!(judge(&guard("127.0.0.1:9440", None), "GET", "/", &[]), Verdict::Pass);
    }

    #[test]
    fn an_exposed_emulator_asks_people_for_its_token() {
        let guard = guard("0.0.0.0:9440", Some("t0ken"));
        let judge = |path: &str, headers: &[(&'static str, &str)]| {
            judge(&guard, "GET", path, &[&[("host", "10.0.0.5:9440")], headers].concat())
        };
        for path in ["/", "/page/page.css", "/emulator/state", "/meetings/7/whip"] {
            assert_eq!(judge(path, &[]), Verdict::Stranger, "{path}");
            assert_eq!(judge(path, &[("cookie", "offhook_emulator_9440=t0kem")]), Verdict::Stranger);
            assert_eq!(judge(path, &[("cookie", "offhook_emulator_9441=t0ken")]), Verdict::Stranger);
            assert_eq!(judge(path, &[("cookie", "a=b; offhook_emulator_9440=t0ken")]), Verdict::Pass);
            assert_eq!(judge(path, &[("authorization", "Bearer t0ken")]), Verdict::Pass);
        }
        assert_eq!(judge("/?token=t0ken", &[]), Verdict::SignIn);
        assert_eq!(judge("/?token=other", &[]), Verdict::Stranger);
        assert_eq!(judge("/emulator/state?token=t0ken", &[]), Verdict::Stranger, "only the page signs in so");
        assert_eq!(
            judge("/v1.0/communications/calls/7", &[]),
            Verdict::Pass,
            "bots bring tokens of their own"
        );
        assert!(
            guard.sign_in().headers()[SET_COOKIE].to_str().unwrap().ends_with("HttpOnly; SameSite=Strict")
        );
    }
}
