//! Threads that can be parked. Loom has them too, but there a thread that waits for a lock forgets that it was unparked, which
//! a real one does not.

use std::cell::RefCell;
use std::io;
use std::sync::Arc;

use loom::sync::{Condvar, Mutex};
use loom::thread;

/// Given by `unpark`, taken by `park`.
#[derive(Default)]
struct Token {
    given: Mutex<bool>,
    changed: Condvar,
}

loom::thread_local! {
    static OWN: RefCell<Arc<Token>> = RefCell::default();
}

/// Waits for the token, and takes it.
pub(crate) fn park() {
    let token = OWN.with(|own| Arc::clone(&own.borrow()));
    let mut given = token.given.lock().unwrap();
    while !std::mem::take(&mut *given) {
        given = token.changed.wait(given).unwrap();
    }
}

#[derive(Clone)]
pub(crate) struct Thread(Arc<Token>);

impl Thread {
    pub(crate) fn unpark(&self) {
        *self.0.given.lock().unwrap() = true;
        self.0.changed.notify_one();
    }
}

pub(crate) struct JoinHandle<T> {
    handle: thread::JoinHandle<T>,
    thread: Thread,
}

impl<T> JoinHandle<T> {
    pub(crate) fn thread(&self) -> &Thread {
        &self.thread
    }

    pub(crate) fn join(self) -> std::thread::Result<T> {
        self.handle.join()
    }
}

/// Names are not kept.
pub(crate) struct Builder;

impl Builder {
    pub(crate) fn new() -> Self {
        Self
    }

    pub(crate) fn name(self, _: String) -> Self {
        self
    }

    pub(crate) fn spawn<T: 'static>(self, work: impl FnOnce() -> T + 'static) -> io::Result<JoinHandle<T>> {
        let token = Arc::<Token>::default();
        let own = Arc::clone(&token);
        let handle = thread::spawn(move || {
            OWN.with(|slot| *slot.borrow_mut() = own);
            work()
        });
        Ok(JoinHandle { handle, thread: Thread(token) })
    }
}
