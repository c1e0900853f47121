//! What a description that was checked says to the one who connects: the peer's transport, and what each of its media
//! sections carries.
//!
//! What the profile leaves open (redundancy, telephone events, header extensions, announced sources) is optional: a line of
//! these that cannot be read counts as not written.

use std::net::IpAddr;

use super::description::{self, DescriptionError};
use super::profile::{MediaDirection, SdpType};
use super::sdp::{Attributes, Sdp, Section};
use super::simulcast;
use super::video::{self, VideoFormat};

/// The payload types of an audio section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PayloadTypes {
    /// `opus/48000/2` (RFC 7587).
    pub(crate) opus: u8,
    /// `red/48000/2` of that Opus (RFC 2198).
    pub(crate) red: Option<u8>,
    /// `telephone-event/48000` (RFC 4733).
    pub(crate) telephone_event: Option<u8>,
}

/// The numbers of the header extensions (RFC 8285) that are understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HeaderExtensions {
    /// How loud the packet is (RFC 6464).
    pub(crate) level: Option<u8>,
    /// How loud each contributing source is (RFC 6465).
    pub(crate) source_levels: Option<u8>,
    /// Which section the packet belongs to (RFC 9143 section 15).
    pub(crate) mid: Option<u8>,
    /// The number that all packets of video count together (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 2).
    pub(crate) transport_number: Option<u8>,
    /// Which layer of the section's picture the packet is of (RFC 8852 section 3.1).
    pub(crate) layer: Option<u8>,
    /// Of a retransmission, which layer it repairs (RFC 8852 section 3.2).
    pub(crate) repaired_layer: Option<u8>,
}

pub(crate) const LEVEL_URI: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
pub(crate) const SOURCE_LEVELS_URI: &str = "urn:ietf:params:rtp-hdrext:csrc-audio-level";
pub(crate) const MID_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
pub(crate) const TRANSPORT_NUMBER_URI: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
pub(crate) const LAYER_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
pub(crate) const REPAIRED_LAYER_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";

/// The peer's side of a session.
#[derive(Clone, Debug)]
pub(crate) struct PeerDescription {
    pub(crate) ice_ufrag: String,
    pub(crate) ice_pwd: String,
    /// The SHA-256 of the certificate that the peer must show.
    pub(crate) fingerprint: [u8; 32],
    /// The values of `a=candidate` that can be tried: those of the one component, over UDP, with an IP address.
    pub(crate) candidates: Vec<String>,
    /// In their order.
    pub(crate) sections: Vec<PeerSection>,
}

/// A media section as the peer describes it.
#[derive(Clone, Debug)]
pub(crate) struct PeerSection {
    /// As in `m=`: `audio`.
    pub(crate) kind: String,
    pub(crate) protocol: String,
    pub(crate) formats: String,
    pub(crate) mid: Option<String>,
    pub(crate) is_bundled: bool,
    /// Whether anything flows: it is not rejected.
    pub(crate) is_in_use: bool,
    /// As the peer sees it.
    pub(crate) direction: MediaDirection,
    /// What it carries of sound; `None` without Opus.
    pub(crate) payload_types: Option<PayloadTypes>,
    /// What it carries of pictures, in the order of preference: one format of each codec that is known here.
    pub(crate) video: Vec<VideoFormat>,
    pub(crate) extensions: HeaderExtensions,
    /// Sources that are announced (RFC 5576).
    pub(crate) sources: Vec<u32>,
    /// The longest message that it takes on data channels, where it has them as they are spoken here.
    pub(crate) longest_message: Option<usize>,
    /// Announced pairs of a source and that of its retransmissions (RFC 4588 section 8.8).
    pub(crate) repairs: Vec<(u32, u32)>,
    /// The names of the layers that it would receive at once (RFC 8853).
    pub(crate) receives_layers: Vec<String>,
}

impl PeerDescription {
    /// Reads an SDP that the profile has checked.
    ///
    /// # Errors
    /// When no section is in use, or the SDP was not checked.
    pub(crate) fn read(kind: SdpType, sdp: &str) -> Result<Self, DescriptionError> {
        let sdp = Sdp::read(sdp)?;
        let in_use = |section: &&Section<'_>| !description::is_rejected(&sdp, section, kind);
        let first = sdp.sections.iter().find(in_use).ok_or(DescriptionError::NothingInUse)?;
        let tagged = sdp.bundle().next().and_then(|mid| sdp.section(mid));
        let tagged = tagged.filter(in_use).filter(|_| description::is_bundled(&sdp, first));
        let places = [Some(&first.own), tagged.map(|tagged| &tagged.own), Some(&sdp.session)];
        let missing =
            |missing| DescriptionError::Missing { section: first.name(), line: first.line, missing };
        let find = |what: fn(&Attributes<'_>) -> Option<String>, name| {
            places.iter().flatten().find_map(|place| what(place)).ok_or_else(|| missing(name))
        };
        let fingerprint = find(|place| place.fingerprint.map(str::to_owned), "a=fingerprint")?;
        let attributes = sdp.sections.iter().filter(in_use).flat_map(|section| &section.own.all);
        let candidates = attributes.filter(|(name, value)| *name == "candidate" && can_be_tried(value));
        Ok(Self {
            ice_ufrag: find(|place| place.ice_ufrag.map(str::to_owned), "a=ice-ufrag")?,
            ice_pwd: find(|place| place.ice_pwd.map(str::to_owned), "a=ice-pwd")?,
            fingerprint: digest(&fingerprint).ok_or_else(|| missing("a=fingerprint"))?,
            candidates: candidates.map(|(_, value)| (*value).to_owned()).collect(),
            sections: sdp
                .sections
                .iter()
                .map(|section| PeerSection::read(&sdp, section, in_use(&section)))
                .collect(),
        })
    }
}

impl PeerSection {
    fn read(sdp: &Sdp<'_>, section: &Section<'_>, is_in_use: bool) -> Self {
        let own = &section.own;
        Self {
            kind: section.kind.to_owned(),
            protocol: section.protocol.to_owned(),
            formats: section.formats.to_owned(),
            mid: own.mid.map(str::to_owned),
            is_bundled: description::is_bundled(sdp, section),
            is_in_use,
            direction: own.direction.unwrap_or(MediaDirection::Inactive),
            payload_types: payload_types(section),
            video: video::formats(section),
            extensions: extensions(own),
            sources: values(own, "ssrc").filter_map(|value| value.split(' ').next()?.parse().ok()).collect(),
            longest_message: longest_message(section),
            repairs: values(own, "ssrc-group").filter_map(video::repair).collect(),
            receives_layers: simulcast::received(own).into_iter().map(str::to_owned).collect(),
        }
    }
}

/// Data channels over SCTP on the port that WebRTC has for it (RFC 8841).
fn longest_message(section: &Section<'_>) -> Option<usize> {
    let said = |name| values(&section.own, name).next();
    let is_spoken = section.kind == "application" && section.formats == "webrtc-datachannel";
    if !is_spoken || said("sctp-port") != Some("5000") {
        return None;
    }
    // Section 6.1: 64 KiB where nothing is said; zero for any length.
    let longest = said("max-message-size").and_then(|size| size.parse().ok()).unwrap_or(65_536);
    Some(if longest == 0 { usize::MAX } else { longest })
}

pub(super) fn values<'a>(attributes: &Attributes<'a>, wanted: &str) -> impl Iterator<Item = &'a str> {
    attributes.all.iter().filter(move |(name, _)| *name == wanted).map(|(_, value)| *value)
}

/// The payload types of a section, in the order of preference.
pub(super) fn types<'a>(section: &Section<'a>) -> impl Iterator<Item = u8> + use<'a> {
    section.formats.split(' ').filter_map(|format| format.parse().ok()).filter(|number| *number < 128)
}

/// What a section says of a payload type in that attribute: the values behind the number.
pub(super) fn said_of<'a>(
    section: &Section<'a>,
    number: u8,
    attribute: &str,
) -> impl Iterator<Item = &'a str> {
    let values = values(&section.own, attribute).filter_map(|value| value.split_once(' '));
    values.filter(move |(of, _)| of.parse() == Ok(number)).map(|(_, value)| value)
}

/// Whether a payload type is `codec`, as in `opus/48000/2`.
pub(super) fn is(section: &Section<'_>, number: u8, codec: &str) -> bool {
    said_of(section, number, "rtpmap").any(|name| name.eq_ignore_ascii_case(codec))
}

fn payload_types(section: &Section<'_>) -> Option<PayloadTypes> {
    let types = || types(section);
    let is = |number: u8, codec: &str| is(section, number, codec);
    let opus = types().find(|number| is(*number, "opus/48000/2"))?;
    // Copies of another codec, or of none that is said, are not ours to read.
    let is_of_opus = |number: &u8| {
        said_of(section, *number, "fmtp").any(|list| list.split('/').all(|of| of.trim().parse() == Ok(opus)))
    };
    Some(PayloadTypes {
        opus,
        red: types().filter(|number| is(*number, "red/48000/2")).find(is_of_opus),
        telephone_event: types().find(|number| is(*number, "telephone-event/48000")),
    })
}

/// `1 urn:ietf:params:rtp-hdrext:ssrc-audio-level` (RFC 8285 section 5). A number that says a direction, and not that both
/// ends may use it, is left out.
fn extensions(attributes: &Attributes<'_>) -> HeaderExtensions {
    let numbers = |wanted: &str| {
        let mut said = values(attributes, "extmap").filter_map(|value| value.split_once(' '));
        let (number, _) = said.find(|(_, uri)| uri.split(' ').next() == Some(wanted))?;
        number.parse().ok().filter(|number| *number > 0)
    };
    HeaderExtensions {
        level: numbers(LEVEL_URI),
        source_levels: numbers(SOURCE_LEVELS_URI),
        mid: numbers(MID_URI),
        transport_number: numbers(TRANSPORT_NUMBER_URI),
        layer: numbers(LAYER_URI),
        repaired_layer: numbers(REPAIRED_LAYER_URI),
    }
}

/// Names are looked up by nobody, and there is one component.
fn can_be_tried(candidate: &str) -> bool {
    let mut parts = candidate.split(' ').skip(1);
    let (component, transport) = (parts.next(), parts.next());
    let address = parts.nth(1).and_then(|address| address.parse::<IpAddr>().ok());
    component == Some("1")
        && transport.is_some_and(|name| name.eq_ignore_ascii_case("udp"))
        && address.is_some()
}

/// The bytes of `sha-256 AB:CD:...`.
fn digest(fingerprint: &str) -> Option<[u8; 32]> {
    let (_, digest) = fingerprint.split_once(' ')?;
    let bytes =
        digest.split(':').map(|byte| u8::from_str_radix(byte, 16).ok()).collect::<Option<Vec<_>>>()?;
    bytes.try_into().ok()
}
