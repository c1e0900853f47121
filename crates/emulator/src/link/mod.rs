//! What a network does to packets, decided in advance: pure, from a seed, on whatever clock the caller has.
//!
//! A [`Link`] is told when a packet is sent and how long it is, and says when it arrives: never, once, or twice. The same
//! seed and the same questions give the same fate. A [`Trace`] is a fate written down, which can be kept as a file and
//! replayed, and a [`UdpRelay`] does either to real packets between two sockets.
//!
//! Times are spans since a start that the caller chooses, the same for what goes in and what comes out.

mod jitter;
mod loss;
mod rate;
mod relay;
mod trace;

use std::ops::Range;
use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

pub use jitter::Jitter;
pub use loss::Loss;
use rate::Shaper;
pub use relay::{Impairment, RelayCounters, UdpRelay};
pub use trace::{Trace, TraceError, TraceFault, TracePacket};

/// One direction of a network path.
///
/// A packet passes, in this order: outages, loss, the rate limit and its queue, delay with jitter, reordering, duplication.
/// What is not set does nothing.
///
/// ```
/// use std::time::Duration;
/// use offhook_emulator::link::{Jitter, Link, Loss};
///
/// let mut link = Link::seeded(7)
///     .delay(Duration::from_millis(40))
///     .jitter(Jitter::mean(Duration::from_millis(20)))
///     .loss(Loss::bursty(0.1, 3.0));
/// for packet in 0..100 {
///     let sent = Duration::from_millis(20) * packet;
///     for arrival in link.send(sent, 160) {
///         assert!(arrival >= sent + Duration::from_millis(40));
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Link {
    delay: Duration,
    /// From each time on, another delay. In the order of time.
    steps: Vec<(Duration, Duration)>,
    jitter: Jitter,
    loss: Loss,
    /// How likely a packet is held back, and for how long.
    reorder: (f64, Duration),
    /// How likely a packet arrives twice, and how much later the copy comes.
    duplicate: (f64, Duration),
    outages: Vec<Range<Duration>>,
    shaper: Option<Shaper>,
    /// How much faster than true the sender's clock runs, in parts per million.
    drift_ppm: f64,
    generators: Generators,
    /// When the latest packet that keeps its place arrives.
    last_arrival: Duration,
}

/// One for each question, so that the answer to one does not depend on whether another is asked.
#[derive(Clone, Debug)]
struct Generators {
    loss: Xoshiro256PlusPlus,
    jitter: Xoshiro256PlusPlus,
    reorder: Xoshiro256PlusPlus,
    duplicate: Xoshiro256PlusPlus,
}

/// When the copies of one packet arrive: none, one or two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrivals {
    times: [Duration; 2],
    count: usize,
}

impl Link {
    /// A link that does nothing yet, and whose chances are all drawn from `seed`. The generator is one whose values do not
    /// change between versions.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        let generator = |question: u64| Xoshiro256PlusPlus::seed_from_u64(seed.wrapping_mul(4) + question);
        Self {
            delay: Duration::ZERO,
            steps: Vec::new(),
            jitter: Jitter::default(),
            loss: Loss::default(),
            reorder: (0.0, Duration::ZERO),
            duplicate: (0.0, Duration::ZERO),
            outages: Vec::new(),
            shaper: None,
            drift_ppm: 0.0,
            generators: Generators {
                loss: generator(0),
                jitter: generator(1),
                reorder: generator(2),
                duplicate: generator(3),
            },
            last_arrival: Duration::ZERO,
        }
    }

    /// What each packet takes. Default 0.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// From `at` on packets take `delay` instead. May be called several times, in the order of time: a step up and back.
    #[must_use]
    pub fn delay_from(mut self, at: Duration, delay: Duration) -> Self {
        self.steps.push((at, delay));
        self
    }

    /// What packets take on top of the delay. Default none.
    #[must_use]
    pub fn jitter(mut self, jitter: Jitter) -> Self {
        self.jitter = jitter;
        self
    }

    /// Which packets get lost. Default none.
    #[must_use]
    pub fn loss(mut self, loss: Loss) -> Self {
        self.loss = loss;
        self
    }

    /// Holds a packet back for `by`, with this probability, and lets those behind it overtake. Default never.
    #[must_use]
    pub fn reorder(mut self, probability: f64, by: Duration) -> Self {
        self.reorder = (loss::probability(probability), by);
        self
    }

    /// Lets a packet arrive a second time, `after` the first, with this probability. Default never.
    #[must_use]
    pub fn duplicate(mut self, probability: f64, after: Duration) -> Self {
        self.duplicate = (loss::probability(probability), after);
        self
    }

    /// Loses what is sent within `outage`. May be called several times.
    #[must_use]
    pub fn outage(mut self, outage: Range<Duration>) -> Self {
        self.outages.push(outage);
        self
    }

    /// Lets at most `bits_per_second` through, after a burst of at most `burst` bytes: a token bucket. What would wait in its
    /// queue for longer than `queue` is lost. Default unlimited.
    ///
    /// A packet longer than the bucket goes when the bucket is full, and leaves a debt.
    #[must_use]
    pub fn rate(mut self, bits_per_second: u32, burst: usize, queue: Duration) -> Self {
        self.shaper = Some(Shaper::new(bits_per_second, burst, queue));
        self
    }

    /// The sender's clock runs this much faster than the receiver's, in parts per million: it sends that much more often.
    /// Default 0. It changes nothing in [`send`](Self::send), which takes true times; [`sent_at`](Self::sent_at) gives them.
    #[must_use]
    pub fn sender_drift_ppm(mut self, ppm: f64) -> Self {
        // A clock that stands still or runs backwards is none.
        self.drift_ppm = ppm.clamp(-500_000.0, 500_000.0);
        self
    }

    /// When it truly is `by_sender` by the sender's clock.
    #[must_use]
    pub fn sent_at(&self, by_sender: Duration) -> Duration {
        by_sender.div_f64(1.0 + self.drift_ppm / 1e6)
    }

    /// When a packet of `len` bytes that is sent at `now` arrives. `now` must not go back from call to call.
    pub fn send(&mut self, now: Duration, len: usize) -> Arrivals {
        // Each chance is drawn for each packet, so that an outage does not shift the fate of those after it.
        let lost = self.loss.strikes(&mut self.generators.loss);
        let jitter = self.jitter.draw(&mut self.generators.jitter);
        let held_back = draw(&mut self.generators.reorder, self.reorder.0);
        let doubled = draw(&mut self.generators.duplicate, self.duplicate.0);
        if lost || self.outages.iter().any(|outage| outage.contains(&now)) {
            return Arrivals::default();
        }
        let departure = match &mut self.shaper {
            Some(shaper) => shaper.depart(now, len),
            None => Some(now),
        };
        let Some(departure) = departure else { return Arrivals::default() };
        let mut arrival = departure + self.delay_at(now) + jitter;
        if self.jitter.keeps_order() {
            arrival = arrival.max(self.last_arrival);
        }
        if held_back {
            arrival += self.reorder.1;
        } else {
            self.last_arrival = self.last_arrival.max(arrival);
        }
        let mut arrivals = Arrivals::default();
        arrivals.push(arrival);
        if doubled {
            arrivals.push(arrival + self.duplicate.1);
        }
        arrivals
    }

    fn delay_at(&self, now: Duration) -> Duration {
        let step = self.steps.iter().rev().find(|(at, _)| *at <= now);
        step.map_or(self.delay, |(_, delay)| *delay)
    }
}

fn draw(generator: &mut Xoshiro256PlusPlus, probability: f64) -> bool {
    generator.random::<f64>() < probability
}

impl Arrivals {
    /// The times, from the first on.
    #[must_use]
    pub fn as_slice(&self) -> &[Duration] {
        &self.times[..self.count]
    }

    /// Whether the packet never arrives.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.count == 0
    }

    /// Adds a copy; `false` where there are two already.
    fn push(&mut self, time: Duration) -> bool {
        let Some(place) = self.times.get_mut(self.count) else { return false };
        *place = time;
        self.count += 1;
        self.times[..self.count].sort_unstable();
        true
    }
}

impl IntoIterator for Arrivals {
    type Item = Duration;
    type IntoIter = std::iter::Take<std::array::IntoIter<Duration, 2>>;

    fn into_iter(self) -> Self::IntoIter {
        self.times.into_iter().take(self.count)
    }
}

#[cfg(test)]
mod tests;
