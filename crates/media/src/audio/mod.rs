//! Audio signal processing: codecs.

pub(crate) mod opus;
