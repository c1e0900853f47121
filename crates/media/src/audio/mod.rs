//! Audio signal processing: codecs, rates, mixing, voice activity, and sound from files.

pub(crate) mod limiter;
pub(crate) mod mix;
pub(crate) mod opus;
pub(crate) mod resample;
pub(crate) mod source;
pub(crate) mod turns;
pub(crate) mod vad;
