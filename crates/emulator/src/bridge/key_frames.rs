//! Hears when somebody who sees a picture needs a key frame: a PLI (RFC 4585 section 6.3.1) or a FIR (RFC 5104 section 4.3.1).

use rtc::interceptor::Packet;
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use tokio::sync::mpsc::UnboundedSender;

use super::passing::{Look, Passing};

/// Where it stands: behind all that act on RTCP.
pub(crate) const NEAREST_TO_APPLICATION: usize = 20_000;

/// Says of which source a key frame is needed.
pub(crate) struct KeyFrameNeeds(UnboundedSender<u32>);

impl KeyFrameNeeds {
    pub(crate) fn told_to(needs: UnboundedSender<u32>) -> Passing<Self> {
        Passing::by(Self(needs))
    }
}

impl Look for KeyFrameNeeds {
    fn comes(&mut self, packet: &mut Packet) {
        let Packet::Rtcp(packets) = packet else { return };
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
            sources.into_iter().for_each(|source| _ = self.0.send(source));
        }
    }
}
