//! Held against another implementation, both ways, so that the two ends of an engine cannot agree on a mistake.

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::prelude::*;
use rtc_dtls::crypto_provider::default_provider;
use rtc_rtcp::goodbye::Goodbye;
use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtcp::reception_report::ReceptionReport;
use rtc_rtcp::source_description::SourceDescription;
use rtc_shared::marshal::{Marshal, MarshalSize, Unmarshal};
use rtc_srtp::context::Context;
use rtc_srtp::protection_profile::ProtectionProfile;

use super::replay::ReplayWindow;
use super::rtcp::{self, ReportBlock, RtcpPacket, SenderReport};
use super::rtp::{NewHeader, RtpHeader, without_padding};
use super::srtp::{KEY_LEN, MAX_OVERHEAD, Profile, SrtpKeys};
use crate::rtp::{ActiveSpeaker, AudioLevel};
use crate::units::MediaSourceId;

fn theirs(profile: Profile, key: &[u8], salt: &[u8]) -> Context {
    let profile = match profile {
        Profile::Aes128Gcm => ProtectionProfile::AeadAes128Gcm,
        Profile::Aes128CmSha1 => ProtectionProfile::Aes128CmHmacSha1_80,
    };
    Context::new(key, salt, profile, None, None, default_provider().unwrap().crypto()).unwrap()
}

fn profile() -> impl Strategy<Value = Profile> {
    prop_oneof![Just(Profile::Aes128Gcm), Just(Profile::Aes128CmSha1)]
}

fn new_header() -> impl Strategy<Value = NewHeader<'static>> {
    let level = proptest::option::of((0_u8..=20, 0_u8..128));
    let number = proptest::option::of((0_u8..=20, any::<u16>()));
    (any::<bool>(), 0_u8..128, any::<u16>(), any::<u32>(), any::<u32>(), level, number).prop_map(
        |(marker, payload_type, sequence_number, timestamp, ssrc, level, number)| NewHeader {
            marker,
            payload_type,
            sequence_number,
            timestamp,
            ssrc,
            level: level.map(|(id, level)| (id, AudioLevel::from_minus_dbov(level))),
            // Two extensions of one number would be one of them.
            transport_number: number.filter(|(id, _)| level.is_none_or(|(other, _)| other != *id)),
            names: [None; 2],
            contributing: &[],
        },
    )
}

fn block() -> impl Strategy<Value = ReportBlock> {
    (any::<u32>(), any::<u8>(), 0_i32..0x7f_ffff, any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>())
        .prop_map(|(ssrc, fraction_lost, packets_lost, highest_sequence_number, jitter, last, since)| {
            ReportBlock {
                ssrc,
                fraction_lost,
                packets_lost,
                highest_sequence_number,
                jitter,
                last_sender_report: last,
                since_sender_report: since,
            }
        })
}

/// Encrypts the whole RTP packet `plain` as `index`.
fn seal(keys: &SrtpKeys, ssrc: u32, index: u64, plain: &[u8]) -> BytesMut {
    let mut packet = BytesMut::from(plain);
    let len = RtpHeader::len_in(&packet).unwrap();
    let (header, payload) = packet.split_at_mut(len);
    let tag = keys.seal_rtp(ssrc, index, header, payload).unwrap();
    packet.extend_from_slice(&tag);
    packet
}

fn open(keys: &SrtpKeys, index: u64, packet: &mut [u8]) -> Option<Vec<u8>> {
    let len = RtpHeader::len_in(packet)?;
    let (header, payload) = packet.split_at_mut(len);
    let ssrc = RtpHeader::read(header)?.ssrc;
    let payload_len = keys.open_rtp(ssrc, index, header, payload)?;
    Some(packet[..len + payload_len].to_vec())
}

proptest! {
    #[test]
    fn srtp_and_another_implementation_read_each_other(
        profile in profile(),
        key in any::<[u8; KEY_LEN]>(),
        salt in vec(any::<u8>(), 14),
        header in new_header(),
        payload in vec(any::<u8>(), 0..400),
        flipped in any::<prop::sample::Index>(),
    ) {
        let salt = &salt[..profile.salt_len()];
        let (ours, mut other) = (SrtpKeys::new(profile, &key, salt).unwrap(), theirs(profile, &key, salt));
        let mut plain = BytesMut::new();
        header.write(&mut plain);
        plain.extend_from_slice(&payload);
        // Over the rollover of the sequence number.
        for turn in 0..2_u64 {
            let sealed = seal(&ours, header.ssrc, turn << 16 | u64::from(header.sequence_number), &plain);
            let read = rtc_rtp::header::Header::unmarshal(&mut &plain[..]).unwrap();
            if turn == 0 {
                prop_assert_eq!(&sealed, &other.encrypt_rtp_with_header(&plain, &read).unwrap());
                prop_assert_eq!(&other.decrypt_rtp(&sealed).unwrap(), &plain);
            }
            let index = turn << 16 | u64::from(header.sequence_number);
            prop_assert_eq!(open(&ours, index, &mut sealed.to_vec()), Some(plain.to_vec()));
            prop_assert_eq!(open(&ours, index + (1 << 16), &mut sealed.to_vec()), None, "another turn");
            let mut broken = sealed.to_vec();
            broken[flipped.index(sealed.len())] ^= 1;
            prop_assert_eq!(open(&ours, index, &mut broken), None);
        }
    }

    #[test]
    fn srtp_and_another_implementation_read_each_other_over_rollovers(
        profile in profile(),
        key in any::<[u8; KEY_LEN]>(),
        salt in vec(any::<u8>(), 14),
        header in new_header(),
        first in 60_000_u64..65_536,
        steps in vec(1_u64..15_000, 1..40),
    ) {
        let salt = &salt[..profile.salt_len()];
        let keys = || SrtpKeys::new(profile, &key, salt).unwrap();
        let (ours, mut hears, mut speaks) = (keys(), theirs(profile, &key, salt), theirs(profile, &key, salt));
        let mut window = ReplayWindow::default();
        let places = steps.iter().scan(first, |place, step| {
            *place += step;
            Some(*place)
        });
        for index in std::iter::once(first).chain(places) {
            let header = NewHeader { sequence_number: index as u16, ..header };
            let mut plain = BytesMut::new();
            header.write(&mut plain);
            plain.extend_from_slice(b"some speech");
            let sealed = seal(&ours, header.ssrc, index, &plain);
            prop_assert_eq!(&hears.decrypt_rtp(&sealed).unwrap(), &plain, "we speak, at {}", index);
            let read = rtc_rtp::header::Header::unmarshal(&mut &plain[..]).unwrap();
            let mut sealed = speaks.encrypt_rtp_with_header(&plain, &read).unwrap();
            let reckoned = window.index_of(header.sequence_number);
            prop_assert_eq!(reckoned, Some(index));
            prop_assert_eq!(open(&ours, index, &mut sealed), Some(plain.to_vec()), "we hear, at {}", index);
            window.note(index);
        }
    }

    #[test]
    fn srtcp_and_another_implementation_read_each_other(
        profile in profile(),
        key in any::<[u8; KEY_LEN]>(),
        salt in vec(any::<u8>(), 14),
        ssrc in any::<u32>(),
        blocks in vec(block(), 0..4),
        flipped in any::<prop::sample::Index>(),
    ) {
        let salt = &salt[..profile.salt_len()];
        let (ours, mut other) = (SrtpKeys::new(profile, &key, salt).unwrap(), theirs(profile, &key, salt));
        let mut plain = BytesMut::new();
        rtcp::write_report(&mut plain, ssrc, None, &blocks);
        rtcp::write_name(&mut plain, ssrc, "somebody");
        let mut sealed = plain.clone();
        let trailer = ours.seal_rtcp(ssrc, 7, &mut sealed).unwrap();
        sealed.extend_from_slice(&trailer);
        prop_assert_eq!(&other.decrypt_rtcp(&sealed).unwrap(), &plain);

        let mut theirs = other.encrypt_rtcp(&plain).unwrap();
        prop_assert!(theirs.len() <= plain.len() + MAX_OVERHEAD);
        let mut broken = theirs.clone();
        broken[flipped.index(theirs.len())] ^= 1;
        let opened = ours.open_rtcp(&mut theirs, |_, _| true).unwrap();
        prop_assert_eq!((opened.ssrc, &theirs[..opened.len]), (ssrc, &plain[..]));
        prop_assert_eq!(ours.open_rtcp(&mut broken, |_, _| true), None);
        prop_assert_eq!(ours.open_rtcp(&mut sealed, |_, index| index != 7), None, "seen already");
    }

    #[test]
    fn a_header_reads_back_as_it_was_written(header in new_header(), sources in vec(any::<u32>(), 0..20),
        payload in vec(any::<u8>(), 0..50)) {
        let speakers: Vec<_> =
            sources.iter().map(|&source| ActiveSpeaker { source: MediaSourceId(source), level: None }).collect();
        let header = NewHeader { contributing: &speakers, ..header };
        let mut packet = BytesMut::new();
        header.write(&mut packet);
        let written = packet.len();
        packet.extend_from_slice(&payload);
        let len = RtpHeader::len_in(&packet).unwrap();
        prop_assert_eq!(len, written);
        let read = RtpHeader::read(&packet[..len]).unwrap();
        let level = header.level.filter(|(id, _)| (1..15).contains(id));
        let transport_number = header.transport_number.filter(|(id, _)| (1..15).contains(id));
        let contributing = read.speakers(None);
        let back = NewHeader {
            marker: read.marker,
            payload_type: read.payload_type,
            sequence_number: read.sequence_number,
            timestamp: read.timestamp,
            ssrc: read.ssrc,
            level: header.level.and_then(|(id, _)| Some((id, read.level(Some(id))?))),
            transport_number: header.transport_number.and_then(|(id, _)| Some((id, read.transport_number(Some(id))?))),
            names: [None; 2],
            contributing: &contributing,
        };
        let first = &speakers[..speakers.len().min(15)];
        prop_assert_eq!(back, NewHeader { level, transport_number, contributing: first, ..header });
    }

    #[test]
    fn the_names_of_a_section_and_a_layer_are_read_by_another_implementation(
        header in new_header(),
        mid in "[a-z0-9.]{0,18}",
        layer in "[0-9]{0,18}",
        ids in prop::sample::subsequence((1_u8..=16).collect::<Vec<_>>(), 2),
        sources in vec(any::<u32>(), 0..20),
        payload in vec(any::<u8>(), 0..50),
    ) {
        let [mid_id, layer_id] = ids[..] else { unreachable!() };
        let is_other = |id: u8| ![mid_id, layer_id].contains(&id);
        let speakers: Vec<_> =
            sources.iter().map(|&source| ActiveSpeaker { source: MediaSourceId(source), level: None }).collect();
        let header = NewHeader {
            level: header.level.filter(|(id, _)| is_other(*id)),
            transport_number: header.transport_number.filter(|(id, _)| is_other(*id)),
            names: [Some((mid_id, mid.as_bytes())), Some((layer_id, layer.as_bytes()))],
            contributing: &speakers,
            ..header
        };
        let mut packet = BytesMut::new();
        header.write(&mut packet);
        prop_assert!(packet.len() <= crate::wire::rtp::MAX_NEW_HEADER_LEN);
        let written = packet.len();
        packet.extend_from_slice(&payload);
        let read = rtc_rtp::header::Header::unmarshal(&mut &packet[..]).unwrap();
        prop_assert_eq!(read.marshal_size(), written);
        for (id, name) in [(mid_id, &mid), (layer_id, &layer)] {
            let fits = id < 15 && (1..=16).contains(&name.len());
            let expected = fits.then(|| name.clone().into_bytes());
            prop_assert_eq!(read.get_extension(id).map(|data| data.to_vec()), expected.clone());
            let ours = RtpHeader::read(&packet[..written]).unwrap();
            prop_assert_eq!(ours.extension(id).map(<[u8]>::to_vec), expected);
        }
        let number = header.transport_number.filter(|(id, _)| (1..15).contains(id));
        let told = RtpHeader::read(&packet[..written]).unwrap();
        prop_assert_eq!(
            number.map(|(_, number)| number),
            number.and_then(|(id, _)| told.transport_number(Some(id)))
        );
    }

    #[test]
    fn headers_of_another_implementation_are_read_with_sources_levels_and_padding(
        sources in vec(any::<u32>(), 0..16),
        levels in vec(0_u8..128, 0..16),
        mid in "[a-z0-9.]{1,16}",
        two_byte in any::<bool>(),
        payload in vec(any::<u8>(), 1..50),
    ) {
        let kind = if two_byte || levels.len() > 15 { 0x1000 } else { 0xbede };
        let mut header = rtc_rtp::header::Header {
            version: 2,
            csrc: sources.clone(),
            extension: true,
            extension_profile: kind,
            ..Default::default()
        };
        let levels = &levels[..levels.len().min(sources.len())];
        if !levels.is_empty() {
            header.set_extension(2, Bytes::copy_from_slice(levels)).unwrap();
        }
        header.set_extension(4, Bytes::from(mid.clone())).unwrap();
        header.set_extension(1, Bytes::from_static(&[0x80 | 33])).unwrap();
        let mut packet = header.marshal().unwrap();
        let len = RtpHeader::len_in(&packet).unwrap();
        prop_assert_eq!(len, packet.len());
        packet.extend_from_slice(&payload);
        let read = RtpHeader::read(&packet[..len]).unwrap();
        let speakers = read.speakers(Some(2));
        prop_assert_eq!(speakers.iter().map(|speaker| speaker.source.0).collect::<Vec<_>>(), &sources[..15.min(sources.len())]);
        let heard: Vec<u8> =
            speakers.iter().filter_map(|speaker| speaker.level).map(AudioLevel::minus_dbov).collect();
        prop_assert_eq!(heard, levels);
        prop_assert_eq!(read.extension(4), Some(mid.as_bytes()));
        prop_assert_eq!(read.level(Some(1)), Some(AudioLevel::from_minus_dbov(33)));
        prop_assert_eq!((read.extension(3), read.level(None)), (None, None));
    }

    #[test]
    fn no_bytes_panic(junk in vec(any::<u8>(), 0..200), first in prop_oneof![Just(0x80_u8), Just(0x90), Just(0xbf)]) {
        let mut framed = junk.clone();
        framed.iter_mut().take(1).for_each(|byte| *byte = first);
        for bytes in [junk, framed] {
            if let Some(len) = RtpHeader::len_in(&bytes) {
                let header = RtpHeader::read(&bytes[..len]).unwrap();
                let _ = (header.speakers(Some(1)), header.level(Some(2)), header.extension(0));
            }
            rtcp::packets(&bytes).for_each(|packet| {
                if let RtcpPacket::SenderReport { blocks, .. } | RtcpPacket::ReceiverReport { blocks } = packet {
                    assert!(blocks.iter().count() <= rtcp::MAX_BLOCKS);
                }
            });
            for profile in [Profile::Aes128Gcm, Profile::Aes128CmSha1] {
                let keys = SrtpKeys::new(profile, &[1; KEY_LEN], &[2; 14][..profile.salt_len()]).unwrap();
                prop_assert_eq!(open(&keys, 5, &mut bytes.clone()), None);
                prop_assert_eq!(keys.open_rtcp(&mut bytes.clone(), |_, _| true), None);
            }
        }
    }

    #[test]
    fn reports_are_those_of_another_implementation(
        ssrc in any::<u32>(),
        ntp in any::<u64>(),
        numbers in any::<[u32; 3]>(),
        blocks in vec(block(), 0..40),
        name in "[a-z]{0,40}",
    ) {
        let [rtp, packets, octets] = numbers;
        let sent = SenderReport { ntp, rtp, packets, octets };
        let mut ours = BytesMut::new();
        rtcp::write_report(&mut ours, ssrc, Some(&sent), &blocks);
        rtcp::write_report(&mut ours, ssrc, None, &blocks);
        rtcp::write_name(&mut ours, ssrc, &name);
        rtcp::write_goodbye(&mut ours, ssrc);
        let blocks = &blocks[..blocks.len().min(31)];
        let theirs = rtc_rtcp::packet::unmarshal(&mut ours.clone().freeze()).unwrap();
        let reports: Vec<ReceptionReport> = blocks.iter().map(|block| ReceptionReport {
            ssrc: block.ssrc,
            fraction_lost: block.fraction_lost,
            total_lost: block.packets_lost as u32,
            last_sequence_number: block.highest_sequence_number,
            jitter: block.jitter,
            last_sender_report: block.last_sender_report,
            delay: block.since_sender_report,
        }).collect();
        let [first, second, third, fourth] = &theirs[..] else { panic!("{} packets", theirs.len()) };
        let sender = rtc_rtcp::sender_report::SenderReport {
            ssrc,
            ntp_time: ntp,
            rtp_time: rtp,
            packet_count: packets,
            octet_count: octets,
            reports: reports.clone(),
            ..Default::default()
        };
        prop_assert_eq!(first.as_any().downcast_ref(), Some(&sender));
        let receiver = ReceiverReport { ssrc, reports, ..Default::default() };
        prop_assert_eq!(second.as_any().downcast_ref(), Some(&receiver));
        let described: &SourceDescription = third.as_any().downcast_ref().unwrap();
        prop_assert_eq!(&described.chunks[0].items[0].text, &Bytes::from(name));
        let goodbye = Goodbye { sources: vec![ssrc], reason: Bytes::new() };
        prop_assert_eq!(fourth.as_any().downcast_ref(), Some(&goodbye));

        let back: Vec<RtcpPacket<'_>> = rtcp::packets(&ours).collect();
        let [RtcpPacket::SenderReport { ssrc: from, report, blocks: read }, RtcpPacket::ReceiverReport { .. }, RtcpPacket::Other, RtcpPacket::Goodbye { ssrc: gone }] = back[..] else {
            panic!("{back:?}")
        };
        prop_assert_eq!((from, report, gone), (ssrc, sent, ssrc));
        prop_assert_eq!(read.iter().collect::<Vec<_>>(), blocks);
    }
}

#[test]
fn padding_is_cut_off_and_too_much_of_it_is_refused() {
    assert_eq!(without_padding(false, 5, Some(9)), Some(5));
    assert_eq!(without_padding(true, 5, Some(4)), Some(1));
    assert_eq!(without_padding(true, 5, Some(5)), Some(0));
    assert_eq!(without_padding(true, 5, Some(6)), None);
    assert_eq!(without_padding(true, 5, Some(0)), None);
    assert_eq!(without_padding(true, 0, None), None);
}

#[test]
fn a_packet_that_was_seen_is_not_opened_again() {
    let keys = SrtpKeys::new(Profile::Aes128Gcm, &[1; KEY_LEN], &[2; 12]).unwrap();
    let header = NewHeader {
        marker: false,
        payload_type: 111,
        sequence_number: 9,
        timestamp: 1,
        ssrc: 3,
        level: None,
        transport_number: None,
        names: [None; 2],
        contributing: &[],
    };
    let mut plain = BytesMut::new();
    header.write(&mut plain);
    let sealed = seal(&keys, 3, 9, &plain);
    let mut window = ReplayWindow::default();
    let index = window.index_of(9).unwrap();
    assert!(window.is_fresh(index) && open(&keys, index, &mut sealed.to_vec()).is_some());
    window.note(index);
    assert!(!window.is_fresh(window.index_of(9).unwrap()));
}
