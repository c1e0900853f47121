//! The end of a session, with its media thread and its bell thread: what was there before it is still heard, nobody sleeps
//! through it, and what has ended stays so.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use loom::future::block_on;
use loom::thread;

use crate::explore::{assert_found_out, explore};
use crate::ring::{RingReader, frame_ring};
use crate::session::doorbell::{Doorbell, wait_at, wait_for_more};
use crate::session::state::{MediaState, SharedState};
use crate::sync::{
    AtomicBool, AtomicU8, Builder, Consumer, JoinHandle, Ordering, Producer, RingIn, Thread, park, ring,
};
use crate::worker::bell::{Bell, BellPull};
use crate::worker::load::HealthBell;

/// What a session and its application share.
#[derive(Default)]
struct Shared {
    state: State,
    heard: Arc<Doorbell>,
}

struct State(SharedState);

impl Default for State {
    fn default() -> Self {
        Self(SharedState::new())
    }
}

/// A bell thread and the worker's end of it; a mutant does it wrongly.
trait Bells: Sized {
    type Pull: Send + 'static;
    fn start() -> (Self, Self::Pull);
    fn press(pull: &mut Self::Pull, doorbell: &Arc<Doorbell>);
    fn ring(pull: &mut Self::Pull);
    fn stop(self);
}

impl Bells for Bell {
    type Pull = BellPull;

    fn start() -> (Self, BellPull) {
        Self::start("bell".to_owned(), Arc::<HealthBell>::default()).unwrap()
    }

    fn press(pull: &mut BellPull, doorbell: &Arc<Doorbell>) {
        if doorbell.press() {
            pull.queue(Arc::clone(doorbell));
        }
    }

    fn ring(pull: &mut BellPull) {
        pull.ring();
    }

    fn stop(self) {
        Bell::stop(self);
    }
}

/// How an application waits for a frame; `false` at the end.
type Wait = fn(&Shared, &RingReader<usize>, &mut Context<'_>) -> Poll<bool>;

fn waits(shared: &Shared, reader: &RingReader<usize>, context: &mut Context<'_>) -> Poll<bool> {
    wait_for_more(&shared.heard, &shared.state.0, context, || reader.queued() > 0)
}

/// How a media thread ends a session.
type End<B> = fn(&Shared, &mut <B as Bells>::Pull);

fn ends<B: Bells>(shared: &Shared, pull: &mut B::Pull) {
    if shared.state.0.set(MediaState::Closed) {
        B::press(pull, &shared.heard);
    }
}

/// A media thread writes a frame, rings, ends the session in the next pass, and rings once more; then the bell thread is
/// stopped. The application reads until the end. Returns how many orders were tried.
fn model<B: Bells>(wait: Wait, end: End<B>) -> usize {
    explore(2, move || {
        let shared = Arc::<Shared>::default();
        let (mut writer, mut reader) = frame_ring(2, || 0);
        let (bell, mut pull) = B::start();
        let of_media = Arc::clone(&shared);
        let media = thread::spawn(move || {
            assert!(writer.write(|frame| *frame = 1), "the ring has room");
            B::press(&mut pull, &of_media.heard);
            B::ring(&mut pull);
            end(&of_media, &mut pull);
            B::ring(&mut pull);
        });
        let application = thread::spawn(move || {
            let mut heard = Vec::new();
            while block_on(poll_fn(|context| wait(&shared, &reader, context))) {
                heard.extend(reader.read().copied());
            }
            heard
        });
        media.join().unwrap();
        bell.stop();
        assert_eq!(application.join().unwrap(), [1], "the frame before the end is heard");
    })
}

#[test]
fn what_was_there_before_the_end_is_heard_and_nobody_sleeps_through_it() {
    let tried = model::<Bell>(waits, ends::<Bell>);
    assert!(tried > 10_000, "only {tried} orders were tried");
    println!("{tried} orders");
}

/// Where a session stands; a mutant keeps it wrongly.
trait Keeps: Send + Sync + 'static {
    fn new() -> Self;
    fn set(&self, state: MediaState) -> bool;
    fn is_closed(&self) -> bool;
}

impl Keeps for SharedState {
    fn new() -> Self {
        Self::new()
    }

    fn set(&self, state: MediaState) -> bool {
        self.set(state)
    }

    fn is_closed(&self) -> bool {
        self.get() == MediaState::Closed
    }
}

/// The application and the worker both set the state.
fn model_of_states<S: Keeps>() -> usize {
    explore(3, move || {
        let state = Arc::new(S::new());
        let of_worker = Arc::clone(&state);
        let worker = thread::spawn(move || of_worker.set(MediaState::Connected));
        assert!(state.set(MediaState::Closed), "a change");
        worker.join().unwrap();
        assert!(state.is_closed(), "brought back to life");
        assert!(!state.set(MediaState::Failed), "what is over stays so");
        assert!(!state.set(MediaState::Closed), "no change");
    })
}

#[test]
fn what_the_application_ends_is_not_brought_back_by_the_worker() {
    let tried = model_of_states::<SharedState>();
    assert!(tried > 3, "only {tried} orders were tried");
    println!("{tried} orders");
}

#[test]
fn ends_that_are_missed_are_found_out() {
    assert_found_out(&[
        ("shutdown::an_application_that_asks_for_the_end_last", "the frame before the end is heard"),
        ("shutdown::an_end_that_is_rung_before_it_is_true", "deadlock"),
        ("shutdown::a_bell_thread_that_stops_at_once", "deadlock"),
        ("shutdown::a_state_that_is_read_and_then_written", "brought back to life"),
    ]);
}

#[test]
#[ignore = "fails, as the test of the mutants wants it to"]
fn an_application_that_asks_for_the_end_last() {
    let wait: Wait = |shared, reader, context| {
        wait_at(&shared.heard, context, || {
            if reader.queued() > 0 { Some(true) } else { shared.state.0.get().is_over().then_some(false) }
        })
    };
    model::<Bell>(wait, ends::<Bell>);
}

#[test]
#[ignore = "fails, as the test of the mutants wants it to"]
fn an_end_that_is_rung_before_it_is_true() {
    model::<Bell>(waits, |shared, pull| {
        Bell::press(pull, &shared.heard);
        pull.ring();
        shared.state.0.set(MediaState::Closed);
    });
}

#[test]
#[ignore = "fails, as the test of the mutants wants it to"]
fn a_bell_thread_that_stops_at_once() {
    model::<StopsAtOnce>(waits, ends::<StopsAtOnce>);
}

/// Does not look once more when it is told to end.
struct StopsAtOnce {
    thread: JoinHandle<()>,
    over: Arc<AtomicBool>,
}

impl Bells for StopsAtOnce {
    type Pull = (RingIn<Arc<Doorbell>>, Thread);

    fn start() -> (Self, Self::Pull) {
        let (queue, mut queued) = ring::<Arc<Doorbell>>(2);
        let over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&over);
        let rounds = move || {
            while !ends.load(Ordering::Acquire) {
                while let Some(doorbell) = queued.try_pop() {
                    doorbell.answer();
                }
                park();
            }
        };
        let thread = Builder::new().spawn(rounds).unwrap();
        let pull = (queue, thread.thread().clone());
        (Self { thread, over }, pull)
    }

    fn press((queue, _): &mut Self::Pull, doorbell: &Arc<Doorbell>) {
        if doorbell.press() {
            assert!(queue.try_push(Arc::clone(doorbell)).is_ok(), "each is queued once");
        }
    }

    fn ring((_, thread): &mut Self::Pull) {
        thread.unpark();
    }

    fn stop(self) {
        self.over.store(true, Ordering::Release);
        self.thread.thread().unpark();
        self.thread.join().unwrap();
    }
}

#[test]
#[ignore = "fails, as the test of the mutants wants it to"]
fn a_state_that_is_read_and_then_written() {
    model_of_states::<ReadsThenWrites>();
}

/// Whether it is over is asked in a step of its own.
struct ReadsThenWrites(AtomicU8);

impl Keeps for ReadsThenWrites {
    fn new() -> Self {
        Self(AtomicU8::new(MediaState::Connecting as u8))
    }

    fn set(&self, state: MediaState) -> bool {
        let is_over = self.0.load(Ordering::Acquire) >= MediaState::Failed as u8;
        if !is_over {
            self.0.store(state as u8, Ordering::Release);
        }
        !is_over
    }

    fn is_closed(&self) -> bool {
        self.0.load(Ordering::Acquire) == MediaState::Closed as u8
    }
}
