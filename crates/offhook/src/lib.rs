//! Calling bots in Rust: join calls over Microsoft Graph, get raw audio in and out.
//!
//! A [`Bot`] makes calls over Graph's calls API and hosts their media itself. Each [`BotCall`] has an
//! [`AudioSocket`](media::AudioSocket) that hears and speaks frames of 20 ms. Without an account, everything runs against
//! the embedded emulator:
//!
//! ```
//! use offhook::emulator::{Clip, Emulator, EmulatorSettings, FarEndScript, User};
//! use offhook::prelude::*;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let emulator = Emulator::start(EmulatorSettings::default()).await?;
//! emulator.add_user("ada", User::new("Ada", FarEndScript::new().say(Clip::speech().into())));
//!
//! let bot = Bot::in_emulator(&emulator).start().await?;
//! let mut call = bot.call(NewCall::to_user("ada"), &MediaSessionSettings::default()).await?;
//! call.established().await?;
//!
//! let mut audio = call.take_audio_socket().expect("nobody has taken it yet");
//! let frame = audio.receive().await?;
//! println!("heard {} samples at {:?}", frame.samples().len(), frame.capture_time());
//!
//! call.hang_up().await?;
//! println!("{}\n{}", call.ended().await, call.report());
//! # Ok(())
//! # }
//! ```
//!
//! # What works against Microsoft's cloud
//!
//! Signaling speaks Graph as it is documented. Media speaks an open profile of offhook's own, which Microsoft Teams does
//! not: **no media flows to or from Teams**. A call that hosts its media with a blob made elsewhere goes through
//! [`signaling`] alone.

mod bot;
mod call;
#[cfg(feature = "emulator")]
mod emulated;
mod error;
mod metrics;
pub mod prelude;
mod recorded;
mod report;

pub use bot::{Bot, BotBuilder};
pub use call::BotCall;
pub use error::BotError;
pub use metrics::metrics_router;
#[cfg(feature = "emulator")]
pub use offhook_emulator as emulator;
pub use offhook_media as media;
pub use offhook_recording as recording;
pub use offhook_signaling as signaling;
pub use offhook_signaling::Cloud;
pub use report::CallReport;

/// The README's samples, which thereby compile and run.
#[cfg(all(doctest, feature = "emulator"))]
#[doc = include_str!("../../../README.md")]
struct Readme;
