//! `offhook play`: says a file.

use std::error::Error;
use std::fs::File;
use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::Args;
use offhook::media::{AudioSpan, Playout};
use offhook::prelude::*;

use super::EXIT_CODES;
use super::exit::LeftEarly;
use super::place::Place;
use super::visit::{self, Outcome, Until, Work};

/// Play a file into a call, and hang up.
#[derive(Args)]
#[command(after_help = format!("Examples:

    offhook play announcement.wav --graph http://127.0.0.1:9440 --user ada
    offhook play music.mp3 --times 3 --graph http://127.0.0.1:9440 --meeting 1234567890 --passcode psw123

{EXIT_CODES}"))]
pub(crate) struct Arguments {
    /// What to play: a WAV, MP3, FLAC or Ogg Opus file of any rate.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How many times.
    #[arg(long, value_name = "COUNT", default_value = "1")]
    times: NonZeroU32,
    #[command(flatten)]
    place: Place,
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    // Before anybody is called.
    let sound = read(&arguments.file)?;
    visit::run(&arguments.place, Play { sound, times: arguments.times }).await
}

fn read(path: &PathBuf) -> Result<Sound, Box<dyn Error>> {
    let unusable = |error: &dyn Error| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(|error| unusable(&error))?;
    Ok(Sound::read(file).map_err(|error| unusable(&error))?)
}

struct Play {
    sound: Sound,
    times: NonZeroU32,
}

impl Work for Play {
    fn media(&self) -> MediaSessionSettings {
        MediaSessionSettings::default()
    }

    async fn work(&self, call: &mut BotCall, mut until: Until) -> Outcome<CallReport> {
        let player = call.take_player().expect("nobody has taken it yet");
        let span = AudioSpan::of(&self.sound, player.format())?;
        let play = async {
            let mut last = None;
            // All are in the queue together, so that each follows on the one before at its very next sample.
            for _ in 0..self.times.get() {
                last = Some(player.enqueue(span.clone()).await.ok()?);
            }
            matches!(last?.await, Playout::Sent { .. }).then_some(())
        };
        let ended = tokio::select! {
            played = play => match played {
                Some(()) => return Ok(call.report()),
                // The media is over, and so is the call.
                None => until.then().await,
            },
            ended = until.then() => ended,
        };
        if let Some(ended) = ended {
            return Err(LeftEarly { what: "all was played", ended: ended.into() }.into());
        }
        Ok(call.report())
    }
}
