//! [io] Codec threads.
#![expect(clippy::disallowed_methods, reason = "starts codec threads")]

use std::io;
use std::thread::Builder;

use rustix::process::setpriority_process;

/// How far behind media threads a codec thread stands, as `nice` has it. Chosen, not measured.
const NICENESS: i32 = 5;

/// Runs `work` on a thread of its own. It ends when `work` returns; nobody waits for it.
pub(super) fn start(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    Builder::new().name(name.to_owned()).spawn(move || {
        // Of this thread alone: Linux gives each its own. Nobody misses what is not granted.
        let _ = setpriority_process(None, NICENESS);
        work();
    })?;
    Ok(())
}
