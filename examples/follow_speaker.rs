//! Joins a meeting and looks at whoever has the floor: when that changes, the bot asks for the picture of the next.
//!
//! ```sh
//! cargo run --example follow_speaker -- --seconds 9
//! ```
//!
//! With no account, three people say a part of a sentence each, one after another, in the embedded emulator, and each shows a film of
//! their own. Who speaks is heard in the mix (`DominantSpeakerChanged`); the roster says which picture is theirs.

#[path = "support/meeting.rs"]
mod meeting;
mod support;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use offhook::emulator::{AfterSpeech, Clip, FarEndScript, Film, Meeting, User};
use offhook::media::video::{VideoCodec, VideoSize};
use offhook::media::{MediaEvent, MediaSourceId, VideoResolution, VideoSocketReceiver, VideoSocketSettings};
use offhook::prelude::*;
use offhook::signaling::model::{Modality, Participant};
use tokio::time::{Instant, sleep_until};

/// Look at whoever speaks.
#[derive(Parser)]
struct Arguments {
    /// How long
    #[arg(long, default_value_t = 9.0)]
    seconds: f64,
    #[command(flatten)]
    room: meeting::Room,
}

#[tokio::main]
async fn main() -> support::Outcome {
    let arguments = Arguments::parse();
    let meeting = people()?
        .into_iter()
        .fold(Meeting::empty(), |meeting, (name, script)| meeting.participant(name, User::new(name, script)));
    let (bot, emulator) = arguments.room.place.open(meeting).await?;

    let media = MediaSessionSettings::default().video(VideoSocketSettings::default());
    let mut call = arguments.room.join(&bot, emulator.as_ref(), &media).await?;
    let mut events = call.take_media_events().expect("nobody has taken them yet");
    let (mut picture, _) = call.take_video_sockets().remove(0).split();
    let until = Instant::now() + Duration::try_from_secs_f64(arguments.seconds)?;
    println!("established; looking for {:.1} s", arguments.seconds);

    let mut shown: Vec<MediaSourceId> = Vec::new();
    let mut frames = 0_u32;
    loop {
        tokio::select! {
            () = sleep_until(until) => break,
            event = events.next() => match event? {
                MediaEvent::DominantSpeakerChanged { current: Some(speaker), .. } => {
                    look_at(&call, &picture, speaker)?;
                }
                MediaEvent::SubscriptionRefused { source, reason, .. } => {
                    println!("  {source:?} cannot be seen: {reason:?}");
                }
                _ => {}
            },
            seen = see(&mut picture) => {
                let (source, codec, size) = seen?;
                frames += 1;
                let Some(source) = source.filter(|source| shown.last() != Some(source)) else { continue };
                println!("  the picture is {}'s now: {codec:?}{size}", whose(&call, Modality::Video, source));
                shown.push(source);
            }
        }
    }
    call.hang_up().await?;
    println!("{}\n", call.ended().await);
    let changes = shown.len().saturating_sub(1);
    println!("{frames} frames; the picture changed from one person to another {changes} times");
    // In a meeting of one's own there are turns enough.
    if emulator.is_some() && changes == 0 {
        return Err("the picture did not follow whoever spoke".into());
    }
    Ok(())
}

/// Three who take turns, each with a film of their own.
fn people() -> Result<[(&'static str, FarEndScript); 3], Box<dyn Error>> {
    let film = |name: &str| Film::from_file(format!("{}/assets/{name}", env!("CARGO_MANIFEST_DIR")));
    let (small, in_vp8) = (Arc::new(film("motion.h264")?), Arc::new(film("pattern.ivf")?));
    let people = [("Ada", Film::pattern()), ("Ben", small), ("Cleo", in_vp8)];
    let speech = Clip::speech();
    let (rate, samples) = (speech.sound().sample_rate(), speech.sound().samples());
    let turn = samples.len().div_ceil(people.len());
    let mut nth = 0;
    let people = people.map(|(name, film)| {
        // While the others speak, they are silent.
        let mut said = vec![0; samples.len()];
        let part = nth * turn..samples.len().min((nth + 1) * turn);
        said[part.clone()].copy_from_slice(&samples[part]);
        nth += 1;
        Clip::new(Sound::new(rate, said))
            .map(|said| (name, FarEndScript::new().say(said.into()).show(film).then(AfterSpeech::Repeat)))
    });
    let [ada, ben, cleo] = people;
    Ok([ada?, ben?, cleo?])
}

/// Asks for the picture of whoever speaks, if they show one.
fn look_at(
    call: &BotCall,
    picture: &VideoSocketReceiver,
    speaker: MediaSourceId,
) -> Result<(), Box<dyn Error>> {
    let roster = call.signaling().participants();
    let who = roster.iter().find(|who| has(who, Modality::Audio, speaker));
    let camera = who.and_then(|who| who.source_ids(Modality::Video).find_map(|id| id.parse().ok()));
    println!("{} speaks", whose(call, Modality::Audio, speaker));
    if let Some(camera) = camera {
        picture.subscribe(VideoResolution::Hd720p, camera)?;
    }
    Ok(())
}

/// Whose the next frame is, if that is told, and how it is encoded.
async fn see(
    picture: &mut VideoSocketReceiver,
) -> Result<(Option<MediaSourceId>, VideoCodec, String), Box<dyn Error>> {
    let frame = picture.receive().await?;
    let size = |VideoSize { width, height }| format!(", {width} x {height}");
    Ok((frame.source(), frame.codec(), frame.size().map(size).unwrap_or_default()))
}

/// The name of whoever has this source.
fn whose(call: &BotCall, modality: Modality, source: MediaSourceId) -> String {
    let roster = call.signaling().participants();
    let who = roster.iter().find(|who| has(who, modality, source)).and_then(|who| who.identity());
    let name = who.and_then(|who| who.display_name.value());
    name.map_or_else(|| format!("source {}", source.0), |name| name.expose().to_string())
}

fn has(who: &Participant, modality: Modality, source: MediaSourceId) -> bool {
    who.source_ids(modality).any(|id| id.parse() == Ok(source))
}
