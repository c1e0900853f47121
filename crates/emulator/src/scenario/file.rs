//! A scenario as it is written: the tables and keys of the file.

use std::time::Duration;

use offhook_signaling::model::{CallState, OpenEnum};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::happening::Happening;
use crate::duration_text;
use crate::far_end::AfterSpeech;
use crate::faults::{MediaFault, NotificationFault, RequestFault};
use crate::service::TOLD_STATES;
use crate::settings::permission;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct File {
    pub(super) seed: u64,
    pub(super) tenant: Tenant,
    pub(super) timers: Timers,
    pub(super) users: Vec<User>,
    pub(super) meetings: Vec<Meeting>,
    pub(super) faults: Faults,
    pub(super) happenings: Vec<Scripted>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct Tenant {
    pub(super) id: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) issuer: Option<String>,
    pub(super) permissions: Option<Vec<Permission>>,
    #[serde(rename = "checkEveryAction")]
    pub(super) checks_every_action: bool,
    pub(super) calling_enabled: Option<bool>,
    /// A file, beside the scenario.
    pub(super) certificate: Option<String>,
}

/// A permission by its real name.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Permission(pub(super) String);

impl TryFrom<String> for Permission {
    type Error = String;

    fn try_from(typed: String) -> Result<Self, String> {
        let unknown = || format!("`{typed}` is no permission that a calling bot can be granted");
        permission(&typed).map(|name| Self(name.to_owned())).ok_or_else(unknown)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct Timers {
    #[serde(deserialize_with = "scale")]
    pub(super) scale: Option<f64>,
    #[serde(deserialize_with = "duration_text::optional")]
    pub(super) media_timeout: Option<Duration>,
    #[serde(deserialize_with = "duration_text::optional")]
    pub(super) token_lifetime: Option<Duration>,
}

fn scale<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    match f64::deserialize(deserializer)? {
        scale if scale > 0.0 && scale.is_finite() => Ok(Some(scale)),
        scale => Err(Error::custom(format!("{scale} is no scale: it must be above 0"))),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct User {
    pub(super) id: String,
    pub(super) name: Option<String>,
    /// A file, beside the scenario, or [`BUILT_IN`].
    pub(super) says: Option<String>,
    /// In place of speech: a tone of so many hertz, without an end.
    #[serde(default, deserialize_with = "hertz")]
    pub(super) hums: Option<f64>,
    /// A file, beside the scenario, or [`PATTERN`].
    pub(super) shows: Option<String>,
    #[serde(default)]
    pub(super) then: Then,
    #[serde(default)]
    pub(super) echo: bool,
    #[serde(default)]
    pub(super) listens: bool,
    #[serde(default)]
    pub(super) picks_up: PicksUp,
}

fn hertz<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    match f64::deserialize(deserializer)? {
        hertz if (20.0..=20_000.0).contains(&hertz) => Ok(Some(hertz)),
        hertz => Err(Error::custom(format!("{hertz} Hz cannot be heard: a tone has 20 to 20,000"))),
    }
}

/// What a user does who is called.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) enum PicksUp {
    After(Duration),
    Never,
    Declines,
}

impl Default for PicksUp {
    fn default() -> Self {
        Self::After(Duration::ZERO)
    }
}

impl TryFrom<String> for PicksUp {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "never" => Ok(Self::Never),
            "declines" => Ok(Self::Declines),
            after => duration_text::parse(after).map(Self::After).ok_or_else(|| {
                format!("`{text}` is neither a duration such as 2.5s, nor `never`, nor `declines`")
            }),
        }
    }
}

/// What a user shows who shows no file.
pub(super) const PATTERN: &str = "pattern";

/// What a user says who says no file.
pub(super) const BUILT_IN: &str = "built-in";

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Then {
    #[default]
    Silence,
    Stop,
    Repeat,
    HangUp,
}

impl From<Then> for AfterSpeech {
    fn from(then: Then) -> Self {
        match then {
            Then::Silence => Self::Silence,
            Then::Stop => Self::Stop,
            Then::Repeat => Self::Repeat,
            Then::HangUp => Self::HangUp,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Meeting {
    pub(super) join_id: Option<String>,
    pub(super) thread_id: Option<String>,
    pub(super) passcode: Option<String>,
    #[serde(default)]
    pub(super) lobby: bool,
    #[serde(default)]
    pub(super) participants: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct Faults {
    pub(super) requests: Vec<RequestFault>,
    pub(super) notifications: Vec<NotificationFault>,
    pub(super) media: Vec<MediaFault>,
}

/// Something that happens, and when.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "WrittenHappening")]
pub(crate) struct Scripted {
    pub(super) when: When,
    pub(super) happening: Happening,
}

/// When something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// So long after the emulator began to listen.
    At(Duration),
    /// So long after a call first reached a state: the call of this number, counted from 1, or each.
    After { state: CallState, delay: Duration, call: Option<u32> },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WrittenHappening {
    #[serde(default, deserialize_with = "duration_text::optional")]
    at: Option<Duration>,
    #[serde(default, deserialize_with = "state")]
    after: Option<CallState>,
    #[serde(default, deserialize_with = "duration_text::optional")]
    delay: Option<Duration>,
    call: Option<u32>,
    #[serde(rename = "do")]
    happening: Happening,
}

impl TryFrom<WrittenHappening> for Scripted {
    type Error = &'static str;

    fn try_from(written: WrittenHappening) -> Result<Self, &'static str> {
        let when = match (written.at, written.after) {
            (Some(_), None) if written.delay.is_some() || written.call.is_some() => {
                return Err("`delay` and `call` go with `after`");
            }
            (Some(_), None) if written.happening.is_in_call() => {
                return Err("it happens in a call, so `after` says in which state of the call");
            }
            (Some(at), None) => When::At(at),
            (None, Some(state)) => {
                When::After { state, delay: written.delay.unwrap_or_default(), call: written.call }
            }
            _ => return Err("either `at` or `after` says when"),
        };
        if written.call == Some(0) {
            return Err("calls are counted from 1");
        }
        Ok(Self { when, happening: written.happening })
    }
}

fn state<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<CallState>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let known = CallState::from_name(&text).filter(|state| TOLD_STATES.contains(state));
    known.map(Some).ok_or_else(|| Error::custom(format!("`{text}` is not a state that a bot is told of")))
}
