//! What a far end hears: counts, and the packets themselves to be decoded later, away from the call.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use offhook_media::{RtpTime, SampleRate, Sound};
use opus::{Channels, Decoder};
use tokio::sync::{Notify, watch};

use super::FarEndState;
use super::red;
use super::seeing::SeenPictures;
use super::tones::{HeardTone, ToneListener};

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
    /// RTP packets of sound that came.
    pub packets_received: u64,
    /// Their payload.
    pub bytes_received: u64,
    /// Sequence numbers between the first and the highest that never came.
    pub packets_lost: u64,
    /// Of the packets that came, those of the bot's keys (RFC 4733).
    pub tone_packets_received: u64,
    /// Of the packets that came, those that held copies of earlier ones (RED, RFC 2198).
    pub redundant_packets_received: u64,
    /// Packets that never came, and whose speech a copy has brought.
    pub packets_recovered: u64,
    /// RTP packets of sound sent.
    pub packets_sent: u64,
    /// What came of the bot's camera.
    pub video: SeenPictures,
    /// What came of the bot's screen.
    pub screen: SeenPictures,
}

/// A packet of speech that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeardPacket {
    /// When it came.
    pub arrival: Instant,
    /// Its time on the bot's clock, in 48,000ths of a second.
    pub sender_time: RtpTime,
}

/// What a packet carries, by its payload type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Opus,
    /// Copies of Opus packets of this payload type before a new one.
    Redundant {
        opus: u8,
    },
    Tone,
}

/// Speech that is kept.
struct Packet {
    /// `None` when only a copy has come.
    arrival: Option<Instant>,
    payload: Bytes,
}

/// Packets of which it is known that they came, when none are kept: as far back as copies reach, and more.
const REMEMBERED_PACKETS: usize = 64;

#[derive(Default)]
struct Heard {
    report: FarEndReport,
    first: Option<(u16, u32)>,
    highest: i64,
    distinct: u64,
    /// By time since the first packet, on the sender's clock.
    packets: BTreeMap<i64, Packet>,
    tones: ToneListener,
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

    /// Takes in a packet; gives the Opus in it.
    pub(super) fn receive(&self, number: u16, time: u32, content: Content, payload: &Bytes) -> Option<Bytes> {
        let mut heard = self.lock();
        heard.count(number, time, payload.len());
        let speech = match content {
            Content::Opus => Some((Vec::new(), payload.clone())),
            Content::Redundant { opus } => {
                heard.report.redundant_packets_received += 1;
                red::split(payload, opus)
            }
            Content::Tone => {
                heard.report.tone_packets_received += 1;
                heard.tones.receive(time, payload);
                None
            }
        };
        let new = speech.map(|(copies, new)| {
            for copy in copies {
                heard.keep_copy(time.wrapping_sub(copy.ticks_before), copy.payload);
            }
            heard.keep(time, new.clone());
            let kept = if self.keep { KEPT_PACKETS } else { REMEMBERED_PACKETS };
            while heard.packets.len() > kept {
                // What is kept is the beginning; what is remembered, the end.
                _ = if self.keep { heard.packets.pop_last() } else { heard.packets.pop_first() };
            }
            new
        });
        drop(heard);
        self.more.notify_waiters();
        new
    }

    /// The speech that came in packets of its own, in the order of its time.
    pub(super) fn packets(&self) -> Vec<HeardPacket> {
        let heard = self.lock();
        let first = heard.first.map_or(0, |(_, time)| time);
        let at = |ticks: i64| RtpTime(first.wrapping_add(ticks as u32));
        let came = |(ticks, packet): (&i64, &Packet)| {
            Some(HeardPacket { arrival: packet.arrival?, sender_time: at(*ticks) })
        };
        if self.keep { heard.packets.iter().filter_map(came).collect() } else { Vec::new() }
    }

    pub(super) fn tones(&self) -> Vec<HeardTone> {
        self.lock().tones.heard.clone()
    }

    pub(super) fn report(&self) -> FarEndReport {
        self.lock().report
    }

    /// Waits until packets worth `duration` came, or the connection is over.
    pub(super) async fn has_heard(&self, duration: Duration, state: watch::Receiver<FarEndState>) {
        let wanted = duration.as_millis().div_ceil(20) as u64;
        self.has(state, || self.report().packets_received >= wanted).await;
    }

    /// Waits until `count` tones came to their end, or the connection is over.
    pub(super) async fn has_heard_tones(&self, count: usize, state: watch::Receiver<FarEndState>) {
        self.has(state, || self.lock().tones.heard.len() >= count).await;
    }

    async fn has(&self, mut state: watch::Receiver<FarEndState>, what: impl Fn() -> bool) {
        loop {
            let more = self.more.notified();
            if what() || *state.borrow_and_update() == FarEndState::Closed {
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
        for (ticks, packet) in heard.packets.iter().filter(|_| self.keep) {
            let Ok(len) = decoder.decode(&packet.payload, &mut pcm, false) else { continue };
            let at = ticks * i64::from(RATE) / i64::from(RTP_CLOCK);
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

impl Heard {
    /// Counts a packet of any kind.
    fn count(&mut self, number: u16, time: u32, len: usize) {
        self.report.packets_received += 1;
        self.report.bytes_received += len as u64;
        let (first_number, _) = *self.first.get_or_insert((number, time));
        // Places count from the first packet, across wraps: the nearest to the highest so far.
        let expected_number = first_number.wrapping_add(self.highest as u16);
        let place = self.highest + i64::from(number.wrapping_sub(expected_number).cast_signed());
        self.highest = self.highest.max(place);
        self.distinct += 1;
        let span = (self.highest + 1).unsigned_abs();
        self.report.packets_lost = span.saturating_sub(self.distinct);
    }

    fn ticks(&self, time: u32) -> i64 {
        self.first.map_or(0, |(_, first)| time.wrapping_sub(first).cast_signed().into())
    }

    fn keep(&mut self, time: u32, payload: Bytes) {
        let packet = Packet { arrival: Some(Instant::now()), payload };
        let before = self.packets.insert(self.ticks(time), packet);
        if before.is_some_and(|before| before.arrival.is_none()) {
            // It was late, and not lost.
            self.report.packets_recovered -= 1;
        }
    }

    fn keep_copy(&mut self, time: u32, payload: Bytes) {
        let ticks = self.ticks(time);
        // Nobody has missed what was said before the first packet came.
        if ticks >= 0 && !self.packets.contains_key(&ticks) {
            self.packets.insert(ticks, Packet { arrival: None, payload });
            self.report.packets_recovered += 1;
        }
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
            hearing.receive(number, (ticks * 960_u32).wrapping_add(u32::MAX - 500), Content::Opus, &payload);
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
        hearing.receive(1, 0, Content::Opus, &packet());
        assert!(hearing.heard().samples().is_empty());
        let hearing = Hearing::new(true);
        hearing.receive(1, 0, Content::Opus, &Bytes::from_static(&[0b0100_1011, 48]));
        hearing.receive(2, u32::MAX - 9_600, Content::Opus, &packet());
        hearing.receive(3, 2_000_000_000, Content::Opus, &packet());
        assert!(hearing.heard().samples().is_empty());
    }

    #[test]
    fn a_copy_counts_while_its_packet_is_missing_and_is_heard_in_its_place() {
        let (hearing, payload) = (Hearing::new(true), packet());
        let with_copy = |ticks_before: u16, payload: &Bytes| {
            let [high, low] = (ticks_before << 2 | payload.len() as u16 >> 8).to_be_bytes();
            let mut packet = vec![0x80 | 111, high, low, payload.len() as u8, 111];
            packet.extend_from_slice(payload);
            packet.extend_from_slice(payload);
            Bytes::from(packet)
        };
        let red = Content::Redundant { opus: 111 };
        // Of a packet before the first; of the one that is there; of the lost third.
        for (number, place) in [(1_u16, 1_u32), (2, 2), (4, 4)] {
            hearing.receive(number, place * 960, red, &with_copy(960, &payload));
        }
        let counts = || {
            let report = hearing.report();
            (report.packets_lost, report.packets_recovered, report.redundant_packets_received)
        };
        assert_eq!(counts(), (1, 1, 3));
        assert_eq!(hearing.packets().len(), 3, "a copy is no packet");
        let heard = hearing.heard();
        assert!(
            heard.samples().len() == 4 * 320 && heard.samples()[640..960].iter().any(|&sample| sample != 0)
        );
        hearing.receive(3, 3 * 960, Content::Opus, &payload);
        assert_eq!(counts(), (0, 0, 3), "it was late");
    }
}
