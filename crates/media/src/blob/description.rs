//! What the profile asks of a session description, checked before any WebRTC core sees it (RFC 8829, 8842, 9143).

use super::profile::{MediaDirection, Modality, SdpType, SocketDescription};
use super::sdp::{Attributes, MAX_CANDIDATES, MAX_LINES, MAX_SECTIONS, Sdp, Section, Setup};

/// What a session description lacks or says wrongly. Lines count from 1; a section is named by its `mid`, and its
/// line is that of its `m=`. Nothing that is secret is quoted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DescriptionError {
    /// No SDP: it has to begin with `v=0`.
    #[error("does not begin with v=0")]
    NotSdp,
    /// More lines than any description needs.
    #[error("has more than {MAX_LINES} lines")]
    TooLong,
    /// More media sections than any session needs.
    #[error("has more than {MAX_SECTIONS} media sections")]
    TooManySections,
    /// More ICE candidates than are tried.
    #[error("has more than {MAX_CANDIDATES} ICE candidates")]
    TooManyCandidates,
    /// No ICE candidate at all: none can follow later (no trickle), so the writer did not wait for its gathering.
    #[error("has no ICE candidate; all must be gathered before the description is written")]
    NoCandidate,
    /// A line is not of the form `x=value`.
    #[error("line {line} is not of the form x=value")]
    Line {
        /// Which.
        line: usize,
    },
    /// A line that the profile looks at cannot be read.
    #[error("line {line}: {what} is malformed")]
    Malformed {
        /// Which.
        line: usize,
        /// What it begins with.
        what: &'static str,
    },
    /// A DTLS fingerprint is of a hash that is not trusted (RFC 8122 section 5).
    #[error("line {line}: the fingerprint's hash is none of sha-256, sha-384, sha-512")]
    UnsafeHash {
        /// Which.
        line: usize,
    },
    /// The first DTLS fingerprint is of another hash than the one that every peer knows (RFC 8122 section 5).
    #[error("line {line}: the first fingerprint is not of sha-256")]
    NotSha256 {
        /// Which.
        line: usize,
    },
    /// What a section may say once stands there twice.
    #[error("line {line}: {what} stands there a second time")]
    Twice {
        /// The second one's.
        line: usize,
        /// What it is.
        what: &'static str,
    },
    /// Two sections have one `mid`.
    #[error("line {line}: a second media section with mid {section}")]
    DuplicateMid {
        /// The second one's.
        line: usize,
        /// Their name.
        section: String,
    },
    /// A socket has no media section with its id as `mid`.
    #[error("has no media section with mid {socket}")]
    NoSection {
        /// The socket.
        socket: u32,
    },
    /// The section's `m=` does not go with the socket's modality.
    #[error("section {section} (line {line}): its socket's modality asks for m={asked} over UDP and DTLS")]
    WrongKind {
        /// The section.
        section: String,
        /// Its line.
        line: usize,
        /// What the socket would have.
        asked: &'static str,
    },
    /// The section is rejected (port 0), and its socket is not inactive.
    #[error("section {section} (line {line}) is rejected (port 0), but the socket is not inactive")]
    Rejected {
        /// The section.
        section: String,
        /// Its line.
        line: usize,
    },
    /// The section's direction is not the socket's.
    #[error("section {section} (line {line}) says {section_says:?}, its socket {socket_says:?}")]
    Direction {
        /// The section.
        section: String,
        /// Its line.
        line: usize,
        /// Its direction.
        section_says: MediaDirection,
        /// The socket's direction.
        socket_says: MediaDirection,
    },
    /// The section lacks what the profile asks for.
    #[error("section {section} (line {line}): {missing} is missing")]
    Missing {
        /// The section.
        section: String,
        /// Its line.
        line: usize,
        /// What.
        missing: &'static str,
    },
    /// The DTLS role does not fit: an offer says `actpass`, an answer `active`.
    #[error("section {section} (line {line}): setup:{setup} does not fit here")]
    Setup {
        /// The section.
        section: String,
        /// Its line.
        line: usize,
        /// What was said.
        setup: &'static str,
    },
    /// Sections share one transport, and this one names another than the session or a section before it.
    #[error("section {section} (line {line}): {what} is another than was said before")]
    OtherTransport {
        /// The section.
        section: String,
        /// Its line.
        line: usize,
        /// What differs.
        what: &'static str,
    },
    /// An offer asks for more speakers on streams of their own than it has sections for.
    #[error(
        "socket {socket} asks for {unmixed} speakers on streams of their own, and has no media section with mid {socket}.{stream}"
    )]
    NoStream {
        /// The socket.
        socket: u32,
        /// What it asks for.
        unmixed: u8,
        /// The first that is missing.
        stream: u8,
    },
    /// The section of a speaker's own stream goes one way only: to the one who offered.
    #[error(
        "section {section} (line {line}) says {section_says:?}; a speaker's own stream goes to the offerer only"
    )]
    StreamDirection {
        /// The section.
        section: String,
        /// Its line.
        line: usize,
        /// Its direction.
        section_says: MediaDirection,
    },
    /// Every section is rejected: there is nothing to connect for.
    #[error("rejects every media section")]
    NothingInUse,
    /// There are several sections, and this one does not share the transport of the others.
    #[error("section {section} (line {line}) is not in a=group:BUNDLE")]
    NotBundled {
        /// The section.
        section: String,
        /// Its line.
        line: usize,
    },
}

/// Checks that `sdp` holds what the profile asks for, for each of `sockets`.
///
/// The transport of every section that is in use is checked, whether or not a socket stands behind it: which one a
/// WebRTC core reads its keys from is up to the core.
pub(super) fn check(kind: SdpType, sdp: &str, sockets: &[SocketDescription]) -> Result<(), DescriptionError> {
    let sdp = Sdp::read(sdp)?;
    check_mids(&sdp)?;
    for socket in sockets {
        let section = sdp.section(&socket.id.0.to_string());
        let section = section.ok_or(DescriptionError::NoSection { socket: socket.id.0 })?;
        check_media(&sdp, section, socket, kind)?;
        if socket.modality == Modality::Audio {
            check_streams(&sdp, socket, kind)?;
        }
    }
    sdp.sections.iter().try_for_each(|section| check_setup(section, kind))?;
    let in_use: Vec<&Section<'_>> =
        sdp.sections.iter().filter(|section| !is_rejected(&sdp, section, kind)).collect();
    in_use.iter().try_for_each(|section| check_transport(&sdp, section, kind))?;
    check_one_transport(&sdp, &in_use)?;
    if sdp.candidates() > MAX_CANDIDATES {
        Err(DescriptionError::TooManyCandidates)
    } else if !in_use.is_empty() && in_use.iter().all(|section| section.own.candidates == 0) {
        Err(DescriptionError::NoCandidate)
    } else {
        Ok(())
    }
}

/// Whether the SDP `answer` has the sections of the SDP `offer` in their order (RFC 3264 section 6).
pub(super) fn has_sections_of(answer: &str, offer: &str) -> Result<bool, DescriptionError> {
    let (answer, offer) = (Sdp::read(answer)?, Sdp::read(offer)?);
    let matches = |(answer, offer): (&Section<'_>, &Section<'_>)| {
        // A rejected section may have lost its name.
        answer.kind == offer.kind
            && (answer.own.mid == offer.own.mid || answer.port == 0 && answer.own.mid.is_none())
    };
    Ok(answer.sections.len() == offer.sections.len()
        && answer.sections.iter().zip(&offer.sections).all(matches))
}

/// Port 0 says no, but for a section that an offer makes depend on its bundle (RFC 9143 section 6).
pub(super) fn is_rejected(sdp: &Sdp<'_>, section: &Section<'_>, kind: SdpType) -> bool {
    let leans_on_bundle = kind == SdpType::Offer && section.own.is_bundle_only && is_bundled(sdp, section);
    section.port == 0 && !leans_on_bundle
}

pub(super) fn is_bundled(sdp: &Sdp<'_>, section: &Section<'_>) -> bool {
    section.own.mid.is_some_and(|mid| sdp.bundle().any(|bundled| bundled == mid))
}

fn check_mids(sdp: &Sdp<'_>) -> Result<(), DescriptionError> {
    let mut known = std::collections::HashSet::new();
    let second = sdp.sections.iter().find(|section| section.own.mid.is_some_and(|mid| !known.insert(mid)));
    second.map_or(Ok(()), |section| {
        Err(DescriptionError::DuplicateMid { line: section.line, section: section.name() })
    })
}

/// What flows, and which way.
fn check_media(
    sdp: &Sdp<'_>,
    section: &Section<'_>,
    socket: &SocketDescription,
    kind: SdpType,
) -> Result<(), DescriptionError> {
    let (line, name) = (section.line, section.name());
    let (asked, protocols) = match socket.modality {
        Modality::Audio => ("audio", RTP),
        Modality::Video | Modality::VideoBasedScreenSharing => ("video", RTP),
        Modality::Data => ("application", SCTP),
    };
    if section.kind != asked || !protocols.contains(&section.protocol) {
        return Err(DescriptionError::WrongKind { section: name, line, asked });
    }
    if is_rejected(sdp, section, kind) {
        let is_declined = socket.direction.is_none_or(|direction| direction == MediaDirection::Inactive);
        return if is_declined { Ok(()) } else { Err(DescriptionError::Rejected { section: name, line }) };
    }
    if socket.modality == Modality::Audio && !section.speaks_opus() {
        return Err(DescriptionError::Missing { section: name, line, missing: "Opus at 48000/2" });
    }
    if asked == "video" && !section.shows_video() {
        return Err(DescriptionError::Missing { section: name, line, missing: "H264/90000 or VP8/90000" });
    }
    if socket.modality == Modality::Data {
        return Ok(());
    }
    // Each section has to say it: WebRTC cores differ on the session's direction, and on what none means.
    let missing = "a=sendrecv, a=sendonly, a=recvonly or a=inactive";
    match (section.own.direction, socket.direction) {
        (None, _) => Err(DescriptionError::Missing { section: name, line, missing }),
        (Some(section_says), Some(socket_says)) if section_says != socket_says => {
            Err(DescriptionError::Direction { section: name, line, section_says, socket_says })
        }
        _ => Ok(()),
    }
}

/// The sections of speakers' own streams: `0.1`, `0.2` and so on for socket 0. An offer has one for each that it asks for.
fn check_streams(sdp: &Sdp<'_>, socket: &SocketDescription, kind: SdpType) -> Result<(), DescriptionError> {
    let prefix = format!("{}.", socket.id.0);
    if kind == SdpType::Offer {
        let unmixed = socket.unmixed.unwrap_or(0);
        let missing = (1..=unmixed).find(|stream| sdp.section(&format!("{prefix}{stream}")).is_none());
        if let Some(stream) = missing {
            return Err(DescriptionError::NoStream { socket: socket.id.0, unmixed, stream });
        }
    }
    let is_stream = |section: &&Section<'_>| section.own.mid.is_some_and(|mid| mid.starts_with(&prefix));
    for section in sdp.sections.iter().filter(is_stream) {
        let declined = SocketDescription { direction: Some(MediaDirection::Inactive), ..socket.clone() };
        if is_rejected(sdp, section, kind) {
            check_media(sdp, section, &declined, kind)?;
            continue;
        }
        let direction = section.own.direction;
        check_media(sdp, section, &SocketDescription { direction, ..declined }, kind)?;
        let to_offerer = match kind {
            SdpType::Offer => MediaDirection::ReceiveOnly,
            SdpType::Answer => MediaDirection::SendOnly,
        };
        if let Some(section_says) = direction
            && ![to_offerer, MediaDirection::Inactive].contains(&section_says)
        {
            let (section, line) = (section.name(), section.line);
            return Err(DescriptionError::StreamDirection { section, line, section_says });
        }
    }
    Ok(())
}

/// The protocols of `m=`: always UDP, always DTLS (RFC 5764 section 8, RFC 8841 section 4).
const RTP: &[&str] = &["UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP"];
const SCTP: &[&str] = &["UDP/DTLS/SCTP"];

/// Whom the media comes from, and by which way.
fn check_transport(sdp: &Sdp<'_>, section: &Section<'_>, kind: SdpType) -> Result<(), DescriptionError> {
    let (own, session) = (&section.own, &sdp.session);
    // A section may leave to the tagged one of its bundle what is the same for all of them (RFC 8829 section 5.2.1).
    let tagged = sdp.bundle().next().filter(|_| is_bundled(sdp, section)).and_then(|mid| sdp.section(mid));
    let tagged = tagged.filter(|tagged| !is_rejected(sdp, tagged, kind));
    let bundle = tagged.map_or(own, |tagged| &tagged.own);
    let section_says = |has: fn(&Attributes<'_>) -> bool| has(own) || has(bundle);
    let anyone_says = |has: fn(&Attributes<'_>) -> bool| section_says(has) || has(session);
    for (is_there, missing) in [
        (anyone_says(|place| place.ice_ufrag.is_some()), "a=ice-ufrag"),
        (anyone_says(|place| place.ice_pwd.is_some()), "a=ice-pwd"),
        (anyone_says(|place| place.fingerprint.is_some()), "a=fingerprint"),
        // A data section has no RTCP.
        (section.kind == "application" || section_says(|place| place.has_rtcp_mux), "a=rtcp-mux"),
        (section_says(|place| place.setup.is_some()), "a=setup"),
    ] {
        if !is_there {
            return Err(DescriptionError::Missing { section: section.name(), line: section.line, missing });
        }
    }
    Ok(())
}

/// The role must fit wherever it is said, in a rejected section too: a WebRTC core may read the first that it finds.
fn check_setup(section: &Section<'_>, kind: SdpType) -> Result<(), DescriptionError> {
    match (kind, section.own.setup) {
        (_, None) | (SdpType::Offer, Some(Setup::ActPass)) | (SdpType::Answer, Some(Setup::Active)) => Ok(()),
        (_, Some(setup)) => {
            Err(DescriptionError::Setup { section: section.name(), line: section.line, setup: setup.name() })
        }
    }
}

/// Several sections share one transport: all are in the bundle, and none says another thing than the rest.
fn check_one_transport(sdp: &Sdp<'_>, in_use: &[&Section<'_>]) -> Result<(), DescriptionError> {
    let not_bundled = in_use.iter().find(|section| in_use.len() > 1 && !is_bundled(sdp, section));
    if let Some(section) = not_bundled {
        return Err(DescriptionError::NotBundled { section: section.name(), line: section.line });
    }
    let (mut ufrag, mut pwd, mut fingerprint) =
        (sdp.session.ice_ufrag, sdp.session.ice_pwd, sdp.session.fingerprint);
    for section in in_use {
        for (said, own, what) in [
            (&mut ufrag, section.own.ice_ufrag, "a=ice-ufrag"),
            (&mut pwd, section.own.ice_pwd, "a=ice-pwd"),
            (&mut fingerprint, section.own.fingerprint, "a=fingerprint"),
        ] {
            if own.is_some_and(|own| *said.get_or_insert(own) != own) {
                let (section, line) = (section.name(), section.line);
                return Err(DescriptionError::OtherTransport { section, line, what });
            }
        }
    }
    Ok(())
}
