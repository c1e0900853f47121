//! A whole encoded picture, as a socket gives and takes it.

#[cfg(any(feature = "openh264", feature = "libvpx"))]
use super::picture::VideoFrame;
use super::{AssembledFrame, VideoCodec, VideoSize};
use crate::time::{MediaInstant, RtpTime};
use crate::units::MediaSourceId;

/// One encoded frame of video.
///
/// One that is received belongs to its socket and is lent until the next one is asked for; `clone` keeps it.
#[derive(Clone, Debug)]
pub struct EncodedVideoFrame {
    pub(crate) codec: VideoCodec,
    pub(crate) is_key: bool,
    pub(crate) size: Option<VideoSize>,
    pub(crate) source: Option<MediaSourceId>,
    pub(crate) sender_time: RtpTime,
    pub(crate) first_arrival: MediaInstant,
    pub(crate) last_arrival: MediaInstant,
    pub(crate) data: Vec<u8>,
}

impl EncodedVideoFrame {
    /// A frame from elsewhere, such as a file: whole, and in the form that [`data`](Self::data) says.
    pub fn new(codec: VideoCodec, is_key: bool, sender_time: RtpTime, data: Vec<u8>) -> Self {
        Self { codec, is_key, sender_time, data, ..Self::empty() }
    }

    /// Room for a frame. It grows with the largest frame of its queue, and allocates no more after that.
    pub(crate) fn empty() -> Self {
        Self {
            codec: VideoCodec::Vp8,
            is_key: false,
            size: None,
            source: None,
            sender_time: RtpTime(0),
            first_arrival: MediaInstant::ZERO,
            last_arrival: MediaInstant::ZERO,
            data: Vec::new(),
        }
    }

    /// How it is encoded.
    pub fn codec(&self) -> VideoCodec {
        self.codec
    }

    /// H.264 in Annex B form, key frames with their parameter sets; VP8 as RFC 6386 has it.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// It needs no other frame.
    pub fn is_key(&self) -> bool {
        self.is_key
    }

    /// The size of its picture, as the sender encoded it: what its key frame says.
    pub fn size(&self) -> Option<VideoSize> {
        self.size
    }

    /// Whose picture it is, if the far end says so.
    pub fn source(&self) -> Option<MediaSourceId> {
        self.source
    }

    /// The sender's clock when the picture was taken, 90 kHz.
    pub fn sender_time(&self) -> RtpTime {
        self.sender_time
    }

    /// When its first packet was read from the socket, on the platform's clock.
    pub fn first_arrival(&self) -> MediaInstant {
        self.first_arrival
    }

    /// When its last packet was.
    pub fn last_arrival(&self) -> MediaInstant {
        self.last_arrival
    }

    /// Becomes an empty frame of `picture`, for an encoder to fill.
    #[cfg(any(feature = "openh264", feature = "libvpx"))]
    pub(crate) fn begin(&mut self, codec: VideoCodec, picture: &VideoFrame) {
        self.data.clear();
        let taken = picture.capture_time();
        // 90 ticks a millisecond; what does not fit wraps, as RTP times do.
        let ticks = u128::from(taken.as_nanos()) * 9 / 100_000;
        (self.codec, self.is_key, self.size, self.source) =
            (codec, false, Some(picture.size()), picture.source());
        (self.sender_time, self.first_arrival, self.last_arrival) = (RtpTime(ticks as u32), taken, taken);
    }

    /// Becomes what was put together, of `source`; with room for `room` bytes.
    pub(crate) fn fill(
        &mut self,
        codec: VideoCodec,
        source: Option<MediaSourceId>,
        frame: &AssembledFrame<'_>,
        room: usize,
    ) {
        let &AssembledFrame { is_key, size, sender_time, first_arrival, last_arrival, data } = frame;
        fill_with(&mut self.data, data, room);
        (self.codec, self.is_key, self.size, self.source) = (codec, is_key, size, source);
        (self.sender_time, self.first_arrival, self.last_arrival) =
            (sender_time, first_arrival, last_arrival);
    }
}

/// The room that frames of a stream need, of which this is one: a power of two, so that it grows seldom.
pub(crate) fn room_for(frame: &[u8], before: usize) -> usize {
    before.max(frame.len().next_power_of_two())
}

/// Replaces what `place` holds, and gives it `room` bytes. Each place of a queue has room for the largest frame of all, so that it
/// does not matter on which one that falls.
pub(crate) fn fill_with(place: &mut Vec<u8>, data: &[u8], room: usize) {
    place.clear();
    if place.capacity() < room {
        place.reserve_exact(room);
    }
    place.extend_from_slice(data);
}
