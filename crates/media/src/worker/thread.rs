//! [io] The loop of a media thread: sleep to the deadline or the next datagram, call the worker, send, ring the bell.
#![expect(clippy::disallowed_methods, reason = "starts the media thread")]

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError, bounded};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use super::bell::{Bell, BellPull};
use super::socket::{Inbox, MediaSocket};
use super::{Post, SessionIndex, Worker};
use crate::clock::SystemClock;
use crate::error::MediaError;
use crate::session::rtc::RtcTransport;
use crate::session::{Outbox, Session};
use crate::stats::Counter;
use crate::time::{MediaClock, MediaInstant};

/// Sessions that one worker takes: several times what one core can carry.
pub(crate) const MAX_SESSIONS: usize = 4096;

/// Commands that may wait. Who sends one more waits on its own thread, never the worker.
const COMMANDS: usize = 256;

/// From this many sessions on, the worker no longer wakes for each packet but looks at its socket every
/// [`CADENCE`]: waking costs more than the packet, and 1 ms is little against a frame.
const BUSY_SESSIONS: usize = 16;
const CADENCE: Duration = Duration::from_millis(1);

/// Batches read before the deadlines are looked at again, so that a flood cannot hold up the ticks.
const BATCHES_PER_WAKE: usize = 8;

/// What an application asks of a worker.
pub(crate) enum Command {
    Add { index: SessionIndex, ufrag: String, session: Box<Session<RtcTransport>> },
    Remove { index: SessionIndex },
    Stop,
}

/// Datagrams of a worker that belonged to no session.
#[derive(Debug, Default)]
pub(crate) struct WorkerCounters {
    pub(crate) datagrams_unroutable: Counter,
    pub(crate) datagrams_unsent: Counter,
}

/// The platform's hold on a media thread.
pub(crate) struct WorkerHandle {
    commands: Sender<Command>,
    wake: Arc<OwnedFd>,
    thread: JoinHandle<()>,
    bell: Bell,
    pub(crate) address: SocketAddr,
    pub(crate) counters: Arc<WorkerCounters>,
}

/// Sends commands to a worker.
#[derive(Clone)]
pub(crate) struct CommandSender {
    commands: Sender<Command>,
    wake: Arc<OwnedFd>,
}

impl CommandSender {
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
    /// Opens the socket at `address` and starts the thread.
    pub(crate) fn start(number: usize, address: SocketAddr, clock: SystemClock) -> Result<Self, MediaError> {
        let socket = MediaSocket::bind(address)?;
        let refused = |what: &'static str| move |source: io::Error| MediaError::System { what, source };
        let address = socket.local_address().map_err(refused("reading the media socket's address"))?;
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        let wake = Arc::new(wake.map_err(|errno| refused("making an eventfd")(errno.into()))?);
        let (commands, received) = bounded(COMMANDS);
        let (bell, pull) =
            Bell::start(format!("offhook-bell-{number}")).map_err(refused("starting a bell thread"))?;
        let counters = Arc::new(WorkerCounters::default());
        let inbox = socket.inbox();
        let post = Wire { socket: Arc::new(socket), bell: pull, clock, counters: Arc::clone(&counters) };
        let media = MediaThread {
            worker: Worker::new(),
            commands: received,
            wake: Arc::clone(&wake),
            post,
            inbox,
            clock,
            counters: Arc::clone(&counters),
        };
        let thread = Builder::new()
            .name(format!("offhook-media-{number}"))
            .spawn(move || media.run())
            .map_err(refused("starting a media thread"))?;
        Ok(Self { commands, wake, thread, bell, address, counters })
    }

    pub(crate) fn commands(&self) -> CommandSender {
        CommandSender { commands: self.commands.clone(), wake: Arc::clone(&self.wake) }
    }

    /// Ends every session and the thread, and waits for it.
    pub(crate) fn stop(self) {
        self.commands().send(Command::Stop);
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
    fn deliver(&mut self, out: &mut Outbox) -> MediaInstant {
        for transmit in &out.transmits {
            if self.socket.send(transmit.to, &transmit.datagram).is_err() {
                self.counters.datagrams_unsent.add(1);
            }
        }
        out.doorbells.drain(..).for_each(|doorbell| self.bell.queue(doorbell));
        self.clock.now()
    }
}

struct MediaThread {
    worker: Worker<RtcTransport>,
    commands: Receiver<Command>,
    wake: Arc<OwnedFd>,
    post: Wire,
    inbox: Inbox,
    clock: SystemClock,
    counters: Arc<WorkerCounters>,
}

impl MediaThread {
    fn run(mut self) {
        loop {
            if !self.obey() {
                break;
            }
            self.read();
            let now = self.clock.now();
            let deadline = self.worker.handle_timeout(now, &self.clock, &mut self.post);
            self.post.bell.ring();
            self.sleep(deadline);
        }
        self.worker.remove_all();
        self.worker.flush(&mut self.post);
        self.post.bell.ring();
    }

    /// Does what was commanded; `false` when it is time to stop.
    fn obey(&mut self) -> bool {
        loop {
            match self.commands.try_recv() {
                Ok(Command::Add { index, ufrag, session }) => {
                    self.worker.add(self.clock.now(), index, &ufrag, *session);
                }
                Ok(Command::Remove { index }) => {
                    self.worker.remove(index);
                    self.worker.flush(&mut self.post);
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
        for _ in 0..BATCHES_PER_WAKE {
            let now = clock.now();
            let read = socket.receive(inbox, |from, datagram| {
                if !worker.handle_datagram(now, from, datagram, post) {
                    counters.datagrams_unroutable.add(1);
                }
            });
            match read {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(%error, "the media socket cannot be read");
                    break;
                }
            }
        }
    }

    /// Sleeps until the deadline, a datagram or a command.
    fn sleep(&self, deadline: Option<MediaInstant>) {
        let now = self.clock.now();
        let busy = self.worker.sessions() >= BUSY_SESSIONS;
        let left = deadline.map_or(CADENCE * 1000, |deadline| deadline.since(now));
        let timeout = if busy { CADENCE } else { left };
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
        let _ = rustix::io::read(&self.wake, &mut [0_u8; 8]);
    }
}
