//! What a call that is to be created looks like.

mod rules;

use std::time::Duration;

use super::meeting_link::MeetingLink;
use super::options::{media_setters, option_setters};
use super::rules::seconds;
use crate::error::CallsError;
use crate::model::{
    AppHostedMediaConfig, Call, CallChainId, CallDirection, CallOptions, ChatInfo, Field, Identity,
    IdentityId, IdentitySet, InvitationParticipantInfo, JoinMeetingIdMeetingInfo, MediaConfig, MediaInfo,
    MeetingInfo, Modality, Open, OrganizerMeetingInfo, ParticipantInfo, RoutingPolicy,
    ServiceHostedMediaConfig, TenantId, TokenMeetingInfo,
};
use crate::permissions::{Permission, Requirement};
use crate::redacted::Redacted;

/// A call to be created.
///
/// Whom to call or what to join comes first; media and the callback address must follow. Rules are checked before
/// anything is sent.
///
/// ```
/// use offhook_signaling::NewCall;
///
/// let blob = "from the media platform";
/// let call = NewCall::to_user("112f7296-5fa4-42ca-bae8-6a692b15d4b8")
///     .callback_uri("https://bot.contoso.com/callback")
///     .app_hosted_media(blob);
/// assert_eq!(call.permissions().to_string(), "Calls.Initiate.All, and Calls.AccessMedia.All");
/// ```
#[derive(Clone, Debug)]
#[must_use = "a call is made by `CallsClient::create_call` or `Calls::create`"]
pub struct NewCall {
    call: Call,
    /// Belongs into the media configuration, which may be set later.
    leaves_mixed_room: Option<bool>,
    /// Belongs into the meeting, which may be of a kind that has no such thing.
    allows_talk_without_host: Option<bool>,
}

/// Whom to call, or what to join.
impl NewCall {
    /// A call to one user, by object id.
    pub fn to_user(id: impl Into<IdentityId>) -> Self {
        Self::to(IdentitySet::user(id))
    }

    /// A call to one phone, by its number in E.164 (`+12345678901`), from the application instance that owns a
    /// number.
    ///
    /// Graph's examples also send the tenant: [`NewCall::tenant`].
    pub fn to_phone(number: impl Into<IdentityId>, application_instance: impl Into<IdentityId>) -> Self {
        Self::to(IdentitySet::phone(number)).source(IdentitySet::application_instance(application_instance))
    }

    /// A call to one user, phone or application, however it is identified.
    pub fn to(target: IdentitySet) -> Self {
        Self::to_group([target])
    }

    /// A call to up to five at once: users, phones and applications. It has no chat and cannot be recorded by its
    /// people.
    ///
    /// A phone among them needs an application instance as [`NewCall::source`].
    pub fn to_group(targets: impl IntoIterator<Item = IdentitySet>) -> Self {
        Self::to_targets(targets.into_iter().map(InvitationParticipantInfo::with_identity))
    }

    /// The same with all that can be said of a target: whether it is hidden, which call it replaces.
    pub fn to_targets(targets: impl IntoIterator<Item = InvitationParticipantInfo>) -> Self {
        let targets: Vec<InvitationParticipantInfo> = targets.into_iter().collect();
        Self::with(Call { targets: targets.into(), ..Call::new() })
    }

    /// A join of a meeting. `tenant` is the meeting's; without it Graph answers 7505.
    ///
    /// A meeting by organizer also needs [`NewCall::chat`]; one by join id must not have it.
    pub fn join_meeting(meeting: impl Into<MeetingInfo>, tenant: impl Into<TenantId>) -> Self {
        Self::with(Call {
            meeting_info: meeting.into().into(),
            tenant_id: tenant.into().into(),
            ..Call::new()
        })
    }

    /// A join of a scheduled meeting: by its organizer's object id and its chat's thread
    /// (`19:meeting_...@thread.v2`).
    pub fn join_by_organizer(
        organizer: impl Into<IdentityId>,
        thread: impl Into<String>,
        tenant: impl Into<TenantId>,
    ) -> Self {
        let tenant = tenant.into();
        let organizer = Identity { tenant_id: tenant.clone().into(), ..Identity::with_id(organizer) };
        let organizer = IdentitySet { user: Box::new(organizer).into(), ..IdentitySet::new() };
        let meeting = OrganizerMeetingInfo { organizer: organizer.into(), ..OrganizerMeetingInfo::new() };
        // A meeting has no message of its own in the thread, which is said as 0.
        let chat = ChatInfo { thread_id: thread.into().into(), message_id: "0".into(), ..ChatInfo::new() };
        Self::join_meeting(meeting, tenant).chat(chat)
    }

    /// A join by the id and passcode of the invitation. The passcode of a meeting without one is `None`.
    pub fn join_by_id(
        join_meeting_id: impl Into<String>,
        passcode: Option<Redacted<String>>,
        tenant: impl Into<TenantId>,
    ) -> Self {
        let meeting = JoinMeetingIdMeetingInfo {
            passcode: passcode.map_or(Field::Null, Field::Value),
            ..JoinMeetingIdMeetingInfo::without_passcode(join_meeting_id)
        };
        Self::join_meeting(meeting, tenant)
    }

    /// A join by the token that an earlier notification of the meeting had: how a restarted bot gets back.
    pub fn join_by_token(token: impl Into<Redacted<String>>, tenant: impl Into<TenantId>) -> Self {
        let meeting = TokenMeetingInfo { token: token.into().into(), ..TokenMeetingInfo::new() };
        Self::join_meeting(meeting, tenant)
    }

    /// A join by what people share: [`MeetingLink::parse`]. A link that names the meeting's tenant knows better
    /// than `tenant`, which is for those that do not.
    pub fn join(link: MeetingLink, tenant: impl Into<TenantId>) -> Self {
        let tenant = link.tenant().cloned().unwrap_or_else(|| tenant.into());
        let (meeting, chat) = link.into_parts();
        let join = Self::join_meeting(meeting, tenant);
        Self { call: Call { chat_info: chat.into(), ..join.call }, ..join }
    }

    fn with(call: Call) -> Self {
        let audio: Vec<Open<Modality>> = vec![Modality::Audio.into()];
        let call =
            Call { direction: CallDirection::Outgoing.into(), requested_modalities: audio.into(), ..call };
        Self { call, leaves_mixed_room: None, allows_talk_without_host: None }
    }
}

/// Where it is reported, and its media.
impl NewCall {
    /// Where Graph posts this call's notifications: https, and reaching the instance that holds the call's media.
    pub fn callback_uri(mut self, uri: impl Into<String>) -> Self {
        self.call.callback_uri = uri.into().into();
        self
    }

    /// Whether the bot leaves the mixed room, to speak only through audio routing groups. Default: it stays.
    pub fn remove_from_default_audio_group(mut self, leave: bool) -> Self {
        self.leaves_mixed_room = Some(leave);
        self
    }

    /// Modalities to ask for. Default audio only.
    pub fn modalities(mut self, modalities: impl IntoIterator<Item = Modality>) -> Self {
        let modalities: Vec<Open<Modality>> = modalities.into_iter().map(Open::from).collect();
        self.call.requested_modalities = modalities.into();
        self
    }
}

/// What else can be said of it.
impl NewCall {
    /// The meeting's chat.
    pub fn chat(mut self, chat: ChatInfo) -> Self {
        self.call.chat_info = chat.into();
        self
    }

    /// Whether people may talk before the host is there. Only of a meeting by organizer.
    pub fn allow_conversation_without_host(mut self, allow: bool) -> Self {
        self.allows_talk_without_host = Some(allow);
        self
    }

    /// Whom the call is from. Default: the application that signs in.
    pub fn source(mut self, identity: IdentitySet) -> Self {
        let source = ParticipantInfo { identity: identity.into(), ..ParticipantInfo::new() };
        self.call.source = Box::new(source).into();
        self
    }

    /// What the call is about; people see it.
    pub fn subject(mut self, subject: impl Into<Redacted<String>>) -> Self {
        self.call.subject = subject.into().into();
        self
    }

    /// The tenant at the top level of the request.
    pub fn tenant(mut self, tenant: impl Into<TenantId>) -> Self {
        self.call.tenant_id = tenant.into().into();
        self
    }

    /// The chain of calls that this one continues: the `callChainId` of an earlier leg.
    pub fn call_chain_id(mut self, id: impl Into<CallChainId>) -> Self {
        self.call.call_chain_id = id.into().into();
        self
    }

    /// How long a call to one rings, 1 to 115 s; parts of a second count as a whole. Default: the service's.
    pub fn ringing_timeout(mut self, timeout: Duration) -> Self {
        self.call.ringing_timeout_in_seconds = seconds(timeout).into();
        self
    }

    /// How the callee's forwarding is treated, for a call to one. Default: as the callee has it.
    pub fn routing_policies(mut self, policies: impl IntoIterator<Item = RoutingPolicy>) -> Self {
        let policies: Vec<Open<RoutingPolicy>> = policies.into_iter().map(Open::from).collect();
        self.call.routing_policies = policies.into();
        self
    }
}

option_setters!(NewCall, call.call_options, CallOptions::outgoing);
media_setters!(NewCall, call.media_config);

/// Calls to one person or phone.
const TO_ONE: Requirement = Requirement::any_of(&[Permission::Initiate]);
/// Calls to several.
const TO_GROUP: Requirement = Requirement::any_of(&[Permission::InitiateGroupCall]);
/// Meetings.
const TO_MEETING: Requirement = Requirement::any_of(&[
    Permission::JoinGroupCallsChat,
    Permission::JoinGroupCall,
    Permission::JoinGroupCallAsGuest,
]);

impl NewCall {
    /// The permissions that Graph will ask of the application for this call, as it is described so far.
    pub fn permissions(&self) -> Requirement {
        let app_hosted = matches!(self.call.media_config.value(), Some(MediaConfig::AppHosted(_)));
        let needs = match (self.call.meeting_info.value(), self.call.targets.items()) {
            (Some(_), _) => TO_MEETING,
            (None, [_, _, ..]) => TO_GROUP,
            (None, _) => TO_ONE,
        };
        needs.with_media(app_hosted)
    }

    /// Whether it says anything that clouds without call options do not know.
    pub(crate) fn has_options(&self) -> bool {
        self.call.call_options.is_value()
    }

    /// The body of the request, once the rules hold.
    ///
    /// # Errors
    /// [`CallsError::InvalidRequest`] with the rule that is broken.
    pub(crate) fn into_call(self, allow_plain_http: bool) -> Result<Call, CallsError> {
        rules::check(&self, allow_plain_http)?;
        Ok(self.whole())
    }

    /// The call with what belongs deeper into it.
    fn whole(mut self) -> Call {
        if let Some(leave) = self.leaves_mixed_room {
            match self.call.media_config.value_mut() {
                Some(MediaConfig::AppHosted(config)) => config.remove_from_default_audio_group = leave.into(),
                Some(MediaConfig::ServiceHosted(config)) => {
                    config.remove_from_default_audio_group = leave.into();
                }
                Some(MediaConfig::Unknown(_)) | None => {}
            }
        }
        if let Some(allow) = self.allows_talk_without_host
            && let Some(MeetingInfo::Organizer(meeting)) = self.call.meeting_info.value_mut()
        {
            meeting.allow_conversation_without_host = allow.into();
        }
        self.call
    }
}
