//! Audio signal processing: codecs, and sound that is there as a whole.

pub(crate) mod opus;
pub(crate) mod sound;
