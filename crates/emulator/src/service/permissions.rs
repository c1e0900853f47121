//! Which application permissions a request needs. Graph checks them when a call is created, and says nothing about which one
//! is missing.

use offhook_signaling::model::{Call, MediaConfig};

use super::GraphError;
use super::request::{Action, OfCall, ParticipantAction};
use crate::settings::{EmulatorSettings, permission};

const INITIATE: &str = "Calls.Initiate.All";
const INITIATE_GROUP: &str = "Calls.InitiateGroupCall.All";
const JOIN: &str = "Calls.JoinGroupCall.All";
const JOIN_AS_GUEST: &str = "Calls.JoinGroupCallAsGuest.All";
const JOIN_IN_CHAT: &str = "Calls.JoinGroupCalls.Chat";
const MEDIA: &str = "Calls.AccessMedia.All";
const MEDIA_IN_CHAT: &str = "Calls.AccessMedia.Chat";

/// What a tenant has granted, by the real names.
#[derive(Clone, Debug)]
pub(super) struct Permissions {
    granted: Vec<String>,
    calling_enabled: bool,
    check_every_action: bool,
}

impl Permissions {
    pub(super) fn new(settings: &EmulatorSettings) -> Self {
        let real_name = |name: &String| permission(name).map_or_else(|| name.clone(), str::to_owned);
        Self {
            granted: settings.permissions.iter().map(real_name).collect(),
            calling_enabled: settings.calling_enabled,
            check_every_action: settings.check_every_action,
        }
    }

    fn has(&self, permission: &str) -> bool {
        self.granted.iter().any(|granted| granted == permission)
    }

    fn need_one_of(&self, permissions: &[&str]) -> Result<(), GraphError> {
        if permissions.is_empty() || permissions.iter().any(|permission| self.has(permission)) {
            return Ok(());
        }
        Err(GraphError::missing_permission(&permissions.join(" or ")))
    }

    /// What it takes to make `call`.
    pub(super) fn check_creation(&self, call: &Call) -> Result<(), GraphError> {
        self.check_registration()?;
        let is_meeting = call.meeting_info.is_value() || call.chat_info.is_value();
        self.need_one_of(match (is_meeting, call.targets.items().len()) {
            (true, _) => &[JOIN, JOIN_AS_GUEST, JOIN_IN_CHAT],
            (false, 0..=1) => &[INITIATE],
            (false, _) => &[INITIATE_GROUP],
        })?;
        self.check_media(call.media_config.value(), is_meeting)
    }

    /// What it takes to answer: nothing between two, to join what is more.
    pub(super) fn check_answer(
        &self,
        media: Option<&MediaConfig>,
        is_meeting: bool,
    ) -> Result<(), GraphError> {
        self.check_registration()?;
        self.need_one_of(if is_meeting { &[JOIN, JOIN_AS_GUEST, JOIN_IN_CHAT] } else { &[] })?;
        self.check_media(media, is_meeting)
    }

    fn check_registration(&self) -> Result<(), GraphError> {
        if self.calling_enabled { Ok(()) } else { Err(GraphError::not_registered()) }
    }

    fn check_media(&self, media: Option<&MediaConfig>, is_meeting: bool) -> Result<(), GraphError> {
        match media {
            Some(MediaConfig::AppHosted(_)) if is_meeting => self.need_one_of(&[MEDIA, MEDIA_IN_CHAT]),
            Some(MediaConfig::AppHosted(_)) => self.need_one_of(&[MEDIA]),
            _ => Ok(()),
        }
    }

    /// Whether the bot may know who calls it. Otherwise the caller is `encrypted`.
    pub(super) fn may_know_callers(&self) -> bool {
        [INITIATE, INITIATE_GROUP, JOIN, JOIN_AS_GUEST, MEDIA].iter().any(|permission| self.has(permission))
    }

    /// What a page lists for what is asked of a call. Graph does not check it; the emulator does when it is told to.
    pub(super) fn check_action(&self, asked: &OfCall) -> Result<(), GraphError> {
        if !self.check_every_action {
            return Ok(());
        }
        self.need_one_of(match asked {
            OfCall::Get | OfCall::HangUp | OfCall::ListParticipants => &[INITIATE, MEDIA],
            OfCall::GetParticipant(_) | OfCall::RemoveParticipant(_) => &[JOIN, JOIN_AS_GUEST],
            OfCall::Invite => &[INITIATE_GROUP],
            OfCall::ParticipantAction(
                _,
                ParticipantAction::Mute
                | ParticipantAction::StartHoldMusic
                | ParticipantAction::StopHoldMusic,
            ) => &[JOIN, JOIN_AS_GUEST],
            OfCall::ListRoutingGroups
            | OfCall::CreateRoutingGroup
            | OfCall::GetRoutingGroup(_)
            | OfCall::ChangeRoutingGroup(_)
            | OfCall::RemoveRoutingGroup(_) => &[JOIN, INITIATE_GROUP],
            OfCall::ListContentSharing | OfCall::GetContentSharing(_) => {
                &[JOIN, JOIN_AS_GUEST, INITIATE_GROUP, INITIATE]
            }
            // Not documented.
            OfCall::GetOperation(_) => &[],
            OfCall::Action(action) => match action {
                // Answering is checked with what it answers.
                Action::Answer | Action::Reject => &[],
                Action::Redirect | Action::Transfer => &[INITIATE],
                Action::KeepAlive
                | Action::Mute
                | Action::Unmute
                | Action::PlayPrompt
                | Action::CancelMediaProcessing => &[INITIATE, MEDIA],
                Action::RecordResponse
                | Action::SubscribeToTone
                | Action::SendDtmfTones
                | Action::ChangeScreenSharingRole => &[MEDIA],
                Action::UpdateRecordingStatus => &[MEDIA, JOIN],
                Action::AddLargeGalleryView => &[JOIN, JOIN_AS_GUEST, INITIATE_GROUP],
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_pages_get_wrong_are_understood() {
        let permissions =
            Permissions::new(&EmulatorSettings::default().permissions(["calls.joingroupcalls.all"]));
        assert!(permissions.has(JOIN));
        assert!(!permissions.has(INITIATE));
    }

    #[test]
    fn an_action_is_checked_only_when_that_is_asked_for() {
        let transfer = OfCall::Action(Action::Transfer);
        let settings = EmulatorSettings::default().permissions([""; 0]);
        assert_eq!(Permissions::new(&settings).check_action(&transfer), Ok(()));
        let strict = Permissions::new(&settings.check_every_action(true));
        let error = strict.check_action(&transfer).unwrap_err();
        assert_eq!((error.status, error.code.as_str()), (403, "7504"));
        assert!(!error.message.contains(INITIATE), "Graph names nothing");
    }
}
