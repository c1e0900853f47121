//! How large a picture is asked for.

use crate::video::VideoSize;

/// The largest picture that a socket is to show. A sender that has none of exactly this size sends the next smaller one.
///
/// The sizes are those of main video on Microsoft's media platform; each is 16:9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum VideoResolution {
    /// 320 x 180.
    Sd180p,
    /// 424 x 240.
    Sd240p,
    /// 640 x 360.
    Sd360p,
    /// 960 x 540.
    Hd540p,
    /// 1280 x 720.
    Hd720p,
    /// 1920 x 1080.
    Hd1080p,
}

impl VideoResolution {
    /// Its size, in pixels.
    pub const fn size(self) -> VideoSize {
        let (width, height) = match self {
            Self::Sd180p => (320, 180),
            Self::Sd240p => (424, 240),
            Self::Sd360p => (640, 360),
            Self::Hd540p => (960, 540),
            Self::Hd720p => (1280, 720),
            Self::Hd1080p => (1920, 1080),
        };
        VideoSize { width, height }
    }
}
