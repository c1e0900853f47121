//! [`Calls`] makes calls and [`Call`] is the handle of one.
//!
//! `[io]` A task per call applies notifications, polls what has gone quiet and keeps the call alive (`driver`).

mod actions;
mod calls;
mod driver;
mod ended;
mod events;
mod incoming;
mod operation;
mod poll;

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use self::driver::Command;
use crate::client::CallsClient;
use crate::error::CallsError;
use crate::model::{CallId, CallState, Participant};
use crate::redacted::Redacted;
use crate::track::CallSnapshot;

pub use calls::Calls;
pub use ended::CallEnded;
pub use events::{CallChanges, CallEvents, Heard};
pub use incoming::{IncomingCall, IncomingCalls};
pub use operation::{OperationError, OperationHandle};

/// A call that is followed. Cheap to clone; clones are one call.
///
/// Dropping the last clone stops following the call and does not hang up.
#[derive(Clone)]
pub struct Call {
    inner: Arc<Handle>,
}

struct Handle {
    id: CallId,
    client: CallsClient,
    snapshots: watch::Receiver<CallSnapshot>,
    commands: mpsc::UnboundedSender<Command>,
}

impl Call {
    /// The call's id, as Graph spells it.
    pub fn id(&self) -> &CallId {
        &self.inner.id
    }

    /// Where the call is in its life, as far as is known.
    pub fn state(&self) -> CallState {
        self.inner.snapshots.borrow().state
    }

    /// Everything that is known of the call: state and how it came there, roster, the merged resource.
    pub fn snapshot(&self) -> CallSnapshot {
        self.inner.snapshots.borrow().clone()
    }

    /// Who is in the call. Peer-to-peer calls have no roster; the bot sees itself in a meeting's.
    pub fn participants(&self) -> Arc<Vec<Arc<Participant>>> {
        Arc::clone(self.inner.snapshots.borrow().roster.participants())
    }

    /// The service's media blob: the answer to the bot's offer. Application-hosted media only.
    pub fn media_blob(&self) -> Option<Redacted<String>> {
        self.inner.snapshots.borrow().call.media_blob().cloned()
    }

    /// Waits until media may flow: told by a notification or found by a poll, whichever comes first.
    ///
    /// Waits as long as the service neither establishes nor ends the call; put a timeout around it if that may not be.
    ///
    /// # Errors
    /// When the call is over, with the reason that was told.
    pub async fn established(&self) -> Result<CallSnapshot, CallEnded> {
        let stands = |state| {
            use CallState::{Established, Hold, TransferAccepted, Transferring};
            matches!(state, Established | Hold | Transferring | TransferAccepted)
        };
        let mut snapshots = self.inner.snapshots.clone();
        let found = snapshots.wait_for(|snapshot| stands(snapshot.state) || snapshot.is_terminated()).await;
        match found.map(|snapshot| snapshot.clone()) {
            Ok(snapshot) if !snapshot.is_terminated() => Ok(snapshot),
            Ok(snapshot) => Err(CallEnded::new(snapshot)),
            Err(_) => Err(CallEnded::new(self.snapshot())),
        }
    }

    /// Waits until the call is over, and says why.
    pub async fn terminated(&self) -> CallEnded {
        let mut snapshots = self.inner.snapshots.clone();
        let ended = snapshots.wait_for(CallSnapshot::is_terminated).await.map(|snapshot| snapshot.clone());
        CallEnded::new(ended.unwrap_or_else(|_| self.snapshot()))
    }

    /// Ends the bot's leg. Returns when the service has agreed; [`Call::terminated`] waits for the end itself.
    ///
    /// A call that is over already is no error.
    ///
    /// # Errors
    /// What Graph or the network said; the call goes on being followed.
    pub async fn hang_up(&self) -> Result<(), CallsError> {
        let snapshot = self.snapshot();
        // One whose end was only inferred is hung up all the same: what was "not found" may have been something else.
        if snapshot.is_terminated() && !snapshot.was_gone {
            return Ok(());
        }
        let command = match self.inner.client.delete_call(&self.inner.id).await {
            Ok(()) => Command::HungUp,
            Err(error) if error.is_call_not_found() => Command::Gone,
            Err(error) => return Err(error),
        };
        self.tell(command);
        Ok(())
    }

    /// Hangs up on a task of its own, for whoever cannot wait: a call that nobody wants any more. Only while a runtime lives.
    pub fn hang_up_behind(self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            if let Err(error) = self.hang_up().await {
                tracing::warn!(call = %self.id(), %error, "a call that nobody wants any more could not be hung up");
            }
        });
    }

    /// Follows the call: the snapshot of now, then one after each change.
    ///
    /// A slow reader gets the latest snapshot and misses those between; their states are in its history.
    pub fn changes(&self) -> CallChanges {
        CallChanges::of(self)
    }

    /// Follows what happens in the call: first what has happened already, then each event as it comes.
    ///
    /// Events are kept for slow readers; one who is hundreds behind is told how many are lost, and gets the snapshot in their
    /// place, so that nothing of the state is.
    pub fn events(&self) -> CallEvents {
        CallEvents::of(self)
    }

    fn client(&self) -> &CallsClient {
        &self.inner.client
    }

    fn snapshots(&self) -> watch::Receiver<CallSnapshot> {
        self.inner.snapshots.clone()
    }

    /// Tells the driver. It ends with the call; then there is nobody who needs to know.
    fn tell(&self, command: Command) {
        let _ = self.inner.commands.send(command);
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call")
            .field("id", &self.inner.id)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
