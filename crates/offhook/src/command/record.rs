//! `offhook record`: writes what it hears.

use std::error::Error;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use offhook::media::AudioSocketReceiver;
use offhook::prelude::*;
use offhook::recording::{RecordingError, RecordingReport};

use super::EXIT_CODES;
use super::place::Place;
use super::visit::{self, Outcome, Until, Work};

/// How often a recording looks whether it is to end.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Record a call into a WAV file.
///
/// Ends with the call, with --seconds, or with Ctrl-C; whatever was heard by then is in the file, and its path on standard
/// output. A kill of the process costs the last half second at the most. Whether everybody in the call agrees to be recorded is
/// yours to see to.
#[derive(Args)]
#[command(after_help = format!("Examples:

    offhook record --graph http://127.0.0.1:9440 --user ada --seconds 5
    offhook record --graph http://127.0.0.1:9440 --meeting 1234567890 --passcode psw123 --out meetings

{EXIT_CODES}"))]
pub(crate) struct Arguments {
    /// Directory for the recordings: call-ID.wav each.
    #[arg(long, value_name = "DIR", default_value = "recordings")]
    out: PathBuf,
    /// How long [default: until the call is over].
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    seconds: Option<Duration>,
    #[command(flatten)]
    place: Place,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().map_err(|_| "not a number of seconds")?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    visit::run(&arguments.place, Record { out: arguments.out, length: arguments.seconds }).await
}

struct Record {
    out: PathBuf,
    length: Option<Duration>,
}

impl Work for Record {
    fn media(&self) -> MediaSessionSettings {
        MediaSessionSettings::default()
    }

    async fn work(&self, call: &mut BotCall, mut until: Until) -> Outcome<CallReport> {
        let (listener, _speaker) = call.take_audio_socket().expect("nobody has taken it yet").split();
        let path = self.out.join(file_name(call.id().as_str()));
        let over = Arc::new(AtomicBool::new(false));
        let (length, is_over) = (self.length, Arc::clone(&over));
        // The disk may be slow, so it gets a thread of its own.
        let mut recording = tokio::task::spawn_blocking(move || record(listener, &path, length, &is_over));
        let recorded = tokio::select! {
            recorded = &mut recording => recorded,
            _ = until.then() => {
                over.store(true, Ordering::Relaxed);
                recording.await
            }
        };
        let recording = recorded??;
        println!("{}", recording.path.display());
        Ok(call.report().with_recording(&recording))
    }
}

/// Writes frames as they come, each to its place in time, until `length` is reached or the call or the command is over.
fn record(
    mut listener: AudioSocketReceiver,
    path: &Path,
    length: Option<Duration>,
    over: &AtomicBool,
) -> Result<RecordingReport, RecordingError> {
    let mut recorder = WavRecorder::create(path, listener.format())?;
    let mut progress = Progress::new();
    while length.is_none_or(|length| recorder.duration() < length) && !over.load(Ordering::Relaxed) {
        match listener.receive_blocking(LOOK_EVERY) {
            Ok(Some(frame)) => recorder.write(frame)?,
            Ok(None) => {}
            // The end of the call: what there is, is kept.
            Err(_) => break,
        }
        progress.show(recorder.duration(), length);
    }
    progress.end();
    recorder.finish()
}

/// A line that counts the seconds, where somebody looks.
struct Progress {
    is_watched: bool,
    shown: Option<u64>,
}

impl Progress {
    fn new() -> Self {
        Self { is_watched: std::io::stderr().is_terminal(), shown: None }
    }

    fn show(&mut self, recorded: Duration, length: Option<Duration>) {
        let seconds = recorded.as_secs();
        if !self.is_watched || self.shown == Some(seconds) {
            return;
        }
        self.shown = Some(seconds);
        let of = length.map(|length| format!(" of {:.0}", length.as_secs_f64())).unwrap_or_default();
        // A terminal that is gone is no reason to stop recording.
        let _ = write!(std::io::stderr(), "\rrecorded {seconds}{of} s");
    }

    fn end(&self) {
        if self.shown.is_some() {
            let _ = writeln!(std::io::stderr());
        }
    }
}

/// A call's id as a file name: nothing in it leads out of the directory.
fn file_name(call: &str) -> String {
    let safe = |letter: char| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' };
    format!("call-{}.wav", call.chars().map(safe).take(120).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_call_id_leads_out_of_the_directory() {
        assert_eq!(file_name("57dab8b1-894c"), "call-57dab8b1-894c.wav");
        assert_eq!(file_name("../../etc/passwd"), "call-______etc_passwd.wav");
    }

    #[test]
    fn a_length_is_a_number_of_seconds() {
        assert_eq!(seconds("2.5"), Ok(Duration::from_millis(2500)));
        for wrong in ["", "-1", "soon", "inf"] {
            seconds(wrong).unwrap_err();
        }
    }
}
