//! What a call that is to be created looks like, and which rules Graph has for it.

use url::Url;

use super::builder::is_protected;
use crate::error::CallsError;
use crate::model::{
    AppHostedMediaConfig, Call, CallDirection, CallOptions, ChatInfo, IdentityId, IdentitySet,
    InvitationParticipantInfo, MediaConfig, MeetingInfo, Modality, Open, ParticipantInfo,
    ServiceHostedMediaConfig, TenantId,
};
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
/// ```
#[derive(Clone, Debug)]
#[must_use = "a call is made by `CallsClient::create_call` or `Calls::create`"]
pub struct NewCall {
    call: Call,
}

impl NewCall {
    /// A peer-to-peer call to a user, by object id.
    pub fn to_user(id: impl Into<IdentityId>) -> Self {
        let target = InvitationParticipantInfo::with_identity(IdentitySet::user(id));
        Self::with(Call { targets: vec![target].into(), ..Call::new() })
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

    fn with(call: Call) -> Self {
        let audio: Vec<Open<Modality>> = vec![Modality::Audio.into()];
        Self {
            call: Call {
                direction: CallDirection::Outgoing.into(),
                requested_modalities: audio.into(),
                ..call
            },
        }
    }

    /// Where Graph posts this call's notifications: https, and reaching the instance that holds the call's media.
    pub fn callback_uri(mut self, uri: impl Into<String>) -> Self {
        self.call.callback_uri = uri.into().into();
        self
    }

    /// Media hosted by the application, described by this blob.
    pub fn app_hosted_media(self, blob: impl Into<Redacted<String>>) -> Self {
        self.media(AppHostedMediaConfig::with_blob(blob))
    }

    /// Media hosted by the service: prompts and recordings, no frames.
    pub fn service_hosted_media(self) -> Self {
        self.media(ServiceHostedMediaConfig::new())
    }

    /// A media configuration of one's own making.
    pub fn media(mut self, config: impl Into<MediaConfig>) -> Self {
        self.call.media_config = config.into().into();
        self
    }

    /// The meeting's chat.
    pub fn chat(mut self, chat: ChatInfo) -> Self {
        self.call.chat_info = chat.into();
        self
    }

    /// Modalities to ask for. Default audio only.
    pub fn modalities(mut self, modalities: impl IntoIterator<Item = Modality>) -> Self {
        let modalities: Vec<Open<Modality>> = modalities.into_iter().map(Open::from).collect();
        self.call.requested_modalities = modalities.into();
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

    /// Which notifications the call sends. Not in US Government clouds.
    pub fn options(mut self, options: CallOptions) -> Self {
        self.call.call_options = options.into();
        self
    }

    /// The body of the request, once the rules hold.
    ///
    /// # Errors
    /// [`CallsError::InvalidRequest`] with the rule that is broken.
    pub(crate) fn into_call(self, allow_plain_http: bool) -> Result<Call, CallsError> {
        match broken_rule(&self.call, allow_plain_http) {
            Some(rule) => Err(CallsError::InvalidRequest { rule }),
            None => Ok(self.call),
        }
    }
}

fn broken_rule(call: &Call, allow_plain_http: bool) -> Option<&'static str> {
    let callback = call.callback_uri.as_str().and_then(|uri| Url::parse(uri).ok());
    if callback.is_none_or(|uri| !is_protected(&uri, allow_plain_http)) {
        return Some("a call needs a callback URI, which is https (or http on this machine)");
    }
    if call.requested_modalities.items().is_empty() {
        return Some("a call needs at least one modality");
    }
    if call
        .targets
        .items()
        .iter()
        .any(|target| target.identity.value().is_none_or(|who| who.first().is_none()))
    {
        return Some("each target needs an identity");
    }
    broken_media_rule(call).or_else(|| broken_meeting_rule(call))
}

fn broken_media_rule(call: &Call) -> Option<&'static str> {
    match call.media_config.value() {
        None => Some("a call needs a media configuration (Graph answers 8523 without one)"),
        Some(MediaConfig::AppHosted(config))
            if config.blob.value().is_none_or(|blob| blob.expose().is_empty()) =>
        {
            Some("application-hosted media needs a blob (Graph answers 8523 without one)")
        }
        Some(_) => None,
    }
}

fn broken_meeting_rule(call: &Call) -> Option<&'static str> {
    let Some(meeting) = call.meeting_info.value() else {
        return call
            .targets
            .items()
            .is_empty()
            .then_some("a call needs someone to call, or a meeting to join");
    };
    if !call.targets.items().is_empty() {
        return Some("a call has targets or a meeting, not both");
    }
    if call.tenant_id.as_str().is_none_or(str::is_empty) {
        return Some("a join needs the meeting's tenant at the top level (Graph answers 7505 without it)");
    }
    let has_chat =
        call.chat_info.value().is_some_and(|chat| chat.thread_id.as_str().is_some_and(|id| !id.is_empty()));
    match meeting {
        MeetingInfo::Organizer(info) => {
            let organizer = info.organizer.value().and_then(|who| who.user.value());
            if organizer.is_none_or(|user| user.id.as_str().is_none_or(str::is_empty)) {
                return Some("a meeting by organizer needs the organizer's user id");
            }
            (!has_chat).then_some("a meeting by organizer needs its chat's thread id")
        }
        MeetingInfo::JoinMeetingId(_) => has_chat.then_some("a meeting by join id goes without chat"),
        MeetingInfo::Token(_) | MeetingInfo::Unknown(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{JoinMeetingIdMeetingInfo, OrganizerMeetingInfo};

    fn to_user() -> NewCall {
        NewCall::to_user("u").callback_uri("https://bot.contoso.com/callback").app_hosted_media("blob")
    }

    fn organizer() -> OrganizerMeetingInfo {
        OrganizerMeetingInfo { organizer: IdentitySet::user("o").into(), ..OrganizerMeetingInfo::new() }
    }

    fn join(meeting: impl Into<MeetingInfo>, tenant: &str) -> NewCall {
        NewCall::join_meeting(meeting, tenant).callback_uri("https://bot/").app_hosted_media("blob")
    }

    fn chat() -> ChatInfo {
        ChatInfo { thread_id: "19:meeting@thread.v2".into(), message_id: "0".into(), ..ChatInfo::new() }
    }

    #[test]
    fn calls_that_graph_would_take_are_sent() {
        assert!(to_user().into_call(false).is_ok());
        assert!(to_user().callback_uri("http://127.0.0.1:1/callback").into_call(false).is_ok());
        assert!(join(organizer(), "t").chat(chat()).into_call(false).is_ok());
        assert!(join(JoinMeetingIdMeetingInfo::new(), "t").into_call(false).is_ok());
    }

    #[test]
    fn each_rule_is_named_before_anything_is_sent() {
        for (call, words) in [
            (to_user().callback_uri("http://bot.contoso.com/"), "callback URI"),
            (to_user().callback_uri("callback"), "callback URI"),
            (to_user().modalities([]), "modality"),
            (to_user().app_hosted_media(""), "needs a blob"),
            (NewCall::to_user("u").callback_uri("https://bot/"), "media configuration"),
            (join(organizer(), "").chat(chat()), "tenant"),
            (join(organizer(), "t"), "thread id"),
            (join(OrganizerMeetingInfo::new(), "t").chat(chat()), "user id"),
            (join(JoinMeetingIdMeetingInfo::new(), "t").chat(chat()), "without chat"),
        ] {
            let error = call.into_call(false).unwrap_err().to_string();
            assert!(error.contains(words), "{error} does not say {words}");
        }
    }

    #[test]
    fn the_request_has_the_documented_shape() {
        let body = serde_json::to_value(to_user().into_call(false).unwrap()).unwrap();
        let expected = serde_json::json!({
            "@odata.type": "#microsoft.graph.call",
            "direction": "outgoing",
            "callbackUri": "https://bot.contoso.com/callback",
            "targets": [{
                "@odata.type": "#microsoft.graph.invitationParticipantInfo",
                "identity": {
                    "@odata.type": "#microsoft.graph.identitySet",
                    "user": {"@odata.type": "#microsoft.graph.identity", "id": "u"}
                }
            }],
            "requestedModalities": ["audio"],
            "mediaConfig": {"@odata.type": "#microsoft.graph.appHostedMediaConfig", "blob": "blob"}
        });
        assert_eq!(body, expected);
    }
}
