//! Joins a meeting and records it: a track for each speaker, aligned to a sample, what cameras and the screen show, as it came, and a
//! timeline; then checks, mixes and draws it.
//!
//! ```sh
//! cargo run --example record_tracks -- --out recordings/meeting --seconds 6
//! ```
//!
//! With no account, two people speak at the same time in the embedded emulator, and one of them shows something: `OUT` has a file of
//! each, the mix, the pictures, `timeline.jsonl`, `mixdown.mkv` and `timeline.svg`. Kill it while it records: `offhook recording finalize OUT` closes what is there.

#[path = "support/meeting.rs"]
mod meeting;
mod support;

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use offhook::emulator::{AfterSpeech, Clip, FarEndScript, Film};
use offhook::media::blob::MediaDirection;
use offhook::media::{MediaSourceId, VideoSocketSettings};
use offhook::prelude::*;
use offhook::recording::folder::{self, Picture, Show};

/// Record the speakers of a meeting into tracks on one timeline.
#[derive(Parser)]
struct Arguments {
    /// Directory for the recording; it must not hold one
    #[arg(long, default_value = "recordings/meeting")]
    out: PathBuf,
    /// How long
    #[arg(long, default_value_t = 6.0)]
    seconds: f64,
    #[command(flatten)]
    room: meeting::Room,
}

#[tokio::main]
async fn main() -> support::Outcome {
    let arguments = Arguments::parse();
    let announcement = Clip::from_wav(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/announcement.wav"))?;
    let script =
        FarEndScript::new().say(Clip::speech().into()).then(AfterSpeech::Repeat).show(Film::pattern());
    let (bot, emulator) = arguments.room.place.open(script.speaker(MediaSourceId(500), announcement)).await?;

    let audio = AudioSocketSettings::default().unmixed(4);
    // What is tapped is recorded as it came, and the call notices nothing of it.
    let sees = || VideoSocketSettings::default().direction(MediaDirection::ReceiveOnly);
    let media = MediaSessionSettings::default().audio(audio).video(sees()).screen_share(sees()).tapped(true);
    let mut call = arguments.room.join(&bot, emulator.as_ref(), &media).await?;

    // Under a recording policy it is `call.may_record().await?`, by which the service agrees.
    let grant = RecordingGrant::i_have_permission("nobody in the emulator is a person");
    let recorder = call.record_tracks(grant, &arguments.out, |event| println!("{event:?}"))?;
    println!("established; recording {:.1} s", arguments.seconds);
    tokio::time::sleep(Duration::try_from_secs_f64(arguments.seconds)?).await;
    let (report, spent) = tokio::task::spawn_blocking(|| recorder.stop()).await??;
    spent.give_back(&call).await?;
    call.hang_up().await?;
    println!("{}\n", call.ended().await);

    let verified = folder::verify(&arguments.out)?;
    let (seconds, problems) = (report.duration.as_secs_f64(), verified.problems.len());
    println!("{} tracks of {seconds:.3} s, {problems} problems; head {}", report.tracks, report.head);
    println!("all of it: {}", folder::mix(&arguments.out, Show::Longest)?.path.display());
    let picture = Picture::of(&arguments.out)?;
    println!("drawn: {}\n\n{picture}", picture.write_svg()?.display());
    Ok(())
}
