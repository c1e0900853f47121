//! CPU and latency over the number of calls, as SVG.

use std::path::Path;

use offhook_media::{AudioFormat, Stage};
use plotters::coord::Shift;
use plotters::prelude::*;

use super::Result;
use super::report::{Measured, StageLine};

const WIDTH: u32 = 1100;
const ROW: u32 = 320;
const MARGIN: u32 = 12;
const LABELS: u32 = 48;

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
    colour: RGBColor,
    points: Vec<(f64, f64)>,
}

/// What a chart's upward axis is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Axis {
    FromZero,
    /// Powers of ten: a number of calls that is too many has latencies beside which no other would be seen.
    Powers,
}

/// Where an axis of powers begins: 10 us, in milliseconds.
const LEAST: f64 = 0.01;

/// Beside each chart, for what its lines are.
const LEGEND: u32 = 140;

const GREY: RGBColor = RGBColor(110, 110, 110);
const BLUES: [RGBColor; 3] = [RGBColor(140, 180, 230), RGBColor(60, 120, 200), RGBColor(10, 50, 120)];
const REDS: [RGBColor; 3] = [RGBColor(235, 160, 140), RGBColor(205, 80, 50), RGBColor(120, 20, 10)];
const GREENS: [RGBColor; 3] = [RGBColor(150, 205, 150), RGBColor(50, 150, 70), RGBColor(10, 80, 30)];

fn cpu(area: &Area<'_>, scenario: &str, steps: &[&Measured]) -> Result<()> {
    // 50 frames a second, each way; milliseconds a second are a tenth of a percent of a core.
    let share = |step: &Measured, micros: f64| {
        micros * step.frames as f64 / step.seconds / f64::from(step.calls) / 1000.0
    };
    let part = |name: &str, [_, colour, _]: [RGBColor; 3], of: fn(&Measured) -> Option<f64>| Line {
        name: name.to_owned(),
        colour,
        points: steps.iter().filter_map(|step| Some((step.calls.into(), share(step, of(step)?)))).collect(),
    };
    let mut lines = vec![
        part("engine", BLUES, |step| step.engine_us_per_frame),
        part("codec", REDS, |step| Some(step.codec_us_per_frame)),
        part("application", GREENS, |step| Some(step.app_us_per_frame)),
    ];
    // Passthrough has no codec.
    lines.retain(|line| line.points.iter().any(|&(_, value)| value > 0.0));
    chart(area, &format!("{scenario}: CPU a call, ms a second"), Axis::FromZero, &lines)
}

type Quantile = fn(&StageLine) -> f64;

fn latency(area: &Area<'_>, scenario: &str, steps: &[&Measured]) -> Result<()> {
    let mut lines = Vec::new();
    for (stage, colours) in [(Stage::TickLateness, BLUES), (Stage::AppOut, REDS), (Stage::WireOut, GREENS)] {
        let quantiles: [(&str, Quantile); 3] =
            [("p50", |line| line.p50), ("p99", |line| line.p99), ("p99.9", |line| line.p999)];
        for ((name, of), colour) in quantiles.into_iter().zip(colours) {
            let points =
                steps.iter().filter_map(|step| Some((step.calls.into(), of(step.stage(stage)?) / 1000.0)));
            lines.push(Line { name: format!("{stage} {name}"), colour, points: points.collect() });
        }
    }
    lines.retain(|line| !line.points.is_empty());
    // Above it, ticks are late.
    let most = steps.iter().map(|step| f64::from(step.calls)).fold(0.0, f64::max);
    let frame = AudioFormat::FRAME_DURATION.as_secs_f64() * 1e3;
    let points = vec![(0.0, frame), (most, frame)];
    lines.push(Line { name: "a frame".to_owned(), colour: GREY, points });
    chart(area, &format!("{scenario}: latency by stage, ms"), Axis::Powers, &lines)
}

fn chart(area: &Area<'_>, title: &str, axis: Axis, lines: &[Line]) -> Result<()> {
    let height = |value: f64| match axis {
        Axis::FromZero => value,
        Axis::Powers => value.max(LEAST).log10(),
    };
    let points = || lines.iter().flat_map(|line| &line.points);
    let most = points().map(|(calls, _)| *calls).fold(1.0, f64::max);
    let highest = points().map(|(_, value)| *value).fold(0.1, f64::max);
    let upward = match axis {
        Axis::FromZero => 0.0..highest * 1.1,
        Axis::Powers => LEAST.log10()..highest.log10().ceil(),
    };
    let powers = (upward.end - upward.start) as usize + 1;
    let (width, _) = area.dim_in_pixel();
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 16))
        .margin(MARGIN)
        .margin_right(LEGEND)
        .x_label_area_size(32)
        .y_label_area_size(LABELS)
        .build_cartesian_2d(0.0..most * 1.05, upward)?;
    let mut mesh = chart.configure_mesh();
    let (whole, power) =
        (|calls: &f64| format!("{calls:.0}"), |height: &f64| format!("{}", 10_f64.powf(*height)));
    mesh.x_desc("calls").light_line_style(WHITE).x_label_formatter(&whole);
    if axis == Axis::Powers {
        mesh.y_labels(powers).y_label_formatter(&power);
    }
    mesh.draw()?;
    for Line { colour, points, .. } in lines {
        let points = || points.iter().map(|&(calls, value)| (calls, height(value)));
        chart.draw_series(points().map(|point| Circle::new(point, 2, colour.filled())))?;
        chart.draw_series(LineSeries::new(points(), colour))?;
    }
    // Not the chart's own legend, whose strokes end where the chart does.
    let x = (width - LEGEND) as i32 + 6;
    for (y, Line { name, colour, .. }) in (40..).step_by(16).zip(lines) {
        area.draw(&PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)))?;
        area.draw(&Text::new(name.as_str(), (x + 22, y - 6), ("sans-serif", 12)))?;
    }
    Ok(())
}
