//! What was measured, as JSON and as a table.

use std::fmt;

use offhook_media::{Stage, StageLatency};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Result;

/// A scenario with a number of calls. Times are microseconds; `--help` says what is counted.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Measured {
    pub(crate) scenario: String,
    pub(crate) calls: u32,
    pub(crate) seconds: f64,
    pub(crate) workers: u16,
    pub(crate) frames: u64,
    /// Not known where calls of libopus were interrupted for longer than the engine took.
    pub(crate) engine_us_per_frame: Option<f64>,
    /// The part of the bell threads in it.
    pub(crate) bell_us_per_frame: f64,
    pub(crate) codec_us_per_frame: f64,
    pub(crate) app_us_per_frame: f64,
    pub(crate) deadline_miss_rate: f64,
    pub(crate) heard_share: f64,
    pub(crate) calls_per_core: f64,
    /// `found` or `reckoned`.
    pub(crate) calls_per_core_is: String,
    pub(crate) cores_busy: f64,
    pub(crate) rss_kib_per_call: f64,
    #[serde(with = "by_name")]
    pub(crate) stages: Vec<StageLine>,
    pub(crate) processor: String,
    pub(crate) cores: usize,
}

/// The latency of one stage.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct StageLine {
    #[serde(skip)]
    pub(crate) stage: String,
    pub(crate) count: u64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
}

impl StageLine {
    pub(crate) fn of((stage, latency): (Stage, &StageLatency)) -> Self {
        // To the nanosecond, which is what the ledger knows.
        let micros = |quantile| latency.quantile(quantile).as_nanos() as f64 / 1e3;
        Self {
            stage: stage.name().to_owned(),
            count: latency.count(),
            p50: micros(0.5),
            p99: micros(0.99),
            p999: micros(0.999),
            max: latency.longest().as_nanos() as f64 / 1e3,
        }
    }
}

impl Measured {
    pub(crate) fn json(&self) -> Value {
        json!(self)
    }

    pub(crate) fn read(json: &[u8]) -> Result<Self> {
        Ok(serde_json::from_slice(json)?)
    }

    /// The engine's time a frame, for people to read.
    pub(crate) fn engine(&self) -> String {
        self.engine_us_per_frame.map_or_else(|| "?".to_owned(), |micros| format!("{micros:.1}"))
    }

    pub(crate) fn stage(&self, stage: Stage) -> Option<&StageLine> {
        self.stages.iter().find(|line| line.stage == stage.name())
    }
}

/// Stages as an object: each under its name.
mod by_name {
    use serde::{Deserializer, Serializer};

    use super::*;

    pub(super) fn serialize<S: Serializer>(
        stages: &[StageLine],
        to: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        to.collect_map(stages.iter().map(|line| (&line.stage, line)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> std::result::Result<Vec<StageLine>, D::Error> {
        let object = Map::<String, Value>::deserialize(from)?;
        let line = |(stage, value)| {
            let line: StageLine = serde_json::from_value(value).map_err(serde::de::Error::custom)?;
            Ok(StageLine { stage, ..line })
        };
        object.into_iter().map(line).collect()
    }
}

/// One row a scenario, and one a stage.
pub(crate) struct Table<'a>(pub(crate) &'a [Measured]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.0.first() else { return Ok(()) };
        writeln!(
            f,
            "{}, {} cores. Times in us; CPU in us a frame of 20 ms, each way.\n",
            first.processor, first.cores
        )?;
        writeln!(
            f,
            "{:<12} {:>6} {:>8} {:>8} {:>8} {:>11} {:>15} {:>12}",
            "scenario", "calls", "engine", "codec", "app", "late ticks", "calls a core", "KiB a call"
        )?;
        for row in self.0 {
            writeln!(
                f,
                "{:<12} {:>6} {:>8} {:>8.1} {:>8.1} {:>11.6} {:>6.0} {:>8} {:>12.0}",
                row.scenario,
                row.calls,
                row.engine(),
                row.codec_us_per_frame,
                row.app_us_per_frame,
                row.deadline_miss_rate,
                row.calls_per_core,
                row.calls_per_core_is,
                row.rss_kib_per_call
            )?;
        }
        for row in self.0 {
            writeln!(f, "\n{}, {} calls", row.scenario, row.calls)?;
            writeln!(f, "{:<16} {:>10} {:>10} {:>10} {:>10}", "stage", "p50", "p99", "p99.9", "max")?;
            for StageLine { stage, p50, p99, p999, max, .. } in &row.stages {
                writeln!(f, "{stage:<16} {p50:>10.0} {p99:>10.0} {p999:>10.0} {max:>10.0}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_reads_back_what_it_wrote_and_scripts_find_the_names_they_know() {
        let line =
            StageLine { stage: "decode".to_owned(), count: 5, p50: 1.0, p99: 2.0, p999: 3.0, max: 4.0 };
        let measured = Measured {
            scenario: "receive".to_owned(),
            calls: 100,
            seconds: 10.0,
            workers: 1,
            frames: 5000,
            engine_us_per_frame: Some(4.5),
            bell_us_per_frame: 0.5,
            codec_us_per_frame: 12.0,
            app_us_per_frame: 2.0,
            deadline_miss_rate: 0.0,
            heard_share: 1.0,
            calls_per_core: 1000.0,
            calls_per_core_is: "found".to_owned(),
            cores_busy: 0.1,
            rss_kib_per_call: 200.0,
            stages: vec![line],
            processor: "a processor".to_owned(),
            cores: 2,
        };
        let object = measured.json();
        for key in [
            "engine_us_per_frame",
            "codec_us_per_frame",
            "deadline_miss_rate",
            "calls_per_core",
            "rss_kib_per_call",
        ] {
            assert!(object[key].is_number(), "{key} in {object}");
        }
        assert_eq!(object["stages"]["decode"]["p99"], 2.0);
        let read = Measured::read(object.to_string().as_bytes()).unwrap();
        assert_eq!(read.json(), object);
        assert!(read.stage(Stage::Decode).is_some_and(|line| line.count == 5));
        assert!(Table(&[read]).to_string().contains("p99.9"));
    }
}
