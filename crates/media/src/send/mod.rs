//! One socket's speech: frames in, an Opus packet a tick out. Pure: told the time, driven by whoever holds it.

use std::sync::Arc;
use std::time::Duration;

use crate::audio::opus::{self, OpusEncoder, OpusError};
use crate::frame::{AudioFormat, AudioFrame};
use crate::ledger::Stage;
use crate::ring::RingReader;
use crate::settings::AudioSocketSettings;
use crate::stats::{SessionStats, SharedStats};
use crate::time::{MediaClock, RtpTime};

/// A pause of at most this many ticks was not meant: the application was late (an underrun).
const UNDERRUN_TICKS: u32 = 10;

/// A packet to be sent.
#[derive(Clone, Copy, Debug)]
pub struct OutgoingAudio<'a> {
    /// Its place in the stream; wraps.
    pub sequence_number: u16,
    /// When its first sample was due, on the stream's 48 kHz clock. It runs on through pauses.
    pub sender_time: RtpTime,
    /// The first packet after a pause (RFC 3551 section 4.1).
    pub marker: bool,
    /// One Opus packet.
    pub payload: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speech {
    /// Nothing to say, for this many ticks; `None` when nothing was ever said.
    Paused {
        ticks: Option<u32>,
    },
    /// Frames wait, and are held for this many ticks more.
    Leading {
        ticks: u32,
        after: Option<u32>,
    },
    Speaking,
}

/// Encodes what the application gives, at the tick.
pub struct AudioSender {
    encoder: OpusEncoder,
    lead_ticks: u32,
    speech: Speech,
    sequence_number: u16,
    sender_time: RtpTime,
    packet: Box<[u8; opus::MAX_PACKET_LEN]>,
    stats: Arc<SharedStats>,
}

impl AudioSender {
    /// A sender on its own, apart from any session. Its stream begins at the given place and time, which a session
    /// draws at random (RFC 3550 section 5.1).
    ///
    /// # Errors
    /// When libopus cannot be set up, because a setting is out of its range.
    pub fn new(settings: &AudioSocketSettings, first: (u16, RtpTime)) -> Result<Self, OpusError> {
        Self::with_stats(settings, first, Arc::new(SharedStats::new()))
    }

    pub(crate) fn with_stats(
        settings: &AudioSocketSettings,
        first: (u16, RtpTime),
        stats: Arc<SharedStats>,
    ) -> Result<Self, OpusError> {
        Ok(Self {
            encoder: OpusEncoder::new(settings.format.sample_rate(), &settings.encoder)?,
            lead_ticks: ticks_in(settings.send_lead),
            speech: Speech::Paused { ticks: None },
            sequence_number: first.0,
            sender_time: first.1,
            packet: Box::new([0; opus::MAX_PACKET_LEN]),
            stats,
        })
    }

    /// What was counted and how long the stages took.
    pub fn stats(&self) -> SessionStats {
        self.stats.read()
    }

    /// Encodes the next frame of `frames`; `None` when the application has nothing to say.
    pub fn tick(
        &mut self,
        clock: &impl MediaClock,
        frames: &mut RingReader<AudioFrame>,
    ) -> Option<OutgoingAudio<'_>> {
        let sender_time = self.sender_time;
        self.sender_time = sender_time.plus(opus::RTP_TICKS_PER_FRAME);
        let marker = self.begin(frames.queued())?;
        let Some(frame) = frames.read() else {
            self.speech = Speech::Paused { ticks: Some(0) };
            return None;
        };
        let taken = clock.now();
        self.stats.ledger.record(Stage::AppIn, taken.since(frame.stages.ring_in));
        let encoded = self.encoder.encode(frame.samples(), &mut self.packet[..]);
        self.stats.ledger.record(Stage::Encode, clock.now().since(taken));
        let Some(len) = encoded else {
            self.stats.counters.send_errors.add(1);
            return None;
        };
        let sequence_number = self.sequence_number;
        self.sequence_number = sequence_number.wrapping_add(1);
        Some(OutgoingAudio { sequence_number, sender_time, marker, payload: &self.packet[..len] })
    }

    /// Whether to speak at this tick, and whether that is a beginning.
    fn begin(&mut self, queued: usize) -> Option<bool> {
        if let Speech::Paused { ticks } = self.speech {
            let after = ticks.map(|ticks| ticks.saturating_add(1));
            if queued == 0 {
                self.speech = Speech::Paused { ticks: after };
                return None;
            }
            self.speech = Speech::Leading { ticks: self.lead_ticks, after };
        }
        let Speech::Leading { ticks, after } = self.speech else { return Some(false) };
        if ticks > 0 {
            self.speech = Speech::Leading { ticks: ticks - 1, after };
            return None;
        }
        self.speech = Speech::Speaking;
        let underrun = after.is_some_and(|ticks| ticks <= UNDERRUN_TICKS);
        self.stats.counters.send_underruns.add(u64::from(underrun));
        Some(true)
    }
}

/// How many ticks `span` takes, rounded up.
pub(crate) fn ticks_in(span: Duration) -> u32 {
    u32::try_from(span.as_nanos().div_ceil(AudioFormat::FRAME_DURATION.as_nanos())).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::frame_ring;
    use crate::time::MediaInstant;

    struct Still;
    impl MediaClock for Still {
        fn now(&self) -> MediaInstant {
            MediaInstant::ZERO
        }
    }

    /// What was sent at each tick for the frames given before it: M a beginning, P a packet, - nothing.
    fn send(given: &[u32], settings: &AudioSocketSettings) -> (String, Vec<u32>, AudioSender) {
        let mut sender = AudioSender::new(settings, (65_535, RtpTime(0))).unwrap();
        let silence = || AudioFrame::silent(settings.format, MediaInstant::ZERO);
        let (mut writer, mut reader) = frame_ring(50, silence);
        let mut times = Vec::new();
        let sent = given
            .iter()
            .map(|&frames| {
                (0..frames).for_each(|_| assert!(writer.write(|_| ())));
                let packet = sender.tick(&Still, &mut reader);
                times.extend(packet.map(|packet| packet.sender_time.0 / 960));
                packet.map_or('-', |packet| if packet.marker { 'M' } else { 'P' })
            })
            .collect();
        (sent, times, sender)
    }

    #[test]
    fn the_first_frame_waits_for_the_lead_and_the_clock_runs_on_through_pauses() {
        let (sent, times, sender) = send(&[0, 1, 1, 1, 0, 0, 0, 1, 1, 0, 0], &AudioSocketSettings::default());
        assert_eq!(sent, "--MPP---MP-");
        assert_eq!(times, [2, 3, 4, 8, 9]);
        assert_eq!(sender.stats().counters.send_underruns, 1, "a pause of a few ticks was not meant");
        assert_eq!(sender.sequence_number, 4, "numbers wrap and count packets, not ticks");
    }

    #[test]
    fn without_lead_a_frame_goes_out_at_the_next_tick() {
        let settings = AudioSocketSettings::default().send_lead(Duration::ZERO);
        assert_eq!(send(&[1, 0, 1], &settings).0, "M-M");
    }

    #[test]
    fn spans_round_up_to_ticks() {
        for (millis, ticks) in [(0, 0), (1, 1), (20, 1), (21, 2), (100, 5)] {
            assert_eq!(ticks_in(Duration::from_millis(millis)), ticks);
        }
    }
}
