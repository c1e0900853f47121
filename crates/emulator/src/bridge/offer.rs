//! What an offer of a person says of its sections, beyond what the WebRTC stack tells, and fragments of SDP (RFC 8840).

use super::rids;

/// A section of an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) mid: String,
    pub(crate) is_video: bool,
    /// Whether whoever offers sends in it.
    pub(crate) sends: bool,
    /// Whether they receive.
    pub(crate) receives: bool,
    /// Whether it is marked as a presentation (RFC 4796).
    pub(crate) is_slides: bool,
    /// The sources that are announced.
    pub(crate) sources: Vec<u32>,
    /// Payload types, each with its codec as `a=rtpmap` has it.
    pub(crate) formats: Vec<(u8, String)>,
    /// Extensions of headers by their numbers.
    extensions: Vec<(u8, String)>,
    /// The names of the layers that are sent (RFC 8853), of which there are none without simulcast.
    pub(crate) layers: Vec<String>,
}

impl Section {
    /// The payload type of `codec`, such as `VP8/90000`.
    pub(crate) fn number(&self, codec: &str) -> Option<u8> {
        self.formats.iter().find(|(_, name)| name.eq_ignore_ascii_case(codec)).map(|(number, _)| *number)
    }

    /// The number of an extension of headers.
    pub(crate) fn extension(&self, uri: &str) -> Option<u8> {
        self.extensions.iter().find(|(_, known)| known == uri).map(|(number, _)| *number)
    }
}

/// The audio and video sections of an offer, in its order.
pub(crate) fn sections(sdp: &str) -> Vec<Section> {
    let mut sections: Vec<(bool, Section)> = Vec::new();
    for line in sdp.lines() {
        if let Some(media) = line.strip_prefix("m=") {
            let (kind, rest) = media.split_once(' ').unwrap_or((media, ""));
            let section = Section {
                mid: String::new(),
                is_video: kind == "video",
                sends: true,
                receives: true,
                is_slides: false,
                sources: Vec::new(),
                formats: Vec::new(),
                extensions: Vec::new(),
                layers: Vec::new(),
            };
            // A section with port 0 is rejected, unless it is bundled without one (RFC 9143 section 6).
            sections.push((matches!(kind, "audio" | "video") && !rest.starts_with("0 "), section));
        }
        let Some((is_media, section)) = sections.last_mut() else { continue };
        match line {
            "a=bundle-only" => *is_media = true,
            "a=sendonly" => section.receives = false,
            "a=recvonly" => section.sends = false,
            "a=inactive" => (section.sends, section.receives) = (false, false),
            "a=content:slides" => section.is_slides = true,
            _ => {}
        }
        if let Some(mid) = line.strip_prefix("a=mid:") {
            mid.clone_into(&mut section.mid);
        }
        let source = line.strip_prefix("a=ssrc:").and_then(|rest| rest.split(' ').next()?.parse().ok());
        if let Some(source) = source
            && !section.sources.contains(&source)
        {
            section.sources.push(source);
        }
        if let Some(simulcast) = line.strip_prefix("a=simulcast:") {
            section.layers = rids::sent(simulcast).into_iter().map(str::to_owned).collect();
        }
        let extension = line.strip_prefix("a=extmap:").and_then(|rest| rest.split_once(' '));
        // Behind the number may stand a direction, and behind the name what an extension has of its own (RFC 8285 section 5).
        let number = extension.and_then(|(number, _)| number.split('/').next()?.parse().ok());
        if let (Some(number), Some((_, rest))) = (number, extension) {
            let uri = rest.split_ascii_whitespace().next().unwrap_or_default();
            section.extensions.push((number, uri.to_owned()));
        }
        let format = line.strip_prefix("a=rtpmap:").and_then(|rest| rest.split_once(' '));
        if let Some((Ok(number), codec)) = format.map(|(number, codec)| (number.parse(), codec)) {
            section.formats.push((number, codec.to_owned()));
        }
    }
    sections.into_iter().filter(|(is_media, _)| *is_media).map(|(_, section)| section).collect()
}

/// `sdp` without candidates that are names (mDNS) or empty: whoever has such a name is met when their checks come.
pub(super) fn without_names(sdp: &str) -> String {
    sdp.split_inclusive('\n').filter(|line| !line.starts_with("a=candidate:") || is_usable(line)).collect()
}

/// Whether a line of a candidate has an address, over UDP.
fn is_usable(line: &str) -> bool {
    let candidate = line.trim_end().trim_start_matches("a=").trim_start_matches("candidate:");
    let mut parts = candidate.split(' ').skip(2);
    let is_udp = parts.next().is_some_and(|transport| transport.eq_ignore_ascii_case("udp"));
    is_udp && parts.nth(1).is_some_and(|address| address.parse::<std::net::IpAddr>().is_ok())
}

/// A fragment of an SDP, as it is trickled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fragment {
    pub(super) ufrag: Option<String>,
    pub(super) pwd: Option<String>,
    /// Candidates, each with its section, in the form that stands behind `a=`.
    pub(super) candidates: Vec<(Option<String>, String)>,
}

impl Fragment {
    /// Reads a fragment; `None` where a line is none.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (mut fragment, mut mid) = (Self::default(), None);
        for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
            let (_, value) = line.split_once('=').filter(|(name, _)| name.len() == 1)?;
            let value = value.to_owned();
            if let Some(ufrag) = value.strip_prefix("ice-ufrag:") {
                fragment.ufrag = Some(ufrag.to_owned());
            } else if let Some(pwd) = value.strip_prefix("ice-pwd:") {
                fragment.pwd = Some(pwd.to_owned());
            } else if let Some(named) = value.strip_prefix("mid:") {
                mid = Some(named.to_owned());
            } else if value.starts_with("candidate:") && is_usable(&value) {
                fragment.candidates.push((mid.clone(), value));
            }
        }
        Some(fragment)
    }

    /// The fragment that tells the credentials and candidates of an SDP: of its first section, which is that of the bundle.
    pub(super) fn of(sdp: &str) -> String {
        let told = |line: &&str| {
            ["a=ice-ufrag:", "a=ice-pwd:", "a=candidate:", "a=end-of-candidates", "m=", "a=mid:"]
                .iter()
                .any(|start| line.starts_with(start))
        };
        let (mut media, mut credentials) = (Vec::new(), Vec::new());
        let mut sections = 0;
        for line in sdp.lines().filter(told) {
            sections += usize::from(line.starts_with("m="));
            if sections > 1 {
                break;
            }
            let part = if line.starts_with("a=ice-") { &mut credentials } else { &mut media };
            part.push(line);
        }
        credentials.iter().chain(&media).map(|line| format!("{line}\r\n")).collect()
    }
}

/// The credentials of an SDP: fragment and password.
pub(super) fn credentials(sdp: &str) -> Option<(&str, &str)> {
    let find = |name: &str| sdp.lines().find_map(|line| line.strip_prefix(name));
    Some((find("a=ice-ufrag:")?, find("a=ice-pwd:")?))
}

/// An offer once more, with other credentials and candidates: what restarts ICE.
pub(super) fn with_ice(
    offer: &str,
    ufrag: &str,
    pwd: &str,
    candidates: &[(Option<String>, String)],
) -> String {
    let mut written = String::with_capacity(offer.len());
    for line in offer.lines() {
        match line {
            _ if line.starts_with("a=candidate:") || line == "a=end-of-candidates" => continue,
            _ if line.starts_with("a=ice-ufrag:") => written.push_str(&format!("a=ice-ufrag:{ufrag}")),
            _ if line.starts_with("a=ice-pwd:") => written.push_str(&format!("a=ice-pwd:{pwd}")),
            _ => written.push_str(line),
        }
        written.push_str("\r\n");
        if let Some(mid) = line.strip_prefix("a=mid:") {
            let here = candidates.iter().filter(|(of, _)| of.as_deref().is_none_or(|of| of == mid));
            here.for_each(|(_, candidate)| written.push_str(&format!("a={candidate}\r\n")));
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OFFER: &str = "v=0\r\na=group:BUNDLE 0 s 2\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n\
        a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=sendrecv\r\na=ssrc:7 cname:x\r\n\
        a=ssrc:7 msid:y\r\na=candidate:1 1 udp 5 127.0.0.1 4000 typ host\r\n\
        a=candidate:2 1 udp 5 0f2a.local 4000 typ host\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:s\r\n\
        a=ice-ufrag:abcd\r\na=content:slides\r\na=sendonly\r\na=ssrc:8 cname:x\r\n\
        m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=bundle-only\r\na=mid:2\r\na=recvonly\r\n\
        m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:3\r\nm=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:4\r\n";

    #[test]
    fn sections_tell_who_sends_what_in_them() {
        let told = sections(OFFER).into_iter().map(|section| {
            let Section { mid, is_video, sends, receives, is_slides, sources, .. } = section;
            (mid, [is_video, sends, receives, is_slides], sources)
        });
        let expected = [
            ("0".to_owned(), [false, true, true, false], vec![7]),
            ("s".to_owned(), [true, true, false, true], vec![8]),
            ("2".to_owned(), [true, false, true, false], vec![]),
        ];
        assert_eq!(told.collect::<Vec<_>>(), expected);
        let [section] = &sections("m=video 9 X 96\na=rtpmap:96 VP8/90000\na=rtpmap:97 rtx/90000\n")[..]
        else {
            panic!()
        };
        assert_eq!((section.number("vp8/90000"), section.number("H264/90000")), (Some(96), None));
        let simulcast =
            "m=video 9 X 96\na=extmap:7/sendonly urn:x some\na=extmap:x urn:y\na=simulcast:send b;a\n";
        let [section] = &sections(simulcast)[..] else { panic!() };
        assert_eq!((section.extension("urn:x"), section.extension("urn:y")), (Some(7), None));
        assert_eq!(section.layers, ["b", "a"]);
    }

    #[test]
    fn candidates_without_an_address_are_left_out() {
        let stripped = without_names(OFFER);
        assert!(stripped.contains("127.0.0.1") && !stripped.contains(".local"));
        assert_eq!(stripped.lines().count(), OFFER.lines().count() - 1);
    }

    #[test]
    fn fragments_are_read_and_written() {
        let text = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n\
                    a=candidate:1 1 udp 5 10.0.0.1 4000 typ host\r\na=candidate:1 1 udp 5 x.local 4 typ host\r\n\
                    a=end-of-candidates\r\n";
        let fragment = Fragment::read(text).unwrap();
        assert_eq!(fragment.ufrag.as_deref(), Some("EsAw"));
        let candidate = "candidate:1 1 udp 5 10.0.0.1 4000 typ host".to_owned();
        assert_eq!(fragment.candidates, [(Some("0".to_owned()), candidate)]);
        assert_eq!(Fragment::read("no line"), None);
        let written = Fragment::of(OFFER);
        assert_eq!(Fragment::read(&written).unwrap().ufrag.as_deref(), Some("abcd"));
        assert!(
            written.starts_with("a=ice-ufrag")
                && written.contains("a=mid:0\r\n")
                && !written.contains("a=mid:s")
        );
    }

    #[test]
    fn a_restart_is_the_same_offer_with_other_credentials() {
        let candidates = [(Some("0".to_owned()), "candidate:9 1 udp 5 10.0.0.1 4000 typ host".to_owned())];
        let restarted = with_ice(OFFER, "wxyz", "9876543210987654321098", &candidates);
        assert_eq!(credentials(&restarted), Some(("wxyz", "9876543210987654321098")));
        assert_eq!(sections(&restarted), sections(OFFER));
        assert!(restarted.contains("10.0.0.1") && !restarted.contains("127.0.0.1"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(m=|a=|mid:|candidate:|ssrc:|[ -~]|\r\n){0,60}") {
            let _ = (sections(&text), without_names(&text), Fragment::read(&text), Fragment::of(&text));
            let _ = with_ice(&text, "a", "b", &[]);
        }
    }
}
