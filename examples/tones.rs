//! A menu: says something, and does what the far end's keys ask for, until it presses 0.
//!
//! ```sh
//! cargo run --example tones
//! ```
//!
//! With no account, Ada in the embedded emulator presses 1, 2 and 0, and hears each key sent back.

mod support;

use std::time::Duration;

use clap::Parser;
use offhook::emulator::FarEndScript;
use offhook::media::{AudioSpan, MediaEvent, Tone, ToneSettings};
use offhook::prelude::*;

/// Answer the keys of a telephone.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    place: support::Place,
}

#[tokio::main]
async fn main() -> support::Outcome {
    let arguments = Arguments::parse();
    let keys = ["1".parse()?, "2".parse()?, "0".parse::<Tone>()?];
    let (bot, emulator) =
        arguments.place.open(FarEndScript::new().tones(keys, Duration::from_millis(120))).await?;

    let media = MediaSessionSettings::default();
    let mut call = bot.call(NewCall::to_user(arguments.place.user.as_str()), &media).await?;
    call.established().await?;
    let player = call.take_player().expect("nobody has taken it yet");
    let mut events = call.take_media_events().expect("nobody has taken them yet");
    let file = std::fs::File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/announcement.wav"))?;
    let prompt = AudioSpan::of(&Sound::read_wav(file)?, player.format())?;
    println!("established; the menu is said, and any key cuts it short");
    player.enqueue(prompt.clone()).await?;

    loop {
        let MediaEvent::ToneReceived { tone, duration } = events.next().await? else { continue };
        player.clear();
        println!("{tone} was pressed for {} ms", duration.as_millis());
        call.media().send_dtmf_tones(&[tone], ToneSettings::default())?.await?;
        match tone.to_string().as_str() {
            "1" => drop(player.enqueue(prompt.clone()).await?),
            "0" => break,
            _ => {}
        }
    }

    if let Some(emulator) = &emulator {
        let far_end =
            emulator.far_end(call.id().as_str()).await.expect("an emulator has a far end in each call");
        far_end.has_heard_tones(keys.len()).await;
        let heard: Vec<String> = far_end.tones().iter().map(|heard| heard.tone.to_string()).collect();
        println!("the other end heard {}", heard.join(" "));
    }
    call.hang_up().await?;
    println!("{}\n", call.ended().await);
    print!("{}", call.report());
    Ok(())
}
