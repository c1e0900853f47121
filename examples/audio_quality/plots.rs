//! Plots of a run, as SVG: the delay over time on each trace, and bars of what was concealed and of PLCMOS.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::Outcome;
use crate::report::Row;

/// Of each receiver, from a palette that colour-blind people can tell apart (Okabe and Ito).
const COLOURS: [(&str, &str); 3] = [("offhook", "#0072b2"), ("chromium", "#d55e00"), ("neteq", "#999999")];

/// Of a small plot, and of what stands beside it.
const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 120.0;
const LEFT: f64 = 46.0;
const TOP: f64 = 30.0;

/// From one small plot to the next.
const ACROSS: f64 = WIDTH + LEFT + 24.0;
const DOWN: f64 = HEIGHT + TOP + 26.0;

/// Writes `delay.svg`, `concealed.svg` and `plcmos.svg` into `folder`.
pub(crate) fn draw(rows: &[Row], folder: &Path) -> Outcome {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("delay.svg"), delays(rows))?;
    let concealed = bars(rows, "concealed, % of samples", |row| Some(row.heard.concealed * 100.0));
    fs::write(folder.join("concealed.svg"), concealed)?;
    fs::write(folder.join("plcmos.svg"), bars(rows, "PLCMOS, 1 to 5", |row| row.plcmos))?;
    Ok(())
}

fn colour(receiver: &str) -> &'static str {
    COLOURS.iter().find(|(name, _)| *name == receiver).map_or("#000000", |(_, colour)| colour)
}

/// The names of the traces, each once.
fn traces(rows: &[Row]) -> Vec<&str> {
    let mut names: Vec<&str> = rows.iter().map(|row| row.trace.as_str()).collect();
    names.dedup();
    names
}

/// An empty picture with a legend; what follows is inside of it.
fn picture(width: f64, height: f64, rows: &[Row]) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let there = COLOURS.iter().filter(|(name, _)| rows.iter().any(|row| row.receiver == *name));
    for (at, (name, colour)) in there.enumerate() {
        let x = LEFT + 100.0 * at as f64;
        add(&mut svg, format_args!("<rect x=\"{x}\" y=\"8\" width=\"12\" height=\"12\" fill=\"{colour}\"/>"));
        text(&mut svg, x + 17.0, 18.0, "start", name);
    }
    svg
}

fn add(svg: &mut String, element: std::fmt::Arguments<'_>) {
    writeln!(svg, "{element}").expect("a string takes all");
}

/// Names of traces come from files, so they may hold anything.
fn text(svg: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    add(svg, format_args!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>"));
}

/// A round number that is at least `value`.
fn round_up(value: f64) -> f64 {
    let ten = 10_f64.powf(value.max(1e-3).log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * ten).find(|top| *top >= value).unwrap_or(value)
}

/// Lines across at a few values, and the values beside them.
fn scale(svg: &mut String, left: f64, top: f64, width: f64, most: f64) {
    for part in 0..=4 {
        let (value, y) = (most * f64::from(part) / 4.0, top + HEIGHT * (1.0 - f64::from(part) / 4.0));
        let right = left + width;
        add(svg, format_args!("<path d=\"M{left:.1} {y:.1}H{right:.1}\" stroke=\"#dddddd\"/>"));
        text(svg, left - 5.0, y + 4.0, "end", &format!("{}", (value * 100.0).round() / 100.0));
    }
}

fn delays(rows: &[Row]) -> String {
    let names = traces(rows);
    let columns = 3.min(names.len().max(1));
    let lines = names.len().div_ceil(columns);
    let mut svg = picture(ACROSS * columns as f64 + 10.0, DOWN * lines as f64 + 40.0, rows);
    for (at, name) in names.iter().enumerate() {
        let left = LEFT + ACROSS * (at % columns) as f64;
        let top = 34.0 + TOP + DOWN * (at / columns) as f64;
        let here: Vec<&Row> = rows.iter().filter(|row| row.trace == *name).collect();
        let windows = || here.iter().flat_map(|row| row.heard.delay.windows.iter());
        let longest = windows().map(|(at, _)| *at).fold(1.0, f64::max);
        let most = round_up(windows().map(|(_, delay)| delay * 1000.0).fold(1.0, f64::max));
        text(&mut svg, left, top - 8.0, "start", &format!("{name}: delay in ms, over {longest:.0} s"));
        scale(&mut svg, left, top, WIDTH, most);
        for row in here {
            let points = row.heard.delay.windows.iter().map(|(at, delay)| {
                let (x, y) = (left + WIDTH * at / longest, top + HEIGHT * (1.0 - delay * 1000.0 / most));
                format!("{x:.1},{y:.1} ")
            });
            let (points, colour) = (points.collect::<String>(), colour(row.receiver));
            add(&mut svg, format_args!("<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\"/>"));
        }
    }
    svg + "</svg>\n"
}

fn bars(rows: &[Row], title: &str, value: fn(&Row) -> Option<f64>) -> String {
    /// Of one bar.
    const BAR: f64 = 14.0;
    let names = traces(rows);
    let group = BAR * 3.0 + 22.0;
    let width = group * names.len() as f64;
    let most = round_up(rows.iter().filter_map(value).fold(0.01, f64::max));
    let top = 34.0 + TOP;
    let mut svg = picture(LEFT + width + 20.0, top + HEIGHT + 80.0, rows);
    text(&mut svg, LEFT, top - 10.0, "start", title);
    scale(&mut svg, LEFT, top, width, most);
    for (at, name) in names.iter().enumerate() {
        let left = LEFT + group * at as f64 + 8.0;
        for (place, row) in rows.iter().filter(|row| row.trace == *name).enumerate() {
            let Some(value) = value(row) else { continue };
            let (height, x) = (HEIGHT * value / most, left + BAR * place as f64);
            let (y, colour) = (top + HEIGHT - height, colour(row.receiver));
            let bar = format_args!(
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{BAR}\" height=\"{height:.1}\" fill=\"{colour}\"/>"
            );
            add(&mut svg, bar);
        }
        let (x, y) = (left + BAR * 1.5, top + HEIGHT + 14.0);
        add(&mut svg, format_args!("<g transform=\"rotate(-35 {x:.1} {y:.1})\">"));
        text(&mut svg, x, y, "end", name);
        svg += "</g>\n";
    }
    svg + "</svg>\n"
}
