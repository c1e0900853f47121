//! Hears when somebody who sees a picture needs a key frame: a PLI (RFC 4585 section 6.3.1) or a FIR (RFC 5104 section 4.3.1).

use std::collections::VecDeque;
use std::time::Instant;

use rtc::interceptor::{Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::sansio::Protocol;
use rtc::shared::error::Error;
use tokio::sync::mpsc::UnboundedSender;

/// Where it stands: behind all that act on RTCP.
pub(crate) const NEAREST_TO_APPLICATION: usize = 20_000;

/// Passes everything on, and says of which source a key frame is needed.
pub(crate) struct KeyFrameNeeds {
    needs: UnboundedSender<u32>,
    read: VecDeque<TaggedPacket>,
    written: VecDeque<TaggedPacket>,
}

impl KeyFrameNeeds {
    pub(crate) fn new(needs: UnboundedSender<u32>) -> Self {
        Self { needs, read: VecDeque::new(), written: VecDeque::new() }
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for KeyFrameNeeds {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtcp(packets) = &packet.message.packet {
            for packet in packets {
                let any = packet.as_any();
                let sources = if let Some(loss) = any.downcast_ref::<PictureLossIndication>() {
                    vec![loss.media_ssrc]
                } else if let Some(request) = any.downcast_ref::<FullIntraRequest>() {
                    request.fir.iter().map(|entry| entry.ssrc).collect()
                } else {
                    Vec::new()
                };
                // Whoever listened has left.
                sources.into_iter().for_each(|source| _ = self.needs.send(source));
            }
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

impl Interceptor for KeyFrameNeeds {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}
