//! What the application says to its sender without a queue: read at each tick, so that it acts within one frame.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

/// Mute, pause and barge-in of one session. Written by the application, read by the worker.
#[derive(Debug, Default)]
pub(crate) struct SendControl {
    muted: AtomicBool,
    paused: AtomicBool,
    /// How often speech was cleared. What was said before the last time carries a lower number, and is stale.
    clears: AtomicU64,
    /// Samples that the player holds.
    remaining: AtomicU64,
}

/// What holds for one tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Now {
    pub(crate) clears: u64,
    pub(crate) paused: bool,
}

impl SendControl {
    pub(crate) fn set_muted(&self, muted: bool) {
        self.muted.store(muted, Release);
    }

    pub(crate) fn is_muted(&self) -> bool {
        self.muted.load(Acquire)
    }

    pub(crate) fn set_paused(&self, paused: bool) {
        self.paused.store(paused, Release);
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused.load(Acquire)
    }

    /// What holds for one tick, read once.
    pub(crate) fn now(&self) -> Now {
        Now { clears: self.clears(), paused: self.is_paused() }
    }

    /// Makes all that was said so far stale.
    pub(crate) fn clear(&self) {
        self.clears.fetch_add(1, Release);
    }

    pub(crate) fn clears(&self) -> u64 {
        self.clears.load(Acquire)
    }

    /// Before the samples are queued, so that the worker never takes away more than there is.
    pub(crate) fn add_remaining(&self, samples: usize) {
        self.remaining.fetch_add(samples as u64, Relaxed);
    }

    pub(crate) fn take_remaining(&self, samples: usize) {
        self.remaining.fetch_sub(samples as u64, Relaxed);
    }

    pub(crate) fn remaining(&self) -> u64 {
        self.remaining.load(Relaxed)
    }
}
