//! What a far end's connection reports: its state, and the packets that come.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use rtc::rtp::Packet;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use tokio::sync::watch;
use webrtc::data_channel::DataChannel;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{PeerConnectionEventHandler, RTCIceGatheringState, RTCPeerConnectionState};

use super::codecs::Numbers;
use super::connection::Reports;
use super::hearing::{Content, Hearing};
use super::outlet::Track;
use super::peer::InRoom;
use super::view::View;
use crate::bridge::{CONTROL_LABEL, serve_control};

/// Sends packets back as they came, once it and the bot are in the call together.
#[derive(Clone)]
pub(super) struct Echo {
    pub(super) track: Track,
    pub(super) begun: watch::Receiver<bool>,
}

/// Takes what the connection reports.
pub(super) struct Handler {
    pub(super) reports: Reports,
    pub(super) hearing: Arc<Hearing>,
    /// Known before the first packet comes.
    pub(super) numbers: Arc<OnceLock<Numbers>>,
    pub(super) echo: Option<Echo>,
    pub(super) room: Arc<InRoom>,
    pub(super) view: Arc<View>,
}

#[async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        self.reports.gathering(state);
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.reports.connection(state);
    }

    async fn on_data_channel(&self, channel: Arc<dyn DataChannel>) {
        // It is asked of the driver's own task, which must not wait for itself.
        let stage = self.view.stage();
        tokio::spawn(async move {
            if channel.label().await.is_ok_and(|label| label == CONTROL_LABEL) {
                serve_control(channel, stage).await;
            }
        });
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        if track.kind().await == RtpCodecKind::Video {
            let view = Arc::clone(&self.view);
            tokio::spawn(async move {
                while let Some(event) = track.poll().await {
                    let TrackRemoteEvent::OnRtpPacket(packet) = event else { continue };
                    view.take(&track, &packet);
                }
            });
            return;
        }
        let heard = Heard {
            hearing: Arc::clone(&self.hearing),
            echo: self.echo.clone(),
            numbers: Arc::clone(&self.numbers),
            room: Arc::clone(&self.room),
        };
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                let TrackRemoteEvent::OnRtpPacket(packet) = event else { continue };
                heard.take(packet).await;
            }
        });
    }
}

/// Takes the packets that come.
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
