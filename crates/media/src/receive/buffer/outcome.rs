//! What the jitter buffer says: of a packet that comes, of what is to be played, and of what has been.

use crate::receive::slab::Held;

/// What became of a packet that was put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Insert {
    Kept,
    /// It makes the stream begin anew.
    Restarted,
    /// Too late, doubled, too large or from nowhere.
    Discarded,
}

/// What to play now.
#[derive(Debug)]
pub(crate) enum Next<'a> {
    /// Nothing has come yet: the timeline has not begun, or the stream pauses.
    Nothing,
    /// This packet is due. Its sound does not follow from what was played before when `breaks`.
    Packet { held: Held<'a>, breaks: bool },
    /// The packet that is due was lost or is late, and the `next` one holds a copy of it, this long. It `breaks` as a packet does.
    Recovered { next: Held<'a>, ticks: i64, breaks: bool },
    /// The packet that is due was lost: this much is missing, and what comes next is here when the loss `ends` with it.
    Lost { ticks: i64, ends: bool },
    /// The packet that is due has not come yet: it may be late.
    Late,
    /// The speaker is silent and says so (DTX), or the sender's clock jumped ahead: not yet the time for more.
    Pause,
}

/// What has happened to packets since it was last asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fates {
    /// Given up: never came, or came too late.
    pub(crate) lost: u64,
    /// Came and was not played.
    pub(crate) discarded: u64,
    /// Held a copy of another packet.
    pub(crate) with_copies: u64,
}
