//! `offhook echo`: says back what it hears.

use std::error::Error;

use clap::Args;
use offhook::media::{MediaEvent, MediaEvents};
use offhook::prelude::*;

use super::EXIT_CODES;
use super::place::Place;
use super::visit::{self, Outcome, Until, Work};

/// Say back whatever is heard, and tell which tones are pressed.
///
/// Ends with the call, or with Ctrl-C. With --answer, the callback address is on standard output, and calls are answered one
/// beside the other.
#[derive(Args)]
#[command(after_help = format!("Examples:

    offhook echo --graph http://127.0.0.1:9440 --user ada
    offhook echo --graph http://127.0.0.1:9440 --meeting 1234567890 --passcode psw123
    offhook echo --graph http://127.0.0.1:9440 --answer      # then call it from the emulator's page

{EXIT_CODES}"))]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    visit::run(&arguments.place, Echo).await
}

struct Echo;

impl Work for Echo {
    fn media(&self) -> MediaSessionSettings {
        MediaSessionSettings::default()
    }

    async fn work(&self, call: &mut BotCall, mut until: Until) -> Outcome<CallReport> {
        let audio = call.take_audio_socket().expect("nobody has taken it yet");
        let events = call.take_media_events().expect("nobody has taken them yet");
        tokio::select! {
            _ = until.then() => {}
            // The end of the media is the end of the call, which tells why.
            _ = echo(audio) => {}
            () = tell_tones(events) => {}
        }
        Ok(call.report())
    }
}

async fn echo(audio: AudioSocket) -> Outcome {
    let (mut listener, mut speaker) = audio.split();
    loop {
        speaker.send(listener.receive().await?).await?;
    }
}

async fn tell_tones(mut events: MediaEvents) {
    while let Ok(event) = events.next().await {
        if let MediaEvent::ToneReceived { tone, duration } = event {
            eprintln!("tone {tone}, held for {} ms", duration.as_millis());
        }
    }
}
