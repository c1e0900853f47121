//! One number of calls, measured in this process.

use std::time::{Duration, Instant};

use offhook_media::{
    AudioSocketSettings, HealthSettings, MediaPlatform, MediaPlatformSettings, MediaSession,
    MediaSessionSettings, OpusSettings, SessionStats, Stage,
};

use super::far_ends::FarEnds;
use super::report::{Measured, StageLine};
use super::system::{Cpu, processor, resident_kib};
use super::{Cell, Result, Scenario};

/// Before the first mark: the jitter buffers fill, the caches warm, the kernel's buffers grow.
const WARM_UP: Duration = Duration::from_secs(2);

/// What has been counted until some moment.
struct Mark {
    at: Instant,
    cpu: Cpu,
    stats: SessionStats,
    sent_to_us: u64,
}

pub(crate) async fn measure(cell: Cell) -> Result<Measured> {
    let mut far_ends = FarEnds::start(cell.scenario)?;
    let settings = MediaPlatformSettings::default()
        .workers(cell.workers.into())
        .health(HealthSettings::default().admit_overloaded(true));
    let platform = MediaPlatform::start(settings)?;
    let before = resident_kib()?;
    let mut sessions = connect(&platform, &mut far_ends, cell).await?;
    for session in &mut sessions {
        run_application(session, cell.scenario)?;
    }
    far_ends.speak()?;
    tokio::time::sleep(WARM_UP).await;
    let first = mark(&platform, &mut far_ends)?;
    tokio::time::sleep(cell.span).await;
    let last = mark(&platform, &mut far_ends)?;
    let grown = resident_kib()?.saturating_sub(before);
    Ok(report(cell, (&first, &last), grown))
}

async fn connect(platform: &MediaPlatform, far_ends: &mut FarEnds, cell: Cell) -> Result<Vec<MediaSession>> {
    let audio = AudioSocketSettings::default()
        .encoder(OpusSettings::default().complexity(cell.complexity))
        .encoded(cell.scenario == Scenario::Passthrough)
        .unmixed(cell.scenario.speakers());
    let settings = MediaSessionSettings::default().audio(audio);
    let mut sessions = Vec::new();
    for _ in 0..cell.calls {
        let mut session = platform.create_session(&settings)?;
        let answer = far_ends.answer(session.blob())?;
        session.accept_answer(&answer)?;
        session.connected().await?;
        sessions.push(session);
    }
    Ok(sessions)
}

/// What a bot would do with the call: a task that waits for its socket.
fn run_application(session: &mut MediaSession, scenario: Scenario) -> Result<()> {
    let taken = "a socket is taken once";
    if scenario == Scenario::Passthrough {
        let mut socket = session.take_encoded_audio_socket().ok_or(taken)?;
        tokio::spawn(async move { while socket.receive().await.is_ok() {} });
        return Ok(());
    }
    let (mut listener, mut speaker) = session.take_audio_socket().ok_or(taken)?.split();
    let sends_back = scenario == Scenario::Echo;
    tokio::spawn(async move {
        while let Ok(frame) = listener.receive().await {
            if sends_back && speaker.try_send(frame).is_err() {
                // The queue is full: the counters tell.
            }
        }
    });
    Ok(())
}

fn mark(platform: &MediaPlatform, far_ends: &mut FarEnds) -> Result<Mark> {
    let sent_to_us = far_ends.sent()?;
    let (stats, cpu) = (platform.session_stats(), Cpu::read()?);
    Ok(Mark { at: Instant::now(), cpu, stats, sent_to_us })
}

fn report(cell: Cell, (first, last): (&Mark, &Mark), grown: u64) -> Measured {
    let (wall, cpu) = ((last.at - first.at).as_secs_f64(), last.cpu.since(&first.cpu));
    let stats = last.stats.since(&first.stats);
    let counters = stats.counters;
    let frames = counters.frames_delivered + counters.frames_dropped + counters.packets_sent;
    let per_frame = |time: Duration| time.as_secs_f64() * 1e6 / frames.max(1) as f64;
    let codec =
        stats.stage(Stage::Decode).total_undisturbed() + stats.stage(Stage::Encode).total_undisturbed();
    let engine = cpu.media + cpu.bell;
    let cores = engine.as_secs_f64() / wall;
    let heard =
        counters.packets_received.saturating_sub(counters.packets_discarded + counters.frames_dropped);
    let ticks = stats.stage(Stage::TickLateness).count();
    Measured {
        scenario: cell.scenario.name().to_owned(),
        calls: cell.calls,
        seconds: wall,
        workers: cell.workers,
        frames,
        engine_us_per_frame: engine.checked_sub(codec).map(per_frame),
        bell_us_per_frame: per_frame(cpu.bell),
        codec_us_per_frame: per_frame(codec),
        app_us_per_frame: per_frame(cpu.app),
        deadline_miss_rate: counters.deadline_misses as f64 / ticks.max(1) as f64,
        // A packet that is on its way at a mark is counted on one side of it or the other.
        heard_share: heard as f64 / (last.sent_to_us - first.sent_to_us).max(1) as f64,
        calls_per_core: f64::from(cell.calls) / cores,
        calls_per_core_is: "reckoned".to_owned(),
        cores_busy: cores,
        rss_kib_per_call: grown as f64 / f64::from(cell.calls),
        stages: stats.stages().filter(|(_, latency)| latency.count() > 0).map(StageLine::of).collect(),
        processor: processor(),
        cores: std::thread::available_parallelism().map_or(0, usize::from),
    }
}
