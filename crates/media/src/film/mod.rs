//! Films: files with sound and pictures, and the player that keeps the two together. Away from the media path, which knows
//! frames and packets only.

mod avc;
mod player;
mod reader;
mod schedule;
mod sinks;
mod sound;

pub use player::{AudioVideoFramePlayer, AudioVideoPlayerError, PictureSink};
pub use reader::{FilmPart, FilmPicture, FilmReader, FilmSound};
pub use sinks::NoPictures;

use std::time::Duration;

use crate::audio::source::SoundError;

/// Why a film cannot be played.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FilmError {
    /// The bytes could not be read.
    #[error("the film cannot be read")]
    Io(#[source] std::io::Error),
    /// None of the kinds of file that are read, or a broken one.
    #[error("not an MP4, WebM or Matroska file that can be read: {problem}")]
    Format {
        /// What is wrong with it.
        problem: String,
    },
    /// Its pictures are neither H.264 nor VP8, and it has no sound that is read.
    #[error(
        "neither its pictures nor its sound are of a kind that is read: H.264 and VP8; AAC, Opus, MP3, FLAC and PCM"
    )]
    NothingToPlay,
    /// Its pictures lie in another order than they are shown in (B frames), which no call can carry.
    #[error(
        "at {at:?} it has a picture that is shown before the one in front of it: encode it again without B frames \
         (ffmpeg -bf 0)"
    )]
    Reordered {
        /// When the picture is shown.
        at: Duration,
    },
    /// Its sound cannot be used.
    #[error(transparent)]
    Sound(#[from] SoundError),
}

impl FilmError {
    fn wrong(problem: &str) -> Self {
        Self::Format { problem: problem.to_owned() }
    }
}
