//! Faults of what is posted to a bot.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use offhook_signaling::model::{
    CallPart, CallState, CommsNotification, CommsNotifications, OpenEnum, ResourceData,
};
use serde::{Deserialize, Serialize};

use super::rule::{Fault, PatternError, Rule};
use crate::duration_text;
use crate::service::TOLD_STATES;

/// Which notifications: `any`, `state`, `state:established` (or another state), `tone`, `roster`, `operation`,
/// `contentSharing`.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct NotificationPattern(Kind);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Any,
    /// About the call itself; of one state or of any.
    State(Option<CallState>),
    Tone,
    Roster,
    Operation,
    ContentSharing,
}

/// Words for the kinds that have no state in them.
const KINDS: [(&str, Kind); 6] = [
    ("any", Kind::Any),
    ("state", Kind::State(None)),
    ("tone", Kind::Tone),
    ("roster", Kind::Roster),
    ("operation", Kind::Operation),
    ("contentSharing", Kind::ContentSharing),
];

impl NotificationPattern {
    fn matches(self, notification: &CommsNotification) -> bool {
        let part = notification.path().map(|path| path.part);
        let call = match notification.resource_data.value() {
            Some(ResourceData::Call(call)) => Some(call),
            _ => None,
        };
        let has_tone = call.is_some_and(|call| call.tone_info.is_value());
        match self.0 {
            Kind::Any => true,
            Kind::State(None) => part == Some(CallPart::Call) && !has_tone,
            Kind::State(Some(wanted)) => {
                let state = call.and_then(|call| call.state.value()).and_then(|state| state.known());
                state == Some(wanted) && !has_tone
            }
            Kind::Tone => has_tone,
            Kind::Roster => matches!(part, Some(CallPart::Participants | CallPart::Participant(_))),
            Kind::Operation => matches!(part, Some(CallPart::Operation(_))),
            Kind::ContentSharing => {
                matches!(part, Some(CallPart::ContentSharingSessions | CallPart::ContentSharingSession(_)))
            }
        }
    }
}

impl FromStr for NotificationPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let state = text.strip_prefix("state:").and_then(CallState::from_name);
        let state = state.filter(|state| TOLD_STATES.contains(state));
        let kind = state.map(|state| Kind::State(Some(state)));
        let kind = kind.or_else(|| KINDS.iter().find(|(word, _)| *word == text).map(|(_, kind)| *kind));
        let expected = "any, state, state:STATE, tone, roster, operation or contentSharing";
        kind.map(Self).ok_or_else(|| PatternError { text: text.to_owned(), expected })
    }
}

impl TryFrom<String> for NotificationPattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        text.parse()
    }
}

impl Serialize for NotificationPattern {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{self:?}"))
    }
}

impl fmt::Debug for NotificationPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::State(Some(state)) => write!(f, "state:{}", state.name()),
            kind => f.write_str(KINDS.iter().find(|(_, known)| *known == kind).map_or("", |(word, _)| word)),
        }
    }
}

/// What happens to a post that holds such a notification. Of several faults, the one that was added first happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub enum NotificationEffect {
    /// It comes so much later. Those after it do not wait.
    #[serde(with = "duration_text")]
    Late(Duration),
    /// It comes twice, with the same message id.
    Twice,
    /// It changes places with the call's next one. On `state:establishing`, `established` comes first.
    AfterNext,
    /// It never comes.
    Never,
}

/// A fault of what is posted to a bot.
pub type NotificationFault = Fault<NotificationPattern, NotificationEffect>;

/// When to deliver a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    Now,
    Later(Duration),
    Twice,
    AfterNext,
    Never,
}

/// What happens to a post.
pub(super) fn decide(
    rules: &mut [Rule<NotificationPattern, NotificationEffect>],
    post: &CommsNotifications,
) -> Delivery {
    let struck = rules.iter_mut().find_map(|rule| {
        let on = rule.on;
        let matches = post.value.items().iter().any(|notification| on.matches(notification));
        (matches && rule.happens()).then_some(rule.effect)
    });
    match struck {
        None => Delivery::Now,
        Some(NotificationEffect::Late(by)) => Delivery::Later(by),
        Some(NotificationEffect::Twice) => Delivery::Twice,
        Some(NotificationEffect::AfterNext) => Delivery::AfterNext,
        Some(NotificationEffect::Never) => Delivery::Never,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::rule::Occurrence;
    use super::*;

    fn post(path: &str, data: &Value) -> CommsNotifications {
        let body = json!({"value": [{
            "changeType": "updated", "resourceUrl": format!("/communications/calls/7{path}"), "resourceData": data,
        }]});
        CommsNotifications::from_slice(body.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn each_kind_is_told_from_the_others() {
        let posts = [
            ("state:established", post("", &json!({"state": "established"}))),
            ("tone", post("", &json!({"state": "established", "toneInfo": {"tone": "tone1"}}))),
            ("roster", post("/participants", &json!([]))),
            ("operation", post("/operations/8", &json!({"status": "completed"}))),
            ("contentSharing", post("/contentsharingsessions/9", &Value::Null)),
        ];
        for (pattern, _) in &posts {
            let matching = |pattern: &str| {
                let pattern: NotificationPattern = pattern.parse().unwrap();
                assert_eq!(format!("{pattern:?}").parse(), Ok(pattern));
                let matching = |post: &&(&str, CommsNotifications)| pattern.matches(&post.1.value.items()[0]);
                posts.iter().filter(matching).map(|(name, _)| *name).collect::<Vec<_>>()
            };
            assert_eq!(matching(pattern), [*pattern]);
            assert_eq!(matching("any").len(), posts.len());
            assert_eq!(matching("state"), ["state:established"]);
            assert!(matching("state:establishing").is_empty());
        }
        for wrong in ["", "state:", "state:asleep", "calls"] {
            assert!(wrong.parse::<NotificationPattern>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn faults_are_asked_in_order_and_used_up() {
        let fault = |on: &str, effect| {
            Rule::new(NotificationFault::new(on.parse().unwrap(), effect).occurs(Occurrence::Next(1)), 1, 0)
        };
        let late = Duration::from_secs(2);
        let mut rules = [
            fault("roster", NotificationEffect::Never),
            fault("any", NotificationEffect::Late(late)),
            fault("state", NotificationEffect::Twice),
            fault("state:establishing", NotificationEffect::AfterNext),
        ];
        let establishing = post("", &json!({"state": "Establishing"}));
        let mut next = |post: &CommsNotifications| decide(&mut rules, post);
        assert_eq!(next(&establishing), Delivery::Later(late));
        assert_eq!(next(&establishing), Delivery::Twice);
        assert_eq!(next(&establishing), Delivery::AfterNext);
        assert_eq!(next(&establishing), Delivery::Now);
        assert_eq!(next(&post("/participants", &json!([]))), Delivery::Never);
        assert_eq!(next(&post("/participants", &json!([]))), Delivery::Now);
    }
}
