//! Which packets get lost: the model of Gilbert and Elliott.

use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;

/// A path that is now good, now bad, and loses packets in either state with a probability of its own (E. O. Elliott, "Estimates
/// of error rates for codes on burst-noise channels", 1963).
///
/// The state moves once a packet. It begins good.
#[derive(Clone, Copy, Debug, Default)]
pub struct Loss {
    to_bad: f64,
    to_good: f64,
    in_good: f64,
    in_bad: f64,
    is_bad: bool,
}

impl Loss {
    /// Each packet by itself, with this probability.
    #[must_use]
    pub fn random(share: f64) -> Self {
        Self::gilbert_elliott(0.0, 1.0, share, 0.0)
    }

    /// `share` of all packets, in runs of `mean_burst` packets on average; random loss has runs of `1 / (1 - share)`.
    ///
    /// In the good state nothing is lost, in the bad one everything. A burst under 1 counts as 1. Where good runs would have
    /// to be shorter than a packet, which only a share above a half can ask for, the bursts are longer than asked.
    #[must_use]
    pub fn bursty(share: f64, mean_burst: f64) -> Self {
        let share = probability(share);
        let longest_to_good = if share > 0.0 { (1.0 - share) / share } else { 1.0 };
        let to_good = (1.0 / mean_burst.max(1.0)).min(longest_to_good);
        let to_bad = if share < 1.0 { to_good * share / (1.0 - share) } else { 1.0 };
        Self::gilbert_elliott(to_bad, to_good, 0.0, 1.0)
    }

    /// The whole model: the probabilities, at each packet, that the good state turns bad and the bad one good; and those that a
    /// packet is lost, in the good state and in the bad one. What is no probability counts as the nearest that is.
    #[must_use]
    pub fn gilbert_elliott(to_bad: f64, to_good: f64, in_good: f64, in_bad: f64) -> Self {
        Self {
            to_bad: probability(to_bad),
            to_good: probability(to_good),
            in_good: probability(in_good),
            in_bad: probability(in_bad),
            is_bad: false,
        }
    }

    /// Moves on by a packet, and says whether it is lost.
    pub(super) fn strikes(&mut self, generator: &mut Xoshiro256PlusPlus) -> bool {
        let leave = if self.is_bad { self.to_good } else { self.to_bad };
        self.is_bad ^= generator.random::<f64>() < leave;
        let lose = if self.is_bad { self.in_bad } else { self.in_good };
        generator.random::<f64>() < lose
    }
}

/// The nearest number from 0 to 1; 0 for one that is no number.
pub(super) fn probability(value: f64) -> f64 {
    if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) }
}
