//! [`Calls`]: a client to act with and a receiver to hear from.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot, watch};

use super::driver::Driver;
use super::{Call, Handle, IncomingCalls};
use crate::callback::CallbackReceiver;
use crate::client::{CallsClient, NewCall};
use crate::error::CallsError;
use crate::model;
use crate::registry::{Feed, Registry};
use crate::track::{CallTracker, KEEP_ALIVE, PollCadence};

/// Makes calls, takes those that come in, and follows them. Cheap to clone.
#[derive(Clone)]
pub struct Calls {
    client: CallsClient,
    registry: Arc<Registry>,
    cadence: PollCadence,
    keep_alive: Duration,
}

impl Calls {
    /// Calls made by `client`, whose notifications come to `receiver`.
    pub fn new(client: CallsClient, receiver: &CallbackReceiver) -> Self {
        let registry = Arc::clone(receiver.registry());
        Self { client, registry, cadence: PollCadence::default(), keep_alive: KEEP_ALIVE }
    }

    /// When a call that says nothing is asked.
    #[must_use]
    pub fn poll_cadence(mut self, cadence: PollCadence) -> Self {
        self.cadence = cadence;
        self
    }

    /// How often each call is kept alive. Default 15 minutes, as Graph recommends: it ends a call that was not kept alive for 45.
    /// [`Duration::MAX`] leaves it to the application.
    #[must_use]
    pub fn keep_alive(mut self, interval: Duration) -> Self {
        // Less would be a request without pause.
        self.keep_alive = interval.max(Duration::from_secs(1));
        self
    }

    /// The client, for what has no handle.
    pub fn client(&self) -> &CallsClient {
        &self.client
    }

    pub(super) fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Creates a call and follows it. To be called inside a tokio runtime, as all that follows.
    ///
    /// Notifications may come before the answer; they are held for the call. Whoever drops this future while the request is
    /// under way gets no call: one that comes of it is hung up.
    ///
    /// # Errors
    /// As [`CallsClient::create_call`].
    pub async fn create(&self, new_call: NewCall) -> Result<Call, CallsError> {
        let (answer, created) = oneshot::channel::<Result<Unclaimed, CallsError>>();
        let creation = self.clone().create_for(new_call, answer);
        // On a task of its own: a request that is broken off may have made a call that nobody would know of.
        let creation = tokio::spawn(creation);
        match created.await {
            Ok(created) => created.map(Unclaimed::claim),
            // Only a panic of the transport ends the task without an answer.
            Err(_) => match creation.await {
                Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
                _ => std::future::pending().await,
            },
        }
    }

    async fn create_for(self, new_call: NewCall, answer: oneshot::Sender<Result<Unclaimed, CallsError>>) {
        let creating = self.registry.creating();
        let created = match self.client.create_call(new_call).await {
            Ok(created) => self.follow(created),
            Err(error) => Err(error),
        };
        drop(creating);
        // Nobody waits for it any more, or somebody does and is dropped with it: either way it is hung up.
        let _ = answer.send(created.map(|call| Unclaimed(Some(call))));
    }

    /// Follows a call that was created or found elsewhere, from what is known of it. To be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`CallsError::InvalidRequest`] when the call has no id or is followed already.
    pub fn follow(&self, call: model::Call) -> Result<Call, CallsError> {
        let tracker = CallTracker::created(call, SystemTime::now());
        let tracker = tracker.ok_or(CallsError::InvalidRequest { rule: "a call to follow needs an id" })?;
        let feed = self.registry.follow(&tracker.snapshot().id);
        let feed = feed.ok_or(CallsError::InvalidRequest { rule: "the call is followed already" })?;
        Ok(self.drive(tracker, feed))
    }

    /// Takes the calls that come in: someone calls the bot, or a recording policy invites it. One reader at a time.
    ///
    /// Calls that come in while nobody reads are reported as unknown calls
    /// ([`DeliveryStats::unknown_calls`](crate::DeliveryStats)).
    ///
    /// # Errors
    /// [`CallsError::InvalidRequest`] when someone takes them already.
    pub fn incoming(&self) -> Result<IncomingCalls, CallsError> {
        let invitations = self.registry.listen();
        let taken = CallsError::InvalidRequest { rule: "someone takes incoming calls already" };
        Ok(IncomingCalls::new(self.clone(), invitations.ok_or(taken)?))
    }

    pub(super) fn drive(&self, tracker: CallTracker, feed: Feed) -> Call {
        let id = tracker.snapshot().id.clone();
        let (publish, snapshots) = watch::channel(tracker.snapshot().clone());
        let (commands, orders) = mpsc::unbounded_channel();
        let driver = Driver {
            client: self.client.clone(),
            registry: Arc::clone(&self.registry),
            cadence: self.cadence,
            keep_alive: self.keep_alive,
            tracker,
            feed,
            commands: orders,
            publish,
        };
        tokio::spawn(driver.run());
        Call { inner: Arc::new(Handle { id, client: self.client.clone(), snapshots, commands }) }
    }
}

/// A call on its way to who created it. Hung up if it does not arrive.
struct Unclaimed(Option<Call>);

impl Unclaimed {
    fn claim(mut self) -> Call {
        self.0.take().expect("it is claimed once")
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        if let Some(call) = self.0.take() {
            call.hang_up_behind();
        }
    }
}

impl std::fmt::Debug for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Calls").field("client", &self.client).finish_non_exhaustive()
    }
}
