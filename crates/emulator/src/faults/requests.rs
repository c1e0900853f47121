//! Faults of the answers to requests.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::operations;
use super::rule::{Fault, PatternError, Rule};
use crate::duration_text;
use crate::service;

/// Which requests: an operation by its name ([`OPERATION_NAMES`](super::OPERATION_NAMES)), such as `create` or `any`; or
/// `POST /v1.0/communications/calls/*/mute`, where `*` stands for one segment, `**` for any number at the end, and a verb
/// that is left out for any verb.
///
/// Addresses are read as the service reads them: `/v1.0` may be left out, `/app` is as good as `/communications`, names may have
/// their namespace, keys may stand in parentheses, and all of it in any case.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct RequestPattern {
    text: String,
    verb: Option<String>,
    segments: Vec<String>,
}

impl RequestPattern {
    fn matches(&self, verb: &str, path: &[String]) -> bool {
        self.verb.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(verb))
            && segments_match(&self.segments, path)
    }
}

fn segments_match(wanted: &[String], path: &[String]) -> bool {
    match (wanted, path) {
        ([last], _) if last == "**" => true,
        ([], []) => true,
        ([first, wanted @ ..], [segment, path @ ..]) => {
            (first == "*" || first.eq_ignore_ascii_case(segment)) && segments_match(wanted, path)
        }
        _ => false,
    }
}

/// The segments of a path, in the one spelling that is compared: read as the service reads them.
fn segments(path: &str) -> Vec<String> {
    let path = percent_decoded(path);
    let mut segments: Vec<String> =
        service::segments(&path).into_iter().map(|segment| service::bare(segment).to_owned()).collect();
    if let Some(first) = segments.first_mut().filter(|first| first.eq_ignore_ascii_case("app")) {
        "communications".clone_into(first);
    }
    if let Some(action) = segments.last_mut().filter(|action| action.eq_ignore_ascii_case("record")) {
        // The page calls it so, and the metadata otherwise.
        "recordResponse".clone_into(action);
    }
    segments
}

/// `%27` as `'`: the service gets its addresses decoded. What is no code stays as it is.
fn percent_decoded(path: &str) -> String {
    let mut parts = path.split('%');
    let mut decoded = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let code = part.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok());
        match (code, part.get(2..)) {
            (Some(byte), Some(rest)) => {
                decoded.push(byte);
                decoded.extend_from_slice(rest.as_bytes());
            }
            _ => {
                decoded.push(b'%');
                decoded.extend_from_slice(part.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

impl FromStr for RequestPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let expected = "the name of an operation, nor a path as in `POST /communications/calls/*/mute`";
        let wrong = || PatternError { text: text.to_owned(), expected };
        let (verb, path) = match text.split_once(' ') {
            Some((verb, path)) if path.starts_with('/') => (Some(verb), path),
            None if text.starts_with('/') => (None, text),
            _ => operations::find(text).ok_or_else(wrong)?,
        };
        Ok(Self { text: text.to_owned(), verb: verb.map(str::to_owned), segments: segments(path) })
    }
}

impl TryFrom<String> for RequestPattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        text.parse()
    }
}

impl Serialize for RequestPattern {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl fmt::Debug for RequestPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What happens to a request or its answer.
///
/// [`Delay`](Self::Delay) and [`WrapErrors`](Self::WrapErrors) go together with any other. Of the rest, the fault that was
/// added first happens; the others wait for a later request.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub enum RequestEffect {
    /// 429, and nothing is done. With a `retryAfter`, the answer has a `Retry-After` of decimal seconds, as in Graph's
    /// documented `2.128`.
    Throttle {
        /// How long the bot is to wait. Left out, the header is missing.
        #[serde(default, deserialize_with = "duration_text::optional")]
        #[serde(
            serialize_with = "duration_text::serialize_optional",
            skip_serializing_if = "Option::is_none"
        )]
        retry_after: Option<Duration>,
    },
    /// A refusal in Graph's shape, and nothing is done.
    Fail {
        /// The HTTP status, from 400 to 599.
        #[serde(deserialize_with = "error_status")]
        status: u16,
        /// Graph's code. Default `9999` for 500, else a word for the status.
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// Graph's message.
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// The request is worked on after so long.
    #[serde(with = "duration_text")]
    Delay(Duration),
    /// The connection is closed, and nothing is done.
    Drop,
    /// What was asked for is done, and the connection is closed in place of an answer.
    LoseAnswer,
    /// A refusal is wrapped: code `UnknownError`, and as its message JSON text with the real one. Graph was seen to do so.
    WrapErrors,
}

fn error_status<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let status = u16::deserialize(deserializer)?;
    if (400..600).contains(&status) {
        Ok(status)
    } else {
        Err(serde::de::Error::custom(format!("{status} is not the status of a refusal, from 400 to 599")))
    }
}

impl RequestEffect {
    /// Whether it goes together with any other effect.
    fn is_beside(&self) -> bool {
        matches!(self, Self::Delay(_) | Self::WrapErrors)
    }
}

/// A fault of the answers to requests.
pub type RequestFault = Fault<RequestPattern, RequestEffect>;

/// What happens to a request: any number of effects, of which at most one is the answer.
pub(super) fn decide(
    rules: &mut [Rule<RequestPattern, RequestEffect>],
    verb: &str,
    path: &str,
) -> Vec<RequestEffect> {
    let path = segments(path);
    let mut effects: Vec<RequestEffect> = Vec::new();
    for rule in rules.iter_mut().filter(|rule| rule.on.matches(verb, &path)) {
        let answered = effects.iter().any(|effect| !effect.is_beside());
        if (rule.effect.is_beside() || !answered) && rule.happens() {
            effects.push(rule.effect.clone());
        }
    }
    effects
}

#[cfg(test)]
mod tests {
    use super::super::OPERATION_NAMES;
    use super::super::rule::Occurrence;
    use super::*;

    fn matches(pattern: &str, verb: &str, path: &str) -> bool {
        pattern.parse::<RequestPattern>().unwrap().matches(verb, &segments(path))
    }

    #[test]
    fn an_operation_is_met_at_each_of_its_addresses_and_nowhere_else() {
        for (pattern, verb, path, expected) in [
            ("create", "POST", "/v1.0/communications/calls", true),
            ("create", "POST", "/v1.0/app/calls", true),
            ("create", "GET", "/v1.0/communications/calls", false),
            ("create", "POST", "/v1.0/communications/calls/7", false),
            ("answer", "POST", "/v1.0/communications/calls/7/answer", true),
            ("answer", "POST", "/v1.0/communications/calls/7/microsoft.graph.answer", true),
            ("mute", "POST", "/v1.0/communications/calls/7/participants/8/mute", false),
            ("muteParticipant", "POST", "/v1.0/communications/calls/7/participants/8/mute", true),
            ("answer", "POST", "/v1.0/communications/calls('7')/Microsoft.Graph.Answer", true),
            ("answer", "POST", "/v1.0/App/Calls%28%277%27%29/ANSWER/", true),
            ("getParticipant", "GET", "/v1.0/communications/calls('7')/participants('8')", true),
            ("recordResponse", "POST", "/v1.0/communications/calls/7/record", true),
            ("get", "GET", "/v1.0/communications/calls/%zz%", true),
            ("/communications/calls('*')/microsoft.graph.mute", "POST", "/v1.0/app/calls/7/mute", true),
            ("any", "PATCH", "/v1.0/app/calls/7/audioRoutingGroups/1", true),
            ("any", "POST", "/emulator/calls", false),
            ("token", "POST", "/tenant/oauth2/v2.0/token", true),
            ("/communications/calls/*", "DELETE", "/v1.0/communications/calls/7", true),
            ("get /v1.0/communications/CALLS/*", "GET", "/v1.0/communications/calls/7", true),
            ("GET /communications/**", "GET", "/v1.0/communications", true),
        ] {
            assert_eq!(matches(pattern, verb, path), expected, "{pattern} on {verb} {path}");
        }
        for name in OPERATION_NAMES {
            assert!(name.parse::<RequestPattern>().is_ok(), "{name}");
        }
        assert!("createCall".parse::<RequestPattern>().unwrap_err().to_string().contains("`createCall`"));
    }

    #[test]
    fn answers_come_in_turn_and_what_goes_beside_them_comes_along() {
        let fault = |effect| RequestFault::new("get".parse().unwrap(), effect);
        let next = Occurrence::Next;
        let throttle = RequestEffect::Throttle { retry_after: None };
        let delay = RequestEffect::Delay(Duration::from_secs(1));
        let faults = [
            fault(throttle.clone()).occurs(next(1)),
            fault(RequestEffect::Drop).occurs(next(1)),
            fault(delay.clone()).occurs(next(2)),
        ];
        let mut rules: Vec<_> = faults.into_iter().map(|fault| Rule::new(fault, 1, 0)).collect();
        let mut get = || decide(&mut rules, "GET", "/v1.0/app/calls/7");
        assert_eq!(get(), [throttle, delay.clone()]);
        assert_eq!(get(), [RequestEffect::Drop, delay]);
        assert_eq!(get(), []);
    }

    #[test]
    fn effects_are_written_as_documented() {
        let read = |text: &str| serde_json::from_str::<RequestEffect>(text);
        assert_eq!(
            read(r#"{"throttle": {"retryAfter": "2.128s"}}"#).unwrap(),
            RequestEffect::Throttle { retry_after: Some(Duration::from_millis(2128)) }
        );
        assert_eq!(read(r#"{"delay": "3s"}"#).unwrap(), RequestEffect::Delay(Duration::from_secs(3)));
        for text in [
            r#"{"throttle":{"retryAfter":"2.128s"}}"#,
            r#"{"throttle":{}}"#,
            r#"{"fail":{"status":503}}"#,
            r#"{"delay":"250ms"}"#,
        ] {
            assert_eq!(
                serde_json::to_string(&read(text).unwrap()).unwrap(),
                text,
                "it is shown as it is read"
            );
        }
        assert_eq!(read(r#""loseAnswer""#).unwrap(), RequestEffect::LoseAnswer);
        for (text, said) in [
            (r#"{"fail": {"status": 200}}"#, "from 400 to 599"),
            (r#"{"delay": "3"}"#, "not a duration"),
            (r#""explode""#, "unknown variant `explode`"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
