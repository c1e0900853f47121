//! A headless Chromium with one page, which does what it is ordered and hands pictures back.

use std::path::Path;
use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path as Route, State};
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::{get, post};
use offhook::media::video::{PixelFormat, VideoFrame, VideoSize};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Mutex as AsyncMutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use crate::{Clock, Outcome};

/// For one order: a browser that starts on a busy machine takes longest.
const PATIENCE: Duration = Duration::from_secs(60);

/// The largest picture that is handed back: 4K.
const MOST_BYTES: usize = 3840 * 2160 * 3 / 2;

/// A picture that came from the page whole, with the time in it, in milliseconds.
pub(crate) type Kept = (u32, VideoFrame);

/// A page that waits for orders.
pub(crate) struct Browser {
    process: Child,
    orders: UnboundedSender<Value>,
    answers: UnboundedReceiver<Value>,
    stage: Arc<Stage>,
    server: JoinHandle<()>,
    _profile: tempfile::TempDir,
}

/// What the page and the harness share.
struct Stage {
    clock: Clock,
    orders: AsyncMutex<UnboundedReceiver<Value>>,
    answers: UnboundedSender<Value>,
    kept: Mutex<Vec<Kept>>,
}

impl Browser {
    pub(crate) async fn open(chromium: &Path, clock: Clock) -> Outcome<Self> {
        let (orders, to_page) = unbounded_channel();
        let (from_page, answers) = unbounded_channel();
        let stage = Arc::new(Stage {
            clock,
            orders: AsyncMutex::new(to_page),
            answers: from_page,
            kept: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let page = format!("http://{}/", listener.local_addr()?);
        let router = Router::new()
            .route("/", get(|| async { Html(include_str!("page.html")) }))
            .route("/pattern.js", get(|| async { ([("content-type", "text/javascript")], PATTERN) }))
            .route("/time", get(time))
            .route("/order", get(order))
            .route("/done", post(done))
            .route("/frame/{clock}/{format}/{width}/{height}", post(frame))
            .route("/log", post(|text: String| async move { eprintln!("chromium: {text}") }))
            .layer(DefaultBodyLimit::max(MOST_BYTES))
            .with_state(Arc::clone(&stage));
        let server = tokio::spawn(async move {
            // It ends with the harness.
            let _ = axum::serve(listener, router).await;
        });
        let profile = tempfile::tempdir()?;
        let process = crate::headless::open(chromium, profile.path(), &page).map_err(|error| {
            format!("{} does not run ({error}); script/video_quality installs it", chromium.display())
        })?;
        Ok(Self { process, orders, answers, stage, server, _profile: profile })
    }

    /// Has something done, and gives what came of it.
    pub(crate) async fn ask(&mut self, verb: &str, mut what: Value) -> Outcome<Value> {
        what["verb"] = verb.into();
        self.orders.send(what)?;
        let answer = tokio::time::timeout(PATIENCE, self.answers.recv()).await;
        let mut answer = answer
            .map_err(|_| format!("chromium has not done {verb:?} in time"))?
            .ok_or("the page is gone")?;
        if let Some(error) = answer["error"].as_str() {
            return Err(format!("chromium: {error}").into());
        }
        Ok(answer["ok"].take())
    }

    /// [`ask`](Self::ask) for what needs nothing to be known.
    pub(crate) async fn tell(&mut self, verb: &str) -> Outcome<Value> {
        self.ask(verb, json!({})).await
    }

    /// The pictures that the page has handed back since this was last asked.
    pub(crate) fn take_kept(&self) -> Vec<Kept> {
        std::mem::take(&mut *self.stage.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.server.abort();
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const PATTERN: &str = include_str!("pattern.js");

async fn time(State(stage): State<Arc<Stage>>) -> String {
    stage.clock.millis().to_string()
}

async fn order(State(stage): State<Arc<Stage>>) -> Result<String, StatusCode> {
    let order = stage.orders.lock().await.recv().await;
    order.map(|order| order.to_string()).ok_or(StatusCode::GONE)
}

async fn done(State(stage): State<Arc<Stage>>, answer: String) -> StatusCode {
    let answer = serde_json::from_str(&answer).unwrap_or_else(|error| json!({"error": error.to_string()}));
    // Nobody waits where the harness is at its end.
    let _ = stage.answers.send(answer);
    StatusCode::NO_CONTENT
}

async fn frame(
    State(stage): State<Arc<Stage>>,
    Route((clock, format, width, height)): Route<(u32, String, u16, u16)>,
    data: Bytes,
) -> Result<StatusCode, (StatusCode, String)> {
    let refused = |reason: String| {
        eprintln!("a picture of the page is of no use: {reason}");
        (StatusCode::BAD_REQUEST, reason)
    };
    let format = match format.as_str() {
        "I420" => PixelFormat::I420,
        "NV12" => PixelFormat::Nv12,
        other => return Err(refused(format!("its format is {other}"))),
    };
    let picture = VideoFrame::from_data(format, VideoSize { width, height }, data.to_vec());
    let picture = picture.map_err(|error| refused(error.to_string()))?;
    stage.kept.lock().unwrap_or_else(PoisonError::into_inner).push((clock, picture));
    Ok(StatusCode::NO_CONTENT)
}
