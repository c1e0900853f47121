//! A cell of the engine.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use offhook_media::blob::MediaBlob;
use offhook_media::{
    AudioFrame, AudioSocketReceiver, AudioSocketSender, AudioSocketSettings, HealthSettings, MediaPlatform,
    MediaPlatformSettings, MediaSession, MediaSessionSettings, OpusSettings, SessionCounters, Stage,
    StageLatency,
};
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use crate::load::{Load, PLACES_APART};
use crate::process::{Memory, Threads, resident_kib, runtime};
use crate::{Cell, Direction, FORMAT, Result, WARM_UP, codec, speech, udp};

/// What a cell has measured. CPU is in microseconds a frame.
#[derive(Deserialize, Serialize)]
pub(crate) struct Measured {
    pub(crate) frames: u64,
    pub(crate) media: f64,
    /// Of the media threads, what they spent in the kernel: also on the way of a datagram to its receiver, as loopback has it.
    pub(crate) media_system: f64,
    pub(crate) bell: f64,
    pub(crate) app: f64,
    /// libopus with one coder, whose state stays in the caches, and with one for each call.
    pub(crate) codec_warm: f64,
    pub(crate) codec: f64,
    /// Nothing but the system calls for as many datagrams.
    pub(crate) udp: f64,
    pub(crate) latency: Vec<(String, Quantiles)>,
    /// What went wrong, by counter. What was on its way at a mark makes the difference of two counters swing a little.
    pub(crate) mishaps: Vec<(String, i64)>,
    pub(crate) memory: Memory,
}

/// Microseconds.
#[derive(Clone, Copy, Deserialize, Serialize)]
pub(crate) struct Quantiles {
    pub(crate) median: f64,
    pub(crate) p99: f64,
    /// How many were longer than a frame.
    pub(crate) over_20_ms: u64,
}

/// The engine, and its applications on a runtime of their own.
struct Subject {
    media: Threads,
    bell: Threads,
    app: Threads,
    sessions: Vec<MediaSession>,
    /// From the tick at which a frame is due to the application, without the decoder.
    tick_to_app: Arc<Mutex<Histogram<u64>>>,
}

/// What takes longer is counted as taking as long.
const LONGEST_NANOS: u64 = 10_000_000_000;

/// What has been counted until some moment.
struct Mark {
    cpu: [Duration; 3],
    media_ticks: [u64; 2],
    counters: Vec<SessionCounters>,
    /// Of all sessions.
    ledger: Vec<(Stage, StageLatency)>,
    heard_by_peers: u64,
}

pub(crate) fn measure(cell: Cell) -> Result<Measured> {
    let mut load = Load::start(cell.complexity)?;
    let frames = speech::frames(FORMAT);
    // What is too much is to be measured, not refused.
    let health = HealthSettings::default().admit_overloaded(true);
    let settings = MediaPlatformSettings::default().workers(cell.workers).health(health);
    let (platform, threads) = Threads::born_during(|| Ok(MediaPlatform::start(settings)?))?;
    let (runtime, app) = Threads::born_during(|| runtime(1))?;
    let before = resident_kib()?;
    let sessions = connect(&platform, &runtime, &mut load, cell)?;
    let connected = resident_kib()?;

    let (media, bell) = (threads.named("offhook-media")?, threads.named("offhook-bell")?);
    let tick_to_app = Arc::new(Mutex::new(Histogram::new_with_max(LONGEST_NANOS, 2)?));
    let mut subject = Subject { media, bell, app, sessions, tick_to_app };
    subject.run_applications(&runtime, cell.direction, frames.as_slice().into())?;
    if cell.direction == Direction::Receive {
        load.speak()?;
    }
    std::thread::sleep(WARM_UP);
    lock(&subject.tick_to_app).reset();
    let first = subject.mark(&mut load)?;
    std::thread::sleep(cell.span);
    let memory = Memory { before, connected, after: resident_kib()? };
    let last = subject.mark(&mut load)?;
    let tick_to_app = Quantiles::of(&lock(&subject.tick_to_app));

    // In silence, so that nothing but what is measured is in the caches.
    drop((load, runtime, subject));
    platform.shut_down();
    let packets = codec::packets(&frames, cell.complexity)?;
    let alone = |calls| match cell.direction {
        Direction::Send => codec::encode_micros(&frames, cell.complexity, calls),
        Direction::Receive => codec::decode_micros(&packets, calls),
    };
    let payload = packets.iter().map(Vec::len).sum::<usize>() / packets.len();
    let floors = Floors { warm: alone(1)?, cold: alone(cell.calls)?, udp: udp::micros(cell, payload)? };
    report(cell.direction, (&first, &last), floors, tick_to_app, memory)
}

/// What the same frames cost without an engine, in microseconds.
struct Floors {
    warm: f64,
    cold: f64,
    udp: f64,
}

fn connect(
    platform: &MediaPlatform,
    runtime: &Runtime,
    load: &mut Load,
    cell: Cell,
) -> Result<Vec<MediaSession>> {
    let encoder = OpusSettings::default().complexity(cell.complexity);
    let audio = AudioSocketSettings::default().format(FORMAT).encoder(encoder);
    let settings = MediaSessionSettings::default().audio(audio);
    let mut sessions = Vec::with_capacity(cell.calls);
    for _ in 0..cell.calls {
        let mut session = platform.create_session(&settings)?;
        let MediaBlob::Offhook(offer) = session.blob() else { return Err("not our own profile".into()) };
        let answer = load.answer(&offer.description.sdp)?;
        let answer = MediaBlob::answer(offer, offer.sockets.clone(), &answer)?;
        session.accept_answer(&answer)?;
        sessions.push(session);
    }
    for session in &mut sessions {
        runtime.block_on(session.connected())?;
    }
    Ok(sessions)
}

impl Subject {
    /// Gives each call an application: a task that waits for its socket.
    fn run_applications(
        &mut self,
        runtime: &Runtime,
        direction: Direction,
        speech: Arc<[AudioFrame]>,
    ) -> Result<()> {
        for (index, session) in self.sessions.iter_mut().enumerate() {
            let socket = session.take_audio_socket().ok_or("a socket is taken once")?;
            let (listener, speaker) = socket.split();
            match direction {
                Direction::Send => {
                    runtime.spawn(speak(speaker, Arc::clone(&speech), index * PLACES_APART));
                }
                Direction::Receive => {
                    runtime.spawn(listen(listener, Arc::clone(&self.tick_to_app)));
                }
            }
        }
        Ok(())
    }

    fn mark(&self, load: &mut Load) -> Result<Mark> {
        let heard_by_peers = load.count()?.heard;
        let cpu = [self.media.on_cpu()?, self.bell.on_cpu()?, self.app.on_cpu()?];
        let media_ticks = self.media.ticks()?;
        let mut counters = Vec::with_capacity(self.sessions.len());
        let mut ledger = Vec::from(Stage::ALL.map(|stage| (stage, StageLatency::default())));
        // One session's reading at a time: each has the weight of a session.
        for stats in self.sessions.iter().map(MediaSession::stats) {
            counters.push(stats.counters);
            ledger.iter_mut().for_each(|(stage, merged)| merged.merge(stats.stage(*stage)));
        }
        Ok(Mark { cpu, media_ticks, counters, ledger, heard_by_peers })
    }
}

/// An application that always has something to say; it runs at the pace of the wire.
async fn speak(mut speaker: AudioSocketSender, speech: Arc<[AudioFrame]>, first: usize) {
    for frame in speech.iter().cycle().skip(first) {
        if speaker.send(frame).await.is_err() {
            return;
        }
    }
}

/// An application that takes each frame as it comes, and notes by the frame's own times how long that took.
async fn listen(mut listener: AudioSocketReceiver, tick_to_app: Arc<Mutex<Histogram<u64>>>) {
    while let Ok(frame) = listener.receive().await {
        let stages = frame.stages();
        let to_decoder = stages.jitter_out.since(frame.capture_time());
        let from_decoder = stages.app_out.since(stages.decode_out);
        let nanos = u64::try_from((to_decoder + from_decoder).as_nanos()).unwrap_or(u64::MAX);
        lock(&tick_to_app).saturating_record(nanos);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Counter = fn(&SessionCounters) -> u64;

/// What became of the frames between two marks.
fn report(
    direction: Direction,
    (first, last): (&Mark, &Mark),
    floors: Floors,
    tick_to_app: Quantiles,
    memory: Memory,
) -> Result<Measured> {
    let counted = |counter: Counter| last.sum(counter) - first.sum(counter);
    let (frames, counters, stages): (_, &[(&str, Counter)], _) = match direction {
        Direction::Send => (
            counted(|counters| counters.packets_sent),
            &[("underruns", |counters| counters.send_underruns), ("errors", |counters| counters.send_errors)],
            [Stage::TickLateness, Stage::Encode, Stage::WireOut],
        ),
        Direction::Receive => (
            counted(|counters| counters.frames_delivered),
            &[
                ("lost", |counters| counters.packets_lost),
                ("discarded", |counters| counters.packets_discarded),
                ("concealed", |counters| counters.concealed_samples / FORMAT.samples_per_frame() as u64),
                ("dropped", |counters| counters.frames_dropped),
            ],
            [Stage::TickLateness, Stage::Decode, Stage::AppOut],
        ),
    };
    let micros = |part: usize| (last.cpu[part] - first.cpu[part]).as_secs_f64() * 1e6 / frames as f64;
    let mut latency = Vec::new();
    for stage in stages {
        latency.push((stage.to_string(), last.latency_since(first, stage)));
    }
    let mishaps = counters.iter().map(|&(name, counter)| (name.to_owned(), counted(counter).cast_signed()));
    let mut mishaps: Vec<_> = mishaps.collect();
    match direction {
        Direction::Send => {
            let heard = last.heard_by_peers - first.heard_by_peers;
            mishaps.push(("not heard".to_owned(), frames.cast_signed() - heard.cast_signed()));
        }
        Direction::Receive => latency.push(("tick_to_app".to_owned(), tick_to_app)),
    }
    let (media, bell, app) = (micros(0), micros(1), micros(2));
    let [user, system] = std::array::from_fn(|part| last.media_ticks[part] - first.media_ticks[part]);
    let media_system = media * system as f64 / (user + system).max(1) as f64;
    let Floors { warm: codec_warm, cold: codec, udp } = floors;
    Ok(Measured { frames, media, media_system, bell, app, codec_warm, codec, udp, latency, mishaps, memory })
}

impl Mark {
    fn sum(&self, counter: Counter) -> u64 {
        self.counters.iter().map(counter).sum()
    }

    fn latency_since(&self, earlier: &Self, stage: Stage) -> Quantiles {
        let latency = self.ledger[stage as usize].1.since(&earlier.ledger[stage as usize].1);
        let micros = |quantile| latency.quantile(quantile).as_secs_f64() * 1e6;
        let over_20_ms = latency.count_over(Duration::from_millis(20));
        Quantiles { median: micros(0.5), p99: micros(0.99), over_20_ms }
    }
}

impl Quantiles {
    /// Of nanoseconds.
    fn of(histogram: &Histogram<u64>) -> Self {
        let micros = |quantile| histogram.value_at_quantile(quantile) as f64 / 1000.0;
        let in_time = histogram.count_between(0, 20_000_000);
        Self { median: micros(0.5), p99: micros(0.99), over_20_ms: histogram.len() - in_time }
    }
}
