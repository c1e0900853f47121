//! CPU and latency over the number of calls, as SVG.

use std::path::Path;

use offhook_media::Stage;
use plotters::coord::Shift;
use plotters::prelude::*;

use super::Result;
use super::report::{Measured, StageLine};

const WIDTH: u32 = 1100;
const ROW: u32 = 320;

/// A row of two charts for each scenario: CPU a call, and how late stages end.
pub(crate) fn draw(path: &Path, steps: &[Measured]) -> Result<()> {
    let mut scenarios: Vec<&str> = steps.iter().map(|step| step.scenario.as_str()).collect();
    scenarios.dedup();
    let size = (WIDTH, ROW * scenarios.len().max(1) as u32);
    let root = SVGBackend::new(path, size).into_drawing_area();
    root.fill(&WHITE)?;
    for (area, scenario) in root.split_evenly((scenarios.len().max(1), 1)).iter().zip(scenarios) {
        let mut steps: Vec<&Measured> = steps.iter().filter(|step| step.scenario == scenario).collect();
        steps.sort_by_key(|step| step.calls);
        let (left, right) = area.split_horizontally(WIDTH / 2);
        cpu(&left, scenario, &steps)?;
        latency(&right, scenario, &steps)?;
    }
    root.present()?;
    Ok(())
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// One line of a chart.
struct Line {
    name: String,
    points: Vec<(f64, f64)>,
}

fn cpu(area: &Area<'_>, scenario: &str, steps: &[&Measured]) -> Result<()> {
    // 50 frames a second, each way; milliseconds a second are a tenth of a percent of a core.
    let share = |step: &Measured, micros: f64| {
        micros * step.frames as f64 / step.seconds / f64::from(step.calls) / 1000.0
    };
    let part = |name: &str, of: fn(&Measured) -> f64| Line {
        name: name.to_owned(),
        points: steps.iter().map(|step| (step.calls.into(), share(step, of(step)))).collect(),
    };
    let lines = [
        part("engine", |step| step.engine_us_per_frame),
        part("codec", |step| step.codec_us_per_frame),
        part("application", |step| step.app_us_per_frame),
    ];
    chart(area, &format!("{scenario}: CPU a call, ms a second"), &lines)
}

type Quantile = fn(&StageLine) -> f64;

fn latency(area: &Area<'_>, scenario: &str, steps: &[&Measured]) -> Result<()> {
    let mut lines = Vec::new();
    for stage in [Stage::TickLateness, Stage::AppOut, Stage::WireOut] {
        let quantiles: [(&str, Quantile); 3] =
            [("p50", |line| line.p50), ("p99", |line| line.p99), ("p99.9", |line| line.p999)];
        for (name, of) in quantiles {
            let points =
                steps.iter().filter_map(|step| Some((step.calls.into(), of(step.stage(stage)?) / 1000.0)));
            lines.push(Line { name: format!("{stage} {name}"), points: points.collect() });
        }
    }
    lines.retain(|line| !line.points.is_empty());
    chart(area, &format!("{scenario}: latency by stage, ms"), &lines)
}

fn chart(area: &Area<'_>, title: &str, lines: &[Line]) -> Result<()> {
    let points = || lines.iter().flat_map(|line| &line.points);
    let most = points().map(|(calls, _)| *calls).fold(1.0, f64::max);
    let highest = points().map(|(_, value)| *value).fold(0.1, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 16))
        .margin(12)
        .x_label_area_size(32)
        .y_label_area_size(48)
        .build_cartesian_2d(0.0..most * 1.05, 0.0..highest * 1.1)?;
    chart.configure_mesh().x_desc("calls").light_line_style(WHITE).draw()?;
    for (number, line) in lines.iter().enumerate() {
        let colour = Palette99::pick(number).to_rgba();
        let marks = line.points.iter().map(|&point| Circle::new(point, 2, colour.filled()));
        chart.draw_series(marks)?;
        chart
            .draw_series(LineSeries::new(line.points.iter().copied(), colour))?
            .label(&line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.2))
        .draw()?;
    Ok(())
}
