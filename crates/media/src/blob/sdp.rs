//! A small reader of session descriptions (RFC 8866): the lines that the profile looks at, and where they stand.
//!
//! One pass over a bounded number of lines, no recursion, nothing kept but slices. A line that the profile looks at
//! and that cannot be read is an error; all other lines are only required to be lines.

use std::net::IpAddr;
use std::str::FromStr;

use super::description::DescriptionError;
use super::profile::MediaDirection;

/// Lines of an SDP. One of ours has about 30; a browser's with all its codecs, some hundreds.
pub(super) const MAX_LINES: usize = 4_096;

/// Media sections: sixteen sockets, and room for the streams that a later version may give one socket.
pub(super) const MAX_SECTIONS: usize = 64;

/// ICE candidates in all. Each draws checks to an address that the peer has chosen, so there must be an end of them
/// (RFC 8445 section 6.1.2.5 gives up at as many pairs).
pub(super) const MAX_CANDIDATES: usize = 100;

/// The longest `a=mid`: RFC 9143 section 7.1 asks for few bytes, since each packet may carry it.
const MAX_MID_LEN: usize = 16;

/// The hash of the fingerprint that is checked.
const SHA_256: &str = "sha-256";

/// A session description, as far as the profile looks at it.
pub(super) struct Sdp<'a> {
    /// What stands before the first section and holds for all.
    pub(super) session: Attributes<'a>,
    pub(super) sections: Vec<Section<'a>>,
}

/// One media section: `m=` and what follows.
pub(super) struct Section<'a> {
    /// The line of its `m=`, from 1.
    pub(super) line: usize,
    pub(super) kind: &'a str,
    pub(super) port: u16,
    pub(super) protocol: &'a str,
    pub(super) formats: &'a str,
    pub(super) own: Attributes<'a>,
}

/// The attributes of one section, or of the session.
#[derive(Default)]
pub(super) struct Attributes<'a> {
    pub(super) mid: Option<&'a str>,
    /// The mids of `a=group:BUNDLE` (RFC 9143), the tagged one first.
    pub(super) bundle: Option<&'a str>,
    pub(super) ice_ufrag: Option<&'a str>,
    pub(super) ice_pwd: Option<&'a str>,
    /// The first fingerprint: of sha-256, and the only one that every WebRTC core checks.
    pub(super) fingerprint: Option<&'a str>,
    pub(super) setup: Option<Setup>,
    pub(super) direction: Option<MediaDirection>,
    pub(super) has_rtcp_mux: bool,
    pub(super) is_bundle_only: bool,
    pub(super) candidates: usize,
    /// Every attribute as it stands: name and value.
    pub(super) all: Vec<(&'a str, &'a str)>,
    /// Payload types that have an `a=rtpmap`, one bit each.
    mapped: u128,
    /// Those of them that stand for Opus at 48000/2 (RFC 7587 section 7).
    opus: u128,
    /// And those that stand for H.264 or VP8.
    video: u128,
}

/// Who begins the DTLS handshake (RFC 4145, RFC 8842).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setup {
    Active,
    Passive,
    ActPass,
    HoldConn,
}

impl Setup {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::ActPass => "actpass",
            Self::HoldConn => "holdconn",
        }
    }

    fn read(value: &str) -> Option<Self> {
        [Self::Active, Self::Passive, Self::ActPass, Self::HoldConn]
            .into_iter()
            .find(|setup| setup.name() == value)
    }
}

impl<'a> Sdp<'a> {
    pub(super) fn read(text: &'a str) -> Result<Self, DescriptionError> {
        let mut sdp = Self { session: Attributes::default(), sections: Vec::new() };
        for (index, line) in text.lines().enumerate() {
            if index >= MAX_LINES {
                return Err(DescriptionError::TooLong);
            }
            if index == 0 && line.trim_end_matches(' ') != "v=0" {
                return Err(DescriptionError::NotSdp);
            }
            let (kind, value) = split_line(line, index + 1)?;
            sdp.read_line(kind, value, index + 1)?;
        }
        if text.is_empty() { Err(DescriptionError::NotSdp) } else { Ok(sdp) }
    }

    fn read_line(&mut self, kind: &str, value: &'a str, line: usize) -> Result<(), DescriptionError> {
        match kind {
            "m" if self.sections.len() >= MAX_SECTIONS => Err(DescriptionError::TooManySections),
            "m" => {
                let malformed = DescriptionError::Malformed { line, what: "m=" };
                self.sections.push(Section::read(value, line).ok_or(malformed)?);
                Ok(())
            }
            "a" => match self.sections.last_mut() {
                Some(section) => section.own.read(value, line),
                None => self.session.read(value, line),
            },
            _ => Ok(()),
        }
    }

    /// The section of that name.
    pub(super) fn section(&self, mid: &str) -> Option<&Section<'a>> {
        self.sections.iter().find(|section| section.own.mid == Some(mid))
    }

    /// The mids that share one transport, the tagged one first.
    pub(super) fn bundle(&self) -> impl Iterator<Item = &'a str> {
        self.session.bundle.unwrap_or_default().split(' ').filter(|mid| !mid.is_empty())
    }

    pub(super) fn candidates(&self) -> usize {
        self.sections.iter().map(|section| section.own.candidates).sum()
    }
}

impl<'a> Section<'a> {
    /// `audio 9 UDP/TLS/RTP/SAVPF 111` (RFC 8866 section 5.14).
    fn read(value: &'a str, line: usize) -> Option<Self> {
        let mut parts = value.splitn(4, ' ');
        let (kind, port, protocol) = (parts.next()?, parts.next()?, parts.next()?);
        let formats = parts.next().filter(|formats| !formats.is_empty())?;
        let port = number(port)?;
        Some(Self { line, kind, port, protocol, formats, own: Attributes::default() })
    }

    /// Whether one of the section's payload types is Opus at 48000/2.
    pub(super) fn speaks_opus(&self) -> bool {
        self.formats.split(' ').filter_map(payload_type).any(|format| self.own.opus & format != 0)
    }

    /// Whether one of them is H.264 or VP8.
    pub(super) fn shows_video(&self) -> bool {
        self.formats.split(' ').filter_map(payload_type).any(|format| self.own.video & format != 0)
    }

    /// How errors name it.
    pub(super) fn name(&self) -> String {
        self.own.mid.unwrap_or("without a=mid").to_owned()
    }
}

impl<'a> Attributes<'a> {
    fn read(&mut self, attribute: &'a str, line: usize) -> Result<(), DescriptionError> {
        let (name, value) = match attribute.split_once(':') {
            Some((name, value)) => (name, Some(value)),
            None => (attribute, None),
        };
        let text = value.unwrap_or_default();
        self.all.push((name, text));
        let valid = |is_valid: bool| is_valid.then_some(text);
        let bare = |what| match value {
            None => Ok(true),
            Some(_) => Err(DescriptionError::Malformed { line, what }),
        };
        match name {
            "mid" => once(&mut self.mid, valid(is_mid(text)), line, "a=mid")?,
            "ice-ufrag" => once(&mut self.ice_ufrag, valid(is_ice(text, 4)), line, "a=ice-ufrag")?,
            "ice-pwd" => once(&mut self.ice_pwd, valid(is_ice(text, 22)), line, "a=ice-pwd")?,
            "setup" => once(&mut self.setup, Setup::read(text), line, "a=setup")?,
            "group" if self.bundle.is_none() => self.bundle = text.strip_prefix("BUNDLE "),
            "rtcp-mux" => self.has_rtcp_mux = bare("a=rtcp-mux")?,
            "bundle-only" => self.is_bundle_only = bare("a=bundle-only")?,
            "candidate" if is_candidate(text) => self.candidates += 1,
            "candidate" => return Err(DescriptionError::Malformed { line, what: "a=candidate" }),
            "rtpmap" => self.read_rtpmap(text, line)?,
            "fingerprint" => self.read_fingerprint(text, line)?,
            _ => {
                if let Some(direction) = direction(name) {
                    once(&mut self.direction, value.is_none().then_some(direction), line, "the direction")?;
                }
            }
        }
        Ok(())
    }

    /// `111 opus/48000/2` (RFC 8866 section 6.6). Two meanings of one payload type would leave the choice to the
    /// reader.
    fn read_rtpmap(&mut self, value: &str, line: usize) -> Result<(), DescriptionError> {
        let parts = value.split_once(' ').and_then(|(number, codec)| Some((payload_type(number)?, codec)));
        let (format, codec) = parts.ok_or(DescriptionError::Malformed { line, what: "a=rtpmap" })?;
        if self.mapped & format != 0 {
            return Err(DescriptionError::Twice { line, what: "the payload type's a=rtpmap" });
        }
        self.mapped |= format;
        if codec.eq_ignore_ascii_case("opus/48000/2") {
            self.opus |= format;
        }
        if ["H264/90000", "VP8/90000"].iter().any(|video| codec.eq_ignore_ascii_case(video)) {
            self.video |= format;
        }
        Ok(())
    }

    /// One certificate may have several fingerprints (RFC 8122 section 5). WebRTC cores differ on which of them they
    /// check, and all know sha-256, which the RFC prefers: so that is the first, and no other is of sha-256.
    fn read_fingerprint(&mut self, value: &'a str, line: usize) -> Result<(), DescriptionError> {
        let hash = check_fingerprint(value, line)?;
        match self.fingerprint {
            None if hash == SHA_256 => self.fingerprint = Some(value),
            None => return Err(DescriptionError::NotSha256 { line }),
            Some(_) if hash == SHA_256 => {
                return Err(DescriptionError::Twice { line, what: "a=fingerprint:sha-256" });
            }
            Some(_) => {}
        }
        Ok(())
    }
}

/// `x=value` (RFC 8866 section 5). A bare CR or a NUL could make another reader see other lines than this one, and
/// white space around the value, which some readers cut off, another attribute.
fn split_line(line: &str, number: usize) -> Result<(&str, &str), DescriptionError> {
    line.split_once('=')
        .map(|(kind, value)| (kind, value.trim_end_matches(' ')))
        .filter(|(kind, value)| kind.len() == 1 && value.trim() == *value && !value.contains(['\r', '\0']))
        .ok_or(DescriptionError::Line { line: number })
}

/// Fills `slot`. What may be said once and is said twice could mean one thing here and another to the WebRTC core.
fn once<T>(
    slot: &mut Option<T>,
    value: Option<T>,
    line: usize,
    what: &'static str,
) -> Result<(), DescriptionError> {
    let value = value.ok_or(DescriptionError::Malformed { line, what })?;
    if slot.replace(value).is_some() { Err(DescriptionError::Twice { line, what }) } else { Ok(()) }
}

/// Digits and nothing else: `parse` alone would take a sign.
fn number<T: FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// The bit of an RTP payload type, which has seven bits on the wire (RFC 3550 section 5.1).
fn payload_type(text: &str) -> Option<u128> {
    number(text).and_then(|number| 1_u128.checked_shl(number))
}

fn is_mid(value: &str) -> bool {
    (1..=MAX_MID_LEN).contains(&value.len())
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte))
}

/// RFC 8839 section 5.4: letters, digits, `+` and `/`, at most 256.
fn is_ice(value: &str, at_least: usize) -> bool {
    (at_least..=256).contains(&value.len())
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte))
}

fn direction(attribute: &str) -> Option<MediaDirection> {
    Some(match attribute {
        "sendrecv" => MediaDirection::SendReceive,
        "sendonly" => MediaDirection::SendOnly,
        "recvonly" => MediaDirection::ReceiveOnly,
        "inactive" => MediaDirection::Inactive,
        _ => return None,
    })
}

/// `foundation component transport priority address port typ type`, and more (RFC 8839 section 5.1). Names are looked
/// up by nobody, but browsers that hide their addresses write those of mDNS.
fn is_candidate(value: &str) -> bool {
    let parts: Vec<&str> = value.splitn(9, ' ').collect();
    let [foundation, component, transport, priority, address, port, "typ", kind, ..] = parts[..] else {
        return false;
    };
    number::<u16>(component).is_some()
        && number::<u32>(priority).is_some()
        && number::<u16>(port).is_some()
        && (address.parse::<IpAddr>().is_ok() || address.ends_with(".local"))
        && [foundation, transport, kind].iter().all(|part| !part.is_empty())
}

/// The hash of `sha-256 AB:CD:...`, which has as many bytes as it should. RFC 8122 section 5 forbids md2 and md5;
/// sha-1 is broken.
fn check_fingerprint(value: &str, line: usize) -> Result<&str, DescriptionError> {
    let malformed = DescriptionError::Malformed { line, what: "a=fingerprint" };
    let Some((hash, digest)) = value.split_once(' ') else { return Err(malformed) };
    let bytes = match hash {
        SHA_256 => 32,
        "sha-384" => 48,
        "sha-512" => 64,
        _ => return Err(DescriptionError::UnsafeHash { line }),
    };
    let is_byte = |part: &str| part.len() == 2 && part.bytes().all(|digit| digit.is_ascii_hexdigit());
    let is_whole = digest.split(':').count() == bytes && digest.split(':').all(is_byte);
    if is_whole { Ok(hash) } else { Err(malformed) }
}
