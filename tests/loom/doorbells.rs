//! An application that goes to sleep, and a media thread that has something for it.

use std::task::{Context, Poll, Waker};

use loom::future::block_on;
use loom::sync::atomic::{AtomicUsize as LoomUsize, Ordering};
use loom::sync::{Arc, mpsc};
use loom::thread;

use crate::explore::{assert_found_out, explore};
use crate::session::doorbell::{Doorbell, wait_at};
use crate::sync;

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
    explore(3, move || {
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
    })
}

fn all_written(written: &LoomUsize) -> Option<()> {
    (written.load(Ordering::Acquire) == FRAMES).then_some(())
}

#[test]
fn no_wake_is_lost_between_a_media_thread_and_an_application() {
    let tried = model::<Doorbell>(|bell, context, written| wait_at(bell, context, || all_written(written)));
    assert!(tried > 1_000, "only {tried} orders were tried");
    println!("{tried} orders");
}

#[test]
fn doorbells_that_lose_a_wake_are_found_out() {
    assert_found_out(&[
        ("doorbells::a_bell_that_can_be_pressed_only_once", "deadlock"),
        ("doorbells::a_bell_that_wakes_too_early", "deadlock"),
        ("doorbells::an_application_that_looks_once", "deadlock"),
    ]);
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
