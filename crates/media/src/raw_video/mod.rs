//! Raw pictures for an application, both ways, by codec threads of their own.
//!
//! ```text
//! socket, encoded frames ─► codec thread: decode, scale ─► exchange ─► RawVideoReceiver, the application
//! socket, encoded frames ◄─ codec thread: scale, encode ◄─ exchange ◄─ RawVideoSender, the application
//!         of each layer                  for each layer
//! ```
//!
//! One thread a stream, which the system schedules behind media threads: a picture may come late where a core is short, a packet
//! may not. A pool was not compared yet.

mod exchange;
mod layer;
mod receiver;
mod sender;
mod shrinking;
mod sockets;
mod thread;

pub use exchange::WhenFull;
pub use receiver::{
    EncodedVideoSource, RawVideoError, RawVideoReceiveStats, RawVideoReceiver, RawVideoReceiverSettings,
};
pub use sender::{EncodedVideoSink, PictureSendError, RawVideoSendStats, RawVideoSender, SinkState};

use std::time::Duration;

/// How long a codec thread sleeps at most before it looks whether anybody still needs it.
const GLANCE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
