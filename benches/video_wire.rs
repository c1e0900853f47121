//! What does a stream of 720p30 cost that is received and written to a file as it comes, in the engine and on `webrtc`'s own tokio
//! driver?
//!
//! ```sh
//! cargo bench --features offhook/video-codecs --bench video_wire -- --streams 1,10
//! ```
//!
//! The same frames of H.264 are sent by a platform of the engine to receivers of either kind, in one process; what is counted is the
//! time that the receivers' threads are on a processor, by the kernel's account: those of media and of the file, or all of the
//! runtime. Either takes frames from packets, and appends them to a file with start codes.

#[path = "wire/process.rs"]
#[expect(dead_code, reason = "of what the other bench counts, this one needs the threads")]
mod process;

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use clap::Parser;
use offhook_media::blob::{MediaBlob, MediaDirection};
use offhook_media::video::pattern::draw_pattern;
use offhook_media::video::{
    BandwidthLimits, BitRate, EncodedVideoFrame, PixelFormat, VideoCodec, VideoEncoder, VideoEncoderSettings,
    VideoFrame, VideoSize,
};
use offhook_media::{
    MediaInstant, MediaPlatform, MediaPlatformSettings, MediaSession, MediaSessionSettings, RtpTime,
    VideoSocketSender, VideoSocketSettings,
};
use process::Threads;
use rtc::peer_connection::transport::RTCDtlsRole;
use rtc::rtp::codec::h264::H264Packet;
use rtc::rtp::packetizer::Depacketizer;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceGatheringState,
    RTCSessionDescription, Registry, SettingEngineBuilder, register_default_interceptors,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const SIZE: VideoSize = VideoSize { width: 1280, height: 720 };
const RATE: BitRate = BitRate::from_kilobits_per_second(1500);

/// Ten seconds, over and over: the first is a key frame.
const PICTURES: u32 = 300;

/// Before the first mark.
const WARM_UP: Duration = Duration::from_secs(2);

/// CPU of receiving and writing down video, in the engine and on webrtc's tokio driver
#[derive(Debug, Parser)]
struct Arguments {
    /// Numbers of streams to measure with
    #[arg(long, value_delimiter = ',', default_values_t = [1, 10])]
    streams: Vec<usize>,
    /// How long each is measured, after two seconds of warm-up
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Passed by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
    /// One tiny cell of each kind, to see that it runs
    #[arg(long, hide = true)]
    test: bool,
}

fn main() -> Result<()> {
    let mut arguments = Arguments::parse();
    if arguments.test {
        (arguments.streams, arguments.seconds) = (vec![1], 1.0);
    }
    let frames = match encode() {
        Ok(frames) => Arc::new(frames),
        Err(error) => {
            // Not every build has the codec.
            eprintln!("video_wire: nothing to send: {error}");
            return Ok(());
        }
    };
    let bytes: usize = frames.iter().map(|frame| frame.data().len()).sum();
    println!("H.264, {SIZE}, 30 frames a second, {:.2} Mb/s of frames\n", bytes as f64 * 8.0 / 1e7);
    println!("| receiver | streams | frames | us a frame | % of a core a stream | streams a core |");
    println!("|---|---:|---:|---:|---:|---:|");
    let span = Duration::from_secs_f64(arguments.seconds);
    for &streams in &arguments.streams {
        row("offhook", streams, span, engine(streams, span, &frames)?);
        row("webrtc", streams, span, driver(streams, span, &frames)?);
    }
    Ok(())
}

fn row(receiver: &str, streams: usize, span: Duration, (cpu, frames): (Duration, u64)) {
    let share = cpu.as_secs_f64() / span.as_secs_f64() / streams as f64;
    println!(
        "| {receiver} | {streams} | {frames} | {:.0} | {:.2} | {:.0} |",
        cpu.as_secs_f64() * 1e6 / frames.max(1) as f64,
        share * 100.0,
        1.0 / share.max(1e-9)
    );
}

fn encode() -> Result<Vec<EncodedVideoFrame>> {
    let settings = VideoEncoderSettings::new(VideoCodec::H264).bit_rate(RATE);
    let mut encoder = VideoEncoder::new(&settings)?;
    let mut picture = VideoFrame::new(PixelFormat::I420, SIZE)?;
    let mut frame = EncodedVideoFrame::new(VideoCodec::H264, false, RtpTime(0), Vec::new());
    let mut frames = Vec::new();
    for number in 0..PICTURES {
        let at = Duration::from_secs(1) * number / 30;
        draw_pattern(&mut picture, at);
        picture.set_capture_time(MediaInstant::from_duration(at));
        if encoder.encode(&picture, &mut frame)? {
            frames.push(frame.clone());
        }
    }
    Ok(frames)
}

fn platform() -> Result<MediaPlatform> {
    Ok(MediaPlatform::start(MediaPlatformSettings::default().workers(1))?)
}

fn settings(direction: MediaDirection) -> MediaSessionSettings {
    // The path is trusted from the start.
    let rate = BitRate::from_kilobits_per_second(8000);
    let video = VideoSocketSettings::default().codecs([VideoCodec::H264]).direction(direction);
    let limits = BandwidthLimits { start: rate, max: rate, ..BandwidthLimits::default() };
    MediaSessionSettings::default().video(video).video_bandwidth(limits)
}

/// Shows frames on all sockets, each at its own time within a frame's 33 ms and by the clock of its platform, until `until`.
fn show(
    mut sockets: Vec<VideoSocketSender>,
    clocks: Vec<Arc<MediaPlatform>>,
    frames: Arc<Vec<EncodedVideoFrame>>,
    until: Instant,
) {
    let begun = Instant::now();
    let between = Duration::from_secs(1) / 30;
    let apart = between / sockets.len() as u32;
    for turn in 0_u32.. {
        for (index, (socket, clock)) in (0_u32..).zip(sockets.iter_mut().zip(&clocks)) {
            let at = begun + between * turn + apart * index;
            thread::sleep(at.saturating_duration_since(Instant::now()));
            let frame = &frames[turn as usize % frames.len()];
            // What is not taken is missing from the count.
            let _ = socket.try_send(frame.data(), clock.now());
        }
        if Instant::now() >= until {
            return;
        }
    }
}

/// Time on a processor of `threads`, and frames counted, from the end of the warm-up on.
fn watch_threads(threads: &[Threads], count: &AtomicU64, span: Duration) -> Result<(Duration, u64)> {
    let on_cpu = || threads.iter().map(Threads::on_cpu).sum::<Result<Duration>>();
    thread::sleep(WARM_UP);
    let (cpu, frames) = (on_cpu()?, count.load(Relaxed));
    thread::sleep(span);
    Ok((on_cpu()? - cpu, count.load(Relaxed) - frames))
}

/// Receivers of the engine.
fn engine(streams: usize, span: Duration, frames: &Arc<Vec<EncodedVideoFrame>>) -> Result<(Duration, u64)> {
    // One each: two platforms hold one call between their ports.
    let sending = (0..streams).map(|_| Ok(Arc::new(platform()?))).collect::<Result<Vec<_>>>()?;
    let folder = tempfile::tempdir()?;
    let count = Arc::new(AtomicU64::new(0));
    let (receiving, media) = Threads::born_during(platform)?;
    let (mut senders, mut sessions, mut sockets) = (Vec::new(), Vec::new(), Vec::new());
    let waiting = process::runtime(1)?;
    for sending in &sending {
        let mut offering = sending.create_session(&settings(MediaDirection::SendOnly))?;
        let mut answering =
            receiving.answer_session(&settings(MediaDirection::ReceiveOnly), offering.blob())?;
        offering.accept_answer(answering.blob())?;
        waiting.block_on(offering.connected())?;
        waiting.block_on(answering.connected())?;
        senders.push(offering.take_video_sockets().remove(0).split().1);
        sockets.push(answering.take_video_sockets().remove(0).split().0);
        sessions.push((offering, answering));
    }
    let (writers, written) = Threads::born_during(|| {
        let writers = sockets.into_iter().enumerate().map(|(stream, mut socket)| {
            let mut file = file(&folder, stream)?;
            let count = Arc::clone(&count);
            Ok(thread::spawn(move || {
                while let Ok(frame) = socket.receive_blocking(Duration::from_millis(100)) {
                    let Some(frame) = frame else { continue };
                    if file.write_all(frame.data()).is_err() {
                        return;
                    }
                    count.fetch_add(1, Relaxed);
                }
            }))
        });
        writers.collect::<Result<Vec<_>>>()
    })?;
    let until = Instant::now() + WARM_UP + span + Duration::from_secs(1);
    let frames = Arc::clone(frames);
    let showing = thread::spawn(move || show(senders, sending, frames, until));
    let measured = watch_threads(&[media, written], &count, span);
    showing.join().expect("it does not panic");
    for (offering, answering) in &sessions {
        offering.closer().close();
        answering.closer().close();
    }
    for writer in writers {
        writer.join().expect("it does not panic");
    }
    measured
}

fn file(folder: &TempDir, stream: usize) -> Result<BufWriter<File>> {
    Ok(BufWriter::new(File::create(folder.path().join(format!("{stream}.h264")))?))
}

/// Receivers on `webrtc`'s driver.
fn driver(streams: usize, span: Duration, frames: &Arc<Vec<EncodedVideoFrame>>) -> Result<(Duration, u64)> {
    let sending = Arc::new(platform()?);
    let folder = tempfile::tempdir()?;
    let count = Arc::new(AtomicU64::new(0));
    let (runtime, threads) = Threads::born_during(|| process::runtime(1))?;
    let (mut senders, mut sessions, mut connections) =
        (Vec::<VideoSocketSender>::new(), Vec::new(), Vec::new());
    for stream in 0..streams {
        let mut session: MediaSession = sending.create_session(&settings(MediaDirection::SendOnly))?;
        let recorder = Recorder { file: Some(file(&folder, stream)?).into(), count: Arc::clone(&count) };
        let (connection, answer) = runtime.block_on(answer(session.blob(), recorder))?;
        session.accept_answer(&answer)?;
        runtime.block_on(session.connected())?;
        senders.push(session.take_video_sockets().remove(0).split().1);
        sessions.push(session);
        connections.push(connection);
    }
    let until = Instant::now() + WARM_UP + span + Duration::from_secs(1);
    let (clocks, frames) = (vec![Arc::clone(&sending); streams], Arc::clone(frames));
    let showing = thread::spawn(move || show(senders, clocks, frames, until));
    let measured = watch_threads(&[threads], &count, span);
    showing.join().expect("it does not panic");
    measured
}

/// Writes down what comes on the first track of video.
struct Recorder {
    file: std::sync::Mutex<Option<BufWriter<File>>>,
    count: Arc<AtomicU64>,
}

struct Handler {
    gathered: watch::Sender<bool>,
    recorder: Recorder,
}

#[async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        self.gathered.send_replace(state == RTCIceGatheringState::Complete);
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let file = self.recorder.file.lock().ok().and_then(|mut file| file.take());
        let Some(mut file) = file else { return };
        let count = Arc::clone(&self.recorder.count);
        tokio::spawn(async move {
            let (mut reader, mut frame) = (H264Packet::default(), Vec::new());
            while let Some(event) = track.poll().await {
                let TrackRemoteEvent::OnRtpPacket(packet) = event else { continue };
                if let Ok(part) = reader.depacketize(&packet.payload) {
                    frame.extend_from_slice(&part);
                }
                if packet.header.marker {
                    if file.write_all(&frame).is_err() {
                        return;
                    }
                    frame.clear();
                    count.fetch_add(1, Relaxed);
                }
            }
        });
    }
}

async fn answer(offer: &MediaBlob, recorder: Recorder) -> Result<(Arc<dyn PeerConnection>, MediaBlob)> {
    let offer: Value = serde_json::from_str(&offer.to_string())?;
    let (gathered, mut gathering) = watch::channel(false);
    let mut media = MediaEngine::default();
    media.register_default_codecs()?;
    // NACK, reports and transport-wide feedback: as its users have it.
    let registry = register_default_interceptors(Registry::new(), &mut media)?;
    let settings = SettingEngineBuilder::new()
        .with_answering_dtls_role(RTCDtlsRole::Client)
        .with_include_loopback_candidate(true)
        .build();
    let connection = PeerConnectionBuilder::new()
        .with_media_engine(media)
        .with_setting_engine(settings)
        .with_interceptor_registry(registry)
        .with_handler(Arc::new(Handler { gathered, recorder }))
        .with_udp_addrs(vec!["127.0.0.1:0".to_owned()])
        .build()
        .await?;
    let sdp = offer["description"]["sdp"].as_str().ok_or("the offer has no SDP")?.to_owned();
    connection.set_remote_description(RTCSessionDescription::offer(sdp)?).await?;
    let answer = connection.create_answer(None).await?;
    connection.set_local_description(answer).await?;
    gathering.wait_for(|done| *done).await?;
    let sdp = connection.local_description().await.ok_or("there is no answer")?.sdp;
    let sockets = offer["sockets"].as_array().into_iter().flatten().map(|socket| {
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
    Ok((Arc::new(connection), MediaBlob::parse(&blob.to_string())?))
}
