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
    for due in at_once(script.timed()) {
        coming.spawn(play_in_turn(Arc::clone(&exchange), None, due));
    }
    while let Some(reached) = reached.recv().await {
        for due in at_once(script.reached(&reached)) {
            coming.spawn(play_in_turn(Arc::clone(&exchange), Some(reached.call.clone()), due));
        }
        while coming.try_join_next().is_some() {}
    }
}

/// What happens at the same time, together: somebody joins, and is then muted.
fn at_once(mut due: Vec<Due>) -> Vec<Vec<Due>> {
    due.sort_by_key(|due| due.after);
    due.chunk_by(|one, next| one.after == next.after).map(<[Due]>::to_vec).collect()
}

async fn play_in_turn(exchange: Arc<Exchange>, call: Option<CallId>, due: Vec<Due>) {
    let Some(first) = due.first() else { return };
    tokio::time::sleep(first.after).await;
    for Due { happening, .. } in due {
        match apply(&exchange, call.as_ref(), &happening).await {
            Ok(_) => tracing::info!(?call, happening = happening.name(), "the scenario goes on"),
            Err(error) => {
                tracing::warn!(?call, happening = happening.name(), %error, "the scenario cannot go on as written");
            }
        }
    }
}
