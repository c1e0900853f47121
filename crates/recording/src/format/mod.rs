//! Append-only writers of file formats, with a bounded loss.

pub(crate) mod wav;
