//! Who speaks to the browser: one WebRTC connection a trace, over `webrtc`'s own driver, that sends the packets as they are.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::media_engine::MIME_TYPE_OPUS;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::transport::RTCDtlsRole;
use rtc::rtp::{Packet, header::Header};
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use tokio::sync::watch;
use tokio::time::Instant;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState,
    RTCPeerConnectionState, Registry, SettingEngineBuilder,
};

use offhook::emulator::link::{Impairment, Trace, UdpRelay};

use crate::Outcome;
use crate::speech::Speech;

const PAYLOAD_TYPE: u8 = 111;

/// Samples of the 48 kHz RTP clock in a packet.
const RTP_TICKS: u32 = 960;

/// For gathering candidates; on loopback it takes a millisecond.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection to the browser, through a relay that does to RTP what a trace says.
pub(crate) struct FarEnd {
    connection: Arc<dyn PeerConnection>,
    track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
    trace: Trace,
    connected: watch::Receiver<bool>,
    relay: UdpRelay,
}

impl FarEnd {
    /// Answers the browser's offer. In the answer, the relay's address stands for that of the far end.
    pub(crate) async fn answer(offer: &str, trace: Trace) -> Outcome<(Self, String)> {
        let (gathered, mut gathering) = watch::channel(false);
        let (connecting, connected) = watch::channel(false);
        let ssrc = rand_ssrc(offer);
        let track = Arc::new(TrackLocalStaticRTP::new(audio_track(ssrc)));
        let connection = connect(Arc::new(Handler { gathered, connected: connecting })).await?;
        let local: Arc<dyn TrackLocal> = Arc::clone(&track) as _;
        connection.add_track(local).await?;
        // Without the browser's addresses, the only way to it is back through the relay.
        let offer = without_candidates(offer);
        connection.set_remote_description(RTCSessionDescription::offer(offer)?).await?;
        let answer = connection.create_answer(None).await?;
        connection.set_local_description(answer).await?;
        tokio::time::timeout(PATIENCE, gathering.wait_for(|done| *done)).await??;
        let answer = connection.local_description().await.ok_or("there is no local description")?.sdp;
        let address = candidate(&answer).ok_or("the answer has no candidate")?;
        let relay = UdpRelay::in_front_of(address, Impairment::Trace(trace.clone()))?;
        let answer = with_candidate(&answer, relay.address());
        Ok((Self { connection, track, ssrc, trace, connected, relay }, answer))
    }

    /// Resolves when media can flow.
    pub(crate) async fn connected(&mut self) -> Outcome {
        tokio::time::timeout(PATIENCE * 3, self.connected.wait_for(|connected| *connected)).await??;
        Ok(())
    }

    /// Sends the packets at the times of the trace, from `start` on.
    pub(crate) async fn speak(&self, speech: &Speech, start: Instant) -> Outcome {
        for (index, (packet, fate)) in speech.packets.iter().zip(self.trace.packets()).enumerate() {
            tokio::time::sleep_until(start + fate.sent).await;
            let header = Header {
                version: 2,
                marker: index == 0,
                payload_type: PAYLOAD_TYPE,
                sequence_number: index as u16,
                timestamp: (index as u32).wrapping_mul(RTP_TICKS),
                ssrc: self.ssrc,
                ..Default::default()
            };
            let packet = Packet { header, payload: Bytes::from(packet.clone()) };
            self.track.write_rtp(packet).await.map_err(|error| format!("a packet was not sent: {error}"))?;
        }
        Ok(())
    }

    /// Ends the connection, and says how many packets reached the relay of those that were sent.
    pub(crate) async fn close(&self) -> (u64, usize) {
        // That it was not told goodbye is the browser's last worry.
        let _ = self.connection.close().await;
        (self.relay.counters().received, self.trace.packets().len())
    }
}

/// Any number that differs from connection to connection.
fn rand_ssrc(offer: &str) -> u32 {
    offer.bytes().fold(2_166_136_261, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619))
}

struct Handler {
    gathered: watch::Sender<bool>,
    connected: watch::Sender<bool>,
}

#[async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.gathered.send_replace(true);
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        if state == RTCPeerConnectionState::Connected {
            self.connected.send_replace(true);
        }
    }
}

async fn connect(handler: Arc<Handler>) -> Outcome<Arc<dyn PeerConnection>> {
    let mut media_engine = MediaEngine::default();
    // Opus with FEC and nothing else: no RED, and no feedback, so that Chromium asks for no packet again.
    let opus = RTCRtpCodecParameters { rtp_codec: opus_codec(), payload_type: PAYLOAD_TYPE };
    media_engine.register_codec(opus, RtpCodecKind::Audio)?;
    let settings = SettingEngineBuilder::new()
        .with_ice_connection_attempts(Some(Duration::from_millis(20)), Some(1000))
        .with_answering_dtls_role(RTCDtlsRole::Client)
        .with_include_loopback_candidate(true)
        .build();
    let connection = PeerConnectionBuilder::new()
        .with_media_engine(media_engine)
        .with_setting_engine(settings)
        .with_interceptor_registry(Registry::new())
        .with_handler(handler)
        .with_udp_addrs(vec!["127.0.0.1:0".to_owned()])
        .build()
        .await?;
    Ok(Arc::new(connection))
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
    MediaStreamTrack::new(
        "speech".to_owned(),
        "audio".to_owned(),
        "audio".to_owned(),
        RtpCodecKind::Audio,
        vec![coding],
    )
}

fn without_candidates(sdp: &str) -> String {
    let lines = sdp.lines().filter(|line| !line.starts_with("a=candidate:"));
    lines.flat_map(|line| [line, "\r\n"]).collect()
}

/// The address of the first candidate: `candidate:FOUNDATION 1 udp PRIORITY ADDRESS PORT typ host` (RFC 8839 section 5.1).
fn candidate(sdp: &str) -> Option<SocketAddr> {
    let line = sdp.lines().find(|line| line.starts_with("a=candidate:"))?;
    let mut fields = line.split_ascii_whitespace().skip(4);
    let (address, port) = (fields.next()?, fields.next()?);
    Some(SocketAddr::new(address.parse().ok()?, port.parse().ok()?))
}

/// The SDP with one candidate, at `address`, where there were some.
fn with_candidate(sdp: &str, address: SocketAddr) -> String {
    let mut given = false;
    let lines = sdp.lines().filter_map(|line| {
        if !line.starts_with("a=candidate:") {
            return Some(format!("{line}\r\n"));
        }
        let first = !std::mem::replace(&mut given, true);
        first.then(|| {
            format!("a=candidate:1 1 udp 2130706431 {} {} typ host\r\n", address.ip(), address.port())
        })
    });
    lines.collect()
}
