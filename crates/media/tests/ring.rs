//! The ring of frames does what a bounded queue does. What two threads can do to it is in the workspace's `tests/loom`.

use std::collections::VecDeque;

use proptest::prelude::*;

use offhook_media::ring::frame_ring;

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
