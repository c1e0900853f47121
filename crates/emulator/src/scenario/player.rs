//! [io] Plays the happenings of a scenario when they are due.

use std::sync::Arc;

use offhook_signaling::model::CallId;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

use super::apply;
use super::file::Scripted;
use super::script::{Due, Script};
use crate::callbacks::Reached;
use crate::exchange::Exchange;

/// Plays until no call can reach anything any more. What is still to come is dropped with the task.
pub(crate) async fn play(
    exchange: Arc<Exchange>,
    happenings: Vec<Scripted>,
    mut reached: UnboundedReceiver<Reached>,
) {
    let mut script = Script::new(happenings);
    let mut coming = JoinSet::new();
    for due in script.timed() {
        coming.spawn(play_one(Arc::clone(&exchange), None, due));
    }
    while let Some(reached) = reached.recv().await {
        for due in script.reached(&reached) {
            coming.spawn(play_one(Arc::clone(&exchange), Some(reached.call.clone()), due));
        }
        while coming.try_join_next().is_some() {}
    }
}

async fn play_one(exchange: Arc<Exchange>, call: Option<CallId>, due: Due) {
    tokio::time::sleep(due.after).await;
    match apply(&exchange, call.as_ref(), &due.happening).await {
        Ok(_) => tracing::info!(?call, happening = due.happening.name(), "the scenario goes on"),
        Err(error) => {
            tracing::warn!(?call, happening = due.happening.name(), %error, "the scenario cannot go on as written");
        }
    }
}
