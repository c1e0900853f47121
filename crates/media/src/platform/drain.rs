//! [io] The graceful end of a platform: no new sessions, the old ones go on for a while.
#![expect(clippy::disallowed_methods, reason = "starts the thread that waits, as no runtime is at hand here")]

use std::future::poll_fn;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use std::sync::{Arc, PoisonError};
use std::task::Poll;
use std::thread::Builder;
use std::time::Duration;

use futures_util::task::AtomicWaker;

use super::{MediaPlatform, lock};
use crate::error::MediaError;

/// How a platform was drained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Drained {
    /// Sessions that were still there at the deadline, and were ended.
    pub left: usize,
}

impl MediaPlatform {
    /// Takes no more sessions, waits until those that exist are dropped, but no longer than `within`, and shuts down.
    ///
    /// New sessions are refused with [`MediaError::Draining`] from the call on, not from the first poll. To wait takes a thread
    /// of its own, which ends with it.
    ///
    /// # Errors
    /// When the system refuses that thread. The platform then takes no more sessions, and runs on.
    pub fn drain(&self, within: Duration) -> impl Future<Output = Result<Drained, MediaError>> + use<> {
        self.engine.draining.store(true, Relaxed);
        let done = Arc::new((AtomicBool::new(false), AtomicWaker::new()));
        let platform = self.clone();
        let waiting = Builder::new().name("offhook-drain".to_owned()).spawn({
            let done = Arc::clone(&done);
            move || {
                let drained = platform.drain_blocking(within);
                done.0.store(true, Release);
                done.1.wake();
                drained
            }
        });
        async move {
            let refused =
                |source: io::Error| MediaError::System { what: "starting a thread to drain", source };
            let waiting = waiting.map_err(refused)?;
            poll_fn(|context| {
                done.1.register(context.waker());
                if done.0.load(Acquire) { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            let panicked = |_| refused(io::Error::other("the thread panicked"));
            waiting.join().map_err(panicked)
        }
    }

    /// [`drain`](Self::drain) for a thread of its own.
    pub fn drain_blocking(&self, within: Duration) -> Drained {
        let engine = &self.engine;
        engine.draining.store(true, Relaxed);
        let placement = lock(&engine.placement);
        let waited = engine.left.wait_timeout_while(placement, within, |placement| placement.taken() > 0);
        let left = waited.unwrap_or_else(PoisonError::into_inner).0.taken();
        self.shut_down();
        Drained { left }
    }
}
