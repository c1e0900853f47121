//! How good a session's media is: a summary for its owner, and an alarm when it becomes bad.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::transport::PeerReport;
use crate::event::{MediaEvent, QualityKind, QualityState};
use crate::frame::AudioFormat;
use crate::stats::{Counter, Counters, SessionCounters};
use crate::time::{MediaInstant, RtpTime};
use crate::units::{SampleRate, Ssrc};

/// Ticks over which loss and concealment are judged: 5 s, so that one burst is no alarm.
const WINDOW: u32 = 250;

/// Share from which on something is bad: where Opus with its repairs begins to be heard as broken.
const BAD: f32 = 0.05;

/// Share below which it is good again, if it is so for [`GOOD_WINDOWS`] running.
const GOOD: f32 = 0.02;
const GOOD_WINDOWS: u8 = 2;

/// Average and maximum of a span that is measured again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    /// Over all measurements.
    pub average: Duration,
    /// The longest.
    pub maximum: Duration,
}

/// How a stream fares on its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamQuality {
    /// Packets that arrived, for the stream that is heard; that were sent, for ours.
    pub packets: u64,
    /// Packets that were lost on their way.
    pub packets_lost: u64,
    /// How unevenly packets arrive (RFC 3550 section 6.4.1); `None` until it is known.
    pub jitter: Option<Spread>,
}

impl StreamQuality {
    /// Which share of the packets was lost, 0 to 1. `packets` are those that arrived, or those that were sent.
    fn share(lost: u64, all: u64) -> f32 {
        if all == 0 { 0.0 } else { (lost as f64 / all as f64).min(1.0) as f32 }
    }
}

/// The summary of a session's quality since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QualityOfExperience {
    /// What is heard from the peer.
    pub received: StreamQuality,
    /// What the peer hears, as it reports. Nothing but `packets` until it has.
    pub sent: StreamQuality,
    /// There and back; `None` until it is known.
    pub round_trip_time: Option<Spread>,
    /// How much was heard.
    pub heard: Duration,
    /// How much of it was made up because packets were lost or late.
    pub concealed: Duration,
}

impl QualityOfExperience {
    /// Which share of the peer's packets was lost, 0 to 1.
    pub fn receive_loss(&self) -> f32 {
        let StreamQuality { packets, packets_lost, .. } = self.received;
        StreamQuality::share(packets_lost, packets + packets_lost)
    }

    /// Which share of our packets was lost, 0 to 1, as the peer reports.
    pub fn send_loss(&self) -> f32 {
        StreamQuality::share(self.sent.packets_lost, self.sent.packets)
    }

    /// Which share of what was heard was made up, 0 to 1.
    pub fn concealed_share(&self) -> f32 {
        if self.heard.is_zero() { 0.0 } else { self.concealed.div_duration_f32(self.heard).min(1.0) }
    }
}

/// Measurements that one thread adds to and any thread reads.
#[derive(Debug, Default)]
struct Measured {
    count: Counter,
    nanos: Counter,
    most: AtomicU64,
}

impl Measured {
    fn add(&self, span: Duration) {
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.add(nanos);
        self.count.add(1);
        self.most.fetch_max(nanos, Relaxed);
    }

    fn read(&self) -> Option<Spread> {
        let average = self.nanos.get().checked_div(self.count.get())?;
        let maximum = Duration::from_nanos(self.most.load(Relaxed));
        Some(Spread { average: Duration::from_nanos(average), maximum })
    }
}

/// What the worker has measured, for the application to read.
#[derive(Debug, Default)]
pub(crate) struct QualityBoard {
    received_jitter: Measured,
    sent_jitter: Measured,
    round_trip_time: Measured,
    sent_lost: AtomicU64,
}

impl QualityBoard {
    /// The summary, beside `counters` of a socket that hears in `format`.
    pub(crate) fn read(&self, counters: &SessionCounters, format: AudioFormat) -> QualityOfExperience {
        let frames = counters.frames_delivered + counters.frames_dropped;
        let rate = format.sample_rate();
        QualityOfExperience {
            received: StreamQuality {
                packets: counters.packets_received,
                packets_lost: counters.packets_lost,
                jitter: self.received_jitter.read(),
            },
            sent: StreamQuality {
                packets: counters.packets_sent,
                packets_lost: self.sent_lost.load(Relaxed),
                jitter: self.sent_jitter.read(),
            },
            round_trip_time: self.round_trip_time.read(),
            heard: rate.duration_of(frames * format.samples_per_frame() as u64),
            concealed: rate.duration_of(counters.concealed_samples),
        }
    }
}

/// Judges one share again and again.
#[derive(Debug)]
struct Alarm {
    kind: QualityKind,
    bad: bool,
    good_windows: u8,
}

impl Alarm {
    const fn new(kind: QualityKind) -> Self {
        Self { kind, bad: false, good_windows: 0 }
    }

    /// Takes in the share of one window; `None` when nothing was measured, which says nothing.
    fn judge(&mut self, share: Option<f32>) -> Option<MediaEvent> {
        let share = share?;
        self.good_windows = if share < GOOD { self.good_windows.saturating_add(1) } else { 0 };
        let state = match self.bad {
            false if share >= BAD => QualityState::Detected,
            true if self.good_windows >= GOOD_WINDOWS => QualityState::Recovered,
            _ => return None,
        };
        self.bad = state == QualityState::Detected;
        Some(MediaEvent::MediaStreamQualityChanged { kind: self.kind, state })
    }
}

/// What had been counted when a window began.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    received: u64,
    lost: u64,
    frames: u64,
    concealed: u64,
}

/// Watches a session's media, on the worker.
#[derive(Debug)]
pub(crate) struct QualityMonitor {
    format: AudioFormat,
    /// Source and transit time, in nanoseconds, of the packet before; the jitter so far.
    transit: Option<(Ssrc, i64)>,
    last_time: RtpTime,
    sender_nanos: i64,
    jitter_nanos: i64,
    ticks: u32,
    counted: Counted,
    /// Sum and number of the shares that the peer reported in this window.
    reported: (f32, u16),
    receive_loss: Alarm,
    receive_concealment: Alarm,
    send_loss: Alarm,
}

impl QualityMonitor {
    pub(crate) fn new(format: AudioFormat) -> Self {
        Self {
            format,
            transit: None,
            last_time: RtpTime(0),
            sender_nanos: 0,
            jitter_nanos: 0,
            ticks: 0,
            counted: Counted::default(),
            reported: (0.0, 0),
            receive_loss: Alarm::new(QualityKind::ReceiveLoss),
            receive_concealment: Alarm::new(QualityKind::ReceiveConcealment),
            send_loss: Alarm::new(QualityKind::SendLoss),
        }
    }

    /// Takes note of a packet (RFC 3550 appendix A.8).
    pub(crate) fn on_packet(&mut self, ssrc: Ssrc, sender_time: RtpTime, arrival: MediaInstant) {
        let step =
            SampleRate::HZ_48000.duration_of(u64::from(sender_time.since(self.last_time).unsigned_abs()));
        let step = i64::try_from(step.as_nanos()).unwrap_or(0);
        self.sender_nanos += if sender_time.since(self.last_time) < 0 { -step } else { step };
        self.last_time = sender_time;
        let transit = arrival.as_nanos().cast_signed().wrapping_sub(self.sender_nanos);
        if let Some((_, before)) = self.transit.replace((ssrc, transit)).filter(|(before, _)| *before == ssrc)
        {
            let distance = transit.wrapping_sub(before).saturating_abs();
            self.jitter_nanos += distance.saturating_sub(self.jitter_nanos) / 16;
        }
    }

    /// Takes note of what the peer says of our stream.
    pub(crate) fn on_report(&mut self, report: &PeerReport, board: &QualityBoard) {
        board.sent_jitter.add(report.jitter);
        report.round_trip_time.into_iter().for_each(|span| board.round_trip_time.add(span));
        board.sent_lost.store(u64::try_from(report.packets_lost).unwrap_or(0), Relaxed);
        self.reported.0 += report.fraction_lost;
        self.reported.1 = self.reported.1.saturating_add(1);
    }

    /// Lets a tick pass; at the end of a window, says what has changed.
    pub(crate) fn tick(&mut self, counters: &Counters, board: &QualityBoard) -> [Option<MediaEvent>; 3] {
        self.ticks += 1;
        if self.ticks < WINDOW {
            return [None; 3];
        }
        self.ticks = 0;
        if self.transit.is_some() {
            board.received_jitter.add(Duration::from_nanos(self.jitter_nanos.unsigned_abs()));
        }
        let counted = Counted {
            received: counters.packets_received.get(),
            lost: counters.packets_lost.get(),
            frames: counters.frames_delivered.get() + counters.frames_dropped.get(),
            concealed: counters.concealed_samples.get(),
        };
        let before = std::mem::replace(&mut self.counted, counted);
        let share = |part: u64, all: u64| (all > 0).then(|| part as f32 / all as f32);
        let lost = counted.lost.saturating_sub(before.lost);
        let due = counted.received.saturating_sub(before.received) + lost;
        let heard = counted.frames.saturating_sub(before.frames) * self.format.samples_per_frame() as u64;
        let (sum, reports) = std::mem::take(&mut self.reported);
        [
            self.receive_loss.judge(share(lost, due)),
            self.receive_concealment.judge(share(counted.concealed.saturating_sub(before.concealed), heard)),
            self.send_loss.judge((reports > 0).then(|| sum / f32::from(reports))),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_bad_is_told_once_and_good_only_after_ten_good_seconds() {
        let mut alarm = Alarm::new(QualityKind::SendLoss);
        let shares = [0.0, 0.04, 0.05, 0.3, 0.03, 0.01, 0.03, 0.01, 0.01, 0.0, 0.06];
        let told: Vec<_> = shares
            .iter()
            .filter_map(|&share| alarm.judge(Some(share)).map(|event| (share, event)))
            .map(|(share, event)| match event {
                MediaEvent::MediaStreamQualityChanged { state, .. } => (share, state),
                other => panic!("{other:?}"),
            })
            .collect();
        let (bad, good) = (QualityState::Detected, QualityState::Recovered);
        assert_eq!(told, [(0.05, bad), (0.01, good), (0.06, bad)]);
        assert_eq!(alarm.judge(None), None, "nothing measured is nothing known");
    }

    #[test]
    fn each_direction_has_its_alarm() {
        let (mut monitor, board) = (QualityMonitor::new(AudioFormat::Pcm16K), QualityBoard::default());
        let counters = Counters::default();
        let window = |monitor: &mut QualityMonitor| -> Vec<MediaEvent> {
            (0..WINDOW).flat_map(|_| monitor.tick(&counters, &board)).flatten().collect()
        };
        assert_eq!(window(&mut monitor), []);
        counters.packets_received.add(90);
        counters.packets_lost.add(10);
        counters.frames_delivered.add(100);
        let changed = |kind| MediaEvent::MediaStreamQualityChanged { kind, state: QualityState::Detected };
        assert_eq!(window(&mut monitor), [changed(QualityKind::ReceiveLoss)]);
        counters.frames_delivered.add(100);
        counters.concealed_samples.add(3_200);
        assert_eq!(window(&mut monitor), [changed(QualityKind::ReceiveConcealment)]);
        let report = |fraction_lost| PeerReport { fraction_lost, ..PeerReport::default() };
        monitor.on_report(&report(0.02), &board);
        monitor.on_report(&report(0.10), &board);
        assert_eq!(window(&mut monitor), [changed(QualityKind::SendLoss)]);
    }

    #[test]
    fn jitter_is_that_of_the_rfc_and_steady_packets_have_none() {
        let jitter_of = |packets: u64, late: fn(u64) -> u64| {
            let mut monitor = QualityMonitor::new(AudioFormat::Pcm16K);
            for packet in 0..packets {
                let arrival = MediaInstant::from_duration(Duration::from_millis(packet * 20 + late(packet)));
                let time = RtpTime(u32::MAX - 100_000).plus(packet as u32 * 960);
                monitor.on_packet(Ssrc(1), time, arrival);
            }
            monitor.jitter_nanos / 1_000
        };
        assert_eq!(jitter_of(500, |_| 0), 0, "across the wrap of RTP's clock");
        assert_eq!(jitter_of(2, |packet| packet % 2 * 8), 500, "a sixteenth of 8 ms");
        let trembling = jitter_of(500, |packet| packet % 2 * 8);
        assert!(
            (7_900..=8_000).contains(&trembling),
            "each differs by 8 ms from the one before: {trembling} us"
        );
    }

    #[test]
    fn the_summary_has_averages_and_maxima() {
        let (mut monitor, board) = (QualityMonitor::new(AudioFormat::Pcm16K), QualityBoard::default());
        let millis = Duration::from_millis;
        for (jitter, round_trip) in [(4, Some(30)), (8, None), (6, Some(50))] {
            let report = PeerReport {
                fraction_lost: 0.1,
                packets_lost: 7,
                jitter: millis(jitter),
                round_trip_time: round_trip.map(millis),
            };
            monitor.on_report(&report, &board);
        }
        let counters = SessionCounters {
            packets_sent: 70,
            packets_received: 45,
            packets_lost: 5,
            frames_delivered: 45,
            frames_dropped: 5,
            concealed_samples: 1_600,
            ..SessionCounters::default()
        };
        let quality = board.read(&counters, AudioFormat::Pcm16K);
        assert_eq!(quality.sent.jitter, Some(Spread { average: millis(6), maximum: millis(8) }));
        assert_eq!(quality.round_trip_time, Some(Spread { average: millis(40), maximum: millis(50) }));
        assert_eq!(quality.received.jitter, None);
        assert_eq!((quality.receive_loss(), quality.send_loss()), (0.1, 0.1));
        assert_eq!(quality.concealed_share(), 0.1);
    }
}
