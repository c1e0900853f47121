//! What the library logs on this thread, while a test listens.

use std::cell::RefCell;
use std::io;
use std::sync::Once;

use tracing_subscriber::EnvFilter;

thread_local! {
    /// What this thread has logged, while it listens. A test's runtime has one thread, its own.
    static LOG: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Writes to the log of the thread that writes.
struct Log;

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.with_borrow_mut(|log| log.as_mut().map(|log| log.extend_from_slice(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Begins to listen. One subscriber serves the whole process: those of single threads miss what another thread logged first.
pub(crate) fn listen() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        let filter = EnvFilter::new("offhook_signaling=trace");
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| Log).with_ansi(false).init();
    });
    LOG.set(Some(Vec::new()));
}

/// What was logged since, and listens on.
pub(crate) fn heard() -> String {
    String::from_utf8(LOG.replace(Some(Vec::new())).expect("a test that listens")).unwrap()
}
