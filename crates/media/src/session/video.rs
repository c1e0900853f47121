//! The video of one session: routes packets, frames and what is fed back between the sections, the sender and the application. Pure.
//!
//! It is driven by what comes and by its own deadlines: a frame is with the application as soon as its last packet has come, and on the
//! wire as soon as the pacer lets it.

pub(crate) mod lane;
pub(crate) mod queue;
mod section;
mod session;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use section::VideoSection;
use section::{MOST_ASKED, SentLayers, event_of};

use super::Shared;
use super::outbox::Outbox;
use super::transport::{OurFeedback, PeerFeedback, ReceivedVideo, SentStream, Transport, VideoIndex};
use crate::event::{MediaEvent, MediaStatus};
use crate::sequence::{Extended, SequenceExtender};
use crate::tap::Tap;
use crate::time::MediaInstant;
use crate::video::sender::{NotSent, SentAs, VideoSendEvent, VideoStreamId, VideoStreamSettings};
use crate::video::simulcast::{LayerRates, LayerSet};
use crate::video::twcc::FeedbackWriter;
use crate::video::{BandwidthLimits, BitRate, VideoCodec, VideoReceiver, VideoSender};

/// How long arrivals wait to be told: several times in what a queue on the path takes to build up.
const TELL_ARRIVALS: Duration = Duration::from_millis(50);

/// Ticks of all video's RTP clock in a second.
const RTP_RATE: u128 = 90_000;

/// All video of a session.
pub(crate) struct VideoStage {
    sections: Box<[VideoSection]>,
    sender: VideoSender,
    limits: BandwidthLimits,
    /// Where each stream and that of its retransmissions begin.
    first_numbers: fn() -> (u16, u16),
    is_connected: bool,
    arrivals: FeedbackWriter,
    transport_numbers: SequenceExtender,
    /// When the arrivals are to be told.
    arrivals_due: Option<MediaInstant>,
    /// Where a feedback is put together.
    body: Vec<u8>,
    asked: Vec<u16>,
    /// What became known, in order.
    events: Vec<MediaEvent>,
    shared: Arc<Shared>,
}

impl VideoStage {
    pub(crate) fn new(
        sections: Vec<VideoSection>,
        limits: BandwidthLimits,
        first_numbers: fn() -> (u16, u16),
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            sections: sections.into(),
            sender: VideoSender::new(limits),
            limits,
            first_numbers,
            is_connected: false,
            arrivals: FeedbackWriter::default(),
            transport_numbers: SequenceExtender::default(),
            arrivals_due: None,
            body: Vec::with_capacity(1500),
            asked: Vec::with_capacity(MOST_ASKED),
            events: Vec::with_capacity(64),
            shared,
        }
    }

    /// Media flows, or no longer.
    fn set_status(&mut self, status: MediaStatus, transport: &impl Transport) {
        for (index, section) in self.sections.iter_mut().enumerate() {
            let agreed = transport.negotiated_video(index);
            let socket = section.socket;
            let now_is = |codec: Option<VideoCodec>| codec.map_or(MediaStatus::Inactive, |_| status);
            let sends = now_is(section.sent.and(agreed.sends));
            if std::mem::replace(&mut section.sends, sends) != sends {
                let codec = agreed.sends;
                let layers = section.sent.map_or(LayerSet::NONE, |sent| sent.layers);
                let event = MediaEvent::VideoSendStatusChanged { socket, status: sends, codec, layers };
                self.events.push(event);
            }
            let shows = now_is(section.to_app.as_ref().and(agreed.receives));
            if std::mem::replace(&mut section.shows, shows) != shows {
                let codec = agreed.receives;
                self.events.push(MediaEvent::VideoReceiveStatusChanged { socket, status: shows, codec });
            }
        }
    }

    /// The peer is there: what both ends agreed on is what flows.
    fn connect(&mut self, transport: &impl Transport, now: MediaInstant) {
        if std::mem::replace(&mut self.is_connected, true) {
            return;
        }
        for (index, section) in self.sections.iter_mut().enumerate() {
            let agreed = transport.negotiated_video(index);
            section.clock = agreed.clock;
            if let Some(codec) = agreed.receives {
                section.receiver = VideoReceiver::new(codec);
            }
            let Some(codec) = agreed.sends.filter(|_| section.from_app.is_some()) else { continue };
            let layers = agreed.layers;
            section.lane.agree(Some(codec), layers);
            let has_repair_stream = agreed.has_repair;
            let whole = LayerRates { min: self.limits.min, max: self.limits.max };
            let settings = layers.iter().map(|layer| VideoStreamSettings {
                codec,
                has_repair_stream,
                first_sequence_numbers: (self.first_numbers)(),
                rates: section.rates_of(layer, whole),
            });
            let settings: Vec<_> = settings.collect();
            section.sent = Some(SentLayers { section: self.sender.add_section(&settings, now), layers });
        }
    }

    /// No more than this is sent, where that is less than the settings allow.
    fn limit(&mut self, most: Option<BitRate>, now: MediaInstant) {
        let BandwidthLimits { min, start, max } = self.limits;
        let max = most.map_or(max, |most| most.min(max));
        self.sender.set_limits(BandwidthLimits { min: min.min(max), start: start.min(max), max }, now);
    }

    /// How long the path there and back is.
    fn set_round_trip(&mut self, round_trip: Duration) {
        self.sender.set_round_trip(round_trip);
        self.sections.iter_mut().for_each(|section| section.receiver.set_round_trip(round_trip));
    }

    /// Takes in a packet.
    fn receive(&mut self, packet: &ReceivedVideo, tap: &mut Tap, out: &mut Outbox) {
        let now = packet.arrival_time;
        self.note_arrival(packet.transport_number, now);
        let counters = &self.shared.stats.counters;
        counters.video_packets_received.add(1);
        counters.video_bytes_received.add(packet.payload.len() as u64);
        if packet.is_repair {
            counters.video_retransmitted_packets_received.add(1);
            counters.video_retransmitted_bytes_received.add(packet.payload.len() as u64);
            if packet.payload.is_empty() {
                return;
            }
        }
        let Some(section) = self.sections.get_mut(packet.section) else { return };
        section.receiver.receive(packet.codec, packet.source, &packet.packet());
        section.deliver(packet.section, now, tap, counters, out);
    }

    fn note_arrival(&mut self, number: Option<u16>, now: MediaInstant) {
        let Some(number) = number else { return };
        if let Extended::At(place) | Extended::Restart(place) = self.transport_numbers.extend(number) {
            self.arrivals.note(place, now);
            self.arrivals_due.get_or_insert(now + TELL_ARRIVALS);
        }
    }

    /// Takes in what the peer has fed back.
    fn take_feedback(&mut self, transport: &mut impl Transport, now: MediaInstant) {
        let Self { sections, sender, shared, .. } = self;
        let counters = &shared.stats.counters;
        let stream = |(index, layer): SentStream| {
            let section = sections.get(index)?.sent?.section;
            Some(VideoStreamId { section, layer })
        };
        transport.take_feedback(|feedback| match feedback {
            PeerFeedback::Missing(sent, packets) => {
                counters.video_nack_received_count.add(1);
                stream(sent).into_iter().for_each(|stream| sender.on_nack(stream, packets.iter(), now));
            }
            PeerFeedback::PictureLoss(sent) => {
                counters.video_pli_received_count.add(1);
                stream(sent).into_iter().for_each(|stream| sender.on_key_frame_request(stream, now));
            }
            PeerFeedback::FullIntra(sent, number) => {
                counters.video_fir_received_count.add(1);
                let streams = stream(sent).into_iter();
                streams.for_each(|stream| sender.on_full_intra_request(stream, number, now));
            }
            PeerFeedback::Arrivals(body) => sender.on_feedback(body, now),
        });
    }

    /// Does what is due at `now`: takes what the application gave, passes on frames, asks, answers, and sends what may leave.
    fn drive(&mut self, now: MediaInstant, transport: &mut impl Transport, tap: &mut Tap, out: &mut Outbox) {
        self.shared.video_knock.answer();
        self.take_frames(now, out);
        let counters = &self.shared.stats.counters;
        for (index, section) in self.sections.iter_mut().enumerate() {
            section.ask_for_packets(index, now, transport, &mut self.asked, counters);
            // What was asked for in vain is passed over here.
            section.deliver(index, now, tap, counters, out);
            section.ask_for_key_frame(index, now, transport, tap, counters);
            while let Some(event) = section.receiver.poll_event(now) {
                self.events.push(event_of(section.socket, event, counters));
            }
        }
        self.tell_arrivals(now, transport);
        self.send(now, transport);
    }

    /// When [`drive`](Self::drive) is due.
    fn deadline(&mut self, now: MediaInstant) -> Option<MediaInstant> {
        if !self.is_connected {
            return None;
        }
        let sections = self.sections.iter_mut().filter_map(|section| section.receiver.deadline(now)).min();
        [sections, self.arrivals_due, self.sender.deadline()].into_iter().flatten().min()
    }

    fn take_frames(&mut self, now: MediaInstant, out: &mut Outbox) {
        if !self.is_connected {
            return;
        }
        for section in &mut self.sections {
            let Some(from_app) = &mut section.from_app else { continue };
            let mut is_taken = false;
            while let Some(frame) = from_app.read() {
                is_taken = true;
                let ticks = (frame.captured.as_duration().as_nanos() * RTP_RATE / 1_000_000_000) as u32;
                let stream = section.sent.and_then(|sent| sent.stream_of(frame.layer));
                let sent = stream
                    .map(|stream| self.sender.enqueue(stream, &frame.data, section.clock.plus(ticks), now));
                // What waits for a key frame or finds no room is among those that the sender counts.
                let is_counted =
                    matches!(sent, Some(Ok(()) | Err(NotSent::AwaitsKeyFrame | NotSent::QueueIsFull)));
                self.shared.stats.counters.video_frames_withheld.add((!is_counted).into());
            }
            if is_taken {
                out.press(&section.lane.room);
            }
        }
    }

    fn tell_arrivals(&mut self, now: MediaInstant, transport: &mut impl Transport) {
        if self.arrivals_due.is_none_or(|due| due > now) {
            return;
        }
        self.arrivals_due = None;
        while self.arrivals.is_due() {
            self.body.clear();
            // What cannot be sent is as good as lost, and what comes after it is told as ever.
            if !self.arrivals.write(&mut self.body)
                || transport.send_feedback(OurFeedback::Arrivals(&self.body)).is_err()
            {
                return;
            }
        }
    }

    fn send(&mut self, now: MediaInstant, transport: &mut impl Transport) {
        let counters = &self.shared.stats.counters;
        while let Some(packet) = self.sender.poll_packet(now) {
            let index = index_of(&self.sections, packet.stream);
            let (bytes, sent_as) = (packet.payload.len() as u64, packet.sent_as);
            let is_last = packet.marker && sent_as == SentAs::New;
            if transport.send_video(now, index, packet).is_err() {
                counters.send_errors.add(1);
                continue;
            }
            counters.video_packets_sent.add(1);
            counters.video_bytes_sent.add(bytes);
            counters.video_frames_sent.add(is_last.into());
            // What fills the path repairs nothing.
            if matches!(sent_as, SentAs::Again | SentAs::Repair) {
                counters.video_retransmitted_packets_sent.add(1);
                counters.video_retransmitted_bytes_sent.add(bytes);
            }
        }
        for section in &mut self.sections {
            let streams = section.sent.into_iter().flat_map(SentLayers::streams);
            let sent = streams.filter_map(|stream| self.sender.counters(stream));
            let dropped = sent.map(|sent| sent.frames_dropped).sum();
            counters.video_frames_withheld.add(dropped - std::mem::replace(&mut section.given_up, dropped));
        }
        while let Some(event) = self.sender.poll_event(now) {
            let (VideoSendEvent::KeyFrameNeeded { stream } | VideoSendEvent::TargetRate { stream, .. }) =
                event;
            let section = self.sections.get(index_of(&self.sections, stream));
            let layer = section.and_then(|section| section.sent?.layer_of(stream));
            let (Some(VideoSection { socket, lane, .. }), Some(layer)) = (section, layer) else { continue };
            let socket = *socket;
            self.events.push(match event {
                VideoSendEvent::KeyFrameNeeded { .. } => {
                    lane.need_key_frame(layer);
                    MediaEvent::KeyFrameNeeded { socket, layer }
                }
                VideoSendEvent::TargetRate { rate, .. } => {
                    lane.set_target_rate(layer, rate);
                    MediaEvent::VideoTargetRateChanged { socket, layer, rate }
                }
            });
        }
    }
}

/// The section that sends a stream; beyond the last for none.
fn index_of(sections: &[VideoSection], stream: VideoStreamId) -> VideoIndex {
    let is_other = |section: &&VideoSection| section.sent.is_none_or(|own| own.section != stream.section);
    sections.iter().take_while(is_other).count()
}
