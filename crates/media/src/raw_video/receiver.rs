//! A socket's pictures, decoded on a thread of their own.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::exchange::{PictureReader, PictureWriter, WhenFull, Written, exchange};
use super::{GLANCE, thread};
use crate::clock::SystemClock;
use crate::session::audio_socket::SocketClosed;
use crate::time::MediaClock;
use crate::video::{EncodedVideoFrame, PictureSizeError, PixelFormat, VideoDecoder, VideoFrame, VideoSize};

/// Where encoded frames come from: the receiving half of a video socket, or whatever else has some.
pub trait EncodedVideoSource: Send + 'static {
    /// Waits for the next frame, for `timeout` at most; `Ok(None)` when none came. No frame comes before what it refers to.
    ///
    /// # Errors
    /// When none comes any more.
    fn next_frame(&mut self, timeout: Duration) -> Result<Option<&EncodedVideoFrame>, SocketClosed>;

    /// Asks the far end for a key frame: what follows cannot be decoded without.
    fn request_key_frame(&mut self);
}

/// How pictures are received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawVideoReceiverSettings {
    format: PixelFormat,
    size: Option<VideoSize>,
    queue: usize,
    when_full: WhenFull,
}

impl Default for RawVideoReceiverSettings {
    fn default() -> Self {
        Self { format: PixelFormat::Nv12, size: None, queue: 2, when_full: WhenFull::DropOldest }
    }
}

impl RawVideoReceiverSettings {
    /// How pixels lie in memory. Default [`PixelFormat::Nv12`].
    #[must_use]
    pub const fn format(mut self, format: PixelFormat) -> Self {
        self.format = format;
        self
    }

    /// The size that pictures are brought to, whatever they come in; what has another shape is shown between black bars.
    /// Default: their own, which changes as the far end likes.
    #[must_use]
    pub const fn size(mut self, size: VideoSize) -> Self {
        self.size = Some(size);
        self
    }

    /// How many pictures wait at most for a reader that is busy. Default 2, at least 1; with what is being decoded and read, two
    /// more are in memory.
    #[must_use]
    pub const fn queue(mut self, pictures: usize) -> Self {
        self.queue = if pictures == 0 { 1 } else { pictures };
        self
    }

    /// What happens to pictures when that many wait. Default [`WhenFull::DropOldest`]. With [`WhenFull::Wait`], encoded frames
    /// wait in the socket, which lets go of all up to a key frame when it is full.
    #[must_use]
    pub const fn when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }
}

/// What became of the frames so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RawVideoReceiveStats {
    /// Frames that were decoded.
    pub frames_decoded: u64,
    /// Of these, key frames.
    pub key_frames_decoded: u64,
    /// Frames that could not be.
    pub frames_damaged: u64,
    /// Pictures that went unread, because newer ones came.
    pub frames_dropped: u64,
    /// How long decoding took, with scaling.
    pub total_decode_time: Duration,
}

/// Why pictures cannot be received or sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RawVideoError {
    /// Caller: no picture has the size asked for.
    #[error(transparent)]
    Size(#[from] PictureSizeError),
    /// Caller or environment: the codec is not built in, or refuses.
    #[error(transparent)]
    Codec(#[from] crate::video::CodecError),
    /// Environment: there is no thread to be had.
    #[error("no thread for a codec: {0}")]
    Thread(#[source] io::Error),
}

/// Sees what a socket receives as raw pictures.
pub struct RawVideoReceiver {
    reader: PictureReader<VideoFrame>,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    decoded: AtomicU64,
    key_frames: AtomicU64,
    damaged: AtomicU64,
    nanos: AtomicU64,
}

impl RawVideoReceiver {
    /// Decodes what `source` gives on a thread of its own, until that or this ends.
    ///
    /// # Errors
    /// When no picture has the size asked for, or there is no thread to be had.
    pub fn start(
        source: impl EncodedVideoSource,
        settings: &RawVideoReceiverSettings,
    ) -> Result<Self, RawVideoError> {
        let decoder = VideoDecoder::new(settings.format, settings.size)?;
        let (writer, reader) = exchange(settings.queue, settings.when_full, || decoder.picture());
        let counters = Arc::new(Counters::default());
        let work =
            Work { source, decoder, writer, counters: Arc::clone(&counters), clock: SystemClock::start() };
        thread::start("offhook-decode", move || work.run()).map_err(RawVideoError::Thread)?;
        Ok(Self { reader, counters })
    }

    /// Waits for the next picture, and lends it until the call after. Dropping the future loses nothing.
    ///
    /// # Errors
    /// When the socket is closed and all has been seen.
    pub async fn receive(&mut self) -> Result<&VideoFrame, SocketClosed> {
        poll_fn(|context| self.reader.poll(context)).await;
        self.try_receive().ok_or(SocketClosed)
    }

    /// The next picture, if one waits.
    pub fn try_receive(&mut self) -> Option<&VideoFrame> {
        self.reader.read().map(|picture| &*picture)
    }

    /// [`receive`](Self::receive) for a thread of its own: `Ok(None)` when nothing came for `timeout`.
    ///
    /// # Errors
    /// When the socket is closed and all has been seen.
    pub fn receive_blocking(&mut self, timeout: Duration) -> Result<Option<&VideoFrame>, SocketClosed> {
        match self.reader.wait(timeout) {
            Some(true) => Ok(self.try_receive()),
            Some(false) => Err(SocketClosed),
            None => Ok(None),
        }
    }

    /// Pictures that wait.
    pub fn queued(&self) -> usize {
        self.reader.queued()
    }

    /// What became of the frames so far.
    pub fn stats(&self) -> RawVideoReceiveStats {
        let Counters { decoded, key_frames, damaged, nanos } = &*self.counters;
        RawVideoReceiveStats {
            frames_decoded: decoded.load(Relaxed),
            key_frames_decoded: key_frames.load(Relaxed),
            frames_damaged: damaged.load(Relaxed),
            frames_dropped: self.reader.dropped(),
            total_decode_time: Duration::from_nanos(nanos.load(Relaxed)),
        }
    }
}

/// What the codec thread owns.
struct Work<S> {
    source: S,
    decoder: VideoDecoder,
    writer: PictureWriter<VideoFrame>,
    counters: Arc<Counters>,
    clock: SystemClock,
}

impl<S: EncodedVideoSource> Work<S> {
    fn run(mut self) {
        while self.turn() {}
    }

    /// Decodes one frame; `false` when nobody gives or takes any more.
    fn turn(&mut self) -> bool {
        match self.writer.wait_for_room(GLANCE) {
            Some(true) => {}
            Some(false) => return false,
            None => return true,
        }
        let Ok(frame) = self.source.next_frame(GLANCE) else { return false };
        let Some(frame) = frame else { return true };
        let (decoder, counters, clock) = (&mut self.decoder, &self.counters, self.clock);
        let (written, _) = self.writer.write(|picture| {
            let began = clock.now();
            let decoded = decoder.decode(frame, picture);
            let took = clock.now().since(began).as_nanos();
            counters.nanos.fetch_add(u64::try_from(took).unwrap_or(u64::MAX), Relaxed);
            match decoded {
                Ok(shows) => {
                    counters.decoded.fetch_add(u64::from(shows), Relaxed);
                    counters.key_frames.fetch_add(u64::from(shows && frame.is_key()), Relaxed);
                    shows.then_some(())
                }
                Err(error) => {
                    counters.damaged.fetch_add(1, Relaxed);
                    tracing::debug!(%error, "a frame was not decoded");
                    None
                }
            }
        });
        if self.decoder.needs_key_frame() {
            self.source.request_key_frame();
        }
        written != Written::Closed
    }
}
