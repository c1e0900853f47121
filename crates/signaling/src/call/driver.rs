//! The task behind a call: applies what is heard, in order, asks when nothing is heard, and keeps the call alive.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::{BoxFuture, FutureExt};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::poll::{Polled, poll};
use crate::client::CallsClient;
use crate::error::{CallsError, Fault};
use crate::model::{CommsOperation, OperationId};
use crate::registry::{Feed, Registry};
use crate::track::{Applied, CallSnapshot, CallTracker, Marks, PollCadence, keep_alive_after};

/// How long the reason of a call's end is waited for, once the end was found and not told: the two race.
const REASON_TIME: Duration = Duration::from_secs(1);

/// What a handle tells its driver.
#[derive(Clone, Debug)]
pub(super) enum Command {
    /// The service has agreed to connect the call.
    Answered,
    /// The service has agreed to send the call elsewhere.
    Redirected,
    /// The service has agreed to end the call, or to reject it.
    HungUp,
    /// The service does not know the call any more.
    Gone,
    /// The service has begun an operation, or answered that it is over.
    Began(OperationId, Box<CommsOperation>),
}

pub(super) struct Driver {
    pub(super) client: CallsClient,
    pub(super) registry: Arc<Registry>,
    pub(super) cadence: PollCadence,
    pub(super) keep_alive: Duration,
    pub(super) tracker: CallTracker,
    pub(super) feed: Feed,
    pub(super) commands: mpsc::UnboundedReceiver<Command>,
    pub(super) publish: watch::Sender<CallSnapshot>,
}

/// Questions under way, and the state that they began in.
type Poll = BoxFuture<'static, (Marks, Polled)>;
/// A keep-alive under way: whether the call is still there.
type KeepAlive = BoxFuture<'static, Result<bool, CallsError>>;

impl Driver {
    /// Runs until the call is over or nobody holds a handle.
    pub(super) async fn run(mut self) {
        let (mut polling, mut keeping_alive): (Option<Poll>, Option<KeepAlive>) = (None, None);
        let mut quiet_since = Instant::now();
        let (mut kept_alive, mut keep_alive_failed) = (Instant::now(), false);
        while !self.tracker.snapshot().is_terminated() {
            let poll_due = due(quiet_since, self.tracker.poll_after(&self.cadence), polling.is_some());
            let state = self.tracker.snapshot().state;
            let keep_after = keep_alive_after(self.keep_alive, state, keep_alive_failed);
            let keep_due = due(kept_alive, keep_after, keeping_alive.is_some());
            let was_in_doubt = self.tracker.is_in_doubt();
            tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    Some(command) => {
                        self.obey(command).await;
                        quiet_since = Instant::now();
                    }
                    None => break,
                },
                Some(notification) = self.feed.next() => {
                    let applied = self.tracker.apply(SystemTime::now(), notification.as_ref());
                    // Were the wait to begin anew with each change, one that never rests would never be asked.
                    if applied == Applied::Changed && !was_in_doubt {
                        quiet_since = Instant::now();
                    }
                    if self.feed.has_missed() {
                        self.tracker.doubt();
                    }
                }
                (began, polled) = finished(&mut polling), if polling.is_some() => {
                    polling = None;
                    self.polled(began, polled).await;
                    quiet_since = Instant::now();
                }
                kept = finished(&mut keeping_alive), if keeping_alive.is_some() => {
                    keeping_alive = None;
                    let failed = kept.as_ref().is_err_and(|error| error.fault() != Fault::Caller);
                    (kept_alive, keep_alive_failed) = (Instant::now(), failed);
                    self.kept_alive(kept).await;
                }
                () = sleep_until(poll_due.unwrap_or(quiet_since)), if poll_due.is_some() => {
                    polling = Some(self.poll());
                }
                () = sleep_until(keep_due.unwrap_or(kept_alive)), if keep_due.is_some() => {
                    keeping_alive = Some(self.keep_alive());
                }
            }
            self.tell();
        }
    }

    async fn obey(&mut self, command: Command) {
        let now = SystemTime::now();
        match command {
            Command::Answered => {
                self.tracker.answered(now);
            }
            Command::Redirected => {
                self.tracker.redirected(now);
            }
            Command::HungUp => {
                self.hear_what_waits();
                self.tracker.hung_up(now);
            }
            Command::Began(id, operation) => {
                self.tracker.began(now, &id, &operation);
            }
            Command::Gone => self.end().await,
        }
    }

    fn poll(&self) -> Poll {
        let (client, id) = (self.client.clone(), self.tracker.snapshot().id.clone());
        let (began, asks) = (self.tracker.marks(), self.tracker.asks());
        async move { (began, poll(&client, &id, asks).await) }.boxed()
    }

    async fn polled(&mut self, began: Marks, polled: Polled) {
        if polled.gone {
            return self.end().await;
        }
        let mut news = false;
        for reading in &polled.readings {
            news |= self.tracker.read(SystemTime::now(), reading, began) == Applied::Changed;
        }
        self.tracker.poll_ended(news);
    }

    fn keep_alive(&self) -> KeepAlive {
        let (client, id) = (self.client.clone(), self.tracker.snapshot().id.clone());
        async move { client.keep_alive(&id).await }.boxed()
    }

    async fn kept_alive(&mut self, kept: Result<bool, CallsError>) {
        match kept {
            Ok(true) => {}
            Ok(false) => self.end().await,
            Err(error) => {
                tracing::warn!(call = %self.tracker.snapshot().id, %error, "the call could not be kept alive");
            }
        }
    }

    /// The call is over. What waits or is on its way may say why.
    async fn end(&mut self) {
        let until = Instant::now() + REASON_TIME;
        self.hear_what_waits();
        while !self.tracker.snapshot().is_terminated()
            && let Ok(Some(notification)) = timeout_at(until, self.feed.next()).await
        {
            self.tracker.apply(SystemTime::now(), notification.as_ref());
        }
        self.tracker.gone(SystemTime::now());
    }

    /// Applies what came before now and was not read yet.
    fn hear_what_waits(&mut self) {
        while let Some(notification) = self.feed.try_next() {
            self.tracker.apply(SystemTime::now(), notification.as_ref());
        }
    }

    /// Publishes the snapshot, if it is another one.
    fn tell(&self) {
        let snapshot = self.tracker.snapshot();
        self.publish.send_if_modified(|told| {
            let news = told.revision != snapshot.revision;
            if news {
                told.clone_from(snapshot);
            }
            news
        });
    }
}

/// However the task ends, by a panic of the transport too, the call can be followed again.
impl Drop for Driver {
    fn drop(&mut self) {
        self.registry.leave(&self.tracker.snapshot().id);
    }
}

/// When something is due, unless it is under way. A wait beyond the clock's end is for ever.
fn due(since: Instant, wait: Option<Duration>, under_way: bool) -> Option<Instant> {
    wait.filter(|_| !under_way).and_then(|wait| since.checked_add(wait))
}

/// Waits for what is under way, for ever when nothing is.
async fn finished<T>(under_way: &mut Option<BoxFuture<'static, T>>) -> T {
    match under_way {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
