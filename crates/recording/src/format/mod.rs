//! Append-only writers of file formats, with a bounded loss.

pub(crate) mod avc;
pub(crate) mod matroska;
pub(crate) mod ogg_opus;
mod ogg_page;
pub(crate) mod wav;
