//! Two recordings of the same speech, one of them later than the other.

use std::time::Duration;

use offhook::media::SampleRate;

/// Samples in which the delay is looked for: a quarter of a second, many times what codecs add.
const SEARCH: usize = 4_000;

/// How long a stretch of speech is compared to find the delay.
const STRETCH: usize = 32_000;

/// What became of speech on its way.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// MOS-LQO of P.862.2, 1.04 to 4.64.
    pub(crate) pesq_wb: f32,
    /// How much later it is at its start and at its end: the same, unless time was lost or gained between.
    pub(crate) delay_at_start: Duration,
    pub(crate) delay_at_end: Duration,
    /// How much of the speech there is.
    pub(crate) common: Duration,
}

impl Comparison {
    /// Compares `heard` with what was `said`. Both mono at 16 kHz; `heard` may be later by up to a quarter of a second, and end
    /// earlier.
    pub(crate) fn of(said: &[i16], heard: &[i16]) -> Self {
        let delay_at_start = delay(said, heard, 0);
        let late = &heard[delay_at_start..];
        let common = late.len().min(said.len());
        let tail = common - STRETCH - SEARCH;
        let delay_at_end = delay(&said[..common], heard, tail);
        let pesq_wb = pesq::pesq_wb(&said[..common], &late[..common]).expect("both hold speech");
        let span = |samples: usize| SampleRate::HZ_16000.duration_of(samples as u64);
        Self {
            pesq_wb,
            delay_at_start: span(delay_at_start),
            delay_at_end: span(delay_at_end),
            common: span(common),
        }
    }

    /// Worth at least `worth`, and as long as it was, to a frame.
    pub(crate) fn assert_keeps(&self, worth: f32) {
        assert!(self.pesq_wb >= worth, "{self:?} is worth less than {worth}");
        let drift = self.delay_at_start.abs_diff(self.delay_at_end);
        assert!(drift < Duration::from_millis(20), "{self:?}: time was lost or gained");
        assert!(self.common > Duration::from_millis(9_500), "{self:?}: speech is missing");
    }
}

/// How many samples later `heard` is than `said`, by where a stretch of `said` from `at` on fits best.
fn delay(said: &[i16], heard: &[i16], at: usize) -> usize {
    let stretch = &said[at..at + STRETCH];
    let last = heard.len().saturating_sub(at + STRETCH).min(SEARCH);
    let fit = |delay: usize| -> f64 {
        let there = &heard[at + delay..at + delay + STRETCH];
        let product: f64 = stretch.iter().zip(there).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
        let energy: f64 = there.iter().map(|&b| f64::from(b).powi(2)).sum();
        product / energy.sqrt().max(1.0)
    };
    (0..=last).max_by(|&a, &b| fit(a).total_cmp(&fit(b))).expect("there is at least no delay")
}
