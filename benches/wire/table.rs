//! The report: tables in Markdown.

use std::fmt;

use crate::engine::{self, Quantiles};
use crate::process::Memory;
use crate::{Direction, driver, name};

/// The cells with one number of calls, one way.
pub(crate) struct Row {
    pub(crate) calls: usize,
    pub(crate) direction: Direction,
    pub(crate) engine: engine::Measured,
    pub(crate) driver: driver::Measured,
}

/// All of them.
pub(crate) struct Report<'a>(pub(crate) &'a [Row]);

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cpu(f)?;
        for direction in [Direction::Send, Direction::Receive] {
            let rows: Vec<&Row> = self.0.iter().filter(|row| row.direction == direction).collect();
            latency(f, direction, &rows)?;
        }
        self.memory(f)
    }
}

impl Report<'_> {
    fn cpu(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "CPU, us a frame:\n")?;
        header(
            f,
            &[
                "calls",
                "side",
                "frames",
                "engine",
                "engine_user_us",
                "engine_system_us",
                "of it bell",
                "libopus warm",
                "libopus alone",
                "UDP alone",
                "beyond libopus",
                "beyond both",
                "app",
                "`webrtc`",
                "`webrtc` : beyond",
                "`webrtc` : beyond and app",
            ],
        )?;
        for Row { calls, direction, engine, driver } in self.0 {
            let total = engine.media + engine.bell;
            let beyond = total - engine.codec;
            write!(f, "| {calls} | {} | {} |", name(*direction), engine.frames)?;
            let user = total - engine.media_system;
            write!(f, " {total:.1} | {user:.1} | {:.1} | {:.1} |", engine.media_system, engine.bell)?;
            write!(f, " {:.1} | {:.1} | {:.1} |", engine.codec_warm, engine.codec, engine.udp)?;
            write!(f, " {beyond:.1} | {:.1} |", beyond - engine.udp)?;
            write!(f, " {:.1} | {:.1} |", engine.app, driver.cpu)?;
            writeln!(f, " {:.1} | {:.1} |", driver.cpu / beyond, driver.cpu / (beyond + engine.app))?;
        }
        writeln!(f)
    }

    fn memory(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Memory, KiB a session:\n")?;
        header(
            f,
            &[
                "calls",
                "side",
                "engine, connected",
                "engine, at the end",
                "`webrtc`, connected",
                "`webrtc`, at the end",
            ],
        )?;
        for Row { calls, direction, engine, driver } in self.0 {
            write!(f, "| {calls} | {} |", name(*direction))?;
            for Memory { before, connected, after } in [&engine.memory, &driver.memory] {
                let each = |at: &u64| at.saturating_sub(*before) / *calls as u64;
                write!(f, " {} | {} |", each(connected), each(after))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

fn latency(f: &mut fmt::Formatter<'_>, direction: Direction, rows: &[&Row]) -> fmt::Result {
    let Some(Row { engine, .. }) = rows.first() else { return Ok(()) };
    writeln!(f, "Latency of the engine, {}, us, p50 / p99; and frames that went wrong:\n", name(direction))?;
    let mut columns = vec!["calls"];
    columns.extend(engine.latency.iter().map(|(stage, _)| stage.as_str()));
    columns.push("over 20 ms");
    columns.extend(engine.mishaps.iter().map(|(mishap, _)| mishap.as_str()));
    columns.push("`webrtc`: lost");
    header(f, &columns)?;
    for Row { calls, engine, driver, .. } in rows {
        write!(f, "| {calls} |")?;
        for (_, Quantiles { median, p99, .. }) in &engine.latency {
            write!(f, " {median:.0} / {p99:.0} |")?;
        }
        // The whole way counts where it is known, else the tick.
        let tick = engine.latency.first();
        let whole = engine.latency.iter().find(|(stage, _)| stage == "tick_to_app").or(tick);
        write!(f, " {} |", whole.map_or(0, |(_, latency)| latency.over_20_ms))?;
        engine.mishaps.iter().try_for_each(|(_, count)| write!(f, " {count} |"))?;
        writeln!(f, " {} |", driver.lost)?;
    }
    writeln!(f)
}

fn header(f: &mut fmt::Formatter<'_>, columns: &[&str]) -> fmt::Result {
    writeln!(f, "| {} |", columns.join(" | "))?;
    writeln!(f, "|{}", "---:|".repeat(columns.len()))
}
