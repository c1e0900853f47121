//! Video sections of a connection: their codecs, the tracks on which others are seen, and what comes from who has the connection.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_H264, MIME_TYPE_RTX, MIME_TYPE_VP8};
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtp::Packet;
use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RtpCodecKind,
};
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use tokio::sync::Notify;
use webrtc::error::Error;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::{MediaEngine, PeerConnection};

use super::outlet::Track;
use super::seeing::{Seeing, SeenPictures, of_layers};
use crate::bridge::{Codec, MOST_LAYERS, Section, Stage, VideoNumbers as Numbers};

/// Numbers that would be chosen here; those of an offer win. Each is followed by that of packets that are sent once more.
const VP8: u8 = 96;
const H264: u8 = 102;

/// Constrained baseline at any level that is met here: what all browsers have.
const BASELINE: &str = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";

/// Whether packets that are sent once more have a stream of their own (RTX, RFC 4588).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repairs {
    InStreamsOfTheirOwn,
    AsTheyWere,
}

/// Lets an engine understand video.
pub(crate) fn understand_video(engine: &mut MediaEngine, repairs: Repairs) -> Result<(), Error> {
    for (payload_type, mime_type, fmtp) in [(VP8, MIME_TYPE_VP8, ""), (H264, MIME_TYPE_H264, BASELINE)] {
        let rtp_codec = codec(mime_type, fmtp);
        engine.register_codec(RTCRtpCodecParameters { rtp_codec, payload_type }, RtpCodecKind::Video)?;
        if repairs == Repairs::InStreamsOfTheirOwn {
            let rtp_codec = RTCRtpCodec {
                rtcp_feedback: Vec::new(),
                ..codec(MIME_TYPE_RTX, &format!("apt={payload_type}"))
            };
            let payload_type = payload_type + 1;
            engine.register_codec(RTCRtpCodecParameters { rtp_codec, payload_type }, RtpCodecKind::Video)?;
        }
    }
    Ok(())
}

fn codec(mime_type: &str, fmtp: &str) -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: mime_type.to_owned(),
        clock_rate: 90_000,
        channels: 0,
        sdp_fmtp_line: fmtp.to_owned(),
        // What is lost is asked for by what the stack registers by itself.
        rtcp_feedback: vec![RTCPFeedback { typ: "ccm".to_owned(), parameter: "fir".to_owned() }],
    }
}

/// Adds the track on which others are seen in a section of an offer. The stack gives the sections to such tracks in the order in which
/// they are added, by direction.
pub(crate) async fn add_slot(
    connection: &dyn PeerConnection,
    place: usize,
    section: &Section,
) -> Result<Track, Error> {
    let ssrc = rand::random();
    let preferred = Numbers::of(section).preferred().unwrap_or(Codec::Vp8);
    let track = slot_track(place, ssrc, preferred);
    let track = Track { local: Arc::new(TrackLocalStaticRTP::new(track)), ssrc };
    add_track(connection, &track, section).await?;
    Ok(track)
}

/// Adds a track in which something is sent in a section of an offer.
pub(crate) async fn add_track(
    connection: &dyn PeerConnection,
    track: &Track,
    section: &Section,
) -> Result<(), Error> {
    let direction = match section.sends {
        true => RTCRtpTransceiverDirection::Sendrecv,
        false => RTCRtpTransceiverDirection::Sendonly,
    };
    let local: Arc<dyn TrackLocal> = Arc::clone(&track.local) as _;
    let init = RTCRtpTransceiverInit { direction, ..RTCRtpTransceiverInit::default() };
    connection.add_transceiver_from_track(local, Some(init)).await?;
    Ok(())
}

/// A track of which the stack remembers what it sent only where `preferred` is agreed on.
fn slot_track(place: usize, ssrc: u32, preferred: Codec) -> MediaStreamTrack {
    let codec = match preferred {
        Codec::Vp8 => codec(MIME_TYPE_VP8, ""),
        Codec::H264 => codec(MIME_TYPE_H264, BASELINE),
    };
    let coding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
        active: true,
        codec,
        ..Default::default()
    };
    let name = |part: &str| format!("slot-{part}-{place}");
    MediaStreamTrack::new(name("stream"), name("video"), name("video"), RtpCodecKind::Video, vec![coding])
}

/// The track on which pictures come, and their RTP source.
type Remote = (Arc<dyn TrackRemote>, u32);

/// What comes from a camera and from a screen.
#[derive(Default)]
pub(crate) struct Pictures {
    /// Where they are shown, once that is known.
    stage: OnceLock<Stage>,
    /// The tracks on which they come, with the source of each layer: camera, screen.
    remotes: Mutex<[[Option<Remote>; MOST_LAYERS]; 2]>,
    /// What is counted of them, where somebody asks.
    seeing: Option<Mutex<[[Seeing; MOST_LAYERS]; 2]>>,
    more: Notify,
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pictures {
    /// Pictures that are shown on a stage.
    pub(crate) fn shown_on(stage: Stage) -> Self {
        Self { stage: OnceLock::from(stage), ..Self::default() }
    }

    /// Pictures that are counted, and shown once there is a [stage](Self::show_on).
    pub(super) fn counted() -> Self {
        Self { seeing: Some(Mutex::default()), ..Self::default() }
    }

    /// They are shown there from now on. Only the first stage counts.
    pub(super) fn show_on(&self, stage: Stage) {
        let _ = self.stage.set(stage);
    }

    /// Takes in a packet: whether it is of the screen, and of which layer.
    pub(crate) fn take(
        &self,
        (is_screen, layer): (bool, usize),
        codec: Codec,
        track: &Arc<dyn TrackRemote>,
        packet: &Packet,
    ) {
        let screen = usize::from(is_screen);
        if let Some(remote) = lock(&self.remotes)[screen].get_mut(layer) {
            *remote = Some((Arc::clone(track), packet.header.ssrc));
        }
        if let Some(seeing) = &self.seeing {
            if let Some(seeing) = lock(seeing)[screen].get_mut(layer) {
                seeing.receive(codec, packet);
            }
            self.more.notify_waiters();
        }
        if let Some(stage) = self.stage.get() {
            stage.show(is_screen, layer, codec, packet);
        }
    }

    /// Asks for a key frame of a layer of the camera or the screen.
    pub(crate) fn ask_for_key_frame(&self, (is_screen, layer): (bool, usize)) {
        let remote = lock(&self.remotes)[usize::from(is_screen)].get(layer).cloned().flatten();
        if let Some((track, media_ssrc)) = remote {
            tokio::spawn(async move {
                let asked = PictureLossIndication { sender_ssrc: 0, media_ssrc };
                // Whoever has left sends none.
                let _ = track.write_rtcp(vec![Box::new(asked)]).await;
            });
        }
    }

    /// Waits until so many frames came whole.
    pub(super) async fn have_come(&self, is_screen: bool, frames: u64) {
        loop {
            let more = self.more.notified();
            if self.seen()[usize::from(is_screen)].frames_received >= frames {
                return;
            }
            more.await;
        }
    }

    /// What was counted: camera, screen.
    pub(super) fn seen(&self) -> [SeenPictures; 2] {
        self.seeing
            .as_ref()
            .map(|seeing| lock(seeing).each_ref().map(|layers| of_layers(layers)))
            .unwrap_or_default()
    }
}
