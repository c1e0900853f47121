//! What does a frame of 20 ms cost the engine, each way, beside the same traffic on `webrtc`'s own tokio driver?
//!
//! ```sh
//! cargo bench --bench wire -- --calls 1,50,200
//! ```
//!
//! Each cell is a process of its own, with one of the two in it, that only sends or only receives: what its threads
//! spend on a processor and what memory it takes is then that of one thing. Its peers are the same for both, `webrtc`
//! connections in a process beside it. The engine and `webrtc` alternate, so that a drift of the machine hits both.
//! `docs/benchmarks.md` explains the columns.

mod codec;
mod driver;
mod engine;
mod load;
#[path = "../support/peer.rs"]
mod peer;
mod process;
#[path = "../support/speech.rs"]
mod speech;
mod table;
mod udp;

use std::error::Error;
use std::process::{Command, Stdio};
use std::time::Duration;

use clap::{Parser, ValueEnum};
use offhook_media::AudioFormat;
use serde::de::DeserializeOwned;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What bots hear and speak, unless they ask for another.
const FORMAT: AudioFormat = AudioFormat::Pcm16K;

/// Before the first mark: the jitter buffers fill, the caches warm, the kernel's buffers grow.
const WARM_UP: Duration = Duration::from_secs(2);

/// CPU, latency and memory of the engine, beside webrtc's tokio driver
#[derive(Clone, Debug, Parser)]
struct Arguments {
    /// Numbers of calls to measure with
    #[arg(long, value_delimiter = ',', default_values_t = [1, 50, 200])]
    calls: Vec<usize>,
    /// How long each cell is measured, after two seconds of warm-up
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Media threads of the engine, and workers of the other's runtime
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Complexity of the encoder. At 0, two hundred calls and their peers fit on two cores
    #[arg(long, default_value_t = 0)]
    complexity: u8,
    /// What this process is to be, for the one that started it
    #[arg(long, hide = true)]
    role: Option<Role>,
    #[arg(long, hide = true)]
    direction: Option<Direction>,
    /// Passed by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
    /// One tiny cell of each kind, to see that it runs
    #[arg(long, hide = true)]
    test: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Role {
    Engine,
    #[value(name = "webrtc")]
    Driver,
    Load,
}

/// Which way media flows, as the one who is measured sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Direction {
    Send,
    Receive,
}

/// One cell.
#[derive(Clone, Copy, Debug)]
struct Cell {
    direction: Direction,
    calls: usize,
    span: Duration,
    workers: usize,
    complexity: u8,
}

fn main() -> Result<()> {
    let mut arguments = Arguments::parse();
    let print = |json: String| println!("{json}");
    match arguments.role {
        Some(Role::Engine) => print(serde_json::to_string(&engine::measure(arguments.cell()?)?)?),
        Some(Role::Driver) => print(serde_json::to_string(&driver::measure(arguments.cell()?)?)?),
        Some(Role::Load) => load::serve(arguments.complexity)?,
        None => {
            if arguments.test || cfg!(debug_assertions) {
                (arguments.calls, arguments.seconds) = (vec![1], 0.2);
            }
            measure_all(&arguments)?;
        }
    }
    Ok(())
}

fn measure_all(arguments: &Arguments) -> Result<()> {
    let mut rows = Vec::new();
    for &calls in &arguments.calls {
        for direction in [Direction::Send, Direction::Receive] {
            let engine: engine::Measured = in_a_process(arguments, Role::Engine, direction, calls)?;
            let driver: driver::Measured = in_a_process(arguments, Role::Driver, direction, calls)?;
            rows.push(table::Row { calls, direction, engine, driver });
        }
    }
    let Arguments { seconds, workers, complexity, .. } = arguments;
    println!("{seconds} s a cell, {workers} media thread(s), 16 kHz, encoder complexity {complexity}.\n");
    print!("{}", table::Report(&rows));
    Ok(())
}

/// Measures a cell in a process of its own.
fn in_a_process<T: DeserializeOwned>(
    arguments: &Arguments,
    role: Role,
    direction: Direction,
    calls: usize,
) -> Result<T> {
    let (role, direction) = (name(role), name(direction));
    eprintln!("{calls} call(s), {direction}, {role}");
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--role", &role, "--direction", &direction]);
    command.args(["--calls", &calls.to_string(), "--seconds", &arguments.seconds.to_string()]);
    command.args(["--workers", &arguments.workers.to_string()]);
    command.args(["--complexity", &arguments.complexity.to_string()]);
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{calls} call(s), {direction}, {role}: {}", output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// As the command line spells it.
fn name(value: impl ValueEnum) -> String {
    value.to_possible_value().expect("no value is skipped").get_name().to_owned()
}

impl Arguments {
    /// The cell that this process is to measure.
    fn cell(&self) -> Result<Cell> {
        let ([calls], Some(direction)) = (&self.calls[..], self.direction) else {
            return Err("a cell has one number of calls and a direction".into());
        };
        let span = Duration::try_from_secs_f64(self.seconds)?;
        let (workers, complexity) = (self.workers, self.complexity);
        Ok(Cell { direction, calls: *calls, span, workers, complexity })
    }
}
