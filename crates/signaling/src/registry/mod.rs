//! Brings each notification to the call that it is about, in order, and keeps the early ones.
//!
//! A call's first notifications may arrive before the answer that names the call has been read. They are held by call id
//! until the call is followed.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::auth::Verified;
use crate::model::{Call, CallId, CallState, CommsNotification, ResourceData};

/// Notifications that wait for one call's follower. It applies one in microseconds; when it is this far behind, the newest is
/// dropped and counted, and the call is polled instead.
const QUEUE: usize = 256;
/// Calls whose notifications are held because nobody follows them. The longest held goes first, counted as dropped.
const HELD_CALLS: usize = 256;
/// Notifications held for one of them. Further ones are dropped and counted, and the call is polled once followed.
const HELD_EACH: usize = 64;
/// Bytes of posts held for all of them. The longest held goes first.
const HELD_BYTES: usize = 16 << 20;
/// Invitations that wait for whoever takes incoming calls. Each is good for seconds only.
const INVITATIONS: usize = 64;
/// Ended calls that are remembered, to tell what comes late from what is about nobody's call.
const ENDED: usize = 1024;

/// What became of notifications, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeliveryStats {
    /// Brought to a followed call.
    pub delivered: u64,
    /// Held for a call that nobody followed when they came.
    pub held: u64,
    /// About calls that have ended.
    pub late: u64,
    /// Lost: a queue was full, or too many were held.
    pub dropped: u64,
    /// About no call: their address could not be read.
    pub without_call: u64,
    /// Calls that were not being created when they were first heard of: one whose creation failed here, or an incoming call
    /// that nobody listened for.
    pub unknown_calls: u64,
    /// Incoming calls that were brought to whoever listens for them.
    pub invitations: u64,
    /// Of those, how many were neither answered, rejected nor redirected in time.
    pub invitations_missed: u64,
}

/// An incoming call, and all that follows about it.
pub(crate) struct Invitation {
    pub(crate) call: Call,
    pub(crate) feed: Feed,
    /// When it was told here.
    pub(crate) at: Instant,
}

/// The receiving end of one call.
pub(crate) struct Feed {
    notifications: mpsc::Receiver<Verified<CommsNotification>>,
    missed: Arc<AtomicBool>,
}

impl Feed {
    /// The next notification; `None` once the call is no longer registered.
    pub(crate) async fn next(&mut self) -> Option<Verified<CommsNotification>> {
        self.notifications.recv().await
    }

    /// The next notification, if one waits.
    pub(crate) fn try_next(&mut self) -> Option<Verified<CommsNotification>> {
        self.notifications.try_recv().ok()
    }

    /// Whether notifications were lost since this was last asked.
    pub(crate) fn has_missed(&self) -> bool {
        self.missed.swap(false, Ordering::AcqRel)
    }
}

#[derive(Default)]
pub(crate) struct Registry {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    followed: HashMap<CallId, Entry>,
    held: VecDeque<Held>,
    /// What the held notifications took in their posts.
    held_bytes: usize,
    ended: VecDeque<CallId>,
    /// Whoever takes incoming calls.
    listener: Option<mpsc::Sender<Invitation>>,
    /// Calls being created: while there are any, an unknown call may be one of them.
    creating: usize,
    stats: DeliveryStats,
}

struct Entry {
    notifications: mpsc::Sender<Verified<CommsNotification>>,
    missed: Arc<AtomicBool>,
}

impl Entry {
    /// Whether there was room for it.
    fn offer(&self, notification: Verified<CommsNotification>) -> bool {
        let Err(refused) = self.notifications.try_send(notification) else { return true };
        self.missed.store(true, Ordering::Release);
        // Once more: had the follower emptied the queue before the flag was set, nothing would wake it to see the flag.
        self.notifications.try_send(refused.into_inner()).is_ok()
    }
}

struct Held {
    id: CallId,
    notifications: Vec<Verified<CommsNotification>>,
    bytes: usize,
    missed: bool,
    reported: bool,
}

impl Registry {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // A panic elsewhere leaves at worst one notification undelivered.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn stats(&self) -> DeliveryStats {
        self.inner().stats
    }

    /// Brings a notification, which took so many bytes in its post, to its call, or holds it. Never waits.
    pub(crate) fn deliver(&self, notification: Verified<CommsNotification>, bytes: usize) {
        let mut inner = self.inner();
        match notification.get().call_id() {
            Some(id) => inner.deliver(id, notification, bytes),
            None => {
                inner.stats.without_call += 1;
                tracing::debug!(?notification, "a notification about no call");
            }
        }
    }

    /// Announces that a call is being created, until the answer is dropped.
    pub(crate) fn creating(self: &Arc<Self>) -> Creating {
        self.inner().creating += 1;
        Creating(Arc::clone(self))
    }

    /// Brings incoming calls from now on. `None` when someone listens already.
    pub(crate) fn listen(&self) -> Option<mpsc::Receiver<Invitation>> {
        let mut inner = self.inner();
        if inner.listener.as_ref().is_some_and(|listener| !listener.is_closed()) {
            return None;
        }
        let (sender, invitations) = mpsc::channel(INVITATIONS);
        inner.listener = Some(sender);
        Some(invitations)
    }

    /// An invitation was never taken out of its queue: the call is followed by nobody.
    pub(crate) fn uninvite(&self, id: &CallId) {
        let mut inner = self.inner();
        inner.followed.remove(id);
        inner.stats.invitations_missed += 1;
    }

    /// Nobody has answered an invitation in time.
    pub(crate) fn invitation_missed(&self) {
        self.inner().stats.invitations_missed += 1;
    }

    /// Registers a call: gives what was held for it, in order, and all that follows. `None` when it is followed already.
    pub(crate) fn follow(&self, id: &CallId) -> Option<Feed> {
        self.inner().follow(id)
    }

    /// The call is no longer followed.
    pub(crate) fn leave(&self, id: &CallId) {
        let mut inner = self.inner();
        inner.followed.remove(id);
        if inner.ended.len() == ENDED {
            inner.ended.pop_front();
        }
        inner.ended.push_back(id.clone());
    }
}

impl Inner {
    fn follow(&mut self, id: &CallId) -> Option<Feed> {
        if self.followed.contains_key(id) {
            return None;
        }
        let (sender, notifications) = mpsc::channel(QUEUE);
        let missed = Arc::new(AtomicBool::new(false));
        if let Some(index) = self.held.iter().position(|held| held.id == *id)
            && let Some(held) = self.held.remove(index)
        {
            self.held_bytes -= held.bytes;
            missed.store(held.missed, Ordering::Release);
            for notification in held.notifications {
                sender
                    .try_send(notification)
                    .expect("a new queue has room for all that is held for one call");
            }
        }
        self.ended.retain(|ended| ended != id);
        self.followed.insert(id.clone(), Entry { notifications: sender, missed: Arc::clone(&missed) });
        Some(Feed { notifications, missed })
    }

    fn deliver(&mut self, id: CallId, notification: Verified<CommsNotification>, bytes: usize) {
        if let Some(entry) = self.followed.get(&id) {
            if entry.offer(notification) {
                self.stats.delivered += 1;
            } else {
                self.stats.dropped += 1;
                tracing::warn!(call = %id, "a notification was dropped: the call's queue is full");
            }
        } else if self.ended.contains(&id) {
            self.stats.late += 1;
        } else if let Some(notification) = self.invite(&id, notification) {
            self.hold(id, notification, bytes);
        }
    }

    /// Hands an incoming call to whoever listens for them. Gives the notification back when it is none, or nobody does.
    fn invite(
        &mut self,
        id: &CallId,
        notification: Verified<CommsNotification>,
    ) -> Option<Verified<CommsNotification>> {
        let Some(place) =
            self.listener.as_ref().and_then(|listener| listener.clone().try_reserve_owned().ok())
        else {
            return Some(notification);
        };
        let Some(mut call) = incoming_call(notification.get()) else { return Some(notification) };
        // Its address has the id even where the call inside has none.
        call.id = id.clone().into();
        let Some(feed) = self.follow(id) else { return Some(notification) };
        place.send(Invitation { call, feed, at: Instant::now() });
        self.stats.invitations += 1;
        None
    }

    fn hold(&mut self, id: CallId, notification: Verified<CommsNotification>, bytes: usize) {
        let is_new = self.held.iter().all(|held| held.id != id);
        while ((is_new && self.held.len() == HELD_CALLS) || self.held_bytes + bytes > HELD_BYTES)
            && self.held.front().is_some_and(|oldest| oldest.id != id)
            && let Some(oldest) = self.held.pop_front()
        {
            self.held_bytes -= oldest.bytes;
            self.stats.dropped += oldest.notifications.len() as u64;
        }
        if let Some(held) = self.held.iter_mut().find(|held| held.id == id) {
            if held.notifications.len() < HELD_EACH && self.held_bytes + bytes <= HELD_BYTES {
                held.notifications.push(notification);
                held.bytes += bytes;
                self.held_bytes += bytes;
                self.stats.held += 1;
            } else {
                held.missed = true;
                self.stats.dropped += 1;
            }
            return;
        }
        self.held_bytes += bytes;
        self.held.push_back(Held {
            id,
            notifications: vec![notification],
            bytes,
            missed: false,
            reported: false,
        });
        self.stats.held += 1;
        self.report_unknown();
    }

    /// Reports the calls that nobody follows and nobody is creating.
    fn report_unknown(&mut self) {
        if self.creating > 0 {
            return;
        }
        for held in self.held.iter_mut().filter(|held| !held.reported) {
            held.reported = true;
            self.stats.unknown_calls += 1;
            tracing::warn!(call = %held.id, "notifications about a call that nobody follows");
        }
    }
}

/// The call inside a notification that someone calls the bot.
fn incoming_call(notification: &CommsNotification) -> Option<Call> {
    match notification.resource_data.value()? {
        ResourceData::Call(call) if call.state.known() == Some(CallState::Incoming) => {
            Some(Call::clone(call))
        }
        _ => None,
    }
}

/// A call is being created as long as this lives.
pub(crate) struct Creating(Arc<Registry>);

impl Drop for Creating {
    fn drop(&mut self) {
        let mut inner = self.0.inner();
        inner.creating -= 1;
        inner.report_unknown();
    }
}

#[cfg(test)]
mod tests;
