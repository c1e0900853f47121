//! Hears of key frames that somebody is asked for.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use rtc::interceptor::{Interceptor, Packet as Intercepted, StreamInfo, TaggedPacket};
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::sansio::Protocol;
use rtc::shared::error::Error;

/// Counts the key frames that are asked for.
#[derive(Default)]
pub(crate) struct Asked {
    asked: Arc<Mutex<u32>>,
    read: VecDeque<TaggedPacket>,
    written: VecDeque<TaggedPacket>,
}

impl Asked {
    pub(crate) fn counting_in(asked: &Arc<Mutex<u32>>) -> Self {
        Self { asked: Arc::clone(asked), ..Self::default() }
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Asked {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        if let Intercepted::Rtcp(packets) = &packet.message.packet {
            let asked = packets.iter().filter(|packet| packet.as_any().is::<PictureLossIndication>());
            *self.asked.lock().unwrap() += asked.count() as u32;
        }
        self.read.push_back(packet);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.read.pop_front()
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        self.written.push_back(packet);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.written.pop_front()
    }
}

impl Interceptor for Asked {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}
