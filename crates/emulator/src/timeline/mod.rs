//! The timeline: what bots asked, what they were told and answered, and what became of calls, in order.
//!
//! It is filled in one place each: requests by a middleware ([`observe`]), notifications and states of calls by the courier, states of
//! media by the exchange. An entry is written once, when it is over, and never changes: readers share its bytes. No secret
//! is in it.

mod observe;
mod redact;
mod ring;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

pub(crate) use observe::observe;
use offhook_signaling::model::CallId;
pub(crate) use redact::{address as shown_address, hide, shown};
pub(crate) use ring::Passage;
use ring::Ring;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;
use uuid::Uuid;

/// What has happened.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Happened {
    /// Somebody asked for something.
    Request {
        /// Its verb.
        method: String,
        /// Where.
        path: String,
        /// What was sent.
        body: Option<Value>,
        /// What was answered; nothing when the connection was cut.
        status: Option<u16>,
        /// Its body.
        answer: Option<Value>,
        /// How long that took, in milliseconds.
        took_ms: f64,
        /// The faults that it met.
        fault: Option<String>,
    },
    /// A bot was told something, or it was tried.
    Notification {
        /// Its id, the same in each try.
        message_id: String,
        /// Where it went.
        callback_uri: String,
        /// Which try this was, from 1.
        attempt: u32,
        /// What was sent.
        body: Value,
        /// What the bot answered.
        status: Option<u16>,
        /// Why it counts as not taken.
        problem: Option<String>,
        /// The body of the bot's answer.
        answer: Option<Value>,
        /// How long the bot took, in milliseconds.
        took_ms: f64,
    },
    /// A fault befell a notification.
    Fault {
        /// Its id.
        message_id: String,
        /// What happens to it.
        effect: String,
        /// What was to be sent.
        body: Value,
    },
    /// A call, or the media of a call, is in another state.
    State {
        /// `call` or `media`.
        of: &'static str,
        /// Which.
        state: String,
    },
}

/// An entry as it stands in the timeline.
#[derive(Serialize)]
struct Entry<'a> {
    id: u64,
    /// When it began, in milliseconds since 1970.
    at: u64,
    call: Option<&'a str>,
    #[serde(flatten)]
    happened: &'a Happened,
}

/// What stands before the JSON of an event.
const DATA: &str = "data: ";

/// The timeline of an emulator.
pub(crate) struct Timeline {
    /// Tells this timeline from that of an emulator which ran before.
    run: String,
    ring: Mutex<Ring>,
    /// How many entries there have been.
    latest: watch::Sender<u64>,
}

impl Default for Timeline {
    fn default() -> Self {
        Self {
            run: Uuid::new_v4().simple().to_string(),
            ring: Mutex::default(),
            latest: watch::Sender::new(0),
        }
    }
}

impl Timeline {
    /// What tells this timeline from that of an emulator which ran before.
    pub(crate) fn run(&self) -> &str {
        &self.run
    }

    /// Adds what has happened, which began at `at`.
    pub(crate) fn add(&self, at: SystemTime, call: Option<&CallId>, happened: &Happened) {
        let at = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        let at = u64::try_from(at).unwrap_or(u64::MAX);
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let id = ring.next();
        let entry = Entry { id, at, call: call.map(CallId::as_str), happened };
        let Ok(json) = serde_json::to_string(&entry) else { return };
        ring.push(format!("id: {}.{id}\nevent: timeline\n{DATA}{json}\n\n", self.run).into());
        drop(ring);
        self.latest.send_replace(id);
    }

    /// A call, or its media (`of`), is in another state.
    pub(crate) fn state(&self, of: &'static str, call: &CallId, state: impl Into<String>) {
        self.add(SystemTime::now(), Some(call), &Happened::State { of, state: state.into() });
    }

    /// What came after the entry `seen`, and no more than `at_most` of it. Each entry is an event
    /// of the stream that pages read.
    pub(crate) fn after(&self, seen: u64, at_most: usize) -> Passage {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner).after(seen, at_most)
    }

    /// All that is kept, as JSON Lines.
    pub(crate) fn lines(&self) -> String {
        let Passage { entries, .. } = self.after(0, usize::MAX);
        let mut lines = String::new();
        for (_, event) in entries {
            let event = String::from_utf8_lossy(&event);
            lines.push_str(event.split_once(DATA).map_or("", |(_, json)| json.trim_end()));
            lines.push('\n');
        }
        lines
    }

    /// Changes whenever there is another entry.
    pub(crate) fn latest(&self) -> watch::Receiver<u64> {
        self.latest.subscribe()
    }
}

/// Milliseconds, to the tenth.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}
