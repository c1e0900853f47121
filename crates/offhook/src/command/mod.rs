//! The verbs of the command, one file each.

#[cfg(feature = "emulator")]
pub(crate) mod emulator;
