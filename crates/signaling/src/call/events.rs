//! [`CallEvents`] and [`CallChanges`]: a call as a stream, of what happens or of what is known.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::Stream;
use futures_util::stream::{BoxStream, StreamExt, unfold};
use tokio::sync::watch;

use super::Call;
use crate::track::{CallSnapshot, TimedEvent};

/// What a reader of events gets.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Heard {
    /// Something happened.
    Event(Arc<TimedEvent>),
    /// The reader was so far behind that this many events are no longer kept. What they led to is in the snapshot; what is
    /// heard next happened after them.
    Missed {
        /// How many.
        events: u64,
        /// What is known now.
        snapshot: Box<CallSnapshot>,
    },
}

/// What happens in a call, from its beginning, each event once and in order; ends after the call's end. A [`Stream`] too.
/// Keeps the call followed.
pub struct CallEvents {
    stream: BoxStream<'static, Heard>,
}

impl CallEvents {
    pub(super) fn of(call: &Call) -> Self {
        let reader = Reader {
            snapshots: call.snapshots(),
            next: 0,
            waiting: VecDeque::new(),
            over: false,
            _call: call.clone(),
        };
        Self {
            stream: unfold(reader, |mut reader| async move { Some((reader.next().await?, reader)) })
                .fuse()
                .fuse()
                .boxed(),
        }
    }

    /// The next event; `None` after the one in which the call is over, or when nobody follows it any more.
    pub async fn next(&mut self) -> Option<Heard> {
        self.stream.next().await
    }
}

impl Stream for CallEvents {
    type Item = Heard;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Heard>> {
        self.stream.poll_next_unpin(context)
    }
}

struct Reader {
    snapshots: watch::Receiver<CallSnapshot>,
    /// The number of the first event that was not read.
    next: u64,
    waiting: VecDeque<Heard>,
    over: bool,
    _call: Call,
}

impl Reader {
    async fn next(&mut self) -> Option<Heard> {
        loop {
            if let Some(heard) = self.waiting.pop_front() {
                return Some(heard);
            }
            if self.over {
                return None;
            }
            let next = self.next;
            let changed =
                self.snapshots.wait_for(|now| now.events.next_number() > next || now.is_terminated()).await;
            match changed {
                Ok(snapshot) => {
                    self.over = snapshot.is_terminated();
                    let (missed, events) = snapshot.events.since(next);
                    if missed > 0 {
                        let snapshot = Box::new(snapshot.clone());
                        self.waiting.push_back(Heard::Missed { events: missed, snapshot });
                    }
                    self.waiting.extend(events.cloned().map(Heard::Event));
                    self.next = snapshot.events.next_number();
                }
                Err(_) => self.over = true,
            }
        }
    }
}

/// Snapshots of a call as it changes. Keeps the call followed.
pub struct CallChanges {
    snapshots: watch::Receiver<CallSnapshot>,
    _call: Call,
}

impl CallChanges {
    pub(super) fn of(call: &Call) -> Self {
        let mut snapshots = call.snapshots();
        snapshots.mark_changed();
        Self { snapshots, _call: call.clone() }
    }

    /// The next snapshot that was not given yet; `None` after the one in which the call is over.
    pub async fn next(&mut self) -> Option<CallSnapshot> {
        self.snapshots.changed().await.ok()?;
        Some(self.snapshots.borrow_and_update().clone())
    }
}
