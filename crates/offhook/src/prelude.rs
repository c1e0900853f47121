//! What every bot needs: `use offhook::prelude::*;`.

#[cfg(feature = "emulator")]
pub use offhook_emulator::Emulator;
pub use offhook_media::{
    AudioFormat, AudioFrame, AudioSocket, AudioSocketSettings, MediaPlatformSettings, MediaSessionSettings,
    Sound,
};
pub use offhook_recording::{RecordingGrant, WavRecorder};
pub use offhook_signaling::{Credentials, MeetingLink, NewCall};

pub use crate::{Bot, BotCall, BotError, CallReport, Cloud};
