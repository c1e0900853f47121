//! Hand-over of pictures between a codec thread and an application: made once, lent, and given back.
//!
//! Both ends may sleep, so this is a lock around a few pointers, and not a ring: a full one gives up its oldest picture for a
//! newer one, which the writing end of a ring cannot. No media thread has an end of it.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// What to do with a picture when as many wait as may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhenFull {
    /// The oldest of them goes: who reads slowly sees the newest. The default.
    #[default]
    DropOldest,
    /// It waits: who reads slowly sees all of them, later and later.
    Wait,
}

/// Makes the two ends of an exchange in which `capacity` pictures may wait, each made by `make`.
///
/// # Panics
/// When `capacity` is zero.
pub(super) fn exchange<T>(
    capacity: usize,
    when_full: WhenFull,
    make: impl FnMut() -> T,
) -> (PictureWriter<T>, PictureReader<T>) {
    assert!(capacity > 0, "an exchange holds at least one picture");
    // One more is with each end.
    let free = std::iter::repeat_with(make).map(Box::new).take(capacity + 2).collect();
    let state = State {
        ready: VecDeque::with_capacity(capacity),
        free,
        dropped: 0,
        writer_is_gone: false,
        reader_is_gone: false,
        writer: None,
        reader: None,
    };
    let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new(), capacity, when_full });
    (PictureWriter { shared: Arc::clone(&shared) }, PictureReader { shared, lent: None })
}

struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    capacity: usize,
    when_full: WhenFull,
}

struct State<T> {
    ready: VecDeque<Box<T>>,
    free: Vec<Box<T>>,
    dropped: u64,
    writer_is_gone: bool,
    reader_is_gone: bool,
    /// Who waits for room, and for a picture.
    writer: Option<Waker>,
    reader: Option<Waker>,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing can panic while it is held: the state is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_room(&self, state: &State<T>) -> bool {
        self.when_full == WhenFull::DropOldest || state.ready.len() < self.capacity
    }

    /// Wakes whoever waits at one of the ends, without the lock.
    fn tell(
        &self,
        mut state: MutexGuard<'_, State<T>>,
        waiting: impl Fn(&mut State<T>) -> &mut Option<Waker>,
    ) {
        let waker = waiting(&mut state).take();
        drop(state);
        self.changed.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Asks `ready`, sleeping between changes; `None` after `timeout`.
    fn wait<R>(&self, timeout: Duration, mut ready: impl FnMut(&State<T>) -> Option<R>) -> Option<R> {
        let mut answer = None;
        let waits = |state: &mut State<T>| {
            answer = ready(state);
            answer.is_none()
        };
        let waited = self.changed.wait_timeout_while(self.lock(), timeout, waits);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        answer
    }

    /// Asks `ready`, and leaves the waker with `waiting` if not.
    fn poll<R>(
        &self,
        context: &mut Context<'_>,
        waiting: impl Fn(&mut State<T>) -> &mut Option<Waker>,
        ready: impl Fn(&State<T>) -> Option<R>,
    ) -> Poll<R> {
        let mut state = self.lock();
        if let Some(answer) = ready(&state) {
            return Poll::Ready(answer);
        }
        let waker = waiting(&mut state);
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
        Poll::Pending
    }

    fn room(&self, state: &State<T>) -> Option<bool> {
        if state.reader_is_gone { Some(false) } else { self.has_room(state).then_some(true) }
    }
}

/// Whether there is a picture to read, once that is known: none comes any more when the writer is gone.
fn more<T>(state: &State<T>) -> Option<bool> {
    if state.ready.is_empty() { state.writer_is_gone.then_some(false) } else { Some(true) }
}

/// What became of a picture that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// It waits to be read.
    Queued,
    /// It was not taken: as many wait as may.
    Full,
    /// Nobody reads any more.
    Closed,
}

/// The end that fills pictures.
pub(super) struct PictureWriter<T> {
    shared: Arc<Shared<T>>,
}

impl<T> PictureWriter<T> {
    /// Lets `fill` write a picture, and hands it over if that returns `Some`. Not called where it would not be taken.
    pub(super) fn write<R>(&mut self, fill: impl FnOnce(&mut T) -> Option<R>) -> (Written, Option<R>) {
        let mut state = self.shared.lock();
        match self.shared.room(&state) {
            Some(false) => return (Written::Closed, None),
            None => return (Written::Full, None),
            Some(true) => {}
        }
        let Some(mut picture) = state.free.pop() else { return (Written::Full, None) };
        // The pixels are written without the lock.
        drop(state);
        let filled = fill(&mut picture);
        let mut state = self.shared.lock();
        if filled.is_none() {
            state.free.push(picture);
            return (Written::Queued, None);
        }
        if state.ready.len() == self.shared.capacity
            && let Some(oldest) = state.ready.pop_front()
        {
            state.dropped += 1;
            state.free.push(oldest);
        }
        state.ready.push_back(picture);
        self.shared.tell(state, |state| &mut state.reader);
        (Written::Queued, filled)
    }

    /// Waits until a picture would be taken; `Ok(false)` when nobody reads any more, `None` after `timeout`.
    pub(super) fn wait_for_room(&self, timeout: Duration) -> Option<bool> {
        self.shared.wait(timeout, |state| self.shared.room(state))
    }

    /// [`wait_for_room`](Self::wait_for_room) for a task.
    pub(super) fn poll_room(&self, context: &mut Context<'_>) -> Poll<bool> {
        self.shared.poll(context, |state| &mut state.writer, |state| self.shared.room(state))
    }

    /// Pictures that wait to be read.
    pub(super) fn queued(&self) -> usize {
        self.shared.lock().ready.len()
    }

    /// Pictures that went unread, because newer ones came.
    pub(super) fn dropped(&self) -> u64 {
        self.shared.lock().dropped
    }
}

impl<T> Drop for PictureWriter<T> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.writer_is_gone = true;
        self.shared.tell(state, |state| &mut state.reader);
    }
}

/// The end that reads them.
pub(super) struct PictureReader<T> {
    shared: Arc<Shared<T>>,
    lent: Option<Box<T>>,
}

impl<T> PictureReader<T> {
    /// Lends the oldest picture until the next call; `None` when none waits.
    pub(super) fn read(&mut self) -> Option<&mut T> {
        let mut state = self.shared.lock();
        state.free.extend(self.lent.take());
        self.lent = state.ready.pop_front();
        self.shared.tell(state, |state| &mut state.writer);
        self.lent.as_deref_mut()
    }

    /// Waits for a picture; `Some(false)` when none comes any more, `None` after `timeout`.
    pub(super) fn wait(&self, timeout: Duration) -> Option<bool> {
        self.shared.wait(timeout, more)
    }

    /// [`wait`](Self::wait) for a task.
    pub(super) fn poll(&self, context: &mut Context<'_>) -> Poll<bool> {
        self.shared.poll(context, |state| &mut state.reader, more)
    }

    /// Pictures that wait.
    pub(super) fn queued(&self) -> usize {
        self.shared.lock().ready.len()
    }

    /// Pictures that went unread, because newer ones came.
    pub(super) fn dropped(&self) -> u64 {
        self.shared.lock().dropped
    }
}

impl<T> Drop for PictureReader<T> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.reader_is_gone = true;
        self.shared.tell(state, |state| &mut state.writer);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    fn put(writer: &mut PictureWriter<u32>, number: u32) -> Written {
        writer
            .write(|picture| {
                *picture = number;
                Some(())
            })
            .0
    }

    #[test]
    fn who_reads_slowly_sees_the_newest_and_is_told_of_the_others() {
        let (mut writer, mut reader) = exchange(2, WhenFull::DropOldest, || 0);
        let lent = (put(&mut writer, 1), reader.read().copied());
        assert_eq!(lent, (Written::Queued, Some(1)));
        for number in 2..=10 {
            assert_eq!(put(&mut writer, number), Written::Queued);
        }
        assert_eq!(
            (reader.read().copied(), reader.read().copied(), reader.read()),
            (Some(9), Some(10), None)
        );
        assert_eq!(reader.dropped(), 7);
    }

    #[test]
    fn who_is_to_see_all_of_them_makes_the_writer_wait() {
        let (mut writer, mut reader) = exchange(2, WhenFull::Wait, || 0);
        assert_eq!(
            [1, 2, 3].map(|number| put(&mut writer, number)),
            [Written::Queued, Written::Queued, Written::Full]
        );
        assert_eq!(writer.wait_for_room(Duration::ZERO), None);
        let writes = move || {
            for number in 3..=100 {
                assert_eq!(writer.wait_for_room(LONG), Some(true));
                assert_eq!(put(&mut writer, number), Written::Queued);
            }
        };
        let mut read = Vec::new();
        std::thread::scope(|scope| {
            scope.spawn(writes);
            while reader.wait(LONG) == Some(true) {
                read.extend(reader.read().copied());
            }
        });
        assert_eq!(read, (1..=100).collect::<Vec<_>>());
        assert_eq!(reader.dropped(), 0);
    }

    #[test]
    fn a_picture_that_came_to_nothing_is_not_handed_over() {
        let (mut writer, mut reader) = exchange(1, WhenFull::DropOldest, || 0);
        for _ in 0..10 {
            assert_eq!(writer.write(|_| None::<()>), (Written::Queued, None));
        }
        assert_eq!((reader.read().copied(), reader.dropped()), (None, 0));
    }

    #[tokio::test]
    async fn each_end_learns_that_the_other_is_gone() {
        let (writer, reader) = exchange(1, WhenFull::Wait, || 0);
        let waits = tokio::spawn(async move { poll_fn(|context| reader.poll(context)).await });
        tokio::task::yield_now().await;
        drop(writer);
        assert!(!waits.await.unwrap());

        let (mut writer, reader) = exchange(1, WhenFull::Wait, || 0);
        put(&mut writer, 1);
        let waits = tokio::spawn(async move {
            let room = poll_fn(|context| writer.poll_room(context)).await;
            (room, put(&mut writer, 2))
        });
        tokio::task::yield_now().await;
        drop(reader);
        assert_eq!(waits.await.unwrap(), (false, Written::Closed));
    }
}
