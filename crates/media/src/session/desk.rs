//! The application's end of orders to a media thread: gives them, and brings each answer to whoever waits for it.
//!
//! Locks, and so is never met by a media thread: that presses a doorbell, and the bell thread reads the answers here.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};

use futures_channel::oneshot;

use super::doorbell::Doorbell;
use crate::orders::OrderWriter;

/// Why an order was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// As many as can be are not answered yet.
    Full,
    /// The other end is gone.
    Closed,
}

/// Gives orders of type `O`, which are answered by an `A`.
pub(crate) struct Desk<O, A> {
    inner: Mutex<Inner<O, A>>,
    /// Pressed when there are answers. It owns this desk's waker, so this must not own it.
    doorbell: Weak<Doorbell>,
}

struct Inner<O, A> {
    writer: OrderWriter<O, A>,
    /// Orders without an answer, oldest first. Each is kept until then, so that the media thread is never the last to
    /// own what is in it, and frees nothing.
    open: VecDeque<(O, oneshot::Sender<A>)>,
    /// Who waits for room, or for all to be answered.
    waiting: Vec<Waker>,
}

impl<O, A> Desk<O, A>
where
    O: Clone + Send + 'static,
    A: Send + 'static,
{
    /// A desk whose answers `doorbell` tells of.
    pub(crate) fn open(writer: OrderWriter<O, A>, doorbell: &Arc<Doorbell>) -> Arc<Self> {
        let inner = Inner { writer, open: VecDeque::new(), waiting: Vec::new() };
        let desk = Arc::new(Self { inner: Mutex::new(inner), doorbell: Arc::downgrade(doorbell) });
        doorbell.register(&Waker::from(Arc::clone(&desk)));
        desk
    }

    fn lock(&self) -> MutexGuard<'_, Inner<O, A>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives `orders`, all of them or none; returns where each answer will be. They are made when it is sure that they
    /// are given, and in the order in which they are.
    pub(crate) fn give(
        &self,
        orders: impl ExactSizeIterator<Item = O>,
    ) -> Result<Vec<oneshot::Receiver<A>>, Refused> {
        self.settle();
        let mut inner = self.lock();
        if inner.writer.is_closed() {
            return Err(Refused::Closed);
        }
        if inner.writer.room() < orders.len() {
            return Err(Refused::Full);
        }
        Ok(orders.map(|order| inner.give(order)).collect())
    }

    /// Waits until there is room for an order, or the other end is gone.
    pub(crate) fn poll_room(&self, context: &mut Context<'_>) -> Poll<()> {
        self.poll_until(context, |inner| inner.writer.room() > 0)
    }

    /// Waits until all is answered, or the other end is gone.
    pub(crate) fn poll_all_answered(&self, context: &mut Context<'_>) -> Poll<()> {
        self.poll_until(context, |inner| inner.open.is_empty())
    }

    fn poll_until(&self, context: &mut Context<'_>, ready: impl FnOnce(&Inner<O, A>) -> bool) -> Poll<()> {
        self.settle();
        let mut inner = self.lock();
        if ready(&inner) || inner.writer.is_closed() {
            return Poll::Ready(());
        }
        if !inner.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            inner.waiting.push(context.waker().clone());
        }
        Poll::Pending
    }

    /// Brings the answers that have come to those who wait for them.
    pub(crate) fn settle(&self) {
        let (answered, waiting) = {
            let mut inner = self.lock();
            let Inner { writer, open, waiting } = &mut *inner;
            let mut answered = Vec::new();
            let closed = writer.read_answers(|answer| {
                answered.extend(open.pop_front().map(|order| (order, Some(answer))));
            });
            if closed {
                // What came too late to be answered has its senders dropped, which says so.
                answered.extend(open.drain(..).map(|order| (order, None)));
            }
            let waiting = if answered.is_empty() && !closed { Vec::new() } else { std::mem::take(waiting) };
            (answered, waiting)
        };
        // Not under the lock: who is woken may come here at once.
        for ((order, sender), answer) in answered {
            drop(order);
            // Nobody need wait for an answer.
            let _ = answer.map(|answer| sender.send(answer));
        }
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl<O, A> Inner<O, A>
where
    O: Clone,
{
    fn give(&mut self, order: O) -> oneshot::Receiver<A> {
        let (sender, receiver) = oneshot::channel();
        self.open.push_back((order.clone(), sender));
        let given = self.writer.give(order);
        debug_assert!(given, "there is room");
        receiver
    }
}

impl<O, A> Wake for Desk<O, A>
where
    O: Clone + Send + 'static,
    A: Send + 'static,
{
    /// On the bell thread.
    fn wake(self: Arc<Self>) {
        // First, so that what is answered while this one looks rings once more.
        if let Some(doorbell) = self.doorbell.upgrade() {
            doorbell.register(&Waker::from(Arc::clone(&self)));
        }
        self.settle();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

    use super::*;
    use crate::orders::{OrderReader, order_ring};

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, SeqCst);
        }
    }

    type TestDesk = (Arc<Desk<Arc<str>, u8>>, OrderReader<Arc<str>, u8>, Arc<Doorbell>);

    fn desk() -> TestDesk {
        let (writer, reader) = order_ring(2);
        let doorbell = Arc::<Doorbell>::default();
        (Desk::open(writer, &doorbell), reader, doorbell)
    }

    #[test]
    fn an_answer_reaches_who_waits_for_it_and_who_waits_for_room_each_time() {
        let (desk, mut reader, doorbell) = desk();
        let order: Arc<str> = "order".into();
        let give = |order: &Arc<str>| desk.give([Arc::clone(order)].into_iter());
        for round in 0..3 {
            let mut first = give(&order).unwrap().pop().unwrap();
            let mut second = give(&order).unwrap().pop().unwrap();
            assert_eq!(give(&order).unwrap_err(), Refused::Full);
            let woken = Arc::new(Woken::default());
            let waker = Waker::from(Arc::clone(&woken));
            assert!(desk.poll_room(&mut Context::from_waker(&waker)).is_pending());
            drop(reader.take());
            reader.answer(round);
            doorbell.answer();
            assert!(woken.0.load(SeqCst), "round {round}");
            assert_eq!((first.try_recv(), second.try_recv()), (Ok(Some(round)), Ok(None)));
            drop(reader.take());
            reader.answer(round);
            assert!(desk.poll_all_answered(&mut Context::from_waker(&waker)).is_ready());
        }
    }

    #[test]
    fn the_media_thread_is_never_the_last_to_own_an_order() {
        let (desk, mut reader, doorbell) = desk();
        let order: Arc<str> = "order".into();
        let weak = Arc::downgrade(&order);
        let receipts = desk.give([order].into_iter()).unwrap();
        drop(receipts);
        drop(reader.take());
        assert!(weak.upgrade().is_some(), "the desk keeps it though nobody waits");
        reader.answer(1);
        doorbell.answer();
        assert!(weak.upgrade().is_none(), "and lets it go with the answer");
    }

    #[test]
    fn an_end_that_is_gone_leaves_nobody_waiting() {
        let (desk, reader, doorbell) = desk();
        let mut receipt = desk.give(["order".into()].into_iter()).unwrap().pop().unwrap();
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        assert!(desk.poll_all_answered(&mut Context::from_waker(&waker)).is_pending());
        drop(reader);
        doorbell.answer();
        assert!(woken.0.load(SeqCst));
        assert_eq!(receipt.try_recv(), Err(oneshot::Canceled));
        assert_eq!(desk.give(["order".into()].into_iter()).unwrap_err(), Refused::Closed);
    }
}
