//! Hand-over of frames between two threads: made once, out through one ring, back through another.
//!
//! A ring of `capacity` frames owns one box more: it may be lent to the reader while the queue is full. Nothing is
//! allocated, freed or locked after [`frame_ring`] returns.

use std::sync::Arc;

use ringbuf::traits::{Consumer, Observer, Producer};
use ringbuf::{Cons, HeapRb, Prod};

/// The ends that read the other side's index at each call. The caching ends answer `is_full` from memory, which keeps
/// a ring full that no longer is; at 50 frames a second there is nothing to gain from them.
type In<T> = Prod<Arc<HeapRb<Box<T>>>>;
type Out<T> = Cons<Arc<HeapRb<Box<T>>>>;

fn ring<T>(capacity: usize) -> (In<T>, Out<T>) {
    let ring = Arc::new(HeapRb::new(capacity));
    (Prod::new(Arc::clone(&ring)), Cons::new(ring))
}

/// Makes a ring for `capacity` frames, each made by `make`.
///
/// # Panics
/// When `capacity` is zero: such a ring could not carry anything.
pub fn frame_ring<T>(capacity: usize, make: impl FnMut() -> T) -> (RingWriter<T>, RingReader<T>) {
    assert!(capacity > 0, "a ring carries at least one frame");
    let (full_in, full_out) = ring(capacity);
    let (mut free_in, free_out) = ring(capacity + 1);
    for frame in std::iter::repeat_with(make).map(Box::new).take(capacity + 1) {
        let stored = free_in.try_push(frame);
        debug_assert!(stored.is_ok(), "the return ring has a slot for each frame");
    }
    (RingWriter { full: full_in, free: free_out }, RingReader { full: full_out, free: free_in, lent: None })
}

/// The end that fills frames.
pub struct RingWriter<T> {
    full: In<T>,
    free: Out<T>,
}

impl<T> RingWriter<T> {
    /// Lets `fill` write the next frame and hands it over; `false`, without calling it, when the ring is full.
    pub fn write(&mut self, fill: impl FnOnce(&mut T)) -> bool {
        if self.full.is_full() {
            return false;
        }
        let Some(mut frame) = self.free.try_pop() else { return false };
        fill(&mut frame);
        let pushed = self.full.try_push(frame);
        debug_assert!(pushed.is_ok(), "only this end pushes, so a ring that was not full still is not");
        pushed.is_ok()
    }

    /// Frames that wait to be read.
    pub fn queued(&self) -> usize {
        self.full.occupied_len()
    }

    /// Frames that can be written before the ring is full.
    pub fn vacant(&self) -> usize {
        self.full.vacant_len()
    }
}

/// The end that reads frames.
pub struct RingReader<T> {
    full: Out<T>,
    free: In<T>,
    lent: Option<Box<T>>,
}

impl<T> RingReader<T> {
    /// Lends the oldest frame until the next call; `None` when nothing waits.
    pub fn read(&mut self) -> Option<&mut T> {
        if let Some(frame) = self.lent.take() {
            let returned = self.free.try_push(frame);
            debug_assert!(returned.is_ok(), "the return ring has a slot for each frame");
        }
        self.lent = self.full.try_pop();
        self.lent.as_deref_mut()
    }

    /// The frame that [`read`](Self::read) would lend.
    pub fn peek(&self) -> Option<&T> {
        self.full.try_peek().map(|frame| &**frame)
    }

    /// The frame that [`read`](Self::read) lent last.
    pub fn lent(&self) -> Option<&T> {
        self.lent.as_deref()
    }

    /// Frames that wait to be read.
    pub fn queued(&self) -> usize {
        self.full.occupied_len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_full_ring_refuses_and_keeps_what_it_has() {
        let (mut writer, mut reader) = frame_ring(2, || 0);
        assert!(writer.write(|frame| *frame = 1));
        assert!(writer.write(|frame| *frame = 2));
        assert!(!writer.write(|_| unreachable!("a full ring does not ask for a frame")));
        assert_eq!(reader.read().copied(), Some(1));
        assert!(writer.write(|frame| *frame = 3), "one was read, so one fits");
        assert_eq!(reader.read().copied(), Some(2));
        assert_eq!(reader.read().copied(), Some(3));
        assert_eq!(reader.read(), None);
    }

    #[test]
    fn frames_cross_threads_in_order() {
        let (mut writer, mut reader) = frame_ring(4, || 0_u32);
        let producer = std::thread::scope(|scope| {
            scope.spawn(move || {
                for value in 0..10_000 {
                    while !writer.write(|frame| *frame = value) {
                        std::thread::yield_now();
                    }
                }
            });
            let mut expected = 0;
            while expected < 10_000 {
                match reader.read() {
                    Some(value) => {
                        assert_eq!(*value, expected);
                        expected += 1;
                    }
                    None => std::thread::yield_now(),
                }
            }
            expected
        });
        assert_eq!(producer, 10_000);
    }

    proptest! {
        /// Any order of writes and reads behaves like a bounded queue.
        #[test]
        fn it_is_a_bounded_queue(capacity in 1_usize..5, steps in proptest::collection::vec(any::<bool>(), 0..200)) {
            let (mut writer, mut reader) = frame_ring(capacity, || usize::MAX);
            let mut model = VecDeque::new();
            for (value, write) in steps.into_iter().enumerate() {
                if write {
                    let fits = model.len() < capacity;
                    prop_assert_eq!(writer.write(|frame| *frame = value), fits);
                    if fits { model.push_back(value); }
                } else {
                    prop_assert_eq!(reader.read().copied(), model.pop_front());
                }
                prop_assert_eq!(reader.queued(), model.len());
                prop_assert_eq!(writer.vacant(), capacity - model.len());
            }
        }
    }
}
