//! What a bot does in a call that it follows. Each is one request ([`CallsClient`](crate::CallsClient) has its rules and errors);
//! what takes time gives an [`OperationHandle`] to await.

use super::driver::Command;
use super::{Call, OperationHandle};
use crate::client::{PlayPrompt, RecordResponse, SendDtmfTones, Transfer};
use crate::error::CallsError;
use crate::model::{
    AddLargeGalleryViewOperation, CancelMediaProcessingOperation, CommsOperation, InvitationParticipantInfo,
    InviteParticipantsOperation, MediaInfo, MuteParticipantOperation, Operation, OperationId, ParticipantId,
    PlayPromptOperation, RecordOperation, RecordingStatus, ScreenSharingRole, SendDtmfTonesOperation,
    StartHoldMusicOperation, StopHoldMusicOperation, SubscribeToToneOperation, UnmuteParticipantOperation,
    UpdateRecordingStatusOperation,
};

impl Call {
    /// Mutes the bot. Meetings and group calls only.
    ///
    /// # Errors
    /// What Graph or the network said.
    pub async fn mute(&self) -> Result<OperationHandle<MuteParticipantOperation>, CallsError> {
        self.begun(self.client().mute(self.id(), None).await?)
    }

    /// Lets the bot be heard again.
    ///
    /// # Errors
    /// What Graph or the network said.
    pub async fn unmute(&self) -> Result<OperationHandle<UnmuteParticipantOperation>, CallsError> {
        self.begun(self.client().unmute(self.id(), None).await?)
    }

    /// Plays prompts. Media hosted by the service only.
    ///
    /// # Errors
    /// What Graph or the network said.
    pub async fn play_prompt(
        &self,
        play: PlayPrompt,
    ) -> Result<OperationHandle<PlayPromptOperation>, CallsError> {
        self.begun(self.client().play_prompt(self.id(), play).await?)
    }

    /// Records what one person answers. Media hosted by the service only.
    ///
    /// # Errors
    /// What Graph or the network said.
    pub async fn record_response(
        &self,
        record: RecordResponse,
    ) -> Result<OperationHandle<RecordOperation>, CallsError> {
        self.begun(self.client().record_response(self.id(), record).await?)
    }

    /// Cancels prompts and recordings under way; their handles end with a failure that says so.
    ///
    /// # Errors
    /// What Graph or the network said.
    pub async fn cancel_media_processing(
        &self,
    ) -> Result<OperationHandle<CancelMediaProcessingOperation>, CallsError> {
        self.begun(self.client().cancel_media_processing(self.id(), None).await?)
    }

    /// Asks to be told of pressed tones: [`CallEvent::Tone`](crate::track::CallEvent). Media hosted by the service only.
    ///
    /// # Errors
    /// What Graph or the network said.
    pub async fn subscribe_to_tone(&self) -> Result<OperationHandle<SubscribeToToneOperation>, CallsError> {
        self.begun(self.client().subscribe_to_tone(self.id(), None).await?)
    }

    /// Presses tones. Media hosted by the service, global cloud only.
    ///
    /// # Errors
    /// What Graph or the network said.
    pub async fn send_dtmf_tones(
        &self,
        tones: SendDtmfTones,
    ) -> Result<OperationHandle<SendDtmfTonesOperation>, CallsError> {
        self.begun(self.client().send_dtmf_tones(self.id(), tones).await?)
    }

    /// Tells everybody whether the bot records. Calls under a recording policy only.
    ///
    /// # Errors
    /// What Graph or the network said: 8506 without a recording policy.
    pub async fn update_recording_status(
        &self,
        status: RecordingStatus,
    ) -> Result<OperationHandle<UpdateRecordingStatusOperation>, CallsError> {
        self.begun(self.client().update_recording_status(self.id(), status, None).await?)
    }

    /// Begins or ceases to share the screen. Media hosted by the bot, meetings and group calls only.
    ///
    /// # Errors
    /// What Graph or the network said.
    pub async fn change_screen_sharing_role(&self, role: ScreenSharingRole) -> Result<(), CallsError> {
        self.client().change_screen_sharing_role(self.id(), role).await
    }

    /// Adds a gallery of many participants to the call, as one more participant. Global cloud only.
    ///
    /// # Errors
    /// What Graph or the network said.
    pub async fn add_large_gallery_view(
        &self,
    ) -> Result<OperationHandle<AddLargeGalleryViewOperation>, CallsError> {
        self.begun(self.client().add_large_gallery_view(self.id(), None).await?)
    }

    /// Invites people. Meetings and group calls only.
    ///
    /// # Errors
    /// What Graph or the network said.
    pub async fn invite(
        &self,
        participants: impl IntoIterator<Item = InvitationParticipantInfo>,
    ) -> Result<OperationHandle<InviteParticipantsOperation>, CallsError> {
        self.begun(self.client().invite(self.id(), participants, None).await?)
    }

    /// Mutes someone.
    ///
    /// # Errors
    /// What Graph or the network said.
    pub async fn mute_participant(
        &self,
        participant: &ParticipantId,
    ) -> Result<OperationHandle<MuteParticipantOperation>, CallsError> {
        self.begun(self.client().mute_participant(self.id(), participant, None).await?)
    }

    /// Removes someone.
    ///
    /// # Errors
    /// What Graph or the network said.
    pub async fn remove_participant(&self, participant: &ParticipantId) -> Result<(), CallsError> {
        self.client().remove_participant(self.id(), participant).await
    }

    /// Lets one participant hear music, or `prompt`, and nobody else.
    ///
    /// # Errors
    /// What Graph or the network said.
    pub async fn start_hold_music(
        &self,
        participant: &ParticipantId,
        prompt: Option<MediaInfo>,
    ) -> Result<OperationHandle<StartHoldMusicOperation>, CallsError> {
        self.begun(self.client().start_hold_music(self.id(), participant, prompt, None).await?)
    }

    /// Brings a participant back from the music.
    ///
    /// # Errors
    /// What Graph or the network said.
    pub async fn stop_hold_music(
        &self,
        participant: &ParticipantId,
    ) -> Result<OperationHandle<StopHoldMusicOperation>, CallsError> {
        self.begun(self.client().stop_hold_music(self.id(), participant, None).await?)
    }

    /// Transfers the call. When it succeeds this call ends; when it fails the call is established again, and `resultInfo` says why.
    ///
    /// # Errors
    /// What Graph or the network said.
    pub async fn transfer(&self, transfer: Transfer) -> Result<(), CallsError> {
        self.client().transfer(self.id(), transfer).await
    }

    /// Makes a handle of an operation that the service has answered with, and has it followed.
    fn begun<T: Operation>(&self, answered: T) -> Result<OperationHandle<T>, CallsError> {
        let answered: CommsOperation = answered.into();
        // One without an id is over, or the client would have refused it: nothing follows that would need a name.
        let id = answered.common().id.cloned().unwrap_or_else(|| OperationId::from(""));
        if !id.as_str().is_empty() {
            self.tell(Command::Began(id.clone(), Box::new(answered.clone())));
        }
        Ok(OperationHandle::new(self.clone(), id, answered))
    }
}
