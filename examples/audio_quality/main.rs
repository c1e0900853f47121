//! What is a receiver worth, and how late is it? The same packets of real speech, over the same paths, to offhook's receiver, to
//! Chromium's and to the `neteq` crate's.
//!
//! ```sh
//! script/audio_quality                                                   # installs what it needs, then runs all of it
//! cargo run --release --example audio_quality -- --minutes 1 --receivers offhook --traces clean,jitter_60
//! ```
//!
//! Prints a row for each trace and receiver: delay, concealed and stretched shares, PESQ-WB, STOI and PLCMOS.
//! [docs/audio-quality.md](../../docs/audio-quality.md) says what each of them counts.

#[path = "../support/chromium.rs"]
mod headless;

mod align;
mod chromium;
mod far_end;
mod neteq_crate;
mod offhook_receiver;
mod plots;
mod report;
mod scores;
mod speech;
mod traces;

use std::error::Error;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use offhook::emulator::link::Trace;
use report::{Heard, Row};
use speech::Speech;
use traces::NamedTrace;

pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Compare what receivers make of speech over bad networks.
#[derive(Parser)]
struct Arguments {
    /// One JSON object a line, instead of a table
    #[arg(long)]
    json: bool,
    /// A trace file to play besides (format: docs/audio-quality.md); may be given several times
    #[arg(long, value_name = "FILE")]
    trace: Vec<PathBuf>,
    /// How much speech goes over each trace
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Who receives
    #[arg(long, value_enum, value_delimiter = ',', default_value = "offhook,chromium,neteq")]
    receivers: Vec<Receiver>,
    /// Which of the built-in traces [default: all, or none where --trace is given]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    traces: Option<Vec<String>>,
    /// Which draw of the built-in traces: on 0 the receiver's constants were chosen, on others it is judged
    #[arg(long, value_name = "N", default_value_t = 0)]
    draw: u32,
    /// Directory for the recordings, as WAV, and the traces, as files
    #[arg(long, default_value = "target/audio-quality")]
    out: PathBuf,
    /// Also draw docs/audio-quality/*.svg
    #[arg(long)]
    plots: bool,
    /// Score each K-th piece of 10 s; PLCMOS takes most of a second for each
    #[arg(long, value_name = "K", default_value_t = 4)]
    score_every: usize,
    /// Speech to repeat, instead of Asterisk's prompts
    #[arg(long, value_name = "FILE.wav")]
    speech: Option<PathBuf>,
    /// A Python that has pystoi and speechmos; without it there is no STOI and no PLCMOS
    #[arg(long, default_value = "target/audio-quality-python/bin/python")]
    python: PathBuf,
    /// The browser
    #[arg(long, default_value = "chromium")]
    chromium: PathBuf,
    /// How many calls the browser receives at once
    #[arg(long, default_value_t = 20)]
    chromium_calls: usize,
}

/// Who receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Receiver {
    /// `offhook_media::receive::AudioReceiver`, on a virtual clock
    Offhook,
    /// A headless Chromium, through the UDP relay
    Chromium,
    /// The crate `neteq`, in real time
    Neteq,
}

impl Receiver {
    fn name(self) -> &'static str {
        match self {
            Self::Offhook => "offhook",
            Self::Chromium => "chromium",
            Self::Neteq => "neteq",
        }
    }
}

fn main() -> Outcome {
    let arguments = Arguments::parse();
    if !(0.05..=600.0).contains(&arguments.minutes) || arguments.score_every == 0 {
        return Err("--minutes must be 0.05 to 600, and --score-every at least 1".into());
    }
    let begun = Instant::now();
    let length = Duration::from_secs_f64(arguments.minutes * 60.0);
    fs::create_dir_all(&arguments.out)?;
    let traces = choose(&arguments, length)?;
    let speech = Speech::load(arguments.speech.as_deref(), length)?;
    eprintln!(
        "{:.1} minutes of speech in {} packets; {} traces",
        speech.duration().as_secs_f64() / 60.0,
        speech.packets.len(),
        traces.len()
    );
    for trace in &traces {
        let path = arguments.out.join(format!("{}.trace", trace.name));
        trace.trace.write(std::io::BufWriter::new(File::create(path)?))?;
    }
    let mut rows = Vec::new();
    for (receiver, heard) in listen(&arguments, &speech, &traces)? {
        for (trace, heard) in traces.iter().zip(heard) {
            let path = arguments.out.join(format!("{}-{}.wav", trace.name, receiver.name()));
            speech::write_wav(&path, &heard.samples)?;
            rows.push(Row::new(&trace.name, receiver.name(), heard, path));
        }
    }
    // Trace by trace, for whoever compares; the sort is stable.
    rows.sort_by_key(|row| traces.iter().position(|trace| trace.name == row.trace));
    let reference = arguments.out.join("speech.wav");
    speech::write_wav(&reference, &speech.samples)?;
    eprintln!("scoring ({:.0} s since the start)", begun.elapsed().as_secs_f64());
    scores::score(&mut rows, &speech.samples, &reference, &arguments.python, arguments.score_every)?;
    report::print(&rows, arguments.json)?;
    if arguments.plots {
        plots::draw(&rows, "docs/audio-quality".as_ref())?;
    }
    eprintln!(
        "done in {:.0} s; recordings are in {}",
        begun.elapsed().as_secs_f64(),
        arguments.out.display()
    );
    Ok(())
}

/// The traces that were asked for, each at most as long as the speech.
fn choose(arguments: &Arguments, length: Duration) -> Outcome<Vec<NamedTrace>> {
    let built_in = traces::built_in(length, arguments.draw);
    let names = built_in.iter().map(|trace| trace.name.clone()).collect::<Vec<_>>().join(", ");
    let mut chosen = Vec::new();
    match &arguments.traces {
        Some(wanted) => {
            for name in wanted {
                let found = built_in.iter().find(|trace| trace.name == *name);
                chosen
                    .push(found.ok_or_else(|| format!("there is no trace {name:?}, only {names}"))?.clone());
            }
        }
        None if arguments.trace.is_empty() => chosen = built_in,
        None => {}
    }
    for path in &arguments.trace {
        let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let trace =
            Trace::read(BufReader::new(file)).map_err(|error| format!("{}: {error}", path.display()))?;
        if trace.packets().is_empty() {
            return Err(format!("{} has no packets", path.display()).into());
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        chosen.push(NamedTrace { name, trace });
    }
    Ok(chosen)
}

/// What each receiver hears of each trace. Those that need real time get it together: the browser is a process of its own, and
/// the crate needs a few hundredths of a core. The one on a virtual clock takes whole cores for a minute: it comes before them.
fn listen(
    arguments: &Arguments,
    speech: &Speech,
    traces: &[NamedTrace],
) -> Outcome<Vec<(Receiver, Vec<Heard>)>> {
    let (virtual_time, real_time): (Vec<Receiver>, Vec<Receiver>) =
        arguments.receivers.iter().partition(|receiver| **receiver == Receiver::Offhook);
    let mut heard = Vec::new();
    for receivers in [virtual_time, real_time] {
        thread::scope(|scope| -> Outcome {
            let one = |receiver| move || listen_as(receiver, arguments, speech, traces);
            let listening: Vec<_> =
                receivers.into_iter().map(|receiver| (receiver, scope.spawn(one(receiver)))).collect();
            for (receiver, thread) in listening {
                heard.push((receiver, thread.join().expect("a listening thread does not panic")?));
            }
            Ok(())
        })?;
    }
    Ok(heard)
}

fn listen_as(
    receiver: Receiver,
    arguments: &Arguments,
    speech: &Speech,
    traces: &[NamedTrace],
) -> Outcome<Vec<Heard>> {
    eprintln!("{}: listening", receiver.name());
    match receiver {
        Receiver::Offhook => offhook_receiver::listen(speech, traces),
        Receiver::Neteq => neteq_crate::listen(speech, traces),
        Receiver::Chromium => {
            let mut heard = Vec::new();
            for some in traces.chunks(arguments.chromium_calls.max(1)) {
                heard.extend(chromium::listen(&arguments.chromium, speech, some)?);
            }
            Ok(heard)
        }
    }
}
