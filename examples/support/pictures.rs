//! What the examples that show pictures share: a film as it is encoded, or a test pattern with a running clock.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use offhook::media::film::{AudioVideoFramePlayer, FilmPart, FilmReader};
use offhook::media::raw_video::{RawVideoSender, WhenFull};
use offhook::media::video::pattern::draw_pattern;
use offhook::media::video::{
    EncodedVideoFrame, PixelFormat, VideoCodec, VideoEncoderSettings, VideoFrame, VideoSize,
};
use offhook::media::{MediaClock, RtpTime, VideoSocketSender};
use offhook::prelude::*;

const PATTERN: VideoSize = VideoSize { width: 640, height: 360 };

/// How a film is encoded; the pattern, which is shown where there is none, is H.264.
pub(crate) fn codec_of(film: Option<&Path>) -> Result<VideoCodec, String> {
    Ok(film.map(open).transpose()?.and_then(|film| film.codec()).unwrap_or(VideoCodec::H264))
}

/// Shows the film with its sound; or the pattern, for so long.
pub(crate) async fn show(
    call: &mut BotCall,
    pictures: VideoSocketSender,
    film: Option<&Path>,
    lasts: Duration,
) -> Result<(), Box<dyn std::error::Error>> {
    match film {
        Some(path) => show_film(call, pictures, path).await,
        None => show_pattern(call, pictures, lasts).await,
    }
}

fn open(path: &Path) -> Result<FilmReader, String> {
    let unusable = |error: &dyn std::error::Error| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(|error| unusable(&error))?;
    FilmReader::open(file, None).map_err(|error| unusable(&error))
}

/// Plays sound and pictures in step, as fast as the film goes.
async fn show_film(
    call: &mut BotCall,
    pictures: VideoSocketSender,
    path: &Path,
) -> Result<(), Box<dyn std::error::Error>> {
    let audio = call.take_player().expect("nobody has taken it yet");
    let rate = audio.format().sample_rate();
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
async fn show_pattern(
    call: &mut BotCall,
    pictures: VideoSocketSender,
    lasts: Duration,
) -> Result<(), Box<dyn std::error::Error>> {
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
