//! Brings each notification to the call that it is about, in order, and keeps the early ones.
//!
//! A call's first notifications may arrive before the answer that names the call has been read. They are held by call id
//! until the call is followed.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use crate::auth::Verified;
use crate::model::{CallId, CommsNotification};

/// Notifications that wait for one call's follower. It applies one in microseconds; when it is this far behind, the newest is
/// dropped and counted, and the call is polled instead.
const QUEUE: usize = 256;
/// Calls whose notifications are held because nobody follows them. The longest held goes first, counted as dropped.
const HELD_CALLS: usize = 256;
/// Notifications held for one of them. Further ones are dropped and counted, and the call is polled once followed.
const HELD_EACH: usize = 64;
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
    /// Calls that were not being created when they were first heard of. An incoming call, or one whose creation failed here.
    pub unknown_calls: u64,
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
    ended: VecDeque<CallId>,
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

    /// Brings a notification to its call, or holds it. Never waits.
    pub(crate) fn deliver(&self, notification: Verified<CommsNotification>) {
        let mut inner = self.inner();
        match notification.get().call_id() {
            Some(id) => inner.deliver(id, notification),
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

    /// Registers a call: gives what was held for it, in order, and all that follows. `None` when it is followed already.
    pub(crate) fn follow(&self, id: &CallId) -> Option<Feed> {
        let mut inner = self.inner();
        if inner.followed.contains_key(id) {
            return None;
        }
        let (sender, notifications) = mpsc::channel(QUEUE);
        let missed = Arc::new(AtomicBool::new(false));
        if let Some(index) = inner.held.iter().position(|held| held.id == *id)
            && let Some(held) = inner.held.remove(index)
        {
            missed.store(held.missed, Ordering::Release);
            for notification in held.notifications {
                sender
                    .try_send(notification)
                    .expect("a new queue has room for all that is held for one call");
            }
        }
        inner.ended.retain(|ended| ended != id);
        inner.followed.insert(id.clone(), Entry { notifications: sender, missed: Arc::clone(&missed) });
        Some(Feed { notifications, missed })
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
    fn deliver(&mut self, id: CallId, notification: Verified<CommsNotification>) {
        if let Some(entry) = self.followed.get(&id) {
            if entry.offer(notification) {
                self.stats.delivered += 1;
            } else {
                self.stats.dropped += 1;
                tracing::warn!(call = %id, "a notification was dropped: the call's queue is full");
            }
        } else if self.ended.contains(&id) {
            self.stats.late += 1;
        } else {
            self.hold(id, notification);
        }
    }

    fn hold(&mut self, id: CallId, notification: Verified<CommsNotification>) {
        if let Some(held) = self.held.iter_mut().find(|held| held.id == id) {
            if held.notifications.len() < HELD_EACH {
                held.notifications.push(notification);
                self.stats.held += 1;
            } else {
                held.missed = true;
                self.stats.dropped += 1;
            }
            return;
        }
        if self.held.len() == HELD_CALLS
            && let Some(oldest) = self.held.pop_front()
        {
            self.stats.dropped += oldest.notifications.len() as u64;
        }
        self.held.push_back(Held { id, notifications: vec![notification], missed: false, reported: false });
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
mod tests {
    use super::*;

    fn about(id: &str) -> Verified<CommsNotification> {
        let resource_url = format!("/communications/calls/{id}").into();
        Verified::checked_elsewhere(CommsNotification { resource_url, ..CommsNotification::new() })
    }

    fn waiting(feed: &mut Feed) -> usize {
        std::iter::from_fn(|| feed.try_next()).count()
    }

    #[test]
    fn what_comes_before_the_call_is_followed_is_held_for_it() {
        let registry = Arc::new(Registry::default());
        let creating = registry.creating();
        registry.deliver(about("A-1"));
        registry.deliver(about("a1"));
        let mut feed = registry.follow(&"a1".into()).unwrap();
        drop(creating);
        registry.deliver(about("A1"));
        assert_eq!(waiting(&mut feed), 3);
        assert_eq!(registry.stats(), DeliveryStats { delivered: 1, held: 2, ..DeliveryStats::default() });
        assert!(!feed.has_missed());
    }

    #[test]
    fn a_call_that_nobody_creates_is_reported_once() {
        let registry = Arc::new(Registry::default());
        registry.deliver(about("1"));
        registry.deliver(about("1"));
        assert_eq!(registry.stats().unknown_calls, 1);
        let creating = registry.creating();
        registry.deliver(about("2"));
        assert_eq!(registry.stats().unknown_calls, 1, "it may be the one that is being created");
        drop(creating);
        assert_eq!(registry.stats().unknown_calls, 2, "it was not");
    }

    #[test]
    fn what_comes_after_the_end_is_late_and_not_unknown() {
        let registry = Registry::default();
        let id = CallId::from("1");
        let _feed = registry.follow(&id).unwrap();
        registry.leave(&id);
        registry.deliver(about("1"));
        assert_eq!(registry.stats(), DeliveryStats { late: 1, ..DeliveryStats::default() });
    }

    #[test]
    fn memory_is_bounded_and_losses_are_counted_and_told() {
        let registry = Registry::default();
        let mut feed = registry.follow(&"1".into()).unwrap();
        (0..QUEUE + 5).for_each(|_| registry.deliver(about("1")));
        assert_eq!(registry.stats().dropped, 5);
        assert!(feed.has_missed() && !feed.has_missed());
        assert_eq!(waiting(&mut feed), QUEUE);

        (0..HELD_EACH + 3).for_each(|_| registry.deliver(about("2")));
        assert_eq!(registry.stats().dropped, 8);
        assert!(registry.follow(&"2".into()).unwrap().has_missed());

        (0..HELD_CALLS + 2).for_each(|n| registry.deliver(about(&format!("x{n}"))));
        assert_eq!(registry.stats().dropped, 10);
        assert_eq!(registry.inner().held.len(), HELD_CALLS);
    }

    #[test]
    fn a_call_is_followed_by_one() {
        let registry = Registry::default();
        let _feed = registry.follow(&"1".into()).unwrap();
        assert!(registry.follow(&"1".into()).is_none());
    }
}
