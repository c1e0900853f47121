//! What the fuzz targets do with their bytes: each reader that meets a stranger's. `script/fuzz` runs them for long; the tests of
//! `offhook-media` repeat what lies in `corpus`.

use std::time::Duration;

use offhook_media::blob::MediaBlob;
use offhook_media::video::twcc::{FeedbackReader, FeedbackWriter};
use offhook_media::video::{FrameAssembler, VideoCodec, VideoPacket};
use offhook_media::{MediaInstant, RtpTime, Ssrc, fuzzing};

/// What is done with the bytes of a target.
pub type Target = fn(&[u8]);

/// Each target by its name.
pub const TARGETS: [(&str, Target); 7] = [
    ("depacketise_h264", depacketise_h264),
    ("depacketise_vp8", depacketise_vp8),
    ("frame_assembler", frame_assembler),
    ("media_blob", media_blob),
    ("rtcp_feedback", rtcp_feedback),
    ("rtp_header", rtp_header),
    ("twcc", twcc),
];

fn at(millis: u64) -> MediaInstant {
    MediaInstant::from_duration(Duration::from_millis(millis))
}

/// Takes a byte off the front.
fn byte(data: &mut &[u8]) -> Option<u8> {
    let (&first, rest) = data.split_first()?;
    *data = rest;
    Some(first)
}

/// Takes bytes off the front, behind their number; as many as there are.
fn bytes<'a>(data: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::from(byte(data)?).min(data.len());
    let (bytes, rest) = data.split_at(len);
    *data = rest;
    Some(bytes)
}

/// One frame of payloads, each behind its length, whatever is in them.
fn depacketise(codec: VideoCodec, mut data: &[u8]) {
    let mut assembler = FrameAssembler::new(codec);
    let mut sequence_number = 65_530_u16;
    while let Some(payload) = bytes(&mut data) {
        let packet = VideoPacket {
            ssrc: Ssrc(1),
            sequence_number,
            sender_time: RtpTime(0),
            marker: data.is_empty(),
            arrival_time: at(0),
            payload,
        };
        assembler.insert(&packet);
        sequence_number = sequence_number.wrapping_add(1);
    }
    if let Some(frame) = assembler.next_frame(at(0)) {
        assert!(frame.is_key, "the first frame refers to no other");
    }
}

/// Payloads of H.264.
pub fn depacketise_h264(data: &[u8]) {
    depacketise(VideoCodec::H264, data);
}

/// Payloads of VP8.
pub fn depacketise_vp8(data: &[u8]) {
    depacketise(VideoCodec::Vp8, data);
}

/// Packets of frames, late, lost, doubled and out of order.
pub fn frame_assembler(mut data: &[u8]) {
    let Some(codec) = byte(&mut data) else { return };
    let mut assembler = FrameAssembler::new(if codec & 1 == 0 { VideoCodec::H264 } else { VideoCodec::Vp8 });
    let (mut sequence_number, mut sender_time, mut now) = (65_500_u16, 0_u32, 0);
    let mut is_first = true;
    while let Some(how) = byte(&mut data) {
        // Forward by one most of the time, else by up to a few on either side, or far away.
        sequence_number = match how & 0x0f {
            step @ 0..8 => {
                sequence_number.wrapping_add(u16::from(step) + 1).wrapping_sub(u16::from(how & 0x80 != 0) * 6)
            }
            8..15 => sequence_number.wrapping_add(1),
            _ => sequence_number.wrapping_add(20_000),
        };
        sender_time = sender_time.wrapping_add(u32::from(how & 0x10 != 0) * 3000);
        now += u64::from(how & 0x40 != 0) * 40;
        let Some(payload) = bytes(&mut data) else { return };
        let packet = VideoPacket {
            ssrc: Ssrc(1),
            sequence_number,
            sender_time: RtpTime(sender_time),
            marker: how & 0x20 != 0,
            arrival_time: at(now),
            payload,
        };
        assembler.insert(&packet);
        while let Some(frame) = assembler.next_frame(at(now)) {
            assert!(frame.is_key || !is_first, "the first frame refers to no other");
            assert!(frame.first_arrival <= frame.last_arrival && frame.last_arrival <= at(now));
            is_first = false;
        }
        let mut asked = 0;
        assembler.missing().due(at(now), |_| asked += 1);
        assert!(asked <= 512, "an outage is not asked for");
        assembler.needs_key_frame(at(now));
    }
}

/// A blob: what is read of one is written and read again as the same.
pub fn media_blob(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(blob) = MediaBlob::parse(text) {
        let written = blob.to_string();
        let read = MediaBlob::parse(&written).map(|blob| blob.to_string());
        assert_eq!(read.ok(), Some(written));
    }
}

/// RTCP.
pub fn rtcp_feedback(data: &[u8]) {
    fuzzing::read_rtcp(data);
}

/// The header of an RTP packet.
pub fn rtp_header(data: &[u8]) {
    fuzzing::read_rtp(data);
}

/// When packets arrived, as it was told and as we tell it.
pub fn twcc(data: &[u8]) {
    let mut told = 0;
    FeedbackReader::default().read(data, |_| told += 1);
    assert!(told <= usize::from(u16::MAX));

    let (mut writer, mut reader) = (FeedbackWriter::default(), FeedbackReader::default());
    let (mut place, mut now) = (65_000_u64, 0);
    for step in data {
        place = (place + u64::from(step & 0x1f)).saturating_sub(2);
        now += u64::from(step >> 5) * 7;
        writer.note(place, at(now));
    }
    let mut body = Vec::new();
    while writer.write(&mut body) {
        assert!(reader.read(&body, |_| ()), "it is read as it was written");
        assert!(body.len().is_multiple_of(4));
        body.clear();
    }
}
