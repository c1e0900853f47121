//! [io] What comes from a person's connection: its state, sound, keys and pictures.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use rtc::rtp::Packet;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{PeerConnectionEventHandler, RTCIceGatheringState, RTCPeerConnectionState};

use super::offer::Section;
use super::video::Numbers as VideoNumbers;
use super::voice::Inlet;
use crate::far_end::{Pictures, Reports};

pub(super) struct Handler {
    pub(super) reports: Reports,
    pub(super) incoming: Incoming,
}

#[async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        self.reports.gathering(state);
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.reports.connection(state);
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        tokio::spawn(self.incoming.clone().follow(track));
    }
}

/// Where what comes from a person goes.
#[derive(Clone)]
pub(super) struct Incoming {
    pub(super) inlet: Arc<Inlet>,
    pub(super) sections: Arc<Vec<Section>>,
    /// The sections of the answer.
    pub(super) formats: Arc<OnceLock<Vec<Section>>>,
    pub(super) pictures: Arc<Pictures>,
}

impl Incoming {
    async fn follow(self, track: Arc<dyn TrackRemote>) {
        while let Some(event) = track.poll().await {
            let TrackRemoteEvent::OnRtpPacket(packet) = event else { continue };
            self.take(&track, &packet);
        }
    }

    fn take(&self, track: &Arc<dyn TrackRemote>, packet: &Packet) {
        let source = packet.header.ssrc;
        let number = packet.header.payload_type;
        // A source that was not announced is that of the only section there is.
        let announced = self.sections.iter().find(|section| section.sources.contains(&source));
        let Some(section) = announced.or(self.sections.iter().find(|section| section.sends)) else { return };
        let answered = self.formats.get().and_then(|all| all.iter().find(|held| held.mid == section.mid));
        let Some(answered) = answered else { return };
        if !section.is_video {
            if answered.number("opus/48000/2") == Some(number) {
                self.inlet.speech(packet.header.timestamp, packet.payload.clone());
            } else if answered.number("telephone-event/48000") == Some(number) {
                self.inlet.tone(packet.header.timestamp, &packet.payload);
            }
            return;
        }
        let Some(codec) = VideoNumbers::of(answered).codec(number) else { return };
        self.pictures.take(section.is_slides, codec, track, packet);
    }
}
