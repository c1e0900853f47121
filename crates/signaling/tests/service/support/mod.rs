//! What the tests share: a bot on a scripted Graph, keys that sign its callbacks, and a real line to its receiver.

mod bot;
mod graph;
mod line;
mod log;
mod signer;

use std::time::Duration;

pub(crate) use self::bot::{Bot, about, client, new_call, post_of, receiver};
pub(crate) use self::graph::{Ask, Graph, answer, not_sent, refusal, timed_out, with_header};
pub(crate) use self::line::{Line, Server};
pub(crate) use self::log::{heard, listen};
pub(crate) use self::signer::{APP, Signer, claims, header, said};

/// Awaits what must come over a real socket. The limit decides nothing: it makes a test fail that would hang.
pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    within(Duration::from_secs(60), what, future).await
}

/// The same on a paused clock, which jumps to the limit once nothing else is due.
pub(crate) async fn eventually<F: Future>(what: &str, future: F) -> F::Output {
    within(Duration::from_secs(24 * 3600), what, future).await
}

async fn within<F: Future>(limit: Duration, what: &str, future: F) -> F::Output {
    tokio::time::timeout(limit, future).await.unwrap_or_else(|_| panic!("{what} never came"))
}
