//! The verbs of the command, one file each.

pub(crate) mod bench;
#[cfg(feature = "emulator")]
pub(crate) mod emulator;
pub(crate) mod permissions;
