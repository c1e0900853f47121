//! Tones of telephone keys: being told of them, and sending them.

use std::time::Duration;

use super::CallsClient;
use super::operations::OperationKind;
use super::request::Ask;
use super::rules::{self, require, within};
use crate::error::CallsError;
use crate::model::action::SendDtmfTonesRequest;
use crate::model::{CallId, Integer, Open, SendDtmfTonesOperation, SubscribeToToneOperation, Tone};

/// Tones to send, one after the other.
#[derive(Clone, Debug)]
#[must_use = "tones are sent by `CallsClient::send_dtmf_tones`"]
pub struct SendDtmfTones {
    body: SendDtmfTonesRequest,
    client_context: Option<String>,
}

impl SendDtmfTones {
    /// These tones.
    pub fn new(tones: impl IntoIterator<Item = Tone>) -> Self {
        let tones: Vec<Open<Tone>> = tones.into_iter().map(Open::from).collect();
        Self {
            body: SendDtmfTonesRequest { tones: tones.into(), ..SendDtmfTonesRequest::default() },
            client_context: None,
        }
    }

    /// The pause between two tones, in whole milliseconds. Default: the service's.
    pub fn delay_between_tones(mut self, delay: Duration) -> Self {
        let milliseconds = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
        self.body.delay_between_tones_ms = Integer::from(milliseconds).into();
        self
    }

    /// What to recognise the operation by, at most 256 characters.
    pub fn client_context(mut self, context: impl Into<String>) -> Self {
        self.client_context = Some(context.into());
        self
    }

    fn checked(self) -> Result<SendDtmfTonesRequest, CallsError> {
        require(!self.body.tones.items().is_empty(), "at least one tone is sent")?;
        let pause = 0..=i64::from(i32::MAX);
        within(
            &self.body.delay_between_tones_ms,
            pause,
            "the pause between tones fits 31 bits of milliseconds",
        )?;
        let client_context = rules::client_context(self.client_context.as_deref())?;
        Ok(SendDtmfTonesRequest { client_context, ..self.body })
    }
}

impl CallsClient {
    /// Asks to be told of pressed keys: `POST .../subscribeToTone`. They come as `toneInfo` of the call. For media
    /// that the service hosts.
    ///
    /// # Errors
    /// As for every method of [`CallsClient`].
    pub async fn subscribe_to_tone(
        &self,
        id: &CallId,
        client_context: Option<&str>,
    ) -> Result<SubscribeToToneOperation, CallsError> {
        let body = rules::only_client_context(client_context)?;
        self.send(Ask::new(OperationKind::SubscribeToTone, &[id.as_str()]).body(&body)).await?.operation()
    }

    /// Sends tones: `POST .../sendDtmfTones`. The operation ends `completed` even when it was cancelled: read its
    /// reason. Not in US Government clouds.
    ///
    /// # Errors
    /// As for every method of [`CallsClient`].
    pub async fn send_dtmf_tones(
        &self,
        id: &CallId,
        tones: SendDtmfTones,
    ) -> Result<SendDtmfTonesOperation, CallsError> {
        let body = tones.checked()?;
        self.send(Ask::new(OperationKind::SendDtmfTones, &[id.as_str()]).body(&body)).await?.operation()
    }
}
