//! The media engine of offhook: blob, sessions, sockets, pipelines, transport, workers.

mod audio;
pub mod blob;
mod clock;
mod error;
mod frame;
mod ledger;
mod platform;
pub mod receive;
pub mod ring;
pub mod send;
mod session;
mod settings;
mod stats;
mod time;
mod units;
mod worker;

pub use audio::opus::OpusError;
pub use audio::sound::{Sound, SoundError};
pub use error::{Fault, MediaError};
pub use frame::{AudioFormat, AudioFrame, FrameLengthError, FrameOrigin, ReceiveStages};
pub use ledger::{Stage, StageLatency};
pub use platform::{MediaPlatform, MediaSession, MediaSessionCloser, PlatformStats};
pub use session::audio_socket::{
    AudioSocket, AudioSocketReceiver, AudioSocketSender, SendError, SocketClosed,
};
pub use session::state::MediaState;
pub use session::transport::TransportError;
pub use settings::{
    AudioSocketSettings, JitterBufferSettings, MediaPlatformSettings, MediaSessionSettings, OpusSettings,
};
pub use stats::{SessionCounters, SessionStats};
pub use time::{MediaClock, MediaInstant, RtpTime};
pub use units::{MediaSourceId, SampleRate, Ssrc};
