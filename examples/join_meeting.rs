//! Joins a meeting by its join id and passcode, shows who is there, and listens for a while.
//!
//! ```sh
//! cargo run --example join_meeting -- --seconds 3
//! ```

#[path = "support/meeting.rs"]
mod meeting;
mod support;

use std::time::Duration;

use clap::Parser;
use offhook::emulator::{Clip, FarEndScript};
use offhook::prelude::*;
use offhook::signaling::model::Modality;
use tokio::time::timeout;

/// Join a meeting and listen.
#[derive(Parser)]
struct Arguments {
    /// How long to listen
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    #[command(flatten)]
    room: meeting::Room,
}

#[tokio::main]
async fn main() -> support::Outcome {
    let arguments = Arguments::parse();
    let length = Duration::try_from_secs_f64(arguments.seconds)?;
    let (bot, emulator) = arguments.room.place.open(FarEndScript::new().say(Clip::speech().into())).await?;

    let media = MediaSessionSettings::default();
    let mut call = arguments.room.join(&bot, emulator.as_ref(), &media).await?;

    let mut audio = call.take_audio_socket().expect("nobody has taken it yet");
    let mut speakers = std::collections::BTreeMap::new();
    // A frame says who is heard, by the media source id that the roster has too.
    let listening = async {
        while let Ok(frame) = audio.receive().await {
            if let (Some(source), false) = (frame.source(), frame.is_silence()) {
                *speakers.entry(source).or_insert(Duration::ZERO) += AudioFormat::FRAME_DURATION;
            }
        }
    };
    let _ = timeout(length, listening).await;

    for participant in call.signaling().participants().iter() {
        let name = participant.identity().and_then(|who| who.display_name.value());
        let name = name.map_or("somebody", |name| name.expose());
        let mut sources = participant.source_ids(Modality::Audio);
        let spoken = sources.find_map(|id| speakers.get(&id.parse().ok()?));
        println!("{name} spoke for {:.1} s", spoken.copied().unwrap_or_default().as_secs_f64());
    }
    call.hang_up().await?;
    println!("{}\n", call.ended().await);
    print!("{}", call.report());
    Ok(())
}
