//! What a session sends of video: whole frames in, packets out as the path has room. Told the time; one for all its sections.
//!
//! ```text
//! frame ─► packets ─► history ─► waiting ─┐
//!                        ▲                ├─► pacer ─► packet, with its transport-wide number
//! NACK ──────────────────┴─ to repair ────┘     ▲
//! transport-wide feedback ─► estimate ──────────┴─► shares of sections and layers ─► the encoders
//! ```
//!
//! Retransmissions leave first, then the streams take turns. A frame that has waited for half a second is given up with all that
//! follow, up to a key frame, which the encoder is asked for. Audio does not pass through here and waits for nothing.
//!
//! Where less is sent than the estimate, that grows to one and a half times of what is sent, and further by clusters that are filled
//! with retransmissions (`probing.rs`). A peer without transport-wide feedback is sent what the limits say to start with.

mod key_frames;
mod probing;
mod stream;
#[cfg(test)]
mod tests;
mod types;

use std::time::Duration;

use probing::Probing;
use stream::{Leaving, Stream};
pub use types::{
    NotSent, OutgoingVideo, SentAs, StreamCounters, VideoSendEvent, VideoStreamId, VideoStreamSettings,
};

use super::pacer::Pacer;
use super::simulcast::{LayerRates, MOST_LAYERS, divide, even_share};
use super::twcc::{FeedbackReader, PacketResult};
use super::{BandwidthEstimator, BandwidthLimits, BitRate};
use crate::time::{MediaInstant, RtpTime};

/// What stands around a payload on the wire: IP, UDP, RTP with its extensions, and the tag of SRTP.
const OVERHEAD: usize = 20 + 8 + 12 + 12 + 16;
/// Of the estimate, what frames may have: the rest is [`OVERHEAD`] and repair.
const FOR_FRAMES: f64 = 0.93;
/// An encoder hears of smaller changes not at all, and of others not more often than this.
const CHANGE: f64 = 0.05;
const TOLD_EVERY: Duration = Duration::from_millis(100);
/// A section that has sent nothing for so long leaves its share to the others.
const IDLE: Duration = Duration::from_secs(2);

/// The layers of a section, small ones first.
#[derive(Debug)]
struct Section {
    layers: Vec<Stream>,
    rates: Vec<LayerRates>,
    last_frame: Option<MediaInstant>,
}

impl Section {
    fn wanted(&self) -> BitRate {
        let sum = self.rates.iter().map(|rates| rates.max.bits_per_second()).fold(0, u64::saturating_add);
        BitRate::from_bits_per_second(sum)
    }

    fn is_busy(&self, now: MediaInstant) -> bool {
        self.last_frame.is_some_and(|last| now.since(last) < IDLE)
    }
}

/// Sends the video of a session.
#[derive(Debug)]
pub struct VideoSender {
    sections: Vec<Section>,
    estimator: BandwidthEstimator,
    limits: BandwidthLimits,
    feedback: FeedbackReader,
    results: Vec<PacketResult>,
    pacer: Pacer,
    probing: Probing,
    transport_number: u16,
    round_trip: Duration,
    /// When the encoders were last told their rates.
    told_at: Option<MediaInstant>,
    /// Whose turn it is.
    turn: VideoStreamId,
}

impl VideoSender {
    /// A sender without sections.
    pub fn new(limits: BandwidthLimits) -> Self {
        Self {
            sections: Vec::new(),
            estimator: BandwidthEstimator::new(limits),
            limits,
            feedback: FeedbackReader::default(),
            results: Vec::with_capacity(1024),
            pacer: Pacer::new(limits.start),
            probing: Probing::default(),
            transport_number: 0,
            round_trip: Duration::from_millis(100),
            told_at: None,
            turn: VideoStreamId { section: 0, layer: 0 },
        }
    }

    /// Adds a section with these layers, small ones first, of which three are taken. Gives its number.
    pub fn add_section(&mut self, layers: &[VideoStreamSettings], now: MediaInstant) -> usize {
        let layers = layers.get(..MOST_LAYERS).unwrap_or(layers);
        self.sections.push(Section {
            layers: layers.iter().map(|settings| Stream::new(*settings)).collect(),
            rates: layers.iter().map(|settings| settings.rates).collect(),
            last_frame: None,
        });
        self.share(now);
        self.sections.len() - 1
    }

    /// Other limits for all sections together, from now on.
    pub fn set_limits(&mut self, limits: BandwidthLimits, now: MediaInstant) {
        self.limits = limits;
        self.estimator.set_limits(limits);
        self.share(now);
    }

    /// No more than this for all sections together.
    pub fn set_max(&mut self, max: BitRate, now: MediaInstant) {
        self.set_limits(BandwidthLimits { max, ..self.limits }, now);
    }

    /// How long the path there and back is, as reports say. Default 100 ms.
    pub fn set_round_trip(&mut self, round_trip: Duration) {
        self.round_trip = round_trip;
    }

    /// What the path is believed to carry of video.
    pub fn estimate(&self) -> BitRate {
        self.estimator.estimate()
    }

    /// What was sent of a stream.
    pub fn counters(&self, stream: VideoStreamId) -> Option<StreamCounters> {
        self.sections.get(stream.section)?.layers.get(stream.layer).map(|stream| stream.counters)
    }

    /// Takes in a frame of which `sender_time` says when it was taken, 90 kHz: H.264 in Annex B form, or VP8.
    ///
    /// # Errors
    /// When it is not sent.
    pub fn enqueue(
        &mut self,
        stream: VideoStreamId,
        frame: &[u8],
        sender_time: RtpTime,
        now: MediaInstant,
    ) -> Result<(), NotSent> {
        let section = self.sections.get_mut(stream.section).ok_or(NotSent::NoStream)?;
        let was_busy = section.is_busy(now);
        section.last_frame = Some(now);
        if !was_busy {
            self.share(now);
        }
        self.stream(stream).ok_or(NotSent::NoStream)?.enqueue(frame, sender_time, now)
    }

    /// The next packet that may leave at `now`; none when all has left, or the path has no room yet.
    pub fn poll_packet(&mut self, now: MediaInstant) -> Option<OutgoingVideo<'_>> {
        if !self.pacer.may_send(now) {
            return None;
        }
        self.sections
            .iter_mut()
            .flat_map(|section| &mut section.layers)
            .for_each(|stream| stream.drop_old(now));
        let turn = self.whose_turn();
        let Some(stream) = turn.or_else(|| self.who_fills(now)) else {
            // Nobody shows anything any more.
            let is_idle = !self.sections.iter().any(|section| section.is_busy(now));
            if is_idle && self.estimator.give_up_cluster(now) {
                self.pacer.set_estimate(self.estimator.estimate());
            }
            return None;
        };
        let (number, estimate) = (self.transport_number, self.estimator.estimate());
        let section = self.sections.get_mut(stream.section)?;
        let layer = section.layers.get_mut(stream.layer)?;
        let leaving = match turn {
            Some(turn) => {
                self.turn = turn;
                layer.next(now, number)?
            }
            None => layer.fill()?,
        };
        let (sent_as, sequence_number, transport_number, stored, payload) = match leaving {
            Leaving::New(stored) => (SentAs::New, stored.sequence_number, number, stored, stored.payload()),
            Leaving::Repair(sequence_number, stored) => {
                (SentAs::Repair, sequence_number, number, stored, stored.wrapped())
            }
            Leaving::Filling(sequence_number, stored) => {
                (SentAs::Filling, sequence_number, number, stored, stored.wrapped())
            }
            Leaving::Again(stored) => {
                let number = stored.transport_number;
                (SentAs::Again, stored.sequence_number, number, stored, stored.payload())
            }
        };
        let bytes = payload.len() + OVERHEAD;
        self.pacer.note_sent(bytes, now);
        if sent_as == SentAs::Again {
            self.estimator.forget(transport_number);
        } else {
            let was_cluster = self.estimator.cluster_rate().is_some();
            self.estimator.note_sent(number, bytes, now);
            self.transport_number = number.wrapping_add(1);
            if was_cluster && self.estimator.cluster_rate().is_none() {
                self.pacer.set_estimate(estimate);
            }
        }
        Some(OutgoingVideo {
            stream,
            sent_as,
            sequence_number,
            sender_time: stored.packet.sender_time,
            marker: stored.packet.marker,
            transport_number,
            payload,
        })
    }

    /// The stream that sends next: one that has something to repair, the others in turn.
    fn whose_turn(&self) -> Option<VideoStreamId> {
        let streams = self.sections.iter().enumerate().flat_map(|(section, Section { layers, .. })| {
            layers.iter().enumerate().map(move |(layer, stream)| (VideoStreamId { section, layer }, stream))
        });
        let with_something = streams.filter(|(_, stream)| stream.has_repairs() || stream.has_packets());
        let next = with_something.min_by_key(|(id, stream)| (!stream.has_repairs(), *id <= self.turn, *id));
        next.map(|(id, _)| id)
    }

    /// The stream that fills the path while a cluster leaves.
    fn who_fills(&self, now: MediaInstant) -> Option<VideoStreamId> {
        self.estimator.cluster_rate().and_then(|_| self.who_can_fill(now))
    }

    fn who_can_fill(&self, now: MediaInstant) -> Option<VideoStreamId> {
        let sections = self.sections.iter().enumerate().filter(|(_, section)| section.is_busy(now));
        let mut streams = sections.flat_map(|(section, Section { layers, .. })| {
            layers.iter().enumerate().map(move |(layer, stream)| (VideoStreamId { section, layer }, stream))
        });
        streams.find(|(_, stream)| stream.can_fill()).map(|(id, _)| id)
    }

    /// When [`poll_packet`](Self::poll_packet) or [`poll_event`](Self::poll_event) will have something; `None` when nothing is due
    /// before something else happens.
    pub fn deadline(&self) -> Option<MediaInstant> {
        let filling = || self.who_fills(self.pacer.opens_at());
        let packet = self.whose_turn().or_else(filling).map(|_| self.pacer.opens_at());
        let streams = || self.sections.iter().flat_map(|section| &section.layers);
        let key_frame = streams().filter_map(|stream| stream.key_frames.due_at()).min();
        let rates = streams().any(Stream::has_news).then(|| self.tells_at());
        [packet, key_frame, rates].into_iter().flatten().min()
    }

    /// The far end has not got the packets of this stream with these numbers.
    pub fn on_nack(
        &mut self,
        stream: VideoStreamId,
        numbers: impl IntoIterator<Item = u16>,
        now: MediaInstant,
    ) {
        let round_trip = self.round_trip;
        let Some(stream) = self.stream(stream) else { return };
        for number in numbers {
            stream.counters.packets_asked_for += 1;
            stream.note_missing(number, now, round_trip);
        }
    }

    /// The far end asks for a key frame: PLI.
    pub fn on_key_frame_request(&mut self, stream: VideoStreamId, now: MediaInstant) {
        let round_trip = self.round_trip;
        if let Some(stream) = self.stream(stream) {
            stream.counters.key_frame_requests += 1;
            stream.request_key_frame(now, round_trip);
        }
    }

    /// The far end asks for a key frame: FIR, with the number of the request (RFC 5104 section 4.3.1.1).
    pub fn on_full_intra_request(&mut self, stream: VideoStreamId, number: u8, now: MediaInstant) {
        if self.stream(stream).is_some_and(|stream| stream.key_frames.is_new(number)) {
            self.on_key_frame_request(stream, now);
        }
    }

    /// The body of a transport-wide feedback.
    pub fn on_feedback(&mut self, body: &[u8], now: MediaInstant) {
        self.results.clear();
        // What is cut off is as good as lost; what stands before it holds.
        self.feedback.read(body, |result| self.results.push(result));
        self.estimator.note_feedback(now, self.round_trip, self.results.drain(..));
        if let Some(verdict) = self.estimator.take_verdict() {
            self.probing.note(now, verdict);
        }
        self.share(now);
        self.probe(now);
    }

    /// Lets a cluster leave, where it is time for one.
    fn probe(&mut self, now: MediaInstant) {
        if !self.estimator.has_room() || self.who_can_fill(now).is_none() {
            return;
        }
        let busy = self.sections.iter().filter(|section| section.is_busy(now));
        let wanted = busy.map(|section| section.wanted().bits_per_second()).fold(0, u64::saturating_add);
        let wanted = BitRate::from_bits_per_second(wanted).times(1.0 / FOR_FRAMES).min(self.limits.max);
        if let Some(rate) = self.probing.begins(now, self.estimator.estimate(), wanted) {
            self.estimator.begin_cluster(rate, now);
            self.pacer.set_cluster(rate);
        }
    }

    /// What the encoders have to know at `now`.
    pub fn poll_event(&mut self, now: MediaInstant) -> Option<VideoSendEvent> {
        let tells = now >= self.tells_at() || self.told_at == Some(now);
        for (section, Section { layers, .. }) in self.sections.iter_mut().enumerate() {
            for (layer, stream) in layers.iter_mut().enumerate() {
                let id = VideoStreamId { section, layer };
                if tells && stream.has_news() {
                    self.told_at = Some(now);
                    stream.told = Some(stream.target);
                    return Some(VideoSendEvent::TargetRate { stream: id, rate: stream.target });
                }
                if stream.key_frames.ask(now) {
                    return Some(VideoSendEvent::KeyFrameNeeded { stream: id });
                }
            }
        }
        None
    }

    fn tells_at(&self) -> MediaInstant {
        self.told_at.map_or(MediaInstant::ZERO, |told| told + TOLD_EVERY)
    }

    fn stream(&mut self, id: VideoStreamId) -> Option<&mut Stream> {
        self.sections.get_mut(id.section)?.layers.get_mut(id.layer)
    }

    /// Gives sections and layers their shares of the estimate.
    fn share(&mut self, now: MediaInstant) {
        if self.estimator.cluster_rate().is_none() {
            self.pacer.set_estimate(self.estimator.estimate());
        }
        let total = self.estimator.estimate().times(FOR_FRAMES);
        for at in 0..self.sections.len() {
            // One that is idle is told what it may have when it begins.
            let counts = |(other, section): &(usize, &Section)| *other == at || section.is_busy(now);
            let busy = self.sections.iter().enumerate().filter(counts);
            let share = even_share(total, busy.map(|(_, section)| section.wanted()));
            let Some(section) = self.sections.get_mut(at) else { return };
            let mut before = [BitRate::default(); MOST_LAYERS];
            before.iter_mut().zip(&section.layers).for_each(|(before, layer)| *before = layer.target);
            let rates = divide(share, &section.rates, before);
            section.layers.iter_mut().zip(rates).for_each(|(layer, rate)| layer.set_target(rate));
        }
    }
}
