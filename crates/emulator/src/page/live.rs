//! [io] What pages are told as it changes: one stream of events a page, written once for all of them.
//!
//! Nothing is queued for a page. Of the state and the levels it gets the latest once it has room for it, and of the timeline what
//! comes after what it has seen; where that is gone, it is told how much it has missed.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::stages::Stages;
use super::state::{levels, snapshot};
use crate::exchange::Exchange;
use crate::faults::Faults;
use crate::timeline::Passage;

/// Between two looks at what has changed: as often as levels move.
const PAUSE: Duration = Duration::from_millis(100);

/// Between two looks at how long stages take.
const LOOK: Duration = Duration::from_secs(1);

/// After so long without anything to say, a page is told that the emulator is still there.
const SILENCE: Duration = Duration::from_secs(15);

/// Entries of the timeline that a page is given at a time.
const PASSAGE: usize = 64;

/// What all pages read.
pub(super) struct Live {
    exchange: Arc<Exchange>,
    faults: Arc<Faults>,
    state: watch::Sender<Bytes>,
    levels: watch::Sender<Bytes>,
    stages: watch::Sender<Bytes>,
}

impl Live {
    pub(super) fn new(exchange: Arc<Exchange>, faults: Arc<Faults>) -> Self {
        let [state, levels, stages] = std::array::from_fn(|_| watch::Sender::new(Bytes::new()));
        Self { exchange, faults, state, levels, stages }
    }

    /// The state, as JSON.
    pub(super) fn snapshot(&self) -> Value {
        snapshot(self.exchange.timeline().run(), &self.exchange, &self.faults)
    }

    /// Writes what has changed for those who read it.
    pub(super) async fn keep_up(self: Arc<Self>) {
        let mut stirred = self.exchange.stirred();
        let mut rooms = self.exchange.bridge().changes();
        loop {
            tokio::select! {
                changed = stirred.changed() => if changed.is_err() { return },
                changed = rooms.changed() => if changed.is_err() { return },
            }
            if self.state.receiver_count() > 0 {
                self.refresh();
                if let Some(levels) = levels(self.exchange.bridge()) {
                    self.levels.send_replace(event("levels", &levels));
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Measures the stages each second, for those who read it.
    pub(super) async fn measure(self: Arc<Self>, mut stages: Stages) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            if self.stages.receiver_count() == 0 {
                stages.forget();
            } else if let Some(measured) = stages.measure().await {
                self.stages.send_replace(event("stages", &measured));
            }
        }
    }

    /// Writes the state, if it is another one.
    fn refresh(&self) {
        let state = event("state", &self.snapshot());
        self.state.send_if_modified(|known| {
            let is_new = *known != state;
            if is_new {
                *known = state;
            }
            is_new
        });
    }

    /// A stream of events, from after the event `last` on.
    pub(super) fn events(self: &Arc<Self>, last: Option<&str>) -> Response {
        let timeline = self.exchange.timeline();
        let seen = last.and_then(|last| last.strip_prefix(timeline.run())?.strip_prefix('.')?.parse().ok());
        let mut state = self.state.subscribe();
        // Nobody may have read it for a while.
        self.refresh();
        state.mark_changed();
        let mut latest = timeline.latest();
        latest.mark_changed();
        let reader = Reader {
            live: Arc::clone(self),
            state,
            levels: self.levels.subscribe(),
            stages: self.stages.subscribe(),
            latest,
            seen: seen.unwrap_or(0),
            waiting: VecDeque::new(),
        };
        let events = stream::unfold(reader, async |mut reader| {
            Some((Ok::<_, Infallible>(reader.next().await?), reader))
        });
        let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
        (headers, Body::from_stream(events)).into_response()
    }
}

/// Where one page is.
struct Reader {
    live: Arc<Live>,
    state: watch::Receiver<Bytes>,
    levels: watch::Receiver<Bytes>,
    stages: watch::Receiver<Bytes>,
    latest: watch::Receiver<u64>,
    /// The last entry of the timeline that it was given.
    seen: u64,
    waiting: VecDeque<Bytes>,
}

impl Reader {
    /// The next event, once there is one. Asked for only when the page has taken the last one.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            tokio::select! {
                biased;
                changed = self.state.changed() => {
                    changed.ok()?;
                    return Some(self.state.borrow_and_update().clone());
                }
                changed = self.latest.changed() => {
                    changed.ok()?;
                    self.read_on();
                }
                changed = self.levels.changed() => {
                    changed.ok()?;
                    return Some(self.levels.borrow_and_update().clone());
                }
                changed = self.stages.changed() => {
                    changed.ok()?;
                    return Some(self.stages.borrow_and_update().clone());
                }
                () = tokio::time::sleep(SILENCE) => return Some(Bytes::from_static(b": still here\n\n")),
            }
        }
    }

    fn read_on(&mut self) {
        let latest = *self.latest.borrow_and_update();
        let Passage { missed, entries } = self.live.exchange.timeline().after(self.seen, PASSAGE);
        if missed > 0 {
            self.waiting.push_back(event("missed", &missed.into()));
        }
        for (id, entry) in entries {
            self.seen = id;
            self.waiting.push_back(entry);
        }
        if self.seen < latest {
            self.latest.mark_changed();
        }
    }
}

fn event(name: &str, data: &Value) -> Bytes {
    format!("event: {name}\ndata: {data}\n\n").into()
}
