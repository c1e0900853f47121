//! Counters of a session, under the names of W3C webrtc-stats where it has one.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::ledger::{Ledger, Stage, StageLatency};

/// A number that one thread adds to and any thread reads.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
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
        pub struct SessionCounters { $($(#[$doc])* pub $name: u64,)* }

        impl SessionCounters {
            /// Each counter with its name.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)*].into_iter()
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
    /// How often concealment began.
    concealment_events,
    /// Frames that were taken out of silence to bring the delay down, in samples.
    removed_samples_for_acceleration,
    /// Samples by which concealment of late (not lost) packets stretched the delay.
    inserted_samples_for_deceleration,
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
    /// Ticks at which the application had begun to speak but had no frame ready.
    send_underruns,
    /// Packets that the transport would not take.
    send_errors,
    /// Datagrams of this session that were of no protocol spoken here, and media that failed its checks.
    datagrams_rejected,
}

/// What a session and its application end share: counters and the ledger.
pub(crate) struct SharedStats {
    pub(crate) counters: Counters,
    pub(crate) ledger: Ledger,
}

impl SharedStats {
    pub(crate) fn new() -> Self {
        Self { counters: Counters::default(), ledger: Ledger::new() }
    }

    pub(crate) fn read(&self) -> SessionStats {
        SessionStats {
            counters: self.counters.read(),
            stages: Stage::ALL.map(|stage| (stage, self.ledger.read(stage))).into(),
        }
    }
}

/// A reading of a session's counters and of the latency of each stage.
#[derive(Clone, Debug)]
pub struct SessionStats {
    /// What was counted.
    pub counters: SessionCounters,
    stages: Vec<(Stage, StageLatency)>,
}

impl SessionStats {
    /// The latency of one stage.
    pub fn stage(&self, stage: Stage) -> &StageLatency {
        &self.stages[stage as usize].1
    }

    /// Every stage with its latency.
    pub fn stages(&self) -> impl Iterator<Item = (Stage, &StageLatency)> {
        self.stages.iter().map(|(stage, latency)| (*stage, latency))
    }
}
