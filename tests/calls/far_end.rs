//! A far end of another stack, `webrtc`'s driver: it answers with all that it knows by itself, and shows each packet that comes to
//! whoever wants to see it.

use std::sync::Arc;

use async_trait::async_trait;
use offhook::media::blob::MediaBlob;
use rtc::interceptor::{Packet, Slot};
use rtc::peer_connection::transport::RTCDtlsRole;
use rtc::rtp_transceiver::rtp_sender::{RTCRtpHeaderExtensionCapability, RtpCodecKind};
use serde_json::{Value, json};
use tokio::sync::watch;
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState,
    RTCSessionDescription, Registry, SettingEngineBuilder,
};

use crate::watching::Watching;

struct Handler {
    gathered: watch::Sender<bool>,
    track: watch::Sender<Option<Arc<dyn TrackRemote>>>,
}

#[async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        self.gathered.send_replace(state == RTCIceGatheringState::Complete);
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        self.track.send_replace(Some(track));
    }
}

/// Receives what a bot sends, as long as it is held.
pub(crate) struct FarEnd {
    _connection: Box<dyn PeerConnection>,
    /// The track that came last.
    pub(crate) track: watch::Receiver<Option<Arc<dyn TrackRemote>>>,
}

impl FarEnd {
    /// Answers a bot's offer. Of header extensions it takes these, for video.
    pub(crate) async fn answering(
        offer: &MediaBlob,
        extensions: &[&str],
        look: impl FnMut(&Packet) + Send + Sync + 'static,
    ) -> (Self, MediaBlob) {
        let offer: Value = serde_json::from_str(&offer.to_string()).unwrap();
        let (gathered, mut gathering) = watch::channel(false);
        let (tracks, track) = watch::channel(None);
        let mut media = MediaEngine::default();
        media.register_default_codecs().unwrap();
        for uri in extensions {
            let extension = RTCRtpHeaderExtensionCapability { uri: (*uri).to_owned() };
            media.register_header_extension(extension, RtpCodecKind::Video, None).unwrap();
        }
        let settings = SettingEngineBuilder::new()
            .with_answering_dtls_role(RTCDtlsRole::Client)
            .with_include_loopback_candidate(true)
            .build();
        let connection = PeerConnectionBuilder::new()
            .with_media_engine(media)
            .with_setting_engine(settings)
            .with_interceptor_registry(Registry::new().with(Slot::Custom(500), Watching::new(look)))
            .with_handler(Arc::new(Handler { gathered, track: tracks }))
            .with_udp_addrs(vec!["127.0.0.1:0".to_owned()])
            .build()
            .await
            .unwrap();
        let sdp = offer["description"]["sdp"].as_str().unwrap().to_owned();
        connection.set_remote_description(RTCSessionDescription::offer(sdp).unwrap()).await.unwrap();
        let answer = connection.create_answer(None).await.unwrap();
        connection.set_local_description(answer).await.unwrap();
        gathering.wait_for(|done| *done).await.unwrap();
        let sdp = connection.local_description().await.unwrap().sdp;
        let sockets = offer["sockets"].as_array().unwrap().iter().map(|socket| {
            let mut answered = json!({"id": socket["id"], "modality": socket["modality"]});
            if socket["modality"] != "data" {
                answered["direction"] = "receiveOnly".into();
            }
            answered
        });
        let blob = json!({
            "profile": offer["profile"],
            "mediaSessionId": offer["mediaSessionId"],
            "sockets": sockets.collect::<Vec<_>>(),
            "description": {"type": "answer", "sdp": sdp},
        });
        (Self { _connection: Box::new(connection), track }, MediaBlob::parse(&blob.to_string()).unwrap())
    }
}
