//! The streams that one video section sends: its picture in one size, or in several at once, each with its retransmissions.

use uuid::Uuid;

use crate::blob::peer::PeerSection;
use crate::blob::simulcast::LAYER_NAMES;
use crate::session::connection::describe::VideoSources;
use crate::session::connection::reports::Sent;
use crate::time::{MediaInstant, RtpTime};
use crate::video::simulcast::LayerSet;
use crate::wire::rtcp::SenderReport;

/// What we send on one section.
#[derive(Debug)]
pub(super) struct OwnVideo {
    /// Until there is an answer all that are offered; then those that it takes. Small ones first.
    layers: Vec<Layer>,
    /// Packets name the layer that they are of.
    is_named: bool,
    /// What the clock of 90 kHz of all layers showed when the platform began.
    clock: RtpTime,
}

#[derive(Debug)]
struct Layer {
    /// Among those that were offered.
    number: usize,
    sources: VideoSources,
    picture: Sent,
    repair: Sent,
}

/// One RTP stream of them.
pub(super) struct Stream<'a> {
    pub(super) ssrc: u32,
    pub(super) sent: &'a mut Sent,
    /// Of its layer, where packets have to say it.
    pub(super) name: Option<&'static [u8]>,
}

/// Whether packets can have an extension of that number: the short form has no room for others (RFC 8285 section 4.2).
pub(super) fn can_say(number: Option<u8>) -> bool {
    number.is_some_and(|number| (1..15).contains(&number))
}

impl OwnVideo {
    /// Of as many layers, with their sources from out of `sources`.
    pub(super) fn new(layers: usize, sources: &mut impl Iterator<Item = u32>) -> Self {
        let (clock, ..) = Uuid::new_v4().as_fields();
        let layer = |number| {
            let sources = VideoSources { picture: sources.next()?, repair: sources.next()? };
            Some(Layer { number, sources, picture: Sent::default(), repair: Sent::default() })
        };
        Self { layers: (0..layers).map_while(layer).collect(), is_named: false, clock: RtpTime(clock) }
    }

    /// Takes what the answer says of the layers, which were offered if it `is_layered`. Without names in packets nobody could tell
    /// them apart; then, and where the answer takes none, the largest remains.
    pub(super) fn agree(&mut self, peer: &PeerSection, is_layered: bool) {
        let can_name = is_layered && can_say(peer.extensions.layer) && can_say(peer.extensions.mid);
        let takes = |layer: &Layer| {
            let name = LAYER_NAMES.get(layer.number);
            name.is_some_and(|name| peer.receives_layers.iter().any(|taken| taken == name))
        };
        self.is_named = can_name && self.layers.iter().any(takes);
        if self.is_named {
            self.layers.retain(takes);
        } else {
            self.layers.drain(..self.layers.len().saturating_sub(1));
        }
    }

    /// Which of those that were offered are sent.
    pub(super) fn agreed(&self) -> LayerSet {
        self.layers.iter().map(|layer| layer.number).collect()
    }

    /// Whether packets name the layer that they are of.
    pub(super) fn is_named(&self) -> bool {
        self.is_named
    }

    /// The sources of the largest layer.
    pub(super) fn largest(&self) -> Option<VideoSources> {
        self.layers.last().map(|layer| layer.sources)
    }

    pub(super) fn clock(&self) -> RtpTime {
        self.clock
    }

    /// The place of the layer whose picture has that source.
    pub(super) fn layer_of(&self, picture: u32) -> Option<usize> {
        self.layers.iter().position(|layer| layer.sources.picture == picture)
    }

    /// The stream of the layer at that place, or that of its retransmissions.
    pub(super) fn stream(&mut self, layer: usize, is_repair: bool) -> Option<Stream<'_>> {
        let Layer { number, sources, picture, repair } = self.layers.get_mut(layer)?;
        let name = LAYER_NAMES.get(*number).filter(|_| self.is_named).map(|name| name.as_bytes());
        let (ssrc, sent) = if is_repair { (sources.repair, repair) } else { (sources.picture, picture) };
        Some(Stream { ssrc, sent, name })
    }

    /// The source of each layer, and what there is to report of it.
    pub(super) fn reports(
        &self,
        now: MediaInstant,
        rate: u64,
    ) -> impl Iterator<Item = (u32, Option<SenderReport>)> + Clone {
        self.layers.iter().map(move |layer| (layer.sources.picture, layer.picture.report(now, rate)))
    }
}
