//! The verbs of the command, one file each, and what several of them share.

pub(crate) mod bench;
pub(crate) mod completions;
pub(crate) mod echo;
#[cfg(feature = "emulator")]
pub(crate) mod emulator;
mod exit;
pub(crate) mod logging;
pub(crate) mod permissions;
mod place;
pub(crate) mod play;
pub(crate) mod record;
pub(crate) mod recording;
mod stop;
mod visit;

pub(crate) use exit::{code_of, with_causes};

/// What the help of each bot ends with.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
    0  done
    1  it cannot be done as asked: the request, a file, a permission
    2  the arguments are wrong
    3  the service failed
    4  the other end declined, left too early, or its media failed
    5  this machine or the network refused: a port, a disk, a connection";
