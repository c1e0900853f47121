//! Does to the packets of a connection what a path does to them, but for losing those that come, which is the wire's. It stands in the
//! chain that they pass, so that it keeps no clock: times come from outside.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use rtc::interceptor::{Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::sansio::Protocol;
use rtc::shared::error::Error;

use super::path::{Path, Way};

/// A path in the chain of a connection.
pub(super) struct Network {
    path: Arc<Path>,
    read: Underway,
    written: Underway,
}

/// Packets that go one way.
#[derive(Default)]
struct Underway {
    arrived: VecDeque<TaggedPacket>,
    /// By when they arrive, and those that do so at the same time as they came.
    late: BTreeMap<(Instant, u64), TaggedPacket>,
    count: u64,
}

impl Network {
    pub(super) fn of(path: Arc<Path>) -> Self {
        Self { path, read: Underway::default(), written: Underway::default() }
    }
}

impl Underway {
    fn take(&mut self, path: &Path, way: Way, packet: TaggedPacket) {
        let Packet::Rtp(rtp) = &packet.message.packet else { return self.arrived.push_back(packet) };
        let Some(fate) = path.fate(way, packet.now, rtp.payload.len()) else {
            return self.arrived.push_back(packet);
        };
        for delay in fate {
            // A packet tells when it came.
            let now = packet.now + delay;
            let copy = TaggedPacket { now, transport: packet.transport, message: packet.message.clone() };
            if delay.is_zero() {
                self.arrived.push_back(copy);
            } else {
                self.count += 1;
                self.late.insert((now, self.count), copy);
            }
        }
    }

    fn arrive(&mut self, now: Instant) {
        while let Some(first) = self.late.first_entry()
            && first.key().0 <= now
        {
            self.arrived.push_back(first.remove());
        }
    }

    fn next(&self) -> Option<Instant> {
        self.late.first_key_value().map(|((due, _), _)| *due)
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Network {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        self.read.take(&self.path, Way::In, packet);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.read.arrived.pop_front()
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        self.written.take(&self.path, Way::Out, packet);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.written.arrived.pop_front()
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        self.read.arrive(now);
        self.written.arrive(now);
        Ok(())
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        [self.read.next(), self.written.next()].into_iter().flatten().min()
    }
}

impl Interceptor for Network {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}

    fn unbind_local_stream(&mut self, _: &StreamInfo) {}

    fn bind_remote_stream(&mut self, _: &StreamInfo) {}

    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}

#[cfg(test)]
mod tests;
