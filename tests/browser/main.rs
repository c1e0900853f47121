//! A person's walk through the emulator's page, in a real Chromium, with a bot at the other end.
//!
//! Screenshots of each step are left in `target/browser`. The driver is `browser.mjs`; without playwright-core the tests say that
//! they are skipped.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod call;
mod driver;
mod keyboard;
mod looks;
mod meeting;
mod pictures;
mod simulcast;
mod soak;

use std::sync::Arc;

use offhook::emulator::{AfterSpeech, Clip, EmulatorSettings, FarEndScript, User};
use offhook::prelude::*;

/// An emulator in which Ada speaks, and a bot in its tenant.
pub(crate) async fn scene() -> (Emulator, Bot) {
    scene_with(EmulatorSettings::default()).await
}

/// The same, with settings of its own.
pub(crate) async fn scene_with(settings: EmulatorSettings) -> (Emulator, Bot) {
    let emulator = Emulator::start(settings).await.unwrap();
    let script = FarEndScript::new().say(Arc::new(Clip::speech())).then(AfterSpeech::Repeat);
    emulator.add_user("ada", User::new("Ada", script));
    emulator.add_user("echo", User::new("Echo", FarEndScript::new().echo()));
    let bot = Bot::in_emulator(&emulator).start().await.unwrap();
    (emulator, bot)
}
