//! The latency ledger: how long frames take in each stage, always on.
//!
//! The media thread writes fixed buckets of atomics (wait-free, no allocation); whoever reads gets an
//! [`hdrhistogram`] made from them.

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use hdrhistogram::Histogram;

/// A part of a frame's way whose duration is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Receive: from the socket to leaving the jitter buffer; mostly its target delay.
    JitterBuffer,
    /// Receive: decoding or concealing.
    Decode,
    /// Receive: from the decoder into the ring.
    RingIn,
    /// Receive: in the ring, until the application takes the frame.
    AppOut,
    /// Send: in the ring, until the tick takes the frame.
    AppIn,
    /// Send: encoding.
    Encode,
    /// Send: packetising, encrypting and handing the datagram to the kernel.
    WireOut,
    /// How late a tick of 20 ms began.
    TickLateness,
}

impl Stage {
    /// Every stage, in the order that a frame meets them.
    pub const ALL: [Self; 8] = [
        Self::JitterBuffer,
        Self::Decode,
        Self::RingIn,
        Self::AppOut,
        Self::AppIn,
        Self::Encode,
        Self::WireOut,
        Self::TickLateness,
    ];

    /// Its name in reports and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::JitterBuffer => "jitter_buffer",
            Self::Decode => "decode",
            Self::RingIn => "ring_in",
            Self::AppOut => "app_out",
            Self::AppIn => "app_in",
            Self::Encode => "encode",
            Self::WireOut => "wire_out",
            Self::TickLateness => "tick_lateness",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Buckets per power of two: each is at most 6 % wide, finer than the noise of any latency worth reading.
const STEPS: u64 = 16;
/// Powers of two of nanoseconds, from 512 ns up to 17 s; what is shorter or longer falls into the outermost bucket.
const OCTAVES: u64 = 25;
const LOWEST_SHIFT: u32 = 9;
const BUCKETS: usize = (STEPS * OCTAVES) as usize;

/// Durations of one stage. Written by one thread, read by any.
pub(crate) struct StageHistogram {
    buckets: Box<[AtomicU32]>,
    longest: AtomicU64,
}

impl StageHistogram {
    fn new() -> Self {
        let buckets = (0..BUCKETS).map(|_| AtomicU32::new(0)).collect();
        Self { buckets, longest: AtomicU64::new(0) }
    }

    /// Counts one duration. Wait-free.
    pub(crate) fn record(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket_of(nanos)].fetch_add(1, Relaxed);
        self.longest.fetch_max(nanos, Relaxed);
    }
}

fn bucket_of(nanos: u64) -> usize {
    let lowest = 1 << LOWEST_SHIFT;
    if nanos < lowest {
        return 0;
    }
    let octave = nanos.ilog2() - LOWEST_SHIFT;
    let step = (nanos >> (octave + LOWEST_SHIFT - STEPS.ilog2())) - STEPS;
    ((u64::from(octave) * STEPS + step) as usize).min(BUCKETS - 1)
}

/// The middle of a bucket.
fn value_of(bucket: usize) -> u64 {
    let (octave, step) = (bucket as u64 / STEPS, bucket as u64 % STEPS);
    let width = 1 << (u64::from(LOWEST_SHIFT - STEPS.ilog2()) + octave);
    (STEPS + step) * width + width / 2
}

/// Every stage of one session.
pub(crate) struct Ledger(Vec<StageHistogram>);

impl Ledger {
    pub(crate) fn new() -> Self {
        Self(Stage::ALL.iter().map(|_| StageHistogram::new()).collect())
    }

    pub(crate) fn record(&self, stage: Stage, duration: Duration) {
        self.0[stage as usize].record(duration);
    }

    pub(crate) fn read(&self, stage: Stage) -> StageLatency {
        let histogram = &self.0[stage as usize];
        let mut latency = StageLatency::default();
        for (bucket, count) in histogram.buckets.iter().enumerate() {
            latency.add(value_of(bucket), u64::from(count.load(Relaxed)));
        }
        latency.longest = Duration::from_nanos(histogram.longest.load(Relaxed));
        latency
    }
}

/// How long frames took in one stage. Figures are right to 6 %.
#[derive(Clone, Debug)]
pub struct StageLatency {
    histogram: Histogram<u64>,
    longest: Duration,
}

impl Default for StageLatency {
    fn default() -> Self {
        let mut histogram =
            Histogram::new(2).expect("two significant figures are within the library's range");
        histogram.auto(true);
        Self { histogram, longest: Duration::ZERO }
    }
}

impl StageLatency {
    fn add(&mut self, nanos: u64, count: u64) {
        if count > 0 {
            self.histogram.record_n(nanos, count).expect("the histogram resizes itself up to any value");
        }
    }

    /// Adds what another session saw in the same stage.
    pub fn merge(&mut self, other: &Self) {
        self.histogram.add(&other.histogram).expect("the histogram resizes itself up to any value");
        self.longest = self.longest.max(other.longest);
    }

    /// How many frames passed.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The duration that the given share of frames stayed under: 0.5 is the median. Zero when none passed.
    pub fn quantile(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.histogram.value_at_quantile(quantile)).min(self.longest)
    }

    /// The average.
    pub fn mean(&self) -> Duration {
        Duration::from_nanos(self.histogram.mean() as u64)
    }

    /// The longest, exactly.
    pub fn longest(&self) -> Duration {
        self.longest
    }

    /// The whole distribution, in nanoseconds.
    pub fn histogram(&self) -> &Histogram<u64> {
        &self.histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_lands_within_six_percent_of_its_bucket() {
        for nanos in [512, 1_000, 12_345, 999_999, 20_000_000, 1_500_000_000] {
            let error = value_of(bucket_of(nanos)).abs_diff(nanos);
            assert!(error * 100 <= nanos * 6, "{nanos} ns was filed {error} ns off");
        }
        assert_eq!(bucket_of(0), 0);
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_read_back() {
        let ledger = Ledger::new();
        for millis in 1..=100 {
            ledger.record(Stage::Decode, Duration::from_millis(millis));
        }
        let decode = ledger.read(Stage::Decode);
        assert_eq!(decode.count(), 100);
        assert_eq!(decode.longest(), Duration::from_millis(100));
        for (quantile, millis) in [(0.5, 50.0), (0.99, 99.0)] {
            let read = decode.quantile(quantile).as_secs_f64() * 1000.0;
            assert!(
                (read - millis).abs() < millis * 0.08,
                "quantile {quantile} read {read} ms, not {millis}"
            );
        }
        assert_eq!(ledger.read(Stage::Encode).count(), 0, "stages do not mix");
    }

    #[test]
    fn sessions_merge() {
        let (one, two) = (Ledger::new(), Ledger::new());
        one.record(Stage::Encode, Duration::from_micros(100));
        two.record(Stage::Encode, Duration::from_micros(300));
        let mut both = one.read(Stage::Encode);
        both.merge(&two.read(Stage::Encode));
        assert_eq!((both.count(), both.longest()), (2, Duration::from_micros(300)));
    }
}
