//! How much faster than ours a sender's clock runs, by when its packets come. Pure.
//!
//! Of some seconds the fastest packet is kept: what else was late was so by the network. A sender whose clock is fast sends
//! more of its time in ours, so that those delays fall, in a line through many of them.

use crate::time::{MediaInstant, RtpTime};

/// The fastest packet of so long counts: 200 packets of 20 ms.
const WINDOW: i64 = 4_000_000_000;

/// How many of them are looked at, a little over four minutes: so long that what is left of jitter tilts the line by few ppm.
const WINDOWS: usize = 64;

/// With fewer than this nothing is told.
const KNOWN: usize = 8;

/// A fastest packet that is off the one before by so much is of another path, or of a sender's clock that was set: 15 ms.
const STEP: i64 = 15_000_000;

/// From one packet to the next the sender's time does not go further, or it was set: a minute, in RTP ticks.
const LONGEST_STEP: i64 = 60 * 48_000;

/// The clock of one stream. All times are in nanoseconds.
#[derive(Debug)]
pub(super) struct ClockDrift {
    /// The last time stamp, as it came and unwrapped; and when the first packet came.
    last: Option<(RtpTime, i64)>,
    began: MediaInstant,
    /// When the present window began, at the sender, and its least delay with the time that it was sent at.
    since: i64,
    least: Option<(i64, i64)>,
    /// Those of the windows before, oldest first.
    settled: Vec<(i64, i64)>,
}

impl Default for ClockDrift {
    fn default() -> Self {
        let settled = Vec::with_capacity(WINDOWS);
        Self { last: None, began: MediaInstant::ZERO, since: 0, least: None, settled }
    }
}

impl ClockDrift {
    /// Forgets everything: another stream begins.
    pub(super) fn restart(&mut self) {
        self.settled.clear();
        (self.last, self.least, self.since) = (None, None, 0);
    }

    /// Takes note of a packet. Returns how many parts in a billion the sender's clock runs faster than ours, once in some
    /// seconds, as far as it is known.
    pub(super) fn arrived(&mut self, arrival: MediaInstant, time: RtpTime) -> Option<i64> {
        let Some((last, ticks)) = self.last else {
            (self.last, self.began) = (Some((time, 0)), arrival);
            return None;
        };
        let step = i64::from(time.since(last));
        if step.abs() > LONGEST_STEP {
            self.restart();
            return None;
        }
        let ticks = ticks + step;
        self.last = Some((time, ticks));
        let sent = ticks * 62_500 / 3;
        let came = arrival.as_nanos().cast_signed() - self.began.as_nanos().cast_signed();
        let delay = came - sent;
        if self.least.is_none_or(|(_, least)| delay < least) {
            self.least = Some((sent, delay));
        }
        if sent - self.since < WINDOW {
            return None;
        }
        self.since = sent;
        let least = self.least.take()?;
        if self.settled.last().is_some_and(|(_, before)| (least.1 - before).abs() >= STEP) {
            self.settled.clear();
        }
        if self.settled.len() == WINDOWS {
            self.settled.remove(0);
        }
        self.settled.push(least);
        (self.settled.len() >= KNOWN).then(|| parts_per_billion(&self.settled))
    }
}

/// How steeply the delays fall: the slope of the line that is nearest to them (least squares).
fn parts_per_billion(delays: &[(i64, i64)]) -> i64 {
    let count = delays.len() as f64;
    let mean = |of: fn(&(i64, i64)) -> i64| delays.iter().map(|at| of(at) as f64).sum::<f64>() / count;
    let (sent, delay) = (mean(|at| at.0), mean(|at| at.1));
    let sum = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
        delays.iter().map(|&(x, y)| of(x as f64 - sent, y as f64 - delay)).sum()
    };
    let (together, apart) = (sum(&|x, y| x * y), sum(&|x, _| x * x));
    if apart > 0.0 { (-together / apart * 1e9) as i64 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told last of a sender that runs `ppm` fast, over so many packets, each as much later as `late` says; `None` loses it.
    fn told(ppm: f64, packets: u32, mut late: impl FnMut(u32) -> Option<f64>) -> Option<f64> {
        let mut drift = ClockDrift::default();
        let arrivals = (0..packets).filter_map(|index| {
            let seconds = 100.0 + f64::from(index) * 0.02 / (1.0 + ppm / 1e6) + late(index)?;
            let time = RtpTime(u32::MAX - 5_000).plus(index * 960);
            drift.arrived(MediaInstant::from_nanos((seconds * 1e9) as u64), time)
        });
        arrivals.last().map(|billionths| billionths as f64 / 1e3)
    }

    /// A number from 0 to 1 that looks drawn.
    fn drawn(index: u32) -> f64 {
        f64::from(index.wrapping_mul(2_654_435_761).rotate_left(13).wrapping_mul(0x9e37_79b9) >> 8)
            / f64::from(1 << 24)
    }

    /// Late by up to 60 ms, 20 on average, and one in ten lost.
    fn network(index: u32) -> Option<f64> {
        (!index.is_multiple_of(10)).then(|| 0.06 * drawn(index).powi(2))
    }

    #[test]
    fn a_clock_that_is_off_is_told_through_jitter_and_loss() {
        for ppm in [0.0, 100.0, -100.0] {
            let steady = told(ppm, 50 * 60, |_| Some(0.0)).unwrap();
            assert!((steady - ppm).abs() < 0.5, "{steady} of {ppm} ppm where nothing is late");
            let told = told(ppm, 50 * 240, network).unwrap();
            assert!((told - ppm).abs() < 3.0, "{told} of {ppm} ppm");
        }
    }

    #[test]
    fn nothing_is_told_before_half_a_minute() {
        assert_eq!(told(100.0, 50 * 30, network), None);
        assert!(told(100.0, 50 * 34, network).is_some());
    }

    #[test]
    fn another_path_is_no_drift() {
        let slower = |index| Some(if index < 6_000 { 0.0 } else { 0.1 });
        let told = told(0.0, 12_000, slower).unwrap();
        assert!(told.abs() < 0.5, "{told} ppm");
    }
}
