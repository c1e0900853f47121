//! Calls somebody and says back whatever they say: the shortest way to hear both directions at once.
//!
//! ```sh
//! cargo run --example echo -- --seconds 10
//! ```

mod support;

use std::error::Error;
use std::time::Duration;

use clap::Parser;
use offhook::emulator::{AfterSpeech, Clip, FarEndScript};
use offhook::media::AudioSocket;
use offhook::prelude::*;
use tokio::time::timeout;

/// Say back what is heard.
#[derive(Parser)]
struct Arguments {
    /// How long
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    #[command(flatten)]
    place: support::Place,
}

#[tokio::main]
async fn main() -> support::Outcome {
    let arguments = Arguments::parse();
    let length = Duration::try_from_secs_f64(arguments.seconds)?;
    let script =
        FarEndScript::new().say(Clip::speech().into()).then(AfterSpeech::Repeat).keep_what_it_hears();
    let (bot, emulator) = arguments.place.open(script).await?;

    let mut call =
        bot.call(NewCall::to_user(arguments.place.user.as_str()), &MediaSessionSettings::default()).await?;
    call.established().await?;
    println!("established; echoing for {:.1} s", length.as_secs_f64());

    let audio = call.take_audio_socket().expect("nobody has taken it yet");
    // The far end may hang up first; then there is nobody left to echo.
    let _ = timeout(length, echo(audio)).await;

    if let Some(emulator) = &emulator {
        let far_end =
            emulator.far_end(call.id().as_str()).await.expect("an emulator has a far end in each call");
        println!("the other end heard {} packets of its own speech", far_end.report().packets_received);
    }
    call.hang_up().await?;
    println!("{}\n", call.ended().await);
    print!("{}", call.report());
    Ok(())
}

/// A frame that is heard is lent, and sending copies it: nothing is allocated on the way.
async fn echo(audio: AudioSocket) -> Result<(), Box<dyn Error>> {
    let (mut listener, mut speaker) = audio.split();
    loop {
        speaker.send(listener.receive().await?).await?;
    }
}
