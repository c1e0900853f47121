//! A door for fuzz targets: readers of strangers' bytes that are not public. No part of the API.

use std::collections::BTreeSet;

use bytes::BytesMut;

use super::rtcp::feedback::{Feedback, write_missing};
use super::rtcp::{MAX_BLOCKS, RtcpPacket, packets};
use super::rtp::RtpHeader;

/// Reads all of the header of an RTP packet.
pub fn read_rtp(packet: &[u8]) {
    let Some(header) = RtpHeader::len_in(packet).and_then(|len| RtpHeader::read(packet.get(..len)?)) else {
        return;
    };
    for id in 0..=u8::MAX {
        header.extension(id);
        header.level(Some(id));
    }
    assert!(header.speakers(Some(1)).len() <= 15);
}

/// Reads all packets of a compound.
pub fn read_rtcp(compound: &[u8]) {
    for packet in packets(compound) {
        match packet {
            RtcpPacket::SenderReport { blocks, .. } | RtcpPacket::ReceiverReport { blocks } => {
                assert!(blocks.iter().count() <= MAX_BLOCKS);
            }
            RtcpPacket::Feedback(Feedback::Missing { media, packets }) => {
                let numbers: BTreeSet<u16> = packets.iter().collect();
                assert_eq!(
                    numbers,
                    written(media, &Vec::from_iter(numbers.iter().copied())),
                    "as it is written"
                );
            }
            RtcpPacket::Feedback(Feedback::FullIntra { requests }) => {
                assert!(requests.iter().count() <= compound.len() / 8)
            }
            RtcpPacket::Feedback(Feedback::PictureLoss { .. } | Feedback::Arrivals { .. })
            | RtcpPacket::Goodbye { .. }
            | RtcpPacket::Other => {}
        }
    }
}

/// The packets of NACKs for `numbers`.
fn written(media: u32, mut numbers: &[u16]) -> BTreeSet<u16> {
    let mut read = BTreeSet::new();
    while !numbers.is_empty() {
        let mut message = BytesMut::new();
        numbers = write_missing(&mut message, 1, media, numbers);
        for packet in packets(&message) {
            if let RtcpPacket::Feedback(Feedback::Missing { packets, .. }) = packet {
                read.extend(packets.iter());
            }
        }
    }
    read
}
