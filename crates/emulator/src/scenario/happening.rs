//! What can happen in a tenant without the bot's doing.

use offhook_signaling::model::{OpenEnum, Tone};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::bridge::LinkSettings;
use crate::faults::{MediaFault, NotificationFault, RequestFault};
use crate::service::OldKey;

/// Something that happens in a tenant. All from [`CallBot`](Self::CallBot) on happen in no call, and the others in one; people are named by the ids of users.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub enum Happening {
    /// The far end presses a tone: `0` to `9`, `*`, `#`, `A` to `D`, or Graph's name for it.
    #[serde(deserialize_with = "tone", serialize_with = "tone_name")]
    PressTone(Tone),
    /// A user joins the meeting. A call between two becomes a group call by it.
    Join(String),
    /// A user comes to the lobby of the meeting.
    WaitInLobby(String),
    /// A user is let in from the lobby; so is the bot, by its own roster id or its application's id.
    Admit(String),
    /// A user leaves the meeting. When nobody but the bot is left, its call ends.
    Leave(String),
    /// A user mutes themselves.
    Mute(String),
    /// A user unmutes themselves.
    Unmute(String),
    /// A user begins to share their screen.
    StartSharing(String),
    /// What a user shares changes.
    ChangeSharing(String),
    /// A user shares their screen no longer.
    StopSharing(String),
    /// The far end puts the bot on hold.
    Hold,
    /// The far end takes the bot off hold.
    Resume,
    /// From now on the bot's packets pass such a network, both ways; without loss, delay and jitter they pass straight.
    Link(LinkSettings),
    /// The far end hangs up: between two, the call ends; in a meeting, whoever carries its media leaves.
    HangUp,
    /// Somebody removes the bot from the meeting.
    RemoveBot,
    /// Somebody ends the meeting for everybody.
    EndMeeting,
    /// A user whom the recording policy covers is about to join a call that a recorder is in. The recorder is asked first,
    /// as long as it has room for one more.
    PolicyUserJoin(String),
    /// A user whom the recording policy covers leaves.
    PolicyUserLeave(String),
    /// Somebody calls the bot.
    CallBot(IncomingCall),
    /// Every access token that is out expires.
    ExpireTokens,
    /// Callbacks are signed with another key from now on.
    RotateKey(OldKey),
    /// From now on, some answers to requests go wrong.
    RequestFault(RequestFault),
    /// From now on, some of what is posted to bots goes wrong.
    NotificationFault(NotificationFault),
    /// From now on, the media of some calls that begin goes wrong.
    MediaFault(MediaFault),
    /// From now on all goes well.
    ClearFaults,
}

/// A call to a bot.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct IncomingCall {
    /// Where the bot is told of it.
    pub callback_uri: String,
    /// Which user calls, or which phone: `+` and digits.
    pub from: String,
    /// The join id or thread id of the meeting that the bot is called into. None: peer to peer.
    #[serde(default)]
    pub meeting: Option<String>,
    /// Whether it is a call by a recording policy, which has less time to be answered.
    #[serde(default)]
    pub policy_recording: bool,
    /// The application instance (resource account) that is called, by its object id: how bots are called by phone. None: the
    /// application itself.
    #[serde(default)]
    pub to_application_instance: Option<String>,
}

impl IncomingCall {
    /// The user `from` calls the bot at `callback_uri`, peer to peer.
    pub fn new(callback_uri: impl Into<String>, from: impl Into<String>) -> Self {
        Self {
            callback_uri: callback_uri.into(),
            from: from.into(),
            meeting: None,
            policy_recording: false,
            to_application_instance: None,
        }
    }

    /// The bot is called into the meeting with this join id or thread id.
    #[must_use]
    pub fn into_meeting(mut self, key: impl Into<String>) -> Self {
        self.meeting = Some(key.into());
        self
    }

    /// The application instance with this object id is called.
    #[must_use]
    pub fn to_application_instance(mut self, id: impl Into<String>) -> Self {
        self.to_application_instance = Some(id.into());
        self
    }

    /// The bot is called by a recording policy.
    #[must_use]
    pub fn by_recording_policy(mut self) -> Self {
        self.policy_recording = true;
        self
    }
}

impl Happening {
    /// What it is called in a scenario.
    pub fn name(&self) -> &'static str {
        match self {
            Self::PressTone(_) => "pressTone",
            Self::Join(_) => "join",
            Self::WaitInLobby(_) => "waitInLobby",
            Self::Admit(_) => "admit",
            Self::Leave(_) => "leave",
            Self::Mute(_) => "mute",
            Self::Unmute(_) => "unmute",
            Self::StartSharing(_) => "startSharing",
            Self::ChangeSharing(_) => "changeSharing",
            Self::StopSharing(_) => "stopSharing",
            Self::Hold => "hold",
            Self::Resume => "resume",
            Self::Link(_) => "link",
            Self::HangUp => "hangUp",
            Self::RemoveBot => "removeBot",
            Self::EndMeeting => "endMeeting",
            Self::PolicyUserJoin(_) => "policyUserJoin",
            Self::PolicyUserLeave(_) => "policyUserLeave",
            Self::CallBot(_) => "callBot",
            Self::ExpireTokens => "expireTokens",
            Self::RotateKey(_) => "rotateKey",
            Self::RequestFault(_) => "requestFault",
            Self::NotificationFault(_) => "notificationFault",
            Self::MediaFault(_) => "mediaFault",
            Self::ClearFaults => "clearFaults",
        }
    }

    /// Whether it happens in a call.
    pub fn is_in_call(&self) -> bool {
        !matches!(
            self,
            Self::CallBot(_)
                | Self::ExpireTokens
                | Self::RotateKey(_)
                | Self::RequestFault(_)
                | Self::NotificationFault(_)
                | Self::MediaFault(_)
                | Self::ClearFaults
        )
    }

    /// The user that it names.
    pub(super) fn user(&self) -> Option<&str> {
        match self {
            Self::Join(user)
            | Self::Leave(user)
            | Self::Mute(user)
            | Self::Unmute(user)
            | Self::StartSharing(user)
            | Self::ChangeSharing(user)
            | Self::WaitInLobby(user)
            | Self::Admit(user)
            | Self::PolicyUserJoin(user)
            | Self::PolicyUserLeave(user)
            | Self::StopSharing(user) => Some(user),
            Self::CallBot(call) => Some(&call.from),
            _ => None,
        }
    }
}

/// A tone as it stands on a telephone, or as Graph calls it.
pub(crate) fn tone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tone, D::Error> {
    let text = String::deserialize(deserializer)?;
    let name = match text.as_str() {
        "*" => "star".to_owned(),
        "#" => "pound".to_owned(),
        digit if digit.len() == 1 && digit.as_bytes()[0].is_ascii_digit() => format!("tone{digit}"),
        other => other.to_owned(),
    };
    let wrong = || Error::custom(format!("`{text}` is not a tone: 0 to 9, *, #, A to D or flash"));
    Tone::from_name(&name).ok_or_else(wrong)
}

fn tone_name<S: Serializer>(tone: &Tone, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(tone.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tones_are_written_as_on_a_telephone() {
        let read = |text: &str| serde_json::from_str::<Happening>(text);
        for (tone, expected) in [
            ("0", Tone::Tone0),
            ("*", Tone::Star),
            ("#", Tone::Pound),
            ("D", Tone::D),
            ("tone7", Tone::Tone7),
        ] {
            let text = format!(r#"{{"pressTone": "{tone}"}}"#);
            assert_eq!(read(&text).unwrap(), Happening::PressTone(expected), "{tone}");
        }
        for tone in ["", "10", "E", "é"] {
            assert!(read(&format!(r#"{{"pressTone": "{tone}"}}"#)).is_err(), "{tone}");
        }
    }
}
