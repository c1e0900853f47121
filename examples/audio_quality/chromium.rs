//! The receiver of Chromium: a headless browser that plays calls, counts, and sends back what it played.

use std::path::Path;
use std::process::Child;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as Route, State};
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::{get, post};
use offhook::emulator::link::Trace;
use offhook::media::{SampleRate, Sound};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

use crate::Outcome;
use crate::far_end::FarEnd;
use crate::report::{Delay, Heard, seconds};
use crate::speech::{Speech, from_bytes};
use crate::traces::NamedTrace;

/// From the start of the browser to the last connection.
const PATIENCE: Duration = Duration::from_secs(120);

/// From the last connection to the first packet: what starting costs is over, and there is a reading before speech begins.
const SETTLE: Duration = Duration::from_secs(5);

/// From the last packet to the end: it is still in a buffer, and the page sends once a second.
const DRAIN: Duration = Duration::from_secs(4);

/// What is counted of a stream, as `getStats` names it (W3C webrtc-stats, `RTCInboundRtpStreamStats`).
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Counted {
    jitter_buffer_delay: f64,
    jitter_buffer_emitted_count: f64,
    concealed_samples: f64,
    inserted_samples_for_deceleration: f64,
    removed_samples_for_acceleration: f64,
    total_samples_received: f64,
    nack_count: f64,
}

/// What the page has sent of one call.
#[derive(Default)]
struct Call {
    /// When each came, what it says, and how many samples had been captured by then.
    readings: Vec<(Instant, Counted, usize)>,
    samples: Vec<i16>,
    rate: u32,
}

/// What the page and the harness share.
struct Stage {
    traces: Vec<Trace>,
    calls: Mutex<Vec<Call>>,
    answered: UnboundedSender<(usize, FarEnd)>,
}

impl Stage {
    fn calls(&self) -> MutexGuard<'_, Vec<Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the browser, and with it the directory that it keeps its things in.
struct Browser {
    process: Child,
    _profile: tempfile::TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Plays all traces to the browser at once, in real time.
pub(crate) fn listen(chromium: &Path, speech: &Speech, traces: &[NamedTrace]) -> Outcome<Vec<Heard>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(play(chromium, speech, traces))
}

async fn play(chromium: &Path, speech: &Speech, traces: &[NamedTrace]) -> Outcome<Vec<Heard>> {
    let (answered, mut answers) = unbounded_channel();
    let stage = Arc::new(Stage {
        traces: traces.iter().map(|trace| trace.trace.clone()).collect(),
        calls: Mutex::new(traces.iter().map(|_| Call::default()).collect()),
        answered,
    });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let page = format!("http://{}/?calls={}", listener.local_addr()?, traces.len());
    let router = Router::new()
        .route("/", get(|| async { Html(include_str!("page.html")) }))
        .route("/offer/{call}", post(offer))
        .route("/pcm/{call}/{rate}", post(pcm))
        .route("/stats/{call}", post(stats))
        .route("/log", post(|text: String| async move { eprintln!("chromium: {text}") }))
        .with_state(Arc::clone(&stage));
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let browser = open(chromium, &page)?;
    let far_ends = tokio::time::timeout(PATIENCE, connect(&mut answers, traces.len()))
        .await
        .map_err(|_| "chromium has not connected all its calls in time")??;
    tokio::time::sleep(SETTLE).await;
    eprintln!("chromium: {} calls are connected; speaking", traces.len());
    let start = Instant::now();
    speak(&far_ends, speech, start).await?;
    tokio::time::sleep(DRAIN).await;
    drop(browser);
    server.abort();
    for (far_end, trace) in far_ends.iter().zip(traces) {
        let (relayed, sent) = far_end.close().await;
        if relayed != sent as u64 {
            eprintln!("chromium: {}: {relayed} of {sent} packets reached the relay", trace.name);
        }
    }
    let mut calls = std::mem::take(&mut *stage.calls());
    traces.iter().zip(&mut calls).map(|(trace, call)| heard(trace, call, start)).collect()
}

/// All far ends, in the order of their traces, once media can flow to each.
async fn connect(answers: &mut UnboundedReceiver<(usize, FarEnd)>, count: usize) -> Outcome<Vec<FarEnd>> {
    let mut far_ends = Vec::new();
    while far_ends.len() < count {
        let (place, mut far_end) = answers.recv().await.ok_or("the page is gone")?;
        far_end.connected().await.map_err(|error| format!("call {place} did not connect: {error}"))?;
        far_ends.push((place, far_end));
    }
    far_ends.sort_by_key(|(place, _)| *place);
    Ok(far_ends.into_iter().map(|(_, far_end)| far_end).collect())
}

async fn speak(far_ends: &[FarEnd], speech: &Speech, start: Instant) -> Outcome {
    let speaking = far_ends.iter().map(|far_end| far_end.speak(speech, start));
    futures_util::future::try_join_all(speaking).await.map(|_| ())
}

fn open(chromium: &Path, page: &str) -> Outcome<Browser> {
    let profile = tempfile::tempdir()?;
    let process = crate::headless::open(chromium, profile.path(), page).map_err(|error| {
        format!("{} does not run ({error}); script/audio_quality installs it", chromium.display())
    })?;
    Ok(Browser { process, _profile: profile })
}

async fn offer(
    State(stage): State<Arc<Stage>>,
    Route(call): Route<usize>,
    offer: String,
) -> Result<String, (StatusCode, String)> {
    let refused = |error: String| (StatusCode::BAD_REQUEST, error);
    let trace = stage.traces.get(call).ok_or_else(|| refused("there is no such call".to_owned()))?;
    let answer = FarEnd::answer(&offer, trace.clone()).await;
    let (far_end, answer) = answer.map_err(|error| refused(error.to_string()))?;
    let _ = stage.answered.send((call, far_end));
    Ok(answer)
}

async fn pcm(State(stage): State<Arc<Stage>>, Route((call, rate)): Route<(usize, u32)>, samples: Bytes) {
    if let Some(call) = stage.calls().get_mut(call) {
        call.rate = rate;
        call.samples.extend(from_bytes(&samples));
    }
}

async fn stats(State(stage): State<Arc<Stage>>, Route(call): Route<usize>, reading: String) {
    let Ok(counted) = serde_json::from_str(&reading) else { return };
    if let Some(call) = stage.calls().get_mut(call) {
        call.readings.push((Instant::now(), counted, call.samples.len()));
    }
}

/// What a call comes to, from the last reading before speech began to the last before it was over.
fn heard(trace: &NamedTrace, call: &mut Call, start: Instant) -> Outcome<Heard> {
    let last = trace.trace.packets().last().map_or(Duration::ZERO, |packet| packet.sent);
    let during: Vec<_> = call.readings.iter().filter(|(at, ..)| *at > start && *at <= start + last).collect();
    let before = call.readings.iter().rfind(|(at, ..)| *at <= start);
    let before = before.map_or_else(Counted::default, |(_, counted, _)| *counted);
    let (Some((_, first, first_captured)), Some((_, end, captured))) = (during.first(), during.last()) else {
        return Err(format!("chromium said nothing of {}", trace.name).into());
    };
    // The page sends once a second, so the two may be a second apart.
    let (captured, played) =
        ((captured - first_captured) as f64, end.total_samples_received - first.total_samples_received);
    if (captured - played).abs() > 1.5 * f64::from(call.rate) {
        eprintln!("chromium: {}: of {played} samples {captured} were captured", trace.name);
    }
    if end.nack_count > 0.0 {
        eprintln!("chromium: {}: asked for {} packets again", trace.name, end.nack_count);
    }
    let mut delay = Delay::default();
    let mut previous = before;
    for (at, counted, _) in &during {
        let (sum, samples) = (
            counted.jitter_buffer_delay - previous.jitter_buffer_delay,
            counted.jitter_buffer_emitted_count - previous.jitter_buffer_emitted_count,
        );
        delay.add_sum(seconds(*at - start), sum, samples);
        previous = *counted;
    }
    let total = end.total_samples_received - before.total_samples_received;
    let since_start = |count: fn(&Counted) -> f64| (count(end) - count(&before)) / total.max(1.0);
    let concealed = since_start(|counted| counted.concealed_samples);
    let stretched = since_start(|counted| {
        counted.inserted_samples_for_deceleration + counted.removed_samples_for_acceleration
    });
    let rate = SampleRate::new(call.rate).ok_or("chromium captured nothing")?;
    let sound = Sound::new(rate, std::mem::take(&mut call.samples)).resampled(SampleRate::HZ_16000)?;
    Ok(Heard { samples: sound.samples().to_vec(), delay, concealed, stretched })
}
