//! The network between a far end and the bot, where its script has one: a relay, in front of which neither sees the other.

use std::net::SocketAddr;

use super::peer::PeerError;
use crate::link::{Impairment, Link, UdpRelay};

/// `offer` without addresses: the far end meets the bot only when the bot's checks reach it, and they come through the relay.
pub(super) fn without_candidates(offer: &str) -> String {
    let lines = offer.split_inclusive('\n').filter(|line| !line.starts_with("a=candidate:"));
    lines.collect()
}

/// Puts a relay in front of the far end that wrote `answer`; gives it, and the answer with its address in place of the far
/// end's.
pub(super) fn through(link: &Link, answer: &str) -> Result<(UdpRelay, String), PeerError> {
    let candidates = answer.lines().filter_map(|line| line.strip_prefix("a=candidate:"));
    let sender = candidates.filter_map(address).next().ok_or(PeerError::NoCandidates)?;
    let impairment = || Impairment::Link(link.clone());
    let relay = UdpRelay::both_ways(sender, impairment(), impairment()).map_err(PeerError::Relay)?;
    let (ip, port) = (relay.address().ip(), relay.address().port());
    let (mut written, mut advertised) = (String::with_capacity(answer.len()), false);
    for line in answer.split_inclusive('\n') {
        if !line.starts_with("a=candidate:") {
            written.push_str(line);
        } else if !advertised {
            advertised = true;
            written.push_str(&format!("a=candidate:1 1 udp 2130706431 {ip} {port} typ host\r\n"));
        }
    }
    Ok((relay, written))
}

/// The address in what stands behind `a=candidate:` (RFC 8839 section 5.1), if it is one over UDP.
fn address(candidate: &str) -> Option<SocketAddr> {
    let mut parts = candidate.split(' ').skip(2);
    parts.next().filter(|transport| transport.eq_ignore_ascii_case("udp"))?;
    let address = parts.nth(1)?.parse().ok()?;
    Some(SocketAddr::new(address, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bot_sees_the_relay_and_the_far_end_nobody() {
        let sdp = "v=0\r\nm=audio 9 X 111\r\na=mid:0\r\na=candidate:7 1 udp 5 127.0.0.1 4000 typ host\r\n\
                   a=candidate:8 1 udp 4 127.0.0.1 4001 typ host\r\na=end-of-candidates\r\n";
        assert_eq!(without_candidates(sdp), "v=0\r\nm=audio 9 X 111\r\na=mid:0\r\na=end-of-candidates\r\n");
        let (relay, answer) = through(&Link::seeded(1), sdp).unwrap();
        let expected = format!("127.0.0.1 {} typ host\r\n", relay.address().port());
        assert_eq!(answer.matches("a=candidate:").count(), 1);
        assert!(answer.contains(&expected) && !answer.contains("4000"), "{answer}");
        assert!(matches!(through(&Link::seeded(1), "v=0\r\n"), Err(PeerError::NoCandidates)));
    }
}
