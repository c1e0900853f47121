//! Append-only writers of file formats, with a bounded loss.

pub(crate) mod ogg_opus;
pub(crate) mod wav;
