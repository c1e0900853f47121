//! The task behind a call: applies what is heard, in order, and asks when nothing is heard.

use std::sync::Arc;
use std::time::SystemTime;

use futures_util::future::{BoxFuture, FutureExt};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::client::CallsClient;
use crate::error::CallsError;
use crate::model::Call;
use crate::registry::{Feed, Registry};
use crate::track::{Applied, CallSnapshot, CallTracker, PollCadence};

/// What a handle tells its driver.
#[derive(Clone, Copy, Debug)]
pub(super) enum Command {
    /// The service has agreed to end the call.
    HungUp,
    /// The service does not know the call any more.
    Gone,
}

pub(super) struct Driver {
    pub(super) client: CallsClient,
    pub(super) registry: Arc<Registry>,
    pub(super) cadence: PollCadence,
    pub(super) tracker: CallTracker,
    pub(super) feed: Feed,
    pub(super) commands: mpsc::UnboundedReceiver<Command>,
    pub(super) publish: watch::Sender<CallSnapshot>,
}

/// A read of the call under way, and the state that it began in.
type Poll = BoxFuture<'static, (u64, Result<Call, CallsError>)>;

impl Driver {
    /// Runs until the call is over or nobody holds a handle.
    pub(super) async fn run(mut self) {
        let mut poll: Option<Poll> = None;
        let mut quiet_since = Instant::now();
        while !self.tracker.snapshot().is_terminated() {
            // A wait beyond the clock's end is no poll at all.
            let wait = self.tracker.poll_after(&self.cadence);
            let due = wait.and_then(|wait| quiet_since.checked_add(wait));
            let polling = poll.is_some();
            let wake = due.unwrap_or(quiet_since);
            tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    Some(command) => {
                        self.obey(command);
                        quiet_since = Instant::now();
                    }
                    None => break,
                },
                Some(notification) = self.feed.next() => {
                    if self.tracker.apply(SystemTime::now(), notification.as_ref()) == Applied::Changed {
                        quiet_since = Instant::now();
                    }
                    if self.feed.has_missed() {
                        self.tracker.doubt();
                    }
                }
                (began, read) = finished(&mut poll), if polling => {
                    poll = None;
                    self.polled(began, read);
                    quiet_since = Instant::now();
                }
                () = sleep_until(wake), if due.is_some() && !polling => poll = Some(self.poll()),
            }
            self.tell();
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::HungUp => {
                self.hear_what_waits();
                self.tracker.hung_up(SystemTime::now());
            }
            Command::Gone => self.end(),
        }
    }

    fn poll(&self) -> Poll {
        let (client, id) = (self.client.clone(), self.tracker.snapshot().id.clone());
        let began = self.tracker.state_revision();
        async move { (began, client.get_call(&id).await) }.boxed()
    }

    fn polled(&mut self, began: u64, read: Result<Call, CallsError>) {
        match read {
            Ok(call) => {
                self.tracker.polled(SystemTime::now(), &call, began);
            }
            Err(error) if error.is_call_not_found() => self.end(),
            Err(error) => {
                tracing::warn!(call = %self.tracker.snapshot().id, %error, "the call could not be polled");
                self.tracker.poll_failed();
            }
        }
    }

    /// The call is over. What waits may say why.
    fn end(&mut self) {
        self.hear_what_waits();
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

/// Waits for the poll under way, for ever when there is none.
async fn finished(poll: &mut Option<Poll>) -> (u64, Result<Call, CallsError>) {
    match poll {
        Some(poll) => poll.await,
        None => std::future::pending().await,
    }
}
