//! Counters of a session, under the names of W3C webrtc-stats where it has one.

mod w3c;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

pub use w3c::{
    InboundRtpStats, OutboundRtpStats, RemoteInboundRtpStats, StatUnit, VideoInboundRtpStats,
    VideoOutboundRtpStats,
};

use crate::ledger::{Ledger, Stage, StageLatency};

/// A number that one thread adds to and any thread reads: with one writer, no locked instruction is needed.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, amount: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(amount), Relaxed);
    }

    /// For what is a state and no count.
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

macro_rules! counters {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {
        /// The live counters that stages write.
        #[derive(Debug, Default)]
        pub(crate) struct Counters { $(pub(crate) $name: Counter,)* }

        impl Counters {
            fn read(&self) -> SessionCounters {
                SessionCounters { $($name: self.$name.get(),)* }
            }
        }

        /// What a session has counted since it began.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct SessionCounters { $($(#[doc = $doc])* pub $name: u64,)* }

        impl SessionCounters {
            /// Each counter with its name.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)*].into_iter()
            }

            /// Each counter with its name and what it counts.
            pub(crate) fn described() -> impl Iterator<Item = (&'static str, &'static str)> {
                [$((stringify!($name), concat!($($doc),*)),)*].into_iter()
            }

            /// Adds what another session has counted.
            pub fn merge(&mut self, other: &Self) {
                $(self.$name += other.$name;)*
            }

            /// What was counted since an `earlier` reading.
            #[must_use]
            pub fn since(&self, earlier: &Self) -> Self {
                Self { $($name: self.$name.saturating_sub(earlier.$name),)* }
            }
        }
    };
}

counters! {
    /// RTP packets that arrived and could be decrypted.
    packets_received,
    /// Their payload, in bytes.
    bytes_received,
    /// Packets that never came, or came after their place had been played. As of the last tick.
    packets_lost,
    /// Packets that came and were not played: too late, doubled, or over the buffer's ceiling.
    packets_discarded,
    /// Samples made up for packets that were lost or late, at the socket's rate.
    concealed_samples,
    /// Those of them that are silence, because the loss lasted too long to make anything up.
    silent_concealed_samples,
    /// How often concealment began.
    concealment_events,
    /// Samples taken out of the sound to bring the delay down.
    removed_samples_for_acceleration,
    /// Samples put into the sound to let the delay grow.
    inserted_samples_for_deceleration,
    /// How long samples were held, from the arrival of their packet to the tick that gave them out: in nanoseconds,
    /// summed over samples. Divided by `jitter_buffer_emitted_count` it is the mean.
    jitter_buffer_delay,
    /// The delay that the jitter buffer aimed at, on top of the fastest packets', summed likewise.
    jitter_buffer_target_delay,
    /// Samples given out that came from packets.
    jitter_buffer_emitted_count,
    /// Packets that held a copy of another one: in-band FEC, or RED.
    fec_packets_received,
    /// Frames given to the application.
    frames_delivered,
    /// Frames that the application did not take in time.
    frames_dropped,
    /// Packets whose payload was no Opus.
    decode_errors,
    /// RTP packets sent.
    packets_sent,
    /// Their payload, in bytes.
    bytes_sent,
    /// Packets sent that carried copies of those before them (RED).
    redundant_packets_sent,
    /// Frames that were spoken and not sent: while muted, or as silence (DTX).
    frames_withheld,
    /// Ticks at which the application had begun to speak but had no frame ready.
    send_underruns,
    /// Packets that the transport would not take.
    send_errors,
    /// Ticks that began more than a frame, 20 ms, late.
    deadline_misses,
    /// Events that the application did not read in time.
    events_dropped,
    /// Datagrams of this session that were of no protocol spoken here, and media that failed its checks.
    datagrams_rejected,
    /// RTP packets of video that arrived, those that were sent again included.
    video_packets_received,
    /// Their payload, in bytes.
    video_bytes_received,
    /// Those of them that came on a stream of retransmissions (RFC 4588).
    video_retransmitted_packets_received,
    /// Their payload, in bytes.
    video_retransmitted_bytes_received,
    /// Whole frames of video, whose references had all come.
    video_frames_received,
    /// Those of them that were key frames.
    video_key_frames_received,
    /// Frames of video that the application did not take in time.
    video_frames_dropped,
    /// How often a picture stood still for longer than its pace explains.
    video_freeze_count,
    /// How long pictures stood, in nanoseconds.
    video_total_freezes_duration,
    /// Requests for packets of video that are missing (NACK), sent.
    video_nack_count,
    /// Requests for a key frame (PLI, or FIR where the far end knows nothing else), sent.
    video_pli_count,
    /// RTP packets of video sent, those that were sent again included.
    video_packets_sent,
    /// Their payload, in bytes.
    video_bytes_sent,
    /// Those of them that were sent again.
    video_retransmitted_packets_sent,
    /// Their payload, in bytes.
    video_retransmitted_bytes_sent,
    /// Frames of video that were sent whole.
    video_frames_sent,
    /// Frames that the application gave and that were not sent: nobody looks, or the far end waits for a key frame.
    video_frames_withheld,
    /// Requests for packets of video (NACK) that came.
    video_nack_received_count,
    /// Requests for a key frame (PLI) that came.
    video_pli_received_count,
    /// Requests for a key frame with a number (FIR) that came.
    video_fir_received_count,
    /// Messages on the control channel that were none.
    control_messages_malformed,
}

/// What the peer has reported of the stream that it hears from us: all but the sums are states, as of the last report.
#[derive(Debug, Default)]
pub(crate) struct PeerCounters {
    packets_lost: Counter,
    /// In millionths.
    fraction_lost: Counter,
    /// In nanoseconds, as all spans here.
    jitter: Counter,
    round_trip_time: Counter,
    total_round_trip_time: Counter,
    round_trip_time_measurements: Counter,
}

impl PeerCounters {
    /// Takes note of a report (RFC 3550 section 6.4.1): lost since the stream began, the share lost since the report before,
    /// jitter, and there and back, if that is known.
    pub(crate) fn note(&self, lost: i64, fraction: f32, jitter: Duration, round_trip: Option<Duration>) {
        let nanos = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        // More may have come than was sent, doubled on its way.
        self.packets_lost.set(u64::try_from(lost).unwrap_or(0));
        self.fraction_lost.set((f64::from(fraction) * 1e6) as u64);
        self.jitter.set(nanos(jitter));
        if let Some(span) = round_trip {
            self.round_trip_time.set(nanos(span));
            self.total_round_trip_time.add(nanos(span));
            self.round_trip_time_measurements.add(1);
        }
    }

    fn read(&self) -> PeerReception {
        let span = |counter: &Counter| Duration::from_nanos(counter.get());
        PeerReception {
            packets_lost: self.packets_lost.get(),
            fraction_lost: self.fraction_lost.get() as f64 / 1e6,
            jitter: span(&self.jitter),
            round_trip_time: span(&self.round_trip_time),
            total_round_trip_time: span(&self.total_round_trip_time),
            round_trip_time_measurements: self.round_trip_time_measurements.get(),
        }
    }
}

/// A reading of [`PeerCounters`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct PeerReception {
    packets_lost: u64,
    fraction_lost: f64,
    jitter: Duration,
    round_trip_time: Duration,
    total_round_trip_time: Duration,
    round_trip_time_measurements: u64,
}

impl PeerReception {
    fn merge(&mut self, other: &Self) {
        self.packets_lost += other.packets_lost;
        self.fraction_lost = self.fraction_lost.max(other.fraction_lost);
        self.jitter = self.jitter.max(other.jitter);
        self.round_trip_time = self.round_trip_time.max(other.round_trip_time);
        self.total_round_trip_time += other.total_round_trip_time;
        self.round_trip_time_measurements += other.round_trip_time_measurements;
    }

    fn since(&self, earlier: &Self) -> Self {
        let (measurements, total) = (earlier.round_trip_time_measurements, earlier.total_round_trip_time);
        Self {
            packets_lost: self.packets_lost.saturating_sub(earlier.packets_lost),
            total_round_trip_time: self.total_round_trip_time.saturating_sub(total),
            round_trip_time_measurements: self.round_trip_time_measurements.saturating_sub(measurements),
            ..*self
        }
    }
}

/// How much faster a clock runs than ours, in parts in a billion: a state.
#[derive(Debug, Default)]
pub(crate) struct Drift(Counter);

impl Drift {
    pub(crate) fn set(&self, parts_per_billion: i64) {
        // One bit says that it is known.
        self.0.set((parts_per_billion << 1 | 1).cast_unsigned());
    }

    /// In millionths.
    fn read(&self) -> Option<f64> {
        let told = self.0.get();
        (told != 0).then(|| (told.cast_signed() >> 1) as f64 / 1e3)
    }
}

/// What a session and its application end share: counters and the ledger.
pub(crate) struct SharedStats {
    pub(crate) counters: Counters,
    /// Interarrival jitter, in nanoseconds: a state, which adds up to nothing.
    pub(crate) jitter: Counter,
    pub(crate) clock_drift: Drift,
    pub(crate) peer: PeerCounters,
    pub(crate) ledger: Ledger,
}

impl SharedStats {
    pub(crate) fn new() -> Self {
        Self {
            counters: Counters::default(),
            jitter: Counter::default(),
            clock_drift: Drift::default(),
            peer: PeerCounters::default(),
            ledger: Ledger::new(),
        }
    }

    pub(crate) fn read(&self) -> SessionStats {
        SessionStats {
            counters: self.counters.read(),
            jitter: Duration::from_nanos(self.jitter.get()),
            clock_drift_ppm: self.clock_drift.read(),
            peer: self.peer.read(),
            stages: Stage::ALL.map(|stage| self.ledger.read(stage)),
        }
    }
}

/// A reading of a session's counters and of the latency of each stage; or of several sessions, added up.
#[derive(Clone, Debug, Default)]
pub struct SessionStats {
    /// What was counted.
    pub counters: SessionCounters,
    /// How unevenly packets came, as of the last one (RFC 3550 section 6.4.1); of several sessions, the most.
    pub jitter: Duration,
    /// How much faster the clock of who is heard runs than ours, in millionths (ppm); slower where it is negative. W3C has no
    /// such value. By the fastest packets of the last four minutes, and so right to a few ppm where the network jitters. `None`
    /// until half a minute of a stream has come, and where packets are passed on as they are. Of several sessions, the one that
    /// is furthest off.
    pub clock_drift_ppm: Option<f64>,
    peer: PeerReception,
    stages: [StageLatency; Stage::ALL.len()],
}

impl SessionStats {
    /// The latency of one stage.
    pub fn stage(&self, stage: Stage) -> &StageLatency {
        &self.stages[stage as usize]
    }

    /// Every stage with its latency.
    pub fn stages(&self) -> impl Iterator<Item = (Stage, &StageLatency)> {
        Stage::ALL.into_iter().zip(&self.stages)
    }

    /// Adds what another session has counted and taken.
    pub fn merge(&mut self, other: &Self) {
        self.counters.merge(&other.counters);
        self.jitter = self.jitter.max(other.jitter);
        let drifts = [self.clock_drift_ppm, other.clock_drift_ppm].into_iter().flatten();
        self.clock_drift_ppm = drifts.max_by(|one, two| one.abs().total_cmp(&two.abs()));
        self.peer.merge(&other.peer);
        self.stages.iter_mut().zip(&other.stages).for_each(|(stage, other)| stage.merge(other));
    }

    /// What came on top of an `earlier` reading.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            counters: self.counters.since(&earlier.counters),
            jitter: self.jitter,
            clock_drift_ppm: self.clock_drift_ppm,
            peer: self.peer.since(&earlier.peer),
            stages: std::array::from_fn(|stage| self.stages[stage].since(&earlier.stages[stage])),
        }
    }
}
