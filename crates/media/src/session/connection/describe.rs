//! Writes our session descriptions, as the profile has them (`docs/blob-profile.md`).

use std::fmt::{self, Write};

use crate::blob::peer::{
    HeaderExtensions, LEVEL_URI, MID_URI, PayloadTypes, PeerDescription, PeerSection, SOURCE_LEVELS_URI,
};
use crate::blob::{MediaDirection, SdpType};
use crate::session::transport::AudioSection;

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
                    write_codecs(out, *types)?;
                    write_extensions(out, *extensions)?;
                    if let Some(ssrc) = source.filter(|_| direction.sends()) {
                        // Each section is a track of its own.
                        write!(out, "a=msid:offhook audio-{mid}\r\n")?;
                        write!(out, "a=ssrc:{ssrc} cname:{}\r\n", self.name)?;
                    }
                    write!(out, "a={}\r\n", direction_name(*direction))?;
                    if std::mem::take(&mut is_first) {
                        write!(out, "a=candidate:{}\r\na=end-of-candidates\r\n", self.candidate)?;
                    }
                }
            }
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
        write!(out, "a=fingerprint:{}\r\na=rtcp-mux\r\na=rtcp-rsize\r\n", self.fingerprint)
    }
}

impl LocalSection<'_> {
    fn bundled(&self) -> Option<&str> {
        match self {
            Self::Audio { mid, is_bundled: true, .. } => Some(mid),
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

fn write_extensions(out: &mut String, extensions: HeaderExtensions) -> fmt::Result {
    let HeaderExtensions { level, source_levels, mid } = extensions;
    for (number, uri) in [(level, LEVEL_URI), (source_levels, SOURCE_LEVELS_URI), (mid, MID_URI)] {
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
        extensions: offered.extensions,
        is_bundled: offered.is_bundled,
        source,
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
