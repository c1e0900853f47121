//! Calls somebody and shows a film with its sound, or a test pattern with a running clock.
//!
//! ```sh
//! cargo run --features offhook/video-codecs --example inject_video                       # the pattern
//! cargo run --example inject_video -- --film my-film.mp4                                  # a film, as it is encoded
//! ```
//!
//! A film's pictures (H.264 without B frames, or VP8) go out as they are; only its sound is encoded. The pattern has to be encoded,
//! for which the codecs are built in with the feature `video-codecs`.

mod support;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use offhook::emulator::FarEndScript;
use offhook::media::film::{AudioVideoFramePlayer, FilmPart, FilmReader};
use offhook::media::raw_video::{RawVideoSender, WhenFull};
use offhook::media::video::pattern::draw_pattern;
use offhook::media::video::{
    EncodedVideoFrame, PixelFormat, VideoCodec, VideoEncoderSettings, VideoFrame, VideoSize,
};
use offhook::media::{MediaClock, RtpTime, VideoSocketSettings};
use offhook::prelude::*;

const PATTERN: VideoSize = VideoSize { width: 640, height: 360 };

/// Show a film, or a test pattern.
#[derive(Parser)]
struct Arguments {
    /// An MP4, WebM or Matroska file [default: a test pattern with a running clock]
    #[arg(long, value_name = "FILE")]
    film: Option<PathBuf>,
    /// How long to show the pattern
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    #[command(flatten)]
    place: support::Place,
}

#[tokio::main]
async fn main() -> support::Outcome {
    let arguments = Arguments::parse();
    let codec = match &arguments.film {
        Some(path) => open(path)?.codec().unwrap_or(VideoCodec::H264),
        None => VideoCodec::H264,
    };
    let (bot, emulator) = arguments.place.open(FarEndScript::new()).await?;

    // A film is shown in the codec that it has, or not at all.
    let settings = MediaSessionSettings::default().video(VideoSocketSettings::default().codecs([codec]));
    let mut call = bot.call(NewCall::to_user(arguments.place.user.as_str()), &settings).await?;
    call.established().await?;
    match &arguments.film {
        Some(path) => show_film(&mut call, path).await?,
        None => show_pattern(&mut call, Duration::from_secs_f64(arguments.seconds)).await?,
    }

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

fn open(path: &Path) -> Result<FilmReader, String> {
    let unusable = |error: &dyn std::error::Error| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(|error| unusable(&error))?;
    FilmReader::open(file, None).map_err(|error| unusable(&error))
}

/// Plays sound and pictures in step, as fast as the film goes.
async fn show_film(call: &mut BotCall, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let audio = call.take_player().expect("nobody has taken it yet");
    let rate = audio.format().sample_rate();
    let (_, pictures) = call.take_video_sockets().remove(0).split();
    let mut film = FilmReader::open(File::open(path)?, Some(rate))?;
    let Some(codec) = film.codec() else { return Err("the film has no pictures".into()) };

    let player = AudioVideoFramePlayer::start(call.media().clock(), Some(audio), Some(pictures))?;
    while let Some(part) = film.next_part()? {
        match part {
            FilmPart::Sound(sound) => player.enqueue_audio(sound.at, sound.samples).await?,
            FilmPart::Picture(picture) => {
                let frame = EncodedVideoFrame::new(codec, picture.is_key, RtpTime(0), picture.data);
                player.enqueue_picture(picture.at, frame).await?;
            }
            _ => {}
        }
    }
    Ok(player.wait_for_playout().await?)
}

/// Draws 25 pictures a second; a codec thread encodes them, as the far end and the path take it.
async fn show_pattern(call: &mut BotCall, lasts: Duration) -> Result<(), Box<dyn std::error::Error>> {
    let (_, pictures) = call.take_video_sockets().remove(0).split();
    let settings = VideoEncoderSettings::new(VideoCodec::H264);
    let mut sender = RawVideoSender::start(pictures, &settings, WhenFull::DropOldest)?;
    let mut picture = VideoFrame::new(PixelFormat::Nv12, PATTERN)?;
    let clock = call.media().clock();
    let begun = clock.now();
    let mut pace = tokio::time::interval(Duration::from_millis(40));
    loop {
        pace.tick().await;
        let now = clock.now();
        if now.since(begun) >= lasts {
            break;
        }
        draw_pattern(&mut picture, now.since(begun));
        picture.set_capture_time(now);
        sender.send(&picture).await?;
    }
    println!("encoded {} pictures", sender.stats().frames_encoded);
    Ok(())
}
