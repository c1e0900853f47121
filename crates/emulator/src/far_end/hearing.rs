//! What a far end hears: counts, and the packets themselves to be decoded later, away from the call.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use offhook_media::{SampleRate, Sound};
use opus::{Channels, Decoder};
use tokio::sync::{Notify, watch};

use super::FarEndState;

/// The rate that is decoded at.
const RATE: u32 = SampleRate::HZ_16000.get();

/// RTP ticks per second of Opus (RFC 7587 section 4.1).
const RTP_CLOCK: u32 = 48_000;

/// Packets that are kept: ten minutes.
const KEPT_PACKETS: usize = 30_000;

/// The longest timeline: as long as the packets that are kept.
const LONGEST: usize = KEPT_PACKETS * RATE as usize / 50;

/// The longest Opus packet, in samples at [`RATE`]: 120 ms.
const LONGEST_PACKET: usize = RATE as usize * 120 / 1000;

/// What a far end has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FarEndReport {
    /// RTP packets that came.
    pub packets_received: u64,
    /// Their payload.
    pub bytes_received: u64,
    /// Sequence numbers between the first and the highest that never came.
    pub packets_lost: u64,
    /// RTP packets sent.
    pub packets_sent: u64,
}

struct Packet {
    /// Since the first packet, on the sender's clock.
    ticks: i64,
    payload: Bytes,
}

#[derive(Default)]
struct Heard {
    report: FarEndReport,
    first: Option<(u16, u32)>,
    highest: i64,
    distinct: u64,
    /// By place in the stream.
    packets: BTreeMap<i64, Packet>,
}

/// Keeps what comes in.
pub(super) struct Hearing {
    keep: bool,
    heard: Mutex<Heard>,
    more: Notify,
}

impl Hearing {
    pub(super) fn new(keep: bool) -> Self {
        Self { keep, heard: Mutex::default(), more: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note_sent(&self) {
        self.lock().report.packets_sent += 1;
    }

    /// Takes in a packet.
    pub(super) fn receive(&self, sequence_number: u16, time: u32, payload: &Bytes) {
        let mut heard = self.lock();
        heard.report.packets_received += 1;
        heard.report.bytes_received += payload.len() as u64;
        let (first_number, first_time) = *heard.first.get_or_insert((sequence_number, time));
        // Places count from the first packet, across wraps: the nearest to the highest so far.
        let expected = heard.highest;
        let expected_number = first_number.wrapping_add(expected as u16);
        let place = expected + i64::from(sequence_number.wrapping_sub(expected_number).cast_signed());
        heard.highest = heard.highest.max(place);
        heard.distinct += 1;
        let span = (heard.highest + 1).unsigned_abs();
        heard.report.packets_lost = span.saturating_sub(heard.distinct);
        if self.keep && heard.packets.len() < KEPT_PACKETS {
            let ticks = i64::from(time.wrapping_sub(first_time).cast_signed());
            heard.packets.insert(place, Packet { ticks, payload: payload.clone() });
        }
        drop(heard);
        self.more.notify_waiters();
    }

    pub(super) fn report(&self) -> FarEndReport {
        self.lock().report
    }

    /// Waits until packets worth `duration` came, or the connection is over.
    pub(super) async fn has_heard(&self, duration: Duration, mut state: watch::Receiver<FarEndState>) {
        let wanted = duration.as_millis().div_ceil(20) as u64;
        loop {
            let more = self.more.notified();
            if self.report().packets_received >= wanted || *state.borrow_and_update() == FarEndState::Closed {
                return;
            }
            tokio::select! {
                () = more => {}
                changed = state.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Decodes what was kept onto its timeline.
    pub(super) fn heard(&self) -> Sound {
        let heard = self.lock();
        let (mut samples, mut pcm) = (Vec::new(), [0; LONGEST_PACKET]);
        let mut decoder =
            Decoder::new(RATE, Channels::Mono).expect("libopus decodes 16 kHz mono while there is memory");
        for packet in heard.packets.values() {
            let Ok(len) = decoder.decode(&packet.payload, &mut pcm, false) else { continue };
            let at = packet.ticks * i64::from(RATE) / i64::from(RTP_CLOCK);
            // A clock that jumps back, or ahead by more than is kept, says nothing.
            let Some(at) = usize::try_from(at).ok().filter(|at| *at < LONGEST) else { continue };
            if at + len > samples.len() {
                samples.resize(at + len, 0);
            }
            samples[at..at + len].copy_from_slice(&pcm[..len]);
        }
        Sound::new(SampleRate::HZ_16000, samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet() -> Bytes {
        let mut encoder = opus::Encoder::new(RATE, Channels::Mono, opus::Application::Voip).unwrap();
        let mut packet = [0; 1500];
        let len = encoder.encode(&[3000; 320], &mut packet).unwrap();
        Bytes::copy_from_slice(&packet[..len])
    }

    #[test]
    fn what_never_came_is_silence_and_is_counted_across_the_wrap() {
        let (hearing, payload) = (Hearing::new(true), packet());
        for (number, ticks) in [(65_534_u16, 0), (65_535, 1), (1, 3), (0, 2), (4, 6)] {
            hearing.receive(number, (ticks * 960_u32).wrapping_add(u32::MAX - 500), &payload);
        }
        let report = hearing.report();
        assert_eq!((report.packets_received, report.packets_lost), (5, 2));
        let heard = hearing.heard().samples().to_vec();
        assert_eq!(heard.len(), 7 * 320);
        assert!(heard[4 * 320..6 * 320].iter().all(|sample| *sample == 0));
        assert!(heard[2 * 320..4 * 320].iter().any(|sample| *sample != 0));
    }

    #[test]
    fn nothing_is_kept_unless_asked_for_and_junk_is_passed_over() {
        let hearing = Hearing::new(false);
        hearing.receive(1, 0, &packet());
        assert!(hearing.heard().samples().is_empty());
        let hearing = Hearing::new(true);
        hearing.receive(1, 0, &Bytes::from_static(&[0b0100_1011, 48]));
        hearing.receive(2, u32::MAX - 9_600, &packet());
        hearing.receive(3, 2_000_000_000, &packet());
        assert!(hearing.heard().samples().is_empty());
    }
}
