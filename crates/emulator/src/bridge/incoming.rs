//! [io] What comes from a person's connection: its state, sound, keys and pictures.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use rtc::rtp::Packet;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{PeerConnectionEventHandler, RTCIceGatheringState, RTCPeerConnectionState};

use super::offer::Section;
use super::streams::Streams;
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
    pub(super) streams: Arc<Streams>,
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
        let number = packet.header.payload_type;
        let Some(formats) = self.formats.get() else { return };
        let sent = self.sections.iter().filter(|section| section.sends);
        let Some((section, layer)) = self.streams.place(sent, formats, packet) else { return };
        let Some(answered) = formats.iter().find(|held| held.mid == section.mid) else { return };
        if !section.is_video {
            if answered.number("opus/48000/2") == Some(number) {
                self.inlet.speech(packet.header.timestamp, packet.payload.clone());
            } else if answered.number("telephone-event/48000") == Some(number) {
                self.inlet.tone(packet.header.timestamp, &packet.payload);
            }
            return;
        }
        let Some(codec) = VideoNumbers::of(answered).codec(number) else { return };
        self.pictures.take((section.is_slides, layer), codec, track, packet);
    }
}
