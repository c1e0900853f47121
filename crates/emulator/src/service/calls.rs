//! A call as the service holds it: its resource, who is in it, and what its notifications say.

use std::time::SystemTime;

use offhook_signaling::model::{
    AppHostedMediaConfig, AudioRoutingGroup, Call, CallChainId, CallDirection, CallId, CallMediaState,
    CallState, ChangeType, CommsOperation, ContentSharingSession, ContentSharingSessionId, Field, Identity,
    IdentitySet, MediaConfig, MediaState, Open, Participant, ParticipantId, ParticipantInfo, ResourceData,
    ResultInfo,
};
use uuid::Uuid;

use super::incoming::Redirection;
use super::notifications::{Post, notification};
use super::operations::Operations;
use super::participants::null_if_absent;
use super::policy::Policy;
use super::roster::{Roster, Seat, new_seat};
use super::transfer::Transfer;
use super::{Ended, GraphError};
use crate::bridge::Scripted;
use crate::directory::User;
use crate::settings::EmulatorSettings;

/// How many are in a call, as far as that matters to Graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    /// Two.
    PeerToPeer,
    /// A group without a meeting.
    Group,
    /// A meeting.
    Meeting,
}

/// Somebody shows something.
#[derive(Clone, Debug)]
pub(super) struct Sharing {
    pub(super) session: ContentSharingSessionId,
    pub(super) sharer: ParticipantId,
}

/// A call.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) call: Call,
    pub(super) id: CallId,
    pub(super) callback_uri: String,
    pub(super) size: Size,
    pub(super) roster: Roster,
    /// The room of its media: that of the meeting, or its own.
    pub(super) room: String,
    /// Those in it who follow scripts, the one who carries the media first.
    pub(super) people: Vec<Scripted>,
    /// The bot's own roster id.
    pub(super) me: ParticipantId,
    /// Who carries the media, and their roster id once they are in the call.
    pub(super) far_end: User,
    pub(super) far_end_id: Option<ParticipantId>,
    /// Which of the targets that is.
    pub(super) carrier: usize,
    pub(super) is_picked_up: bool,
    pub(super) is_media_up: bool,
    pub(super) operations: Operations,
    /// Prompts, recordings and tones go one after the other: when the last one will be over.
    pub(super) media_busy_until: SystemTime,
    pub(super) content_sharing: Vec<Sharing>,
    pub(super) routing_groups: Vec<AudioRoutingGroup>,
    /// Set once the bot wants to hear of tones: how many it has heard of.
    pub(super) tones: Option<i64>,
    pub(super) policy: Option<Policy>,
    pub(super) transfer: Option<Transfer>,
    pub(super) redirection: Option<Redirection>,
    changes: u64,
}

impl Record {
    /// A call of this resource, in which only the bot is so far.
    pub(super) fn new(now: SystemTime, mut call: Call, size: Size, far_end: User) -> Self {
        let id = CallId::from(Uuid::new_v4().to_string());
        let me = new_seat();
        let chain = call.call_chain_id.value().cloned();
        call.id = id.clone().into();
        call.my_participant_id = me.clone().into();
        call.call_chain_id = chain.unwrap_or_else(|| Uuid::new_v4().to_string().into()).into();
        Self {
            room: id.to_string(),
            people: Vec::new(),
            id,
            callback_uri: call.callback_uri.as_str().unwrap_or_default().to_owned(),
            call,
            size,
            roster: Roster::default(),
            me,
            far_end,
            far_end_id: None,
            carrier: 0,
            is_picked_up: false,
            is_media_up: false,
            operations: Operations::default(),
            media_busy_until: now,
            content_sharing: Vec::new(),
            routing_groups: Vec::new(),
            tones: None,
            policy: None,
            transfer: None,
            redirection: None,
            changes: 0,
        }
    }

    pub(super) fn state(&self) -> CallState {
        self.call.state.known().unwrap_or(CallState::UnknownFutureValue)
    }

    pub(super) fn is_incoming(&self) -> bool {
        matches!(self.state(), CallState::Incoming | CallState::Redirecting)
    }

    pub(super) fn is_service_hosted(&self) -> bool {
        matches!(self.call.media_config.value(), Some(MediaConfig::ServiceHosted(_)))
    }

    /// Whether an option is on.
    fn option(&self, option: impl Fn(&offhook_signaling::model::CallOptions) -> Option<bool>) -> bool {
        self.call.call_options.value().and_then(option) == Some(true)
    }

    fn has_delta_roster(&self) -> bool {
        self.option(|options| options.is_delta_roster_enabled.value().copied())
    }

    fn hears_of_content_sharing(&self) -> bool {
        self.option(|options| options.is_content_sharing_notification_enabled.value().copied())
    }

    pub(super) fn hides_bot_after_escalation(&self) -> bool {
        self.option(|options| options.hide_bot_after_escalation.value().copied())
    }

    /// Refuses what can only be done in a call that the bot has joined.
    pub(super) fn need_joined(&self) -> Result<(), GraphError> {
        if self.is_incoming() {
            return Err(GraphError::bad_request("The call has not been answered."));
        }
        Ok(())
    }

    /// Refuses what can only be done among several.
    pub(super) fn need_group(&self) -> Result<(), GraphError> {
        self.need_joined()?;
        match self.size {
            Size::PeerToPeer => Err(GraphError::bad_request("The action is only supported for group calls.")),
            Size::Group | Size::Meeting => Ok(()),
        }
    }

    /// Refuses what only the service's media can do.
    pub(super) fn need_service_hosted(&self) -> Result<(), GraphError> {
        self.need_joined()?;
        if self.is_service_hosted() {
            return Ok(());
        }
        Err(GraphError::bad_request("The action is only supported for calls with serviceHostedMediaConfig."))
    }

    /// What each notification about the call carries.
    pub(super) fn outline(&mut self) -> Call {
        self.changes += 1;
        Call {
            odata_id: format!("/communications/calls/{}", self.id).into(),
            odata_etag: format!("W/\"{}\"", self.changes).into(),
            id: self.id.clone().into(),
            call_chain_id: self.call.call_chain_id.value().cloned().into(),
            direction: self.call.direction.value().cloned().into(),
            chat_info: self.call.chat_info.value().cloned().into(),
            meeting_info: self.call.meeting_info.value().cloned().into(),
            ..Call::new()
        }
    }

    /// Moves to a state and tells it.
    pub(super) fn enter(&mut self, state: CallState) -> Post {
        self.call.state = Open::from(state).into();
        let changed = Call { state: Open::from(state).into(), ..self.outline() };
        self.post_call(ChangeType::Updated, changed)
    }

    /// Media flows.
    pub(super) fn establish(&mut self) -> Post {
        let media = CallMediaState { audio: Open::from(MediaState::Active).into(), ..CallMediaState::new() };
        self.call.state = Open::from(CallState::Established).into();
        self.call.media_state = media.clone().into();
        self.call.active_modalities = self.call.requested_modalities.items().to_vec().into();
        let state = Open::from(CallState::Established).into();
        let changed = Call { state, media_state: media.into(), ..self.outline() };
        self.post_call(ChangeType::Updated, changed)
    }

    /// The last of the call.
    pub(super) fn terminated(&mut self, why: Ended) -> Post {
        self.call.state = Open::from(CallState::Terminated).into();
        let result: Option<ResultInfo> = why.result();
        let changed = Call {
            state: Open::from(CallState::Terminated).into(),
            result_info: result.into(),
            termination_reason: why.termination_reason().map(str::to_owned).into(),
            answered_by: self.call.answered_by.value().cloned().into(),
            ..self.outline()
        };
        let changed = if why == Ended::Redirected { redirected(self.call.clone(), changed) } else { changed };
        self.post_call(ChangeType::Deleted, changed)
    }

    pub(super) fn post_call(&self, change: ChangeType, changed: Call) -> Post {
        self.post(change, "", Some(ResourceData::Call(Box::new(changed))))
    }

    /// A roster that has changed. Nothing while there is nothing to tell: between two, and before the bot is in.
    pub(super) fn post_roster(&mut self, changed: Vec<Participant>, gone: Vec<Participant>) -> Option<Post> {
        if self.size == Size::PeerToPeer
            || matches!(self.state(), CallState::Establishing | CallState::Incoming)
        {
            return None;
        }
        let is_me = |participant: &Participant| participant.id.value() == Some(&self.me);
        let in_lobby = self.roster.by_id(&self.me).is_some_and(Seat::is_in_lobby);
        let data = if in_lobby {
            // Who waits outside sees nobody else.
            ResourceData::Participants(self.roster.participants().into_iter().filter(is_me).collect())
        } else {
            self.roster.told(self.has_delta_roster(), changed, gone)
        };
        Some(self.post(ChangeType::Updated, "/participants", Some(data)))
    }

    /// Somebody in the roster has changed.
    pub(super) fn post_changed(&mut self, who: &ParticipantId) -> Option<Post> {
        let changed = self.roster.by_id(who)?.participant.clone();
        self.post_roster(vec![changed], Vec::new())
    }

    /// An operation has ended.
    pub(super) fn post_operation(&self, operation: CommsOperation, id: &str) -> Post {
        let data = ResourceData::Operation(Box::new(operation));
        self.post(ChangeType::Deleted, &format!("/operations/{id}"), Some(data))
    }

    /// Content sharing has begun, changed or ended, for a bot that wants to hear of it.
    pub(super) fn post_content_sharing(
        &self,
        change: ChangeType,
        id: &ContentSharingSessionId,
    ) -> Option<Post> {
        if !self.hears_of_content_sharing() {
            return None;
        }
        let session = ContentSharingSession { id: id.clone().into(), ..ContentSharingSession::new() };
        let data = ResourceData::ContentSharingSessions(vec![session]);
        Some(self.post(change, "/contentsharingsessions", Some(data)))
    }

    pub(super) fn post(&self, change: ChangeType, part: &str, data: Option<ResourceData>) -> Post {
        Post {
            call: self.id.clone(),
            call_chain: self.chain(),
            callback_uri: self.callback_uri.clone(),
            body: notification(change, &format!("calls/{}{part}", self.id), &self.callback_uri, data),
            asks: None,
        }
    }

    pub(super) fn chain(&self) -> CallChainId {
        self.call.call_chain_id.value().cloned().unwrap_or_else(|| self.id.as_str().into())
    }

    /// Puts the answer of the far end where the bot's offer was. Where Graph puts it in an incoming call is not documented.
    pub(super) fn put_media_answer(&mut self, blob: &str) {
        if let Some(MediaConfig::AppHosted(config)) = self.call.media_config.value().cloned() {
            let config = AppHostedMediaConfig { blob: blob.into(), ..config };
            self.call.media_config = MediaConfig::from(config).into();
        }
    }

    /// The resource as `GET` shows it.
    pub(super) fn shown(&self) -> Call {
        let context = "https://graph.microsoft.com/v1.0/$metadata#communications/calls/$entity";
        Call { odata_context: context.into(), ..self.call.clone() }
    }
}

/// A call that went elsewhere is told whole, as the page shows it.
fn redirected(whole: Call, changed: Call) -> Call {
    Call { odata_id: changed.odata_id, odata_etag: changed.odata_etag, odata_context: Field::Absent, ..whole }
}

/// The resource as the documented 201 shows it: what was asked for, what the service adds, and nulls for the rest.
pub(super) fn resource(asked: Call, settings: &EmulatorSettings) -> Call {
    let mut call = Call {
        state: Open::from(CallState::Establishing).into(),
        direction: Open::from(CallDirection::Outgoing).into(),
        call_routes: Vec::new().into(),
        active_modalities: Vec::new().into(),
        routing_policies: asked.routing_policies.items().to_vec().into(),
        odata_context: "https://graph.microsoft.com/v1.0/$metadata#app/calls/$entity".into(),
        termination_reason: Field::Null,
        media_state: Field::Null,
        result_info: Field::Null,
        answered_by: Field::Null,
        meeting_capability: Field::Null,
        tone_info: Field::Null,
        transcription: Field::Null,
        ..asked
    };
    if !call.source.is_value() {
        call.source = Box::new(bot(settings)).into();
    }
    if !call.targets.is_value() {
        call.targets = Vec::new().into();
    }
    if !call.tenant_id.is_value() {
        call.tenant_id = settings.tenant_id.as_str().into();
    }
    for target in call.targets.value_mut().into_iter().flatten() {
        null_if_absent(&mut target.endpoint_type);
        null_if_absent(&mut target.region);
        null_if_absent(&mut target.replaces_call_id);
        null_if_absent(&mut target.language_id);
    }
    if let Some(source) = call.source.value_mut() {
        null_if_absent(&mut source.country_code);
        null_if_absent(&mut source.endpoint_type);
        null_if_absent(&mut source.region);
        null_if_absent(&mut source.language_id);
    }
    if let Some(chat) = call.chat_info.value_mut() {
        null_if_absent(&mut chat.reply_chain_message_id);
    }
    null_if_absent(&mut call.ringing_timeout_in_seconds);
    null_if_absent(&mut call.subject);
    null_if_absent(&mut call.chat_info);
    null_if_absent(&mut call.meeting_info);
    call
}

/// The bot as a caller that the service fills in.
fn bot(settings: &EmulatorSettings) -> ParticipantInfo {
    ParticipantInfo { identity: bot_identity(settings).into(), ..ParticipantInfo::new() }
}

pub(super) fn bot_identity(settings: &EmulatorSettings) -> IdentitySet {
    let bot =
        Identity { display_name: "Calling Bot".into(), ..Identity::with_id(settings.client_id.as_str()) };
    IdentitySet { application: Box::new(bot).into(), ..IdentitySet::new() }
}
