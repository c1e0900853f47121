//! [io] The bell thread: wakes applications, so that media threads never enter an async runtime.
#![expect(clippy::disallowed_methods, reason = "starts the bell thread")]

use std::io;
use std::sync::Arc;

use super::load::HealthBell;
use crate::session::doorbell::Doorbell;
use crate::sync::Ordering::{Acquire, Release};
use crate::sync::{AtomicBool, Builder, Consumer, JoinHandle, Producer, RingIn, RingOut, Thread, park, ring};

/// Doorbells that can be queued. Each is queued at most once, a session has six, and a worker takes no more
/// sessions than fit.
pub(crate) const DOORBELLS: usize = 6 * super::thread::MAX_SESSIONS;

/// The worker's end: queues doorbells and rings.
pub(crate) struct BellPull {
    ring: RingIn<Arc<Doorbell>>,
    bell: Thread,
    pulled: bool,
}

impl BellPull {
    /// Queues a doorbell.
    pub(crate) fn queue(&mut self, doorbell: Arc<Doorbell>) {
        let queued = self.ring.try_push(doorbell);
        debug_assert!(queued.is_ok(), "the ring has a slot for each doorbell");
        self.pulled = true;
    }

    /// Wakes the bell thread if anything was queued: one wake for all.
    pub(crate) fn ring(&mut self) {
        if std::mem::take(&mut self.pulled) {
            self.unpark();
        }
    }

    /// Wakes the bell thread.
    pub(crate) fn unpark(&self) {
        self.bell.unpark();
    }
}

/// The bell thread of one worker.
pub(crate) struct Bell {
    thread: JoinHandle<()>,
    over: Arc<AtomicBool>,
}

impl Bell {
    pub(crate) fn start(name: String, health: Arc<HealthBell>) -> io::Result<(Self, BellPull)> {
        let (ring, mut queued) = ring(DOORBELLS);
        let over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&over);
        let thread = Builder::new().name(name).spawn(move || {
            while !ends.load(Acquire) {
                answer_all(&mut queued);
                health.answer();
                park();
            }
            answer_all(&mut queued);
        })?;
        let pull = BellPull { ring, bell: thread.thread().clone(), pulled: false };
        Ok((Self { thread, over }, pull))
    }

    /// Ends the thread once it has answered what is queued.
    pub(crate) fn stop(self) {
        self.over.store(true, Release);
        self.thread.thread().unpark();
        // A waker that panicked has already said so on its own thread; there is nothing to add.
        let _ = self.thread.join();
    }
}

fn answer_all(queued: &mut RingOut<Arc<Doorbell>>) {
    while let Some(doorbell) = queued.try_pop() {
        doorbell.answer();
    }
}
