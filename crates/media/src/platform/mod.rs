//! The engine of a process: worker threads, and the sessions that they carry.

mod checks;
mod closer;
mod drain;
mod health;
mod media_session;
mod metrics;
mod negotiation;
mod place;
mod placement;
pub mod stepped;
mod totals;
mod video;

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

pub use closer::MediaSessionCloser;
pub use drain::Drained;
pub use media_session::MediaSession;
use placement::{Placement, Seat};
use totals::Totals;

use crate::blob::MediaBlob;
use crate::clock::SystemClock;
use crate::error::MediaError;
use crate::health::HealthStatus;
use crate::session::connection::Identity;
use crate::settings::{MediaPlatformSettings, MediaSessionSettings, WorkerPinning};
use crate::stats::SessionStats;
use crate::time::{MediaClock, MediaInstant};
use crate::worker::load::HealthBell;
use crate::worker::scheduling::{Refusal, Scheduling, allowed_cores};
use crate::worker::thread::{CommandSender, MAX_SESSIONS, WorkerCounters, WorkerHandle, WorkerSettings};

/// The engine: one for a process. A clone is another handle to the same one.
///
/// Its threads end with [`shut_down`](Self::shut_down), or with the last handle and session.
#[derive(Clone)]
pub struct MediaPlatform {
    engine: Arc<Engine>,
}

/// What the handles and the sessions of a platform share.
struct Engine {
    clock: SystemClock,
    identity: Identity,
    advertised: Vec<SocketAddr>,
    commands: Vec<CommandSender>,
    counters: Vec<Arc<WorkerCounters>>,
    health_bell: Arc<HealthBell>,
    admit_overloaded: bool,
    bound_to_all: bool,
    draining: AtomicBool,
    /// Locked by applications that make or drop sessions; media threads never see them.
    placement: Mutex<Placement>,
    /// A seat was given back.
    left: Condvar,
    totals: Mutex<Totals>,
    workers: Mutex<Vec<WorkerHandle>>,
}

/// What a platform has counted that belongs to no session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlatformStats {
    /// Sessions that exist.
    pub sessions: usize,
    /// Sessions that ever began.
    pub sessions_begun: u64,
    /// Datagrams at a media port that no session knew.
    pub datagrams_unroutable: u64,
    /// Datagrams that the system would not send.
    pub datagrams_unsent: u64,
}

impl MediaPlatform {
    /// Opens a media port for each worker and starts the threads.
    ///
    /// # Errors
    /// When a setting is out of its range, a port is taken, or the system refuses a thread.
    pub fn start(settings: MediaPlatformSettings) -> Result<Self, MediaError> {
        check(&settings)?;
        let clock = SystemClock::start();
        let identity = Identity::new(clock.epoch()).map_err(MediaError::Core)?;
        let health_bell = Arc::<HealthBell>::default();
        let mut workers = Vec::with_capacity(settings.workers);
        for number in 0..settings.workers {
            let port = if settings.media_port == 0 { 0 } else { port_of(&settings, number)? };
            let worker = WorkerSettings {
                address: SocketAddr::new(settings.bind_address, port),
                scheduling: scheduling_of(&settings, number),
                health: settings.health,
            };
            workers.push(WorkerHandle::start(number, worker, clock, Arc::clone(&health_bell))?);
        }
        warn_of_refusals(&workers);
        let advertise = |bound: SocketAddr| {
            SocketAddr::new(settings.public_address.unwrap_or(settings.bind_address), bound.port())
        };
        let engine = Engine {
            clock,
            identity,
            advertised: workers.iter().map(|worker| advertise(worker.address)).collect(),
            commands: workers.iter().map(WorkerHandle::commands).collect(),
            counters: workers.iter().map(|worker| Arc::clone(&worker.counters)).collect(),
            health_bell,
            admit_overloaded: settings.health.admit_overloaded,
            bound_to_all: settings.bind_address.is_unspecified(),
            draining: AtomicBool::new(false),
            placement: Mutex::new(Placement::new(workers.len(), MAX_SESSIONS)),
            left: Condvar::new(),
            totals: Mutex::default(),
            workers: Mutex::new(workers),
        };
        Ok(Self { engine: Arc::new(engine) })
    }

    /// Begins a session that offers. Its [`blob`](MediaSession::blob) goes to the service, whose answer goes to
    /// [`accept_answer`](MediaSession::accept_answer).
    ///
    /// # Errors
    /// When the platform is full, overloaded, being drained or shut down, a setting is out of its range, or the connection
    /// fails.
    pub fn create_session(&self, settings: &MediaSessionSettings) -> Result<MediaSession, MediaError> {
        MediaSession::offer(&self.engine, settings)
    }

    /// Begins a session that answers `offer`. Its [`blob`](MediaSession::blob) is the answer.
    ///
    /// # Errors
    /// As [`create_session`](Self::create_session); and when `offer` is no offer of profile offhook/1.
    pub fn answer_session(
        &self,
        settings: &MediaSessionSettings,
        offer: &MediaBlob,
    ) -> Result<MediaSession, MediaError> {
        MediaSession::answer(&self.engine, settings, offer)
    }

    /// The present instant on the clock of all frames of this platform.
    pub fn now(&self) -> MediaInstant {
        self.engine.clock.now()
    }

    /// The addresses that media is received at, one for each worker.
    pub fn media_addresses(&self) -> &[SocketAddr] {
        &self.engine.advertised
    }

    /// What was counted beside the sessions.
    pub fn stats(&self) -> PlatformStats {
        let mut stats = PlatformStats {
            sessions: lock(&self.engine.placement).taken(),
            sessions_begun: lock(&self.engine.totals).begun(),
            ..PlatformStats::default()
        };
        for counters in &self.engine.counters {
            stats.datagrams_unroutable += counters.datagrams_unroutable.get();
            stats.datagrams_unsent += counters.datagrams_unsent.get();
        }
        stats
    }

    /// Counters and the latency of each stage of all sessions together, those that are over included. Reads every session:
    /// some microseconds for each.
    pub fn session_stats(&self) -> SessionStats {
        lock(&self.engine.totals).read()
    }

    /// Ends every session and every thread, and waits for them. Blocks for some milliseconds.
    pub fn shut_down(&self) {
        self.engine.stop();
    }
}

impl Engine {
    fn take_seat(&self) -> Result<Seat, MediaError> {
        if self.draining.load(Relaxed) {
            return Err(MediaError::Draining);
        }
        let health = self.health();
        if health.status == HealthStatus::Overloaded && !self.admit_overloaded {
            return Err(MediaError::Overloaded { health: Box::new(health) });
        }
        let loads: Vec<_> = self.counters.iter().map(|counters| counters.load.read()).collect();
        let mut placement = lock(&self.placement);
        let sessions = placement.taken();
        placement.take(&loads).ok_or(MediaError::Full { sessions })
    }

    fn give_back(&self, seat: Seat) {
        lock(&self.placement).give_back(seat);
        self.left.notify_all();
    }

    fn stop(&self) {
        lock(&self.workers).drain(..).for_each(WorkerHandle::stop);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}

fn scheduling_of(settings: &MediaPlatformSettings, worker: usize) -> Scheduling {
    let nth = |cores: &[usize]| (!cores.is_empty()).then(|| cores[worker % cores.len()]);
    let core = match &settings.pinning {
        WorkerPinning::None => None,
        WorkerPinning::CorePerWorker => nth(&allowed_cores()),
        WorkerPinning::Cores(cores) => nth(cores),
    };
    Scheduling { core, realtime_priority: settings.realtime_priority }
}

/// One line, however many workers there are.
fn warn_of_refusals(workers: &[WorkerHandle]) {
    let mut refused: Vec<String> =
        workers.iter().flat_map(|worker| &worker.refused).map(Refusal::to_string).collect();
    refused.dedup();
    if !refused.is_empty() {
        let refused = refused.join("; ");
        tracing::warn!(
            "the system refused the media threads what was asked for, and they run without: {refused}"
        );
    }
}

/// Nothing that is locked here can be left half changed, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn check(settings: &MediaPlatformSettings) -> Result<(), MediaError> {
    let invalid =
        |setting, problem: &str| Err(MediaError::InvalidSetting { setting, problem: problem.to_owned() });
    let is_any = |address: IpAddr| address.is_unspecified();
    if settings.workers == 0 {
        return invalid("workers", "at least one is needed");
    }
    if settings.realtime_priority.is_some_and(|priority| !(1..=99).contains(&priority)) {
        return invalid("realtime_priority", "priorities go from 1 to 99");
    }
    if settings.pinning == WorkerPinning::Cores(Vec::new()) {
        return invalid("pin_workers", "no core is named");
    }
    if let Some(problem) = settings.health.problem() {
        return invalid("health", problem);
    }
    if settings.public_address.is_some_and(is_any) {
        return invalid("public_address", "the peer needs an address that it can send to");
    }
    if settings.public_address.is_none() && is_any(settings.bind_address) {
        return invalid(
            "bind_address",
            "with all addresses bound, public_address must say which one to offer",
        );
    }
    Ok(())
}

fn port_of(settings: &MediaPlatformSettings, worker: usize) -> Result<u16, MediaError> {
    let offset = u16::try_from(worker).ok();
    offset.and_then(|offset| settings.media_port.checked_add(offset)).ok_or_else(|| {
        let problem =
            format!("{} workers from port {} on exceed 65535", settings.workers, settings.media_port);
        MediaError::InvalidSetting { setting: "media_port", problem }
    })
}
