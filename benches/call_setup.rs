//! How long does it take from POST to the first frame?
//!
//! ```sh
//! cargo bench --bench call_setup -- --calls 30
//! ```
//!
//! A bot calls somebody in an emulator of its own, over loopback, one call after the other: HTTP, callbacks, ICE, DTLS
//! and the jitter buffer are all in it. Beside it, what two bare `webrtc` connections take to reach each other.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use offhook::emulator::{Clip, EmulatorSettings, FarEndScript, User};
use offhook::media::JitterBufferSettings;
use offhook::prelude::*;

#[path = "support/peer.rs"]
mod peer;

use peer::Peer;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What the bot's jitter buffer holds: by default, and where nothing but this machine is between the two.
const TARGET_DELAYS: [Duration; 2] = [Duration::from_millis(60), Duration::ZERO];

/// How long a call takes to be set up, from POST to the first frame
#[derive(Parser)]
struct Arguments {
    /// Calls with each target delay of the jitter buffer
    #[arg(long, default_value_t = 30)]
    calls: usize,
    /// Passed by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
    /// One call of each kind, to see that it runs
    #[arg(long, hide = true)]
    test: bool,
}

/// How long after the beginning each thing had happened.
struct SetUp {
    agreed: Duration,
    established: Duration,
    first_frame: Duration,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let calls = if arguments.test || cfg!(debug_assertions) { 1 } else { arguments.calls };
    let emulator = Emulator::start(EmulatorSettings::default()).await?;
    emulator.add_user("ada", User::new("Ada", FarEndScript::new().say(Clip::speech().into())));
    let bot = Bot::in_emulator(&emulator).start().await?;

    // It alone signs in, fetches keys and encodes the speech.
    let first = set_up(&bot, TARGET_DELAYS[0]).await?;
    let mut with_delay = TARGET_DELAYS.map(|_| Vec::new());
    let mut rival = Vec::new();
    for call in 0..calls {
        eprint!("\rcall {} of {calls}", call + 1);
        for (delay, calls) in TARGET_DELAYS.into_iter().zip(&mut with_delay) {
            calls.push(set_up(&bot, delay).await?);
        }
        rival.push(connect_rival().await?);
    }
    eprintln!();

    println!("{calls} calls each, one after the other, from the beginning, ms:\n\n| | p50 | p90 | max |");
    println!("|---|---:|---:|---:|");
    row("first call of the process: first frame", &[first], |call| call.first_frame);
    for (delay, calls) in TARGET_DELAYS.into_iter().zip(&with_delay) {
        let name = |what: &str| format!("target delay {} ms: {what}", delay.as_millis());
        row(&name("POST to 201"), calls, |call| call.agreed);
        row(&name("established"), calls, |call| call.established);
        row(&name("first frame"), calls, |call| call.first_frame);
    }
    row("two bare `webrtc` connections: connected", &rival, |call| call.established);
    row("two bare `webrtc` connections: first packet", &rival, |call| call.first_frame);
    Ok(())
}

/// Makes a call and hangs up.
async fn set_up(bot: &Bot, target_delay: Duration) -> Result<SetUp> {
    let jitter = JitterBufferSettings::default().min_delay(target_delay).start_delay(target_delay);
    let media = MediaSessionSettings::default().audio(AudioSocketSettings::default().jitter(jitter));
    let start = Instant::now();
    let mut call = bot.call(NewCall::to_user("ada"), &media).await?;
    let agreed = start.elapsed();
    let mut audio = call.take_audio_socket().expect("nobody has taken it yet");
    let established = async { call.established().await.map(|()| start.elapsed()) };
    let first_frame = async { audio.receive().await.map(|_| start.elapsed()) };
    let (established, first_frame) = tokio::join!(established, first_frame);
    let set_up = SetUp { agreed, established: established?, first_frame: first_frame? };
    call.hang_up().await?;
    call.ended().await;
    Ok(set_up)
}

/// Connects two ends; one speaks until the other hears it.
async fn connect_rival() -> Result<SetUp> {
    let start = Instant::now();
    let (offering, answering) = (Peer::new(1).await?, Arc::new(Peer::new(2).await?));
    let answer = answering.answer(offering.offer().await?).await?;
    offering.accept(answer).await?;
    let agreed = start.elapsed();
    tokio::join!(offering.connected(), answering.connected());
    let established = start.elapsed();
    for index in 0.. {
        answering.send(index, bytes::Bytes::from_static(&[0; 80])).await?;
        // A packet is there within a millisecond or not at all.
        let next = Instant::now() + Duration::from_millis(20);
        while Instant::now() < next {
            if offering.packets().1 > 0 {
                return Ok(SetUp { agreed, established, first_frame: start.elapsed() });
            }
            tokio::task::yield_now().await;
        }
    }
    unreachable!("the loop above has no end")
}

fn row(name: &str, calls: &[SetUp], span: impl Fn(&SetUp) -> Duration) {
    let mut spans: Vec<f64> = calls.iter().map(|call| span(call).as_secs_f64() * 1000.0).collect();
    spans.sort_by(f64::total_cmp);
    let quantile = |share: f64| spans[((spans.len() - 1) as f64 * share).round() as usize];
    println!("| {name} | {:.1} | {:.1} | {:.1} |", quantile(0.5), quantile(0.9), quantile(1.0));
}
