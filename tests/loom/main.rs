//! How an application that goes to sleep and a media thread that has something for it meet, in every order in which the threads
//! can take their steps.
//!
//! The engine's doorbell is compiled here once more, against loom's atomics in the place of the real ones. The model counts the
//! orders that were tried, since one that tries a single order finds nothing; and siblings of it with a step swapped or left out
//! must be found out.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../../crates/media/src/session/doorbell.rs"]
mod doorbell;

use std::process::Command;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Poll, Waker};

use doorbell::{Doorbell, wait_at};
use loom::future::block_on;
use loom::sync::atomic::{AtomicUsize as LoomUsize, Ordering};
use loom::sync::{Arc, mpsc};
use loom::thread;

/// The twins of the engine's `sync` under loom.
mod sync {
    use std::task::Waker;

    pub(crate) use loom::sync::atomic::{AtomicBool, Ordering};

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
}

/// What the threads do with a doorbell; mutants do it wrongly.
trait Bell: Default + Send + Sync + 'static {
    fn register(&self, waker: &Waker);
    fn press(&self) -> bool;
    fn answer(&self);
}

impl Bell for Doorbell {
    fn register(&self, waker: &Waker) {
        Doorbell::register(self, waker);
    }

    fn press(&self) -> bool {
        Doorbell::press(self)
    }

    fn answer(&self) {
        Doorbell::answer(self);
    }
}

/// Frames that the media thread writes, with a press after each.
const FRAMES: usize = 2;

/// An application waits until all frames are there; a media thread writes them and presses; a bell thread answers what was
/// queued. Whoever loses a wake leaves the application asleep for good, which loom reports. Returns how many orders it tried.
fn model<B: Bell>(wait: fn(&B, &mut Context<'_>, &LoomUsize) -> Poll<()>) -> usize {
    let tried: &'static AtomicUsize = Box::leak(Box::new(AtomicUsize::new(0)));
    let mut builder = loom::model::Builder::new();
    // Three changes of thread where none is forced: enough for what goes wrong here, in seconds.
    builder.preemption_bound = Some(3);
    builder.check(move || {
        tried.fetch_add(1, SeqCst);
        let bell = Arc::new(B::default());
        let written = Arc::new(LoomUsize::new(0));
        let (queue, queued) = mpsc::channel();
        let media = {
            let (bell, written) = (Arc::clone(&bell), Arc::clone(&written));
            thread::spawn(move || {
                for frame in 1..=FRAMES {
                    written.store(frame, Ordering::Release);
                    if bell.press() {
                        queue.send(Some(())).unwrap();
                    }
                }
                // Loom's channel does not tell that its sender has gone.
                queue.send(None).unwrap();
            })
        };
        let answering = {
            let bell = Arc::clone(&bell);
            thread::spawn(move || {
                while queued.recv().unwrap().is_some() {
                    bell.answer();
                }
            })
        };
        block_on(std::future::poll_fn(|context| wait(&bell, context, &written)));
        media.join().unwrap();
        answering.join().unwrap();
    });
    tried.load(SeqCst)
}

fn all_written(written: &LoomUsize) -> Option<()> {
    (written.load(Ordering::Acquire) == FRAMES).then_some(())
}

#[test]
fn no_wake_is_lost_between_a_media_thread_and_an_application() {
    let tried = model::<Doorbell>(|bell, context, written| wait_at(bell, context, || all_written(written)));
    assert!(tried > 100, "only {tried} orders were tried");
    println!("{tried} orders");
}

/// Each in a process of its own, as loom does not survive a thread that never wakes.
#[test]
fn doorbells_that_lose_a_wake_are_found_out() {
    for mutant in [
        "a_bell_that_can_be_pressed_only_once",
        "a_bell_that_wakes_too_early",
        "an_application_that_looks_once",
    ] {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", mutant, "--ignored", "--nocapture"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("deadlock"), "{mutant} was not found out: {said}");
    }
}

#[test]
#[ignore = "fails, as the test of the mutants wants it to"]
fn a_bell_that_wakes_too_early() {
    wrong::<WakesTooEarly>();
}

#[test]
#[ignore = "fails, as the test of the mutants wants it to"]
fn a_bell_that_can_be_pressed_only_once() {
    wrong::<NeverResets>();
}

/// The application's half without its second look.
#[test]
#[ignore = "fails, as the test of the mutants wants it to"]
fn an_application_that_looks_once() {
    model::<Doorbell>(|bell, context, written| {
        if all_written(written).is_some() {
            return Poll::Ready(());
        }
        bell.register(context.waker());
        Poll::Pending
    });
}

fn wrong<B: Bell>() {
    model::<B>(|bell, context, written| {
        if all_written(written).is_some() {
            return Poll::Ready(());
        }
        bell.register(context.waker());
        all_written(written).map_or(Poll::Pending, Poll::Ready)
    });
}

#[derive(Default)]
struct WakesTooEarly {
    waker: sync::AtomicWaker,
    queued: sync::AtomicBool,
}

impl Bell for WakesTooEarly {
    fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    fn press(&self) -> bool {
        !self.queued.swap(true, Ordering::AcqRel)
    }

    fn answer(&self) {
        self.waker.wake();
        self.queued.swap(false, Ordering::AcqRel);
    }
}

#[derive(Default)]
struct NeverResets(WakesTooEarly);

impl Bell for NeverResets {
    fn register(&self, waker: &Waker) {
        self.0.register(waker);
    }

    fn press(&self) -> bool {
        self.0.press()
    }

    fn answer(&self) {
        self.0.waker.wake();
    }
}
