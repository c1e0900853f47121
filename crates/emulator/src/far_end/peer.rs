//! The WebRTC connection of a far end, over `webrtc`'s own asynchronous driver.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use offhook_media::MediaSourceId;
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
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState,
    RTCPeerConnectionState, Registry, SettingEngineBuilder, register_default_interceptors,
};
use webrtc::rtp_transceiver::RtpSender;

use super::FarEndState;
use super::clip::{Clip, ClipError};
use super::hearing::Hearing;
use super::script::{AfterSpeech, FarEndScript};

/// Between two packets.
const FRAME: Duration = Duration::from_millis(20);

/// RTP ticks in [`FRAME`].
const TICKS_PER_FRAME: u32 = 960;

/// How long gathering host candidates may take; on loopback it takes a millisecond.
const GATHERING_TIME: Duration = Duration::from_secs(5);

/// Why a far end could not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PeerError {
    /// The offer is not one that WebRTC can answer.
    #[error("the offer was refused: {0}")]
    Offer(webrtc::error::Error),
    /// The connection could not be set up.
    #[error("the far end's connection failed: {0}")]
    Connection(#[from] webrtc::error::Error),
    /// Candidates were not gathered in time.
    #[error("the far end has no address to be reached at")]
    NoCandidates,
    /// The connection is over, so nothing can be sent.
    #[error("the far end's connection is over")]
    Over,
    /// Its speech cannot be encoded.
    #[error("the far end's speech: {0}")]
    Clip(#[from] ClipError),
}

/// A connection, and the track that it speaks on.
pub(super) struct Peer {
    connection: Arc<dyn PeerConnection>,
    track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
    payload_type: u8,
    source: Option<MediaSourceId>,
    hearing: Arc<Hearing>,
    report: Arc<watch::Sender<FarEndState>>,
    /// Whether it and the bot are in the call together. Media connects before that, while the phone still rings.
    begun: watch::Sender<bool>,
}

impl Peer {
    /// Answers `offer`; returns the connection and the SDP of its answer.
    pub(super) async fn answer(
        offer: &str,
        script: &FarEndScript,
        source: Option<MediaSourceId>,
        hearing: Arc<Hearing>,
        report: Arc<watch::Sender<FarEndState>>,
    ) -> Result<(Self, String), PeerError> {
        let (gathered, mut gathering) = watch::channel(false);
        let ssrc = rand::random();
        let track = Arc::new(TrackLocalStaticRTP::new(audio_track(ssrc)));
        let begun = watch::Sender::new(false);
        let echo = script.echo.then(|| Echo { track: Arc::clone(&track), ssrc, begun: begun.subscribe() });
        let (reporting, heard) = (Arc::clone(&report), Arc::clone(&hearing));
        let handler = Arc::new(Handler { gathered, report: reporting, hearing: heard, echo });
        let connection = connection(handler).await?;
        let local: Arc<dyn TrackLocal> = Arc::clone(&track) as _;
        let sender = connection.add_track(local).await?;
        let offer = RTCSessionDescription::offer(offer.to_owned()).map_err(PeerError::Offer)?;
        connection.set_remote_description(offer).await.map_err(PeerError::Offer)?;
        let answer = connection.create_answer(None).await.map_err(PeerError::Offer)?;
        connection.set_local_description(answer).await?;
        let complete = tokio::time::timeout(GATHERING_TIME, gathering.wait_for(|done| *done)).await;
        complete.map_err(|_| PeerError::NoCandidates)?.map_err(|_| PeerError::NoCandidates)?;
        let answer = connection.local_description().await.ok_or(PeerError::NoCandidates)?.sdp;
        let payload_type = payload_type(&*sender).await?;
        let peer = Self { connection, track, ssrc, payload_type, source, hearing, report, begun };
        Ok((peer, answer))
    }

    /// What its script says begins, as soon as media flows.
    pub(super) fn begin(&self) {
        self.begun.send_replace(true);
    }

    /// Plays `script` from the moment that media flows in a call that both are in.
    pub(super) async fn play(self: Arc<Self>, script: FarEndScript) {
        let (mut state, mut over, mut begun) =
            (self.report.subscribe(), self.report.subscribe(), self.begun.subscribe());
        let together = async {
            let connected = state.wait_for(|state| *state >= FarEndState::Connected).await.is_ok();
            connected && begun.wait_for(|begun| *begun).await.is_ok()
        };
        let together = tokio::select! {
            together = together => together,
            _ = over.wait_for(|state| *state >= FarEndState::Closed) => false,
        };
        if !together || script.echo {
            return;
        }
        let Some(clip) = script.clip else {
            self.advance(FarEndState::SpeechFinished);
            return;
        };
        match self.speak(&clip, script.after).await {
            Ok(()) | Err(PeerError::Over) => {}
            Err(error) => tracing::warn!(%error, "a far end stopped speaking"),
        }
        self.advance(FarEndState::SpeechFinished);
        if script.after == AfterSpeech::HangUp {
            // The exchange hears of it, ends the call, and then lets go of the connection.
            self.advance(FarEndState::HungUp);
        }
    }

    /// Sends the packets of `clip`, one each 20 ms of an absolute schedule, so that no delay adds up.
    async fn speak(&self, clip: &Arc<Clip>, after: AfterSpeech) -> Result<(), PeerError> {
        let encoding = Arc::clone(clip);
        // Encoding seconds of speech would hold up the runtime's other tasks.
        let encoded = tokio::task::spawn_blocking(move || encoding.encoded().map(|_| ())).await;
        encoded.map_err(|error| webrtc::error::Error::Other(error.to_string()))??;
        let encoded = clip.encoded()?;
        let start = Instant::now();
        let (first_number, first_time): (u16, u32) = (rand::random(), rand::random());
        for frame in 0_u32.. {
            tokio::time::sleep_until(start + FRAME * frame).await;
            if *self.report.borrow() >= FarEndState::HungUp {
                return Ok(());
            }
            let payload = match encoded.speech.get(frame as usize) {
                Some(speech) => speech,
                None if after == AfterSpeech::Repeat && !encoded.speech.is_empty() => {
                    &encoded.speech[frame as usize % encoded.speech.len()]
                }
                None if after == AfterSpeech::Silence => &encoded.silence,
                None => return Ok(()),
            };
            if frame as usize == encoded.speech.len() {
                self.advance(FarEndState::SpeechFinished);
            }
            let number = first_number.wrapping_add(frame as u16);
            let time = first_time.wrapping_add(frame.wrapping_mul(TICKS_PER_FRAME));
            self.send(number, time, frame == 0, payload.clone()).await?;
        }
        Ok(())
    }

    async fn send(
        &self,
        sequence_number: u16,
        timestamp: u32,
        marker: bool,
        payload: Bytes,
    ) -> Result<(), PeerError> {
        let header = Header {
            version: 2,
            marker,
            payload_type: self.payload_type,
            sequence_number,
            timestamp,
            ssrc: self.ssrc,
            csrc: self.source.iter().map(|source| source.0).collect(),
            ..Default::default()
        };
        // The driver's error holds the packet, which is nobody's business.
        self.track.write_rtp(Packet { header, payload }).await.map_err(|_| PeerError::Over)?;
        self.hearing.note_sent();
        Ok(())
    }

    pub(super) async fn close(&self) {
        if let Err(error) = self.connection.close().await {
            tracing::debug!(%error, "a far end's connection did not close cleanly");
        }
        // Where the peer said goodbye first, the driver reports no end of its own.
        self.advance(FarEndState::Closed);
    }

    fn advance(&self, state: FarEndState) {
        advance(&self.report, state);
    }
}

/// Moves the state forward; it never goes back.
fn advance(report: &watch::Sender<FarEndState>, state: FarEndState) {
    report.send_if_modified(|now| {
        let forward = *now < state;
        if forward {
            *now = state;
        }
        forward
    });
}

/// Sends packets back as they came, once it and the bot are in the call together.
#[derive(Clone)]
struct Echo {
    track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
    begun: watch::Receiver<bool>,
}

/// Takes what the connection reports.
struct Handler {
    gathered: watch::Sender<bool>,
    report: Arc<watch::Sender<FarEndState>>,
    hearing: Arc<Hearing>,
    echo: Option<Echo>,
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
        let hearing = Arc::clone(&self.hearing);
        let echo = self.echo.clone();
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                let TrackRemoteEvent::OnRtpPacket(mut packet) = event else { continue };
                hearing.receive(packet.header.sequence_number, packet.header.timestamp, &packet.payload);
                if let Some(Echo { track, ssrc, begun }) = &echo
                    && *begun.borrow()
                {
                    packet.header.ssrc = *ssrc;
                    packet.header.extension = false;
                    packet.header.extensions.clear();
                    if track.write_rtp(packet).await.is_ok() {
                        hearing.note_sent();
                    }
                }
            }
        });
    }
}

async fn connection(handler: Arc<Handler>) -> Result<Arc<dyn PeerConnection>, PeerError> {
    let mut media_engine = MediaEngine::default();
    let opus = RTCRtpCodecParameters { rtp_codec: opus_codec(), payload_type: 111 };
    media_engine.register_codec(opus, RtpCodecKind::Audio)?;
    let registry = register_default_interceptors(Registry::new(), &mut media_engine)?;
    let settings = SettingEngineBuilder::new()
        .with_ice_connection_attempts(Some(FRAME), Some(250))
        .with_answering_dtls_role(RTCDtlsRole::Client)
        .with_include_loopback_candidate(true)
        .build();
    let connection = PeerConnectionBuilder::new()
        .with_media_engine(media_engine)
        .with_setting_engine(settings)
        .with_interceptor_registry(registry)
        .with_handler(handler)
        .with_udp_addrs(vec!["127.0.0.1:0".to_owned()])
        .build()
        .await?;
    Ok(Arc::new(connection))
}

/// The payload type that was agreed on: packets with another vanish without an error.
async fn payload_type(sender: &dyn RtpSender) -> Result<u8, PeerError> {
    let parameters = sender.get_parameters().await?;
    let mut codecs = parameters.rtp_parameters.codecs.iter();
    let opus = codecs.find(|codec| codec.rtp_codec.mime_type.eq_ignore_ascii_case(MIME_TYPE_OPUS));
    let missing = || PeerError::Offer(webrtc::error::Error::ErrCodecNotFound);
    opus.map(|codec| codec.payload_type).ok_or_else(missing)
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
    let name = |part: &str| format!("far-end-{part}");
    MediaStreamTrack::new(name("stream"), name("audio"), name("audio"), RtpCodecKind::Audio, vec![coding])
}
