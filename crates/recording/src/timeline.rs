//! Where the samples of a frame go in its file. Pure.

/// The timeline of one track: counts from the first frame that was written.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    /// The stream's position of the recording's first sample.
    origin: Option<u64>,
    /// Samples written so far.
    written: u64,
}

/// What to write for a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placing {
    /// Samples of silence first: they were never given to us.
    pub(crate) missing: u64,
    /// Samples of the frame to leave out at its start: their place is written already.
    pub(crate) overlap: usize,
}

impl Timeline {
    /// Places a frame of `len` samples that stands at `first_sample` of its stream.
    pub(crate) fn place(&self, first_sample: u64, len: usize) -> Placing {
        let expected = self.origin.unwrap_or(first_sample) + self.written;
        let overlap = expected.saturating_sub(first_sample).min(len as u64);
        Placing { missing: first_sample.saturating_sub(expected), overlap: overlap as usize }
    }

    /// Takes note that `samples` were written for a frame at `first_sample`.
    pub(crate) fn advance(&mut self, first_sample: u64, samples: u64) {
        self.origin.get_or_insert(first_sample);
        self.written += samples;
    }

    /// Samples written so far.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_find_their_place() {
        let mut timeline = Timeline::default();
        assert_eq!(
            timeline.place(1000, 320),
            Placing { missing: 0, overlap: 0 },
            "the first sets the origin"
        );
        timeline.advance(1000, 320);
        assert_eq!(timeline.place(1320, 320), Placing { missing: 0, overlap: 0 });
        assert_eq!(timeline.place(1960, 320), Placing { missing: 640, overlap: 0 });
        assert_eq!(timeline.place(1160, 320), Placing { missing: 0, overlap: 160 });
        assert_eq!(timeline.place(0, 320), Placing { missing: 0, overlap: 320 }, "wholly in the past");
    }
}
