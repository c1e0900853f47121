//! [io] The loop of a media thread: sleep to the deadline or the next datagram, call the worker, send, ring the bell.
#![expect(clippy::disallowed_methods, reason = "starts the media thread")]

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError, bounded};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use super::bell::{Bell, BellPull};
use super::grid::TickGrid;
use super::load::{HealthBell, LoadMeter, SharedLoad};
use super::scheduling::{self, Refusal, Scheduling};
use super::socket::{Inbox, MediaSocket};
use super::{Outgoing, Post, SessionIndex, Worker};
use crate::clock::SystemClock;
use crate::error::MediaError;
use crate::health::HealthSettings;
use crate::session::Session;
use crate::session::connection::Connection;
use crate::session::doorbell::Doorbell;
use crate::stats::Counter;
use crate::time::{MediaClock, MediaInstant};

/// Sessions that one worker takes: several times what one core can carry.
pub(crate) const MAX_SESSIONS: usize = 4096;

/// Commands that may wait. Who sends one more waits on its own thread, never the worker.
const COMMANDS: usize = 256;

/// From this many sessions on, the worker no longer wakes for each packet but at the points of its [grid](super::grid):
/// waking costs more than the packet, and 1 ms is little against a frame.
const BUSY_SESSIONS: usize = 16;

/// Longest sleep, when nothing is due: the load is measured as often.
const IDLE: Duration = Duration::from_secs(1);

/// Datagrams read before the deadlines are looked at again, so that a flood cannot hold up the ticks; the batch that reaches
/// it is taken whole. As many as thousand calls send in a quarter of a frame.
const DATAGRAMS_PER_WAKE: usize = 256;

/// What an application asks of a worker.
pub(crate) enum Command {
    Add {
        index: SessionIndex,
        ufrag: String,
        /// The address that the session was offered at, when that is its own.
        local: Option<IpAddr>,
        session: Box<Session<Connection>>,
    },
    Remove {
        index: SessionIndex,
    },
    /// The application has given the session something to do.
    Knock {
        index: SessionIndex,
    },
    Stop,
}

/// What a worker counts, and how loaded it is.
#[derive(Debug, Default)]
pub(crate) struct WorkerCounters {
    /// Datagrams that belonged to no session.
    pub(crate) datagrams_unroutable: Counter,
    pub(crate) datagrams_unsent: Counter,
    pub(crate) load: SharedLoad,
}

/// How a worker is to run.
pub(crate) struct WorkerSettings {
    pub(crate) address: SocketAddr,
    pub(crate) scheduling: Scheduling,
    pub(crate) health: HealthSettings,
}

/// The platform's hold on a media thread.
pub(crate) struct WorkerHandle {
    commands: CommandSender,
    thread: JoinHandle<()>,
    bell: Bell,
    pub(crate) address: SocketAddr,
    pub(crate) counters: Arc<WorkerCounters>,
    /// What the system did not grant the thread.
    pub(crate) refused: Vec<Refusal>,
}

/// Sends commands to a worker.
#[derive(Clone)]
pub(crate) struct CommandSender {
    commands: Sender<Command>,
    wake: Arc<OwnedFd>,
}

impl CommandSender {
    /// The two ends of what a worker is asked for.
    pub(crate) fn pair() -> io::Result<(Self, Receiver<Command>)> {
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let (commands, received) = bounded(COMMANDS);
        Ok((Self { commands, wake }, received))
    }

    /// Hands `command` over; `false` when the worker has stopped.
    pub(crate) fn send(&self, command: Command) -> bool {
        let sent = match self.commands.try_send(command) {
            Err(TrySendError::Full(command)) => {
                self.wake();
                self.commands.send(command).is_ok()
            }
            sent => sent.is_ok(),
        };
        self.wake();
        sent
    }

    fn wake(&self) {
        // Only a counter at its limit refuses, and then the worker is awake already.
        let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
    }
}

impl WorkerHandle {
    /// Opens the socket and starts the thread.
    pub(crate) fn start(
        number: usize,
        settings: WorkerSettings,
        clock: SystemClock,
        health_bell: Arc<HealthBell>,
    ) -> Result<Self, MediaError> {
        let socket = MediaSocket::bind(settings.address)?;
        let refused = |what: &'static str| move |source: io::Error| MediaError::System { what, source };
        let address = socket.local_address().map_err(refused("reading the media socket's address"))?;
        let (commands, received) = CommandSender::pair().map_err(refused("making an eventfd"))?;
        let (bell, pull) = Bell::start(format!("offhook-bell-{number}"), Arc::clone(&health_bell))
            .map_err(refused("starting a bell thread"))?;
        let counters = Arc::new(WorkerCounters::default());
        let inbox = socket.inbox();
        let post = Wire { socket: Arc::new(socket), bell: pull, clock, counters: Arc::clone(&counters) };
        let media = MediaThread {
            worker: Worker::new(),
            commands: received,
            wake: Arc::clone(&commands.wake),
            post,
            inbox,
            clock,
            counters: Arc::clone(&counters),
            meter: LoadMeter::new(settings.health, clock.now()),
            health_bell,
        };
        let (tell, told) = bounded(1);
        let thread = Builder::new()
            .name(format!("offhook-media-{number}"))
            .spawn(move || {
                // Nobody else holds the other end, and it is waited for.
                let _ = tell.send(scheduling::apply(settings.scheduling));
                media.run();
            })
            .map_err(refused("starting a media thread"))?;
        let refused = told.recv().unwrap_or_default();
        Ok(Self { commands, thread, bell, address, counters, refused })
    }

    pub(crate) fn commands(&self) -> CommandSender {
        self.commands.clone()
    }

    /// Ends every session and the thread, and waits for it.
    pub(crate) fn stop(self) {
        self.commands.send(Command::Stop);
        if self.thread.join().is_err() {
            tracing::error!("a media thread has panicked");
        }
        self.bell.stop();
    }
}

/// The socket and the bell, as the worker sees them.
struct Wire {
    socket: Arc<MediaSocket>,
    bell: BellPull,
    clock: SystemClock,
    counters: Arc<WorkerCounters>,
}

impl Post for Wire {
    fn deliver(&mut self, outgoing: &[Outgoing], doorbells: &mut Vec<Arc<Doorbell>>) -> MediaInstant {
        let unsent = self.socket.send(outgoing);
        if unsent > 0 {
            self.counters.datagrams_unsent.add(unsent as u64);
        }
        doorbells.drain(..).for_each(|doorbell| self.bell.queue(doorbell));
        self.clock.now()
    }
}

struct MediaThread {
    worker: Worker<Connection>,
    commands: Receiver<Command>,
    wake: Arc<OwnedFd>,
    post: Wire,
    inbox: Inbox,
    clock: SystemClock,
    counters: Arc<WorkerCounters>,
    meter: LoadMeter,
    health_bell: Arc<HealthBell>,
}

impl MediaThread {
    fn run(mut self) {
        loop {
            let began = self.clock.now();
            if !self.obey() {
                break;
            }
            self.read();
            let deadline = self.worker.handle_timeout(self.clock.now(), &self.clock, &mut self.post);
            self.post.bell.ring();
            self.measure(began);
            self.sleep(began, deadline);
        }
        self.worker.remove_all(&mut self.post);
        self.post.bell.ring();
    }

    /// Does what was commanded; `false` when it is time to stop.
    fn obey(&mut self) -> bool {
        loop {
            match self.commands.try_recv() {
                Ok(Command::Add { index, ufrag, local, session }) => {
                    self.worker.add(self.clock.now(), index, (&ufrag, local), *session);
                }
                Ok(Command::Remove { index }) => self.worker.remove(index, &mut self.post),
                Ok(Command::Knock { index }) => {
                    self.worker.handle_knock(self.clock.now(), index, &mut self.post);
                }
                Ok(Command::Stop) | Err(TryRecvError::Disconnected) => return false,
                Err(TryRecvError::Empty) => return true,
            }
        }
    }

    /// Gives what has come to the sessions.
    fn read(&mut self) {
        let Self { worker, post, inbox, clock, counters, .. } = self;
        let socket = Arc::clone(&post.socket);
        let mut taken = 0;
        while taken < DATAGRAMS_PER_WAKE {
            let now = clock.now();
            let read = socket.receive(inbox, |path, datagram| {
                if !worker.handle_datagram(now, path, datagram, post) {
                    counters.datagrams_unroutable.add(1);
                }
            });
            match read {
                Ok((datagrams, true)) => taken += datagrams,
                Ok((_, false)) => break,
                Err(error) => {
                    tracing::error!(%error, "the media socket cannot be read");
                    break;
                }
            }
        }
    }

    fn measure(&mut self, began: MediaInstant) {
        let pass = (began, self.clock.now());
        let (ticks, sessions) = (self.worker.take_ticks(), self.worker.sessions());
        if self.meter.pass(pass, ticks, sessions, &self.counters.load) {
            self.health_bell.press();
            self.post.bell.unpark();
        }
    }

    /// Sleeps until the deadline, a datagram or a command; a busy worker until the next point of the grid, or a command.
    fn sleep(&self, began: MediaInstant, deadline: Option<MediaInstant>) {
        let busy = self.worker.sessions() >= BUSY_SESSIONS;
        let now = self.clock.now();
        // A pass that took longer than the grid's step is followed by the next at once.
        let until = if busy { Some(TickGrid::point_after(began)) } else { deadline };
        let timeout = until.map_or(IDLE, |until| until.since(now).min(IDLE));
        let timeout = Timespec {
            tv_sec: timeout.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        };
        let (wake, socket) = (self.wake.as_fd(), self.post.socket.as_fd());
        let mut fds =
            [PollFd::from_borrowed_fd(wake, PollFlags::IN), PollFd::from_borrowed_fd(socket, PollFlags::IN)];
        let watched = if busy { &mut fds[..1] } else { &mut fds[..] };
        // Interrupted or not, the loop looks at everything again.
        let _ = poll(watched, Some(&timeout));
        if !fds[0].revents().is_empty() {
            let _ = rustix::io::read(&self.wake, &mut [0_u8; 8]);
        }
    }
}
