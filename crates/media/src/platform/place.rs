//! A session's place in the engine.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::Engine;
use super::placement::Seat;
use crate::error::MediaError;
use crate::worker::thread::{Command, CommandSender};

/// A seat at a worker, given back when dropped.
pub(super) struct Place {
    pub(super) engine: Arc<Engine>,
    pub(super) seat: Seat,
    /// The address of this machine that is the session's own.
    pub(super) local: Option<IpAddr>,
}

impl Place {
    pub(super) fn take(engine: &Arc<Engine>, local: Option<IpAddr>) -> Result<Self, MediaError> {
        if local.is_some() && !engine.bound_to_all {
            let problem = "the platform is bound to one address, not to all".to_owned();
            return Err(MediaError::InvalidSetting { setting: "local_address", problem });
        }
        Ok(Self { seat: engine.take_seat()?, engine: Arc::clone(engine), local })
    }

    pub(super) fn address(&self) -> SocketAddr {
        let advertised = self.engine.advertised[self.seat.worker];
        SocketAddr::new(self.local.unwrap_or(advertised.ip()), advertised.port())
    }

    pub(super) fn commands(&self) -> CommandSender {
        self.engine.commands[self.seat.worker].clone()
    }

    pub(super) fn send(&self, command: Command) -> bool {
        self.engine.commands[self.seat.worker].send(command)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // In this order: whoever takes the seat next sends its command after this one.
        self.send(Command::Remove { index: self.seat.index });
        self.engine.give_back(self.seat);
    }
}
