//! The page's files, which are in the binary.

use axum::Router;
use axum::extract::Path;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The page itself.
const INDEX: &str = include_str!("web/index.html");

/// Everything else, by name.
const FILES: [(&str, &str, &str); 17] = [
    ("page.css", CSS, include_str!("web/page.css")),
    ("icon.svg", "image/svg+xml", include_str!("web/icon.svg")),
    ("main.js", SCRIPT, include_str!("web/main.js")),
    ("api.js", SCRIPT, include_str!("web/api.js")),
    ("dom.js", SCRIPT, include_str!("web/dom.js")),
    ("lobby.js", SCRIPT, include_str!("web/lobby.js")),
    ("devices.js", SCRIPT, include_str!("web/devices.js")),
    ("whip.js", SCRIPT, include_str!("web/whip.js")),
    ("call.js", SCRIPT, include_str!("web/call.js")),
    ("roster.js", SCRIPT, include_str!("web/roster.js")),
    ("dialpad.js", SCRIPT, include_str!("web/dialpad.js")),
    ("timeline.js", SCRIPT, include_str!("web/timeline.js")),
    ("media.js", SCRIPT, include_str!("web/media.js")),
    ("pictures.js", SCRIPT, include_str!("web/pictures.js")),
    ("chart.js", SCRIPT, include_str!("web/chart.js")),
    ("stages.js", SCRIPT, include_str!("web/stages.js")),
    ("faults.js", SCRIPT, include_str!("web/faults.js")),
];

/// Nothing from elsewhere, no script or style in the page itself, and in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn router() -> Router {
    let index = || async { file(HTML, INDEX) };
    Router::new().route("/", get(index)).route("/page/{name}", get(named))
}

async fn named(Path(name): Path<String>) -> Response {
    match FILES.iter().find(|(known, _, _)| *known == name) {
        Some((_, kind, text)) => file(kind, text),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn file(kind: &'static str, text: &'static str) -> Response {
    let resource_policy = HeaderName::from_static("cross-origin-resource-policy");
    let headers = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (resource_policy, "same-origin"),
        // A newer emulator at the same address has another page.
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_short_and_every_module_that_is_imported_is_there() {
        for (name, kind, text) in FILES {
            assert!(text.lines().count() <= 400, "{name} is long");
            if kind != SCRIPT {
                continue;
            }
            for imported in text.split("from \"./").skip(1) {
                let imported = imported.split('"').next().unwrap();
                assert!(FILES.iter().any(|(known, _, _)| *known == imported), "{name} imports {imported}");
            }
        }
        for part in INDEX.split("\"/page/").skip(1) {
            let part = part.split('"').next().unwrap();
            assert!(FILES.iter().any(|(known, _, _)| *known == part), "the page names {part}");
        }
    }

    #[test]
    fn the_page_needs_nothing_that_its_policy_forbids() {
        for (name, text) in
            FILES.map(|(name, _, text)| (name, text)).into_iter().chain([("index.html", INDEX)])
        {
            for forbidden in ["style=\"", " onclick=", "javascript:", "https://", "eval(", ".innerHTML"] {
                assert!(!text.contains(forbidden), "{name} has {forbidden}");
            }
        }
    }
}
