//! What does it cost to record a participant of a call? Packets into tracks as they came, beside decoding them and writing WAV; and
//! pictures of a camera as they came.
//!
//! Calls of four speakers and the mix, over real UDP on loopback, for some seconds each. What is counted is the time on a processor of the
//! media thread that receives, and of whatever records: all of it, and what recording adds to receiving. A participant is a track of
//! sound; a camera is a picture of 640 x 360, 25 times a second. Prints a table; `cargo bench --bench recording -- --seconds 20 --calls 10`.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use clap::Parser;
use offhook::prelude::*;
use offhook::recording::{RecordingError, TrackRecorder};
use offhook_media::blob::MediaDirection;
use offhook_media::video::VideoCodec;
use offhook_media::{
    AudioFormat, EncodedAudioSender, MediaClock, MediaPlatform, MediaPlatformSettings, MediaSession,
    MediaSourceId, VideoSocketSender, VideoSocketSettings,
};

#[path = "support/speech.rs"]
mod speech;

const SPEAKERS: u8 = 4;

/// What is recorded of a call: the speakers, and the mix.
const TRACKS: u32 = SPEAKERS as u32 + 1;

/// Cost of recorded calls.
#[derive(Parser)]
struct Arguments {
    /// How long each way of recording is measured
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// How many calls are recorded at the same time
    #[arg(long, default_value_t = 10)]
    calls: u32,
    /// What cargo adds
    #[arg(long, hide = true)]
    bench: bool,
}

/// What is received, and what of it is recorded.
#[derive(Clone, Copy, PartialEq)]
struct Way {
    name: &'static str,
    decoded: bool,
    camera: bool,
    records: bool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { seconds, calls, .. } = Arguments::parse();
    println!("{calls} calls of {SPEAKERS} speakers and the mix, {seconds} s each way; CPU in ms a second\n");
    println!(
        "way                       CPU a participant    recording adds    participants a core    calls a core    MB a call and hour"
    );
    for (received, recorded, decoded, camera) in [
        ("packets", "packets into tracks", false, false),
        ("packets, a camera", "the same, recorded", false, true),
        ("decoded", "decoded, WAV at 16 kHz", true, false),
    ] {
        let mut base = 0.0;
        for (name, records) in [(received, false), (recorded, true)] {
            let way = Way { name, decoded, camera, records };
            let (on_cpu, bytes) = measure(way, calls, Duration::from_secs(seconds)).await?;
            let a_call = on_cpu.as_secs_f64() * 1000.0 / seconds as f64 / f64::from(calls);
            let a_participant = a_call / f64::from(TRACKS);
            let adds = if records { format!("{:.3}", a_participant - base) } else { String::new() };
            base = a_participant;
            let an_hour = bytes as f64 / f64::from(calls) * 3600.0 / seconds as f64 / 1e6;
            let Way { name, .. } = way;
            println!(
                "{name:24}  {a_participant:>17.3}    {adds:>14}    {:>19.0}    {:>12.0}    {an_hour:>18.1}",
                1000.0 / a_participant,
                1000.0 / a_call,
            );
        }
    }
    Ok(())
}

/// How long the threads that receive and record were on a processor, and how much they wrote.
async fn measure(way: Way, calls: u32, span: Duration) -> Result<(Duration, u64), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let peer = MediaPlatform::start(MediaPlatformSettings::default().workers(1))?;
    let before = threads()?;
    let bot = MediaPlatform::start(MediaPlatformSettings::default().workers(1))?;
    let Way { decoded, camera, records, .. } = way;
    let audio =
        AudioSocketSettings::default().format(AudioFormat::Pcm16K).unmixed(SPEAKERS).encoded(!decoded);
    let hears = MediaSessionSettings::default().audio(audio).tapped(records && !decoded);
    let with_camera = |settings: MediaSessionSettings, direction| {
        let socket = VideoSocketSettings::default().codecs([VideoCodec::Vp8]).direction(direction);
        if camera { settings.video(socket) } else { settings }
    };
    let hears = with_camera(hears, MediaDirection::ReceiveOnly);
    let sends = AudioSocketSettings::default().encoded(true).sends_unmixed(SPEAKERS);
    let sends = with_camera(MediaSessionSettings::default().audio(sends), MediaDirection::SendOnly);
    let packets = Arc::new(packets()?);
    let mut sessions = Vec::new();
    for _ in 0..calls {
        let mut near = bot.create_session(&hears)?;
        let mut far = peer.answer_session(&sends, near.blob())?;
        near.accept_answer(far.blob())?;
        near.connected().await?;
        far.connected().await?;
        let mut mixer = far.take_encoded_audio_socket().ok_or("encoded")?;
        let speakers = mixer.take_speakers();
        for (section, sender) in std::iter::once(mixer.split().1).chain(speakers).enumerate() {
            tokio::spawn(speak(section as u32, sender, Arc::clone(&packets)));
        }
        for socket in far.take_video_sockets() {
            tokio::spawn(show(socket.split().1, far.clock()));
        }
        sessions.push((near, far));
    }
    let over = Arc::new(AtomicBool::new(false));
    let mut tracks = Vec::new();
    let mut waves: Vec<JoinHandle<Result<(), RecordingError>>> = Vec::new();
    for (call, (near, _)) in sessions.iter_mut().enumerate() {
        let directory = directory.path().join(call.to_string());
        if decoded && records {
            waves.push(record_waves(near, &directory, &over)?);
        } else if records {
            let tap = near.take_tap().ok_or("tapped")?;
            tracks.push(TrackRecorder::start(grant(), directory, tap, |_| {})?);
        }
    }
    // Past the beginning: silence before the first packet, files that are made.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let ours: BTreeSet<_> = threads()?.difference(&before).cloned().collect();
    let (began, wrote) = (on_cpu(&ours)?, written(directory.path())?);
    tokio::time::sleep(span).await;
    let (ended, written) = (on_cpu(&ours)?, written(directory.path())?);
    over.store(true, Ordering::Relaxed);
    tokio::task::spawn_blocking(|| drop(tracks)).await?;
    for wave in waves {
        wave.join().map_err(|_| "a thread that records failed")??;
    }
    drop(sessions);
    Ok((ended - began, written - wrote))
}

fn grant() -> RecordingGrant {
    RecordingGrant::i_have_permission("nobody here is a person")
}

/// Writes the mix, and each speaker, as a bot that decodes does.
fn record_waves(
    near: &mut MediaSession,
    directory: &Path,
    over: &Arc<AtomicBool>,
) -> Result<JoinHandle<Result<(), RecordingError>>, Box<dyn Error>> {
    let (mut listener, _) = near.take_audio_socket().ok_or("decoded")?.split();
    let (format, directory, over) = (listener.format(), directory.to_owned(), Arc::clone(over));
    let record = move || {
        let create = |name: String| WavRecorder::create(directory.join(name), format, &grant());
        let mut mix = create("mix.wav".to_owned())?;
        let names = (0..SPEAKERS).map(|speaker| create(format!("{speaker}.wav")));
        let mut speakers = names.collect::<Result<Vec<_>, _>>()?;
        while !over.load(Ordering::Relaxed) {
            let Ok(Some(frame)) = listener.receive_blocking(Duration::from_millis(100)) else { continue };
            mix.write(frame)?;
            for (file, speaker) in speakers.iter_mut().zip(frame.unmixed()) {
                let alone = AudioFrame::new(format, frame.capture_time(), speaker.samples());
                let Ok(alone) = alone else { continue };
                file.write(&alone.with_first_sample(speaker.first_sample()))?;
            }
        }
        Ok(())
    };
    Ok(std::thread::Builder::new().name("wav".to_owned()).spawn(record)?)
}

/// Six seconds of speech, encoded as a far end would.
fn packets() -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let mut encoder = speech::encoder(AudioFormat::Pcm16K, 5)?;
    let frames = speech::frames(AudioFormat::Pcm16K);
    Ok(frames.iter().map(|frame| encoder.encode_vec(frame.samples(), 1275)).collect::<Result<_, _>>()?)
}

async fn speak(section: u32, mut sender: EncodedAudioSender, packets: Arc<Vec<Vec<u8>>>) {
    if section > 0 {
        sender.set_speakers([MediaSourceId(30 + section)]);
    }
    for packet in packets.iter().cycle() {
        if sender.send(packet, None).await.is_err() {
            return;
        }
    }
}

/// Shows a pattern over and over: VP8 in an IVF file.
async fn show(mut sender: VideoSocketSender, clock: impl MediaClock) {
    let film = include_bytes!("../assets/pattern.ivf");
    let (mut rest, mut frames) = (&film[32..], Vec::new());
    while let Some((&[l0, l1, l2, l3, ..], after)) = rest.split_first_chunk::<12>() {
        let (frame, after) = after.split_at(u32::from_le_bytes([l0, l1, l2, l3]) as usize);
        frames.push(frame);
        rest = after;
    }
    let mut ticks = tokio::time::interval(Duration::from_millis(40));
    for frame in frames.into_iter().cycle() {
        ticks.tick().await;
        if sender.send(frame, clock.now()).await.is_err() {
            return;
        }
    }
}

/// The threads of this process.
fn threads() -> Result<BTreeSet<String>, Box<dyn Error>> {
    let tasks = fs::read_dir("/proc/self/task")?;
    Ok(tasks
        .map(|task| Ok(task?.file_name().to_string_lossy().into_owned()))
        .collect::<std::io::Result<_>>()?)
}

/// How long those were on a processor that receive and record.
fn on_cpu(threads: &BTreeSet<String>) -> Result<Duration, Box<dyn Error>> {
    let mut sum = Duration::ZERO;
    for thread in threads {
        let path = format!("/proc/self/task/{thread}");
        // Those of the runtime come and go.
        let Ok(name) = fs::read_to_string(format!("{path}/comm")) else { continue };
        if !name.starts_with("offhook") && !name.starts_with("wav") {
            continue;
        }
        let on_cpu = fs::read_to_string(format!("{path}/schedstat"))?;
        let nanos = on_cpu.split(' ').next().ok_or("schedstat is empty")?.parse()?;
        sum += Duration::from_nanos(nanos);
    }
    Ok(sum)
}

/// Bytes of all files below.
fn written(directory: &Path) -> std::io::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        sum += if entry.file_type()?.is_dir() { written(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(sum)
}
