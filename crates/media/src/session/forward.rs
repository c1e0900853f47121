//! Opus packets as they are, in the session that carries them.

use super::outbox::send;
use super::transport::Transport;
use super::{Outbox, Session};
use crate::encoded::EncodedPath;
use crate::time::MediaClock;

impl<T: Transport> Session<T> {
    /// Gives the application the packets themselves.
    pub(crate) fn with_encoded(mut self, path: EncodedPath) -> Self {
        self.encoded = Some(path);
        self
    }

    /// Sends what the application has of packets; `false` when it had nothing.
    pub(super) fn forward(&mut self, clock: &impl MediaClock, out: &mut Outbox) -> bool {
        let Some(encoded) = &mut self.encoded else { return false };
        let mut sent = false;
        for section in 0..encoded.sections() {
            let waiting = encoded.queued(section);
            while let Some(packet) = encoded.next(section, clock.now()) {
                let encode_out = clock.now();
                let counters = &self.shared.stats.counters;
                self.tap.sent(encode_out, &packet);
                send(&mut self.transport, encode_out, packet, counters, &mut self.encoded_out);
            }
            if encoded.queued(section) < waiting {
                sent = true;
                out.press(self.shared.room_of(section));
            }
        }
        encoded.tick();
        sent
    }
}
