//! One file of a film, from its first key frame to its end. Pure.

use offhook_media::video::{VideoCodec, VideoSize};

use super::{Picture, Segments, millis, sample};
use crate::format::avc;
use crate::format::matroska::{Coding, MatroskaWriter};
use crate::gaps::GapKind;
use crate::journal::{Class, Entry};
use crate::tracks::given::Given;
use crate::tracks::sink::{FileId, Sink};

/// What may wait for a queue that is full, before pictures are left out: a few clusters.
const MOST_UNWRITTEN: usize = 1 << 20;

/// A file that is written.
pub(super) struct Segment {
    pub(super) track: String,
    pub(super) file: FileId,
    name: String,
    coding: Coding,
    pub(super) writer: MatroskaWriter,
    /// What the timeline says of the file, once something is in it.
    untold: Option<Entry>,
    /// The last time in the file, in milliseconds.
    newest: Option<u64>,
    /// Since when pictures came without a gap, of which it is not told yet that they are there.
    pub(super) shown: i64,
    /// Where the first picture stands that is in the writer.
    in_writer: Option<i64>,
    /// What the disk did not take yet.
    unwritten: Vec<u8>,
    given: Given,
}

/// A file that is closed, of which the disk has not said how much it has.
pub(super) struct Ended {
    pub(super) file: FileId,
    name: String,
    track: String,
    given: Given,
    /// Of which time it is not told yet that pictures are there.
    shown: i64,
    until: i64,
}

impl Segment {
    pub(super) fn open(
        picture: &Picture,
        coding: Coding,
        position: i64,
        segments: &mut Segments,
        sink: &mut dyn Sink,
    ) -> Self {
        let track = picture.track();
        let number = segments.entry(track.clone()).or_default();
        *number += 1;
        let name = format!("{track}-{number}.{}", coding.extension());
        let writer = MatroskaWriter::new(vec![coding.clone()], &track);
        let VideoSize { width, height } = picture.size.unwrap_or(VideoSize { width: 0, height: 0 });
        let told = Entry::Video {
            track: track.clone(),
            source: picture.source,
            file: name.clone(),
            first: sample(position),
            codec: coding.name().to_owned(),
            width,
            height,
        };
        Self {
            track,
            file: sink.open(&name, Class::Video),
            name,
            coding,
            unwritten: writer.beginning(),
            writer,
            untold: Some(told),
            newest: None,
            shown: position,
            in_writer: None,
            given: Given::default(),
        }
    }

    /// Whether a picture belongs into this file.
    pub(super) fn fits(&self, picture: &Picture) -> bool {
        if self.track != picture.track() {
            return false;
        }
        match (&self.coding, picture.codec) {
            (Coding::Vp8 { .. }, VideoCodec::Vp8) => {
                !picture.is_key || picture.coding().as_ref() == Some(&self.coding)
            }
            // Parameter sets may come again at any picture: only others than those of the file begin another one.
            (Coding::H264 { width, height, configuration }, VideoCodec::H264) => {
                let own = VideoSize { width: *width, height: *height };
                picture.size.is_none_or(|size| size == own)
                    && !avc::brings_others(&picture.data, configuration)
            }
            _ => false,
        }
    }

    pub(super) fn push(&mut self, position: i64, picture: &Picture) {
        // No two pictures have the same time: a player would show one of them.
        let at = millis(position).max(self.newest.map_or(0, |newest| newest + 1));
        self.newest = Some(at);
        self.in_writer.get_or_insert(position);
        match self.coding {
            Coding::H264 { .. } => {
                self.writer.push(0, at, picture.is_key, &avc::sample(&picture.data));
            }
            _ => self.writer.push(0, at, picture.is_key, &picture.data),
        }
    }

    /// Ends the cluster: it is to be written.
    pub(super) fn end_cluster(&mut self) {
        self.unwritten.extend(self.writer.clusters());
        if let Some(first) = self.in_writer.take() {
            self.given.wait(first);
        }
    }

    /// Tells that pictures are there up to `until`.
    pub(super) fn tell_shown(&mut self, until: i64) -> Entry {
        let first = std::mem::replace(&mut self.shown, until);
        shown(&self.track, first, until)
    }

    /// Tells of pictures that the disk is known to have, where those are enough to be told.
    pub(super) fn tell_written(&mut self, least: i64) -> Option<Entry> {
        let unsure = self.given.first_unsure().or(self.in_writer)?;
        (unsure - self.shown >= least).then(|| self.tell_shown(unsure))
    }

    /// The file lacks pictures.
    pub(super) fn gap(&self, kind: GapKind, first: i64, until: i64) -> Option<Entry> {
        gap(&self.track, &self.name, kind, first, until)
    }

    /// Whether the disk takes nothing of this file at present.
    pub(super) fn is_suspended(&self, sink: &dyn Sink) -> bool {
        sink.is_suspended(self.file) || self.unwritten.len() > MOST_UNWRITTEN
    }

    /// Gives the disk what it has not taken; names the file when something is in it.
    pub(super) fn flush(&mut self, sink: &mut dyn Sink) -> Option<Entry> {
        // Before its first cluster there is nothing to see in it.
        if !self.given.is_waiting() || !sink.append(self.file, self.unwritten.clone()) {
            return None;
        }
        self.given.give(self.unwritten.len());
        self.unwritten.clear();
        self.untold.take()
    }

    /// The disk has so many bytes of it.
    pub(super) fn is_there(&mut self, bytes: u64) {
        self.given.is_there(bytes);
    }

    /// Closes the file: it ends at `end`, and its last picture is shown until `until`. What is in it, the disk will say.
    pub(super) fn end(mut self, end: i64, until: i64, sink: &mut dyn Sink) -> (Ended, Option<Entry>) {
        self.end_cluster();
        let (tail, head) = self.writer.finish(millis(end).max(self.newest.map_or(0, |newest| newest + 1)));
        self.unwritten.extend(tail);
        let told = self.flush(sink);
        // The index would lead nowhere, where the disk has not taken all of it.
        let is_whole = !self.given.is_waiting() && !sink.is_suspended(self.file);
        if is_whole && (self.unwritten.is_empty() || sink.append(self.file, self.unwritten)) {
            sink.close_with(self.file, head);
        } else {
            sink.close(self.file);
        }
        let Self { file, name, track, given, shown, .. } = self;
        (Ended { file, name, track, given, shown, until }, told)
    }
}

impl Ended {
    /// The disk has so many bytes of it, and gets no more: tells which pictures are there, and which are not.
    pub(super) fn tell(mut self, bytes: u64) -> impl Iterator<Item = Entry> {
        self.given.is_there(bytes);
        let Self { name, track, shown: first, until, .. } = self;
        let missing = self.given.first_unsure().unwrap_or(until).min(until);
        let is_shown = (missing > first).then(|| shown(&track, first, missing));
        is_shown.into_iter().chain(gap(&track, &name, GapKind::Disk, missing, until))
    }
}

fn shown(track: &str, first: i64, until: i64) -> Entry {
    let samples = (until - first).max(0).unsigned_abs();
    Entry::Shown { track: track.to_owned(), first: sample(first), samples }
}

fn gap(track: &str, file: &str, kind: GapKind, first: i64, until: i64) -> Option<Entry> {
    let samples = sample(until) - sample(first).min(sample(until));
    let (track, first, file) = (track.to_owned(), sample(first), Some(file.to_owned()));
    (samples > 0).then_some(Entry::Gap { track, kind, first, samples, file })
}
