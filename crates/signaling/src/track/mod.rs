//! What is known of a call, from responses, notifications and polls that come late, twice, reordered or never.
//!
//! Pure: no I/O, no clock, no wish to act. Time comes in as an argument, and what should be asked of the service comes out
//! as [`Applied`] and [`CallTracker::poll_after`]. From bytes to state is two calls:
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

mod polling;
mod roster;
mod state;
mod tracker;

pub use polling::PollCadence;
pub use roster::Roster;
pub use state::Source;
pub use tracker::{Applied, CallSnapshot, CallTracker, StateChange};
