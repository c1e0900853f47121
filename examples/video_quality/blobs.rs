//! Blobs to and from a page that knows only SDP, and addresses in them that lead through a relay.

use std::net::SocketAddr;

use offhook::media::blob::MediaBlob;
use serde_json::{Value, json};

use crate::Outcome;

/// The SDP of a blob.
pub(crate) fn sdp_of(blob: &MediaBlob) -> Outcome<String> {
    let blob: Value = serde_json::from_str(&blob.to_string())?;
    Ok(blob["description"]["sdp"].as_str().ok_or("the blob has no SDP")?.to_owned())
}

/// A blob with another SDP.
pub(crate) fn with_sdp(blob: &MediaBlob, sdp: &str) -> Outcome<MediaBlob> {
    let mut blob: Value = serde_json::from_str(&blob.to_string())?;
    blob["description"]["sdp"] = sdp.into();
    Ok(MediaBlob::parse(&blob.to_string())?)
}

/// The answer to `offer` of a stack that has written `sdp`: its sockets go the way that their sections say.
pub(crate) fn answer(offer: &MediaBlob, sdp: &str) -> Outcome<MediaBlob> {
    let offer: Value = serde_json::from_str(&offer.to_string())?;
    let sockets = offer["sockets"].as_array().ok_or("the offer has no sockets")?;
    let sockets = sockets.iter().map(|socket| {
        let mut answered = json!({"id": socket["id"], "modality": socket["modality"]});
        if socket["modality"] != "data" {
            answered["direction"] = direction(sdp, &socket["id"].to_string()).into();
        }
        answered
    });
    let blob = json!({
        "profile": offer["profile"],
        "mediaSessionId": offer["mediaSessionId"],
        "sockets": sockets.collect::<Vec<_>>(),
        "description": {"type": "answer", "sdp": sdp},
    });
    Ok(MediaBlob::parse(&blob.to_string())?)
}

/// Of the section with this `mid`, in the words of the blob.
fn direction(sdp: &str, mid: &str) -> &'static str {
    let name = format!("a=mid:{mid}");
    let section = sdp.split("\r\nm=").find(|section| section.lines().any(|line| line == name));
    let has = |line: &str| section.is_some_and(|section| section.lines().any(|other| other == line));
    match () {
        () if has("a=sendrecv") => "sendReceive",
        () if has("a=sendonly") => "sendOnly",
        () if has("a=recvonly") => "receiveOnly",
        () => "inactive",
    }
}

/// The address of the first candidate: `candidate:FOUNDATION 1 udp PRIORITY ADDRESS PORT typ host` (RFC 8839 section 5.1).
pub(crate) fn candidate(sdp: &str) -> Option<SocketAddr> {
    let line = sdp.lines().find(|line| line.starts_with("a=candidate:"))?;
    let mut fields = line.split_ascii_whitespace().skip(4);
    let (address, port) = (fields.next()?, fields.next()?);
    Some(SocketAddr::new(address.parse().ok()?, port.parse().ok()?))
}

/// The SDP with one candidate, at `address`, where the first was.
pub(crate) fn with_candidate(sdp: &str, address: SocketAddr) -> String {
    with(sdp, &format!("{} {}", address.ip(), address.port()))
}

/// The SDP with one candidate that leads nowhere: its writer is met only where its own checks come from.
pub(crate) fn hidden(sdp: &str) -> String {
    with(sdp, "00000000-0000-4000-8000-000000000000.local 9")
}

fn with(sdp: &str, place: &str) -> String {
    let mut given = false;
    let lines = sdp.lines().filter_map(|line| {
        if !line.starts_with("a=candidate:") {
            return Some(format!("{line}\r\n"));
        }
        let first = !std::mem::replace(&mut given, true);
        first.then(|| format!("a=candidate:1 1 udp 2130706431 {place} typ host\r\n"))
    });
    lines.collect()
}
