//! [io] The recorder that an application gives its frames to. Touches the disk on the caller's thread: an async
//! application on a slow disk runs it on a thread of its own.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use offhook_media::{AudioFormat, AudioFrame, FrameOrigin};

use crate::error::RecordingError;
use crate::format::wav::{self, WavWriter};
use crate::gaps::{Gap, GapKind, GapMap};
use crate::grant::RecordingGrant;
use crate::timeline::Timeline;

/// How often the header is brought up to date: what a kill of the process can cost, at the most.
const VOUCH_EVERY: Duration = Duration::from_millis(500);

/// Records the frames of one audio socket into a WAV file, on their timeline.
///
/// A kill of the process costs at most the last half second; a loss of power, also what the system had not yet written.
/// Dropping the recorder finishes the file; [`finish`](Self::finish) also says how it went.
pub struct WavRecorder {
    path: PathBuf,
    format: AudioFormat,
    wav: WavWriter<File>,
    timeline: Timeline,
    gaps: GapMap,
    finished: bool,
}

/// What a recording holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordingReport {
    /// The file.
    pub path: PathBuf,
    /// How long it is: from the first sample of the first frame to the last of the last.
    pub duration: Duration,
    /// The same in samples.
    pub samples: u64,
    /// What in it is not what was said, in order.
    pub gaps: Vec<Gap>,
}

impl RecordingReport {
    /// Samples of gaps of one kind.
    pub fn samples_of(&self, kind: GapKind) -> u64 {
        self.gaps.iter().filter(|gap| gap.kind == kind).map(|gap| gap.samples).sum()
    }
}

impl WavRecorder {
    /// Makes the file at `path`, and the directories above it. A file that is there is replaced. `_grant` is what allows it.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn create(
        path: impl AsRef<Path>,
        format: AudioFormat,
        _grant: &RecordingGrant,
    ) -> Result<Self, RecordingError> {
        let path = path.as_ref().to_owned();
        let open = || {
            if let Some(directory) = path.parent() {
                fs::create_dir_all(directory)?;
            }
            WavWriter::new(File::create(&path)?, format.sample_rate().get())
        };
        match open() {
            Ok(wav) => {
                let (timeline, gaps) = (Timeline::default(), GapMap::default());
                Ok(Self { path, format, wav, timeline, gaps, finished: false })
            }
            Err(source) => {
                Err(RecordingError::Disk { task: "cannot create", path, safe: Duration::ZERO, source })
            }
        }
    }

    /// Writes a frame at its place. What lies between it and the one before is written as silence; what is written
    /// already is not written again.
    ///
    /// # Errors
    /// When the frame has another format, the file is full, or the disk refuses. What was written before stays.
    pub fn write(&mut self, frame: &AudioFrame) -> Result<(), RecordingError> {
        if frame.format() != self.format {
            return Err(RecordingError::WrongFormat { recording: self.format, frame: frame.format() });
        }
        let placing = self.timeline.place(frame.first_sample(), frame.samples().len());
        let samples = &frame.samples()[placing.overlap..];
        let total = placing.missing.saturating_add(samples.len() as u64);
        if self.timeline.written().saturating_add(total) > wav::MAX_SAMPLES {
            return Err(RecordingError::Full { path: self.path.clone() });
        }
        self.append(placing.missing, samples).map_err(|source| self.disk("cannot write", source))?;
        let missing =
            Gap { kind: GapKind::Skipped, first_sample: self.timeline.written(), samples: placing.missing };
        self.gaps.add(missing);
        self.gaps.extend_with(frame.origin(), missing.first_sample + missing.samples, samples.len() as u64);
        self.timeline.advance(frame.first_sample(), total);
        self.vouch_when_due()
    }

    fn append(&mut self, missing: u64, samples: &[i16]) -> io::Result<()> {
        const SILENCE: [i16; 4096] = [0; 4096];
        let mut left = missing;
        while left > 0 {
            let now = left.min(SILENCE.len() as u64);
            self.wav.write(&SILENCE[..now as usize])?;
            left -= now;
        }
        self.wav.write(samples)
    }

    fn vouch_when_due(&mut self) -> Result<(), RecordingError> {
        let unvouched = self.timeline.written() - self.wav.vouched();
        if self.format.sample_rate().duration_of(unvouched) < VOUCH_EVERY {
            return Ok(());
        }
        self.wav.vouch().map_err(|source| self.disk("cannot write", source))
    }

    /// How much has been recorded.
    pub fn duration(&self) -> Duration {
        self.format.sample_rate().duration_of(self.timeline.written())
    }

    /// Completes the file, hands it to the disk, and says what it holds.
    ///
    /// # Errors
    /// When the disk refuses; what the header vouches for stays readable.
    pub fn finish(mut self) -> Result<RecordingReport, RecordingError> {
        self.finished = true;
        let complete = self.wav.vouch().and_then(|()| self.wav.file().sync_all());
        complete.map_err(|source| self.disk("cannot complete", source))?;
        Ok(RecordingReport {
            path: self.path.clone(),
            duration: self.duration(),
            samples: self.timeline.written(),
            gaps: self.gaps.as_slice().to_vec(),
        })
    }

    fn disk(&self, task: &'static str, source: io::Error) -> RecordingError {
        let safe = self.format.sample_rate().duration_of(self.wav.vouched());
        RecordingError::Disk { task, path: self.path.clone(), safe, source }
    }
}

impl GapMap {
    /// Notes that the samples of a frame are not what was said, where its origin says so.
    fn extend_with(&mut self, origin: FrameOrigin, first_sample: u64, samples: u64) {
        let kind = match origin {
            FrameOrigin::Concealed => GapKind::Concealed,
            FrameOrigin::Silence => GapKind::NotSent,
            _ => return,
        };
        self.add(Gap { kind, first_sample, samples });
    }
}

impl Drop for WavRecorder {
    fn drop(&mut self) {
        if !self.finished {
            // Who wants to hear of a failure calls `finish`; what was vouched for is safe either way.
            let _ = self.wav.vouch();
        }
    }
}
