//! A limit on the rate: a token bucket with a queue.

use std::time::Duration;

/// A bucket of bytes that fills at a constant rate. A packet leaves when its bytes are there.
#[derive(Clone, Debug)]
pub(super) struct Shaper {
    bytes_per_second: f64,
    burst: f64,
    queue: Duration,
    /// What was in the bucket when the last packet left; negative after one that is longer than the bucket.
    tokens: f64,
    last: Duration,
}

impl Shaper {
    pub(super) fn new(bits_per_second: u32, burst: usize, queue: Duration) -> Self {
        // A rate of 0 would make every wait endless.
        let bytes_per_second = f64::from(bits_per_second.max(1)) / 8.0;
        let burst = burst as f64;
        Self { bytes_per_second, burst, queue, tokens: burst, last: Duration::ZERO }
    }

    /// When a packet that comes at `now` leaves; `None` when it would have to wait for too long.
    pub(super) fn depart(&mut self, now: Duration, len: usize) -> Option<Duration> {
        // Behind the last packet of the queue.
        let from = now.max(self.last);
        let filled = (from - self.last).as_secs_f64() * self.bytes_per_second;
        let tokens = (self.tokens + filled).min(self.burst);
        let missing = ((len as f64).min(self.burst) - tokens).max(0.0);
        // Hours that nobody waits for must not overflow a span.
        let wait = Duration::from_secs_f64((missing / self.bytes_per_second).min(1e6));
        let departure = from + wait;
        if departure - now > self.queue {
            return None;
        }
        self.tokens = tokens + missing - len as f64;
        self.last = departure;
        Some(departure)
    }
}
