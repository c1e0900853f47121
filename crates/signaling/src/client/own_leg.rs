//! The bot's own part in a call: whether it is muted, what it says that it does, what it sees.

use super::CallsClient;
use super::operations::OperationKind;
use super::request::Ask;
use super::rules::{self, require};
use crate::error::CallsError;
use crate::model::action::{
    ChangeScreenSharingRoleRequest, LogTeleconferenceDeviceQualityRequest, UpdateRecordingStatusRequest,
};
use crate::model::{
    AddLargeGalleryViewOperation, CallId, MuteParticipantOperation, RecordingStatus, ScreenSharingRole,
    TeleconferenceDeviceQuality, UnmuteParticipantOperation, UpdateRecordingStatusOperation,
};

impl CallsClient {
    /// Mutes the bot itself in a group call: `POST .../mute`.
    ///
    /// # Errors
    /// As for every method of [`CallsClient`].
    pub async fn mute(
        &self,
        id: &CallId,
        client_context: Option<&str>,
    ) -> Result<MuteParticipantOperation, CallsError> {
        let body = rules::only_client_context(client_context)?;
        self.send(Ask::new(OperationKind::Mute, &[id.as_str()]).body(&body)).await?.operation()
    }

    /// Undoes [`CallsClient::mute`]: `POST .../unmute`. A bot that someone else muted on the server stays so.
    ///
    /// # Errors
    /// As for every method of [`CallsClient`].
    pub async fn unmute(
        &self,
        id: &CallId,
        client_context: Option<&str>,
    ) -> Result<UnmuteParticipantOperation, CallsError> {
        let body = rules::only_client_context(client_context)?;
        self.send(Ask::new(OperationKind::Unmute, &[id.as_str()]).body(&body)).await?.operation()
    }

    /// Tells everybody whether the bot records: `POST .../updateRecordingStatus`. Only of a call under a recording
    /// policy (else Graph answers 8506).
    ///
    /// Nothing may be kept before this has succeeded with `recording`, and recording must have ended before it is
    /// called with anything else.
    ///
    /// # Errors
    /// As for every method of [`CallsClient`].
    pub async fn update_recording_status(
        &self,
        id: &CallId,
        status: RecordingStatus,
        client_context: Option<&str>,
    ) -> Result<UpdateRecordingStatusOperation, CallsError> {
        let can_be_told =
            [RecordingStatus::NotRecording, RecordingStatus::Recording, RecordingStatus::Failed];
        let rule = "a recording status is told as notRecording, recording or failed";
        require(can_be_told.contains(&status), rule)?;
        let body = UpdateRecordingStatusRequest {
            status: status.into(),
            client_context: rules::client_context(client_context)?,
            ..UpdateRecordingStatusRequest::default()
        };
        self.send(Ask::new(OperationKind::UpdateRecordingStatus, &[id.as_str()]).body(&body))
            .await?
            .operation()
    }

    /// Makes the bot show its screen, or watch again: `POST .../changeScreenSharingRole`. In group calls whose
    /// media the application hosts.
    ///
    /// # Errors
    /// As for every method of [`CallsClient`].
    pub async fn change_screen_sharing_role(
        &self,
        id: &CallId,
        role: ScreenSharingRole,
    ) -> Result<(), CallsError> {
        let body =
            ChangeScreenSharingRoleRequest { role: role.into(), ..ChangeScreenSharingRoleRequest::default() };
        self.send(Ask::new(OperationKind::ChangeScreenSharingRole, &[id.as_str()]).body(&body))
            .await
            .map(drop)
    }

    /// Adds a participant whose video is a gallery of many: `POST .../addLargeGalleryView`. Not in US Government
    /// clouds.
    ///
    /// # Errors
    /// As for every method of [`CallsClient`].
    pub async fn add_large_gallery_view(
        &self,
        id: &CallId,
        client_context: Option<&str>,
    ) -> Result<AddLargeGalleryViewOperation, CallsError> {
        let body = rules::only_client_context(client_context)?;
        self.send(Ask::new(OperationKind::AddLargeGalleryView, &[id.as_str()]).body(&body)).await?.operation()
    }

    /// Reports how well a conference device fared: `POST .../logTeleconferenceDeviceQuality`, on the collection of
    /// calls. For partners of Cloud Video Interop.
    ///
    /// # Errors
    /// As for every method of [`CallsClient`].
    pub async fn log_teleconference_device_quality(
        &self,
        quality: TeleconferenceDeviceQuality,
    ) -> Result<(), CallsError> {
        let body = LogTeleconferenceDeviceQualityRequest {
            quality: quality.into(),
            ..LogTeleconferenceDeviceQualityRequest::default()
        };
        self.send(Ask::new(OperationKind::LogTeleconferenceDeviceQuality, &[]).body(&body)).await.map(drop)
    }
}
