//! How a track ends, and what of it the disk has then. Pure.

use super::{File, FileId, Gap, GapKind, LOOKAHEAD, Sink, Track};
use crate::journal::{Entry, Placing};

impl Track {
    /// Ends the track at `end`, which all tracks share. What of it is there, the disk will say.
    pub(crate) fn finish(&mut self, end: i64, sink: &mut dyn Sink) -> Vec<Entry> {
        let mut told = Vec::new();
        self.write_anew(end, sink);
        told.extend(self.young.take().map(|_| self.placed(Placing::Arrivals)));
        self.write_held(end, sink);
        // What is said at the end comes out of a decoder that much later.
        self.fill(end + LOOKAHEAD as i64);
        // What the disk does not take now is told already, up to the end.
        self.ended = Some(self.unexplained.filter(|_| self.was_suspended).map_or(end, |from| from as i64));
        let kind = if self.was_suspended { GapKind::Disk } else { GapKind::NotSent };
        self.explain(kind, 0);
        if let Some(File { ogg, shift, page, given, .. }) = &mut self.file {
            given.wait(*page as i64 - *shift);
            let last = ogg.finish((end + LOOKAHEAD as i64 + *shift).max(0).unsigned_abs());
            self.unwritten.extend(last);
            *page = ogg.granule();
        }
        self.tell_file(&mut told);
        self.give(sink);
        if let Some(id) = self.file_id() {
            sink.close(id);
        }
        self.tell(i64::MAX, &mut told);
        told
    }

    /// The disk has so many bytes of a file.
    pub(crate) fn is_there(&mut self, file: FileId, bytes: u64) {
        if let Some(own) = self.file.as_mut().filter(|own| own.id == file) {
            own.given.is_there(bytes);
        }
    }

    /// The disk says no more: what it is not known to have of what ended, it does not have.
    pub(crate) fn lacks(&self) -> Option<Entry> {
        let (file, end) = (self.file.as_ref()?, self.ended?);
        let first_sample = file.given.first_unsure()?.max(0).unsigned_abs();
        let samples = end.max(0).unsigned_abs().saturating_sub(first_sample);
        (samples > 0).then(|| self.gap(Gap { kind: GapKind::Disk, first_sample, samples }))
    }

    pub(super) fn gap(&self, Gap { kind, first_sample: first, samples }: Gap) -> Entry {
        Entry::Gap { track: self.name.clone(), kind, first, samples, file: None }
    }
}
