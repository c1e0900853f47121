//! Held against another implementation, both ways.

use std::time::Duration;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use rtc_rtcp::packet::unmarshal;
use rtc_rtcp::payload_feedbacks::full_intra_request::{FirEntry, FullIntraRequest as TheirFullIntra};
use rtc_rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc_rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
use rtc_rtcp::transport_feedbacks::transport_layer_nack::{NackPair, TransportLayerNack};
use rtc_shared::marshal::Marshal;

use super::*;
use crate::time::MediaInstant;
use crate::video::twcc::{FeedbackReader, FeedbackWriter};
use crate::wire::rtcp::{RtcpPacket, packets, write_goodbye};

/// The only packet of a compound, which has to be feedback.
fn only(compound: &[u8]) -> Feedback<'_> {
    let all: Vec<_> = packets(compound).collect();
    let [RtcpPacket::Feedback(feedback)] = all[..] else { panic!("{all:?}") };
    feedback
}

/// What another implementation reads in the only packet of `compound`.
fn theirs<T: Clone + 'static>(compound: &BytesMut) -> T {
    let read = unmarshal(&mut compound.clone().freeze()).unwrap();
    assert_eq!(read.len(), 1);
    read[0].as_any().downcast_ref::<T>().unwrap().clone()
}

fn missing(compound: &[u8]) -> (u32, Vec<u16>) {
    match only(compound) {
        Feedback::Missing { media, packets } => (media, packets.iter().collect()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_nack_that_spans_the_wrap_is_one_entry() {
    let mut out = BytesMut::new();
    assert_eq!(write_missing(&mut out, 1, 2, &[65_530, 65_535, 10, 11]), [0; 0]);
    let read: TransportLayerNack = theirs(&out);
    assert_eq!(
        read.nacks,
        [
            NackPair { packet_id: 65_530, lost_packets: 1 << 4 | 1 << 15 },
            NackPair { packet_id: 11, lost_packets: 0 }
        ]
    );
    assert_eq!(missing(&out), (2, vec![65_530, 65_535, 10, 11]));
}

#[test]
fn a_nack_stays_within_a_datagram_and_the_next_goes_on() {
    let numbers: Vec<u16> = (0..600).map(|at| at * 20).collect();
    let (mut left, mut read, mut messages) = (&numbers[..], Vec::new(), 0);
    while !left.is_empty() {
        let mut out = BytesMut::new();
        left = write_missing(&mut out, 1, 2, left);
        assert!(out.len() < 1100, "{}", out.len());
        read.extend(missing(&out).1);
        messages += 1;
    }
    assert_eq!((read, messages), (numbers, 3));
}

#[test]
fn what_is_not_known_is_passed_over() {
    let mut out = BytesMut::new();
    for (kind, format) in [(TRANSPORT, 3), (PAYLOAD, 15), (PAYLOAD, 2)] {
        write_head(&mut out, kind, format, 0, (1, 2));
    }
    // Without the source that it is about.
    crate::wire::rtcp::write_head(&mut out, usize::from(PICTURE_LOSS), PAYLOAD, 1);
    out.put_u32(1);
    write_goodbye(&mut out, 9);
    let read: Vec<_> = packets(&out).collect();
    let other = RtcpPacket::Other;
    assert_eq!(read, [other, other, other, other, RtcpPacket::Goodbye { ssrc: 9 }]);
}

/// As libwebrtc does it: padded, and the padding flag set.
#[test]
fn a_padded_feedback_is_read_without_its_padding() {
    let compound = [
        0x80 | 0x20 | ARRIVALS,
        TRANSPORT,
        0,
        5,
        0,
        0,
        0,
        1,
        0,
        0,
        0,
        2,
        0,
        7,
        0,
        1,
        0,
        0,
        1,
        0,
        0x20,
        1,
        4,
        1,
    ];
    assert_eq!(only(&compound), Feedback::Arrivals { body: &[0, 7, 0, 1, 0, 0, 1, 0, 0x20, 1, 4] });
}

proptest! {
    #[test]
    fn nacks_are_those_of_another_implementation(
        ssrc: u32, media: u32, first: u16, steps in btree_set(0_u16..3000, 1..120),
    ) {
        let numbers: Vec<u16> = steps.iter().map(|step| first.wrapping_add(*step)).collect();
        let mut ours = BytesMut::new();
        prop_assert_eq!(write_missing(&mut ours, ssrc, media, &numbers), &[0_u16; 0]);
        let read: TransportLayerNack = theirs(&ours);
        prop_assert_eq!((read.sender_ssrc, read.media_ssrc), (ssrc, media));
        let told: Vec<u16> = read.nacks.iter().flat_map(|pair| pair.packet_list()).collect();
        prop_assert_eq!(&told, &numbers);
        prop_assert_eq!(missing(&read.marshal().unwrap()), (media, numbers));
    }

    #[test]
    fn requests_for_key_frames_are_those_of_another_implementation(
        ssrc: u32, media: u32, number: u8, others in vec(any::<(u32, u8)>(), 0..5),
    ) {
        let mut ours = BytesMut::new();
        write_picture_loss(&mut ours, ssrc, media);
        let loss = PictureLossIndication { sender_ssrc: ssrc, media_ssrc: media };
        prop_assert_eq!(&theirs::<PictureLossIndication>(&ours), &loss);
        let sent = loss.marshal().unwrap();
        prop_assert_eq!(only(&sent), Feedback::PictureLoss { media });

        ours.clear();
        write_full_intra(&mut ours, ssrc, FullIntraRequest { media, number });
        let mut full = theirs::<TheirFullIntra>(&ours);
        prop_assert_eq!((full.sender_ssrc, full.media_ssrc), (ssrc, 0));
        prop_assert_eq!(&full.fir, &[FirEntry { ssrc: media, sequence_number: number }]);
        full.fir.extend(others.iter().map(|&(ssrc, sequence_number)| FirEntry { ssrc, sequence_number }));
        let sent = full.marshal().unwrap();
        let Feedback::FullIntra { requests } = only(&sent) else { panic!("{:?}", only(&sent)) };
        let read: Vec<_> = requests.iter().map(|request| (request.media, request.number)).collect();
        prop_assert_eq!(read, [&[(media, number)], &others[..]].concat());
    }

    #[test]
    fn arrivals_are_those_of_another_implementation(
        ssrc: u32, media: u32, steps in vec((1_u64..4, 0_u64..60_000), 1..300),
    ) {
        let mut writer = FeedbackWriter::default();
        let (mut place, mut micros) = (65_400, 5_000_000);
        for (step, later) in steps {
            (place, micros) = (place + step, micros + later);
            writer.note(place, MediaInstant::from_duration(Duration::from_micros(micros)));
        }
        let mut body = Vec::new();
        prop_assert!(writer.write(&mut body));
        let mut ours = BytesMut::new();
        write_arrivals(&mut ours, ssrc, media, &body);
        let read: TransportLayerCc = theirs(&ours);
        prop_assert_eq!((read.sender_ssrc, read.media_ssrc), (ssrc, media));
        let arrived = |body: &[u8]| {
            let mut arrived = 0;
            assert!(FeedbackReader::default().read(body, |result| arrived += usize::from(result.arrival.is_some())));
            arrived
        };
        prop_assert_eq!(arrived(&body), read.recv_deltas.len());
        let sent = read.marshal().unwrap();
        let Feedback::Arrivals { body: back } = only(&sent) else { panic!("{:?}", only(&sent)) };
        prop_assert_eq!(arrived(back), read.recv_deltas.len());
    }

    #[test]
    fn no_bytes_panic(junk in vec(any::<u8>(), 0..120), kind in 204_u8..208, format in 0_u8..32, words in 0_u8..40) {
        let framed = [&[0x80 | format, kind, 0, words][..], &junk].concat();
        for packet in packets(&framed) {
            match packet {
                RtcpPacket::Feedback(Feedback::Missing { packets, .. }) => {
                    assert!(packets.iter().count() <= 17 * junk.len() / 4);
                }
                RtcpPacket::Feedback(Feedback::FullIntra { requests }) => assert!(requests.iter().count() <= junk.len() / 8),
                RtcpPacket::Feedback(Feedback::Arrivals { body }) => {
                    FeedbackReader::default().read(body, |_| ());
                }
                _ => {}
            }
        }
    }
}
