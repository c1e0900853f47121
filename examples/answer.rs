//! Waits to be called, answers, says back whatever the caller says, and prints what happens until the call is over.
//!
//! ```sh
//! cargo run --example answer -- --seconds 5
//! ```

mod support;

use std::error::Error;
use std::time::Duration;

use clap::Parser;
use offhook::emulator::{AfterSpeech, Clip, FarEndScript, IncomingCall};
use offhook::media::AudioSocket;
use offhook::prelude::*;
use offhook::signaling::Heard;
use tokio::time::timeout;

/// Answer a call and say back what is heard.
#[derive(Parser)]
struct Arguments {
    /// How long, in seconds
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    #[command(flatten)]
    place: support::Place,
}

#[tokio::main]
async fn main() -> support::Outcome {
    let arguments = Arguments::parse();
    let length = Duration::try_from_secs_f64(arguments.seconds)?;
    let script = FarEndScript::new().say(Clip::speech().into()).then(AfterSpeech::Repeat);
    let (bot, emulator) = arguments.place.open(script).await?;

    let mut incoming = bot.incoming()?;
    if let Some(emulator) = &emulator {
        emulator.call_bot(IncomingCall::new(bot.callback_uri(), arguments.place.user.as_str())).await?;
    }
    println!("waiting for a call at {}", bot.callback_uri());
    let caller = incoming.next().await.ok_or("nobody will call any more")?;
    let who = caller.caller().and_then(|who| who.id.as_str()).unwrap_or("someone");
    println!("{who} calls; {:.1} s left to answer", caller.time_left().as_secs_f64());

    let mut call = bot.answer(&caller, &MediaSessionSettings::default()).await?;
    call.established().await?;
    println!("established; echoing for {:.1} s", length.as_secs_f64());
    let audio = call.take_audio_socket().expect("nobody has taken it yet");
    let _ = timeout(length, echo(audio)).await;

    let mut events = call.signaling().events();
    call.hang_up().await?;
    while let Some(heard) = events.next().await {
        if let Heard::Event(happened) = heard {
            println!("{:>3}  {}", happened.number, happened.event);
        }
    }
    print!("{}", call.report());
    Ok(())
}

async fn echo(audio: AudioSocket) -> Result<(), Box<dyn Error>> {
    let (mut listener, mut speaker) = audio.split();
    loop {
        speaker.send(listener.receive().await?).await?;
    }
}
