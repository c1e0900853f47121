//! The engine's ends: a thread that shows the pattern, and one that reads its clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use offhook::media::raw_video::{
    RawVideoReceiveStats, RawVideoReceiver, RawVideoReceiverSettings, RawVideoSender, WhenFull,
};
use offhook::media::video::pattern::{draw_pattern, read_clock};
use offhook::media::video::{BitRate, PixelFormat, VideoEncoderSettings, VideoFrame};
use offhook::media::{MediaInstant, VideoSocketReceiver, VideoSocketSender};

use crate::browser::Kept;
use crate::{Clock, Outcome, Show};

/// A thread that works until it is told to end.
struct Worker<T> {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<T>,
}

impl<T: Send + 'static> Worker<T> {
    fn start(work: impl FnOnce(&AtomicBool) -> T + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        Self { stop, thread: thread::spawn(move || work(&seen)) }
    }

    fn end(self) -> T {
        self.stop.store(true, Relaxed);
        self.thread.join().expect("a thread of the harness does not panic")
    }
}

/// Shows the pattern.
pub(crate) struct Shower(Worker<Vec<u32>>);

impl Shower {
    pub(crate) fn start(socket: VideoSocketSender, show: &Show, clock: Clock) -> Outcome<Self> {
        let settings = VideoEncoderSettings::new(show.codec)
            .bit_rate(BitRate::from_bits_per_second(show.bit_rate))
            .frames_per_second(show.fps);
        let mut sender = RawVideoSender::start(socket, &settings, WhenFull::DropOldest)?;
        let mut picture = VideoFrame::new(PixelFormat::Nv12, show.size)?;
        let between = Duration::from_secs(1) / show.fps;
        let work = move |stop: &AtomicBool| {
            let mut clocks = Vec::new();
            let mut next = clock.now();
            while !stop.load(Relaxed) {
                let now = clock.now();
                if now < next {
                    thread::sleep(next - now);
                    continue;
                }
                // A picture that nobody had time to draw is left out.
                while next <= now {
                    next += between;
                }
                draw_pattern(&mut picture, now);
                picture.set_capture_time(MediaInstant::from_duration(now));
                clocks.push(now.as_millis() as u32);
                if sender.try_send(&picture).is_err() {
                    break;
                }
            }
            clocks
        };
        Ok(Self(Worker::start(work)))
    }

    /// The clock of each picture, in milliseconds.
    pub(crate) fn end(self) -> Vec<u32> {
        self.0.end()
    }
}

/// Reads the clock of what comes.
pub(crate) struct Watcher(Worker<Watched>);

/// What was seen: the clock of each picture and when it was there, in milliseconds; pictures without a clock; some pictures whole.
pub(crate) struct Watched {
    pub(crate) seen: Vec<(u32, f64)>,
    pub(crate) unreadable: u64,
    pub(crate) kept: Vec<Kept>,
    pub(crate) stats: RawVideoReceiveStats,
}

impl Watcher {
    pub(crate) fn start(socket: VideoSocketReceiver, clock: Clock) -> Outcome<Self> {
        let settings = RawVideoReceiverSettings::default().format(PixelFormat::I420).queue(4);
        let mut receiver = RawVideoReceiver::start(socket, &settings)?;
        let work = move |stop: &AtomicBool| {
            let (mut seen, mut unreadable, mut kept) = (Vec::new(), 0, Vec::<Kept>::new());
            while !stop.load(Relaxed) {
                let Ok(picture) = receiver.receive_blocking(Duration::from_millis(50)) else { break };
                let Some(picture) = picture else { continue };
                let at = clock.millis();
                let Some(shown) = read_clock(picture) else {
                    unreadable += 1;
                    continue;
                };
                let shown = shown.as_millis() as u32;
                seen.push((shown, at));
                if kept.last().is_none_or(|(last, _)| last / 1000 != shown / 1000) {
                    kept.push((shown, picture.clone()));
                }
            }
            Watched { seen, unreadable, kept, stats: receiver.stats() }
        };
        Ok(Self(Worker::start(work)))
    }

    pub(crate) fn end(self) -> Watched {
        self.0.end()
    }
}
