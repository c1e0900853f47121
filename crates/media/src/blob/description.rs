//! What the profile asks of a session description, checked before any WebRTC core sees it (RFC 8866, 8829, 8842).

use super::profile::{Modality, OffhookBlob, SdpType, SocketDescription};

/// Lines of an SDP. One of ours has about 30; a browser's with all its codecs, some hundreds.
const MAX_LINES: usize = 4_096;

/// What a session description lacks or says wrongly. Names the section by its `mid`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DescriptionError {
    /// No SDP: it has to begin with `v=0`.
    #[error("does not begin with v=0")]
    NotSdp,
    /// More lines than any description needs.
    #[error("has more than {MAX_LINES} lines")]
    TooLong,
    /// A line is not of the form `x=value`.
    #[error("line {0} is not of the form x=value")]
    Line(usize),
    /// A socket has no media section with its id as `mid`.
    #[error("has no media section with mid {0}")]
    NoSection(u32),
    /// The section's kind does not go with the socket's modality.
    #[error("section {mid}: its kind does not go with the socket's modality")]
    WrongKind {
        /// The section.
        mid: u32,
    },
    /// The section lacks what the profile asks for.
    #[error("section {mid}: {missing} is missing")]
    Missing {
        /// The section.
        mid: u32,
        /// What.
        missing: &'static str,
    },
    /// The DTLS fingerprint is malformed, or its hash is not trusted any more (RFC 8122 section 5).
    #[error("section {mid}: the DTLS fingerprint is malformed or of an unsafe hash")]
    Fingerprint {
        /// The section.
        mid: u32,
    },
    /// The DTLS role does not fit: an offer says `actpass`, an answer `active` or `passive`.
    #[error("section {mid}: setup:{setup} does not fit here")]
    Setup {
        /// The section.
        mid: u32,
        /// What was said, if it is a known role.
        setup: &'static str,
    },
}

/// One media section, with the session's attributes behind its own.
struct Section<'a> {
    media: &'a str,
    attributes: Vec<&'a str>,
}

impl<'a> Section<'a> {
    fn value(&self, name: &str) -> Option<&'a str> {
        self.values(name).next()
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let name = name.to_owned();
        self.attributes.iter().filter_map(move |attribute| {
            let (key, value) = attribute.split_once(':').unwrap_or((attribute, ""));
            (key == name).then_some(value)
        })
    }
}

/// Checks that the SDP of `blob` holds what the profile asks for, for each of its sockets.
pub(super) fn check(blob: &OffhookBlob) -> Result<(), DescriptionError> {
    let sections = sections(&blob.description.sdp)?;
    blob.sockets.iter().try_for_each(|socket| {
        let mid = socket.id.0;
        let section = sections.iter().find(|section| section.value("mid") == Some(&mid.to_string()));
        check_section(section.ok_or(DescriptionError::NoSection(mid))?, socket, blob.description.kind)
    })
}

fn sections(sdp: &str) -> Result<Vec<Section<'_>>, DescriptionError> {
    let mut lines = sdp.lines().enumerate();
    if lines.next().is_none_or(|(_, line)| line.trim_end() != "v=0") {
        return Err(DescriptionError::NotSdp);
    }
    let (mut session, mut sections): (Vec<&str>, Vec<Section<'_>>) = (Vec::new(), Vec::new());
    for (number, line) in lines {
        if number >= MAX_LINES {
            return Err(DescriptionError::TooLong);
        }
        let (kind, value) = line.trim_end().split_once('=').ok_or(DescriptionError::Line(number + 1))?;
        match (kind, sections.last_mut()) {
            ("m", _) => sections.push(Section { media: value, attributes: Vec::new() }),
            ("a", Some(section)) => section.attributes.push(value),
            ("a", None) => session.push(value),
            _ => {}
        }
    }
    sections.iter_mut().for_each(|section| section.attributes.extend(&session));
    Ok(sections)
}

fn check_section(
    section: &Section<'_>,
    socket: &SocketDescription,
    kind: SdpType,
) -> Result<(), DescriptionError> {
    let mid = socket.id.0;
    let media = section.media.split(' ').next().unwrap_or_default();
    let expected = match socket.modality {
        Modality::Audio => "audio",
        Modality::Video | Modality::VideoBasedScreenSharing => "video",
        Modality::Data => "application",
    };
    if media != expected {
        return Err(DescriptionError::WrongKind { mid });
    }
    for (attribute, missing) in [
        ("ice-ufrag", "a=ice-ufrag"),
        ("ice-pwd", "a=ice-pwd"),
        ("fingerprint", "a=fingerprint"),
        ("setup", "a=setup"),
    ] {
        if section.value(attribute).is_none_or(str::is_empty) {
            return Err(DescriptionError::Missing { mid, missing });
        }
    }
    if socket.modality != Modality::Data && section.value("rtcp-mux").is_none() {
        return Err(DescriptionError::Missing { mid, missing: "a=rtcp-mux" });
    }
    if socket.modality == Modality::Audio && !section.values("rtpmap").any(is_opus) {
        return Err(DescriptionError::Missing { mid, missing: "Opus at 48000/2" });
    }
    if !section.values("fingerprint").all(is_safe_fingerprint) {
        return Err(DescriptionError::Fingerprint { mid });
    }
    check_setup(section, mid, kind)
}

fn check_setup(section: &Section<'_>, mid: u32, kind: SdpType) -> Result<(), DescriptionError> {
    let known = ["active", "passive", "actpass", "holdconn"];
    let said = section.value("setup").and_then(|said| known.into_iter().find(|known| *known == said));
    match (kind, said.unwrap_or("?")) {
        (SdpType::Offer, "actpass") | (SdpType::Answer, "active" | "passive") => Ok(()),
        (_, setup) => Err(DescriptionError::Setup { mid, setup }),
    }
}

/// `111 opus/48000/2` (RFC 7587 section 7).
fn is_opus(rtpmap: &str) -> bool {
    rtpmap.split_once(' ').is_some_and(|(_, codec)| codec.trim().eq_ignore_ascii_case("opus/48000/2"))
}

/// `sha-256 AB:CD:...`, with as many bytes as the hash has.
fn is_safe_fingerprint(value: &str) -> bool {
    let Some((hash, digest)) = value.split_once(' ') else { return false };
    let bytes = match hash.to_ascii_lowercase().as_str() {
        "sha-256" => 32,
        "sha-384" => 48,
        "sha-512" => 64,
        _ => return false,
    };
    let is_byte = |part: &str| part.len() == 2 && part.bytes().all(|digit| digit.is_ascii_hexdigit());
    digest.split(':').count() == bytes && digest.split(':').all(is_byte)
}
