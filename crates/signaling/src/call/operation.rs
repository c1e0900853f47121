//! [`OperationHandle`]: an operation that the bot began, to be awaited.

use std::fmt;
use std::marker::PhantomData;

use super::Call;
use crate::error::Fault;
use crate::model::{CommsOperation, Operation, OperationId, ResultInfo};
use crate::track::CallSnapshot;

/// An operation that the service has begun: playing, recording, inviting. Cheap to clone.
///
/// Its end is told by a notification or found by a poll, whichever comes first. Dropping the handle changes nothing. Await it
/// before a hundred more operations of the call are over: the ends of older ones are forgotten.
pub struct OperationHandle<T> {
    call: Call,
    id: OperationId,
    answered: CommsOperation,
    of: PhantomData<fn() -> T>,
}

impl<T: Operation> OperationHandle<T> {
    pub(super) fn new(call: Call, id: OperationId, answered: CommsOperation) -> Self {
        Self { call, id, answered, of: PhantomData }
    }

    /// The operation's id, as Graph spells it.
    pub fn id(&self) -> &OperationId {
        &self.id
    }

    /// The operation, as far as is known now.
    pub fn now(&self) -> CommsOperation {
        self.known(&self.call.snapshot())
    }

    /// Waits until the operation is over.
    ///
    /// Waits as long as the service tells no end; put a timeout around it if that may not be.
    ///
    /// # Errors
    /// [`OperationError::Failed`] when it failed or was cancelled, with what was told of it;
    /// [`OperationError::CallEnded`] when the call ended before the operation's end was told.
    pub async fn finished(&self) -> Result<T, OperationError> {
        let mut snapshots = self.call.snapshots();
        let over = |snapshot: &CallSnapshot| {
            self.answered.is_over() || snapshot.operations.is_over(&self.id) || snapshot.is_terminated()
        };
        let snapshot = match snapshots.wait_for(over).await {
            Ok(snapshot) => snapshot.clone(),
            // Nobody follows the call any more.
            Err(_) => self.call.snapshot(),
        };
        if !self.answered.is_over() && !snapshot.operations.is_over(&self.id) {
            return Err(OperationError::CallEnded);
        }
        let operation = self.known(&snapshot);
        if operation.is_failure() {
            return Err(OperationError::Failed(Box::new(operation)));
        }
        T::from_operation(operation).ok_or(OperationError::OtherType)
    }

    /// The answer to the request, which is of the type that was asked for, with what was told later.
    fn known(&self, snapshot: &CallSnapshot) -> CommsOperation {
        let mut known = self.answered.clone();
        if let Some(told) = snapshot.operations.get(&self.id) {
            known.update_from(told);
        }
        known
    }
}

impl<T> Clone for OperationHandle<T> {
    fn clone(&self) -> Self {
        let (call, id, answered) = (self.call.clone(), self.id.clone(), self.answered.clone());
        Self { call, id, answered, of: PhantomData }
    }
}

impl<T> fmt::Debug for OperationHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperationHandle").field("call", self.call.id()).field("id", &self.id).finish()
    }
}

/// Why an operation came to nothing.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OperationError {
    /// It failed, or was cancelled. What was told of it has the reason.
    #[error("the operation failed: {}", reason(.0))]
    Failed(Box<CommsOperation>),
    /// The call is over, and the operation's end was not told.
    #[error("the call ended before the operation did")]
    CallEnded,
    /// The service told the end of an operation of another type under this id.
    #[error("the service told the end of an operation of another type")]
    OtherType,
}

impl OperationError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Failed(operation) => match operation.common().result_info.and_then(ResultInfo::code_number)
            {
                Some(400..500) => Fault::Caller,
                _ => Fault::Service,
            },
            Self::CallEnded => Fault::Peer,
            Self::OtherType => Fault::Service,
        }
    }
}

fn reason(operation: &CommsOperation) -> String {
    match operation.common().result_info {
        Some(result) => result.to_string(),
        None if operation.was_cancelled() => "it was cancelled".to_owned(),
        None => "no reason was told".to_owned(),
    }
}
