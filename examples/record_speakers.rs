//! Joins a meeting and records each speaker into a file of their own, from when they are first heard.
//!
//! ```sh
//! cargo run --example record_speakers -- --out recordings --seconds 6
//! ```
//!
//! With no account, two people speak at the same time in the embedded emulator: `OUT/speaker-SOURCE.wav` has one of them
//! each, and is silent while they are.

#[path = "support/meeting.rs"]
mod meeting;
mod support;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;

use clap::Parser;
use offhook::emulator::{AfterSpeech, Clip, FarEndScript};
use offhook::media::{AudioSocketReceiver, MediaSourceId};
use offhook::prelude::*;
use offhook::recording::RecordingReport;

/// Record the speakers of a meeting, each by themselves.
#[derive(Parser)]
struct Arguments {
    /// Directory for the recordings
    #[arg(long, default_value = "recordings")]
    out: PathBuf,
    /// How long
    #[arg(long, default_value_t = 6.0)]
    seconds: f64,
    /// How many speakers to record, up to 10
    #[arg(long, default_value_t = 4)]
    speakers: u8,
    #[command(flatten)]
    room: meeting::Room,
}

#[tokio::main]
async fn main() -> support::Outcome {
    let arguments = Arguments::parse();
    let announcement = Clip::from_wav(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/announcement.wav"))?;
    let script = FarEndScript::new().say(Clip::speech().into()).then(AfterSpeech::Repeat);
    let (bot, emulator) = arguments.room.place.open(script.speaker(MediaSourceId(500), announcement)).await?;

    let audio = AudioSocketSettings::default().unmixed(arguments.speakers);
    let media = MediaSessionSettings::default().audio(audio);
    let mut call = arguments.room.join(&bot, emulator.as_ref(), &media).await?;
    println!("established; recording {:.1} s", arguments.seconds);

    let (mut listener, _) = call.take_audio_socket().expect("nobody has taken it yet").split();
    let recordings = record(&mut listener, &arguments).await?;
    call.hang_up().await?;
    println!("{}\n", call.ended().await);
    for (source, recording) in &recordings {
        println!(
            "speaker {source}: {:.1} s in {}",
            recording.duration.as_secs_f64(),
            recording.path.display()
        );
    }
    Ok(())
}

/// Opens a file when a speaker is first heard, and writes every frame to its place in time.
async fn record(
    listener: &mut AudioSocketReceiver,
    arguments: &Arguments,
) -> Result<Vec<(MediaSourceId, RecordingReport)>, Box<dyn std::error::Error>> {
    let format = listener.format();
    let permission = RecordingGrant::i_have_permission("nobody here is a person");
    let mut files = BTreeMap::<u32, WavRecorder>::new();
    let mut heard = 0;
    while f64::from(heard) < arguments.seconds * 50.0 {
        let frame = listener.receive().await?;
        heard += 1;
        for speaker in frame.unmixed() {
            let source = speaker.source().0;
            let file = match files.entry(source) {
                Entry::Occupied(file) => file.into_mut(),
                Entry::Vacant(place) => {
                    let path = arguments.out.join(format!("speaker-{source}.wav"));
                    place.insert(WavRecorder::create(path, format, &permission)?)
                }
            };
            let mut alone = AudioFrame::new(format, frame.capture_time(), speaker.samples())?;
            alone = alone.with_first_sample(speaker.first_sample());
            file.write(&alone)?;
        }
    }
    files.into_iter().map(|(source, file)| Ok((MediaSourceId(source), file.finish()?))).collect()
}
