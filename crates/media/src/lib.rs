//! The media engine of offhook: blob, sessions, sockets, pipelines, transport, workers.

mod audio;
pub mod blob;
mod clock;
mod control;
mod encoded;
mod error;
mod event;
pub mod film;
mod frame;
mod health;
mod ledger;
mod orders;
mod platform;
pub mod raw_video;
pub mod receive;
mod red;
pub mod ring;
mod rtp;
pub mod send;
mod sequence;
mod session;
mod settings;
mod stats;
mod sync;
mod tap;
mod time;
mod tones;
mod units;
pub mod video;
mod wire;
mod worker;

/// Several speakers into one: sums, gains, and the limiter behind them.
pub mod mix {
    pub use crate::audio::limiter::Limiter;
    pub use crate::audio::mix::{Gain, Mixer, MixerFull};
}

/// Who speaks, apart from any session: speech in frames, turns of a conversation, and who has the floor.
pub mod voice {
    pub use crate::audio::turns::{TurnDetector, TurnEvent};
    pub use crate::audio::vad::VoiceDetector;
    pub use crate::receive::speakers::DominantSpeaker;
}

pub use audio::opus::OpusError;
pub use audio::resample::FrameResampler;
pub use audio::source::{Sound, SoundError, SoundReader};
pub use control::VideoResolution;
pub use encoded::EncodedFrame;
pub use error::{Fault, MediaError};
pub use event::{
    DominantSpeakers, MarkId, MediaEvent, MediaStatus, QualityKind, QualityState, StreamFailure,
    SubscriptionRefusal, VideoSources,
};
pub use frame::{AudioFormat, AudioFrame, FrameLengthError, FrameOrigin, ReceiveStages, UnmixedAudio};
pub use health::{Health, HealthSettings, HealthStatus, WorkerHealth};
pub use ledger::{Stage, StageLatency};
#[doc(hidden)]
pub use platform::stepped;
pub use platform::{Drained, MediaPlatform, MediaSession, MediaSessionCloser, PlatformStats};
pub use rtp::{ActiveSpeaker, ActiveSpeakers, AudioLevel, Encoding};
pub use send::player::{AudioSpan, Playout};
pub use session::audio_socket::{
    AudioSocket, AudioSocketReceiver, AudioSocketSender, SendError, SocketClosed,
};
pub use session::control::ControlError;
pub use session::encoded_socket::{EncodedAudioReceiver, EncodedAudioSender, EncodedAudioSocket};
pub use session::events::MediaEvents;
pub use session::gains::GainError;
pub use session::player::{AudioPlayer, PlayerError, Receipt, ToneError, ToneReceipt};
pub use session::quality::{QualityOfExperience, Spread, StreamQuality};
pub use session::state::MediaState;
pub use session::transport::TransportError;
pub use session::video_socket::{
    ScreenShareSocket, VideoSendError, VideoSocket, VideoSocketReceiver, VideoSocketSender,
};
pub use settings::{
    AudioSocketSettings, JitterBufferSettings, MediaPlatformSettings, MediaSessionSettings, MixSource,
    OpusSettings, Redundancy, VideoSocketSettings, VoiceActivitySettings, WorkerPinning,
};
pub use stats::{
    InboundRtpStats, OutboundRtpStats, RemoteInboundRtpStats, SessionCounters, SessionStats, StatUnit,
    VideoInboundRtpStats, VideoOutboundRtpStats,
};
pub use tap::{ClockReport, HeardFrame, HeardSpeaker, HeardTick, MediaTap, Tapped, TappedPicture};
pub use time::{MediaClock, MediaInstant, RtpTime};
pub use tones::{Digit, ReceivedTone, Tone, ToneReceiver, ToneSettings, UnknownTone};
pub use units::{MediaSourceId, SampleRate, Ssrc};
#[doc(hidden)]
pub use wire::fuzzing;
