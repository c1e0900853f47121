//! The timeline of a recording: one JSON object a line, each with the SHA-256 of the line before it, so that no line can be
//! changed, left out or put in without all that follow being wrong. Pure.

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::gaps::GapKind;

/// The file of a recording that says what is in the others.
pub(crate) const FILE: &str = "timeline.jsonl";

/// What the first line names as the one before it.
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Something that happened in a recording. Samples are of 48 kHz, from the start of the recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Entry {
    /// The recording began.
    Started {
        /// When, in milliseconds since 1970.
        wall_millis: u64,
        /// Samples a second of all positions.
        sample_rate: u32,
        /// Who allowed it.
        grant: GrantEntry,
    },
    /// A file was begun: a track, or another segment of one.
    Track {
        /// The track: `mix`, `bot`, or `speaker-` with the media source id.
        track: String,
        /// The media source id, as in the roster.
        source: Option<u32>,
        /// The file, in the directory of the recording.
        file: String,
    },
    /// A file of pictures was begun: another source, codec or size begins another one.
    Video {
        /// The track: `video-` or `screen-` with the media source id.
        track: String,
        /// The media source id, as in the roster; where the far end names none, `socket` and its number stand in the track's name.
        source: Option<u32>,
        /// The file, in the directory of the recording. Its times count from the beginning of the recording.
        file: String,
        /// Where its first picture stands.
        first: u64,
        /// How it is encoded, as Matroska calls it.
        codec: String,
        /// Pixels from left to right.
        width: u16,
        /// Pixels from top to bottom.
        height: u16,
    },
    /// Pictures are there, without a gap.
    Shown {
        /// In which track.
        track: String,
        /// The first sample.
        first: u64,
        /// How many.
        samples: u64,
    },
    /// Someone is in the call.
    Joined {
        /// As the service names them.
        participant: String,
        /// Their media source id, where it is known.
        source: Option<u32>,
        /// What they are called.
        name: Option<String>,
    },
    /// Someone has left.
    Left {
        /// As the service names them.
        participant: String,
    },
    /// Someone was muted, or no longer is.
    Muted {
        /// As the service names them.
        participant: String,
        /// Whether they are now.
        muted: bool,
    },
    /// The call is in another state.
    State {
        /// As Graph spells it.
        state: String,
    },
    /// Someone pressed a key.
    Tone {
        /// Which.
        tone: String,
    },
    /// Someone spoke, in one go.
    Spoke {
        /// In which track.
        track: String,
        /// The first sample.
        first: u64,
        /// How many.
        samples: u64,
    },
    /// A track is not what was said.
    Gap {
        /// Which.
        track: String,
        /// Why.
        kind: GapKind,
        /// The first sample.
        first: u64,
        /// How many.
        samples: u64,
        /// Of pictures: the file that lacks them, because another may show the same source at that time. Where it is not said, the
        /// track lacks them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<String>,
    },
    /// It will not change any more where a track stands: what came up to now, and since it was last told.
    Placed {
        /// Which.
        track: String,
        /// By what it is known.
        by: Placing,
    },
    /// The far end's clock was corrected.
    Clock {
        /// By how many samples.
        by: i64,
        /// How much faster than ours it has run so far, in millionths.
        drift_ppm: f64,
    },
    /// The disk does not take all: what is not recorded any more.
    Degraded {
        /// What: video, mix, tracks.
        without: Vec<Class>,
        /// What the system says.
        cause: String,
    },
    /// The disk takes more again.
    Resumed {
        /// What is still not recorded.
        without: Vec<Class>,
    },
    /// The recorder was too slow: so many packets and ticks were not recorded.
    Dropped {
        /// How many, in all.
        items: u64,
    },
    /// So many bytes of a file have this hash.
    Hash {
        /// The file, in the directory of the recording.
        file: String,
        /// Its first so many bytes.
        bytes: u64,
        /// Their SHA-256.
        sha256: String,
        /// Whether that is all of it, and nothing follows.
        closed: bool,
    },
    /// The recording is over: its files are closed.
    Stopped {
        /// How long it is.
        samples: u64,
    },
    /// A recording that nobody stopped was closed later.
    Finalized {
        /// How long it is.
        samples: u64,
    },
}

/// What can be recorded, in the order in which it is given up when the disk does not take all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Class {
    /// Pictures.
    Video,
    /// The mix.
    Mix,
    /// One speaker each.
    Tracks,
    /// The timeline.
    Timeline,
}

/// By what it is known where the streams of a track stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Placing {
    /// Their sender said how their clocks stand: to the sample.
    Reports,
    /// By when packets came: to the sample on the grid of ticks, and it may be the wrong tick.
    Arrivals,
}

/// Who allowed a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum GrantEntry {
    /// The service, by a recording status that it took.
    Service {
        /// The call.
        call: String,
        /// The operation by which it did.
        operation: String,
    },
    /// Whoever ran the recorder says that they may.
    OwnResponsibility {
        /// Why.
        statement: String,
    },
}

/// A line of the timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// When, in samples since the recording began.
    pub at: u64,
    /// What.
    #[serde(flatten)]
    pub entry: Entry,
    /// The SHA-256 of the line before, without its end.
    pub prev: String,
}

/// Writes lines.
#[derive(Debug)]
pub(crate) struct Journal {
    head: String,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self { head: NOTHING.to_owned() }
    }

    /// Goes on behind a line with this hash.
    pub(crate) fn behind(head: String) -> Self {
        Self { head }
    }

    /// The hash of the last line, which vouches for all before it.
    pub(crate) fn head(&self) -> &str {
        &self.head
    }

    /// The next line, with its end.
    pub(crate) fn line(&mut self, at: u64, entry: Entry) -> Vec<u8> {
        let line = Line { at, entry, prev: self.head.clone() };
        let mut text = serde_json::to_vec(&line).expect("strings and numbers are always JSON");
        self.head = hash(&text);
        text.push(b'\n');
        text
    }
}

/// SHA-256 in hexadecimal.
pub(crate) fn hash(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What was read of a timeline.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) lines: Vec<Line>,
    /// Bytes of whole lines.
    pub(crate) len: usize,
    /// The hash of the last of them.
    pub(crate) head: String,
    /// Whether a kill cut the last line off.
    pub(crate) is_cut: bool,
}

/// Why a timeline is not what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimelineError {
    /// A line is no line of a timeline.
    #[error("line {line} is no entry: {problem}")]
    NotAnEntry {
        /// Which, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// A line does not name the hash of the one before: one of them was changed, or one was put in or left out.
    #[error("line {line} does not follow from the line before it: the timeline was changed here")]
    Broken {
        /// Which, from 1.
        line: usize,
    },
    /// There is no first line.
    #[error("it does not begin with the start of a recording")]
    NoStart,
}

/// Reads a timeline, and checks that each line follows from the one before. A last line without its end is left out.
pub(crate) fn read(bytes: &[u8]) -> Result<Read, TimelineError> {
    let mut read = Read { lines: Vec::new(), len: 0, head: NOTHING.to_owned(), is_cut: false };
    for (number, text) in (1..).zip(bytes.split_inclusive(|byte| *byte == b'\n')) {
        let Some(text) = text.strip_suffix(b"\n") else {
            read.is_cut = true;
            break;
        };
        let line: Line = serde_json::from_slice(text)
            .map_err(|error| TimelineError::NotAnEntry { line: number, problem: error.to_string() })?;
        if line.prev != read.head {
            return Err(TimelineError::Broken { line: number });
        }
        (read.head, read.len) = (hash(text), read.len + text.len() + 1);
        read.lines.push(line);
    }
    match read.lines.first().map(|line| &line.entry) {
        Some(Entry::Started { .. }) => Ok(read),
        _ => Err(TimelineError::NoStart),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> Vec<u8> {
        let mut journal = Journal::new();
        let grant = GrantEntry::OwnResponsibility { statement: "a test".to_owned() };
        [
            Entry::Started { wall_millis: 5, sample_rate: 48_000, grant },
            Entry::Gap {
                track: "mix".to_owned(),
                kind: GapKind::NotSent,
                first: 0,
                samples: 960,
                file: None,
            },
            Entry::Clock { by: -120, drift_ppm: 99.1 },
            Entry::Stopped { samples: 48_000 },
        ]
        .into_iter()
        .flat_map(|entry| journal.line(7, entry))
        .collect()
    }

    #[test]
    fn lines_come_back_as_they_were_written() {
        let bytes = written();
        let read = read(&bytes).unwrap();
        assert_eq!((read.lines.len(), read.len, read.is_cut), (4, bytes.len(), false));
        assert_eq!(read.lines[2].entry, Entry::Clock { by: -120, drift_ppm: 99.1 });
        let text = String::from_utf8(bytes).unwrap();
        assert!(
            text.contains(r#"{"at":7,"type":"gap","track":"mix","kind":"notSent","first":0,"samples":960,"#),
            "{text}"
        );
    }

    #[test]
    fn every_change_of_a_line_but_the_last_is_found() {
        let bytes = written();
        let last = bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap();
        for at in 0..last {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(read(&changed).is_err(), "byte {at}");
        }
        let lines: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        let without = |left_out: usize| -> Vec<u8> {
            let kept = lines.iter().enumerate().filter(|(number, _)| *number != left_out);
            kept.flat_map(|(_, line)| line.to_vec()).collect()
        };
        assert_eq!(read(&without(1)).unwrap_err(), TimelineError::Broken { line: 2 });
        assert_eq!(read(&without(0)).unwrap_err(), TimelineError::Broken { line: 1 });
    }

    #[test]
    fn a_line_that_a_kill_cut_off_is_left_out() {
        let bytes = written();
        let read = read(&bytes[..bytes.len() - 3]).unwrap();
        assert_eq!((read.lines.len(), read.is_cut), (3, true));
    }
}
