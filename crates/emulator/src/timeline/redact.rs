//! What of a body may be shown: all but what would let somebody in.

use serde_json::{Map, Value, json};

/// What stands in place of a secret.
const HIDDEN: &str = "(hidden)";

/// Ends of the names of what is secret, in lower case: `access_token`, `clientSecret`, `recordingAccessToken`.
const SECRET: [&str; 6] = ["token", "secret", "assertion", "passcode", "password", "authorization"];

/// What names a secret in the middle of a text: in SDP (RFC 8839 section 5.4), in a query, and as a header's value.
const BEFORE_SECRETS: [&str; 6] =
    ["a=ice-pwd:", "access_token=", "client_secret=", "client_assertion=", "token=", "Bearer "];

/// More of a body is not shown: a call resource with its blob is a tenth of it.
const LONGEST: usize = 64 << 10;

/// A body as it may be shown: JSON as such, forms as objects, other text as it is, the rest as its length.
pub(crate) fn shown(content_type: &str, body: &[u8]) -> Option<Value> {
    if body.is_empty() {
        return None;
    }
    if body.len() > LONGEST {
        return Some(json!({ "notShown": format!("{} bytes", body.len()) }));
    }
    if let Ok(mut value) = serde_json::from_slice::<Value>(body) {
        hide(&mut value);
        return Some(value);
    }
    if content_type.starts_with("application/x-www-form-urlencoded") {
        let pairs = url::form_urlencoded::parse(body);
        let mut form: Value =
            pairs.map(|(key, value)| (key.into_owned(), value.into())).collect::<Map<_, _>>().into();
        hide(&mut form);
        return Some(form);
    }
    match std::str::from_utf8(body) {
        Ok(text) => Some(hidden_in(text).into()),
        Err(_) => Some(json!({ "notShown": format!("{} bytes", body.len()) })),
    }
}

/// An address as it may be shown.
pub(crate) fn address(text: &str) -> String {
    // Name and password, before the host.
    let hidden = text.split_once("://").and_then(|(scheme, rest)| {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let at = rest[..end].rfind('@')?;
        Some(format!("{scheme}://{HIDDEN}@{}", &rest[at + 1..]))
    });
    let text = hidden.as_deref().unwrap_or(text);
    let Some((path, query)) = text.split_once('?') else { return text.to_owned() };
    let shown = query.split('&').map(|pair| match pair.split_once('=') {
        Some((key, _)) if is_secret(key) => format!("{key}={HIDDEN}"),
        _ => pair.to_owned(),
    });
    format!("{path}?{}", shown.collect::<Vec<_>>().join("&"))
}

/// Hides what is secret in a body, at any depth.
pub(crate) fn hide(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                if is_secret(key) && value.is_string() {
                    *value = HIDDEN.into();
                } else {
                    hide(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide),
        // A blob is JSON, and a callback's address may have a query.
        Value::String(text) if BEFORE_SECRETS.iter().any(|before| text.contains(before)) => {
            *text = hidden_in(text);
        }
        _ => {}
    }
}

fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    SECRET.iter().any(|end| key.ends_with(end))
}

/// A text in which secrets that have a name before them are hidden, up to where their alphabets end.
fn hidden_in(text: &str) -> String {
    let mut shown = text.to_owned();
    for before in BEFORE_SECRETS {
        let mut from = 0;
        while let Some(found) = shown[from..].find(before) {
            let start = from + found + before.len();
            let is_inside = |c: char| c.is_ascii_alphanumeric() || "+/-._~=%".contains(c);
            let end = shown[start..].find(|c| !is_inside(c)).map_or(shown.len(), |length| start + length);
            shown.replace_range(start..end, HIDDEN);
            from = start + HIDDEN.len();
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_that_lets_somebody_in_is_shown() {
        let body = json!({
            "state": "established",
            "meetingInfo": {"joinMeetingId": "123", "passcode": "S3CRET"},
            "recordingAccessToken": "S3CRET",
            "mediaConfig": {"blob": r#"{"sdp":"a=ice-ufrag:abc\r\na=ice-pwd:S3CRET+/x\r\na=setup:actpass"}"#},
            "callbackUri": "http://127.0.0.1/?token=S3CRET&x=1",
            "list": [{"access_token": "S3CRET"}],
        });
        let shown_body = shown("application/json", body.to_string().as_bytes()).unwrap().to_string();
        assert!(!shown_body.contains("S3CRET"), "{shown_body}");
        for kept in ["established", "joinMeetingId", "a=ice-ufrag:abc", "a=setup:actpass", "x=1"] {
            assert!(shown_body.contains(kept), "{kept} in {shown_body}");
        }

        let form = b"grant_type=client_credentials&client_secret=S3CRET&client_assertion=S3CRET";
        let form = shown("application/x-www-form-urlencoded", form).unwrap();
        assert_eq!(form["grant_type"], "client_credentials");
        assert!(!form.to_string().contains("S3CRET"), "{form}");

        let sdp = shown("application/sdp", b"v=0\r\na=ice-pwd:S3CRET\r\nm=audio 9").unwrap();
        assert_eq!(sdp, "v=0\r\na=ice-pwd:(hidden)\r\nm=audio 9");
        assert_eq!(address("/recordings/x?token=S3CRET&n=1"), "/recordings/x?token=(hidden)&n=1");
    }

    #[test]
    fn what_is_long_or_no_text_is_told_by_its_length() {
        assert_eq!(shown("", b""), None);
        assert_eq!(shown("audio/wav", &[0xff; 9]).unwrap()["notShown"], "9 bytes");
        assert_eq!(shown("text/plain", &[b'x'; LONGEST + 1]).unwrap()["notShown"], "65537 bytes");
    }

    proptest! {
        #[test]
        fn no_body_panics(content_type in ".*", body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = shown(&content_type, &body);
            let _ = address(&String::from_utf8_lossy(&body));
        }
    }
}
