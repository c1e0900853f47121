//! Faults of the media of calls: of what the far end answers to the bot's offer.

use serde::{Deserialize, Serialize};

use super::rule::{Fault, Rule};

/// Which calls' media. So far of any call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum MediaPattern {
    /// The media of any call that begins.
    Any,
}

/// What happens to the media of a call, from its beginning on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub enum MediaEffect {
    /// The far end names a port at which nobody listens, and does not reach out to the bot either.
    PortClosed,
    /// The far end names another certificate than it shows in the DTLS handshake.
    WrongCertificate,
}

/// A fault of the media of calls.
pub type MediaFault = Fault<MediaPattern, MediaEffect>;

/// Nobody listens at the port that RFC 863 gives to a service which no system runs any more.
const CLOSED_PORT: &str = "9";

/// What happens to the media of a call that begins: any number of effects.
pub(super) fn decide(rules: &mut [Rule<MediaPattern, MediaEffect>]) -> Vec<MediaEffect> {
    rules.iter_mut().filter_map(|rule| rule.happens().then_some(rule.effect)).collect()
}

/// The far end's SDP with `effects`.
pub(crate) fn spoilt(sdp: String, effects: &[MediaEffect]) -> String {
    effects.iter().fold(sdp, |sdp, effect| {
        let lines = sdp.split_inclusive('\n');
        match effect {
            MediaEffect::PortClosed => lines.map(with_closed_port).collect(),
            MediaEffect::WrongCertificate => lines.map(with_wrong_fingerprint).collect(),
        }
    })
}

/// What the far end reads of the bot's offer: behind a closed port it knows no way to the bot, which ICE would find it at.
pub(crate) fn as_read(mut offer: String, effects: &[MediaEffect]) -> String {
    if effects.contains(&MediaEffect::PortClosed) {
        offer = offer.split_inclusive('\n').filter(|line| !line.starts_with("a=candidate:")).collect();
    }
    offer
}

/// `a=candidate:F C udp P ADDRESS PORT ...` (RFC 8839 section 5.1) with another port.
fn with_closed_port(line: &str) -> String {
    if !line.starts_with("a=candidate:") {
        return line.to_owned();
    }
    let with_port = |(place, part)| if place == 5 { CLOSED_PORT } else { part };
    line.split(' ').enumerate().map(with_port).collect::<Vec<_>>().join(" ")
}

/// `a=fingerprint:sha-256 AB:CD:...` (RFC 8122 section 5) with another first digit.
fn with_wrong_fingerprint(line: &str) -> String {
    match line.strip_prefix("a=fingerprint:").and_then(|rest| rest.split_once(' ')) {
        Some((hash, digits)) => {
            let first = if digits.starts_with('0') { '1' } else { '0' };
            format!("a=fingerprint:{hash} {first}{}", digits.get(1..).unwrap_or_default())
        }
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_spoilt_changes() {
        let sdp = "v=0\r\na=fingerprint:sha-256 0B:CD\r\na=candidate:7 1 udp 5 127.0.0.1 4000 typ host\r\n";
        let spoilt = |effects: &[MediaEffect]| spoilt(sdp.to_owned(), effects);
        assert_eq!(spoilt(&[]), sdp);
        assert_eq!(spoilt(&[MediaEffect::PortClosed]), sdp.replace("4000", "9"));
        assert_eq!(spoilt(&[MediaEffect::WrongCertificate]), sdp.replace("0B", "1B"));
    }
}
