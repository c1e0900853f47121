//! After warm-up, a frame costs no heap allocation and no free in our code, in either direction.
//!
//! A binary of its own, because it has an allocator of its own: one that notes each allocation with the calls that led
//! to it. `cargo test --workspace --test no_alloc -- --nocapture` prints what `rtc` allocates meanwhile.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod calls;
mod counting;
mod sending;
mod sessions;
mod stages;
mod streams;
mod video;
mod whole_path;

use offhook_media::{AudioFormat, AudioFrame, Sound};

/// Speech as frames: its packets differ in size, which a tone's do not.
fn speech(format: AudioFormat) -> Vec<AudioFrame> {
    let file = std::fs::File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/speech.wav")).unwrap();
    Sound::read_wav(file).unwrap().frames(format).unwrap()
}
