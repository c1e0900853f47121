//! What the callback receiver does with posts.

mod attacks;
mod body;
mod caller;
mod joining;
mod junk;
mod keys;
mod replay;
mod secrets;
mod server;

use offhook_signaling::CallbackReceiver;

/// Posts so far, by what became of them: accepted, unauthorized, without keys, not JSON, too large, incomplete, unparsable.
fn posts(receiver: &CallbackReceiver) -> [u64; 7] {
    let stats = receiver.stats();
    [
        stats.accepted,
        stats.unauthorized,
        stats.keys_unavailable,
        stats.wrong_content_type,
        stats.too_large,
        stats.incomplete,
        stats.unparsable,
    ]
}
