//! What the worker and the application share of one video socket.

use std::sync::Arc;

use crate::session::doorbell::Doorbell;
use crate::sync::{
    AtomicBool, AtomicU8, AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed,
    Ordering::Release,
};
use crate::time::MediaInstant;
use crate::video::simulcast::{LayerSet, MOST_LAYERS};
use crate::video::{BitRate, VideoCodec, fill_with};

/// A frame on its way to the worker.
pub(crate) struct FrameToSend {
    pub(super) layer: usize,
    pub(super) data: Vec<u8>,
    pub(super) captured: MediaInstant,
}

impl FrameToSend {
    /// Room for a frame. It grows with the largest frame of its queue, and allocates no more after that.
    pub(crate) fn empty() -> Self {
        Self { layer: 0, data: Vec::new(), captured: MediaInstant::ZERO }
    }

    pub(crate) fn fill(&mut self, layer: usize, data: &[u8], captured: MediaInstant, room: usize) {
        fill_with(&mut self.data, data, room);
        (self.layer, self.captured) = (layer, captured);
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
    /// What is sent, by layers; the only one without simulcast is the first.
    layers: [LayerFlags; MOST_LAYERS],
    /// Which of them are sent.
    agreed: AtomicU8,
    /// 0 for none.
    codec: AtomicU8,
}

/// What the worker tells of one layer.
#[derive(Debug, Default)]
struct LayerFlags {
    /// The far end waits for a key frame of ours.
    needs_key_frame: AtomicBool,
    /// One more than what frames may have, in bits a second; 0 until it is known.
    target_rate: AtomicU64,
}

impl VideoLane {
    pub(crate) fn want_key_frame(&self) {
        self.wants_key_frame.store(true, Release);
    }

    pub(super) fn take_wanted_key_frame(&self) -> bool {
        self.wants_key_frame.swap(false, AcqRel)
    }

    pub(super) fn need_key_frame(&self, layer: usize) {
        if let Some(layer) = self.layers.get(layer) {
            layer.needs_key_frame.store(true, Release);
        }
    }

    pub(crate) fn take_needed_key_frame(&self, layer: usize) -> bool {
        self.layers.get(layer).is_some_and(|layer| layer.needs_key_frame.swap(false, AcqRel))
    }

    pub(super) fn set_target_rate(&self, layer: usize, rate: BitRate) {
        if let Some(layer) = self.layers.get(layer) {
            layer.target_rate.store(rate.bits_per_second().saturating_add(1), Relaxed);
        }
    }

    pub(crate) fn target_rate(&self, layer: usize) -> Option<BitRate> {
        let known = self.layers.get(layer)?.target_rate.load(Relaxed).checked_sub(1)?;
        Some(BitRate::from_bits_per_second(known))
    }

    /// Which layers are sent; none until that is agreed on.
    pub(crate) fn agreed(&self) -> LayerSet {
        LayerSet::from_bits(self.agreed.load(Acquire))
    }

    pub(crate) fn codec(&self) -> Option<VideoCodec> {
        match self.codec.load(Acquire) {
            1 => Some(VideoCodec::H264),
            2 => Some(VideoCodec::Vp8),
            _ => None,
        }
    }

    /// What is sent from now on: frames of `codec`, of these layers.
    pub(super) fn agree(&self, codec: Option<VideoCodec>, layers: LayerSet) {
        self.agreed.store(layers.bits(), Release);
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
