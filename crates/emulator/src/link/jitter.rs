//! How much longer than the others a packet takes.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;

/// The longest draw, in means: one packet in 300 would take longer, and a test wants to know the worst.
const LONGEST: f64 = 4.0;

/// A time on top of the delay, drawn for each packet by itself.
///
/// The distribution is gamma of shape 2, as of two queues on the way: never negative, most often at half its mean, with a
/// tail to the right. Its 95th percentile is at 2.4 means, its 99th at 3.3; longer than 4 means it never is.
///
/// Packets keep their order, as they do in a queue: one that is drawn to arrive before the one in front of it arrives with it. So
/// a packet that takes long holds up those behind it, and where the mean is above the distance of the packets, they take longer
/// on average than the mean.
#[derive(Clone, Copy, Debug, Default)]
pub struct Jitter {
    mean: Duration,
    overtaking: bool,
}

impl Jitter {
    /// Jitter of this mean.
    #[must_use]
    pub fn mean(mean: Duration) -> Self {
        Self { mean, overtaking: false }
    }

    /// Lets packets overtake each other, as on several paths at once.
    #[must_use]
    pub fn overtaking(mut self) -> Self {
        self.overtaking = true;
        self
    }

    pub(super) fn keeps_order(self) -> bool {
        !self.overtaking
    }

    pub(super) fn draw(self, generator: &mut Xoshiro256PlusPlus) -> Duration {
        // The sum of two exponential draws is gamma of shape 2. `1 - x` lies in (0, 1], whose logarithm is finite.
        let mut exponential = || -(1.0 - generator.random::<f64>()).ln() / 2.0;
        let means = exponential() + exponential();
        self.mean.mul_f64(means.min(LONGEST))
    }
}
