//! The latency ledger: how long frames take in each stage, always on.
//!
//! The media thread writes fixed buckets of atomics (wait-free, no allocation); whoever reads gets those of them that are
//! not empty.

use std::fmt;
use std::iter::Peekable;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

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

/// Durations of one stage. Written by one thread, read by any: so a load and a store do for a sum, without the locked
/// instruction that several writers would need, behind which the processor would fetch nothing else.
struct StageHistogram {
    total: AtomicU64,
    longest: AtomicU64,
    /// As many fit as a stage sees in two years.
    buckets: [AtomicU32; BUCKETS],
}

impl StageHistogram {
    const fn new() -> Self {
        Self {
            total: AtomicU64::new(0),
            longest: AtomicU64::new(0),
            buckets: [const { AtomicU32::new(0) }; BUCKETS],
        }
    }

    /// Counts one duration. Wait-free.
    fn record(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let bucket = &self.buckets[bucket_of(nanos)];
        bucket.store(bucket.load(Relaxed).wrapping_add(1), Relaxed);
        self.total.store(self.total.load(Relaxed).wrapping_add(nanos), Relaxed);
        if nanos > self.longest.load(Relaxed) {
            self.longest.store(nanos, Relaxed);
        }
    }

    fn read(&self) -> StageLatency {
        let counts = self.buckets.iter().map(|count| u64::from(count.load(Relaxed)));
        StageLatency {
            counts: (0..).zip(counts).filter(|&(_, count)| count > 0).collect(),
            total: Duration::from_nanos(self.total.load(Relaxed)),
            longest: Duration::from_nanos(self.longest.load(Relaxed)),
        }
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

/// The shortest duration of a bucket, but for the first, which begins at zero.
fn start_of(bucket: usize) -> u64 {
    let (octave, step) = (bucket as u64 / STEPS, bucket as u64 % STEPS);
    (STEPS + step) << (u64::from(LOWEST_SHIFT - STEPS.ilog2()) + octave)
}

/// The middle of a bucket.
fn value_of(bucket: usize) -> u64 {
    start_of(bucket).midpoint(start_of(bucket + 1))
}

/// Every stage of one session. Each stage has one thread that records it: the worker, or the one that reads the socket.
pub(crate) struct Ledger(Box<[StageHistogram]>);

impl Ledger {
    pub(crate) fn new() -> Self {
        Self(Stage::ALL.iter().map(|_| StageHistogram::new()).collect())
    }

    pub(crate) fn record(&self, stage: Stage, duration: Duration) {
        self.0[stage as usize].record(duration);
    }

    pub(crate) fn read(&self, stage: Stage) -> StageLatency {
        self.0[stage as usize].read()
    }
}

/// How long frames took in one stage. Figures are right to 6 %, the sum and the longest exact.
#[derive(Clone, Debug, Default)]
pub struct StageLatency {
    /// Buckets that are not empty, shortest first.
    counts: Vec<(u16, u64)>,
    total: Duration,
    longest: Duration,
}

impl StageLatency {
    /// Adds what another session saw in the same stage.
    pub fn merge(&mut self, other: &Self) {
        self.counts =
            Both::of(&self.counts, &other.counts).map(|(bucket, one, two)| (bucket, one + two)).collect();
        self.total += other.total;
        self.longest = self.longest.max(other.longest);
    }

    /// What came on top of an `earlier` reading of the same stage. The longest is then known to 6 %, too.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let left = Both::of(&self.counts, &earlier.counts)
            .map(|(bucket, now, then)| (bucket, now.saturating_sub(then)))
            .filter(|&(_, count)| count > 0);
        let mut since = Self { counts: left.collect(), ..Self::default() };
        since.total = self.total.saturating_sub(earlier.total);
        let end = since.counts.last().map(|&(bucket, _)| start_of(usize::from(bucket) + 1));
        since.longest = self.longest.min(Duration::from_nanos(end.unwrap_or(0)));
        since
    }

    /// How many frames passed.
    pub fn count(&self) -> u64 {
        self.counts.iter().map(|&(_, count)| count).sum()
    }

    /// How many frames took longer than `duration`, and not merely about as long.
    pub fn count_over(&self, duration: Duration) -> u64 {
        self.count_after(bucket_of(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)) + 1)
    }

    /// How many frames took `duration` or longer: exactly, where it is a power of two of nanoseconds.
    pub fn count_from(&self, duration: Duration) -> u64 {
        self.count_after(bucket_of(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }

    fn count_after(&self, bucket: usize) -> u64 {
        self.counts.iter().filter(|&&(at, _)| usize::from(at) >= bucket).map(|&(_, count)| count).sum()
    }

    /// All durations together, but each no longer than ten times the median: a thread that is interrupted within a stage
    /// takes as long as others please.
    pub fn total_undisturbed(&self) -> Duration {
        let longest = self.quantile(0.5) * 10;
        let nanos = |&(bucket, count): &(u16, u64)| value_of(bucket.into()) as f64 * count as f64;
        let (short, long): (Vec<_>, Vec<_>) = self
            .counts
            .iter()
            .partition(|&&(bucket, _)| Duration::from_nanos(value_of(bucket.into())) <= longest);
        let disturbed: u64 = long.iter().map(|(_, count)| count).sum();
        let short: f64 = short.iter().map(nanos).sum();
        (Duration::from_nanos(short as u64) + longest.mul_f64(0.1 * disturbed as f64)).min(self.total)
    }

    /// The duration that the given share of frames stayed under: 0.5 is the median. Zero when none passed.
    pub fn quantile(&self, quantile: f64) -> Duration {
        let wanted = ((self.count() as f64 * quantile).ceil() as u64).max(1);
        let mut seen = 0;
        let at = self.counts.iter().find(|&&(_, count)| {
            seen += count;
            seen >= wanted
        });
        let nanos = at.or(self.counts.last()).map_or(0, |&(bucket, _)| value_of(bucket.into()));
        Duration::from_nanos(nanos).min(self.longest)
    }

    /// The average, exactly.
    pub fn mean(&self) -> Duration {
        let count = self.count().max(1) as f64;
        self.total.div_f64(count)
    }

    /// All durations together, exactly.
    pub fn total(&self) -> Duration {
        self.total
    }

    /// The longest, exactly.
    pub fn longest(&self) -> Duration {
        self.longest
    }
}

/// Two readings side by side, bucket by bucket.
struct Both<'a> {
    one: Peekable<std::slice::Iter<'a, (u16, u64)>>,
    two: Peekable<std::slice::Iter<'a, (u16, u64)>>,
}

impl<'a> Both<'a> {
    fn of(one: &'a [(u16, u64)], two: &'a [(u16, u64)]) -> Self {
        Self { one: one.iter().peekable(), two: two.iter().peekable() }
    }
}

impl Iterator for Both<'_> {
    type Item = (u16, u64, u64);

    fn next(&mut self) -> Option<Self::Item> {
        let next =
            [self.one.peek(), self.two.peek()].into_iter().flatten().map(|&&(bucket, _)| bucket).min()?;
        let count = |side: &mut Peekable<std::slice::Iter<'_, (u16, u64)>>| {
            side.next_if(|&&(bucket, _)| bucket == next).map_or(0, |&(_, count)| count)
        };
        Some((next, count(&mut self.one), count(&mut self.two)))
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
        one.record(Stage::Encode, Duration::from_micros(300));
        let mut both = one.read(Stage::Encode);
        both.merge(&two.read(Stage::Encode));
        assert_eq!((both.count(), both.longest()), (3, Duration::from_micros(300)));
        assert_eq!(both.total(), Duration::from_micros(700));
        assert_eq!(both.count_over(Duration::from_micros(200)), 2);
    }

    #[test]
    fn an_interrupted_stage_counts_as_one_of_ordinary_length() {
        let ledger = Ledger::new();
        (0..99).for_each(|_| ledger.record(Stage::Encode, Duration::from_micros(100)));
        ledger.record(Stage::Encode, Duration::from_millis(500));
        let undisturbed = ledger.read(Stage::Encode).total_undisturbed().as_micros();
        assert!((9_600..=10_400).contains(&undisturbed), "{undisturbed} us");
    }

    #[test]
    fn what_came_since_a_reading_is_what_was_recorded_since() {
        let ledger = Ledger::new();
        ledger.record(Stage::Encode, Duration::from_micros(100));
        ledger.record(Stage::Encode, Duration::from_millis(9));
        let earlier = ledger.read(Stage::Encode);
        ledger.record(Stage::Encode, Duration::from_micros(100));
        let since = ledger.read(Stage::Encode).since(&earlier);
        assert_eq!((since.count(), since.total()), (1, Duration::from_micros(100)));
        assert!(since.longest() < Duration::from_micros(107), "{:?}", since.longest());
        assert_eq!(earlier.since(&earlier).longest(), Duration::ZERO);
    }
}
