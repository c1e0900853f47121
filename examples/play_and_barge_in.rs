//! Calls somebody, plays a file, and stops at once when they begin to speak.
//!
//! ```sh
//! cargo run --example play_and_barge_in -- --audio my-prompt.wav
//! ```
//!
//! With no account, Ada in the embedded emulator interrupts after two seconds.

mod support;

use std::fs::File;
use std::path::PathBuf;

use clap::Parser;
use offhook::emulator::{Clip, FarEndScript};
use offhook::media::{AudioSpan, MediaEvent, Playout, VoiceActivitySettings};
use offhook::prelude::*;

/// Play a file until somebody interrupts.
#[derive(Parser)]
struct Arguments {
    /// What to play: a WAV, MP3, FLAC or Ogg Opus file of any rate
    #[arg(long, value_name = "FILE", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/speech.wav"))]
    audio: PathBuf,
    #[command(flatten)]
    place: support::Place,
}

#[tokio::main]
async fn main() -> support::Outcome {
    let arguments = Arguments::parse();
    let unusable = |error: &dyn std::error::Error| format!("{}: {error}", arguments.audio.display());
    let file = File::open(&arguments.audio).map_err(|error| unusable(&error))?;
    let sound = Sound::read(file).map_err(|error| unusable(&error))?;
    let (bot, _emulator) = arguments.place.open(FarEndScript::new().say(interruption()?.into())).await?;

    let audio = AudioSocketSettings::default().voice_activity(VoiceActivitySettings::default());
    let media = MediaSessionSettings::default().audio(audio);
    let mut call = bot.call(NewCall::to_user(arguments.place.user.as_str()), &media).await?;
    call.established().await?;
    println!("established; playing {:.1} s, unless somebody interrupts", sound.duration().as_secs_f64());

    let player = call.take_player().expect("nobody has taken it yet");
    let mut events = call.take_media_events().expect("nobody has taken them yet");
    let mut playing = player.enqueue(AudioSpan::of(&sound, player.format())?).await?;
    let playout = loop {
        tokio::select! {
            playout = &mut playing => break playout,
            event = events.next() => if let MediaEvent::BargeIn { .. } = event? {
                println!("somebody speaks: stopping");
                player.clear();
                break playing.await;
            },
        }
    };
    match playout {
        Playout::PlayedInPart { up_to_sample, .. } => {
            let played = player.format().sample_rate().duration_of(up_to_sample as u64);
            println!("{:.2} s of it were heard at the most", played.as_secs_f64());
        }
        Playout::Sent { .. } => println!("all of it was played"),
        _ => println!("none of it was played"),
    }
    call.hang_up().await?;
    println!("{}\n", call.ended().await);
    print!("{}", call.report());
    Ok(())
}

/// Two seconds of silence, and then speech.
fn interruption() -> Result<Clip, Box<dyn std::error::Error>> {
    let speech = Clip::speech();
    let rate = speech.sound().sample_rate();
    let mut samples = vec![0; 2 * rate.get() as usize];
    samples.extend_from_slice(speech.sound().samples());
    Ok(Clip::new(Sound::new(rate, samples))?)
}
