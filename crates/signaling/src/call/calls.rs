//! [`Calls`]: a client to act with and a receiver to hear from.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::{mpsc, watch};

use super::driver::Driver;
use super::{Call, Handle};
use crate::callback::CallbackReceiver;
use crate::client::{CallsClient, NewCall};
use crate::error::CallsError;
use crate::model;
use crate::registry::Registry;
use crate::track::{CallTracker, PollCadence};

/// Makes calls and follows them. Cheap to clone.
#[derive(Clone)]
pub struct Calls {
    client: CallsClient,
    registry: Arc<Registry>,
    cadence: PollCadence,
}

impl Calls {
    /// Calls made by `client`, whose notifications come to `receiver`.
    pub fn new(client: CallsClient, receiver: &CallbackReceiver) -> Self {
        Self { client, registry: Arc::clone(receiver.registry()), cadence: PollCadence::default() }
    }

    /// When a call that says nothing is asked.
    #[must_use]
    pub fn poll_cadence(mut self, cadence: PollCadence) -> Self {
        self.cadence = cadence;
        self
    }

    /// The client, for what has no handle.
    pub fn client(&self) -> &CallsClient {
        &self.client
    }

    /// Creates a call and follows it. To be called inside a tokio runtime, as all that follows.
    ///
    /// Notifications may come before the answer; they are held for the call.
    ///
    /// # Errors
    /// As [`CallsClient::create_call`].
    pub async fn create(&self, new_call: NewCall) -> Result<Call, CallsError> {
        let creating = self.registry.creating();
        let created = self.client.create_call(new_call).await?;
        let call = self.follow(created);
        drop(creating);
        call
    }

    /// Follows a call that was created or found elsewhere, from what is known of it. To be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`CallsError::InvalidRequest`] when the call has no id or is followed already.
    pub fn follow(&self, call: model::Call) -> Result<Call, CallsError> {
        let tracker = CallTracker::created(call, SystemTime::now());
        let tracker = tracker.ok_or(CallsError::InvalidRequest { rule: "a call to follow needs an id" })?;
        let id = tracker.snapshot().id.clone();
        let feed = self.registry.follow(&id);
        let feed = feed.ok_or(CallsError::InvalidRequest { rule: "the call is followed already" })?;
        let (publish, snapshots) = watch::channel(tracker.snapshot().clone());
        let (commands, orders) = mpsc::unbounded_channel();
        let driver = Driver {
            client: self.client.clone(),
            registry: Arc::clone(&self.registry),
            cadence: self.cadence,
            tracker,
            feed,
            commands: orders,
            publish,
        };
        tokio::spawn(driver.run());
        Ok(Call { inner: Arc::new(Handle { id, client: self.client.clone(), snapshots, commands }) })
    }
}

impl std::fmt::Debug for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Calls").field("client", &self.client).finish_non_exhaustive()
    }
}
