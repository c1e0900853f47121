//! Calls somebody, records what is heard, may say an announcement, hangs up, and reports.
//!
//! ```sh
//! cargo run --example record -- --out recordings --seconds 5 --speech my-voice.wav --announce
//! ```
//!
//! With no account, Ada in the embedded emulator speaks `assets/speech.wav`; the recording is `OUT/call.wav`.

mod support;

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use offhook::emulator::{Clip, FarEndScript};
use offhook::media::{AudioSocketReceiver, AudioSocketSender};
use offhook::prelude::*;
use offhook::recording::RecordingReport;

/// Record a call.
#[derive(Parser)]
struct Arguments {
    /// Directory for the recording
    #[arg(long, default_value = "recordings")]
    out: PathBuf,
    /// How long to record [default: as long as the speech]
    #[arg(long)]
    seconds: Option<f64>,
    /// What Ada says in the embedded emulator [default: assets/speech.wav]
    #[arg(long, value_name = "FILE.wav")]
    speech: Option<PathBuf>,
    /// Say that the call is recorded, before recording
    #[arg(long)]
    announce: bool,
    #[command(flatten)]
    place: support::Place,
}

#[tokio::main]
async fn main() -> support::Outcome {
    let arguments = Arguments::parse();
    let speech = arguments.speech.as_ref().map_or_else(|| Ok(Clip::speech()), Clip::from_wav)?;
    let seconds = arguments.seconds.map(Duration::try_from_secs_f64).transpose()?;
    let seconds = seconds.unwrap_or(speech.duration());
    let (bot, _emulator) = arguments.place.open(FarEndScript::new().say(speech.into())).await?;

    let mut call =
        bot.call(NewCall::to_user(arguments.place.user.as_str()), &MediaSessionSettings::default()).await?;
    call.established().await?;
    println!("established; recording {:.1} s", seconds.as_secs_f64());

    let (listener, speaker) = call.take_audio_socket().expect("nobody has taken it yet").split();
    // The disk may be slow, so it gets a thread of its own; the announcement goes out meanwhile.
    let path = arguments.out.join("call.wav");
    let recording = tokio::task::spawn_blocking(move || record(listener, path, seconds));
    if arguments.announce {
        announce(speaker).await?;
    }
    let recording = recording.await??;

    call.hang_up().await?;
    println!("{}\n", call.ended().await);
    print!("{}", call.report().with_recording(&recording));
    Ok(())
}

/// Writes frames as they come. Each goes to its place in time, whatever was lost before it.
fn record(
    mut listener: AudioSocketReceiver,
    path: PathBuf,
    length: Duration,
) -> Result<RecordingReport, offhook::recording::RecordingError> {
    let permission = RecordingGrant::i_have_permission("who is called hears the announcement, or is made up");
    let mut recorder = WavRecorder::create(path, listener.format(), &permission)?;
    while recorder.duration() < length {
        match listener.receive_blocking(Duration::from_secs(10)) {
            Ok(Some(frame)) => recorder.write(frame)?,
            // Silence for ten seconds, or the end of the call: what there is, is kept.
            Ok(None) | Err(_) => break,
        }
    }
    recorder.finish()
}

/// Says the announcement, at the pace of the wire.
async fn announce(mut speaker: AudioSocketSender) -> Result<(), Box<dyn Error>> {
    let file = std::fs::File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/announcement.wav"))?;
    for frame in Sound::read_wav(file)?.frames(speaker.format())? {
        speaker.send(&frame).await?;
    }
    Ok(speaker.wait_for_playout().await?)
}
