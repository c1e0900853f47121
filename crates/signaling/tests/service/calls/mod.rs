//! The task behind each call: what a bot sees of it through its handle.

mod beginning;
mod ending;
mod following;
mod incoming;
mod life;
mod order;
mod parts;

use std::time::Duration;

use offhook_signaling::model::CallState;
use offhook_signaling::track::CallSnapshot;

/// The states of a call, in the order in which they were learnt.
fn states(snapshot: &CallSnapshot) -> Vec<CallState> {
    snapshot.history.iter().map(|change| change.state).collect()
}

/// Lets an hour of the paused clock pass, with everything that is due in it.
async fn an_hour() {
    tokio::time::sleep(Duration::from_secs(3600)).await;
}
