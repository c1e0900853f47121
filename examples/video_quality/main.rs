//! What does a picture look like at the other end, how late is it, and what does loss do to it? The engine and Chromium in one
//! call, each as sender and as receiver.
//!
//! ```sh
//! script/video_quality                                                # installs what it needs, then runs all of it
//! cargo run --release --features offhook/video-codecs --example video_quality -- --seconds 10 --loss 0 --codecs vp8
//! ```
//!
//! Prints a row for each codec, path and pair of sender and receiver. [docs/video-quality.md](../../docs/video-quality.md) says
//! what each column counts.

#[path = "../support/chromium.rs"]
mod headless;

mod blobs;
mod browser;
mod call;
mod engine;
mod reading;
mod report;
mod score;

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use browser::Browser;
use call::Lab;
use clap::{Parser, ValueEnum};
use offhook::media::video::{VideoCodec, VideoSize};
use offhook::media::{MediaPlatform, MediaPlatformSettings};
use report::Row;

pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Send a test pattern from the engine to Chromium and back, over paths that lose packets, and compare what comes.
#[derive(Parser)]
struct Arguments {
    /// One JSON object a line, instead of a table
    #[arg(long)]
    json: bool,
    /// Which codecs
    #[arg(long, value_enum, value_delimiter = ',', default_value = "h264,vp8")]
    codecs: Vec<Codec>,
    /// Who sends to whom
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "engine-chromium,chromium-engine,engine-engine"
    )]
    pairs: Vec<Pair>,
    /// How long each call is measured, after the time to settle
    #[arg(long, default_value_t = 20.0)]
    seconds: f64,
    /// How long a call goes on before it is measured
    #[arg(long, default_value_t = 4.0)]
    settle: f64,
    /// Packets that are lost, in per cent; with 0 there is no relay, and the two ends meet directly
    #[arg(long, value_delimiter = ',', default_value = "0,1,5,10")]
    loss: Vec<f64>,
    /// What each packet takes each way, in milliseconds, where there is loss
    #[arg(long, default_value_t = 20)]
    delay: u64,
    /// Decides which packets are lost
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// The size of the picture
    #[arg(long, value_parser = size, default_value = "1280x720")]
    size: VideoSize,
    /// Pictures a second
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=60))]
    fps: u32,
    /// The most that the picture may take, in kb/s
    #[arg(long, value_name = "KBPS", default_value_t = 1500)]
    bit_rate: u64,
    /// The browser
    #[arg(long, default_value = "chromium")]
    chromium: PathBuf,
    /// Say what the browser can encode and decode, and end
    #[arg(long)]
    capabilities: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Codec {
    H264,
    Vp8,
}

impl Codec {
    fn codec(self) -> VideoCodec {
        match self {
            Self::H264 => VideoCodec::H264,
            Self::Vp8 => VideoCodec::Vp8,
        }
    }
}

/// Who sends, and who receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pair {
    /// The engine's encoder and sender to Chromium's receiver and decoder
    EngineChromium,
    /// The other way round
    ChromiumEngine,
    /// The engine to itself, on two platforms
    EngineEngine,
}

impl Pair {
    pub(crate) fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::EngineChromium => ("offhook", "chromium"),
            Self::ChromiumEngine => ("chromium", "offhook"),
            Self::EngineEngine => ("offhook", "offhook"),
        }
    }
}

/// What is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Show {
    pub(crate) codec: VideoCodec,
    pub(crate) size: VideoSize,
    pub(crate) fps: u32,
    /// At the most, in bits a second.
    pub(crate) bit_rate: u64,
}

/// The clock that both ends are measured by.
#[derive(Clone)]
pub(crate) struct Clock(Arc<MediaPlatform>);

impl Clock {
    pub(crate) fn now(&self) -> Duration {
        self.0.now().as_duration()
    }

    pub(crate) fn millis(&self) -> f64 {
        self.now().as_secs_f64() * 1000.0
    }
}

fn size(text: &str) -> Result<VideoSize, String> {
    let (width, height) = text.split_once('x').ok_or("it looks like 1280x720")?;
    let side = |side: &str| side.parse().map_err(|_| format!("{side:?} is no number of pixels"));
    let size = VideoSize { width: side(width)?, height: side(height)? };
    // The clock has twenty blocks beside each other, of which the middle is read.
    let is_readable = size.width >= 160 && size.height >= 90;
    if !is_readable {
        return Err("the clock is read from 160x90 on".to_owned());
    }
    size.checked().map_err(|error| error.to_string())
}

#[tokio::main]
async fn main() -> Outcome {
    let arguments = Arguments::parse();
    if !(1.0..=3600.0).contains(&arguments.seconds) || !(0.0..=600.0).contains(&arguments.settle) {
        return Err("--seconds must be 1 to 3600, and --settle 0 to 600".into());
    }
    if arguments.loss.iter().any(|loss| !(0.0..=90.0).contains(loss)) {
        return Err("--loss is in per cent, 0 to 90".into());
    }
    let begun = Instant::now();
    let platform = Arc::new(MediaPlatform::start(MediaPlatformSettings::default().workers(1))?);
    let clock = Clock(Arc::clone(&platform));
    let needs_browser =
        arguments.capabilities || arguments.pairs.iter().any(|pair| *pair != Pair::EngineEngine);
    let browser =
        if needs_browser { Some(Browser::open(&arguments.chromium, clock.clone()).await?) } else { None };
    let mut lab = Lab::new(platform, clock, browser)?;
    if arguments.capabilities {
        println!("{:#}", lab.capabilities().await?);
        return Ok(());
    }
    let count = arguments.codecs.len() * arguments.loss.len() * arguments.pairs.len();
    let each = arguments.settle + arguments.seconds + 3.0;
    eprintln!("{count} calls; about {:.0} minutes", (count as f64 * each / 60.0).ceil());
    let mut rows = Vec::new();
    for codec in &arguments.codecs {
        for &loss in &arguments.loss {
            for &pair in &arguments.pairs {
                let call = call::Settings {
                    pair,
                    show: Show {
                        codec: codec.codec(),
                        size: arguments.size,
                        fps: arguments.fps,
                        bit_rate: arguments.bit_rate * 1000,
                    },
                    loss,
                    delay: Duration::from_millis(arguments.delay),
                    seed: arguments.seed,
                    settle: Duration::from_secs_f64(arguments.settle),
                    length: Duration::from_secs_f64(arguments.seconds),
                };
                let row = lab.measure(&call).await?;
                eprintln!("{}", row.line());
                if arguments.json {
                    println!("{}", serde_json::to_string(&row)?);
                }
                rows.push(row);
            }
        }
    }
    if !arguments.json {
        print!("{}", Row::table(&rows));
    }
    eprintln!("done in {:.0} s", begun.elapsed().as_secs_f64());
    Ok(())
}
