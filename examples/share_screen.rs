//! Joins a meeting and shares a screen: a film with its sound, or a test pattern with a running clock.
//!
//! ```sh
//! cargo run --features offhook/video-codecs --example share_screen                       # the pattern
//! cargo run --example share_screen -- --film my-film.mp4                                  # a film, as it is encoded
//! ```
//!
//! The bot says that it shares (Graph `changeScreenSharingRole`), waits until the roster says so too, shows its pictures on the socket of
//! the screen, and says that it is a viewer again. Its camera, if it had one, would go on beside it.

#[path = "support/meeting.rs"]
mod meeting;
#[path = "support/pictures.rs"]
mod pictures;
mod support;

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use offhook::emulator::{Clip, FarEndScript};
use offhook::media::VideoSocketSettings;
use offhook::media::blob::MediaDirection;
use offhook::prelude::*;
use offhook::signaling::model::{Modality, ScreenSharingRole};
use tokio::time::timeout;

/// Share a screen in a meeting.
#[derive(Parser)]
struct Arguments {
    /// An MP4, WebM or Matroska file [default: a test pattern with a running clock]
    #[arg(long, value_name = "FILE")]
    film: Option<PathBuf>,
    /// How long to show the pattern
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    #[command(flatten)]
    room: meeting::Room,
}

#[tokio::main]
async fn main() -> support::Outcome {
    let arguments = Arguments::parse();
    let film = arguments.film.as_deref();
    let script = FarEndScript::new().say(Clip::speech().into());
    let (bot, emulator) = arguments.room.place.open(script).await?;

    let codec = pictures::codec_of(film)?;
    let screen = VideoSocketSettings::default().codecs([codec]).direction(MediaDirection::SendOnly);
    let media = MediaSessionSettings::default().screen_share(screen);
    let mut call = arguments.room.join(&bot, emulator.as_ref(), &media).await?;

    call.signaling().change_screen_sharing_role(ScreenSharingRole::Sharer).await?;
    timeout(Duration::from_secs(5), roster_says(&call, true)).await?;
    println!("the roster says that a screen is shared");
    let (_, screen) = call.take_screen_share_socket().expect("nobody has taken it yet").split();
    pictures::show(&mut call, screen, film, Duration::from_secs_f64(arguments.seconds)).await?;

    if let Some(emulator) = &emulator {
        let far_end =
            emulator.far_end(call.id().as_str()).await.expect("an emulator has a far end in each call");
        let seen = far_end.report().screen;
        let size = seen.size.map_or_else(String::new, |size| format!(" of {} x {}", size.width, size.height));
        println!(
            "the other end saw {} whole frames{size}, {} of them key frames",
            seen.frames_received, seen.key_frames_received
        );
        if seen.frames_received == 0 {
            return Err("nobody saw the screen".into());
        }
    }
    call.signaling().change_screen_sharing_role(ScreenSharingRole::Viewer).await?;
    timeout(Duration::from_secs(5), roster_says(&call, false)).await?;
    println!("and that none is any more");
    call.hang_up().await?;
    println!("{}", call.ended().await);
    Ok(())
}

/// Waits until somebody shares a screen by the roster, or nobody does.
async fn roster_says(call: &BotCall, is_shared: bool) {
    let mut changes = call.signaling().changes();
    while let Some(now) = changes.next().await {
        let mut people = now.roster.participants().iter();
        if people.any(|who| who.source_ids(Modality::VideoBasedScreenSharing).next().is_some()) == is_shared {
            return;
        }
    }
}
