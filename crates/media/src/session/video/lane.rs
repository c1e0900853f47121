//! What the worker and the application share of one video socket.

use std::sync::Arc;

use crate::session::doorbell::Doorbell;
use crate::sync::{
    AtomicBool, AtomicU8, AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed,
    Ordering::Release,
};
use crate::time::MediaInstant;
use crate::video::{BitRate, VideoCodec, fill_with};

/// A frame on its way to the worker.
pub(crate) struct FrameToSend {
    pub(super) data: Vec<u8>,
    pub(super) captured: MediaInstant,
}

impl FrameToSend {
    /// Room for a frame. It grows with the largest frame of its queue, and allocates no more after that.
    pub(crate) fn empty() -> Self {
        Self { data: Vec::new(), captured: MediaInstant::ZERO }
    }

    pub(crate) fn fill(&mut self, data: &[u8], captured: MediaInstant, room: usize) {
        fill_with(&mut self.data, data, room);
        self.captured = captured;
    }
}

/// One socket's doorbells and flags.
#[derive(Debug, Default)]
pub(crate) struct VideoLane {
    /// Frames to see, or the end of the session.
    pub(crate) shown: Arc<Doorbell>,
    /// Room for frames to show, or the end of the session.
    pub(crate) room: Arc<Doorbell>,
    wants_key_frame: AtomicBool,
    /// The far end waits for a key frame of ours.
    needs_key_frame: AtomicBool,
    /// What frames may have, in bits a second; 0 until it is known.
    target_rate: AtomicU64,
    /// 0 for none.
    codec: AtomicU8,
}

impl VideoLane {
    pub(crate) fn want_key_frame(&self) {
        self.wants_key_frame.store(true, Release);
    }

    pub(super) fn take_wanted_key_frame(&self) -> bool {
        self.wants_key_frame.swap(false, AcqRel)
    }

    pub(super) fn need_key_frame(&self) {
        self.needs_key_frame.store(true, Release);
    }

    pub(crate) fn take_needed_key_frame(&self) -> bool {
        self.needs_key_frame.swap(false, AcqRel)
    }

    pub(super) fn set_target_rate(&self, rate: BitRate) {
        self.target_rate.store(rate.bits_per_second(), Relaxed);
    }

    pub(crate) fn target_rate(&self) -> Option<BitRate> {
        let bits = self.target_rate.load(Relaxed);
        (bits > 0).then(|| BitRate::from_bits_per_second(bits))
    }

    pub(crate) fn codec(&self) -> Option<VideoCodec> {
        match self.codec.load(Acquire) {
            1 => Some(VideoCodec::H264),
            2 => Some(VideoCodec::Vp8),
            _ => None,
        }
    }

    pub(super) fn set_codec(&self, codec: Option<VideoCodec>) {
        let number = match codec {
            None => 0,
            Some(VideoCodec::H264) => 1,
            Some(VideoCodec::Vp8) => 2,
        };
        self.codec.store(number, Release);
    }
}

/// Something waits for the worker.
#[derive(Debug, Default)]
pub(crate) struct Knock(AtomicBool);

impl Knock {
    /// Application: whether the worker has to be woken; not while it was and has not looked.
    pub(crate) fn press(&self) -> bool {
        !self.0.swap(true, AcqRel)
    }

    /// Worker: looks. What was written before [`press`](Self::press) is visible to it.
    pub(super) fn answer(&self) {
        self.0.swap(false, AcqRel);
    }
}
