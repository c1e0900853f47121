//! What a recording lacks, and where.

use serde::{Deserialize, Serialize};

/// Why samples of a recording are not what was said, or were not heard as they were said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum GapKind {
    /// The packet was lost or late; the decoder guessed. In a track, which has no decoder: whoever listened to the call heard a
    /// guess there.
    Concealed,
    /// The sender sent nothing.
    NotSent,
    /// The frames, or pictures, were there and were not read in time.
    Skipped,
    /// Packets were lost on their way. The track has packets without content there, or silence.
    Lost,
    /// The packet came after its time: the track has it, whoever listened to the call heard a guess.
    Late,
    /// The sender said that it was silent (DTX).
    Silent,
    /// The sender's clock runs at another speed than ours, and was corrected.
    Corrected,
    /// The disk did not take it.
    Disk,
    /// Pictures came that refer to others that were not recorded, up to a key frame.
    NoKeyFrame,
}

/// A span of a recording that is not what was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Why.
    pub kind: GapKind,
    /// Its first sample, from the start of the recording.
    pub first_sample: u64,
    /// How many samples it has.
    pub samples: u64,
}

/// The gaps of one track, joined where they touch.
#[derive(Clone, Debug, Default)]
pub(crate) struct GapMap(Vec<Gap>);

impl GapMap {
    pub(crate) fn add(&mut self, gap: Gap) {
        if gap.samples == 0 {
            return;
        }
        match self.0.last_mut() {
            Some(last) if last.kind == gap.kind && last.first_sample + last.samples == gap.first_sample => {
                last.samples += gap.samples;
            }
            _ => self.0.push(gap),
        }
    }

    pub(crate) fn as_slice(&self) -> &[Gap] {
        &self.0
    }

    /// Takes out what will not grow any more: what ended before `sample`.
    pub(crate) fn take_before(&mut self, sample: u64) -> Vec<Gap> {
        let grows = |gap: &Gap| gap.first_sample + gap.samples >= sample;
        let (kept, over) = self.0.drain(..).partition(grows);
        self.0 = kept;
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_that_touch_are_one() {
        let mut gaps = GapMap::default();
        for (kind, first_sample, samples) in [
            (GapKind::Skipped, 0, 320),
            (GapKind::Skipped, 320, 320),
            (GapKind::Concealed, 640, 320),
            (GapKind::Concealed, 1600, 320),
            (GapKind::NotSent, 1920, 0),
        ] {
            gaps.add(Gap { kind, first_sample, samples });
        }
        let spans: Vec<_> = gaps.as_slice().iter().map(|gap| (gap.first_sample, gap.samples)).collect();
        assert_eq!(spans, [(0, 640), (640, 320), (1600, 320)]);
        assert_eq!(gaps.take_before(1600).len(), 2);
        assert_eq!(gaps.as_slice().len(), 1, "what may still grow stays");
    }
}
