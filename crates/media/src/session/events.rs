//! The application's end of a session's events.

use std::future::poll_fn;
use std::sync::Arc;

use super::Shared;
use super::audio_socket::{SocketClosed, wait_for_more};
use crate::event::MediaEvent;
use crate::ring::RingReader;

/// Events that wait for an application that does not read: what comes on top is dropped and counted.
pub(crate) const EVENTS: usize = 256;

/// The events of one session, in order.
pub struct MediaEvents {
    ring: RingReader<MediaEvent>,
    shared: Arc<Shared>,
}

impl MediaEvents {
    pub(crate) fn new(ring: RingReader<MediaEvent>, shared: Arc<Shared>) -> Self {
        Self { ring, shared }
    }

    /// Waits for the next event. Dropping the future loses nothing.
    ///
    /// # Errors
    /// When the session is over and all has been told.
    pub async fn next(&mut self) -> Result<MediaEvent, SocketClosed> {
        poll_fn(|context| {
            let Shared { happened, state, .. } = &*self.shared;
            wait_for_more(happened, state, context, || self.ring.queued() > 0)
        })
        .await;
        self.try_next().ok_or(SocketClosed)
    }

    /// The next event, if something happened.
    pub fn try_next(&mut self) -> Option<MediaEvent> {
        self.ring.read().copied()
    }
}
