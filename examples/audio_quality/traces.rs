//! The paths that speech goes over, from seeds.

use std::time::Duration;

use offhook::emulator::link::{Jitter, Link, Loss, Trace};

use crate::speech::PACKET;

/// What every path takes at least. The receivers do not see it; it gives the relay time to undo what the sender's timer does.
const DELAY: Duration = Duration::from_millis(20);

/// A trace and what it is called.
#[derive(Clone)]
pub(crate) struct NamedTrace {
    pub(crate) name: String,
    pub(crate) trace: Trace,
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// All that are made here, over `length`. The receiver's constants were chosen on those of `draw` 0; any other draw is of the same
/// paths, and has fates that nothing was chosen on.
pub(crate) fn built_in(length: Duration, draw: u32) -> Vec<NamedTrace> {
    let packets = length.as_millis() as usize / PACKET.as_millis() as usize;
    // What happens now and then happens over the whole length: at each of these times.
    let times = |first: u64, every: u64| {
        (0..).map(move |n| Duration::from_secs(first + every * n)).take_while(move |at| *at < length)
    };
    let link = |seed: u64| Link::seeded(seed + 1000 * u64::from(draw));
    let steps = times(15, 60).fold(link(41), |link, at| {
        link.delay_from(at, DELAY + millis(100)).delay_from(at + Duration::from_secs(30), DELAY)
    });
    let outages = times(5, 30).fold(link(43), |link, at| link.outage(at..at + Duration::from_secs(2)));
    let random = |seed, share| link(seed).loss(Loss::random(share));
    let bursty = |seed, share| link(seed).loss(Loss::bursty(share, 3.0));
    let jitter = |seed, mean| link(seed).jitter(Jitter::mean(millis(mean)));
    let links = [
        ("clean", link(1)),
        ("loss_1", random(11, 0.01)),
        ("loss_5", random(12, 0.05)),
        ("loss_10", random(13, 0.1)),
        ("loss_20", random(14, 0.2)),
        ("bursty_5", bursty(21, 0.05)),
        ("bursty_10", bursty(22, 0.1)),
        ("bursty_20", bursty(23, 0.2)),
        ("jitter_20", jitter(31, 20)),
        ("jitter_60", jitter(32, 60)),
        ("jitter_150", jitter(33, 150)),
        ("delay_step", steps),
        ("drift_100ppm", link(42).sender_drift_ppm(100.0)),
        ("outage_2s", outages),
        ("mixed", bursty(51, 0.05).jitter(Jitter::mean(millis(40)))),
    ];
    let record = |(name, link): (&str, Link)| NamedTrace {
        name: name.to_owned(),
        trace: Trace::record(link.delay(DELAY), packets, PACKET),
    };
    links.into_iter().map(record).collect()
}
