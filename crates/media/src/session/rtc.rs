//! Drives `rtc`, the sans-IO WebRTC core. The only file that names it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::rtc::crypto::{self, RTCCryptoProvider};
use ::rtc::interceptor::Registry;
use ::rtc::media_stream::MediaStreamTrack;
use ::rtc::peer_connection::certificate::RTCCertificate;
use ::rtc::peer_connection::configuration::interceptor_registry::configure_rtcp_reports;
use ::rtc::peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MediaEngine};
use ::rtc::peer_connection::configuration::setting_engine::SettingEngineBuilder;
use ::rtc::peer_connection::configuration::{RTCBundlePolicy, RTCConfigurationBuilder};
use ::rtc::peer_connection::event::RTCPeerConnectionEvent;
use ::rtc::peer_connection::message::{RTCMessage, TaggedRTCMessage};
use ::rtc::peer_connection::sdp::RTCSessionDescription;
use ::rtc::peer_connection::state::RTCPeerConnectionState;
use ::rtc::peer_connection::transport::{
    CandidateConfig, CandidateHostConfig, RTCDtlsRole, RTCDtlsTransportState, RTCIceCandidate,
    RTCIceCandidateInit,
};
use ::rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use ::rtc::rtp::{self, header::Header};
use ::rtc::rtp_transceiver::RTCRtpSenderId;
use ::rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use ::rtc::sansio::Protocol;
use ::rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use bytes::BytesMut;
use rtc_ice::mdns::MulticastDnsMode;
use uuid::Uuid;

use super::transport::{ReceivedAudio, Transmit, Transport, TransportError, TransportEvent};
use crate::send::OutgoingAudio;
use crate::time::{MediaInstant, RtpTime};
use crate::units::{MediaSourceId, Ssrc};

/// The payload type we offer for Opus; the one most stacks use. The answerer may choose another.
const OPUS_PAYLOAD_TYPE: u8 = 111;

/// Between two ICE checks. The core's default of 200 ms is the whole set-up time of a call on a good network.
const ICE_CHECK_INTERVAL: Duration = Duration::from_millis(20);

/// Checks per pair before it counts as failed: as many seconds as the core's 7 x 200 ms would give, and more.
const ICE_CHECKS: u16 = 250;

/// Memory for payloads on their way into the core, which drops each once it is encrypted: room for some dozens.
const PAYLOAD_BLOCK: usize = 16 * 1024;

/// What all sessions of a platform share of the core: one certificate, as its key costs milliseconds to make.
pub(crate) struct RtcCore {
    provider: Arc<dyn RTCCryptoProvider>,
    certificate: RTCCertificate,
    /// The real instant of [`MediaInstant::ZERO`].
    epoch: Instant,
}

impl RtcCore {
    pub(crate) fn new(epoch: Instant) -> Result<Self, TransportError> {
        let provider = crypto::default_provider().map_err(failed("choosing the cryptographic library"))?;
        let certificate = RTCCertificate::generate(
            provider.crypto(),
            crypto::SignatureScheme::EcdsaP256Sha256,
            Default::default(),
        )
        .map_err(failed("making the DTLS certificate"))?;
        Ok(Self { provider, certificate, epoch })
    }
}

/// One session's ICE, DTLS-SRTP and RTP.
pub(crate) struct RtcTransport {
    connection: Box<RTCPeerConnection>,
    epoch: Instant,
    local: SocketAddr,
    /// Our ICE user name fragment, which the peer's STUN requests begin with.
    local_ufrag: String,
    sender: RTCRtpSenderId,
    ssrc: u32,
    payload_type: Option<u8>,
    payloads: BytesMut,
    /// The peer has said goodbye (DTLS close_notify), which the core does not tell as an event.
    peer_closed: bool,
}

fn failed<E: std::error::Error + Send + Sync + 'static>(
    task: &'static str,
) -> impl FnOnce(E) -> TransportError {
    move |error| TransportError { task, source: Box::new(error) }
}

impl RtcTransport {
    /// Begins a session that offers: an audio section with `mid`, reached at `local`. Returns it with its SDP.
    pub(crate) fn offer(
        core: &RtcCore,
        now: MediaInstant,
        local: SocketAddr,
        mid: u32,
    ) -> Result<(Self, String), TransportError> {
        let mut this = Self::new(core, now, local, mid)?;
        let offer = this.connection.create_offer(None).map_err(failed("making the offer"))?;
        this.describe(now, offer)
    }

    /// Begins a session that answers the SDP `offer`. Returns it with its SDP.
    pub(crate) fn answer(
        core: &RtcCore,
        now: MediaInstant,
        local: SocketAddr,
        offer: &str,
    ) -> Result<(Self, String), TransportError> {
        let mut this = Self::new(core, now, local, 0)?;
        let offer = RTCSessionDescription::offer(offer.to_owned()).map_err(failed("reading the offer"))?;
        let at = this.instant(now);
        this.connection.set_remote_description(at, offer).map_err(failed("applying the offer"))?;
        let answer = this.connection.create_answer(None).map_err(failed("making the answer"))?;
        this.describe(now, answer)
    }

    /// Applies the peer's answer to our offer.
    pub(crate) fn accept_answer(&mut self, now: MediaInstant, answer: &str) -> Result<(), TransportError> {
        let answer =
            RTCSessionDescription::answer(answer.to_owned()).map_err(failed("reading the answer"))?;
        let at = self.instant(now);
        self.connection.set_remote_description(at, answer).map_err(failed("applying the answer"))
    }

    fn new(core: &RtcCore, now: MediaInstant, local: SocketAddr, mid: u32) -> Result<Self, TransportError> {
        let mut media_engine = MediaEngine::default();
        let codec = opus_codec();
        media_engine
            .register_codec(
                RTCRtpCodecParameters { rtp_codec: codec.clone(), payload_type: OPUS_PAYLOAD_TYPE },
                RtpCodecKind::Audio,
            )
            .map_err(failed("registering Opus"))?;
        let settings = SettingEngineBuilder::new()
            .with_crypto_provider(Arc::clone(&core.provider))
            .with_answering_dtls_role(RTCDtlsRole::Client)
            .with_ice_connection_attempts(Some(ICE_CHECK_INTERVAL), Some(ICE_CHECKS))
            .with_include_loopback_candidate(true)
            // A peer's candidate must not make us ask the local network who somebody is.
            .with_multicast_dns_mode(MulticastDnsMode::Disabled)
            .with_mid_generator(move |_| mid.to_string())
            .build();
        let configuration = RTCConfigurationBuilder::new()
            .with_bundle_policy(RTCBundlePolicy::MaxBundle)
            .with_certificates(vec![core.certificate.clone()])
            .build();
        let mut connection = RTCPeerConnectionBuilder::new()
            .with_configuration(configuration)
            .with_setting_engine(settings)
            .with_media_engine(media_engine)
            .with_interceptor_registry(configure_rtcp_reports(Registry::new()))
            .build(core.epoch + now.as_duration())
            .map_err(failed("setting up the connection"))?;
        let ssrc = Uuid::new_v4().as_fields().0;
        let sender =
            connection.add_track(audio_track(ssrc, codec)).map_err(failed("adding the audio section"))?;
        Ok(Self {
            connection: Box::new(connection),
            epoch: core.epoch,
            local,
            local_ufrag: String::new(),
            sender,
            ssrc,
            payload_type: None,
            payloads: BytesMut::with_capacity(PAYLOAD_BLOCK),
            peer_closed: false,
        })
    }

    /// Makes `description` the local one, with our only candidate in it.
    fn describe(
        mut self,
        now: MediaInstant,
        description: RTCSessionDescription,
    ) -> Result<(Self, String), TransportError> {
        let at = self.instant(now);
        self.connection
            .set_local_description(at, description)
            .map_err(failed("applying our own description"))?;
        let candidate = CandidateHostConfig {
            base_config: CandidateConfig {
                network: "udp".to_owned(),
                address: self.local.ip().to_string(),
                port: self.local.port(),
                component: 1,
                ..Default::default()
            },
            ..Default::default()
        }
        .new_candidate_host()
        .and_then(|candidate| RTCIceCandidate::from(&candidate).to_json())
        .map_err(failed("making the ICE candidate"))?;
        self.connection.add_local_candidate(candidate).map_err(failed("adding the ICE candidate"))?;
        // An empty candidate ends the gathering; there is no other way to say so.
        self.connection
            .add_local_candidate(RTCIceCandidateInit::default())
            .map_err(failed("ending the ICE gathering"))?;
        let description = self.connection.local_description().map(|description| description.sdp);
        let missing = || failed("reading our own description")(std::io::Error::other("there is none"));
        let sdp = description.ok_or_else(missing)?;
        let ufrag = sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:"));
        self.local_ufrag = ufrag.ok_or_else(missing)?.to_owned();
        Ok((self, sdp))
    }

    /// Our ICE user name fragment.
    pub(crate) fn local_ufrag(&self) -> &str {
        &self.local_ufrag
    }

    fn instant(&self, now: MediaInstant) -> Instant {
        self.epoch + now.as_duration()
    }

    fn media_instant(&self, at: Instant) -> MediaInstant {
        MediaInstant::from_duration(at.saturating_duration_since(self.epoch))
    }

    fn dtls_state(&mut self) -> Option<RTCDtlsTransportState> {
        Some(self.connection.rtp_sender(self.sender)?.transport()?.state())
    }

    /// The payload type that the peer agreed to.
    fn negotiated_payload_type(&mut self) -> Option<u8> {
        if self.payload_type.is_none() {
            let sender = &mut self.connection.rtp_sender(self.sender)?;
            let codecs = &sender.get_parameters().rtp_parameters.codecs;
            let is_opus = |mime: &str| mime.eq_ignore_ascii_case(MIME_TYPE_OPUS);
            let opus = codecs.iter().find(|codec| is_opus(&codec.rtp_codec.mime_type))?;
            self.payload_type = Some(opus.payload_type);
        }
        self.payload_type
    }

    fn received(&self, arrival: Instant, packet: rtp::Packet) -> ReceivedAudio {
        ReceivedAudio {
            arrival_time: self.media_instant(arrival),
            ssrc: Ssrc(packet.header.ssrc),
            sequence_number: packet.header.sequence_number,
            sender_time: RtpTime(packet.header.timestamp),
            source: packet.header.csrc.first().map(|&source| MediaSourceId(source)),
            payload: packet.payload,
        }
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

fn audio_track(ssrc: u32, codec: RTCRtpCodec) -> MediaStreamTrack {
    let coding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
        active: true,
        codec,
        ..Default::default()
    };
    let name = |part: &str| format!("offhook-{part}");
    MediaStreamTrack::new(name("bot"), name("audio"), name("audio"), RtpCodecKind::Audio, vec![coding])
}

impl Transport for RtcTransport {
    fn handle_datagram(
        &mut self,
        now: MediaInstant,
        from: SocketAddr,
        datagram: BytesMut,
    ) -> Result<(), TransportError> {
        let transport = TransportContext {
            local_addr: self.local,
            peer_addr: from,
            transport_protocol: TransportProtocol::UDP,
            ecn: None,
        };
        let now = self.instant(now);
        // RFC 7983 section 7.
        let is_dtls = matches!(datagram.first(), Some(20..=63));
        let message = TaggedBytesMut { now, transport, message: datagram };
        let read = self.connection.handle_read(message).map_err(failed("reading a datagram"));
        self.peer_closed |= is_dtls && self.dtls_state() == Some(RTCDtlsTransportState::Closed);
        read
    }

    fn handle_timeout(&mut self, now: MediaInstant) -> Result<(), TransportError> {
        let now = self.instant(now);
        self.connection.handle_timeout(now).map_err(failed("handling a time-out"))
    }

    fn poll_deadline(&mut self) -> Option<MediaInstant> {
        let deadline = self.connection.poll_timeout()?;
        Some(self.media_instant(deadline))
    }

    fn poll_transmit(&mut self) -> Option<Transmit> {
        let message = self.connection.poll_write()?;
        Some(Transmit { to: message.transport.peer_addr, datagram: message.message })
    }

    fn poll_event(&mut self) -> Option<TransportEvent> {
        while let Some(event) = self.connection.poll_event() {
            let RTCPeerConnectionEvent::OnConnectionStateChangeEvent(state) = event else { continue };
            match state {
                RTCPeerConnectionState::Connected => return Some(TransportEvent::Connected),
                RTCPeerConnectionState::Disconnected => return Some(TransportEvent::Disconnected),
                RTCPeerConnectionState::Failed => return Some(TransportEvent::Failed),
                RTCPeerConnectionState::Closed => return Some(TransportEvent::Closed),
                _ => {}
            }
        }
        std::mem::take(&mut self.peer_closed).then_some(TransportEvent::Closed)
    }

    fn poll_audio(&mut self) -> Option<ReceivedAudio> {
        while let Some(TaggedRTCMessage { now, message }) = self.connection.poll_read() {
            if let RTCMessage::RtpPacket(_, packet) = message {
                return Some(self.received(now, packet));
            }
        }
        None
    }

    fn send_audio(&mut self, now: MediaInstant, packet: OutgoingAudio<'_>) -> Result<(), TransportError> {
        let not_yet = || failed("sending audio")(std::io::Error::other("Opus is not negotiated"));
        let payload_type = self.negotiated_payload_type().ok_or_else(not_yet)?;
        let header = Header {
            version: 2,
            marker: packet.marker,
            payload_type,
            sequence_number: packet.sequence_number,
            timestamp: packet.sender_time.0,
            ssrc: self.ssrc,
            ..Default::default()
        };
        self.payloads.extend_from_slice(packet.payload);
        let payload = self.payloads.split().freeze();
        let now = self.instant(now);
        let mut sender = self.connection.rtp_sender(self.sender).ok_or_else(not_yet)?;
        sender.write_rtp(now, rtp::Packet { header, payload }).map_err(failed("sending audio"))
    }

    fn close(&mut self) -> Result<(), TransportError> {
        self.connection.close().map_err(failed("closing the connection"))
    }
}
