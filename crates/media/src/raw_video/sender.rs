//! An application's pictures, encoded for a socket on a thread of their own.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::exchange::{PictureReader, PictureWriter, WhenFull, Written, exchange};
use super::layer::Layer;
use super::receiver::RawVideoError;
use super::{GLANCE, thread};
use crate::clock::SystemClock;
use crate::session::audio_socket::SocketClosed;
use crate::time::{MediaClock, MediaInstant};
use crate::video::simulcast::SimulcastLayer;
use crate::video::{
    BitRate, EncodedVideoFrame, PictureSizeError, PixelFormat, VideoCodec, VideoEncoderSettings, VideoFrame,
    VideoSize,
};

/// Pictures that wait for the encoder at most.
const QUEUE: usize = 2;

/// Where encoded frames go: the sending half of a video socket, or whatever else takes them.
///
/// One that takes its picture in several sizes at once says so by [`simulcast`](Self::simulcast), and is then asked and given by
/// layer; one that takes one picture needs no more than [`state`](Self::state) and [`send_frame`](Self::send_frame).
pub trait EncodedVideoSink: Send + 'static {
    /// What is wanted of the next frame.
    fn state(&mut self) -> SinkState;

    /// The sizes that each picture is encoded in, small ones first; nothing for one picture. Asked once.
    fn simulcast(&self) -> Vec<SimulcastLayer> {
        Vec::new()
    }

    /// [`state`](Self::state) of one layer, 0 the smallest. One without a codec is off, and not encoded.
    fn layer_state(&mut self, _layer: usize) -> SinkState {
        self.state()
    }

    /// [`send_frame`](Self::send_frame) of one layer. Those of one picture have the same `capture_time`.
    ///
    /// # Errors
    /// As there.
    fn send_layer(
        &mut self,
        _layer: usize,
        frame: &EncodedVideoFrame,
        capture_time: MediaInstant,
    ) -> Result<bool, SocketClosed> {
        self.send_frame(frame, capture_time)
    }

    /// Sends a frame that was captured at `capture_time`; `false` where it was lost, and the next has to be a key frame.
    ///
    /// # Errors
    /// When nothing can be sent any more.
    fn send_frame(
        &mut self,
        frame: &EncodedVideoFrame,
        capture_time: MediaInstant,
    ) -> Result<bool, SocketClosed>;
}

/// What a sink wants of the next frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SinkState {
    /// How frames have to be encoded. `None` where nobody sees the stream: nothing is encoded then.
    pub codec: Option<VideoCodec>,
    /// The far end needs a key frame; asked once for each.
    pub key_frame: bool,
    /// What the network takes, where that is known.
    pub bit_rate: Option<BitRate>,
    /// The largest picture that anybody wants, where that is known.
    pub size: Option<VideoSize>,
}

/// Why a picture was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PictureSendError {
    /// The session is over, or the encoder gave up; [`RawVideoSender::stats`] counts what it refused.
    #[error("no more video can be sent")]
    Closed,
    /// The encoder has not got to those before.
    #[error("{QUEUE} pictures wait for the encoder already")]
    Full,
    /// No room within the time given.
    #[error("no room for a picture for {0:?}")]
    TimedOut(Duration),
    /// No picture has this size.
    #[error(transparent)]
    Size(#[from] PictureSizeError),
}

/// What became of the pictures so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RawVideoSendStats {
    /// Pictures that were encoded: with simulcast, each as often as in layers that are on.
    pub frames_encoded: u64,
    /// Of these, key frames.
    pub key_frames_encoded: u64,
    /// Pictures that the encoder left out to keep to its bit rate, or because nobody would see them; by layers, too.
    pub frames_skipped: u64,
    /// Pictures that the encoder refused; by layers, too.
    pub frames_refused: u64,
    /// Pictures that were never encoded, because newer ones came.
    pub frames_dropped: u64,
    /// How long encoding took, with scaling.
    pub total_encode_time: Duration,
}

/// Sends raw pictures by a socket: each in the size and at the bit rate that the far end and the network take, and in several sizes at
/// once by one with [`simulcast`](crate::VideoSocketSettings::simulcast): each layer that is on, at its rate, with its key frames.
pub struct RawVideoSender {
    writer: PictureWriter<VideoFrame>,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    encoded: AtomicU64,
    key_frames: AtomicU64,
    skipped: AtomicU64,
    refused: AtomicU64,
    nanos: AtomicU64,
}

impl RawVideoSender {
    /// Encodes for `sink` on a thread of its own, until that or this ends: at first as the settings say, and in another codec where
    /// the sink asks for that. Of pictures that come faster than they are encoded,
    /// the oldest are left out, or [`send`](Self::send) waits, as `when_full` says. All layers of one sink are encoded on one thread.
    ///
    /// # Errors
    /// When the codec is not built in or refuses, or there is no thread to be had.
    pub fn start(
        sink: impl EncodedVideoSink,
        settings: &VideoEncoderSettings,
        when_full: WhenFull,
    ) -> Result<Self, RawVideoError> {
        let layers = Layer::all(&sink.simulcast(), settings)?;
        let (writer, reader) = exchange(QUEUE, when_full, || VideoFrame::empty(PixelFormat::Nv12));
        let counters = Arc::new(Counters::default());
        let work = Work {
            sink,
            layers,
            reader,
            frame: EncodedVideoFrame::empty(),
            counters: Arc::clone(&counters),
            clock: SystemClock::start(),
        };
        thread::start("offhook-encode", move || work.run()).map_err(RawVideoError::Thread)?;
        Ok(Self { writer, counters })
    }

    /// Gives a picture to the encoder; waits while as many wait as may, where it was started so. The picture is copied, and stays
    /// the caller's; its capture time is what the far end shows it by.
    ///
    /// # Errors
    /// When nothing can be sent any more.
    pub async fn send(&mut self, picture: &VideoFrame) -> Result<(), PictureSendError> {
        if !poll_fn(|context| self.writer.poll_room(context)).await {
            return Err(PictureSendError::Closed);
        }
        self.try_send(picture)
    }

    /// Gives a picture to the encoder if there is room now.
    ///
    /// # Errors
    /// [`PictureSendError::Full`] where [`send`](Self::send) would wait; otherwise as there.
    pub fn try_send(&mut self, picture: &VideoFrame) -> Result<(), PictureSendError> {
        let size = picture.size().checked()?;
        let (written, _) = self.writer.write(|slot| {
            slot.set_format(picture.format());
            slot.resize(size).ok()?;
            slot.copy_from(picture).ok()
        });
        match written {
            Written::Queued => Ok(()),
            Written::Full => Err(PictureSendError::Full),
            Written::Closed => Err(PictureSendError::Closed),
        }
    }

    /// [`send`](Self::send) for a thread of its own.
    ///
    /// # Errors
    /// [`PictureSendError::TimedOut`] when there was no room for `timeout`; otherwise as [`send`](Self::send).
    pub fn send_blocking(&mut self, picture: &VideoFrame, timeout: Duration) -> Result<(), PictureSendError> {
        match self.writer.wait_for_room(timeout) {
            Some(true) => self.try_send(picture),
            Some(false) => Err(PictureSendError::Closed),
            None => Err(PictureSendError::TimedOut(timeout)),
        }
    }

    /// Pictures that wait for the encoder.
    pub fn queued(&self) -> usize {
        self.writer.queued()
    }

    /// What became of the pictures so far.
    pub fn stats(&self) -> RawVideoSendStats {
        let Counters { encoded, key_frames, skipped, refused, nanos } = &*self.counters;
        RawVideoSendStats {
            frames_encoded: encoded.load(Relaxed),
            key_frames_encoded: key_frames.load(Relaxed),
            frames_skipped: skipped.load(Relaxed),
            frames_refused: refused.load(Relaxed),
            frames_dropped: self.writer.dropped(),
            total_encode_time: Duration::from_nanos(nanos.load(Relaxed)),
        }
    }
}

/// What the codec thread owns.
struct Work<S> {
    sink: S,
    /// Small ones first.
    layers: Vec<Layer>,
    reader: PictureReader<VideoFrame>,
    frame: EncodedVideoFrame,
    counters: Arc<Counters>,
    clock: SystemClock,
}

impl<S: EncodedVideoSink> Work<S> {
    fn run(mut self) {
        while self.turn().is_some() {}
    }

    /// Encodes one picture; `None` when nobody gives or takes any more.
    fn turn(&mut self) -> Option<()> {
        match self.reader.wait(GLANCE) {
            Some(true) => {}
            Some(false) => return None,
            None => return Some(()),
        }
        let Self { sink, layers, reader, frame, counters, clock } = self;
        let Counters { encoded, key_frames, skipped, refused, nanos } = &**counters;
        let picture = reader.read()?;
        for layer in layers {
            // What the far end cannot decode is of no use to it: without its codec, the thread ends.
            if !layer.follow(sink, picture).ok()? {
                skipped.fetch_add(1, Relaxed);
                continue;
            }
            let began = clock.now();
            let result = layer.encoder.encode(picture, frame);
            let took = clock.now().since(began).as_nanos();
            nanos.fetch_add(u64::try_from(took).unwrap_or(u64::MAX), Relaxed);
            match result {
                Ok(true) => {
                    encoded.fetch_add(1, Relaxed);
                    key_frames.fetch_add(u64::from(frame.is_key()), Relaxed);
                    if !layer.send(sink, frame, picture.capture_time()).ok()? {
                        layer.encoder.request_key_frame();
                    }
                }
                Ok(false) => {
                    skipped.fetch_add(1, Relaxed);
                }
                Err(error) => {
                    refused.fetch_add(1, Relaxed);
                    tracing::debug!(%error, "a picture was not encoded");
                }
            }
        }
        Some(())
    }
}
