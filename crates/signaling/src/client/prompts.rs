//! What the service plays and records, in calls whose media it hosts.

use std::time::Duration;

use super::CallsClient;
use super::operations::OperationKind;
use super::request::Ask;
use super::rules::{self, require, within};
use crate::error::CallsError;
use crate::model::action::{PlayPromptRequest, RecordResponseRequest};
use crate::model::{
    CallId, CancelMediaProcessingOperation, MediaInfo, MediaPrompt, PlayPromptOperation, Prompt,
    RecordOperation,
};

/// Prompts that are played in one go at most.
const MOST_PROMPTS: usize = 20;

/// Sound to play: WAV of one channel, 16 bits, 16 kHz, one after the other.
#[derive(Clone, Debug)]
#[must_use = "prompts are played by `CallsClient::play_prompt`"]
pub struct PlayPrompt {
    prompts: Vec<MediaInfo>,
    client_context: Option<String>,
}

impl PlayPrompt {
    /// The sound at this address.
    pub fn new(uri: impl Into<String>) -> Self {
        Self::of([MediaInfo::with_uri(uri)])
    }

    /// These, at most 20. A `resourceId` is the key under which the service keeps the sound.
    pub fn of(prompts: impl IntoIterator<Item = MediaInfo>) -> Self {
        Self { prompts: prompts.into_iter().collect(), client_context: None }
    }

    /// What to recognise the operation by, at most 256 characters.
    pub fn client_context(mut self, context: impl Into<String>) -> Self {
        self.client_context = Some(context.into());
        self
    }

    fn checked(self) -> Result<PlayPromptRequest, CallsError> {
        let some = (1..=MOST_PROMPTS).contains(&self.prompts.len());
        require(some, "at least one prompt is played, and at most 20")?;
        rules::prompts(&self.prompts)?;
        Ok(PlayPromptRequest {
            client_context: rules::client_context(self.client_context.as_deref())?,
            prompts: self.prompts.into_iter().map(prompt).collect::<Vec<_>>().into(),
            ..PlayPromptRequest::default()
        })
    }
}

/// What is recorded after an optional prompt: one answer of one person.
#[derive(Clone, Debug, Default)]
#[must_use = "an answer is recorded by `CallsClient::record_response`"]
pub struct RecordResponse {
    prompt: Option<MediaInfo>,
    body: RecordResponseRequest,
    client_context: Option<String>,
}

impl RecordResponse {
    /// A recording as the service makes it: a beep, at most 5 s, ended by 5 s of silence.
    pub fn new() -> Self {
        Self::default()
    }

    /// Plays this first.
    pub fn prompt(mut self, prompt: MediaInfo) -> Self {
        self.prompt = Some(prompt);
        self
    }

    /// Whether the prompt stops when somebody speaks or presses a key. Default no.
    pub fn barge_in(mut self, allowed: bool) -> Self {
        self.body.barge_in_allowed = allowed.into();
        self
    }

    /// How long to wait for the first word, 1 to 120 s; parts of a second count as a whole. Default 5 s.
    pub fn initial_silence(mut self, timeout: Duration) -> Self {
        self.body.initial_silence_timeout_in_seconds = rules::seconds(timeout).into();
        self
    }

    /// How long a silence ends the recording, 1 to 120 s. Default 5 s.
    pub fn max_silence(mut self, timeout: Duration) -> Self {
        self.body.max_silence_timeout_in_seconds = rules::seconds(timeout).into();
        self
    }

    /// How long the recording is at most, 1 to 120 s. Default 5 s.
    pub fn max_duration(mut self, duration: Duration) -> Self {
        self.body.max_record_duration_in_seconds = rules::seconds(duration).into();
        self
    }

    /// Whether a beep comes before the recording. Default yes.
    pub fn beep(mut self, play: bool) -> Self {
        self.body.play_beep = play.into();
        self
    }

    /// Which keys end the recording, as on a phone: `#`, `1`, `*`. Default none.
    pub fn stop_tones(mut self, tones: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let tones: Vec<String> = tones.into_iter().map(Into::into).collect();
        self.body.stop_tones = tones.into();
        self
    }

    /// What to recognise the operation by, at most 256 characters.
    pub fn client_context(mut self, context: impl Into<String>) -> Self {
        self.client_context = Some(context.into());
        self
    }

    fn checked(self) -> Result<RecordResponseRequest, CallsError> {
        let body = self.body;
        rules::prompts(&self.prompt)?;
        for (time, rule) in [
            (
                &body.initial_silence_timeout_in_seconds,
                "the first word is waited for at least 1 s and at most 120 s",
            ),
            (
                &body.max_silence_timeout_in_seconds,
                "a silence that ends a recording is at least 1 s and at most 120 s",
            ),
            (&body.max_record_duration_in_seconds, "a recording lasts at least 1 s and at most 120 s"),
        ] {
            within(time, 1..=120, rule)?;
        }
        Ok(RecordResponseRequest {
            prompts: self.prompt.map(|first| vec![prompt(first)]).into(),
            client_context: rules::client_context(self.client_context.as_deref())?,
            ..body
        })
    }
}

fn prompt(media: MediaInfo) -> Prompt {
    MediaPrompt { media_info: media.into(), ..MediaPrompt::new() }.into()
}

impl CallsClient {
    /// Plays sound into the call: `POST .../playPrompt`. The operation's end comes by notification.
    ///
    /// # Errors
    /// As for every method of [`CallsClient`].
    pub async fn play_prompt(
        &self,
        id: &CallId,
        play: PlayPrompt,
    ) -> Result<PlayPromptOperation, CallsError> {
        let body = play.checked()?;
        self.send(Ask::new(OperationKind::PlayPrompt, &[id.as_str()]).body(&body)).await?.operation()
    }

    /// Records an answer: `POST .../recordResponse`. Where the recording is comes by notification, with the
    /// operation's end.
    ///
    /// # Errors
    /// As for every method of [`CallsClient`].
    pub async fn record_response(
        &self,
        id: &CallId,
        record: RecordResponse,
    ) -> Result<RecordOperation, CallsError> {
        let body = record.checked()?;
        self.send(Ask::new(OperationKind::RecordResponse, &[id.as_str()]).body(&body)).await?.operation()
    }

    /// Stops prompts and recordings under way: `POST .../cancelMediaProcessing`. Each ends with a notification; the
    /// subscription to tones goes on.
    ///
    /// # Errors
    /// As for every method of [`CallsClient`].
    pub async fn cancel_media_processing(
        &self,
        id: &CallId,
        client_context: Option<&str>,
    ) -> Result<CancelMediaProcessingOperation, CallsError> {
        let body = rules::only_client_context(client_context)?;
        self.send(Ask::new(OperationKind::CancelMediaProcessing, &[id.as_str()]).body(&body))
            .await?
            .operation()
    }
}
