//! A place in the chain that packets pass on their way through a connection: where they are looked at, or changed.

use std::collections::VecDeque;
use std::time::Instant;

use rtc::interceptor::{Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::sansio::Protocol;
use rtc::shared::error::Error;

/// What is done to the packets that pass, which go on in any case.
pub(crate) trait Look: Send + Sync + 'static {
    /// One came.
    fn comes(&mut self, _: &mut Packet) {}
    /// One goes.
    fn goes(&mut self, _: &mut Packet) {}
    /// A stream will come.
    fn begins_to_come(&mut self, _: &StreamInfo) {}
    /// A stream comes no more.
    fn ends_to_come(&mut self, _: &StreamInfo) {}
    /// A stream will go.
    fn begins_to_go(&mut self, _: &StreamInfo) {}
}

/// Lets packets pass.
pub(crate) struct Passing<L> {
    look: L,
    read: VecDeque<TaggedPacket>,
    written: VecDeque<TaggedPacket>,
}

impl<L> Passing<L> {
    pub(crate) fn by(look: L) -> Self {
        Self { look, read: VecDeque::new(), written: VecDeque::new() }
    }
}

impl<L: Look> Protocol<TaggedPacket, TaggedPacket, ()> for Passing<L> {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, mut packet: TaggedPacket) -> Result<(), Error> {
        self.look.comes(&mut packet.message.packet);
        self.read.push_back(packet);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.read.pop_front()
    }

    fn handle_write(&mut self, mut packet: TaggedPacket) -> Result<(), Error> {
        self.look.goes(&mut packet.message.packet);
        self.written.push_back(packet);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.written.pop_front()
    }
}

impl<L: Look> Interceptor for Passing<L> {
    fn bind_local_stream(&mut self, stream: &StreamInfo) {
        self.look.begins_to_go(stream);
    }

    fn unbind_local_stream(&mut self, _: &StreamInfo) {}

    fn bind_remote_stream(&mut self, stream: &StreamInfo) {
        self.look.begins_to_come(stream);
    }

    fn unbind_remote_stream(&mut self, stream: &StreamInfo) {
        self.look.ends_to_come(stream);
    }
}
