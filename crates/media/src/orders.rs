//! Orders from an application to a media thread: each is answered once, in the order in which they were given.
//!
//! An order that is not answered keeps its place, so there is always room for its answer. Nothing is allocated, freed or
//! locked after [`order_ring`] returns; what an order owns is freed by the media thread only if nobody else holds it.

use std::sync::Arc;

use crate::sync::Ordering::{Acquire, Release};
use crate::sync::{AtomicBool, Consumer, Observer, Producer, RingIn, RingOut, ring};

/// Makes the two ends for `capacity` orders that are not answered yet.
///
/// # Panics
/// When `capacity` is zero: no order could be given.
pub(crate) fn order_ring<O, A>(capacity: usize) -> (OrderWriter<O, A>, OrderReader<O, A>) {
    let (orders_in, orders_out) = ring(capacity);
    let (answers_in, answers_out) = ring(capacity);
    let closed = Arc::new(AtomicBool::new(false));
    let writer =
        OrderWriter { orders: orders_in, answers: answers_out, open: 0, closed: Arc::clone(&closed) };
    (writer, OrderReader { orders: orders_out, answers: answers_in, closed })
}

/// The end that gives orders.
pub(crate) struct OrderWriter<O, A> {
    orders: RingIn<O>,
    answers: RingOut<A>,
    /// Orders whose answer was not read yet.
    open: usize,
    closed: Arc<AtomicBool>,
}

impl<O, A> OrderWriter<O, A> {
    /// Gives an order, if there is room for it and for its answer.
    pub(crate) fn give(&mut self, order: O) -> bool {
        if self.room() == 0 {
            return false;
        }
        let pushed = self.orders.try_push(order).is_ok();
        debug_assert!(pushed, "no more orders wait than are not answered");
        self.open += usize::from(pushed);
        pushed
    }

    /// The answer to the oldest order that was not answered yet.
    pub(crate) fn next_answer(&mut self) -> Option<A> {
        let answer = self.answers.try_pop()?;
        self.open -= 1;
        Some(answer)
    }

    /// Gives `each` the answers that have come, oldest first; returns whether no more can come.
    pub(crate) fn read_answers(&mut self, each: impl FnMut(A)) -> bool {
        // Asked first: what is answered before the end is still read.
        let closed = self.is_closed();
        std::iter::from_fn(|| self.next_answer()).for_each(each);
        closed
    }

    /// How many orders can be given now.
    pub(crate) fn room(&self) -> usize {
        self.orders.capacity().get() - self.open
    }

    /// The other end takes no more orders. Those that it has answered before can still be read.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Acquire)
    }
}

/// The end that does what is ordered.
pub(crate) struct OrderReader<O, A> {
    orders: RingOut<O>,
    answers: RingIn<A>,
    closed: Arc<AtomicBool>,
}

impl<O, A> OrderReader<O, A> {
    /// The next order. Each one that is taken must be answered, in the order in which they were taken.
    pub(crate) fn take(&mut self) -> Option<O> {
        self.orders.try_pop()
    }

    /// Answers the oldest order that was taken and not answered.
    pub(crate) fn answer(&mut self, answer: A) {
        let pushed = self.answers.try_push(answer).is_ok();
        debug_assert!(pushed, "an order keeps the place of its answer");
    }

    /// Orders that wait.
    pub(crate) fn queued(&self) -> usize {
        self.orders.occupied_len()
    }

    /// Takes no more orders from now on.
    pub(crate) fn close(&self) {
        self.closed.store(true, Release);
    }
}

impl<O, A> Drop for OrderReader<O, A> {
    fn drop(&mut self) {
        self.close();
    }
}
