//! [io] The moving pattern of a scripted member: two seconds of VP8, over and over; `assets/README.md` says where they come from.

use std::sync::Weak;
use std::time::Duration;

use bytes::Bytes;
use rtc::rtp::{Packet, header::Header};
use tokio::time::Instant;

use super::hall::Hall;
use super::video::{Codec, Feed};

/// An IVF file: 15 frames a second, each 15th of them a key frame, so that none has to be asked for.
const PATTERN: &[u8] = include_bytes!("../../../../assets/pattern.ivf");

/// Frames a second.
const RATE: u32 = 15;

/// Ticks of video's clock in a frame.
const TICKS: u32 = 90_000 / RATE;

/// What fits into a packet on any path, with room for headers.
const LONGEST: usize = 1_200;

/// The frames of an IVF file: behind a header of 32 bytes, each behind its length and 8 bytes of its time. What is cut off is left out.
fn frames(file: &'static [u8]) -> Vec<&'static [u8]> {
    let (mut rest, mut frames) = (file.get(32..).unwrap_or_default(), Vec::new());
    while let Some((header, behind)) = rest.split_first_chunk::<12>() {
        let [a, b, c, d, ..] = *header;
        let Some((frame, next)) = behind.split_at_checked(u32::from_le_bytes([a, b, c, d]) as usize) else {
            break;
        };
        frames.push(frame);
        rest = next;
    }
    frames
}

/// A frame of VP8 as payloads, each behind the shortest descriptor, which says where a frame begins (RFC 7741 section 4.2).
fn payloads(frame: &[u8]) -> Vec<Bytes> {
    let parts = frame.chunks(LONGEST).enumerate();
    let payload = |(place, part): (usize, &[u8])| {
        let descriptor = if place == 0 { 0x10 } else { 0 };
        [&[descriptor], part].concat().into()
    };
    parts.map(payload).collect()
}

/// Shows the pattern as the camera of `member`, until they have left.
pub(super) async fn play(hall: Weak<Hall>, member: String) {
    let feed = Feed { member, is_screen: false };
    let frames: Vec<Vec<Bytes>> = frames(PATTERN).into_iter().map(payloads).collect();
    let (start, mut number) = (Instant::now(), rand::random::<u16>() >> 1);
    for (count, payloads) in (0_u32..).zip(frames.iter().cycle()) {
        tokio::time::sleep_until(start + Duration::from_secs(1) * count / RATE).await;
        let Some(hall) = hall.upgrade() else { return };
        if hall.kind(&feed.member).is_none() {
            return;
        }
        for (place, payload) in payloads.iter().enumerate() {
            let marker = place + 1 == payloads.len();
            let timestamp = count.wrapping_mul(TICKS);
            let header =
                Header { version: 2, marker, sequence_number: number, timestamp, ..Header::default() };
            number = number.wrapping_add(1);
            let packet = Packet { header, payload: payload.clone() };
            hall.show(&feed.member, feed.is_screen, Codec::Vp8, &packet);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_has_a_key_frame_each_second_and_fits_into_packets() {
        let frames = frames(PATTERN);
        assert_eq!(frames.len(), 30);
        // The lowest bit of a frame says that it is none (RFC 6386 section 9.1).
        let keys: Vec<usize> = (0..30).filter(|place| frames[*place][0] & 1 == 0).collect();
        assert_eq!(keys, [0, 15]);
        for frame in frames {
            let payloads = payloads(frame);
            assert!(payloads.iter().all(|payload| payload.len() <= LONGEST + 1));
            assert_eq!(payloads.iter().map(|payload| payload.len() - 1).sum::<usize>(), frame.len());
            let begins: Vec<bool> = payloads.iter().map(|payload| payload[0] == 0x10).collect();
            assert!(begins[0] && !begins[1..].contains(&true));
        }
    }

    #[test]
    fn a_file_that_is_cut_off_ends_at_its_last_whole_frame() {
        assert_eq!(frames(&PATTERN[..PATTERN.len() - 1]).len(), 29);
        assert!(frames(b"DKIF").is_empty());
    }
}
