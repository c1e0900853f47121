//! One video section of a session: its receiver, and the ends of its queues.

use std::sync::Arc;

use super::lane::{FrameToSend, VideoLane};
use super::queue::VideoQueueWriter;
use crate::blob::SocketId;
use crate::event::{MediaEvent, MediaStatus};
use crate::ring::RingReader;
use crate::session::outbox::Outbox;
use crate::session::transport::{OurFeedback, Transport, VideoIndex};
use crate::stats::Counters;
use crate::tap::Tap;
use crate::time::{MediaInstant, RtpTime};
use crate::video::receiver::VideoReceiveEvent;
use crate::video::sender::VideoStreamId;
use crate::video::simulcast::{LayerRates, LayerSet, SimulcastLayer};
use crate::video::{VideoCodec, VideoReceiver};

/// Packets that are asked for at once, at the most.
pub(super) const MOST_ASKED: usize = 512;

/// One video section.
pub(crate) struct VideoSection {
    pub(super) socket: SocketId,
    pub(super) lane: Arc<VideoLane>,
    pub(super) receiver: VideoReceiver,
    /// `None` where the section does not receive.
    pub(super) to_app: Option<VideoQueueWriter>,
    /// `None` where it does not send.
    pub(super) from_app: Option<RingReader<FrameToSend>>,
    /// What the application would send at once; nothing where it sends one picture.
    simulcast: Vec<SimulcastLayer>,
    /// What was agreed on to send, once it was.
    pub(super) sent: Option<SentLayers>,
    pub(super) clock: RtpTime,
    /// Frames that the sender has given up.
    pub(super) given_up: u64,
    pub(super) shows: MediaStatus,
    pub(super) sends: MediaStatus,
}

/// What is sent of a section.
#[derive(Clone, Copy, Debug)]
pub(super) struct SentLayers {
    /// The sender's number for the section.
    pub(super) section: usize,
    /// Of the application's layers those that the far end takes, which the sender numbers without gaps.
    pub(super) layers: LayerSet,
}

impl SentLayers {
    /// The sender's stream of a layer.
    pub(super) fn stream_of(self, layer: usize) -> Option<VideoStreamId> {
        let layer = self.layers.place_of(layer)?;
        Some(VideoStreamId { section: self.section, layer })
    }

    /// The layer of a stream of the sender's.
    pub(super) fn layer_of(self, stream: VideoStreamId) -> Option<usize> {
        self.layers.iter().nth(stream.layer).filter(|_| stream.section == self.section)
    }

    /// All of its streams.
    pub(super) fn streams(self) -> impl Iterator<Item = VideoStreamId> {
        (0..self.layers.len()).map(move |layer| VideoStreamId { section: self.section, layer })
    }
}

impl VideoSection {
    pub(crate) fn new(
        (socket, simulcast): (SocketId, Vec<SimulcastLayer>),
        lane: Arc<VideoLane>,
        to_app: Option<VideoQueueWriter>,
        from_app: Option<RingReader<FrameToSend>>,
    ) -> Self {
        Self {
            socket,
            lane,
            receiver: VideoReceiver::new(VideoCodec::H264),
            to_app,
            from_app,
            simulcast,
            sent: None,
            clock: RtpTime(0),
            given_up: 0,
            shows: MediaStatus::Inactive,
            sends: MediaStatus::Inactive,
        }
    }
}

impl VideoSection {
    /// Between which rates a layer is worth sending; `picture` for one that is the only picture.
    pub(super) fn rates_of(&self, layer: usize, picture: LayerRates) -> LayerRates {
        self.simulcast.get(layer).map_or(picture, |layer| layer.rates)
    }

    /// Gives the application the frames that are whole.
    pub(super) fn deliver(
        &mut self,
        index: VideoIndex,
        now: MediaInstant,
        tap: &mut Tap,
        counters: &Counters,
        out: &mut Outbox,
    ) {
        let (codec, ssrc) = (self.receiver.codec(), self.receiver.ssrc());
        while let Some((source, frame)) = self.receiver.next_frame(now) {
            tap.shown(index, (codec, ssrc, source), &frame);
            counters.video_frames_received.add(1);
            counters.video_key_frames_received.add(frame.is_key.into());
            let Some(to_app) = &mut self.to_app else { continue };
            if to_app.write(codec, source, &frame) {
                out.press(&self.lane.shown);
            } else {
                counters.video_frames_dropped.add(1);
            }
        }
    }

    /// Asks the sender for packets that are missing.
    pub(super) fn ask_for_packets(
        &mut self,
        index: VideoIndex,
        now: MediaInstant,
        transport: &mut impl Transport,
        asked: &mut Vec<u16>,
        counters: &Counters,
    ) {
        asked.clear();
        self.receiver.missing(now, |number| {
            if asked.len() < MOST_ASKED {
                asked.push(number);
            }
        });
        if !asked.is_empty() && transport.send_feedback(OurFeedback::Missing(index, asked)).is_ok() {
            counters.video_nack_count.add(1);
        }
    }

    /// Asks the sender for a key frame, where one is needed: because something is gone, or by the application.
    pub(super) fn ask_for_key_frame(
        &mut self,
        index: VideoIndex,
        now: MediaInstant,
        transport: &mut impl Transport,
        tap: &mut Tap,
        counters: &Counters,
    ) {
        let has_gap = self.to_app.as_ref().is_some_and(VideoQueueWriter::wants_key_frame);
        if self.lane.take_wanted_key_frame() || tap.wants_key_frame(index) || has_gap {
            self.receiver.request_key_frame();
        }
        let asks = self.receiver.ask_for_key_frame(now);
        if asks {
            tap.asked_for_key_frame(index);
        }
        if asks && transport.send_feedback(OurFeedback::KeyFrame(index)).is_ok() {
            counters.video_pli_count.add(1);
        }
    }
}

/// What the application hears of what a receiver tells.
pub(super) fn event_of(socket: SocketId, event: VideoReceiveEvent, counters: &Counters) -> MediaEvent {
    match event {
        VideoReceiveEvent::Frozen => {
            counters.video_freeze_count.add(1);
            MediaEvent::VideoFrozen { socket }
        }
        VideoReceiveEvent::Recovered { stood } => {
            counters.video_total_freezes_duration.add(u64::try_from(stood.as_nanos()).unwrap_or(u64::MAX));
            MediaEvent::VideoRecovered { socket, stood }
        }
        VideoReceiveEvent::SizeChanged { size } => MediaEvent::VideoSizeChanged { socket, size },
        VideoReceiveEvent::SourceChanged { source } => MediaEvent::VideoSourceChanged { socket, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_applications_layers_and_the_senders_lead_to_each_other() {
        let sent = SentLayers { section: 4, layers: [0, 2].into_iter().collect() };
        let stream = |section, layer| VideoStreamId { section, layer };
        assert_eq!(
            [0, 1, 2, 3].map(|layer| sent.stream_of(layer)),
            [Some(stream(4, 0)), None, Some(stream(4, 1)), None]
        );
        assert_eq!([0, 1, 2].map(|layer| sent.layer_of(stream(4, layer))), [Some(0), Some(2), None]);
        assert_eq!(sent.layer_of(stream(3, 0)), None);
        assert_eq!(sent.streams().collect::<Vec<_>>(), [stream(4, 0), stream(4, 1)]);
    }
}
