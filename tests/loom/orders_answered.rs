//! Orders that cross to a media thread and their answers that come back, also when it ends in between.

use std::collections::VecDeque;

use loom::future::block_on;
use loom::sync::Arc;
use loom::thread::{self, ThreadId};

use crate::explore::{assert_found_out, explore};
use crate::orders::{OrderReader, OrderWriter, order_ring};
use crate::session::doorbell::{Doorbell, wait_at};

/// What an order owns: only the application may free it.
struct Owned {
    number: usize,
    by: ThreadId,
}

impl Drop for Owned {
    fn drop(&mut self) {
        assert_eq!(thread::current().id(), self.by, "freed by a media thread");
    }
}

type Order = Arc<Owned>;
type Answers = OrderWriter<Order, usize>;

/// How the media thread answers an order.
type Answer = fn(&mut OrderReader<Order, usize>, Order);
/// How the application reads the answers; whether no more can come.
type Settle = fn(&mut Answers, &mut dyn FnMut(usize)) -> bool;

/// The application gives two orders and waits until it knows what became of each; the media thread answers those that it has
/// seen when it ends. Returns how many orders of the threads were tried.
fn model(answer: Answer, settle: Settle) -> usize {
    explore(2, move || {
        let (mut writer, mut reader) = order_ring::<Order, usize>(2);
        let doorbell = Arc::new(Doorbell::default());
        let rung = Arc::clone(&doorbell);
        let media = thread::spawn(move || {
            let mut answered = 0;
            for _ in 0..2 {
                if let Some(order) = reader.take() {
                    answer(&mut reader, order);
                    answered += 1;
                }
            }
            drop(reader);
            rung.press();
            rung.answer();
            answered
        });
        let mut open = VecDeque::new();
        for number in 1..=2 {
            let order = Arc::new(Owned { number, by: thread::current().id() });
            open.push_back(Arc::clone(&order));
            assert!(writer.give(order), "there is room");
        }
        let mut answered = 0;
        block_on(std::future::poll_fn(|context| {
            wait_at(&doorbell, context, || {
                let closed = settle(&mut writer, &mut |number| {
                    let order = open.pop_front().unwrap();
                    assert_eq!(order.number, number, "each answer is of its order");
                    answered += 1;
                });
                (closed || open.is_empty()).then_some(())
            })
        }));
        assert_eq!(answered, media.join().unwrap(), "each answer is read, though the end has come");
        // What was not taken is freed with the ring, and what is open after that.
        drop(writer);
        drop(open);
    })
}

fn frees_and_answers(reader: &mut OrderReader<Order, usize>, order: Order) {
    let number = order.number;
    drop(order);
    reader.answer(number);
}

fn read_answers(writer: &mut Answers, each: &mut dyn FnMut(usize)) -> bool {
    writer.read_answers(each)
}

#[test]
fn each_order_is_answered_once_or_known_to_be_lost_and_freed_by_the_application() {
    let tried = model(frees_and_answers, read_answers);
    assert!(tried > 1_000, "only {tried} orders were tried");
    println!("{tried} orders");
}

#[test]
fn an_order_keeps_its_place_until_its_answer_is_read() {
    explore(0, || {
        let (mut writer, mut reader) = order_ring::<u8, u16>(2);
        assert!(writer.give(1) && writer.give(2));
        assert!(!writer.give(3), "two wait");
        assert_eq!((reader.take(), reader.queued()), (Some(1), 1));
        assert!(!writer.give(3), "the first is not answered");
        reader.answer(10);
        assert!(!writer.give(3), "the answer was not read");
        assert_eq!(writer.next_answer(), Some(10));
        assert!(writer.give(3));
        assert_eq!((writer.room(), writer.next_answer()), (0, None));
    });
}

#[test]
fn orders_that_are_lost_are_found_out() {
    assert_found_out(&[
        ("orders_answered::a_media_thread_that_answers_before_it_lets_go", "freed by a media thread"),
        ("orders_answered::an_application_that_asks_for_the_end_last", "each answer is read"),
    ]);
}

#[test]
#[ignore = "fails, as the test of the mutants wants it to"]
fn a_media_thread_that_answers_before_it_lets_go() {
    model(|reader, order| reader.answer(order.number), read_answers);
}

#[test]
#[ignore = "fails, as the test of the mutants wants it to"]
fn an_application_that_asks_for_the_end_last() {
    model(frees_and_answers, |writer, each| {
        std::iter::from_fn(|| writer.next_answer()).for_each(each);
        writer.is_closed()
    });
}
