//! `offhook bench`: how many calls this machine carries.

mod cell;
mod far_ends;
mod plot;
mod report;
mod search;
mod system;

use std::error::Error;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use clap::{Args, ValueEnum};
use offhook_media::AudioFormat;
use report::Measured;
use search::{Search, Verdict};

/// What is late though its media threads were on a processor for less than this part of the time was late for another reason.
const BUSY: f64 = 0.8;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Find how many calls this machine carries, and what each costs.
///
/// Calls run between this engine and far ends in a process of their own, over UDP on loopback with ICE and DTLS-SRTP. The far
/// ends send real speech that was encoded beforehand, so that they cost little beside the engine; they still take part of a
/// core, and the kernel delivers a datagram at its sender's cost.
///
/// With --calls, that many are measured once. Without, the most that the engine carries are sought: the number is doubled
/// until more ticks than --miss-rate begin over 20 ms late or less than 99.9 % of the packets are heard, give or take one of
/// each stream, and then narrowed down. A machine that stands still for a moment is late with any number of calls: where the
/// media threads had a fifth of their time to spare, a number is measured up to three times before it is too many.
///
/// What is counted. A frame is 20 ms of one call in one direction, however many speakers are heard in it. engine_us_per_frame
/// is the time that the media threads and the bell threads were on a processor, the kernel's part in it, less the time in the
/// codec; codec_us_per_frame is that time, by the wall clock around each call of libopus, where a call that was interrupted for
/// long counts as one of median length. With more calls than the machine carries most are interrupted, and the wall clock says
/// too much: engine_us_per_frame then is too low, and null (in the table a question mark) where less than nothing would be left.
/// app_us_per_frame is that of the applications, which wait for each frame.
/// calls_per_core is the most calls found, a worker; with --calls, it is reckoned: calls, divided by the cores that media
/// and bell threads kept busy. rss_kib_per_call is what the process grew by.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:

    offhook bench --scenario receive                       # how many calls can be recorded on a core?
    offhook bench --scenario echo --calls 100 --seconds 30 --json
    offhook bench --all --svg bench.svg

Leave the machine idle meanwhile. Needs two cores: one for a worker, one for the far ends.")]
pub(crate) struct Arguments {
    /// What the calls do.
    #[arg(long, value_enum, default_value_t = Scenario::Receive)]
    scenario: Scenario,
    /// Measure every scenario, one after the other.
    #[arg(long, conflicts_with = "scenario")]
    all: bool,
    /// Measure with this many calls [default: seek the most].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4000))]
    calls: Option<u32>,
    /// How long each number of calls is measured, after two seconds of warm-up.
    #[arg(long, default_value_t = 10.0, value_parser = seconds)]
    seconds: f64,
    /// Media threads.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: u16,
    /// The share of ticks that may begin over 20 ms late, when the most calls are sought.
    #[arg(long, default_value_t = 1e-5)]
    miss_rate: f64,
    /// Complexity of the encoder, 0 to 10, where there is one.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(0..=10))]
    complexity: u8,
    /// Write JSON: an object, or with --all a list of them.
    #[arg(long)]
    json: bool,
    /// Draw CPU and latency over the number of calls.
    #[arg(long, value_name = "FILE.svg")]
    svg: Option<PathBuf>,
    /// What this process is to be, for the one that started it.
    #[arg(long, hide = true, value_enum)]
    role: Option<Role>,
}

/// What the calls do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Hear one stream each, decoded at 16 kHz
    Receive,
    /// Hear four speakers each on a stream of their own, and the mix of them: five streams, all decoded
    Unmixed,
    /// Hear, and send back what is heard
    Echo,
    /// Hear Opus packets as they are
    Passthrough,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Role {
    /// One number of calls
    Cell,
    /// The far ends of a cell
    FarEnds,
}

/// One number of calls.
#[derive(Clone, Copy, Debug)]
struct Cell {
    scenario: Scenario,
    calls: u32,
    span: Duration,
    workers: u16,
    complexity: u8,
}

pub(crate) async fn run(arguments: Arguments) -> std::result::Result<(), Box<dyn Error>> {
    dispatch(arguments).await.map_err(|error| error as Box<dyn Error>)
}

async fn dispatch(arguments: Arguments) -> Result<()> {
    match arguments.role {
        Some(Role::Cell) => {
            let calls = arguments.calls.ok_or("a cell has a number of calls")?;
            println!("{}", cell::measure(arguments.cell(calls)?).await?.json());
            Ok(())
        }
        Some(Role::FarEnds) => far_ends::serve(arguments.scenario).await,
        None => measure(&arguments),
    }
}

fn measure(arguments: &Arguments) -> Result<()> {
    let scenarios = if arguments.all { Scenario::value_variants() } else { &[arguments.scenario] };
    let (mut results, mut steps) = (Vec::new(), Vec::new());
    for &scenario in scenarios {
        let result = match arguments.calls {
            Some(calls) => arguments.in_a_process(scenario, calls, &mut steps)?,
            None => arguments.most(scenario, &mut steps)?,
        };
        results.push(result);
    }
    if arguments.json {
        let objects: Vec<_> = results.iter().map(Measured::json).collect();
        println!("{}", if arguments.all { serde_json::Value::from(objects) } else { objects[0].clone() });
    } else {
        print!("{}", report::Table(&results));
    }
    if let Some(path) = &arguments.svg {
        plot::draw(path, &steps)?;
        eprintln!("{}: CPU and latency over the number of calls", path.display());
    }
    Ok(())
}

impl Arguments {
    fn cell(&self, calls: u32) -> Result<Cell> {
        let span = Duration::try_from_secs_f64(self.seconds)?;
        let Self { scenario, workers, complexity, .. } = *self;
        Ok(Cell { scenario, calls, span, workers, complexity })
    }

    /// The most calls that are carried.
    fn most(&self, scenario: Scenario, steps: &mut Vec<Measured>) -> Result<Measured> {
        let (mut search, mut best) = (Search::default(), None);
        while let Some(calls) = search.next() {
            let mut measured = self.in_a_process(scenario, calls, steps)?;
            search.tell(self.verdict(&measured));
            if self.is_carried(&measured) {
                measured.calls_per_core = f64::from(calls) / f64::from(self.workers);
                measured.calls_per_core_is = "found".to_owned();
                best = Some(measured);
            }
        }
        best.ok_or_else(|| format!("{}: not even one call is carried in time", scenario.name()).into())
    }

    fn verdict(&self, measured: &Measured) -> Verdict {
        if self.is_carried(measured) {
            Verdict::Carried
        } else if measured.cores_busy < BUSY * f64::from(self.workers) {
            Verdict::Disturbed
        } else {
            Verdict::TooMany
        }
    }

    fn is_carried(&self, measured: &Measured) -> bool {
        // A frame of each call may be on its way at a mark.
        let on_its_way = AudioFormat::FRAME_DURATION.as_secs_f64() / measured.seconds;
        measured.deadline_miss_rate <= self.miss_rate && measured.heard_share + on_its_way >= 0.999
    }

    /// Measures in a process of its own: what its threads spend and what memory it takes is then that of nothing else.
    fn in_a_process(&self, scenario: Scenario, calls: u32, steps: &mut Vec<Measured>) -> Result<Measured> {
        eprint!("{}: {calls} calls ", scenario.name());
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bench", "--role", "cell", "--scenario", scenario.name()]);
        command.args(["--calls", &calls.to_string(), "--seconds", &self.seconds.to_string()]);
        command.args(["--workers", &self.workers.to_string(), "--complexity", &self.complexity.to_string()]);
        let output = command.stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err(format!("{} with {calls} calls: {}", scenario.name(), output.status).into());
        }
        let measured = Measured::read(&output.stdout)?;
        eprintln!(
            "engine {} us a frame, codec {:.1} us, {:.6} of the ticks late, {:.4} heard",
            measured.engine(),
            measured.codec_us_per_frame,
            measured.deadline_miss_rate,
            measured.heard_share
        );
        steps.push(measured.clone());
        Ok(measured)
    }
}

impl Scenario {
    /// How many speakers a call hears on streams of their own.
    fn speakers(self) -> u8 {
        if self == Self::Unmixed { 4 } else { 0 }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Receive => "receive",
            Self::Unmixed => "unmixed",
            Self::Echo => "echo",
            Self::Passthrough => "passthrough",
        }
    }
}

fn seconds(text: &str) -> std::result::Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.1..=3600.0).contains(&seconds) { Ok(seconds) } else { Err("between 0.1 and 3600".to_owned()) }
}
