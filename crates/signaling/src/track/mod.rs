//! What is known of a call, from responses, notifications and polls that come late, twice, reordered or never.
//!
//! Pure: no I/O, no clock, no wish to act. Time comes in as an argument, and what should be asked of the service comes out
//! as [`CallTracker::poll_after`] and [`CallTracker::asks`]. From bytes to state is two calls:
//!
//! ```
//! use std::time::SystemTime;
//! use offhook_signaling::auth::Verified;
//! use offhook_signaling::model::{CallState, CommsNotifications};
//! use offhook_signaling::track::CallTracker;
//!
//! let body = br#"{"value":[{"changeType":"updated","resourceUrl":"/communications/calls/1",
//!     "resourceData":{"state":"established"}}]}"#;
//! let mut tracker = CallTracker::new("1", SystemTime::now());
//! for notification in CommsNotifications::from_slice(body)?.value.items() {
//!     tracker.apply(SystemTime::now(), Verified::checked_elsewhere(notification));
//! }
//! assert_eq!(tracker.snapshot().state, CallState::Established);
//! # Ok::<(), serde_json::Error>(())
//! ```

mod content_sharing;
mod doubts;
mod events;
mod keep_alive;
mod operations;
mod parts;
mod polling;
mod roster;
mod snapshot;
mod state;
mod tones;
mod tracker;

pub use content_sharing::ContentSharing;
use doubts::Doubts;
pub use doubts::{Ask, Marks, Reading};
pub use events::{CallEvent, EventLog, TimedEvent};
pub use keep_alive::{KEEP_ALIVE, keep_alive_after};
pub use operations::Operations;
pub use polling::PollCadence;
pub use roster::Roster;
pub use snapshot::{CallSnapshot, StateChange};
pub use state::Source;
pub use tones::Tones;
pub use tracker::{Applied, CallTracker};
