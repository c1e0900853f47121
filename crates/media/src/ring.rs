//! Hand-over of frames between two threads: made once, out through one ring, back through another.
//!
//! A ring of `capacity` frames owns one box more: it may be lent to the reader while the queue is full. Nothing is
//! allocated, freed or locked after [`frame_ring`] returns. Of the boxes that wait to be filled, the one that came back last
//! is filled next: where the reader keeps up, two of them go to and fro, and the memory of the others stays cold.

use std::collections::VecDeque;

use crate::sync::{Consumer, Observer, Producer, RingIn, RingOut, ring};

/// Makes a ring for `capacity` frames, each made by `make`.
///
/// # Panics
/// When `capacity` is zero: such a ring could not carry anything.
pub fn frame_ring<T>(capacity: usize, make: impl FnMut() -> T) -> (RingWriter<T>, RingReader<T>) {
    ring_of(capacity, make, false)
}

/// The same, of frames that grow to what they are to carry: they are filled in turn, so that all of them have grown after a while,
/// and none does so late.
///
/// # Panics
/// When `capacity` is zero.
pub(crate) fn growing_frame_ring<T>(
    capacity: usize,
    make: impl FnMut() -> T,
) -> (RingWriter<T>, RingReader<T>) {
    ring_of(capacity, make, true)
}

fn ring_of<T>(capacity: usize, make: impl FnMut() -> T, in_turn: bool) -> (RingWriter<T>, RingReader<T>) {
    assert!(capacity > 0, "a ring carries at least one frame");
    let (full_in, full_out) = ring(capacity);
    let (free_in, free_out) = ring(capacity + 1);
    let spare = std::iter::repeat_with(make).map(Box::new).take(capacity + 1).collect();
    let writer = RingWriter { full: full_in, free: free_out, spare, in_turn };
    (writer, RingReader { full: full_out, free: free_in, lent: None })
}

/// The end that fills frames.
pub struct RingWriter<T> {
    full: RingIn<Box<T>>,
    free: RingOut<Box<T>>,
    /// Has come back, the last one last. Has room for all.
    spare: VecDeque<Box<T>>,
    /// Whether the one that has waited for longest is filled next, and not the one that came back last.
    in_turn: bool,
}

impl<T> RingWriter<T> {
    /// Lets `fill` write the next frame and hands it over; `false`, without calling it, when the ring is full.
    pub fn write(&mut self, fill: impl FnOnce(&mut T)) -> bool {
        if self.full.is_full() {
            return false;
        }
        while let Some(frame) = self.free.try_pop() {
            self.spare.push_back(frame);
        }
        let spare = if self.in_turn { self.spare.pop_front() } else { self.spare.pop_back() };
        let Some(mut frame) = spare else { return false };
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
    full: RingOut<Box<T>>,
    free: RingIn<Box<T>>,
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
