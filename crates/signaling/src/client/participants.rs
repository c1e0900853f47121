//! The people in a call: who they are, inviting, muting and removing them, music while they wait.

use super::CallsClient;
use super::operations::OperationKind;
use super::request::Ask;
use super::rules::{self, require};
use crate::error::CallsError;
use crate::model::action::{InviteRequest, StartHoldMusicRequest};
use crate::model::{
    CallId, InvitationParticipantInfo, InviteParticipantsOperation, MediaInfo, MediaPrompt,
    MuteParticipantOperation, Participant, ParticipantId, StartHoldMusicOperation, StopHoldMusicOperation,
};

/// People that are invited at once at most.
const MOST_INVITED: usize = 5;

impl CallsClient {
    /// The roster: `GET .../participants`, all pages. The bot is in it.
    ///
    /// # Errors
    /// As for every method of [`CallsClient`].
    pub async fn list_participants(&self, id: &CallId) -> Result<Vec<Participant>, CallsError> {
        self.list(OperationKind::ListParticipants, &[id.as_str()]).await
    }

    /// One participant: `GET .../participants/{id}`.
    ///
    /// # Errors
    /// As for every method of [`CallsClient`].
    pub async fn get_participant(
        &self,
        id: &CallId,
        participant: &ParticipantId,
    ) -> Result<Participant, CallsError> {
        self.send(Ask::new(OperationKind::GetParticipant, &[id.as_str(), participant.as_str()])).await?.read()
    }

    /// Removes a participant: `DELETE .../participants/{id}`. The tenant must list the application
    /// (`Set-CsApplicationMeetingConfiguration -AllowRemoveParticipantAppIds`).
    ///
    /// # Errors
    /// As for every method of [`CallsClient`].
    pub async fn remove_participant(
        &self,
        id: &CallId,
        participant: &ParticipantId,
    ) -> Result<(), CallsError> {
        let ids = [id.as_str(), participant.as_str()];
        self.send(Ask::new(OperationKind::RemoveParticipant, &ids)).await.map(drop)
    }

    /// Invites up to five to a group call: `POST .../participants/invite`. Of those with a call that theirs
    /// replaces, Graph takes only the first. Phones only where the call came to the bot's own number or instance.
    ///
    /// # Errors
    /// As for every method of [`CallsClient`].
    pub async fn invite(
        &self,
        id: &CallId,
        participants: impl IntoIterator<Item = InvitationParticipantInfo>,
        client_context: Option<&str>,
    ) -> Result<InviteParticipantsOperation, CallsError> {
        let participants: Vec<InvitationParticipantInfo> = participants.into_iter().collect();
        let some = (1..=MOST_INVITED).contains(&participants.len());
        require(some, "at least one participant is invited at once, and at most five")?;
        rules::targets(&participants)?;
        let body = InviteRequest {
            participants: participants.into(),
            client_context: rules::client_context(client_context)?,
            ..InviteRequest::default()
        };
        self.send(Ask::new(OperationKind::Invite, &[id.as_str()]).body(&body)).await?.operation()
    }

    /// Mutes someone else: `POST .../participants/{id}/mute`. They can unmute themselves; nobody else can.
    ///
    /// # Errors
    /// As for every method of [`CallsClient`].
    pub async fn mute_participant(
        &self,
        id: &CallId,
        participant: &ParticipantId,
        client_context: Option<&str>,
    ) -> Result<MuteParticipantOperation, CallsError> {
        let body = rules::only_client_context(client_context)?;
        let ids = [id.as_str(), participant.as_str()];
        self.send(Ask::new(OperationKind::MuteParticipant, &ids).body(&body)).await?.operation()
    }

    /// Puts someone on hold, with music: `POST .../participants/{id}/startHoldMusic`. One person at a time.
    /// `custom_prompt` is what they hear instead of the service's own.
    ///
    /// # Errors
    /// As for every method of [`CallsClient`].
    pub async fn start_hold_music(
        &self,
        id: &CallId,
        participant: &ParticipantId,
        custom_prompt: Option<MediaInfo>,
        client_context: Option<&str>,
    ) -> Result<StartHoldMusicOperation, CallsError> {
        rules::prompts(&custom_prompt)?;
        let prompt = |media: MediaInfo| MediaPrompt { media_info: media.into(), ..MediaPrompt::new() }.into();
        let body = StartHoldMusicRequest {
            custom_prompt: custom_prompt.map(prompt).into(),
            client_context: rules::client_context(client_context)?,
            ..StartHoldMusicRequest::default()
        };
        let ids = [id.as_str(), participant.as_str()];
        self.send(Ask::new(OperationKind::StartHoldMusic, &ids).body(&body)).await?.operation()
    }

    /// Takes someone off hold: `POST .../participants/{id}/stopHoldMusic`.
    ///
    /// # Errors
    /// As for every method of [`CallsClient`].
    pub async fn stop_hold_music(
        &self,
        id: &CallId,
        participant: &ParticipantId,
        client_context: Option<&str>,
    ) -> Result<StopHoldMusicOperation, CallsError> {
        let body = rules::only_client_context(client_context)?;
        let ids = [id.as_str(), participant.as_str()];
        self.send(Ask::new(OperationKind::StopHoldMusic, &ids).body(&body)).await?.operation()
    }
}
