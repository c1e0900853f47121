//! Writes our session descriptions, as the profile has them (`docs/blob-profile.md`).

use std::fmt::{self, Write};

use crate::blob::peer::{
    HeaderExtensions, LAYER_URI, LEVEL_URI, MID_URI, PayloadTypes, PeerDescription, PeerSection,
    REPAIRED_LAYER_URI, SOURCE_LEVELS_URI, TRANSPORT_NUMBER_URI,
};
use crate::blob::simulcast::LAYER_NAMES;
use crate::blob::video::{VideoFormat, name as codec_name};
use crate::blob::{MediaDirection, SdpType};
use crate::control::MAX_MESSAGE_LEN;
use crate::session::transport::AudioSection;
use crate::video::VideoCodec;

/// The audio sections of a session: one for the mix and our own speech, whose `mid` is the socket's number, and one for each
/// speaker on a stream of its own, as in `0.1`: of the offerer's, those that it would hear; of the answerer's, those that it
/// would send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AudioSections {
    pub(crate) socket: u32,
    pub(crate) unmixed: u8,
}

impl AudioSections {
    /// The names of the sections, in their order.
    pub(super) fn mids(self) -> impl Iterator<Item = String> {
        let Self { socket, unmixed } = self;
        std::iter::once(socket.to_string())
            .chain((1..=unmixed).map(move |stream| format!("{socket}.{stream}")))
    }
}

/// A video section of a session, that of a shared screen included. Its `mid` is the socket's number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VideoSection {
    pub(crate) socket: u32,
    /// As this end would have it.
    pub(crate) direction: MediaDirection,
    /// The preferred one first.
    pub(crate) codecs: Vec<VideoCodec>,
    /// In how many sizes it would send its picture at once, 1 to 3.
    pub(crate) layers: usize,
}

impl VideoSection {
    /// Whether it would send several at once.
    pub(super) fn is_layered(&self) -> bool {
        self.layers > 1 && self.direction.sends()
    }
}

/// The sources of a video section that sends, or of one layer of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct VideoSources {
    pub(super) picture: u32,
    pub(super) repair: u32,
}

/// A port for both, and reports that are as short as they can be (RFC 5761, RFC 5506).
const RTCP: &str = "a=rtcp-mux\r\na=rtcp-rsize\r\n";

/// What all sections of a description share.
pub(super) struct Local<'a> {
    pub(super) kind: SdpType,
    /// Names the description; random.
    pub(super) number: u64,
    pub(super) ice_ufrag: &'a str,
    pub(super) ice_pwd: &'a str,
    /// As in `a=fingerprint`.
    pub(super) fingerprint: &'a str,
    /// As in `a=candidate`.
    pub(super) candidate: &'a str,
    /// The name of this end.
    pub(super) name: &'a str,
}

/// One media section.
pub(super) enum LocalSection<'a> {
    Audio {
        mid: String,
        direction: MediaDirection,
        types: PayloadTypes,
        extensions: HeaderExtensions,
        is_bundled: bool,
        /// Our source, where we send.
        source: Option<u32>,
    },
    Video {
        mid: String,
        direction: MediaDirection,
        formats: Vec<VideoFormat>,
        extensions: HeaderExtensions,
        is_bundled: bool,
        /// Of its only picture, or the largest.
        sources: VideoSources,
        /// In how many sizes it would be sent.
        layers: usize,
    },
    /// The control channel.
    Data {
        mid: String,
        is_bundled: bool,
    },
    Rejected(&'a PeerSection),
}

impl Local<'_> {
    /// The SDP of `sections`.
    pub(super) fn describe(&self, sections: &[LocalSection<'_>]) -> String {
        let mut sdp = String::with_capacity(2048);
        self.write(&mut sdp, sections).expect("a string takes whatever is written");
        sdp
    }

    fn write(&self, out: &mut String, sections: &[LocalSection<'_>]) -> fmt::Result {
        write!(out, "v=0\r\no=- {} 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n", self.number)?;
        let bundled: Vec<&str> = sections.iter().filter_map(LocalSection::bundled).collect();
        if !bundled.is_empty() {
            write!(out, "a=group:BUNDLE {}\r\n", bundled.join(" "))?;
        }
        write!(out, "a=extmap-allow-mixed\r\n")?;
        let mut is_first = true;
        for section in sections {
            match section {
                LocalSection::Rejected(section) => {
                    write!(out, "m={} 0 {} {}\r\n", section.kind, section.protocol, section.formats)?;
                    write!(out, "c=IN IP4 0.0.0.0\r\n")?;
                    if let Some(mid) = &section.mid {
                        write!(out, "a=mid:{mid}\r\n")?;
                    }
                    write!(out, "a=inactive\r\n")?;
                }
                LocalSection::Audio { mid, direction, types, extensions, source, .. } => {
                    let numbers = [Some(types.opus), types.red, types.telephone_event];
                    let numbers: Vec<String> = numbers.iter().flatten().map(u8::to_string).collect();
                    write!(out, "m=audio 9 UDP/TLS/RTP/SAVPF {}\r\n", numbers.join(" "))?;
                    self.write_transport(out, mid)?;
                    write!(out, "{RTCP}")?;
                    write_codecs(out, *types)?;
                    write_extensions(out, *extensions)?;
                    if let Some(ssrc) = source.filter(|_| direction.sends()) {
                        // Each section is a track of its own.
                        write!(out, "a=msid:offhook audio-{mid}\r\n")?;
                        write!(out, "a=ssrc:{ssrc} cname:{}\r\n", self.name)?;
                    }
                    self.write_end(out, *direction, &mut is_first)?;
                }
                LocalSection::Video { mid, direction, formats, extensions, sources, layers, .. } => {
                    let numbers = formats.iter().flat_map(|format| [Some(format.number), format.repair]);
                    let numbers: Vec<String> = numbers.flatten().map(|number| number.to_string()).collect();
                    write!(out, "m=video 9 UDP/TLS/RTP/SAVPF {}\r\n", numbers.join(" "))?;
                    self.write_transport(out, mid)?;
                    write!(out, "{RTCP}")?;
                    formats.iter().try_for_each(|format| write_format(out, format))?;
                    write_extensions(out, *extensions)?;
                    if direction.sends() {
                        self.write_sources(out, mid, *sources, formats)?;
                        write_layers(out, *layers)?;
                    }
                    self.write_end(out, *direction, &mut is_first)?;
                }
                LocalSection::Data { mid, .. } => {
                    write!(out, "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n")?;
                    self.write_transport(out, mid)?;
                    write!(out, "a=sctp-port:5000\r\na=max-message-size:{MAX_MESSAGE_LEN}\r\n")?;
                    self.write_place(out, &mut is_first)?;
                }
            }
        }
        Ok(())
    }

    /// The direction; and where we are, once.
    fn write_end(&self, out: &mut String, direction: MediaDirection, is_first: &mut bool) -> fmt::Result {
        write!(out, "a={}\r\n", direction_name(direction))?;
        self.write_place(out, is_first)
    }

    fn write_place(&self, out: &mut String, is_first: &mut bool) -> fmt::Result {
        if std::mem::take(is_first) {
            write!(out, "a=candidate:{}\r\na=end-of-candidates\r\n", self.candidate)?;
        }
        Ok(())
    }

    fn write_sources(
        &self,
        out: &mut String,
        mid: &str,
        VideoSources { picture, repair }: VideoSources,
        formats: &[VideoFormat],
    ) -> fmt::Result {
        write!(out, "a=msid:offhook video-{mid}\r\n")?;
        let has_repair = formats.iter().any(|format| format.repair.is_some());
        if has_repair {
            write!(out, "a=ssrc-group:FID {picture} {repair}\r\n")?;
        }
        write!(out, "a=ssrc:{picture} cname:{}\r\n", self.name)?;
        if has_repair {
            write!(out, "a=ssrc:{repair} cname:{}\r\n", self.name)?;
        }
        Ok(())
    }

    fn write_transport(&self, out: &mut String, mid: &str) -> fmt::Result {
        let setup = match self.kind {
            SdpType::Offer => "actpass",
            // The answerer is the DTLS client, as it is ready first.
            SdpType::Answer => "active",
        };
        write!(out, "c=IN IP4 0.0.0.0\r\na=setup:{setup}\r\na=mid:{mid}\r\n")?;
        write!(out, "a=ice-ufrag:{}\r\na=ice-pwd:{}\r\n", self.ice_ufrag, self.ice_pwd)?;
        write!(out, "a=fingerprint:{}\r\n", self.fingerprint)
    }
}

impl LocalSection<'_> {
    fn bundled(&self) -> Option<&str> {
        match self {
            Self::Audio { mid, is_bundled: true, .. }
            | Self::Video { mid, is_bundled: true, .. }
            | Self::Data { mid, is_bundled: true } => Some(mid),
            _ => None,
        }
    }
}

fn write_codecs(out: &mut String, types: PayloadTypes) -> fmt::Result {
    let PayloadTypes { opus, red, telephone_event } = types;
    write!(out, "a=rtpmap:{opus} opus/48000/2\r\na=fmtp:{opus} minptime=10;useinbandfec=1\r\n")?;
    if let Some(red) = red {
        write!(out, "a=rtpmap:{red} red/48000/2\r\na=fmtp:{red} {opus}/{opus}\r\n")?;
    }
    if let Some(event) = telephone_event {
        write!(out, "a=rtpmap:{event} telephone-event/48000\r\na=fmtp:{event} 0-16\r\n")?;
    }
    Ok(())
}

fn write_format(out: &mut String, format: &VideoFormat) -> fmt::Result {
    let VideoFormat { codec, number, repair, parameters, feedback } = format;
    write!(out, "a=rtpmap:{number} {}\r\n", codec_name(*codec))?;
    if let Some(parameters) = parameters {
        write!(out, "a=fmtp:{number} {parameters}\r\n")?;
    }
    for (_, kind) in feedback.named().into_iter().filter(|(is_known, _)| *is_known) {
        write!(out, "a=rtcp-fb:{number} {kind}\r\n")?;
    }
    if let Some(repair) = repair {
        write!(out, "a=rtpmap:{repair} rtx/90000\r\na=fmtp:{repair} apt={number}\r\n")?;
    }
    Ok(())
}

/// The sizes that the picture would be sent in (RFC 8853). Their sources are known by the names in packets; those that are announced are
/// of what a peer without simulcast is sent.
fn write_layers(out: &mut String, layers: usize) -> fmt::Result {
    let names: Vec<_> = LAYER_NAMES.into_iter().take(layers).collect();
    if names.len() < 2 {
        return Ok(());
    }
    names.iter().try_for_each(|name| write!(out, "a=rid:{name} send\r\n"))?;
    write!(out, "a=simulcast:send {}\r\n", names.join(";"))
}

fn write_extensions(out: &mut String, extensions: HeaderExtensions) -> fmt::Result {
    let HeaderExtensions { level, source_levels, mid, transport_number, layer, repaired_layer } = extensions;
    for (number, uri) in [
        (level, LEVEL_URI),
        (source_levels, SOURCE_LEVELS_URI),
        (mid, MID_URI),
        (transport_number, TRANSPORT_NUMBER_URI),
        (layer, LAYER_URI),
        (repaired_layer, REPAIRED_LAYER_URI),
    ] {
        if let Some(number) = number {
            write!(out, "a=extmap:{number} {uri}\r\n")?;
        }
    }
    Ok(())
}

fn direction_name(direction: MediaDirection) -> &'static str {
    match direction {
        MediaDirection::SendReceive => "sendrecv",
        MediaDirection::SendOnly => "sendonly",
        MediaDirection::ReceiveOnly => "recvonly",
        MediaDirection::Inactive => "inactive",
    }
}

/// The answer to a section of an offer: the socket's own one as far as it goes, its speakers' streams, of which this end may
/// have some, and no to the rest. `source` says what we would send on a section from.
pub(super) fn answer_section<'a>(
    offered: &'a PeerSection,
    socket: u32,
    source: impl Fn(AudioSection) -> Option<u32>,
) -> LocalSection<'a> {
    let (Some(mid), Some(types), true) = (&offered.mid, offered.payload_types, offered.is_in_use) else {
        return LocalSection::Rejected(offered);
    };
    let (wanted, source) = match mid.strip_prefix(&socket.to_string()).map(|rest| rest.split_at_checked(1)) {
        Some(None) => (MediaDirection::SendReceive, source(0)),
        Some(Some((".", stream))) => match stream.parse().ok().filter(|&nth| nth > 0).and_then(source) {
            Some(source) => (MediaDirection::SendOnly, Some(source)),
            None => (MediaDirection::Inactive, None),
        },
        _ => return LocalSection::Rejected(offered),
    };
    LocalSection::Audio {
        mid: mid.clone(),
        direction: wanted.answer_to(offered.direction),
        types,
        // The others are for packets of video only.
        extensions: HeaderExtensions {
            transport_number: None,
            layer: None,
            repaired_layer: None,
            ..offered.extensions
        },
        is_bundled: offered.is_bundled,
        source,
    }
}

/// The answer to a section that a video socket of ours takes: the codecs that both ends have, as the offer prefers them.
pub(super) fn answer_video<'a>(
    offered: &'a PeerSection,
    wanted: &VideoSection,
    sources: VideoSources,
) -> LocalSection<'a> {
    let formats = offered.video.iter().filter(|format| wanted.codecs.contains(&format.codec)).cloned();
    let formats: Vec<VideoFormat> = formats.collect();
    if formats.is_empty() || !offered.is_in_use {
        return LocalSection::Rejected(offered);
    }
    LocalSection::Video {
        mid: wanted.socket.to_string(),
        direction: wanted.direction.answer_to(offered.direction),
        formats,
        // One socket shows one picture, so that of several sizes one is received; and an answer sends one.
        extensions: HeaderExtensions {
            level: None,
            source_levels: None,
            layer: None,
            repaired_layer: None,
            ..offered.extensions
        },
        is_bundled: offered.is_bundled,
        sources,
        layers: 1,
    }
}

/// How many of the speakers' sections that `sections` has the offer would hear: the first ones, without a gap.
pub(super) fn speakers_heard(peer: &PeerDescription, sections: AudioSections) -> u8 {
    let hears = |mid: &String| {
        let mut offered = peer.sections.iter();
        let section = offered.find(|section| section.mid.as_ref() == Some(mid));
        section.is_some_and(|section| section.is_in_use && section.direction.receives())
    };
    sections.mids().skip(1).take_while(hears).count() as u8
}
