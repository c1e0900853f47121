//! The platform's numbers in the text format of OpenMetrics, which Prometheus reads.

use std::fmt::{self, Write};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use super::{MediaPlatform, PlatformStats};
use crate::health::{Health, HealthStatus};
use crate::ledger::StageLatency;
use crate::stats::{SessionCounters, SessionStats};

/// Upper ends of the buckets: powers of two of nanoseconds, on which the ledger's own buckets end, from 8 us to 1 s.
const BUCKETS: std::ops::RangeInclusive<u32> = 13..=30;

/// What is exported, read at one moment.
#[derive(Debug)]
struct Snapshot {
    health: Health,
    platform: PlatformStats,
    sessions: SessionStats,
    workers: Vec<Worker>,
}

#[derive(Debug)]
struct Worker {
    busy: Duration,
    ticks: u64,
    missed: u64,
}

impl MediaPlatform {
    /// Everything that the platform counts, in the text format of OpenMetrics 1.0. Serve it as
    /// `application/openmetrics-text; version=1.0.0; charset=utf-8`.
    ///
    /// All sessions are added up, those that are over included: no label names a call, so that the number of time series does not
    /// grow with the calls. Reads every session, and touches no media thread.
    pub fn prometheus(&self) -> String {
        let mut text = String::new();
        self.write_prometheus(&mut text).expect("a string takes whatever is written to it");
        text
    }

    /// [`prometheus`](Self::prometheus) into a writer.
    ///
    /// # Errors
    /// When the writer refuses.
    pub fn write_prometheus(&self, to: &mut impl Write) -> fmt::Result {
        let workers = self.engine.counters.iter().map(|counters| Worker {
            busy: Duration::from_nanos(counters.load.busy_nanos.get()),
            ticks: counters.load.ticks.get(),
            missed: counters.load.missed.get(),
        });
        let snapshot = Snapshot {
            health: self.health(),
            platform: self.stats(),
            sessions: self.session_stats(),
            workers: workers.collect(),
        };
        let mut registry = Registry::with_prefix("offhook");
        registry.register_collector(Box::new(snapshot));
        text::encode(to, &registry)
    }
}

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let to = &mut encoder;
        gauge(to, "sessions", "Sessions that exist", self.platform.sessions as f64)?;
        counter(to, "sessions_begun", "Sessions that ever began", self.platform.sessions_begun)?;
        let unroutable = self.platform.datagrams_unroutable;
        counter(to, "datagrams_unroutable", "Datagrams at a media port that no session knew", unroutable)?;
        let unsent = self.platform.datagrams_unsent;
        counter(to, "datagrams_unsent", "Datagrams that the system would not send", unsent)?;
        gauge(
            to,
            "draining",
            "Whether new sessions are refused for good",
            f64::from(u8::from(self.health.draining)),
        )?;
        if let Some(drift) = self.sessions.clock_drift_ppm {
            let help = "How much faster than ours the clock of a sender runs, in millionths: of the one that is furthest off";
            gauge(to, "sender_clock_drift_ppm", help, drift)?;
        }
        self.health(to)?;
        self.workers(to)?;
        for ((name, value), (_, help)) in self.sessions.counters.iter().zip(SessionCounters::described()) {
            counter(to, name, help.trim().trim_end_matches('.'), value)?;
        }
        self.stages(to)
    }
}

impl Snapshot {
    fn health(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "How loaded the platform is: one of these is 1";
        let mut family = to.encode_descriptor("health", help, None, MetricType::Gauge)?;
        for status in HealthStatus::ALL {
            let is = i64::from(status == self.health.status);
            ConstGauge::new(is).encode(family.encode_family(&[("status", status.name())])?)?;
        }
        Ok(())
    }

    fn workers(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut family =
            to.encode_descriptor("worker_sessions", "Sessions of each worker", None, MetricType::Gauge)?;
        for (number, worker) in self.health.workers.iter().enumerate() {
            let label = [("worker", number.to_string())];
            ConstGauge::new(i64::from(worker.sessions)).encode(family.encode_family(&label)?)?;
        }
        type Value = fn(&Worker) -> f64;
        let counted: [(&str, &str, Option<&Unit>, Value); 3] = [
            ("worker_busy", "Time that each worker was not asleep", Some(&Unit::Seconds), |worker| {
                worker.busy.as_secs_f64()
            }),
            ("worker_ticks", "Ticks of 20 ms that each worker made", None, |worker| worker.ticks as f64),
            ("worker_deadline_misses", "Ticks of each worker that began over 20 ms late", None, |worker| {
                worker.missed as f64
            }),
        ];
        for (name, help, unit, value) in counted {
            let mut family = to.encode_descriptor(name, help, unit, MetricType::Counter)?;
            for (number, worker) in self.workers.iter().enumerate() {
                let label = [("worker", number.to_string())];
                ConstCounter::new(value(worker)).encode(family.encode_family(&label)?)?;
            }
        }
        Ok(())
    }

    fn stages(&self, to: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "How long frames took in each stage of their way";
        let seconds = Unit::Seconds;
        let mut family =
            to.encode_descriptor("stage_duration", help, Some(&seconds), MetricType::Histogram)?;
        for (stage, latency) in self.sessions.stages() {
            let label = [("stage", stage.name())];
            let mut metric = family.encode_family(&label)?;
            let total = latency.total().as_secs_f64();
            metric.encode_histogram::<NoLabelSet>(total, latency.count(), &buckets(latency), None)?;
        }
        Ok(())
    }
}

/// Upper ends in seconds, each with the frames that fall between it and the one before.
fn buckets(latency: &StageLatency) -> Vec<(f64, u64)> {
    let ends = BUCKETS.map(|power| Duration::from_nanos(1 << power));
    let mut over = latency.count();
    let mut buckets = Vec::new();
    for end in ends {
        let longer = latency.count_from(end);
        buckets.push((end.as_secs_f64(), over - longer));
        over = longer;
    }
    buckets.push((f64::INFINITY, over));
    buckets
}

fn counter(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    let metric = ConstCounter::new(value);
    metric.encode(to.encode_descriptor(name, help, None, metric.metric_type())?)
}

fn gauge(to: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: f64) -> fmt::Result {
    let metric = ConstGauge::new(value);
    metric.encode(to.encode_descriptor(name, help, None, metric.metric_type())?)
}
