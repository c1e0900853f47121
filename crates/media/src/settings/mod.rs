//! What can be set, with defaults, units and what each costs. Checked once, where the thing is built.

mod audio;
mod codec;
mod video;

use std::net::{IpAddr, Ipv4Addr};

pub use audio::{AudioSocketSettings, MixSource, Redundancy, VoiceActivitySettings};
pub use codec::{JitterBufferSettings, OpusSettings};
pub use video::VideoSocketSettings;

use crate::health::HealthSettings;
use crate::video::BandwidthLimits;

/// Settings of a [`MediaPlatform`](crate::MediaPlatform).
#[derive(Clone, Debug)]
pub struct MediaPlatformSettings {
    pub(crate) bind_address: IpAddr,
    pub(crate) media_port: u16,
    pub(crate) public_address: Option<IpAddr>,
    pub(crate) workers: usize,
    pub(crate) pinning: WorkerPinning,
    pub(crate) realtime_priority: Option<u8>,
    pub(crate) health: HealthSettings,
}

/// Which cores the worker threads run on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkerPinning {
    /// Whichever the system chooses.
    #[default]
    None,
    /// One core a worker, of those that the process may use, in turn.
    CorePerWorker,
    /// The first worker on the first of these cores, and so on, in turn.
    Cores(Vec<usize>),
}

impl Default for MediaPlatformSettings {
    fn default() -> Self {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            bind_address: Ipv4Addr::LOCALHOST.into(),
            media_port: 0,
            public_address: None,
            workers,
            pinning: WorkerPinning::None,
            realtime_priority: None,
            health: HealthSettings::default(),
        }
    }
}

impl MediaPlatformSettings {
    /// The address that media sockets are bound to, and the ICE host candidate. Default 127.0.0.1: nothing outside
    /// this machine reaches the bot until an address is set.
    #[must_use]
    pub fn bind_address(mut self, address: IpAddr) -> Self {
        self.bind_address = address;
        self
    }

    /// The UDP port of the first worker; each further worker takes the next one. Default 0: any free port.
    #[must_use]
    pub fn media_port(mut self, port: u16) -> Self {
        self.media_port = port;
        self
    }

    /// The address to offer instead of the bound one, for a bot behind 1:1 NAT. Default: the bound one.
    #[must_use]
    pub fn public_address(mut self, address: IpAddr) -> Self {
        self.public_address = Some(address);
        self
    }

    /// How many worker threads share the calls. Default one per core. Each costs a thread, a socket and a port.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Which cores the workers run on. Default [`WorkerPinning::None`]. A pinned worker keeps its caches, and cannot step
    /// aside for whatever else runs on its core. Where the system refuses, the log says so, and the worker runs as it may.
    #[must_use]
    pub fn pin_workers(mut self, pinning: WorkerPinning) -> Self {
        self.pinning = pinning;
        self
    }

    /// A real-time priority (`SCHED_FIFO`) of the workers, 1 to 99. Default none. A worker then runs before everything of the system
    /// that has none. Needs CAP_SYS_NICE or RLIMIT_RTPRIO; where the system refuses, the log says so, and the worker runs without.
    #[must_use]
    pub fn realtime_priority(mut self, priority: Option<u8>) -> Self {
        self.realtime_priority = priority;
        self
    }

    /// From what load on new sessions are refused. Default: [`HealthSettings::default`].
    #[must_use]
    pub fn health(mut self, health: HealthSettings) -> Self {
        self.health = health;
        self
    }
}

/// Settings of one session: what it hears and speaks.
#[derive(Clone, Debug, Default)]
pub struct MediaSessionSettings {
    pub(crate) audio: AudioSocketSettings,
    pub(crate) video: Vec<VideoSocketSettings>,
    pub(crate) screen_share: Option<VideoSocketSettings>,
    pub(crate) video_bandwidth: BandwidthLimits,
    pub(crate) local_address: Option<IpAddr>,
    pub(crate) tapped: bool,
}

impl MediaSessionSettings {
    /// The audio socket. Default: [`AudioSocketSettings::default`].
    #[must_use]
    pub fn audio(mut self, audio: AudioSocketSettings) -> Self {
        self.audio = audio;
        self
    }

    /// One more video socket, up to ten with that of the screen. An offer asks for as many; an answer takes as many of those that it is
    /// offered, in their order. Default: none, and a session without costs nothing more for it. Each is some 1 KiB of the blob, and its
    /// [`receive_queue`](VideoSocketSettings::receive_queue).
    #[must_use]
    pub fn video(mut self, video: VideoSocketSettings) -> Self {
        self.video.push(video);
        self
    }

    /// A socket for a shared screen. Default: none.
    #[must_use]
    pub fn screen_share(mut self, screen: VideoSocketSettings) -> Self {
        self.screen_share = Some(screen);
        self
    }

    /// What all video of the session may send together: the least, what the path is trusted with at first, and the most. Default:
    /// [`BandwidthLimits::default`].
    #[must_use]
    pub fn video_bandwidth(mut self, limits: BandwidthLimits) -> Self {
        self.video_bandwidth = limits;
        self
    }

    /// Which of this machine's addresses the session is offered at and sends from, on a machine that has several and a platform
    /// that is bound to all of them. Default: what the platform offers. Costs a system call for each packet that is sent.
    #[must_use]
    pub fn local_address(mut self, address: IpAddr) -> Self {
        self.local_address = Some(address);
        self
    }

    /// Whether what is heard and said can be [tapped](crate::MediaSession::take_tap), encoded, to record it. Default false. Costs
    /// some 170 KB for each section, and a copy of each packet; for each video socket that receives, memory for 40 of its largest
    /// frames, and a copy of each.
    #[must_use]
    pub fn tapped(mut self, tapped: bool) -> Self {
        self.tapped = tapped;
        self
    }
}
