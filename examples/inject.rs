//! Calls somebody and plays a file into the call; in the emulator, keeps what the other end heard of it.
//!
//! ```sh
//! cargo run --example inject -- --audio my-prompt.wav --far-end-out heard.wav
//! ```

mod support;

use std::fs::File;
use std::path::PathBuf;

use clap::Parser;
use offhook::emulator::FarEndScript;
use offhook::prelude::*;

/// Play a file into a call.
#[derive(Parser)]
struct Arguments {
    /// What to play: a WAV, MP3, FLAC or Ogg Opus file of any rate
    #[arg(long, value_name = "FILE", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/announcement.wav"))]
    audio: PathBuf,
    /// Where to write what the other end heard (embedded emulator only)
    #[arg(long, value_name = "FILE.wav")]
    far_end_out: Option<PathBuf>,
    #[command(flatten)]
    place: support::Place,
}

#[tokio::main]
async fn main() -> support::Outcome {
    let arguments = Arguments::parse();
    let unusable = |error: &dyn std::error::Error| format!("{}: {error}", arguments.audio.display());
    let file = File::open(&arguments.audio).map_err(|error| unusable(&error))?;
    let sound = Sound::read(file).map_err(|error| unusable(&error))?;
    let (bot, emulator) = arguments.place.open(FarEndScript::new().keep_what_it_hears()).await?;

    let mut call =
        bot.call(NewCall::to_user(arguments.place.user.as_str()), &MediaSessionSettings::default()).await?;
    call.established().await?;
    println!("established; playing {:.1} s", sound.duration().as_secs_f64());

    // Sending waits while the queue is full: the loop runs at the pace of the wire.
    let (_, mut speaker) = call.take_audio_socket().expect("nobody has taken it yet").split();
    for frame in sound.frames(speaker.format())? {
        speaker.send(&frame).await?;
    }
    speaker.wait_for_playout().await?;
    let mut report = call.report();

    if let Some(emulator) = &emulator {
        let far_end =
            emulator.far_end(call.id().as_str()).await.expect("an emulator has a far end in each call");
        far_end.has_heard(sound.duration()).await;
        if let Some(path) = arguments.far_end_out {
            let permission = RecordingGrant::i_have_permission("it is what this bot said itself");
            let mut recorder = WavRecorder::create(path, AudioFormat::Pcm16K, &permission)?;
            for frame in far_end.heard().frames(AudioFormat::Pcm16K)? {
                recorder.write(&frame)?;
            }
            report = report.with_recording(&recorder.finish()?);
        }
        println!("the other end heard {} packets", far_end.report().packets_received);
    }
    call.hang_up().await?;
    println!("{}\n", call.ended().await);
    report.call = call.report().call;
    print!("{report}");
    Ok(())
}
