//! The verbs of the command, one file each.

#[cfg(feature = "emulator")]
pub(crate) mod emulator;
pub(crate) mod permissions;
