//! What threads meet at. `tests/loom` compiles the files that use it against loom's instead, and tries every order in which
//! the threads can meet.

use std::sync::Arc;

use ringbuf::{Cons, HeapRb, Prod};

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
pub(crate) use std::thread::{Builder, JoinHandle, Thread, park};

pub(crate) use futures_util::task::AtomicWaker;
pub(crate) use ringbuf::traits::{Consumer, Observer, Producer};

/// The ends of a ring that read the other side's index at each call. The caching ends answer `is_full` from memory, which
/// keeps a ring full that no longer is; at 50 frames a second there is nothing to gain from them.
pub(crate) type RingIn<T> = Prod<Arc<HeapRb<T>>>;
pub(crate) type RingOut<T> = Cons<Arc<HeapRb<T>>>;

/// A ring from one thread to another, for `capacity` items.
///
/// # Panics
/// When `capacity` is zero.
pub(crate) fn ring<T>(capacity: usize) -> (RingIn<T>, RingOut<T>) {
    let ring = Arc::new(HeapRb::new(capacity));
    (Prod::new(Arc::clone(&ring)), Cons::new(ring))
}
