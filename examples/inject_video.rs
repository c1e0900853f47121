//! Calls somebody and shows a film with its sound, or a test pattern with a running clock.
//!
//! ```sh
//! cargo run --features offhook/video-codecs --example inject_video                       # the pattern
//! cargo run --features offhook/video-codecs --example inject_video -- --simulcast        # in three sizes at once
//! cargo run --example inject_video -- --film my-film.mp4                                  # a film, as it is encoded
//! ```
//!
//! A film's pictures (H.264 without B frames, or VP8) go out as they are; only its sound is encoded. The pattern has to be encoded,
//! for which the codecs are built in with the feature `video-codecs`.

#[path = "support/pictures.rs"]
mod pictures;
mod support;

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use offhook::emulator::FarEndScript;
use offhook::media::VideoSocketSettings;
use offhook::media::video::simulcast::SimulcastLayer;
use offhook::prelude::*;

/// Show a film, or a test pattern.
#[derive(Parser)]
struct Arguments {
    /// An MP4, WebM or Matroska file [default: a test pattern with a running clock]
    #[arg(long, value_name = "FILE")]
    film: Option<PathBuf>,
    /// How long to show the pattern
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Offer the pattern in three sizes at once, of which the other end takes what it likes
    #[arg(long, conflicts_with = "film")]
    simulcast: bool,
    #[command(flatten)]
    place: support::Place,
}

#[tokio::main]
async fn main() -> support::Outcome {
    let arguments = Arguments::parse();
    let film = arguments.film.as_deref();
    let codec = pictures::codec_of(film)?;
    let (bot, emulator) = arguments.place.open(FarEndScript::new()).await?;

    // A film is shown in the codec that it has, or not at all.
    let mut video = VideoSocketSettings::default().codecs([codec]);
    if arguments.simulcast {
        video = video.simulcast([SimulcastLayer::QUARTER, SimulcastLayer::HALF, SimulcastLayer::FULL]);
    }
    let settings = MediaSessionSettings::default().video(video);
    let mut call = bot.call(NewCall::to_user(arguments.place.user.as_str()), &settings).await?;
    call.established().await?;
    let (_, camera) = call.take_video_sockets().remove(0).split();
    pictures::show(&mut call, camera, film, Duration::from_secs_f64(arguments.seconds)).await?;

    if let Some(emulator) = &emulator {
        let far_end =
            emulator.far_end(call.id().as_str()).await.expect("an emulator has a far end in each call");
        let seen = far_end.report().video;
        println!(
            "the other end saw {} frames, {} of them key frames",
            seen.frames_received, seen.key_frames_received
        );
    }
    call.hang_up().await?;
    println!("{}", call.ended().await);
    Ok(())
}
