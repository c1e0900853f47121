//! A global allocator that notes what passes through it.
//!
//! It sees what Rust code asks of the heap. It does not see what C code asks of `malloc`: libopus and aws-lc take their
//! memory there. Of libopus this is known from its source and not from here: it takes memory when an encoder or decoder
//! is made, and its working memory per frame is on the stack.
#![expect(unsafe_code, reason = "an allocator is an unsafe trait; all it does is to pass on to the system's")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::Thread;

#[global_allocator]
static ALLOCATOR: Noting = Noting;

struct Noting;

/// What was done to the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Allocated,
    Freed,
}

/// One touch of the heap.
pub(crate) struct Event {
    pub(crate) deed: Deed,
    pub(crate) thread: Thread,
    pub(crate) address: usize,
    pub(crate) bytes: usize,
    /// The calls that led here. Not resolved to names before it is printed, and so cheap enough to take each time.
    pub(crate) calls: Backtrace,
}

struct Recording {
    watched: Box<dyn Fn(&Thread) -> bool + Send>,
    events: Vec<Event>,
}

/// Whether there is a recording: asked at each allocation of the whole process.
static OPEN: AtomicBool = AtomicBool::new(false);
static RECORDING: Mutex<Option<Recording>> = Mutex::new(None);
/// Tests that record do not run side by side.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

thread_local! {
    /// This thread is inside [`note`], whose own allocations are nobody's.
    static NOTING: Cell<bool> = const { Cell::new(false) };
}

/// A test's turn, from its first thread to its last: threads of another would be taken for its own, and who resolves a
/// backtrace while another records waits for it, and is waited for.
pub(crate) struct Turn(#[expect(dead_code, reason = "held for its drop")] MutexGuard<'static, ()>);

/// Waits for the test's turn.
pub(crate) fn take_turn() -> Turn {
    Turn(lock(&ONE_AT_A_TIME))
}

impl Turn {
    /// Notes what the `watched` threads do to the heap while `work` runs on this one.
    pub(crate) fn record(
        &self,
        watched: impl Fn(&Thread) -> bool + Send + 'static,
        work: impl FnOnce(),
    ) -> Vec<Event> {
        *lock(&RECORDING) = Some(Recording { watched: Box::new(watched), events: Vec::new() });
        OPEN.store(true, SeqCst);
        work();
        OPEN.store(false, SeqCst);
        lock(&RECORDING).take().unwrap().events
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn note(deed: Deed, address: *mut u8, bytes: usize) {
    if !OPEN.load(SeqCst) || NOTING.replace(true) {
        return;
    }
    let thread = std::thread::current();
    if let Some(recording) = &mut *lock(&RECORDING)
        && (recording.watched)(&thread)
    {
        let calls = Backtrace::force_capture();
        recording.events.push(Event { deed, thread, address: address.addr(), bytes, calls });
    }
    NOTING.set(false);
}

// SAFETY: each method passes its arguments on to the system's allocator as they are and returns what that returns; what
// `note` does besides touches neither the memory nor the layout, and does not come back here a second time.
unsafe impl GlobalAlloc for Noting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        let address = unsafe { System.alloc(layout) };
        note(Deed::Allocated, address, layout.size());
        address
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        let address = unsafe { System.alloc_zeroed(layout) };
        note(Deed::Allocated, address, layout.size());
        address
    }

    unsafe fn dealloc(&self, address: *mut u8, layout: Layout) {
        // Before it is free: another thread may be given the same address at once.
        note(Deed::Freed, address, layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(address, layout) };
    }

    unsafe fn realloc(&self, address: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        note(Deed::Freed, address, layout.size());
        // SAFETY: as above.
        let address = unsafe { System.realloc(address, layout, bytes) };
        note(Deed::Allocated, address, bytes);
        address
    }
}

#[test]
fn an_allocation_and_a_free_are_seen_and_other_threads_are_not() {
    let turn = take_turn();
    let me = std::thread::current().id();
    let events = turn.record(
        move |thread| thread.id() == me,
        || {
            let mut bytes = std::hint::black_box(Vec::<u8>::with_capacity(1000));
            bytes.reserve_exact(2000);
            drop(bytes);
        },
    );
    let seen: Vec<_> = events.iter().map(|event| (event.deed, event.bytes)).collect();
    let (allocated, freed) = (Deed::Allocated, Deed::Freed);
    assert_eq!(seen, [(allocated, 1000), (freed, 1000), (allocated, 2000), (freed, 2000)]);
    assert!(events.iter().all(|event| event.thread.id() == me));
    let calls = events[0].calls.to_string();
    assert!(calls.contains("other_threads_are_not"), "the calls name this test:\n{calls}");
}
