//! Tones: those that the bot sends, and those that it wants to hear of.

use std::time::{Duration, SystemTime};

use offhook_signaling::model::action::{ClientContextRequest, SendDtmfTonesRequest};
use offhook_signaling::model::{
    Call, CallId, CallState, ChangeType, Integer, Open, OperationId, SendDtmfCompletionReason,
    SendDtmfTonesOperation, SubscribeToToneOperation, Tone, ToneInfo,
};

use super::check_context;
use crate::service::operations::{Effect, Ending, Outline, Pending, answered, succeeded, told};
use crate::service::{Answer, CallService, GraphError, Request};

/// The longest pause that is taken between two tones. Not documented.
const MAX_DELAY_MS: i64 = 60_000;

impl CallService {
    pub(in crate::service) fn subscribe_to_tone(
        &mut self,
        call: &CallId,
        request: &Request,
    ) -> Result<Answer, GraphError> {
        let body: ClientContextRequest = request.read()?;
        check_context(&body.client_context)?;
        let record = self.record_mut(call)?;
        record.need_service_hosted()?;
        record.tones.get_or_insert(0);
        let outline = Outline::new(&record.id, body.client_context);
        let operation = answered!(SubscribeToToneOperation, outline, Completed);
        self.done(call, outline, operation)
    }

    pub(in crate::service) fn send_dtmf_tones(
        &mut self,
        now: SystemTime,
        call: &CallId,
        request: &Request,
    ) -> Result<Answer, GraphError> {
        let body: SendDtmfTonesRequest = request.read()?;
        check_context(&body.client_context)?;
        let record = self.record(call)?;
        record.need_joined()?;
        let tones = body.tones.items();
        if tones.is_empty() {
            return Err(GraphError::missing("tones"));
        }
        if let Some(place) = tones.iter().position(|tone| tone.known().is_none()) {
            return Err(GraphError::bad_request(format!("The property tones[{place}] is no tone.")));
        }
        let delay = match body.delay_between_tones_ms.value() {
            None => 0,
            Some(delay) => {
                delay.get().filter(|delay| (0..=MAX_DELAY_MS).contains(delay)).ok_or_else(|| {
                    GraphError::bad_request(format!(
                        "The property delayBetweenTonesMs must be from 0 to {MAX_DELAY_MS}."
                    ))
                })?
            }
        };
        let outline = Outline::new(&record.id, body.client_context);
        let sent = SendDtmfCompletionReason::CompletedSuccessfully;
        let cut_off = SendDtmfCompletionReason::MediaOperationCanceled;
        let pending = Pending {
            finished: told!(SendDtmfTonesOperation, outline, Completed, succeeded(), completion_reason: sent.into()),
            // Completed even so: only the reason says that it was cancelled.
            cancelled: Some(
                told!(SendDtmfTonesOperation, outline, Completed, None, completion_reason: cut_off.into()),
            ),
            stopped: None,
            effect: Effect::Nothing,
        };
        let running = answered!(SendDtmfTonesOperation, outline, Running);
        let lasts = self.limits.tones(tones.len(), Duration::from_millis(delay.unsigned_abs()));
        self.start_media(now, call, outline, running, pending, lasts)
    }

    /// Somebody presses a key: recordings that it stops end, and the bot hears of it if it wants to.
    pub(in crate::service) fn tone_is_pressed(&mut self, now: SystemTime, call: &CallId, tone: Tone) {
        let Some(record) = self.calls.get_mut(call) else { return };
        let stopped: Vec<OperationId> = record.operations.stopped_by(tone);
        if let Some(count) = &mut record.tones {
            *count += 1;
            let tone = ToneInfo {
                sequence_id: Integer::from(*count).into(),
                tone: Open::from(tone).into(),
                ..ToneInfo::new()
            };
            record.call.tone_info = tone.clone().into();
            let state = Open::from(CallState::Established).into();
            let changed = Call { state, tone_info: tone.into(), ..record.outline() };
            let told = record.post_call(ChangeType::Updated, changed);
            self.owe([told]);
        }
        for id in stopped {
            self.recording_stops(now, &id);
            self.end_operation(call, &id, Ending::Stopped);
        }
    }
}
