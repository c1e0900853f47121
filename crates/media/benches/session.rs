//! What does a frame cost between the datagram and the application, without the kernel?
//!
//! Many sessions of one worker, over ICE and DTLS-SRTP with as many far ends, in one thread and on a clock of its own: each
//! is met once in 20 ms, after all others, and so finds its memory as cold as in a call. Between two passes of the engine as
//! many coders of libopus alone do the same frames, each as cold, so that both see the same machine. Counted is this thread's
//! time on a processor. Of the rounds of 20 ms the median is told, and what the fastest tenth stays under: whoever else is on
//! the machine takes caches away, and disturbs those least.

use std::fmt;
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use offhook_media::stepped::{Datagram, SteppedEngine};
use offhook_media::{
    AudioFormat, AudioFrame, AudioSocketReceiver, AudioSocketSender, AudioSocketSettings,
    EncodedAudioReceiver, EncodedAudioSender, MediaInstant, MediaSession, MediaSessionSettings, MediaState,
    OpusSettings, SessionCounters,
};
use opus::{Channels, Decoder, Encoder};
use rustix::time::{ClockId, clock_gettime};

#[path = "../../../benches/support/speech.rs"]
mod speech;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const FORMAT: AudioFormat = AudioFormat::Pcm16K;

/// As in `wire`: so that the floor of sending is low.
const COMPLEXITY: u8 = 0;

/// How far apart in the speech two calls are, in frames.
const PLACES_APART: usize = 37;

/// More than a packet at 32 kb/s weighs.
const MAX_PACKET_LEN: usize = 1500;

/// Between two passes of a busy media thread, and how many of them are a frame.
const STEP: Duration = Duration::from_millis(1);
const STEPS: usize = 20;

/// Long enough to connect, and for the jitter buffers to settle.
const CONNECTING: usize = 100;
const WARM_UP: usize = 100;

/// A pass of the engine, in microseconds a frame, beside libopus alone.
#[derive(Parser)]
struct Arguments {
    /// How many calls.
    #[arg(long, value_delimiter = ',', default_value = "1,200")]
    calls: Vec<usize>,
    #[arg(long, value_delimiter = ',', default_value = "receive,send,passthrough")]
    direction: Vec<Direction>,
    /// Rounds of 20 ms that are measured.
    #[arg(long, default_value_t = 300)]
    rounds: usize,
    /// Passed by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
    /// Few rounds, to see that it runs
    #[arg(long, hide = true)]
    test: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Direction {
    /// Packets come, and the application hears.
    Receive,
    /// The application speaks.
    Send,
    /// Packets come, and the application takes them as they are. No codec.
    Passthrough,
}

fn main() -> Result<()> {
    let mut arguments = Arguments::parse();
    if arguments.test || cfg!(debug_assertions) {
        (arguments.calls, arguments.rounds) = (vec![2], 5);
    }
    println!("Microseconds a frame, median / fastest tenth:\n");
    println!("| calls | direction | engine | libopus alone | beyond |");
    println!("|---:|---|---:|---:|---:|");
    for &calls in &arguments.calls {
        for &direction in &arguments.direction {
            let [engine, alone] = Cell::connect(calls, direction)?.measure(arguments.rounds)?;
            let beyond = Cost { median: engine.median - alone.median, fast: engine.fast - alone.fast };
            let name = direction.to_possible_value().expect("no value is skipped");
            println!("| {calls} | {} | {engine} | {alone} | {beyond} |", name.get_name());
        }
    }
    Ok(())
}

/// Microseconds a frame, over all rounds.
struct Cost {
    median: f64,
    fast: f64,
}

impl Cost {
    fn of(mut rounds: Vec<f64>) -> Self {
        rounds.sort_by(f64::total_cmp);
        let at = |share: f64| rounds[(rounds.len() as f64 * share) as usize];
        Self { median: at(0.5), fast: at(0.1) }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} / {:.2}", self.median, self.fast)
    }
}

/// The application's end of a call.
enum Application {
    Hears(AudioSocketReceiver),
    Speaks(AudioSocketSender),
    Passes(EncodedAudioReceiver),
}

/// libopus alone, one coder a call.
enum Coders {
    Decode(Vec<Decoder>),
    Encode(Vec<Encoder>),
    Nothing,
}

struct Cell {
    engine: SteppedEngine,
    far_ends: SteppedEngine,
    sessions: Vec<(MediaSession, Application)>,
    /// The far ends, and what they say.
    peers: Vec<(MediaSession, EncodedAudioSender)>,
    frames: Vec<AudioFrame>,
    packets: Vec<Vec<u8>>,
    coders: Coders,
    now: MediaInstant,
    round: usize,
    to_engine: Vec<Datagram>,
    to_far_ends: Vec<Datagram>,
}

impl Cell {
    fn connect(calls: usize, direction: Direction) -> Result<Self> {
        let (engine, far_ends) = (SteppedEngine::new(1)?, SteppedEngine::new(2)?);
        let encoder = OpusSettings::default().complexity(COMPLEXITY);
        let audio = AudioSocketSettings::default().format(FORMAT).encoder(encoder);
        let encoded = MediaSessionSettings::default().audio(audio.clone().encoded(true));
        let settings = match direction {
            Direction::Passthrough => encoded.clone(),
            _ => MediaSessionSettings::default().audio(audio),
        };
        let (mut sessions, mut peers) = (Vec::new(), Vec::new());
        for call in 0..calls {
            let mut session = engine.platform().create_session(&settings)?;
            let local = Ipv4Addr::from(0x7f01_0001 + call as u32);
            let own = encoded.clone().local_address(local.into());
            let mut peer = far_ends.platform().answer_session(&own, session.blob())?;
            session.accept_answer(peer.blob())?;
            let taken = "a socket is taken once";
            let application = match direction {
                Direction::Receive => Application::Hears(session.take_audio_socket().ok_or(taken)?.split().0),
                Direction::Send => Application::Speaks(session.take_audio_socket().ok_or(taken)?.split().1),
                Direction::Passthrough => {
                    Application::Passes(session.take_encoded_audio_socket().ok_or(taken)?.split().0)
                }
            };
            let sender = peer.take_encoded_audio_socket().ok_or(taken)?.split().1;
            sessions.push((session, application));
            peers.push((peer, sender));
        }
        let frames = speech::frames(FORMAT);
        let mut encoder = speech::encoder(FORMAT, COMPLEXITY)?;
        let packets = frames.iter().map(|frame| encoder.encode_vec(frame.samples(), MAX_PACKET_LEN));
        let packets = packets.collect::<opus::Result<_>>()?;
        let decoder = || Decoder::new(FORMAT.sample_rate().get(), Channels::Mono);
        let coders = match direction {
            Direction::Receive => Coders::Decode((0..calls).map(|_| decoder()).collect::<opus::Result<_>>()?),
            Direction::Send => {
                let encoder = |_| speech::encoder(FORMAT, COMPLEXITY);
                Coders::Encode((0..calls).map(encoder).collect::<opus::Result<_>>()?)
            }
            Direction::Passthrough => Coders::Nothing,
        };
        let now = engine.platform().now().max(far_ends.platform().now());
        let (to_engine, to_far_ends) = (Vec::new(), Vec::new());
        let mut cell = Self {
            engine,
            far_ends,
            sessions,
            peers,
            frames,
            packets,
            coders,
            now,
            round: 0,
            to_engine,
            to_far_ends,
        };
        (0..CONNECTING).for_each(|_| _ = cell.pass_frame(false));
        let states = cell.sessions.iter().map(|(session, _)| session.state());
        if states.into_iter().any(|state| state != MediaState::Connected) {
            return Err("a call has not connected within two seconds".into());
        }
        Ok(cell)
    }

    fn measure(mut self, rounds: usize) -> Result<[Cost; 2]> {
        (0..WARM_UP).for_each(|_| _ = self.pass_frame(true));
        let before = self.frames_passed();
        let (mut engine, mut alone) = (Vec::with_capacity(rounds), Vec::with_capacity(rounds));
        for _ in 0..rounds {
            let [by_engine, by_coders] = self.pass_frame(true);
            let micros = |span: Duration| span.as_secs_f64() * 1e6 / self.sessions.len() as f64;
            engine.push(micros(by_engine));
            alone.push(micros(by_coders));
        }
        let passed = self.frames_passed() - before;
        let due = (rounds * self.sessions.len()) as u64;
        // A path that lost or made up frames would be another one than is meant.
        if passed != due {
            return Err(format!("{passed} of {due} frames").into());
        }
        Ok([Cost::of(engine), Cost::of(alone)])
    }

    /// Frames that were heard and were no guesses, or that were sent.
    fn frames_passed(&self) -> u64 {
        let counters = self.sessions.iter().map(|(session, _)| session.stats().counters);
        let passed = |counters: SessionCounters| {
            counters.frames_delivered - counters.concealed_samples / FORMAT.samples_per_frame() as u64
                + counters.packets_sent
        };
        counters.map(passed).sum()
    }

    /// Lets 20 ms pass; returns how long the engine took of it, and libopus alone.
    fn pass_frame(&mut self, speaking: bool) -> [Duration; 2] {
        if speaking {
            self.speak();
        }
        let mut took = [Duration::ZERO; 2];
        for step in 0..STEPS {
            self.now += STEP;
            self.far_ends.obey(self.now);
            self.engine.obey(self.now);
            self.far_ends.step(self.now, &self.to_far_ends);
            self.to_engine = self.far_ends.take_sent();
            let began = on_processor();
            pass_of_engine(&mut self.engine, self.now, &self.to_engine);
            took[0] += on_processor() - began;
            self.to_far_ends = self.engine.take_sent();
            let began = on_processor();
            self.pass_of_coders(step);
            took[1] += on_processor() - began;
            self.engine.answer_bells();
            self.far_ends.answer_bells();
        }
        for (_, application) in &mut self.sessions {
            match application {
                Application::Hears(socket) => while black_box(socket.try_receive()).is_some() {},
                Application::Passes(socket) => while black_box(socket.try_receive()).is_some() {},
                Application::Speaks(_) => {}
            }
        }
        self.round += 1;
        took
    }

    /// Whoever speaks has the next frame ready.
    fn speak(&mut self) {
        for (call, ((_, application), (_, peer))) in self.sessions.iter_mut().zip(&mut self.peers).enumerate()
        {
            let place = (self.round + call * PLACES_APART) % self.frames.len();
            // A queue that is full has what it needs.
            let _ = match application {
                Application::Speaks(socket) => socket.try_send(&self.frames[place]),
                _ => peer.try_send(&self.packets[place], None),
            };
        }
    }

    /// The frames of the calls that tick at a step.
    #[inline(never)]
    fn pass_of_coders(&mut self, step: usize) {
        let (mut pcm, mut packet) = ([0; FORMAT.samples_per_frame()], [0; MAX_PACKET_LEN]);
        let calls = self.sessions.len();
        for call in (step..calls).step_by(STEPS) {
            let place = (self.round + call * PLACES_APART) % self.frames.len();
            let done = match &mut self.coders {
                Coders::Decode(decoders) => decoders[call].decode(&self.packets[place], &mut pcm, false),
                Coders::Encode(encoders) => encoders[call].encode(self.frames[place].samples(), &mut packet),
                Coders::Nothing => return,
            };
            black_box(done.expect("libopus takes what it made"));
        }
    }
}

/// What is measured, by a name of its own for a profiler.
#[inline(never)]
fn pass_of_engine(engine: &mut SteppedEngine, now: MediaInstant, came: &[Datagram]) {
    engine.step(now, came);
}

/// How long this thread has been on a processor.
fn on_processor() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}
