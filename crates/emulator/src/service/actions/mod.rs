//! What a bot does in a call that it has joined.

mod keep_alive;
mod mute;
mod prompts;
mod screen;
mod tones;

use std::time::{Duration, SystemTime};

use offhook_signaling::model::{CallId, CommsOperation, Field, OperationId, Prompt};

use super::operations::{Effect, Ending, Outline, Pending};
use super::timers::Due;
use super::{Answer, CallService, GraphError, Request};

/// The longest `clientContext`, in characters.
const MAX_CONTEXT: usize = 256;

/// Refuses a context that is longer than Graph allows.
pub(super) fn check_context(context: &Field<String>) -> Result<(), GraphError> {
    if context.as_str().is_some_and(|context| context.chars().count() > MAX_CONTEXT) {
        return Err(GraphError::bad_request(format!(
            "The property clientContext is longer than {MAX_CONTEXT} characters."
        )));
    }
    Ok(())
}

/// Prompts are media prompts with an address, and not too many.
pub(super) fn check_prompts(prompts: &[Prompt], at_most: usize) -> Result<(), GraphError> {
    if prompts.len() > at_most {
        return Err(GraphError::bad_request(format!("The property prompts holds more than {at_most}.")));
    }
    let has_address = |prompt: &Prompt| match prompt {
        Prompt::Media(prompt) => prompt.media_info.value().is_some_and(|info| info.uri.is_value()),
        _ => false,
    };
    match prompts.iter().position(|prompt| !has_address(prompt)) {
        Some(place) => Err(GraphError::missing(&format!("prompts[{place}].mediaInfo.uri"))),
        None => Ok(()),
    }
}

impl CallService {
    pub(super) fn log_device_quality(&self, request: &Request) -> Result<Answer, GraphError> {
        let body: offhook_signaling::model::action::LogTeleconferenceDeviceQualityRequest = request.read()?;
        let quality = body.quality.value().ok_or_else(|| GraphError::missing("quality"))?;
        if !quality.call_chain_id.is_value() {
            return Err(GraphError::missing("quality.callChainId"));
        }
        Ok(Answer::empty(200))
    }

    /// An operation that is over at once: nothing follows.
    pub(super) fn done(
        &mut self,
        call: &CallId,
        outline: Outline,
        operation: CommsOperation,
    ) -> Result<Answer, GraphError> {
        let answer = Answer::with_body(200, &operation)?.at(outline.address);
        self.record_mut(call)?.operations.hold(outline.id, operation, None);
        Ok(answer)
    }

    /// An operation that goes on beside others.
    pub(super) fn start(
        &mut self,
        now: SystemTime,
        call: &CallId,
        outline: Outline,
        (status, running): (u16, CommsOperation),
        pending: Pending,
        lasts: Duration,
    ) -> Result<Answer, GraphError> {
        let answer = Answer::with_body(status, &running)?.at(outline.address);
        self.timers.set(call, Due::OperationEnds(outline.id.clone()), now + lasts);
        self.record_mut(call)?.operations.hold(outline.id, running, Some(pending));
        Ok(answer)
    }

    /// An operation on the call's media: it waits for the one before it.
    pub(super) fn start_media(
        &mut self,
        now: SystemTime,
        call: &CallId,
        outline: Outline,
        running: CommsOperation,
        pending: Pending,
        lasts: Duration,
    ) -> Result<Answer, GraphError> {
        let record = self.record_mut(call)?;
        let begins = record.media_busy_until.max(now);
        record.media_busy_until = begins + lasts;
        self.start(begins, call, outline, (200, running), pending, lasts)
    }

    /// An operation has run its course.
    pub(super) fn operation_ends(&mut self, call: &CallId, id: &OperationId) {
        self.end_operation(call, id, Ending::Finished);
    }

    /// Ends an operation, tells it, and does what it is for.
    pub(super) fn end_operation(&mut self, call: &CallId, id: &OperationId, ending: Ending) {
        let Some(record) = self.calls.get_mut(call) else { return };
        let Some((operation, effect)) = record.operations.end(id, ending) else { return };
        let told = record.post_operation(operation, id.as_str());
        self.timers.cancel(call, &Due::OperationEnds(id.clone()));
        self.owe([told]);
        match effect {
            Effect::Nothing => {}
            Effect::Join(people) => self.invited_join(call, &people),
            Effect::Gallery => self.gallery_joins(call),
            Effect::Music(who, hears) => self.hears_music(call, &who, hears),
        }
    }
}
