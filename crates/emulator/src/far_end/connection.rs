//! A connection of the emulator's, over `webrtc`'s own asynchronous driver, whoever is at its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rtc::peer_connection::transport::RTCDtlsRole;
use rtc::statistics::StatsSelector;
use tokio::sync::watch;
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState,
    RTCPeerConnectionState, Registry, SettingEngineBuilder, register_default_interceptors,
};

use super::FarEndState;
use super::peer::PeerError;
use super::voices::FRAME;
use crate::bridge::Path;

/// How long gathering host candidates may take; on loopback it takes a millisecond.
const GATHERING_TIME: Duration = Duration::from_secs(5);

/// By how many packets one that comes may be late. Where packets are sent once more as they were, the stack asks for the latest 512.
const LATE: usize = 512;

/// Where a connection stands.
pub(crate) struct Reports {
    /// Whether all candidates are known.
    pub(crate) gathered: watch::Sender<bool>,
    pub(crate) state: Arc<watch::Sender<FarEndState>>,
}

impl Reports {
    pub(crate) fn gathering(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.gathered.send_replace(true);
        }
    }

    pub(crate) fn connection(&self, state: RTCPeerConnectionState) {
        match state {
            RTCPeerConnectionState::Connected => advance(&self.state, FarEndState::Connected),
            RTCPeerConnectionState::Failed | RTCPeerConnectionState::Closed => {
                advance(&self.state, FarEndState::Closed);
            }
            _ => {}
        }
    }
}

/// Moves the state forward; it never goes back.
pub(crate) fn advance(report: &watch::Sender<FarEndState>, state: FarEndState) {
    report.send_if_modified(|now| {
        let forward = *now < state;
        if forward {
            *now = state;
        }
        forward
    });
}

/// To the peer and back, as ICE has measured it last on the way that it has chosen.
pub(crate) async fn round_trip(connection: &dyn PeerConnection) -> Option<Duration> {
    let report = connection.get_stats(Instant::now(), StatsSelector::None).await;
    let measured = report.candidate_pairs().filter(|pair| pair.nominated);
    let seconds = measured.map(|pair| pair.current_round_trip_time).find(|seconds| *seconds > 0.0)?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// The answer, once all candidates are in it.
pub(crate) async fn gathered_answer(
    connection: &dyn PeerConnection,
    mut gathering: watch::Receiver<bool>,
) -> Result<String, PeerError> {
    let complete = tokio::time::timeout(GATHERING_TIME, gathering.wait_for(|done| *done)).await;
    complete.map_err(|_| PeerError::NoCandidates)?.map_err(|_| PeerError::NoCandidates)?;
    Ok(connection.local_description().await.ok_or(PeerError::NoCandidates)?.sdp)
}

/// A connection on loopback, behind a network, with the usual interceptors beside those of `registry`. It is given up when the peer
/// has not been heard of for `patience` after it was first missed, which is after 5 s.
pub(crate) async fn connection(
    handler: Arc<dyn PeerConnectionEventHandler>,
    mut media_engine: MediaEngine,
    path: &Arc<Path>,
    registry: Registry,
    patience: Duration,
) -> Result<Arc<dyn PeerConnection>, PeerError> {
    let registry = register_default_interceptors(path.before(registry), &mut media_engine)?;
    let settings = SettingEngineBuilder::new()
        .with_ice_timeouts(None, Some(patience), None)
        .with_ice_connection_attempts(Some(FRAME), Some(250))
        .with_answering_dtls_role(RTCDtlsRole::Client)
        .with_srtp_replay_protection_window(LATE)
        .with_include_loopback_candidate(true)
        .build();
    let connection = PeerConnectionBuilder::new()
        .with_media_engine(media_engine)
        .with_setting_engine(settings)
        .with_interceptor_registry(registry)
        .with_runtime(path.wire())
        .with_handler(handler)
        .with_udp_addrs(vec!["127.0.0.1:0".to_owned()])
        .build()
        .await?;
    Ok(Arc::new(connection))
}
