//! Operations of a call: those under way, with what will be told when they end, and those that are over.

use offhook_signaling::model::{
    CallId, CommsOperation, Field, InvitationParticipantInfo, OperationId, ParticipantId, ResultInfo, Tone,
};
use uuid::Uuid;

/// As many operations of a call are kept that are over.
const KEPT: usize = 256;

/// What an operation does once it is over.
#[derive(Clone, Debug)]
pub(super) enum Effect {
    /// No more than to be told.
    Nothing,
    /// These people join.
    Join(Vec<InvitationParticipantInfo>),
    /// A gallery joins.
    Gallery,
    /// Somebody begins or ceases to hear music.
    Music(ParticipantId, bool),
}

/// How an operation under way can end.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    /// What is told when it has run its course.
    pub(super) finished: CommsOperation,
    /// What is told when it is cancelled; none for one that cannot be.
    pub(super) cancelled: Option<CommsOperation>,
    /// Tones that end it early, and what is told then.
    pub(super) stopped: Option<(Vec<Tone>, CommsOperation)>,
    pub(super) effect: Effect,
}

/// How an operation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Finished,
    Cancelled,
    Stopped,
}

#[derive(Clone, Debug)]
struct Held {
    id: OperationId,
    operation: CommsOperation,
    pending: Option<Pending>,
}

/// The operations of a call.
#[derive(Clone, Debug, Default)]
pub(super) struct Operations(Vec<Held>);

impl Operations {
    pub(super) fn get(&self, id: &OperationId) -> Option<&CommsOperation> {
        self.0.iter().find(|held| held.id == *id).map(|held| &held.operation)
    }

    /// Keeps an operation, with how it can end when it is not over.
    pub(super) fn hold(&mut self, id: OperationId, operation: CommsOperation, pending: Option<Pending>) {
        if self.0.len() >= KEPT
            && let Some(oldest) = self.0.iter().position(|held| held.pending.is_none())
        {
            self.0.remove(oldest);
        }
        self.0.push(Held { id, operation, pending });
    }

    /// Ends an operation: what is told, and what it brings about. `None` when it is over, or cannot end like that.
    pub(super) fn end(&mut self, id: &OperationId, ending: Ending) -> Option<(CommsOperation, Effect)> {
        let held = self.0.iter_mut().find(|held| held.id == *id)?;
        let pending = held.pending.as_ref()?;
        let (operation, effect) = match ending {
            Ending::Finished => (pending.finished.clone(), pending.effect.clone()),
            Ending::Cancelled => (pending.cancelled.clone()?, Effect::Nothing),
            Ending::Stopped => (pending.stopped.clone()?.1, Effect::Nothing),
        };
        held.pending = None;
        held.operation = operation.clone();
        Some((operation, effect))
    }

    /// The operations that can be cancelled.
    pub(super) fn cancellable(&self) -> Vec<OperationId> {
        self.those(|pending| pending.cancelled.is_some())
    }

    /// The operations that this tone stops.
    pub(super) fn stopped_by(&self, tone: Tone) -> Vec<OperationId> {
        self.those(|pending| pending.stopped.as_ref().is_some_and(|(tones, _)| tones.contains(&tone)))
    }

    fn those(&self, wanted: impl Fn(&Pending) -> bool) -> Vec<OperationId> {
        let wanted = |held: &&Held| held.pending.as_ref().is_some_and(&wanted);
        self.0.iter().filter(wanted).map(|held| held.id.clone()).collect()
    }

    /// Operations, in the order in which they were asked for.
    pub(super) fn all(&self) -> impl Iterator<Item = &CommsOperation> {
        self.0.iter().map(|held| &held.operation)
    }
}

/// What every form of one operation has.
#[derive(Clone, Debug)]
pub(super) struct Outline {
    pub(super) id: OperationId,
    pub(super) context: Field<String>,
    /// Its address, below the version.
    pub(super) address: String,
}

impl Outline {
    pub(super) fn new(call: &CallId, context: Field<String>) -> Self {
        let id = OperationId::from(Uuid::new_v4().to_string());
        let address = format!("/communications/calls/{call}/operations/{id}");
        Self { id, context, address }
    }
}

/// An operation of a type, as its request is answered: status, and properties of its own.
macro_rules! answered {
    ($type:ident, $outline:expr, $status:ident $(, $field:ident: $value:expr)*) => {{
        let name = $type::ODATA_TYPE.trim_start_matches("#microsoft.graph.");
        offhook_signaling::model::CommsOperation::from($type {
            odata_context: format!("https://graph.microsoft.com/v1.0/$metadata#{name}").into(),
            id: $outline.id.clone().into(),
            client_context: $outline.context.clone(),
            status: offhook_signaling::model::OperationStatus::$status.into(),
            result_info: offhook_signaling::model::Field::Null,
            $($field: $value,)*
            ..$type::new()
        })
    }};
}
pub(super) use answered;

/// An operation of a type, as a notification tells its end: status, result, and properties of its own.
macro_rules! told {
    ($type:ident, $outline:expr, $status:ident, $result:expr $(, $field:ident: $value:expr)*) => {
        offhook_signaling::model::CommsOperation::from($type {
            odata_id: $outline.address.clone().into(),
            odata_etag: "W/\"1\"".into(),
            id: $outline.id.clone().into(),
            client_context: $outline.context.clone(),
            status: offhook_signaling::model::OperationStatus::$status.into(),
            result_info: $result.into(),
            $($field: $value,)*
            ..$type::new()
        })
    };
}
pub(super) use told;

/// 200/0, as a page shows it.
pub(super) fn succeeded() -> ResultInfo {
    let message = "Action completed successfully.".into();
    ResultInfo { message, ..ResultInfo::with_codes(200, 0) }
}

/// 400/8508, as a page shows it.
pub(super) fn cancelled() -> ResultInfo {
    let message = "Action failed, the operation was cancelled.".into();
    ResultInfo { message, ..ResultInfo::with_codes(400, 8508) }
}
