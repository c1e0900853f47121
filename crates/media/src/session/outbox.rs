//! What comes of a call to a session, for its worker to do.

use std::sync::Arc;

use super::doorbell::Doorbell;
use super::transport::{Transmit, Transport};
use crate::send::OutgoingAudio;
use crate::stats::Counters;
use crate::time::MediaInstant;

/// Datagrams that an outbox has room for from the start: those of the ticks that are made at once, of packets as short as Opus has
/// them.
pub(super) const TRANSMITS: usize = 64;

/// What a session wants done after it was called: the caller's buffer, used again for every call.
pub(crate) struct Outbox {
    /// Datagrams to send, in order.
    pub(crate) transmits: Vec<Transmit>,
    /// Doorbells to queue.
    pub(crate) doorbells: Vec<Arc<Doorbell>>,
    /// Ticks that were made.
    pub(crate) ticks: Ticks,
}

/// How many ticks were made, and how they stood to their deadlines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ticks {
    pub(crate) made: u32,
    /// Those that began more than a frame late.
    pub(crate) missed: u32,
}

impl Outbox {
    pub(crate) fn new() -> Self {
        Self { transmits: Vec::with_capacity(TRANSMITS), doorbells: Vec::new(), ticks: Ticks::default() }
    }

    pub(super) fn press(&mut self, doorbell: &Arc<Doorbell>) {
        if doorbell.press() {
            self.doorbells.push(Arc::clone(doorbell));
        }
    }
}

/// Sends `packet`, which left the encoder at `now`.
pub(super) fn send(
    transport: &mut impl Transport,
    now: MediaInstant,
    packet: OutgoingAudio<'_>,
    counters: &Counters,
    encoded_out: &mut Vec<MediaInstant>,
) {
    if transport.send_audio(now, packet).is_ok() {
        counters.packets_sent.add(1);
        counters.bytes_sent.add(packet.payload.len() as u64);
        if encoded_out.len() < encoded_out.capacity() {
            encoded_out.push(now);
        }
    } else {
        counters.send_errors.add(1);
    }
}
