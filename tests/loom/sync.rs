//! The twins of the engine's `sync` under loom.
//!
//! A ring is the library's own ends, `push` and `pop` and arithmetic, over indices that are loom's: in each order of the
//! threads an index may be as old as its orderings allow, and a slot that both ends touch without one having seen the other
//! fails. Only the few lines of the ring's storage are written here once more.
#![expect(unsafe_code, reason = "the storage of a ring is an unsafe trait of the library")]

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::num::NonZeroUsize;
use std::sync::atomic::{self, Ordering::SeqCst};
use std::task::Waker;

use loom::sync::Arc;
use loom::sync::atomic::AtomicUsize;
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use ringbuf::rb::RbRef;
pub(crate) use ringbuf::traits::{Consumer, Observer, Producer};
use ringbuf::traits::{Raw, RingBuffer};
use ringbuf::{Cons, Prod};

pub(crate) use crate::threads::{Builder, JoinHandle, Thread, park};

/// Takes a waker by reference, as the real one does.
#[derive(Debug, Default)]
pub(crate) struct AtomicWaker(loom::future::AtomicWaker);

impl AtomicWaker {
    pub(crate) fn register(&self, waker: &Waker) {
        self.0.register_by_ref(waker);
    }

    pub(crate) fn wake(&self) {
        self.0.wake();
    }
}

pub(crate) type RingIn<T> = Prod<Shared<T>>;
pub(crate) type RingOut<T> = Cons<Shared<T>>;

pub(crate) fn ring<T>(capacity: usize) -> (RingIn<T>, RingOut<T>) {
    let ring = Shared(Arc::new(Ring::new(capacity)));
    (Prod::new(ring.clone()), Cons::new(ring))
}

/// Which step of a ring a mutant does too weakly; a process has one mutant.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(u8)]
pub(crate) enum Weak {
    Nothing,
    /// A frame is there to read, before it is seen to be written.
    Pushing,
    /// A place is free to write, before it is seen to have been read.
    Popping,
}

static WEAK: atomic::AtomicU8 = atomic::AtomicU8::new(Weak::Nothing as u8);

pub(crate) fn weaken(what: Weak) {
    WEAK.store(what as u8, SeqCst);
}

/// As the library has it, but for the mutants.
fn publish_for(step: Weak) -> Ordering {
    if WEAK.load(SeqCst) == step as u8 { Ordering::Relaxed } else { Ordering::Release }
}

pub(crate) struct Shared<T>(Arc<Ring<T>>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> AsRef<Ring<T>> for Shared<T> {
    fn as_ref(&self) -> &Ring<T> {
        &self.0
    }
}

// SAFETY: all clones are of one `Arc`, which keeps the ring where it is.
unsafe impl<T> RbRef for Shared<T> {
    type Rb = Ring<T>;
}

pub(crate) struct Ring<T> {
    read: AtomicUsize,
    write: AtomicUsize,
    /// Counts what either end does. Loom tries two orders of a load and a store only if nothing else touched the atomic in
    /// between, and an end loads its own index before it stores it. This it does not overlook, and it orders nothing.
    steps: AtomicUsize,
    /// Who has an end: asked when the ring is made and not after.
    held: [atomic::AtomicBool; 2],
    slots: UnsafeCell<Box<[MaybeUninit<T>]>>,
    /// One for each slot: loom looks at who touches it.
    touched: Box<[loom::cell::UnsafeCell<()>]>,
}

// SAFETY: the two ends touch different slots, or one after the other. That this is so is what loom is asked here.
unsafe impl<T: Send> Sync for Ring<T> {}

impl<T> Ring<T> {
    fn new(capacity: usize) -> Self {
        Self {
            read: AtomicUsize::new(0),
            write: AtomicUsize::new(0),
            steps: AtomicUsize::new(0),
            held: Default::default(),
            slots: UnsafeCell::new((0..capacity).map(|_| MaybeUninit::uninit()).collect()),
            touched: (0..capacity).map(|_| loom::cell::UnsafeCell::new(())).collect(),
        }
    }

    fn step(&self) {
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    /// The slots between two indices, which count to twice the capacity: up to the end of the storage, and from its beginning.
    fn between(&self, start: usize, end: usize) -> [std::ops::Range<usize>; 2] {
        let capacity = self.touched.len();
        if start / capacity % 2 == end / capacity % 2 {
            [start % capacity..end % capacity, 0..0]
        } else {
            [start % capacity..capacity, 0..end % capacity]
        }
    }
}

impl<T> Observer for Ring<T> {
    type Item = T;

    fn capacity(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.touched.len()).expect("rings are made for something")
    }

    fn read_index(&self) -> usize {
        self.step();
        self.read.load(Ordering::Acquire)
    }

    fn write_index(&self) -> usize {
        self.step();
        self.write.load(Ordering::Acquire)
    }

    fn read_is_held(&self) -> bool {
        self.held[0].load(SeqCst)
    }

    fn write_is_held(&self) -> bool {
        self.held[1].load(SeqCst)
    }
}

impl<T> RingBuffer for Ring<T> {}

// SAFETY: as the library's own storage on the heap, with the same indices and the same orderings.
unsafe impl<T> Raw for Ring<T> {
    unsafe fn unsafe_slices(&self, start: usize, end: usize) -> (&[MaybeUninit<T>], &[MaybeUninit<T>]) {
        let [first, second] = self.between(start, end);
        first.clone().chain(second.clone()).for_each(|slot| self.touched[slot].with(|_| ()));
        // SAFETY: the caller has the end that these slots belong to.
        let slots = unsafe { &*self.slots.get() };
        (&slots[first], &slots[second])
    }

    unsafe fn unsafe_slices_mut(
        &self,
        start: usize,
        end: usize,
    ) -> (&mut [MaybeUninit<T>], &mut [MaybeUninit<T>]) {
        let [first, second] = self.between(start, end);
        first.clone().chain(second.clone()).for_each(|slot| self.touched[slot].with_mut(|_| ()));
        // SAFETY: the caller has the end that these slots belong to, and the two ranges have none in common. The slices of
        // the other end are of other slots.
        unsafe {
            let slots = (*self.slots.get()).as_mut_ptr();
            let part = |range: std::ops::Range<usize>| {
                std::slice::from_raw_parts_mut(slots.add(range.start), range.len())
            };
            (part(first), part(second))
        }
    }

    unsafe fn set_read_index(&self, value: usize) {
        self.step();
        self.read.store(value, publish_for(Weak::Popping));
    }

    unsafe fn set_write_index(&self, value: usize) {
        self.step();
        self.write.store(value, publish_for(Weak::Pushing));
    }

    unsafe fn hold_read(&self, flag: bool) -> bool {
        self.held[0].swap(flag, SeqCst)
    }

    unsafe fn hold_write(&self, flag: bool) -> bool {
        self.held[1].swap(flag, SeqCst)
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        self.clear();
    }
}
