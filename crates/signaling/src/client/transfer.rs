//! Passing an established call on to someone else.

use super::CallsClient;
use super::operations::OperationKind;
use super::request::Ask;
use super::rules::{self, has_id, require};
use crate::cloud::CloudFeature;
use crate::error::CallsError;
use crate::model::action::TransferRequest;
use crate::model::{CallId, IdentitySet, InvitationParticipantInfo, ParticipantInfo};

/// To whom a call is transferred.
#[derive(Clone, Debug)]
#[must_use = "a call is transferred by `CallsClient::transfer`"]
pub struct Transfer {
    target: InvitationParticipantInfo,
    transferee: Option<ParticipantInfo>,
    client_context: Option<String>,
}

impl Transfer {
    /// To this user, phone or application.
    pub fn to(target: IdentitySet) -> Self {
        Self::to_target(InvitationParticipantInfo::with_identity(target))
    }

    /// The same with all that can be said of a target.
    pub fn to_target(target: InvitationParticipantInfo) -> Self {
        Self { target, transferee: None, client_context: None }
    }

    /// A consultative transfer: the bot has asked the target already, in this other call, which is replaced.
    pub fn replacing(mut self, call: impl Into<CallId>) -> Self {
        self.target.replaces_call_id = call.into().into();
        self
    }

    /// Who is transferred; to be said in a group call, and only there. Not in US Government clouds.
    pub fn transferee(mut self, transferee: ParticipantInfo) -> Self {
        self.transferee = Some(transferee);
        self
    }

    /// What to recognise it by, at most 256 characters.
    pub fn client_context(mut self, context: impl Into<String>) -> Self {
        self.client_context = Some(context.into());
        self
    }

    fn checked(self) -> Result<TransferRequest, CallsError> {
        rules::targets(std::slice::from_ref(&self.target))?;
        let is_named = self.transferee.as_ref().is_none_or(|transferee| {
            transferee.participant_id.is_value()
                || transferee.identity.value().and_then(IdentitySet::first).is_some_and(has_id)
        });
        require(is_named, "a transferee needs an identity or a participant id")?;
        Ok(TransferRequest {
            transfer_target: self.target.into(),
            transferee: self.transferee.into(),
            client_context: rules::client_context(self.client_context.as_deref())?,
            ..TransferRequest::default()
        })
    }
}

impl CallsClient {
    /// Transfers an established call: `POST .../transfer`. The call goes through `transferring` and
    /// `transferAccepted` and ends, or is established again with a result that says why it failed.
    ///
    /// To phones only where the call came to the bot's own number or instance.
    ///
    /// # Errors
    /// As for every method of [`CallsClient`].
    pub async fn transfer(&self, id: &CallId, transfer: Transfer) -> Result<(), CallsError> {
        self.check_cloud(CloudFeature::Transferee, transfer.transferee.is_some())?;
        let body = transfer.checked()?;
        self.send(Ask::new(OperationKind::Transfer, &[id.as_str()]).body(&body)).await.map(drop)
    }
}
