//! Prompts that the service plays, and what ends them and recordings early.

use std::time::SystemTime;

use offhook_signaling::model::action::{ClientContextRequest, PlayPromptRequest};
use offhook_signaling::model::{
    CallId, CancelMediaProcessingOperation, PlayPromptCompletionReason, PlayPromptOperation,
};

use super::{check_context, check_prompts};
use crate::service::operations::{Effect, Ending, Outline, Pending, answered, cancelled, succeeded, told};
use crate::service::{Answer, CallService, GraphError, Request};

/// The most prompts of one request (call-playPrompt page).
const MAX_PROMPTS: usize = 20;

impl CallService {
    pub(in crate::service) fn play_prompt(
        &mut self,
        now: SystemTime,
        call: &CallId,
        request: &Request,
    ) -> Result<Answer, GraphError> {
        let body: PlayPromptRequest = request.read()?;
        let record = self.record(call)?;
        record.need_service_hosted()?;
        check_context(&body.client_context)?;
        if body.prompts.items().is_empty() {
            return Err(GraphError::missing("prompts"));
        }
        check_prompts(body.prompts.items(), MAX_PROMPTS)?;
        let loops = match body.loops.value() {
            None => Some(1),
            Some(loops) => {
                loops.get().and_then(|loops| usize::try_from(loops).ok()).filter(|loops| *loops > 0)
            }
        }
        .ok_or_else(|| GraphError::bad_request("The property loop must be a number from 1 on."))?;
        let outline = Outline::new(&record.id, body.client_context);
        let (done, stopped) = (
            PlayPromptCompletionReason::CompletedSuccessfully,
            PlayPromptCompletionReason::MediaOperationCanceled,
        );
        let pending = Pending {
            finished: told!(PlayPromptOperation, outline, Completed, succeeded(), completion_reason: done.into()),
            cancelled: Some(
                told!(PlayPromptOperation, outline, Failed, cancelled(), completion_reason: stopped.into()),
            ),
            stopped: None,
            effect: Effect::Nothing,
        };
        let running = answered!(PlayPromptOperation, outline, Running);
        let lasts = self.limits.prompts(body.prompts.items().len().saturating_mul(loops));
        self.start_media(now, call, outline, running, pending, lasts)
    }

    /// Ends prompts, recordings and tones that are under way or wait; hearing of tones goes on.
    pub(in crate::service) fn cancel_media_processing(
        &mut self,
        now: SystemTime,
        call: &CallId,
        request: &Request,
    ) -> Result<Answer, GraphError> {
        let body: ClientContextRequest = request.read()?;
        check_context(&body.client_context)?;
        let record = self.record_mut(call)?;
        record.need_joined()?;
        record.media_busy_until = now;
        let outline = Outline::new(&record.id, body.client_context);
        for id in record.operations.cancellable() {
            self.end_operation(call, &id, Ending::Cancelled);
        }
        let operation = answered!(CancelMediaProcessingOperation, outline, Completed);
        self.done(call, outline, operation)
    }
}
