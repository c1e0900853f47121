//! The end of a session, told from elsewhere.

use std::sync::{Arc, Weak};

use super::place::Place;
use crate::session::Shared;
use crate::worker::thread::Command;

/// Ends a session from elsewhere: for whoever learns that the call is over and does not hold its session.
#[derive(Clone)]
pub struct MediaSessionCloser {
    place: Weak<Place>,
    shared: Arc<Shared>,
}

impl MediaSessionCloser {
    pub(super) fn new(place: &Arc<Place>, shared: &Arc<Shared>) -> Self {
        Self { place: Arc::downgrade(place), shared: Arc::clone(shared) }
    }

    /// Ends the session, as dropping it would. What was received before can still be heard.
    pub fn close(&self) {
        self.shared.end();
        if let Some(place) = self.place.upgrade() {
            place.send(Command::Remove { index: place.seat.index });
        }
    }
}
