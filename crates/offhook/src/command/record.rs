//! `offhook record`: writes what it hears.

use std::error::Error;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use offhook::media::blob::MediaDirection;
use offhook::media::{AudioSocketReceiver, VideoSocketSettings};
use offhook::prelude::*;
use offhook::recording::{RecordingAuthority as _, RecordingError, RecordingReport, TrackEvent};

use super::EXIT_CODES;
use super::place::Place;
use super::visit::{self, Outcome, Until, Work};

/// How often a recording looks whether it is to end.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Record a call: into a WAV file, or with --tracks a file for each speaker.
///
/// Ends with the call, with --seconds, or with Ctrl-C; whatever was heard by then is kept, and its path on standard
/// output. A kill of the process costs the last half second at the most, with --tracks the last second.
///
/// Before anything is written, the service is told that the call is recorded, and has to agree. It agrees in calls under a
/// recording policy only; in others, --i-have-permission says that you see to it yourself. What `offhook recording` does with
/// tracks: verify, finalize, mix, show.
#[derive(Args)]
#[command(after_help = format!("Examples:

    offhook record --graph http://127.0.0.1:9440 --user ada --seconds 5 --i-have-permission
    offhook record --graph http://127.0.0.1:9440 --meeting 1234567890 --passcode psw123 --tracks --i-have-permission
    offhook record --graph http://127.0.0.1:9440 --user ada --tracks --video 2 --i-have-permission
    offhook record --answer --tracks --out compliance

{EXIT_CODES}"))]
pub(crate) struct Arguments {
    /// Directory for the recordings: call-ID.wav each, or with --tracks a directory call-ID.
    #[arg(long, value_name = "DIR", default_value = "recordings")]
    out: PathBuf,
    /// How long [default: until the call is over].
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    seconds: Option<Duration>,
    /// Record each speaker into a track of their own, as they came (Ogg Opus), with a timeline.
    #[arg(long)]
    tracks: bool,
    /// How many speakers can have a track at the same time, up to 10.
    #[arg(long, value_name = "COUNT", default_value_t = 4, requires = "tracks",
        value_parser = clap::value_parser!(u8).range(0..=10))]
    speakers: u8,
    /// Record pictures, too, as they came: of so many cameras at the same time, and of the shared screen. With --tracks.
    #[arg(long, value_name = "CAMERAS", num_args = 0..=1, default_missing_value = "1", requires = "tracks",
        value_parser = clap::value_parser!(u8).range(0..=9))]
    video: Option<u8>,
    /// Everybody in the call agrees to be recorded, or you may record for another reason: do not ask the service.
    #[arg(long)]
    i_have_permission: bool,
    #[command(flatten)]
    place: Place,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().map_err(|_| "not a number of seconds")?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let Arguments { out, seconds: length, tracks, speakers, video, i_have_permission, place } = arguments;
    let tracks = tracks.then_some(speakers);
    visit::run(&place, Record { out, length, tracks, video, i_have_permission }).await
}

struct Record {
    out: PathBuf,
    length: Option<Duration>,
    /// How many speakers can have a track; `None` for a WAV file.
    tracks: Option<u8>,
    /// Cameras that can be recorded; `None` for no pictures, not of the screen either.
    video: Option<u8>,
    i_have_permission: bool,
}

impl Work for Record {
    fn media(&self) -> MediaSessionSettings {
        let Some(speakers) = self.tracks else { return MediaSessionSettings::default() };
        let audio = AudioSocketSettings::default().unmixed(speakers);
        let settings = MediaSessionSettings::default().audio(audio).tapped(true);
        let Some(cameras) = self.video else { return settings };
        let sees = || VideoSocketSettings::default().direction(MediaDirection::ReceiveOnly);
        (0..cameras).fold(settings.screen_share(sees()), |settings, _| settings.video(sees()))
    }

    async fn work(&self, call: &mut BotCall, until: Until) -> Outcome<CallReport> {
        let grant = if self.i_have_permission {
            RecordingGrant::i_have_permission("offhook record --i-have-permission")
        } else {
            call.may_record().await.map_err(|source| NotAgreed { source })?
        };
        if self.tracks.is_some() {
            return self.record_tracks(call, until, grant).await;
        }
        self.record_wav(call, until, grant).await
    }
}

/// Why nothing is recorded.
#[derive(Debug, thiserror::Error)]
#[error(
    "the service does not agree to a recording; in a call without a recording policy, --i-have-permission is needed: {source}"
)]
struct NotAgreed {
    source: BotError,
}

impl Record {
    async fn record_wav(
        &self,
        call: &mut BotCall,
        mut until: Until,
        grant: RecordingGrant,
    ) -> Outcome<CallReport> {
        let (listener, _speaker) = call.take_audio_socket().expect("nobody has taken it yet").split();
        let path = self.out.join(format!("{}.wav", safe_name(call.id().as_str())));
        let over = Arc::new(AtomicBool::new(false));
        let (length, is_over) = (self.length, Arc::clone(&over));
        // The disk may be slow, so it gets a thread of its own.
        let mut recording =
            tokio::task::spawn_blocking(move || record(listener, &path, &grant, length, &is_over));
        let recorded = tokio::select! {
            recorded = &mut recording => recorded,
            _ = until.then() => {
                over.store(true, Ordering::Relaxed);
                recording.await
            }
        };
        let recording = recorded??;
        if !self.i_have_permission {
            tell_end(call).await;
        }
        println!("{}", recording.path.display());
        Ok(call.report().with_recording(&recording))
    }

    async fn record_tracks(
        &self,
        call: &mut BotCall,
        mut until: Until,
        grant: RecordingGrant,
    ) -> Outcome<CallReport> {
        let directory = self.out.join(safe_name(call.id().as_str()));
        let recorder = call.record_tracks(grant, &directory, |event| match event {
            TrackEvent::Degraded { without, cause } => eprintln!("offhook: without {without:?}: {cause}"),
            TrackEvent::Resumed { without } if without.is_empty() => {
                eprintln!("offhook: all is recorded again")
            }
            TrackEvent::Resumed { without } => eprintln!("offhook: still without {without:?}"),
            _ => eprintln!("offhook: a file of the recording was taken away; a new one is written"),
        })?;
        println!("{}", directory.display());
        // Nobody listens here: what is recorded is tapped.
        drop((call.take_audio_socket(), call.take_video_sockets()));
        let length = self.length.unwrap_or(Duration::MAX);
        tokio::select! {
            () = tokio::time::sleep(length) => {}
            _ = until.then() => {}
        }
        let (report, spent) = tokio::task::spawn_blocking(|| recorder.stop()).await??;
        if let Err(error) = spent.give_back(call).await {
            tracing::debug!(%error, "the service was not told that the recording is over");
        }
        eprintln!("{} tracks; the hash that vouches for them is {}", report.tracks, report.head);
        Ok(call.report().with_file(report.directory, report.duration))
    }
}

/// Tells the service that nothing is recorded any more. A call that is over needs no telling.
async fn tell_end(call: &BotCall) {
    if let Err(error) = call.recording_ended().await {
        tracing::debug!(%error, "the service was not told that the recording is over");
    }
}

/// Writes frames as they come, each to its place in time, until `length` is reached or the call or the command is over.
fn record(
    mut listener: AudioSocketReceiver,
    path: &Path,
    grant: &RecordingGrant,
    length: Option<Duration>,
    over: &AtomicBool,
) -> Result<RecordingReport, RecordingError> {
    let mut recorder = WavRecorder::create(path, listener.format(), grant)?;
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

/// A call's id as the name of a file: nothing in it leads out of the directory.
fn safe_name(call: &str) -> String {
    let safe = |letter: char| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' };
    format!("call-{}", call.chars().map(safe).take(120).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_call_id_leads_out_of_the_directory() {
        assert_eq!(safe_name("57dab8b1-894c"), "call-57dab8b1-894c");
        assert_eq!(safe_name("../../etc/passwd"), "call-______etc_passwd");
    }

    #[test]
    fn a_length_is_a_number_of_seconds() {
        assert_eq!(seconds("2.5"), Ok(Duration::from_millis(2500)));
        for wrong in ["", "-1", "soon", "inf"] {
            seconds(wrong).unwrap_err();
        }
    }
}
