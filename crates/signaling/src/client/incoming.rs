//! A call that comes in: answer it, reject it, send it elsewhere. Graph waits 15 s for that, 5 s under a recording
//! policy.

use std::time::Duration;

use super::CallsClient;
use super::operations::OperationKind;
use super::options::{media_setters, option_setters};
use super::request::Ask;
use super::rules::{self, require, within};
use crate::cloud::CloudFeature;
use crate::error::CallsError;
use crate::model::action::{AnswerRequest, RedirectRequest, RejectRequest};
use crate::model::{
    AppHostedMediaConfig, CallId, CallOptions, IdentitySet, Integer, InvitationParticipantInfo, MediaConfig,
    MediaInfo, Modality, Open, RejectReason, RoutingPolicy, ServiceHostedMediaConfig,
};
use crate::permissions::Requirement;
use crate::redacted::Redacted;

/// People that may ring at once when a call is redirected.
const MOST_TARGETS: usize = 25;

/// How an incoming call is answered: media and the callback address must be said.
#[derive(Clone, Debug)]
#[must_use = "a call is answered by `CallsClient::answer`"]
pub struct Answer {
    body: AnswerRequest,
}

impl Answer {
    /// An answer that takes audio.
    pub fn new() -> Self {
        let audio: Vec<Open<Modality>> = vec![Modality::Audio.into()];
        Self { body: AnswerRequest { accepted_modalities: audio.into(), ..AnswerRequest::default() } }
    }

    /// Where Graph posts this call's notifications from now on: https, and reaching the instance that holds the
    /// call's media.
    pub fn callback_uri(mut self, uri: impl Into<String>) -> Self {
        self.body.callback_uri = uri.into().into();
        self
    }

    /// Modalities that the bot takes. Default audio only.
    pub fn modalities(mut self, modalities: impl IntoIterator<Item = Modality>) -> Self {
        let modalities: Vec<Open<Modality>> = modalities.into_iter().map(Open::from).collect();
        self.body.accepted_modalities = modalities.into();
        self
    }

    /// How many people under a recording policy the bot takes in this call, at least 1. Not in US Government clouds.
    pub fn participant_capacity(mut self, people: u32) -> Self {
        self.body.participant_capacity = Integer::from(i64::from(people)).into();
        self
    }

    /// The permissions that Graph will ask of the application for it, as it is described so far.
    pub fn permissions(&self) -> Requirement {
        let app_hosted = matches!(self.body.media_config.value(), Some(MediaConfig::AppHosted(_)));
        OperationKind::Answer.permissions(app_hosted)
    }

    fn checked(self, allow_plain_http: bool) -> Result<AnswerRequest, CallsError> {
        rules::callback_uri(&self.body.callback_uri, allow_plain_http)?;
        rules::media(self.body.media_config.value())?;
        require(!self.body.accepted_modalities.items().is_empty(), "an answer takes at least one modality")?;
        let capacity = 1..=i64::from(i32::MAX);
        within(&self.body.participant_capacity, capacity, "an answer takes at least one participant")?;
        Ok(self.body)
    }
}

impl Default for Answer {
    fn default() -> Self {
        Self::new()
    }
}

option_setters!(Answer, body.call_options, CallOptions::incoming);
media_setters!(Answer, body.media_config);

/// Where an incoming call is sent instead.
#[derive(Clone, Debug)]
#[must_use = "a call is redirected by `CallsClient::redirect`"]
pub struct Redirect {
    body: RedirectRequest,
}

impl Redirect {
    /// To these: up to 25, who ring at once.
    pub fn to(targets: impl IntoIterator<Item = IdentitySet>) -> Self {
        Self::to_targets(targets.into_iter().map(InvitationParticipantInfo::with_identity))
    }

    /// The same with all that can be said of a target.
    pub fn to_targets(targets: impl IntoIterator<Item = InvitationParticipantInfo>) -> Self {
        let targets: Vec<InvitationParticipantInfo> = targets.into_iter().collect();
        Self { body: RedirectRequest { targets: targets.into(), ..RedirectRequest::default() } }
    }

    /// How long they ring, 15 to 90 s; parts of a second count as a whole. Default 55 s for one, 60 s for several.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.body.timeout = rules::seconds(timeout).into();
        self
    }

    /// Where the call's last notifications go. Default: where the others went.
    pub fn callback_uri(mut self, uri: impl Into<String>) -> Self {
        self.body.callback_uri = uri.into().into();
        self
    }

    /// How the targets' forwarding is treated. Default: as they have it.
    pub fn routing_policies(mut self, policies: impl IntoIterator<Item = RoutingPolicy>) -> Self {
        let policies: Vec<Open<RoutingPolicy>> = policies.into_iter().map(Open::from).collect();
        self.body.routing_policies = policies.into();
        self
    }

    fn checked(self, allow_plain_http: bool) -> Result<RedirectRequest, CallsError> {
        let targets = self.body.targets.items();
        let rule = "a call is redirected to at least one and at most 25";
        require((1..=MOST_TARGETS).contains(&targets.len()), rule)?;
        rules::targets(targets)?;
        within(&self.body.timeout, 15..=90, "a redirected call rings for at least 15 s and at most 90 s")?;
        if self.body.callback_uri.is_value() {
            rules::callback_uri(&self.body.callback_uri, allow_plain_http)?;
        }
        Ok(self.body)
    }
}

impl CallsClient {
    /// Answers an incoming call: `POST .../answer`. Returns when Graph has taken the answer; whether the call is
    /// established comes by notification.
    ///
    /// # Errors
    /// As for every method of [`CallsClient`]. Also "call not found" when it is too late.
    pub async fn answer(&self, id: &CallId, answer: Answer) -> Result<(), CallsError> {
        let needs = answer.permissions();
        self.check_cloud(CloudFeature::AnswerCallOptions, answer.body.call_options.is_value())?;
        self.check_cloud(CloudFeature::ParticipantCapacity, answer.body.participant_capacity.is_value())?;
        let body = answer.checked(self.inner.allow_plain_http)?;
        self.send(Ask::new(OperationKind::Answer, &[id.as_str()]).needs(needs).body(&body)).await.map(drop)
    }

    /// Rejects an incoming call: `POST .../reject`. `callback_uri` is where its last notifications go, if
    /// elsewhere than the others.
    ///
    /// # Errors
    /// As for every method of [`CallsClient`].
    pub async fn reject(
        &self,
        id: &CallId,
        reason: RejectReason,
        callback_uri: Option<&str>,
    ) -> Result<(), CallsError> {
        let body = RejectRequest {
            reason: reason.into(),
            callback_uri: callback_uri.map(str::to_owned).into(),
            ..RejectRequest::default()
        };
        if body.callback_uri.is_value() {
            rules::callback_uri(&body.callback_uri, self.inner.allow_plain_http)?;
        }
        self.send(Ask::new(OperationKind::Reject, &[id.as_str()]).body(&body)).await.map(drop)
    }

    /// Sends an incoming call elsewhere: `POST .../redirect`. To phones only where the call came to the bot's own
    /// number or instance.
    ///
    /// # Errors
    /// As for every method of [`CallsClient`].
    pub async fn redirect(&self, id: &CallId, redirect: Redirect) -> Result<(), CallsError> {
        let body = redirect.checked(self.inner.allow_plain_http)?;
        self.send(Ask::new(OperationKind::Redirect, &[id.as_str()]).body(&body)).await.map(drop)
    }
}
