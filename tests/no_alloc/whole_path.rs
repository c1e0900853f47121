//! Two platforms over UDP on loopback, one call, media both ways.
//!
//! ICE, which is `rtc`'s, allocates for each of its checks and our code must not, on one and the same thread: each allocation
//! is put down to the one or the other by the calls that led to it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread::{Builder, JoinHandle, Thread};
use std::time::Duration;

use offhook_media::{
    AudioFormat, AudioSocket, AudioSocketSettings, MediaPlatform, MediaPlatformSettings, MediaSession,
    MediaSessionSettings, OpusSettings, VoiceActivitySettings,
};

use crate::calls::{Owner, owner};
use crate::counting::{Deed, Event, Turn, take_turn};
use crate::speech;

const FORMAT: AudioFormat = AudioFormat::Pcm48K;

/// Makes the packets large, so that the blocks of memory that packets are cut from are used up and begun anew. Not larger: a
/// jitter buffer has memory for over half a second of this, and asks for more where a machine stands still for as long.
const BITRATE: u32 = 64_000;

const WARM_UP: u64 = 150;
const FRAMES: u64 = 250;

/// Ends a hang. Far above what the slowest machine needs for a frame.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn our_code_allocates_nothing_for_a_frame_on_its_way_over_the_wire() {
    let turn = take_turn();
    let (bot, peer) = (platform(), platform());
    let audio =
        AudioSocketSettings::default().format(FORMAT).encoder(OpusSettings::default().bitrate(BITRATE));
    let audio = audio.voice_activity(VoiceActivitySettings::default());
    let (mut offering, mut answering) = connect(&bot, &peer, audio);
    let progress = Progress::of(2);
    let mut threads = on_threads(offering.take_audio_socket().unwrap(), &progress);
    threads.push(as_tasks(answering.take_audio_socket().unwrap(), &progress));
    threads.extend([&mut offering, &mut answering].map(|session| reads_tap(session, &progress)));

    let counted = count(&turn, &progress, || packets(&[&offering, &answering]));
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let tally = counted.assert_none_is_ours();
    // ICE checks its path on a thread that is watched.
    assert!(tally.by_entry.values().any(|memory| memory.count > 0), "the media threads were watched");
}

/// What was done to the heap while packets came and went.
pub(crate) struct Counted {
    tally: Tally,
    sent: u64,
    received: u64,
}

/// Lets the call warm up, counts for some frames, and ends it. `packets` says how many were sent and received.
pub(crate) fn count(turn: &Turn, progress: &Progress, packets: impl Fn() -> (u64, u64)) -> Counted {
    progress.wait_for(WARM_UP);
    let (mut before, mut after) = ((0, 0), (0, 0));
    let events = turn.record(is_watched, || {
        // Read in here, on a thread that is not watched, so that they are the packets of what is recorded.
        before = packets();
        progress.wait_for(progress.heard() + FRAMES);
        after = packets();
    });
    progress.end();
    Counted { tally: Tally::of(&events), sent: after.0 - before.0, received: after.1 - before.1 }
}

impl Counted {
    /// Fails with the first touch of the heap that was ours.
    pub(crate) fn assert_none_is_ours(self) -> Tally {
        let Self { tally, sent, received } = self;
        println!("{}", tally.report(sent, received));
        assert!(sent.max(received) > FRAMES / 2, "{sent} packets sent, {received} received: that was a call");
        assert!(
            tally.not_rtcs.is_empty(),
            "{} touches of the heap, the first:\n{}",
            tally.not_rtcs.len(),
            tally.not_rtcs[0]
        );
        // What was in `rtc`'s hands when the count began; a leak the other way would grow with the frames.
        assert!(
            tally.freed_from_before < FRAMES / 5,
            "{} frees of what was there before",
            tally.freed_from_before
        );
        tally
    }
}

pub(crate) fn platform() -> MediaPlatform {
    MediaPlatform::start(MediaPlatformSettings::default().workers(1)).unwrap()
}

pub(crate) fn connect(
    bot: &MediaPlatform,
    peer: &MediaPlatform,
    audio: AudioSocketSettings,
) -> (MediaSession, MediaSession) {
    let settings = MediaSessionSettings::default().audio(audio).tapped(true);
    let mut offering = bot.create_session(&settings).unwrap();
    let answering = peer.answer_session(&settings, offering.blob()).unwrap();
    offering.accept_answer(answering.blob()).unwrap();
    (offering, answering)
}

/// Reads what a session taps, as a recorder does.
pub(crate) fn reads_tap(session: &mut MediaSession, progress: &Arc<Progress>) -> JoinHandle<()> {
    let mut tap = session.take_tap().unwrap();
    let running = Running(Arc::clone(progress));
    let read = move || {
        let mut tapped = 0_u64;
        while running.0.goes_on() {
            while tap.read().is_some() {
                tapped += 1;
            }
            // A tap has no doorbell: a media thread would have to press it.
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(tapped > FRAMES && tap.dropped() == 0, "{tapped} tapped, {} dropped", tap.dropped());
    };
    Builder::new().name("app-taps".to_owned()).spawn(read).unwrap()
}

/// Packets sent and received, of all together.
pub(crate) fn packets(sessions: &[&MediaSession]) -> (u64, u64) {
    let counters = sessions.iter().map(|session| session.stats().counters);
    counters.fold((0, 0), |(sent, received), counters| {
        (sent + counters.packets_sent, received + counters.packets_received)
    })
}

/// Media threads, bell threads, and the applications.
fn is_watched(thread: &Thread) -> bool {
    thread.name().is_some_and(|name| name.starts_with("offhook-") || name.starts_with("app-"))
}

/// How far the call has come, for the test to wait for.
pub(crate) struct Progress {
    /// Frames that each application has heard.
    heard: Vec<AtomicU64>,
    test: Thread,
    over: AtomicBool,
}

impl Progress {
    /// Of so many applications.
    pub(crate) fn of(applications: usize) -> Arc<Self> {
        let heard = (0..applications).map(|_| AtomicU64::new(0)).collect();
        Arc::new(Self { heard, test: std::thread::current(), over: AtomicBool::new(false) })
    }

    pub(crate) fn hear(&self, application: usize) {
        self.heard[application].fetch_add(1, SeqCst);
        self.test.unpark();
    }

    pub(crate) fn goes_on(&self) -> bool {
        !self.over.load(SeqCst)
    }

    fn end(&self) {
        self.over.store(true, SeqCst);
        self.test.unpark();
    }

    /// Frames that all have heard.
    fn heard(&self) -> u64 {
        self.heard.iter().map(|heard| heard.load(SeqCst)).min().unwrap()
    }

    fn wait_for(&self, frames: u64) {
        while self.heard() < frames {
            assert!(self.goes_on(), "an application has failed; it says why itself");
            std::thread::park();
        }
    }
}

/// Ends the test when an application fails, which would otherwise be waited for.
pub(crate) struct Running(pub(crate) Arc<Progress>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// An application of two threads: one speaks, one hears.
fn on_threads(socket: AudioSocket, progress: &Arc<Progress>) -> Vec<JoinHandle<()>> {
    let (mut listener, mut speaker) = socket.split();
    let (speaks, hears) = (Running(Arc::clone(progress)), Running(Arc::clone(progress)));
    let frames = speech(FORMAT);
    let speaking = Builder::new().name("app-speaks".to_owned()).spawn(move || {
        for frame in frames.iter().cycle().take_while(|_| speaks.0.goes_on()) {
            speaker.send_blocking(frame, PATIENCE).unwrap();
        }
    });
    let hearing = Builder::new().name("app-hears".to_owned()).spawn(move || {
        while hears.0.goes_on() {
            listener.receive_blocking(PATIENCE).unwrap().expect("a frame each 20 ms");
            hears.0.hear(0);
        }
    });
    vec![speaking.unwrap(), hearing.unwrap()]
}

/// An application of two tasks.
fn as_tasks(socket: AudioSocket, progress: &Arc<Progress>) -> JoinHandle<()> {
    let (mut listener, mut speaker) = socket.split();
    let running = Running(Arc::clone(progress));
    let frames = speech(FORMAT);
    let tasks = move || {
        let progress = &running.0;
        let speaking = async {
            for frame in frames.iter().cycle().take_while(|_| progress.goes_on()) {
                speaker.send(frame).await.unwrap();
            }
        };
        let hearing = async {
            while progress.goes_on() {
                listener.receive().await.unwrap();
                progress.hear(1);
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async { tokio::join!(speaking, hearing) });
    };
    Builder::new().name("app-tasks".to_owned()).spawn(tasks).unwrap()
}

#[derive(Clone, Copy, Default)]
struct Memory {
    count: u64,
    bytes: usize,
}

/// What was done to the heap, by whose memory it is.
#[derive(Default)]
pub(crate) struct Tally {
    /// What `rtc` allocated, by the method of ours that called it.
    by_entry: HashMap<String, Memory>,
    /// Everything that was not for `rtc`, in words.
    pub(crate) not_rtcs: Vec<String>,
    /// Frees on media threads of what was allocated before the count began. Whose it was is not known.
    freed_from_before: u64,
}

impl Tally {
    pub(crate) fn of(events: &[Event]) -> Self {
        let mut tally = Self::default();
        let mut alive = HashMap::new();
        for event in events {
            let owner = match event.deed {
                Deed::Allocated => {
                    let owner = owner(&event.calls);
                    if let Owner::Rtc { entry } = &owner {
                        let memory = tally.by_entry.entry(entry.clone()).or_default();
                        (memory.count, memory.bytes) = (memory.count + 1, memory.bytes + event.bytes);
                    }
                    alive.insert(event.address, owner.clone());
                    owner
                }
                // Wherever it is freed: often we drop what `rtc` gave us.
                Deed::Freed => match alive.remove(&event.address) {
                    Some(owner) => owner,
                    None if on_media_thread(event) => {
                        tally.freed_from_before += 1;
                        continue;
                    }
                    None => Owner::Other,
                },
            };
            if !matches!(owner, Owner::Rtc { .. }) {
                let Event { deed, thread, bytes, calls, .. } = event;
                tally
                    .not_rtcs
                    .push(format!("{owner:?}: {deed:?} {bytes} bytes on {:?} at\n{calls}", thread.name()));
            }
        }
        tally
    }

    fn report(&self, sent: u64, received: u64) -> String {
        let sum = |add: fn(&Memory) -> u64| self.by_entry.values().map(add).sum::<u64>();
        format!(
            "rtc: {} allocations and {} bytes, for {sent} packets sent and {received} received\n\
             ours: {} allocations and frees; {} frees of what was there before",
            sum(|memory| memory.count),
            sum(|memory| memory.bytes as u64),
            self.not_rtcs.len(),
            self.freed_from_before,
        )
    }
}

pub(crate) fn on_media_thread(event: &Event) -> bool {
    event.thread.name().is_some_and(|name| name.starts_with("offhook-media-"))
}
