//! The rival: one end of a connection on `webrtc`'s own asynchronous driver, as its users set it up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::media_engine::MIME_TYPE_OPUS;
use rtc::peer_connection::transport::RTCDtlsRole;
use rtc::rtp::{Packet, header::Header};
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use tokio::sync::watch;
use webrtc::error::Result;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState,
    RTCPeerConnectionState, RTCSessionDescription, Registry, SettingEngineBuilder, configure_rtcp_reports,
};

/// What both ends offer, so that it is what they agree on.
const PAYLOAD_TYPE: u8 = 111;

/// Samples of the 48 kHz RTP clock in 20 ms.
const RTP_TICKS_PER_FRAME: u32 = 960;

/// One end. Its driver runs on the runtime that it was made in.
pub(crate) struct Peer {
    connection: Box<dyn PeerConnection>,
    track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
    gathered: watch::Receiver<bool>,
    connected: watch::Receiver<bool>,
    sent: AtomicU64,
    heard: Arc<AtomicU64>,
}

impl Peer {
    /// Sets up an end that sends with `ssrc`. ICE checks at the engine's pace, the engine's interceptors.
    pub(crate) async fn new(ssrc: u32) -> Result<Self> {
        let (tell_gathered, gathered) = watch::channel(false);
        let (tell_connected, connected) = watch::channel(false);
        let heard = Arc::<AtomicU64>::default();
        let handler =
            Handler { gathered: tell_gathered, connected: tell_connected, heard: Arc::clone(&heard) };
        let mut media_engine = MediaEngine::default();
        let opus = RTCRtpCodecParameters { rtp_codec: opus_codec(), payload_type: PAYLOAD_TYPE };
        media_engine.register_codec(opus, RtpCodecKind::Audio)?;
        let settings = SettingEngineBuilder::new()
            .with_ice_connection_attempts(Some(Duration::from_millis(20)), Some(250))
            .with_answering_dtls_role(RTCDtlsRole::Client)
            .with_include_loopback_candidate(true)
            .build();
        let connection = PeerConnectionBuilder::new()
            .with_media_engine(media_engine)
            .with_setting_engine(settings)
            .with_interceptor_registry(configure_rtcp_reports(Registry::new()))
            .with_handler(Arc::new(handler))
            .with_udp_addrs(vec!["127.0.0.1:0".to_owned()])
            .build()
            .await?;
        let track = Arc::new(TrackLocalStaticRTP::new(audio_track(ssrc)));
        connection.add_track(Arc::clone(&track) as Arc<dyn TrackLocal>).await?;
        let connection = Box::new(connection);
        Ok(Self { connection, track, ssrc, gathered, connected, sent: AtomicU64::new(0), heard })
    }

    /// Its offer, with all candidates.
    pub(crate) async fn offer(&self) -> Result<RTCSessionDescription> {
        let offer = self.connection.create_offer(None).await?;
        self.described(offer).await
    }

    /// Its answer to `offer`, with all candidates.
    pub(crate) async fn answer(&self, offer: RTCSessionDescription) -> Result<RTCSessionDescription> {
        self.connection.set_remote_description(offer).await?;
        let answer = self.connection.create_answer(None).await?;
        self.described(answer).await
    }

    async fn described(&self, description: RTCSessionDescription) -> Result<RTCSessionDescription> {
        self.connection.set_local_description(description).await?;
        let mut gathered = self.gathered.clone();
        gathered.wait_for(|gathered| *gathered).await.expect("the connection lives");
        Ok(self.connection.local_description().await.expect("it has just been set"))
    }

    /// Takes the answer to its offer; from here on it connects.
    pub(crate) async fn accept(&self, answer: RTCSessionDescription) -> Result<()> {
        self.connection.set_remote_description(answer).await
    }

    /// Waits until media can flow.
    pub(crate) async fn connected(&self) {
        let mut connected = self.connected.clone();
        connected.wait_for(|connected| *connected).await.expect("the connection lives");
    }

    /// Sends the `index`th packet of its stream.
    pub(crate) async fn send(&self, index: u32, payload: Bytes) -> Result<()> {
        let header = Header {
            version: 2,
            payload_type: PAYLOAD_TYPE,
            sequence_number: index as u16,
            timestamp: index.wrapping_mul(RTP_TICKS_PER_FRAME),
            ssrc: self.ssrc,
            ..Default::default()
        };
        self.track.write_rtp(Packet { header, payload }).await?;
        self.sent.fetch_add(1, Relaxed);
        Ok(())
    }

    /// Packets that it has sent, and that it has heard.
    pub(crate) fn packets(&self) -> (u64, u64) {
        (self.sent.load(Relaxed), self.heard.load(Relaxed))
    }
}

struct Handler {
    gathered: watch::Sender<bool>,
    connected: watch::Sender<bool>,
    heard: Arc<AtomicU64>,
}

#[async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        self.gathered.send_replace(state == RTCIceGatheringState::Complete);
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.connected.send_replace(state == RTCPeerConnectionState::Connected);
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let heard = Arc::clone(&self.heard);
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(_) = event {
                    heard.fetch_add(1, Relaxed);
                }
            }
        });
    }
}

fn opus_codec() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_OPUS.to_owned(),
        clock_rate: 48_000,
        channels: 2,
        sdp_fmtp_line: "minptime=10;useinbandfec=1".to_owned(),
        rtcp_feedback: Vec::new(),
    }
}

fn audio_track(ssrc: u32) -> MediaStreamTrack {
    let coding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
        active: true,
        codec: opus_codec(),
        ..Default::default()
    };
    let name = |part: &str| format!("rival-{part}");
    MediaStreamTrack::new(name("stream"), name("audio"), name("audio"), RtpCodecKind::Audio, vec![coding])
}
