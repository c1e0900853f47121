//! [io] When somebody wants the command to end: Ctrl-C, or the signal that service managers send.

use tokio::sync::watch;

/// Tells whether to end. A clone tells the same.
#[derive(Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Listens for the signals from now on. The first one asks for an orderly end; after the second the process ends at once.
    ///
    /// # Errors
    /// When the system gives no handler.
    pub(crate) fn on_signals() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let (tell, told) = watch::channel(false);
        tokio::spawn(async move {
            for asked in 0.. {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if asked > 0 {
                    // What a shell reports of a process that Ctrl-C has ended.
                    std::process::exit(130);
                }
                tell.send_replace(true);
                eprintln!("ending; once more ends at once");
            }
        });
        Ok(Self(told))
    }

    /// Waits until it is time.
    pub(crate) async fn asked(&self) {
        // The task that tells ends with the process.
        let _ = self.0.clone().wait_for(|asked| *asked).await;
    }
}
