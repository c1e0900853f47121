//! Somebody who joins by WHIP, on `webrtc`'s driver: offers, hums, shows packets, and keeps what comes.

use std::f64::consts::TAU;
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use opus::{Channels, Decoder, Encoder};
use reqwest::Response;
use rtc::interceptor::Packet as Intercepted;
use rtc::media_stream::MediaStreamTrack;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtp::{Packet, header::Header};
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use tokio::sync::watch;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState,
    RTCPeerConnectionState, RTCSessionDescription, Registry, SettingEngineBuilder, Slot,
    register_default_interceptors,
};

use crate::watching::Watching;

/// Numbers that the emulator would not choose.
const OPUS: u8 = 109;
const TONES: u8 = 101;
const VP8: u8 = 120;
const H264: u8 = 125;

/// Codecs of video by their names, with the types of their packets, and of those that are sent once more.
const VIDEO: [(&str, u8, &str); 4] = [
    ("video/VP8", VP8, ""),
    ("video/rtx", VP8 + 1, "apt=120"),
    ("video/H264", H264, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"),
    ("video/rtx", H264 + 1, "apt=125"),
];

/// Loudness of every tone here, as its highest sample.
const LOUDNESS: f64 = 8_000.0;

/// What a bot's end knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codecs {
    Vp8,
    H264,
    /// Both, and H.264 rather.
    H264First,
}

/// How many key frames a packet asks for.
fn picture_losses(packet: &Intercepted) -> u32 {
    let Intercepted::Rtcp(packets) = packet else { return 0 };
    packets.iter().filter(|packet| packet.as_any().is::<PictureLossIndication>()).count() as u32
}

/// What has come.
#[derive(Default)]
pub(crate) struct Kept {
    /// At 16 kHz.
    pub(crate) sound: Vec<i16>,
    pub(crate) pictures: Vec<Packet>,
    /// Where the pictures come, to ask for a key frame.
    pub(crate) seen_on: Option<Arc<dyn TrackRemote>>,
}

pub(crate) struct Person {
    connection: Arc<dyn PeerConnection>,
    audio: (Arc<TrackLocalStaticRTP>, u32),
    /// The sequence number of the next packet of sound.
    number: Arc<AtomicU16>,
    camera: (Arc<TrackLocalStaticRTP>, u32),
    /// The type of the packets of the camera.
    shows_as: u8,
    pub(crate) kept: Arc<Mutex<Kept>>,
    /// Key frames that were asked for.
    pub(crate) asked: Arc<Mutex<u32>>,
    state: watch::Receiver<RTCPeerConnectionState>,
    gathered: watch::Receiver<bool>,
}

/// The session at the emulator.
pub(crate) struct Whip {
    pub(crate) url: String,
    pub(crate) id: String,
}

impl Person {
    /// Somebody with a microphone, a camera, and `slots` sections in which they see others.
    pub(crate) async fn new(slots: usize) -> Self {
        Self::knowing(&VIDEO[..1], slots).await
    }

    /// A bot's end that knows one codec or two, with packets that are sent once more: its camera is in its first section of video, in
    /// which it sees somebody, too.
    pub(crate) async fn bot(codecs: Codecs, slots: usize) -> Self {
        let known = match codecs {
            Codecs::Vp8 => VIDEO[..2].to_vec(),
            Codecs::H264 => VIDEO[2..].to_vec(),
            Codecs::H264First => [&VIDEO[2..], &VIDEO[..2]].concat(),
        };
        Self::knowing(&known, slots).await
    }

    async fn knowing(video: &[(&'static str, u8, &str)], slots: usize) -> Self {
        let (gathering, gathered) = watch::channel(false);
        let (reached, state) = watch::channel(RTCPeerConnectionState::New);
        let (kept, asked) = (Arc::new(Mutex::new(Kept::default())), Arc::new(Mutex::new(0)));
        let handler = Handler { gathering, reached, kept: Arc::clone(&kept) };
        let mut engine = MediaEngine::default();
        for (name, payload_type, kind) in
            [("audio/opus", OPUS, RtpCodecKind::Audio), ("audio/telephone-event", TONES, RtpCodecKind::Audio)]
        {
            let rtp_codec = codec(name);
            engine.register_codec(RTCRtpCodecParameters { rtp_codec, payload_type }, kind).unwrap();
        }
        let video = video.iter().map(|(name, payload_type, fmtp)| {
            let rtp_codec = RTCRtpCodec { sdp_fmtp_line: (*fmtp).to_owned(), ..codec(name) };
            RTCRtpCodecParameters { rtp_codec, payload_type: *payload_type }
        });
        let video: Vec<RTCRtpCodecParameters> = video.collect();
        for known in &video {
            engine.register_codec(known.clone(), RtpCodecKind::Video).unwrap();
        }
        let asks = Arc::clone(&asked);
        let count = move |packet: &_| *asks.lock().unwrap() += picture_losses(packet);
        let registry = Registry::new().with(Slot::Custom(20_000), Watching::new(count));
        let registry = register_default_interceptors(registry, &mut engine).unwrap();
        let settings = SettingEngineBuilder::new()
            .with_ice_connection_attempts(Some(Duration::from_millis(20)), Some(250))
            .with_include_loopback_candidate(true)
            .build();
        let connection = PeerConnectionBuilder::new()
            .with_media_engine(engine)
            .with_setting_engine(settings)
            .with_interceptor_registry(registry)
            .with_handler(Arc::new(handler))
            .with_udp_addrs(vec!["127.0.0.1:0".to_owned()])
            .build()
            .await
            .unwrap();
        let audio = track("audio/opus", RtpCodecKind::Audio);
        let camera = track_of(video[0].rtp_codec.clone(), RtpCodecKind::Video);
        for (local, _) in [&audio, &camera] {
            connection.add_track(Arc::clone(local) as Arc<dyn TrackLocal>).await.unwrap();
        }
        // A track with one codec would be offered with that one alone.
        let both = [("audio/opus", OPUS), ("audio/telephone-event", TONES)]
            .map(|(name, payload_type)| RTCRtpCodecParameters { rtp_codec: codec(name), payload_type });
        for transceiver in connection.get_transceivers().await {
            let sender = transceiver.sender().await.unwrap().unwrap();
            let wanted = if sender.track().kind().await == RtpCodecKind::Audio { &both[..] } else { &video };
            transceiver.set_codec_preferences(wanted.to_vec()).await.unwrap();
        }
        for _ in 0..slots {
            connection.add_transceiver_from_kind(RtpCodecKind::Video, None).await.unwrap();
        }
        Self {
            connection: Arc::new(connection),
            audio,
            number: Arc::default(),
            camera,
            shows_as: video[0].payload_type,
            kept,
            asked,
            state,
            gathered,
        }
    }

    /// What they offer, with all candidates.
    pub(crate) async fn offer(&self) -> String {
        let offer = self.connection.create_offer(None).await.unwrap();
        self.connection.set_local_description(offer).await.unwrap();
        self.gathered.clone().wait_for(|done| *done).await.unwrap();
        self.connection.local_description().await.unwrap().sdp
    }

    pub(crate) async fn accept(&self, answer: String) {
        let answer = RTCSessionDescription::answer(answer).unwrap();
        self.connection.set_remote_description(answer).await.unwrap();
    }

    /// Joins at `url`, and waits until media flows.
    pub(crate) async fn join(&self, url: &str) -> Whip {
        let response = post(url, self.offer().await).await;
        assert_eq!(response.status(), 201);
        let location = response.headers()["location"].to_str().unwrap().to_owned();
        let id = location.rsplit('/').next().unwrap().to_owned();
        let url = reqwest::Url::parse(url).unwrap().join(&location).unwrap().to_string();
        self.accept(response.text().await.unwrap()).await;
        self.connected().await;
        Whip { url, id }
    }

    pub(crate) async fn connected(&self) {
        self.state.clone().wait_for(|state| *state == RTCPeerConnectionState::Connected).await.unwrap();
    }

    /// Sends a tone for as long as this is not dropped; each 20 ms a packet.
    pub(crate) fn hums(&self, hertz: f64) -> Humming {
        let ((track, ssrc), numbers) = (self.audio.clone(), Arc::clone(&self.number));
        Humming(tokio::spawn(async move {
            let mut encoder = Encoder::new(16_000, Channels::Mono, opus::Application::Voip).unwrap();
            let start = tokio::time::Instant::now();
            for number in 0_u32.. {
                tokio::time::sleep_until(start + Duration::from_millis(20) * number).await;
                let step = TAU * hertz / 16_000.0;
                let sample = |at: u32| (step * f64::from(number * 320 + at)).sin() * LOUDNESS;
                let frame: Vec<i16> = (0..320).map(|at| sample(at) as i16).collect();
                let mut packet = [0; 1500];
                let len = encoder.encode(&frame, &mut packet).unwrap();
                let header = header(OPUS, numbers.fetch_add(1, Relaxed), number * 960, ssrc);
                let payload = Bytes::copy_from_slice(&packet[..len]);
                if track.write_rtp(Packet { header, payload }).await.is_err() {
                    return;
                }
            }
        }))
    }

    /// Presses a key for 60 ms (RFC 4733), of which the end is said three times.
    pub(crate) async fn presses(&self, code: u8) {
        let (track, ssrc) = &self.audio;
        for (end, ticks) in [(0, 960_u16), (0, 1_920), (0x80, 2_880), (0x80, 2_880), (0x80, 2_880)] {
            let [high, low] = ticks.to_be_bytes();
            let header = header(TONES, self.number.fetch_add(1, Relaxed), 5_000_000, *ssrc);
            let payload = Bytes::copy_from_slice(&[code, end | 10, high, low]);
            track.write_rtp(Packet { header, payload }).await.unwrap();
        }
    }

    /// Sends a packet of a picture.
    pub(crate) async fn shows(&self, number: u16, payload: &'static [u8]) {
        let (track, ssrc) = &self.camera;
        let mut header = header(self.shows_as, number, u32::from(number) * 3_000, *ssrc);
        header.marker = true;
        track.write_rtp(Packet { header, payload: Bytes::from_static(payload) }).await.unwrap();
    }

    /// Asks for a key frame of what is seen.
    pub(crate) async fn asks_for_key_frame(&self) {
        let (track, media_ssrc) = {
            let kept = self.kept.lock().unwrap();
            (kept.seen_on.clone().unwrap(), kept.pictures[0].header.ssrc)
        };
        let asked = PictureLossIndication { sender_ssrc: 1, media_ssrc };
        track.write_rtcp(vec![Box::new(asked)]).await.unwrap();
    }

    /// Waits until `seconds` more were heard; gives them.
    pub(crate) async fn hears(&self, seconds: f64) -> Vec<i16> {
        let since = self.kept.lock().unwrap().sound.len();
        let wanted = since + (seconds * 16_000.0) as usize;
        until(|| self.kept.lock().unwrap().sound.len() >= wanted).await;
        self.kept.lock().unwrap().sound[since..].to_vec()
    }

    /// Waits until half a second of a tone is heard; gives it.
    pub(crate) async fn hears_tone(&self, hertz: f64) -> Vec<i16> {
        let latest = || {
            let kept = self.kept.lock().unwrap();
            kept.sound.len().checked_sub(8_000).map(|from| kept.sound[from..].to_vec())
        };
        until(|| latest().is_some_and(|heard| share_of_tone(&heard, hertz) > 0.7)).await;
        latest().expect("it was heard")
    }

    pub(crate) async fn close(&self) {
        self.connection.close().await.unwrap();
    }
}

/// Hums until it is dropped.
pub(crate) struct Humming(tokio::task::JoinHandle<()>);

impl Drop for Humming {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits until `what` is so.
pub(crate) async fn until(what: impl Fn() -> bool) {
    let waiting = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("it comes to be so");
}

pub(crate) async fn post(url: &str, offer: String) -> Response {
    let request = reqwest::Client::new().post(url).header("content-type", "application/sdp");
    request.body(offer).send().await.unwrap()
}

/// How much of `samples` is a tone of `hertz`: 1 for one as loud as [`Person::hums`] sends (Goertzel).
pub(crate) fn share_of_tone(samples: &[i16], hertz: f64) -> f64 {
    let step = TAU * hertz / 16_000.0;
    let loudness = |span: &[i16]| {
        let (mut re, mut im) = (0.0, 0.0);
        for (i, &sample) in span.iter().enumerate() {
            let (sin, cos) = (step * i as f64).sin_cos();
            (re, im) = (re + f64::from(sample) * cos, im + f64::from(sample) * sin);
        }
        f64::hypot(re, im) * 2.0 / span.len() as f64
    };
    let spans = samples.chunks_exact(800);
    let count = spans.len() as f64;
    spans.map(loudness).sum::<f64>() / count / LOUDNESS
}

fn header(payload_type: u8, sequence_number: u16, timestamp: u32, ssrc: u32) -> Header {
    Header { version: 2, payload_type, sequence_number, timestamp, ssrc, ..Header::default() }
}

fn codec(mime_type: &str) -> RTCRtpCodec {
    let (clock_rate, channels, fmtp) = match mime_type {
        "audio/opus" => (48_000, 2, "minptime=10;useinbandfec=1"),
        "audio/telephone-event" => (48_000, 0, "0-16"),
        _ => (90_000, 0, ""),
    };
    let sdp_fmtp_line = fmtp.to_owned();
    RTCRtpCodec {
        mime_type: mime_type.to_owned(),
        clock_rate,
        channels,
        sdp_fmtp_line,
        rtcp_feedback: Vec::new(),
    }
}

fn track(name: &str, kind: RtpCodecKind) -> (Arc<TrackLocalStaticRTP>, u32) {
    track_of(codec(name), kind)
}

fn track_of(codec: RTCRtpCodec, kind: RtpCodecKind) -> (Arc<TrackLocalStaticRTP>, u32) {
    let ssrc = rand::random();
    let coding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
        active: true,
        codec,
        ..Default::default()
    };
    let id = |part: &str| format!("{part}-{ssrc}");
    let track = MediaStreamTrack::new(id("stream"), id("track"), id("track"), kind, vec![coding]);
    (Arc::new(TrackLocalStaticRTP::new(track)), ssrc)
}

struct Handler {
    gathering: watch::Sender<bool>,
    reached: watch::Sender<RTCPeerConnectionState>,
    kept: Arc<Mutex<Kept>>,
}

#[async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        self.gathering.send_replace(state == RTCIceGatheringState::Complete);
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.reached.send_replace(state);
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let kept = Arc::clone(&self.kept);
        tokio::spawn(async move {
            let mut decoder = Decoder::new(16_000, Channels::Mono).unwrap();
            while let Some(event) = track.poll().await {
                let TrackRemoteEvent::OnRtpPacket(packet) = event else { continue };
                let mut kept = kept.lock().unwrap();
                match packet.header.payload_type {
                    OPUS => {
                        let mut pcm = [0; 1_920];
                        let len = decoder.decode(&packet.payload, &mut pcm, false).unwrap();
                        kept.sound.extend_from_slice(&pcm[..len]);
                    }
                    VP8 | H264 => {
                        kept.pictures.push(packet);
                        kept.seen_on = Some(Arc::clone(&track));
                    }
                    other => panic!("payload type {other} was not agreed on"),
                }
            }
        });
    }
}
