//! How an application learns that its end of a ring has something for it, without the media thread entering the
//! application's runtime.
//!
//! Waking a task of an async runtime takes a lock inside that runtime. So a media thread only queues the doorbell; the
//! platform's bell thread answers it.

use std::task::{Context, Poll, Waker};

use super::state::SharedState;
use crate::sync::{AtomicBool, AtomicWaker, Ordering::AcqRel};

/// One place where one task or thread of the application waits.
#[derive(Debug, Default)]
pub(crate) struct Doorbell {
    waker: AtomicWaker,
    queued: AtomicBool,
}

impl Doorbell {
    /// Leaves `waker` at the door. Whoever calls must look once more at what it waits for.
    pub(crate) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// Media thread: `true` when the doorbell is to be queued; `false` while it still is.
    pub(crate) fn press(&self) -> bool {
        !self.queued.swap(true, AcqRel)
    }

    /// Bell thread: wakes who waits. What was written before [`press`](Self::press) is visible to it.
    pub(crate) fn answer(&self) {
        self.queued.swap(false, AcqRel);
        self.waker.wake();
    }
}

/// Asks `ready`; if not, leaves the waker at `doorbell` and asks once more.
pub(crate) fn wait_at<R>(
    doorbell: &Doorbell,
    context: &mut Context<'_>,
    mut ready: impl FnMut() -> Option<R>,
) -> Poll<R> {
    if let Some(result) = ready() {
        return Poll::Ready(result);
    }
    doorbell.register(context.waker());
    ready().map_or(Poll::Pending, Poll::Ready)
}

/// Waits for something to read; `false` when the session is over and all was read.
pub(crate) fn wait_for_more(
    doorbell: &Doorbell,
    state: &SharedState,
    context: &mut Context<'_>,
    has_more: impl Fn() -> bool,
) -> Poll<bool> {
    wait_at(doorbell, context, || {
        // Asked first: what was queued before the end is still read.
        let is_over = state.get().is_over();
        if has_more() { Some(true) } else { is_over.then_some(false) }
    })
}
