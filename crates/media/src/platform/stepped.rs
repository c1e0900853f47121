//! A door for the benchmark `session`: an engine without threads and sockets, that does its work when and at the time that it
//! is told. No part of the API.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Condvar, Mutex};

use bytes::{Bytes, BytesMut};
use crossbeam_channel::Receiver;

use super::placement::Placement;
use super::{Engine, MediaPlatform};
use crate::clock::SystemClock;
use crate::error::MediaError;
use crate::session::connection::{Connection, Identity};
use crate::session::doorbell::Doorbell;
use crate::time::{MediaClock, MediaInstant};
use crate::worker::thread::{Command, CommandSender, MAX_SESSIONS};
use crate::worker::{Outgoing, Post, Worker};

/// A datagram that one engine has sent to another.
#[derive(Clone, Debug)]
pub struct Datagram {
    from: SocketAddr,
    to: SocketAddr,
    bytes: Bytes,
}

/// One worker, in the caller's hand.
pub struct SteppedEngine {
    platform: MediaPlatform,
    worker: Worker<Connection>,
    commands: Receiver<Command>,
    /// Memory that received datagrams are cut from, as a media thread has it.
    block: BytesMut,
    line: Line,
}

/// Takes the place of the socket and of the bell thread.
struct Line {
    address: SocketAddr,
    sent: Vec<Datagram>,
    rung: Vec<Arc<Doorbell>>,
    now: MediaInstant,
}

impl Post for Line {
    fn deliver(&mut self, outgoing: &[Outgoing], doorbells: &mut Vec<Arc<Doorbell>>) -> MediaInstant {
        self.sent.extend(outgoing.iter().map(|Outgoing { from, transmit }| Datagram {
            from: SocketAddr::new(from.unwrap_or(self.address.ip()), self.address.port()),
            to: transmit.to,
            bytes: Bytes::copy_from_slice(&transmit.datagram),
        }));
        self.rung.append(doorbells);
        self.now
    }
}

/// Real time goes on within a step, so that reading it costs what it costs.
struct Stepping {
    real: SystemClock,
    began: MediaInstant,
    step: MediaInstant,
}

impl MediaClock for Stepping {
    fn now(&self) -> MediaInstant {
        self.step + self.real.now().since(self.began)
    }
}

impl SteppedEngine {
    /// An engine whose sessions are reached at that port: of loopback's address, or of those that they have as their own.
    ///
    /// # Errors
    /// When the system refuses what commands are told by, or the certificate cannot be made.
    pub fn new(port: u16) -> Result<Self, MediaError> {
        let clock = SystemClock::start();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let refused = |source| MediaError::System { what: "making an eventfd", source };
        let (commands, received) = CommandSender::pair().map_err(refused)?;
        let engine = Engine {
            clock,
            identity: Identity::new(clock.epoch()).map_err(MediaError::Core)?,
            advertised: vec![address],
            commands: vec![commands],
            counters: vec![Arc::default()],
            health_bell: Arc::default(),
            admit_overloaded: true,
            bound_to_all: true,
            draining: AtomicBool::new(false),
            placement: Mutex::new(Placement::new(1, MAX_SESSIONS)),
            left: Condvar::new(),
            totals: Mutex::default(),
            workers: Mutex::default(),
        };
        Ok(Self {
            platform: MediaPlatform { engine: Arc::new(engine) },
            worker: Worker::new(),
            commands: received,
            block: BytesMut::with_capacity(64 * 1024),
            line: Line { address, sent: Vec::new(), rung: Vec::new(), now: MediaInstant::ZERO },
        })
    }

    /// Where sessions are made.
    pub fn platform(&self) -> &MediaPlatform {
        &self.platform
    }

    /// Does what the sessions' handles have asked for since this was last called.
    pub fn obey(&mut self, now: MediaInstant) {
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Add { index, ufrag, local, session } => {
                    self.worker.add(now, index, (&ufrag, local), *session);
                }
                Command::Remove { index } => self.worker.remove(index, &mut self.line),
                Command::Knock { index } => self.worker.handle_knock(now, index, &mut self.line),
                Command::Stop => {}
            }
        }
    }

    /// One pass of a media thread at `now`: takes in what has come, and does what is due.
    pub fn step(&mut self, now: MediaInstant, came: &[Datagram]) {
        self.line.now = now;
        for Datagram { from, to, bytes } in came {
            self.block.extend_from_slice(bytes);
            let to: Option<IpAddr> = Some(to.ip());
            self.worker.handle_datagram(now, (*from, to), self.block.split(), &mut self.line);
        }
        let real = self.platform.engine.clock;
        let clock = Stepping { real, began: real.now(), step: now };
        self.worker.handle_timeout(now, &clock, &mut self.line);
    }

    /// What was sent since this was last called.
    pub fn take_sent(&mut self) -> Vec<Datagram> {
        std::mem::take(&mut self.line.sent)
    }

    /// Wakes the applications, as the bell thread does.
    pub fn answer_bells(&mut self) {
        self.line.rung.drain(..).for_each(|doorbell| doorbell.answer());
    }
}
