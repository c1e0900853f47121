//! What one video socket shows: encoded pictures by their place on the timeline, into a file for each stretch of one source, codec
//! and size. Pure.

mod segment;

use std::collections::HashMap;

use offhook_media::video::{VideoCodec, VideoSize};

use self::segment::{Ended, Segment};
use super::sink::{FileId, Sink};
use crate::format::avc;
use crate::format::matroska::Coding;
use crate::gaps::GapKind;
use crate::journal::Entry;
use crate::opus::RATE;

/// A cluster is written so often: a kill costs less than a second.
const CLUSTER: i64 = 400 * 48;

/// No picture for so long, though none was lost, is a gap: the picture stands.
const STANDS: i64 = 500 * 48;

/// Between two pictures, until it is known: 40 ms.
const USUAL: i64 = 40 * 48;

/// How often it is told that pictures are there.
const TELL: i64 = 10 * 48_000;

/// An encoded picture of a video socket.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    pub(crate) section: usize,
    pub(crate) is_screen: bool,
    pub(crate) ssrc: u32,
    /// Whose it is, where the far end says so.
    pub(crate) source: Option<u32>,
    pub(crate) codec: VideoCodec,
    pub(crate) is_key: bool,
    pub(crate) size: Option<VideoSize>,
    /// Its RTP time, 90 kHz.
    pub(crate) time: u32,
    /// When its first packet came.
    pub(crate) at: i64,
    pub(crate) after_loss: bool,
    pub(crate) after_drop: bool,
    pub(crate) data: Vec<u8>,
}

impl Picture {
    /// The track that it belongs to.
    fn track(&self) -> String {
        let kind = if self.is_screen { "screen" } else { "video" };
        match self.source {
            Some(source) => format!("{kind}-{source}"),
            None => format!("{kind}-socket{}", self.section),
        }
    }

    /// How its file is encoded, as its key frame says.
    fn coding(&self) -> Option<Coding> {
        let VideoSize { width, height } = self.size?;
        match self.codec {
            VideoCodec::Vp8 => Some(Coding::Vp8 { width, height }),
            VideoCodec::H264 => {
                let configuration = avc::configuration(&self.data)?;
                Some(Coding::H264 { width, height, configuration })
            }
            _ => None,
        }
    }
}

/// What one video socket shows.
#[derive(Default)]
pub(crate) struct Film {
    segment: Option<Segment>,
    /// Whose pictures came last.
    track: Option<String>,
    /// The position of the last picture that was written, and how long it is shown.
    last: Option<(i64, i64)>,
    /// Since when pictures came that cannot be used, and why.
    skipped: Option<(i64, GapKind)>,
    /// Files that are closed, of which the disk has not said what is in them.
    ended: Vec<Ended>,
}

/// How many files each track has.
pub(crate) type Segments = HashMap<String, usize>;

impl Film {
    pub(crate) fn file_id(&self) -> Option<FileId> {
        self.segment.as_ref().map(|segment| segment.file)
    }

    /// Whether it cannot go on without a key frame.
    pub(crate) fn wants_key_frame(&self) -> bool {
        self.skipped.is_some()
    }

    /// Takes in a picture that stands at `position`.
    pub(crate) fn write(
        &mut self,
        position: i64,
        picture: &Picture,
        segments: &mut Segments,
        sink: &mut dyn Sink,
    ) -> Vec<Entry> {
        let mut told = Vec::new();
        // What was there before the recording began is not part of it.
        if position < 0 {
            self.skipped.get_or_insert((0, GapKind::NoKeyFrame));
            return told;
        }
        let is_suspended = self.segment.as_ref().is_some_and(|segment| segment.is_suspended(sink));
        if is_suspended || self.skipped.is_some() && !picture.is_key {
            let why = if is_suspended { GapKind::Disk } else { GapKind::NoKeyFrame };
            self.skipped.get_or_insert((position, why));
            return told;
        }
        if !self.segment.as_ref().is_some_and(|segment| segment.fits(picture)) {
            self.end_segment(position, &mut told, sink);
            if self.track.as_ref() != Some(&picture.track()) {
                // Another's pictures are no gap of this one.
                (self.track, self.last) = (Some(picture.track()), None);
            }
            let Some(coding) = picture.coding().filter(|_| picture.is_key) else {
                self.skipped.get_or_insert((position, GapKind::NoKeyFrame));
                return told;
            };
            self.segment = Some(Segment::open(picture, coding, position, segments, sink));
        }
        let Some(segment) = &mut self.segment else { return told };
        told.extend(Self::gap_before(position, picture, self.last, self.skipped.take(), segment));
        let usual = self.last.map_or(USUAL, |(last, usual)| match position - last {
            // What stands between two pictures most often: a gap is none of it.
            between @ 1..STANDS => between,
            _ => usual,
        });
        self.last = Some((position, usual));
        segment.push(position, picture);
        told.extend(segment.tell_written(TELL));
        told
    }

    /// Why there is nothing between the last picture and this one; and tells that pictures were there up to then.
    fn gap_before(
        position: i64,
        picture: &Picture,
        last: Option<(i64, i64)>,
        skipped: Option<(i64, GapKind)>,
        segment: &mut Segment,
    ) -> Vec<Entry> {
        let Some((last, usual)) = last else { return Vec::new() };
        let first = (last + usual).min(position);
        let kind = match skipped {
            Some((_, kind)) => kind,
            None if picture.after_drop => GapKind::Skipped,
            None if position - last <= usual + usual / 2 => return Vec::new(),
            None if picture.after_loss => GapKind::Lost,
            None if position - last >= STANDS => GapKind::NotSent,
            None => return Vec::new(),
        };
        let Some(gap) = segment.gap(kind, first, position) else { return Vec::new() };
        // A new file begins behind the gap.
        let shown = (segment.shown < first).then(|| segment.tell_shown(first));
        segment.shown = position;
        shown.into_iter().chain([gap]).collect()
    }

    /// Gives the disk what is due at `now`.
    pub(crate) fn tick(&mut self, now: i64, sink: &mut dyn Sink) -> Option<Entry> {
        let segment = self.segment.as_mut()?;
        if segment.writer.cluster_began().is_some_and(|since| now - samples(since) >= CLUSTER) {
            segment.end_cluster();
        }
        segment.flush(sink)
    }

    /// Ends what is written at `end`.
    pub(crate) fn finish(&mut self, end: i64, sink: &mut dyn Sink) -> Vec<Entry> {
        let mut told = Vec::new();
        if let Some((last, usual)) = self.last
            && let Some(segment) = &self.segment
        {
            let (_, kind) = self.skipped.unwrap_or((last, GapKind::NotSent));
            let first = last + usual;
            if end - last >= STANDS {
                told.extend(segment.gap(kind, first, end));
            }
        }
        self.end_segment(end, &mut told, sink);
        told
    }

    /// The file is gone: the film goes on in another one, from a key frame on.
    pub(crate) fn begin_again(&mut self) {
        self.segment = None;
        self.skipped.get_or_insert((self.last.map_or(0, |(last, _)| last), GapKind::Disk));
    }

    fn end_segment(&mut self, end: i64, told: &mut Vec<Entry>, sink: &mut dyn Sink) {
        let Some(segment) = self.segment.take() else { return };
        let until = self.last.map_or(end, |(last, usual)| end.min(last + usual));
        let (ended, file) = segment.end(end, until, sink);
        told.splice(0..0, file);
        self.ended.push(ended);
    }

    /// The disk has so many bytes of a file; when that is closed, it gets no more.
    pub(crate) fn is_there(&mut self, file: FileId, bytes: u64, is_closed: bool) -> Vec<Entry> {
        if let Some(segment) = self.segment.as_mut().filter(|segment| segment.file == file) {
            segment.is_there(bytes);
        }
        let is_over = |ended: &mut Ended| is_closed && ended.file == file;
        self.ended.extract_if(.., is_over).flat_map(|ended| ended.tell(bytes)).collect()
    }

    /// The disk will not say any more what is in the files that were closed: what it is not known to have, it does not have.
    pub(crate) fn give_up(&mut self) -> impl Iterator<Item = Entry> + '_ {
        self.ended.drain(..).flat_map(|ended| ended.tell(0))
    }
}

fn sample(position: i64) -> u64 {
    position.max(0).unsigned_abs()
}

/// A position in milliseconds, rounded.
fn millis(position: i64) -> u64 {
    (sample(position) * 1000 + RATE / 2) / RATE
}

fn samples(millis: u64) -> i64 {
    (millis * RATE / 1000) as i64
}

#[cfg(test)]
mod tests;
