//! [io] Shows the film of a scripted member, on the real clock.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use rtc::rtp::{Packet, header::Header};
use tokio::time::Instant;

use super::hall::Hall;
use super::video::{Arrival, Codec, Feed};
use crate::far_end::Film;

/// Ticks of video's clock in a second (RFC 7741 section 4.1, RFC 6184 section 5.1).
const CLOCK: u128 = 90_000;

/// Shows `film` as the camera of `member`, over and over, from when they are in until they have left. Once a key frame is `asked` for,
/// the film jumps to its next one.
pub(super) async fn play(hall: Weak<Hall>, member: String, film: Arc<Film>, asked: Arc<AtomicBool>) {
    let feed = Feed::new(&member, false);
    let codecs: Vec<Codec> = film.versions().iter().map(|version| version.codec).collect();
    let mut numbers: Vec<u16> = codecs.iter().map(|_| rand::random::<u16>() >> 1).collect();
    let (start, mut place) = (Instant::now(), 0);
    for count in 0_u32.. {
        let passed = film.between() * count;
        tokio::time::sleep_until(start + passed).await;
        let Some(hall) = hall.upgrade() else { return };
        match hall.is_in(&member) {
            None => return,
            Some(false) => continue,
            Some(true) => {}
        }
        if asked.swap(false, Relaxed) {
            place = film.next_key_frame(place);
        }
        let timestamp = (passed.as_nanos() * CLOCK / 1_000_000_000) as u32;
        for (version, number) in film.versions().iter().zip(&mut numbers) {
            let payloads = version.payloads(place);
            for (part, payload) in payloads.iter().enumerate() {
                let marker = part + 1 == payloads.len();
                let header =
                    Header { version: 2, marker, sequence_number: *number, timestamp, ..Header::default() };
                *number = number.wrapping_add(1);
                let packet = Packet { header, payload: payload.clone() };
                let arrival = Arrival {
                    codec: version.codec,
                    layer: 0,
                    codecs: &codecs,
                    echoes: None,
                    packet: &packet,
                };
                hall.arrives(&feed, arrival);
            }
        }
        place += 1;
    }
}
