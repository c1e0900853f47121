//! Which section a packet that comes belongs to, and which layer of it: by the names that it carries (RFC 9143 section 15, RFC 8852), else
//! by its source.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use rtc::rtp::{Packet, header::Header};

use super::offer::Section;

/// The name of a section.
pub(crate) const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
/// The name of a layer.
pub(crate) const RID: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
/// The name of the layer that a stream repairs.
pub(crate) const REPAIRED_RID: &str = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";

/// Sources whose names are remembered: whoever sends more than that is no browser.
const REMEMBERED: usize = 64;

/// The streams of one connection. Names are sent until their receiver has told that packets came, and hold for their source from then on.
#[derive(Debug, Default)]
pub(crate) struct Streams(Mutex<HashMap<u32, Named>>);

/// The names of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    mid: String,
    rid: String,
}

impl Streams {
    /// The section of a packet among those in which something is `sent`, and its layer. `answered` are the sections of the answer.
    pub(crate) fn place<'a>(
        &self,
        sent: impl Iterator<Item = &'a Section> + Clone,
        answered: &[Section],
        packet: &Packet,
    ) -> Option<(&'a Section, usize)> {
        let source = packet.header.ssrc;
        if let Some(Named { mid, rid }) = self.named(&packet.header, answered) {
            let section = sent.clone().find(|section| section.mid == mid)?;
            return Some((section, section.layers.iter().position(|layer| *layer == rid)?));
        }
        let mut plain = sent.filter(|section| section.layers.is_empty());
        // A source that was not announced is that of the only section there is.
        let announced = plain.clone().find(|section| section.sources.contains(&source));
        Some((announced.or_else(|| plain.next())?, 0))
    }

    /// The names of the source of a packet, where it is one of a layer's.
    fn named(&self, header: &Header, answered: &[Section]) -> Option<Named> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if header.extension {
            let text = |uri: &str| {
                let number = answered.iter().find_map(|section| section.extension(uri))?;
                String::from_utf8(header.get_extension(number)?.to_vec()).ok()
            };
            if let (Some(mid), Some(rid)) = (text(MID), text(RID)) {
                if known.len() >= REMEMBERED {
                    known.clear();
                }
                known.insert(header.ssrc, Named { mid, rid });
            }
        }
        known.get(&header.ssrc).cloned()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::bridge::offer::sections;

    const OFFER: &str = "m=audio 9 X 111\na=mid:0\na=ssrc:5 cname:x\nm=video 9 X 96\na=mid:1\na=rid:0 send\na=rid:1 send\n\
        a=simulcast:send 0;1\nm=video 9 X 96\na=mid:2\na=ssrc:8 cname:x\n";

    fn packet(ssrc: u32, names: &[(u8, &'static str)]) -> Packet {
        let mut header = Header { version: 2, ssrc, ..Header::default() };
        for (number, name) in names {
            header.set_extension(*number, Bytes::from_static(name.as_bytes())).unwrap();
        }
        Packet { header, payload: Bytes::new() }
    }

    #[test]
    fn packets_belong_where_they_say_and_else_where_their_source_does() {
        let (offered, streams) = (sections(OFFER), Streams::default());
        let answered = sections(&format!("m=video 9 X 96\na=extmap:4 {MID}\na=extmap:7/recvonly {RID}\n"));
        let place = |packet: &Packet| {
            streams
                .place(offered.iter(), &answered, packet)
                .map(|(section, layer)| (section.mid.clone(), layer))
        };
        let at = |mid: &str, layer| Some((mid.to_owned(), layer));
        assert_eq!(place(&packet(5, &[])), at("0", 0));
        assert_eq!(place(&packet(8, &[])), at("2", 0));
        assert_eq!(place(&packet(21, &[(4, "1"), (7, "1")])), at("1", 1));
        assert_eq!(place(&packet(20, &[(4, "1"), (7, "0")])), at("1", 0));
        assert_eq!(place(&packet(21, &[])), at("1", 1), "it has said so");
        assert_eq!(place(&packet(22, &[(4, "1"), (7, "9")])), None, "a layer that was not offered");
        assert_eq!(place(&packet(23, &[(4, "7"), (7, "0")])), None);
        assert_eq!(place(&packet(24, &[(4, "1")])), at("0", 0), "half a name is none");
        let simulcast = &offered[1..2];
        assert_eq!(streams.place(simulcast.iter(), &answered, &packet(25, &[])), None, "which layer?");
    }
}
