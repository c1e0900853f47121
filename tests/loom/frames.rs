//! Frames that cross from a media thread to an application and their memory that comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use loom::cell::UnsafeCell;
use loom::thread;

use crate::explore::{assert_found_out, explore};
use crate::ring::{RingReader, frame_ring};
use crate::sync::{Weak, weaken};

/// The memory of a frame: loom looks at who touches it, and it is counted how many there are.
struct Frame {
    number: usize,
    touched: UnsafeCell<()>,
    alive: Arc<AtomicUsize>,
}

impl Frame {
    fn new(alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, SeqCst);
        Self { number: 0, touched: UnsafeCell::new(()), alive: Arc::clone(alive) }
    }

    fn write(&mut self, number: usize) {
        self.touched.with_mut(|_| ());
        self.number = number;
    }

    fn read(&self) -> usize {
        self.touched.with(|_| ());
        self.number
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        self.touched.with_mut(|_| ());
        self.alive.fetch_sub(1, SeqCst);
    }
}

/// A media thread writes `written` frames and drops what does not fit; the application looks `looks` times meanwhile, and then
/// reads the rest or leaves. Returns how many orders were tried.
fn model(capacity: usize, written: usize, looks: usize, reads_the_rest: bool) -> usize {
    explore(3, move || {
        let alive = Arc::<AtomicUsize>::default();
        let (mut writer, mut reader) = frame_ring(capacity, || Frame::new(&alive));
        let media = thread::spawn(move || {
            let accepted = (1..=written).filter(|number| writer.write(|frame| frame.write(*number)));
            let accepted: Vec<_> = accepted.collect();
            (accepted, writer)
        });
        let mut heard = Vec::new();
        let mut look = |reader: &mut RingReader<Frame>| {
            let Some(frame) = reader.read() else { return false };
            let number = frame.read();
            // It is the application's until it asks for the next one, whatever is written meanwhile.
            thread::yield_now();
            assert_eq!(frame.read(), number, "a frame that is lent was written");
            heard.push(number);
            true
        };
        (0..looks).for_each(|_| _ = look(&mut reader));
        if !reads_the_rest {
            drop(reader);
            drop(media.join().unwrap());
            assert_eq!(alive.load(SeqCst), 0, "frames are left over, whoever goes first");
            return;
        }
        let (accepted, writer) = media.join().unwrap();
        while look(&mut reader) {}
        assert_eq!(heard, accepted, "each that was taken is heard, once and in order");
        assert_eq!(alive.load(SeqCst), capacity + 1, "none is made or lost on the way");
        drop((reader, writer));
        assert_eq!(alive.load(SeqCst), 0, "frames are left over");
    })
}

#[test]
fn every_frame_that_is_taken_is_heard_as_it_was_written_and_its_memory_comes_back() {
    for (capacity, floor) in [(1, 300), (2, 300)] {
        let tried = model(capacity, 3, 2, true);
        assert!(tried > floor, "only {tried} orders were tried");
        println!("{capacity} frames: {tried} orders");
    }
}

#[test]
fn no_frame_is_left_over_whichever_end_goes_first() {
    let tried = model(1, 2, 2, false);
    assert!(tried > 300, "only {tried} orders were tried");
    println!("{tried} orders");
}

#[test]
fn rings_that_hand_over_too_early_are_found_out() {
    assert_found_out(&[
        ("frames::a_ring_that_hands_over_before_the_frame_is_written", "Causality violation"),
        ("frames::a_ring_that_gives_room_before_the_frame_is_read", "Causality violation"),
    ]);
}

#[test]
#[ignore = "fails, as the test of the mutants wants it to"]
fn a_ring_that_hands_over_before_the_frame_is_written() {
    weaken(Weak::Pushing);
    model(1, 3, 2, true);
}

#[test]
#[ignore = "fails, as the test of the mutants wants it to"]
fn a_ring_that_gives_room_before_the_frame_is_read() {
    weaken(Weak::Popping);
    model(1, 3, 2, true);
}
