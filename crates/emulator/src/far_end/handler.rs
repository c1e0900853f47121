//! What a far end's connection reports: its state, and the packets that come.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use rtc::rtp::Packet;
use tokio::sync::watch;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{PeerConnectionEventHandler, RTCIceGatheringState, RTCPeerConnectionState};

use super::FarEndState;
use super::codecs::Numbers;
use super::hearing::{Content, Hearing};
use super::outlet::Track;
use super::peer::{InRoom, advance};
use crate::bridge::Way;

/// Sends packets back as they came, once it and the bot are in the call together.
#[derive(Clone)]
pub(super) struct Echo {
    pub(super) track: Track,
    pub(super) begun: watch::Receiver<bool>,
}

/// Takes what the connection reports.
pub(super) struct Handler {
    pub(super) gathered: watch::Sender<bool>,
    pub(super) report: Arc<watch::Sender<FarEndState>>,
    pub(super) hearing: Arc<Hearing>,
    /// Known before the first packet comes.
    pub(super) numbers: Arc<OnceLock<Numbers>>,
    pub(super) echo: Option<Echo>,
    pub(super) room: Arc<InRoom>,
}

#[async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.gathered.send_replace(true);
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        match state {
            RTCPeerConnectionState::Connected => advance(&self.report, FarEndState::Connected),
            RTCPeerConnectionState::Failed | RTCPeerConnectionState::Closed => {
                advance(&self.report, FarEndState::Closed);
            }
            _ => {}
        }
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let heard = Heard {
            hearing: Arc::clone(&self.hearing),
            echo: self.echo.clone(),
            numbers: Arc::clone(&self.numbers),
            room: Arc::clone(&self.room),
        };
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                let TrackRemoteEvent::OnRtpPacket(packet) = event else { continue };
                let deliver = || {
                    let (heard, packet) = (heard.clone(), packet.clone());
                    async move { heard.take(packet).await }
                };
                heard.room.path.pass(Way::In, packet.payload.len(), deliver).await;
            }
        });
    }
}

/// Takes the packets that come.
#[derive(Clone)]
struct Heard {
    hearing: Arc<Hearing>,
    echo: Option<Echo>,
    numbers: Arc<OnceLock<Numbers>>,
    room: Arc<InRoom>,
}

impl Heard {
    async fn take(&self, Packet { mut header, payload }: Packet) {
        let Some(numbers) = self.numbers.get() else { return };
        let Some(content) = numbers.content(header.payload_type) else { return };
        let opus = self.hearing.receive(header.sequence_number, header.timestamp, content, &payload);
        if let Some(inlet) = self.room.inlet() {
            match (content, opus) {
                (Content::Tone, _) => inlet.tone(header.timestamp, &payload),
                (_, Some(opus)) => inlet.speech(header.timestamp, opus),
                (_, None) => {}
            }
            return;
        }
        if let Some(Echo { track, begun }) = &self.echo
            && *begun.borrow()
        {
            header.ssrc = track.ssrc;
            header.extension = false;
            header.extensions.clear();
            // Of a packet with copies, what is new in it.
            let payload = match content {
                Content::Tone => payload,
                Content::Opus | Content::Redundant { .. } => {
                    header.payload_type = numbers.opus;
                    opus.unwrap_or_default()
                }
            };
            if track.local.write_rtp(Packet { header, payload }).await.is_ok() {
                self.hearing.note_sent();
            }
        }
    }
}
