//! [`IncomingCalls`] and [`IncomingCall`]: someone calls the bot, or a recording policy brings it into a call.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use futures_util::Stream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::driver::Command;
use super::{Call, Calls};
use crate::client::{Answer, Redirect};
use crate::error::CallsError;
use crate::model::{self, BotData, CallId, Identity, RejectReason};
use crate::registry::Invitation;
use crate::track::CallTracker;

/// How long the service waits for a decision about an incoming call (Graph's pages of answer, reject and redirect).
const TIME_LIMIT: Duration = Duration::from_secs(15);
/// The same under a recording policy.
const POLICY_TIME_LIMIT: Duration = Duration::from_secs(5);

/// Calls that come in, one at a time. A [`Stream`] too. Dropping it lets another reader take them.
pub struct IncomingCalls {
    calls: Calls,
    invitations: mpsc::Receiver<Invitation>,
}

impl IncomingCalls {
    pub(super) fn new(calls: Calls, invitations: mpsc::Receiver<Invitation>) -> Self {
        Self { calls, invitations }
    }

    /// The next call that comes in. `None` never comes: it is there as for any other stream.
    pub async fn next(&mut self) -> Option<IncomingCall> {
        let invitation = self.invitations.recv().await?;
        Some(IncomingCall::new(&self.calls, invitation))
    }
}

/// What nobody took is left to another reader.
impl Drop for IncomingCalls {
    fn drop(&mut self) {
        self.invitations.close();
        while let Ok(invitation) = self.invitations.try_recv() {
            if let Some(id) = invitation.call.id.value() {
                tracing::warn!(call = %id, "an incoming call was not taken before its reader went away");
                self.calls.registry().uninvite(id);
            }
        }
    }
}

impl Stream for IncomingCalls {
    type Item = IncomingCall;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<IncomingCall>> {
        let invitation = self.invitations.poll_recv(context);
        invitation.map(|invitation| Some(IncomingCall::new(&self.calls, invitation?)))
    }
}

impl std::fmt::Debug for IncomingCalls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IncomingCalls").finish_non_exhaustive()
    }
}

/// A call that waits for the bot's decision: to answer, reject or redirect it.
///
/// The service waits 15 s, 5 s under a recording policy. A call on which nothing was decided in time is reported in the log and in
/// [`DeliveryStats::invitations_missed`](crate::DeliveryStats). Dropping this decides nothing.
pub struct IncomingCall {
    call: Call,
    resource: model::Call,
    deadline: Instant,
    decided: Arc<AtomicBool>,
}

impl IncomingCall {
    fn new(calls: &Calls, invitation: Invitation) -> Self {
        let Invitation { call: resource, feed, at } = invitation;
        let tracker = CallTracker::created(resource.clone(), SystemTime::now())
            .expect("the registry gives each invitation its id");
        let limit = if is_policy_recording(&resource) { POLICY_TIME_LIMIT } else { TIME_LIMIT };
        let incoming = Self {
            call: calls.drive(tracker, feed),
            resource,
            deadline: at + limit,
            decided: Arc::default(),
        };
        tokio::spawn(incoming.watch(calls.clone(), limit));
        incoming
    }

    /// Reports the call if nothing is decided in time. A caller who hangs up before is none of the bot's fault.
    fn watch(&self, calls: Calls, limit: Duration) -> impl Future<Output = ()> + use<> {
        let (call, deadline, decided) = (self.call.clone(), self.deadline, Arc::clone(&self.decided));
        async move {
            tokio::select! {
                _ = call.terminated() => {}
                () = sleep_until(deadline) => if !decided.load(Ordering::Acquire) {
                    tracing::warn!(call = %call.id(), ?limit, "an incoming call was neither answered, rejected nor redirected in time");
                    calls.registry().invitation_missed();
                }
            }
        }
    }

    /// The call's id, as Graph spells it.
    pub fn id(&self) -> &CallId {
        self.call.id()
    }

    /// Everything that the service told of the call.
    pub fn resource(&self) -> &model::Call {
        &self.resource
    }

    /// Who calls. An identity of kind `encrypted` when the bot has no permission to know.
    pub fn caller(&self) -> Option<&Identity> {
        self.resource.source.value()?.identity.value()?.first()
    }

    /// Whether a recording policy brings the bot in.
    pub fn is_policy_recording(&self) -> bool {
        is_policy_recording(&self.resource)
    }

    /// What the service tells a recorder: whom to record, why, and which other recorders there are.
    pub fn bot_data(&self) -> Option<&BotData> {
        bot_data(&self.resource)
    }

    /// How long there is left to decide. Zero when the time is over.
    pub fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Waits until the time to decide is over.
    pub async fn time_is_up(&self) {
        sleep_until(self.deadline).await;
    }

    /// The call, followed from the moment it came in: it ends when the caller gives up.
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// Answers: the call is established soon, [`Call::established`] waits for that.
    ///
    /// # Errors
    /// [`CallsError::TooLate`] when the service knows the call no more; else what Graph or the network said, and the call can
    /// still be decided on.
    pub async fn answer(&self, answer: Answer) -> Result<Call, CallsError> {
        let done = self.call.client().answer(self.id(), answer).await;
        self.decide(done, Command::Answered)
    }

    /// Rejects.
    ///
    /// # Errors
    /// As for [`IncomingCall::answer`].
    pub async fn reject(&self, reason: RejectReason) -> Result<Call, CallsError> {
        let done = self.call.client().reject(self.id(), reason, None).await;
        self.decide(done, Command::HungUp)
    }

    /// Sends the call elsewhere.
    ///
    /// # Errors
    /// As for [`IncomingCall::answer`].
    pub async fn redirect(&self, redirect: Redirect) -> Result<Call, CallsError> {
        let done = self.call.client().redirect(self.id(), redirect).await;
        self.decide(done, Command::Redirected)
    }

    fn decide(&self, done: Result<(), CallsError>, command: Command) -> Result<Call, CallsError> {
        match done {
            Ok(()) => {
                self.decided.store(true, Ordering::Release);
                self.call.tell(command);
                Ok(self.call.clone())
            }
            Err(error) if error.is_call_not_found() => {
                self.call.tell(Command::Gone);
                let late_by = Instant::now().saturating_duration_since(self.deadline);
                Err(CallsError::TooLate { late_by, source: Box::new(error) })
            }
            Err(error) => Err(error),
        }
    }
}

impl std::fmt::Debug for IncomingCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IncomingCall")
            .field("id", self.id())
            .field("time_left", &self.time_left())
            .finish_non_exhaustive()
    }
}

fn bot_data(call: &model::Call) -> Option<&BotData> {
    call.application_metadata.value()?.bot_data.value()
}

/// Only a recorder is told whom it records.
fn is_policy_recording(call: &model::Call) -> bool {
    let observes =
        call.incoming_context.value().is_some_and(|context| context.observed_participant_id.is_value());
    observes || bot_data(call).is_some()
}
