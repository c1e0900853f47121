//! A recording as a picture: a lane for each track, with speech, gaps and loss; for terminals, and as SVG.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Folder, disk};
use crate::error::RecordingError;
use crate::gaps::GapKind;
use crate::journal::{Entry, Line};
use crate::opus::RATE;

/// What the drawing is called beside the recording.
pub(super) const FILE: &str = "timeline.svg";

/// Columns of a lane in a terminal.
const COLUMNS: u64 = 72;

/// Sizes of the drawing.
const LEFT: u64 = 150;
const WIDTH: u64 = 1000;
const LANE: u64 = 26;
const TOP: u64 = 40;

/// What was recorded, to be looked at. `Display` draws it for a terminal.
#[derive(Clone, Debug)]
pub struct Picture {
    directory: PathBuf,
    samples: u64,
    lanes: Vec<Lane>,
    marks: Vec<(u64, String)>,
}

#[derive(Clone, Debug)]
struct Lane {
    name: String,
    spans: Vec<Span>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    what: What,
    first: u64,
    samples: u64,
}

/// What is drawn, the later over the earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Speech,
    Pictures,
    Guess,
    Loss,
    Disk,
}

impl What {
    fn of(kind: GapKind) -> Option<Self> {
        match kind {
            GapKind::Lost | GapKind::NoKeyFrame => Some(Self::Loss),
            GapKind::Late | GapKind::Concealed => Some(Self::Guess),
            GapKind::Disk | GapKind::Skipped => Some(Self::Disk),
            GapKind::NotSent | GapKind::Silent | GapKind::Corrected => None,
        }
    }

    fn letter(self) -> char {
        match self {
            Self::Speech => '█',
            Self::Pictures => '▒',
            Self::Guess => '~',
            Self::Loss => 'x',
            Self::Disk => '!',
        }
    }

    fn colour(self) -> &'static str {
        match self {
            Self::Speech => "#2f6f9f",
            Self::Pictures => "#5f9f6f",
            Self::Guess => "#e0a030",
            Self::Loss => "#c03030",
            Self::Disk => "#7030a0",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Speech => "speech",
            Self::Pictures => "pictures",
            Self::Guess => "heard as a guess",
            Self::Loss => "lost",
            Self::Disk => "not written",
        }
    }

    const ALL: [Self; 5] = [Self::Speech, Self::Pictures, Self::Guess, Self::Loss, Self::Disk];
}

impl Picture {
    /// Reads the recording in `directory`, whether or not it was stopped.
    ///
    /// # Errors
    /// When there is none, or a line of its timeline was changed.
    pub fn of(directory: impl AsRef<Path>) -> Result<Self, RecordingError> {
        let folder = Folder::open(directory.as_ref())?;
        let last = folder.lines().last().map_or(0, |line| line.at);
        let mut lanes = BTreeMap::<String, Vec<Span>>::new();
        let mut names = BTreeMap::new();
        let mut marks = Vec::new();
        for Line { at, entry, .. } in folder.lines() {
            let (track, span) = match entry {
                Entry::Track { track, .. } | Entry::Video { track, .. } => {
                    lanes.entry(track.clone()).or_default();
                    continue;
                }
                Entry::Joined { source: Some(source), name: Some(name), .. } => {
                    for kind in ["speaker", "video", "screen"] {
                        names.insert(format!("{kind}-{source}"), name.clone());
                    }
                    marks.push((*at, format!("{name} joined")));
                    continue;
                }
                Entry::Spoke { track, first, samples } => {
                    (track, Some(Span { what: What::Speech, first: *first, samples: *samples }))
                }
                Entry::Shown { track, first, samples } => {
                    (track, Some(Span { what: What::Pictures, first: *first, samples: *samples }))
                }
                Entry::Gap { track, kind, first, samples, .. } => {
                    (track, What::of(*kind).map(|what| Span { what, first: *first, samples: *samples }))
                }
                other => {
                    marks.extend(mark(other).map(|text| (*at, text)));
                    continue;
                }
            };
            lanes.entry(track.clone()).or_default().extend(span);
        }
        let lanes = lanes.into_iter().map(|(track, mut spans)| {
            spans.sort_by_key(|span| span.what);
            let name = names.get(&track).map(|name| format!("{name} ({track})"));
            Lane { name: name.unwrap_or(track), spans }
        });
        let samples = folder.samples().unwrap_or(last).max(1);
        Ok(Self { directory: folder.path, samples, lanes: lanes.collect(), marks })
    }

    /// Writes the drawing beside the recording, and says where.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn write_svg(&self) -> Result<PathBuf, RecordingError> {
        let path = self.directory.join(FILE);
        fs::write(&path, self.svg()).map_err(|source| disk("cannot write", path.clone(), source))?;
        Ok(path)
    }

    /// The drawing.
    pub fn svg(&self) -> String {
        let lanes = self.lanes.len() as u64;
        let below = TOP + lanes * LANE;
        let (width, height) = (LEFT + WIDTH + 20, below + 50 + 16 * self.marks.len() as u64);
        let x = |sample: u64| LEFT as f64 + sample as f64 / self.samples as f64 * WIDTH as f64;
        let mut svg = String::new();
        // Writing into a string cannot fail.
        let mut draw = |line: fmt::Arguments<'_>| _ = svg.write_fmt(line);
        draw(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        ));
        for tick in 0..=10 {
            let sample = self.samples / 10 * tick;
            draw(format_args!(
                "<line x1=\"{0:.1}\" y1=\"{TOP}\" x2=\"{0:.1}\" y2=\"{below}\" stroke=\"#ddd\"/>\n\
                 <text x=\"{0:.1}\" y=\"{1}\" text-anchor=\"middle\" fill=\"#666\">{2}</text>\n",
                x(sample),
                TOP - 8,
                clock(sample),
            ));
        }
        for (lane, y) in self.lanes.iter().zip((TOP..).step_by(LANE as usize)) {
            draw(format_args!("<text x=\"8\" y=\"{}\">{}</text>\n", y + 17, escaped(&lane.name)));
            for Span { what, first, samples } in &lane.spans {
                draw(format_args!(
                    "<rect x=\"{:.2}\" y=\"{}\" width=\"{:.2}\" height=\"{}\" fill=\"{}\"/>\n",
                    x(*first),
                    y + 4,
                    (x(first + samples) - x(*first)).max(0.5),
                    LANE - 8,
                    what.colour(),
                ));
            }
        }
        for (what, place) in What::ALL.into_iter().zip((LEFT..).step_by(160)) {
            draw(format_args!(
                "<rect x=\"{place}\" y=\"{}\" width=\"12\" height=\"12\" fill=\"{}\"/>\n<text x=\"{}\" y=\"{}\">{}</text>\n",
                below + 12,
                what.colour(),
                place + 18,
                below + 22,
                what.name(),
            ));
        }
        for ((at, text), y) in self.marks.iter().zip((below + 44..).step_by(16)) {
            draw(format_args!("<text x=\"8\" y=\"{y}\">{}  {}</text>\n", clock(*at), escaped(text)));
        }
        svg.push_str("</svg>\n");
        svg
    }

    /// A lane in letters.
    fn letters(&self, lane: &Lane) -> String {
        let mut letters = vec!['·'; COLUMNS as usize];
        for Span { what, first, samples } in &lane.spans {
            let column = |sample: u64| (sample * COLUMNS / self.samples).min(COLUMNS - 1) as usize;
            let last = column((first + samples).saturating_sub(1)).max(column(*first));
            letters[column(*first)..=last].fill(what.letter());
        }
        letters.into_iter().collect()
    }
}

impl fmt::Display for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = self.lanes.iter().map(|lane| lane.name.chars().count()).max().unwrap_or(0);
        for lane in &self.lanes {
            writeln!(f, "{:longest$}  {}", lane.name, self.letters(lane))?;
        }
        let end = clock(self.samples);
        let room = COLUMNS as usize - 4;
        writeln!(f, "{:longest$}  0:00{end:>room$}", "")?;
        let legend = What::ALL.map(|what| format!("{} {}", what.letter(), what.name()));
        writeln!(f, "\n{}  · silence", legend.join("  "))?;
        for (at, text) in &self.marks {
            writeln!(f, "{:>8}  {text}", clock(*at))?;
        }
        Ok(())
    }
}

/// What is said below the lanes.
fn mark(entry: &Entry) -> Option<String> {
    Some(match entry {
        Entry::Joined { participant, .. } => format!("{participant} joined"),
        Entry::Left { participant } => format!("{participant} left"),
        Entry::Muted { participant, muted: true } => format!("{participant} was muted"),
        Entry::Muted { participant, muted: false } => format!("{participant} was unmuted"),
        Entry::State { state } => format!("the call is {state}"),
        Entry::Tone { tone } => format!("key {tone}"),
        Entry::Degraded { cause, .. } => format!("the disk does not take all: {cause}"),
        Entry::Resumed { .. } => "the disk takes more again".to_owned(),
        Entry::Dropped { items } => format!("{items} packets were not recorded in time"),
        _ => return None,
    })
}

/// A position as minutes and seconds.
fn clock(sample: u64) -> String {
    let seconds = Duration::from_secs(sample / RATE).as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_shows_speech_and_what_is_missing_of_it() {
        let spans = [(What::Speech, 0, 480), (What::Loss, 240, 10)].map(|(what, first, samples)| Span {
            what,
            first,
            samples,
        });
        let lane = Lane { name: "A & B".to_owned(), spans: spans.to_vec() };
        let picture =
            Picture { directory: PathBuf::new(), samples: 720, lanes: vec![lane], marks: Vec::new() };
        let shown = picture.to_string();
        assert!(
            shown.starts_with(&format!("A & B  {}x{}{}\n", "█".repeat(24), "█".repeat(23), "·".repeat(24))),
            "{shown}"
        );
        assert!(picture.svg().contains("A &amp; B") && picture.svg().ends_with("</svg>\n"));
    }
}
